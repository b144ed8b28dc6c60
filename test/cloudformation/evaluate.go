package cloudformation

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// An evaluator holds what functions refer to.
type evaluator struct {
	root     *yaml.Node
	values   map[string]string // of parameters and pseudo parameters
	deciding map[string]bool   // conditions that are being decided
}

// nothing is what a reference to AWS::NoValue gives: the property goes.
type nothing struct{}

func (e *evaluator) stack() (*Stack, error) {
	s := &Stack{Parameters: e.values, Outputs: map[string]string{}}
	for name, n := range members(child(e.root, "Resources")) {
		there, err := e.there(name)
		if err != nil {
			return nil, err
		}
		if !there {
			continue
		}
		properties, err := e.eval(child(n, "Properties"))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		filled, _ := properties.(map[string]any)
		s.Resources = append(s.Resources, Resource{name, child(n, "Type").Value, filled})
	}
	return s, e.outputs(s)
}

func (e *evaluator) outputs(s *Stack) error {
	for name, n := range members(child(e.root, "Outputs")) {
		if condition := child(n, "Condition").Value; condition != "" {
			if holds, err := e.named(condition); err != nil || !holds {
				if err != nil {
					return fmt.Errorf("output %s: %w", name, err)
				}
				continue
			}
		}
		value, err := e.text(child(n, "Value"))
		if err != nil {
			return fmt.Errorf("output %s: %w", name, err)
		}
		s.Outputs[name] = value
	}
	return nil
}

// there reports whether a resource of the template is one of the stack.
func (e *evaluator) there(resource string) (bool, error) {
	condition := child(child(child(e.root, "Resources"), resource), "Condition").Value
	if condition == "" {
		return true, nil
	}
	holds, err := e.named(condition)
	if err != nil {
		return false, fmt.Errorf("%s: %w", resource, err)
	}
	return holds, nil
}

// eval returns a node's value: a string, a []any, a map[string]any, or
// nothing.
func (e *evaluator) eval(n *yaml.Node) (any, error) {
	if name, argument := function(n); name != "" {
		return e.call(name, argument)
	}
	switch n.Kind {
	case yaml.MappingNode:
		return e.mapping(n)
	case yaml.SequenceNode:
		return e.list(n)
	case yaml.AliasNode:
		return e.eval(n.Alias)
	}
	return n.Value, nil
}

func (e *evaluator) mapping(n *yaml.Node) (any, error) {
	all := map[string]any{}
	for name, inner := range members(n) {
		value, err := e.eval(inner)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if value != (nothing{}) {
			all[name] = value
		}
	}
	return all, nil
}

func (e *evaluator) list(n *yaml.Node) ([]any, error) {
	all := []any{}
	for _, inner := range n.Content {
		value, err := e.eval(inner)
		if err != nil {
			return nil, err
		}
		if value != (nothing{}) {
			all = append(all, value)
		}
	}
	return all, nil
}

// function returns the name of the function that a node calls, without "!" or
// "Fn::", and its argument; "" if it calls none.
func function(n *yaml.Node) (name string, argument *yaml.Node) {
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		return n.Tag[1:], n
	}
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		return "", nil
	}
	key := n.Content[0].Value
	if long, ok := strings.CutPrefix(key, "Fn::"); ok {
		return long, n.Content[1]
	}
	if key == "Ref" {
		return key, n.Content[1]
	}
	return "", nil
}

func (e *evaluator) call(name string, n *yaml.Node) (any, error) {
	switch name {
	case "Ref":
		return e.ref(n.Value)
	case "GetAtt":
		return e.attribute(n)
	case "Sub":
		return e.sub(n)
	case "If":
		return e.choose(n)
	case "FindInMap":
		return e.find(n)
	case "Join":
		return e.join(n)
	case "Select":
		return e.pick(n)
	case "Split":
		return e.split(n)
	}
	return nil, fmt.Errorf("line %d: the function %s is not known here", n.Line, name)
}

// ref is a parameter's value, or a resource's name in angle brackets.
func (e *evaluator) ref(name string) (any, error) {
	if name == "AWS::NoValue" {
		return nothing{}, nil
	}
	if value, ok := e.values[name]; ok {
		return value, nil
	}
	return e.resource(name, "")
}

