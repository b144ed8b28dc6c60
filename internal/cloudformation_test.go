package internal_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A template is template.yaml as CloudFormation sees it once every parameter
// has a value. It knows the functions that the template uses, and no others.
type template struct {
	root       *yaml.Node
	parameters map[string]string // the values of parameters and pseudo parameters
}

// readTemplate reads template.yaml. Parameters that are not given have their
// defaults; the stack is called "roll".
func readTemplate(t *testing.T, given map[string]string) *template {
	t.Helper()
	text, err := os.ReadFile("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	tp := &template{root: document.Content[0], parameters: map[string]string{"AWS::StackName": "roll"}}
	for name, parameter := range members(child(tp.root, "Parameters")) {
		tp.parameters[name] = child(parameter, "Default").Value
	}
	maps.Copy(tp.parameters, given)
	return tp
}

// resource returns the properties of a resource, with every function
// evaluated: maps, slices and strings.
func (tp *template) resource(name string) map[string]any {
	properties := child(child(child(tp.root, "Resources"), name), "Properties")
	return tp.eval(properties).(map[string]any)
}

// resources returns the names of the resources of a type.
func (tp *template) resources(kind string) []string {
	var names []string
	for name, resource := range members(child(tp.root, "Resources")) {
		if child(resource, "Type").Value == kind {
			names = append(names, name)
		}
	}
	return names
}

// allowed returns the allowed values of a parameter.
func (tp *template) allowed(parameter string) []string {
	var values []string
	for _, n := range child(child(child(tp.root, "Parameters"), parameter), "AllowedValues").Content {
		values = append(values, n.Value)
	}
	return values
}

func (tp *template) eval(n *yaml.Node) any {
	switch n.Tag {
	case "!Ref":
		return tp.ref(n.Value)
	case "!GetAtt":
		return "<" + n.Value + ">"
	case "!Sub":
		return tp.sub(n.Value)
	case "!If":
		return tp.choose(n)
	case "!FindInMap":
		return tp.find(n)
	}
	switch n.Kind {
	case yaml.MappingNode:
		all := map[string]any{}
		for name, value := range members(n) {
			all[name] = tp.eval(value)
		}
		return all
	case yaml.SequenceNode:
		return tp.evalAll(n)
	}
	return n.Value
}

func (tp *template) evalAll(n *yaml.Node) []any {
	all := make([]any, len(n.Content))
	for i, value := range n.Content {
		all[i] = tp.eval(value)
	}
	return all
}

// ref is a parameter's value, or a resource's name in angle brackets.
func (tp *template) ref(name string) string {
	if value, ok := tp.parameters[name]; ok {
		return value
	}
	return "<" + name + ">"
}

var reference = regexp.MustCompile(`\$\{[A-Za-z0-9:.]+\}`)

func (tp *template) sub(text string) string {
	return reference.ReplaceAllStringFunc(text, func(s string) string { return tp.ref(s[2 : len(s)-1]) })
}

// choose evaluates !If with a condition of the one form that the template
// has: a parameter is not empty.
func (tp *template) choose(n *yaml.Node) any {
	name := n.Content[0].Value
	condition := child(child(tp.root, "Conditions"), name)
	if condition.Tag != "!Not" || condition.Content[0].Tag != "!Equals" {
		panic(fmt.Sprintf("the condition %s has a form that this test does not know", name))
	}
	equal := tp.evalAll(condition.Content[0])
	if equal[0] != equal[1] {
		return tp.eval(n.Content[1])
	}
	return tp.eval(n.Content[2])
}

func (tp *template) find(n *yaml.Node) any {
	at := child(tp.root, "Mappings")
	for _, key := range tp.evalAll(n) {
		at = child(at, key.(string))
	}
	return tp.eval(at)
}

// members calls yield for each key of a mapping with its value.
func members(n *yaml.Node) func(yield func(string, *yaml.Node) bool) {
	return func(yield func(string, *yaml.Node) bool) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i].Value, n.Content[i+1]) {
				return
			}
		}
	}
}

// child returns a key's value, or an empty node where there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	for name, value := range members(n) {
		if name == key {
			return value
		}
	}
	return &yaml.Node{}
}

// at walks through evaluated maps along a path such as "RetryPolicy.Input".
func at(value any, path string) any {
	for key := range strings.SplitSeq(path, ".") {
		next, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = next[key]
	}
	return value
}

func TestEval(t *testing.T) {
	const text = `
Parameters: {Name: {Default: ""}}
Conditions: {Named: !Not [!Equals [!Ref Name, ""]]}
Mappings: {Sizes: {small: {Bytes: 10}}}
Resources:
  Thing:
    Type: A::B::C
    Properties:
      Name: !If [Named, !Ref Name, !Sub "${AWS::StackName}/${Thing.Arn}"]
      List: [!Ref Other, !GetAtt Other.Arn, !FindInMap [Sizes, !Ref Size, Bytes]]
`
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, want string }{
		{"", "map[List:[<Other> <Other.Arn> 10] Name:roll/<Thing.Arn>]"},
		{"given", "map[List:[<Other> <Other.Arn> 10] Name:given]"},
	}
	for _, tt := range tests {
		tp := &template{document.Content[0], map[string]string{"Name": tt.name, "Size": "small", "AWS::StackName": "roll"}}
		if got := fmt.Sprint(tp.resource("Thing")); got != tt.want {
			t.Errorf("with the name %q: %s, want %s", tt.name, got, tt.want)
		}
	}
}
