package cloudformation

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// named decides a condition of the template's section.
func (e *evaluator) named(name string) (bool, error) {
	n := child(child(e.root, "Conditions"), name)
	switch {
	case n.Kind == 0:
		return false, fmt.Errorf("there is no condition %s", name)
	case e.deciding[name]:
		return false, fmt.Errorf("the condition %s needs itself", name)
	}
	e.deciding[name] = true
	defer delete(e.deciding, name)
	return e.decide(n)
}

// decide evaluates one of the functions that are conditions.
func (e *evaluator) decide(n *yaml.Node) (bool, error) {
	name, argument := function(n)
	if name == "" && n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Value == "Condition" {
		name, argument = "Condition", n.Content[1]
	}
	switch name {
	case "Condition":
		return e.named(argument.Value)
	case "Equals":
		return e.equal(argument)
	case "Contains": // of the Rules only
		return e.contains(argument)
	case "Not":
		all, err := e.decideAll(argument, 1, 1)
		return err == nil && !all[0], err
	case "And":
		return e.count(argument, func(holding, all int) bool { return holding == all })
	case "Or":
		return e.count(argument, func(holding, _ int) bool { return holding > 0 })
	}
	return false, fmt.Errorf("line %d: the condition %s is not known here", n.Line, name)
}

func (e *evaluator) equal(n *yaml.Node) (bool, error) {
	values, err := e.list(n)
	if err != nil {
		return false, err
	}
	if len(values) != 2 {
		return false, fmt.Errorf("line %d: Equals takes two values", n.Line)
	}
	return asText(values[0]) == asText(values[1]), nil
}

// count decides a list of 2 to 10 conditions (CloudFormation's bounds) by how
// many of them hold.
func (e *evaluator) count(n *yaml.Node, holds func(holding, all int) bool) (bool, error) {
	all, err := e.decideAll(n, 2, 10)
	holding := 0
	for _, one := range all {
		if one {
			holding++
		}
	}
	return err == nil && holds(holding, len(all)), err
}

func (e *evaluator) decideAll(n *yaml.Node, fewest, most int) ([]bool, error) {
	if len(n.Content) < fewest || len(n.Content) > most {
		return nil, fmt.Errorf("line %d: %d conditions, where %d to %d are taken", n.Line, len(n.Content), fewest, most)
	}
	all := make([]bool, len(n.Content))
	for i, one := range n.Content {
		var err error
		if all[i], err = e.decide(one); err != nil {
			return nil, err
		}
	}
	return all, nil
}