// resource stands for a resource, or for an attribute of it.
func (e *evaluator) resource(name, attribute string) (any, error) {
	if child(child(e.root, "Resources"), name).Kind == 0 {
		return nil, fmt.Errorf("there is no parameter and no resource %s", name)
	}
	there, err := e.there(name)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fmt.Errorf("it refers to %s, whose condition does not hold", name)
	}
	if attribute != "" {
		attribute = "." + attribute
	}
	return "<" + name + attribute + ">", nil
}

func (e *evaluator) attribute(n *yaml.Node) (any, error) {
	name, attribute, _ := strings.Cut(n.Value, ".")
	if len(n.Content) == 2 {
		name, attribute = n.Content[0].Value, n.Content[1].Value
	}
	return e.resource(name, attribute)
}

var reference = regexp.MustCompile(`\$\{(!?)([^}]+)\}`)

// sub fills in ${…}; ${!…} stands for itself without the mark.
func (e *evaluator) sub(n *yaml.Node) (any, error) {
	text, own := n.Value, map[string]string{}
	if n.Kind == yaml.SequenceNode && len(n.Content) == 2 {
		text = n.Content[0].Value
		for name, inner := range members(n.Content[1]) {
			value, err := e.text(inner)
			if err != nil {
				return nil, err
			}
			own[name] = value
		}
	}
	var failure error
	filled := reference.ReplaceAllStringFunc(text, func(whole string) string {
		parts := reference.FindStringSubmatch(whole)
		if parts[1] == "!" {
			return "${" + parts[2] + "}"
		}
		value, err := e.substitute(parts[2], own)
		if err != nil {
			failure = err
		}
		return value
	})
	return filled, failure
}

func (e *evaluator) substitute(name string, own map[string]string) (string, error) {
	if value, ok := own[name]; ok {
		return value, nil
	}
	if resource, attribute, dotted := strings.Cut(name, "."); dotted {
		value, err := e.resource(resource, attribute)
		return asText(value), err
	}
	value, err := e.ref(name)
	return asText(value), err
}

func (e *evaluator) choose(n *yaml.Node) (any, error) {
	if len(n.Content) != 3 {
		return nil, fmt.Errorf("line %d: If takes a condition and two values", n.Line)
	}
	holds, err := e.named(n.Content[0].Value)
	if err != nil {
		return nil, err
	}
	if holds {
		return e.eval(n.Content[1])
	}
	return e.eval(n.Content[2])
}

func (e *evaluator) find(n *yaml.Node) (any, error) {
	keys, err := e.list(n)
	if err != nil {
		return nil, err
	}
	at := child(e.root, "Mappings")
	for _, key := range keys {
		at = child(at, asText(key))
	}
	if len(keys) != 3 || at.Kind == 0 {
		return nil, fmt.Errorf("line %d: no mapping has %v", n.Line, keys)
	}
	return e.eval(at)
}

func (e *evaluator) join(n *yaml.Node) (any, error) {
	separator, list, err := e.pair(n)
	if err != nil {
		return nil, err
	}
	items, ok := list.([]any)
	if !ok {
		return nil, fmt.Errorf("line %d: Join takes a separator and a list", n.Line)
	}
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = asText(item)
	}
	return strings.Join(parts, separator), nil
}

func (e *evaluator) split(n *yaml.Node) (any, error) {
	separator, text, err := e.pair(n)
	if err != nil {
		return nil, err
	}
	parts := []any{}
	for part := range strings.SplitSeq(asText(text), separator) {
		parts = append(parts, part)
	}
	return parts, nil
}

func (e *evaluator) pick(n *yaml.Node) (any, error) {
	index, list, err := e.pair(n)
	if err != nil {
		return nil, err
	}
	items, _ := list.([]any)
	i, err := strconv.Atoi(index)
	if err != nil || i < 0 || i >= len(items) {
		return nil, fmt.Errorf("line %d: the list %v has no element %s", n.Line, items, index)
	}
	return items[i], nil
}

// pair evaluates the two arguments of a function, the first of them a text.
func (e *evaluator) pair(n *yaml.Node) (string, any, error) {
	if len(n.Content) != 2 {
		return "", nil, fmt.Errorf("line %d: the function takes two arguments", n.Line)
	}
	first, err := e.text(n.Content[0])
	if err != nil {
		return "", nil, err
	}
	second, err := e.eval(n.Content[1])
	return first, second, err
}

func (e *evaluator) text(n *yaml.Node) (string, error) {
	value, err := e.eval(n)
	return asText(value), err
}

// asText returns a value that is a text; "" for every other.
func asText(value any) string {
	text, _ := value.(string)
	return text
}
