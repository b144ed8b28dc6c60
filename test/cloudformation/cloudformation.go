// Package cloudformation reads a template as CloudFormation sees it once every
// parameter has a value: conditions decided, functions evaluated, resources
// without a place left out. It knows the functions that it names and refuses
// every other, so that what it returns is never half a guess.
package cloudformation

import (
	"errors"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// A Template is a template before its parameters have values.
type Template struct{ root *yaml.Node }

// A Stack is what a template comes to with values for its parameters. Values
// are maps, slices and strings: CloudFormation tells 1 from "1" no more than
// this does. A reference to a resource is its name in angle brackets.
type Stack struct {
	Parameters map[string]string // with the pseudo parameters, such as AWS::StackName
	Resources  []Resource        // whose conditions hold, in the template's order
	Outputs    map[string]string // whose conditions hold: their values
}

// A Resource is one of a stack.
type Resource struct {
	Name, Type string
	Properties map[string]any
}

// Parse reads a template in YAML, with short tags or long functions.
func Parse(text []byte) (*Template, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("reading the template: %w", err)
	}
	if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("the template is not a mapping")
	}
	return &Template{document.Content[0]}, nil
}

// Allowed returns the allowed values of a parameter.
func (t *Template) Allowed(parameter string) []string {
	var values []string
	for _, n := range child(child(child(t.root, "Parameters"), parameter), "AllowedValues").Content {
		values = append(values, n.Value)
	}
	return values
}

// Stack gives the parameters values. What is not given has the template's
// default; the stack is called "roll" unless AWS::StackName is given. It
// errors at what CloudFormation would refuse, and at what it does not know.
func (t *Template) Stack(given map[string]string) (*Stack, error) {
	e, err := t.evaluator(given)
	if err != nil {
		return nil, err
	}
	return e.stack()
}

// Broken checks values for parameters as CloudFormation does before it makes
// anything, by each parameter's bounds and by the Rules, and returns what it
// would say, one message for each that is broken.
func (t *Template) Broken(given map[string]string) ([]string, error) {
	e, err := t.evaluator(given)
	if err != nil {
		return nil, err
	}
	broken, err := e.brokenParameters()
	if err != nil {
		return nil, err
	}
	rules, err := e.brokenRules()
	return append(broken, rules...), err
}

func (t *Template) evaluator(given map[string]string) (*evaluator, error) {
	e := &evaluator{root: t.root, values: pseudoParameters(), deciding: map[string]bool{}}
	for name, parameter := range members(child(t.root, "Parameters")) {
		e.values[name] = child(parameter, "Default").Value
	}
	for name, value := range given {
		if _, known := e.values[name]; !known {
			return nil, fmt.Errorf("the template has no parameter %s", name)
		}
		e.values[name] = value
	}
	return e, nil
}

// pseudoParameters have the values of a stack in an account of the examples.
func pseudoParameters() map[string]string {
	return map[string]string{
		"AWS::StackName": "roll", "AWS::Region": "eu-west-1", "AWS::AccountId": "123456789012",
		"AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com",
		"AWS::StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/roll/1",
	}
}

// Resource returns the properties of a resource; nil if the stack has none of
// that name.
func (s *Stack) Resource(name string) map[string]any {
	if i := slices.IndexFunc(s.Resources, func(r Resource) bool { return r.Name == name }); i >= 0 {
		return s.Resources[i].Properties
	}
	return nil
}

// OfType returns the names of the resources of a type, in the template's order.
func (s *Stack) OfType(kind string) []string {
	var names []string
	for _, r := range s.Resources {
		if r.Type == kind {
			names = append(names, r.Name)
		}
	}
	return names
}

// members calls yield for each key of a mapping with its value.
func members(n *yaml.Node) func(yield func(string, *yaml.Node) bool) {
	return func(yield func(string, *yaml.Node) bool) {
		if n.Kind != yaml.MappingNode {
			return
		}
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
