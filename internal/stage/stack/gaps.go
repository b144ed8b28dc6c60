package main

import (
	"bytes"
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"
)

// withoutSplits replaces the conditions of a built template that MiniStack
// 1.5.33 fails at: it knows no Fn::Split there. They are those of SlowGroups,
// and false where that parameter is empty, as here. It returns their names;
// nothing else of the template is changed.
func withoutSplits(file string) (names []string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var template yaml.Node
	if err := yaml.Unmarshal(text, &template); err != nil || len(template.Content) != 1 {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	for i, name := range template.Content[0].Content {
		if name.Value == "Conditions" {
			names, err = withoutSplit(template.Content[0].Content[i+1])
		}
	}
	if err != nil {
		return nil, err
	}
	changed, err := yaml.Marshal(&template)
	if err != nil {
		return nil, err
	}
	return names, os.WriteFile(file, changed, 0o644)
}

func withoutSplit(conditions *yaml.Node) (names []string, err error) {
	const no = `{"Fn::Equals": ["MiniStack", "knows Fn::Split"]}`
	for i := 0; i+1 < len(conditions.Content); i += 2 {
		text, err := yaml.Marshal(conditions.Content[i+1])
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(text, []byte("Fn::Split")) {
			continue
		}
		var never yaml.Node
		if err := yaml.Unmarshal([]byte(no), &never); err != nil {
			return nil, err
		}
		conditions.Content[i+1] = never.Content[0]
		names = append(names, conditions.Content[i].Value)
	}
	return names, nil
}
