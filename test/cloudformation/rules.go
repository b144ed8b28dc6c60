package cloudformation

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// brokenParameters holds the value of each parameter to its bounds.
func (e *evaluator) brokenParameters() ([]string, error) {
	var broken []string
	for name, n := range members(child(e.root, "Parameters")) {
		fault, err := brokenBound(n, e.values[name])
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %w", name, err)
		}
		if fault == "" {
			continue
		}
		if constraint := child(n, "ConstraintDescription").Value; constraint != "" {
			fault = "must be " + constraint
		}
		broken = append(broken, fmt.Sprintf("%s %s", name, fault))
	}
	return broken, nil
}

// lookbehind is the one thing that CloudFormation's patterns know, being
// Java's, and Go's do not: what a text must not end with, as "(?<![PT])$".
var lookbehind = regexp.MustCompile(`\(\?<!\[(\w+)\]\)\$$`)

// lookahead is the other: how a part must not begin, as "^$|^(?!AWS/)…".
var lookahead = regexp.MustCompile(`\(\?!([\w/]+)\)`)

// brokenBound says which bound of a parameter a value breaks; "" is none.
func brokenBound(n *yaml.Node, value string) (string, error) {
	if pattern := child(n, "AllowedPattern").Value; pattern != "" {
		matches, err := matchesPattern(pattern, value)
		if err != nil {
			return "", err
		}
		if !matches {
			return "does not match " + pattern, nil
		}
	}
	if allowed := child(n, "AllowedValues").Content; len(allowed) > 0 &&
		!slices.ContainsFunc(allowed, func(a *yaml.Node) bool { return a.Value == value }) {
		return "is none of the allowed values", nil
	}
	if longest, err := strconv.Atoi(child(n, "MaxLength").Value); err == nil && len(value) > longest {
		return fmt.Sprintf("has more than %d characters", longest), nil
	}
	if child(n, "Type").Value == "Number" {
		return brokenNumber(n, value), nil
	}
	return "", nil
}

// matchesPattern reports whether a whole value matches.
func matchesPattern(pattern, value string) (bool, error) {
	if not := lookbehind.FindStringSubmatch(pattern); not != nil {
		if value != "" && strings.Contains(not[1], value[len(value)-1:]) {
			return false, nil
		}
		pattern = strings.TrimSuffix(pattern, not[0]) + "$"
	}
	if not := lookahead.FindStringSubmatch(pattern); not != nil {
		if strings.HasPrefix(value, not[1]) {
			return false, nil
		}
		pattern = strings.ReplaceAll(pattern, not[0], "")
	}
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	return err == nil && re.MatchString(value), err
}

func brokenNumber(n *yaml.Node, value string) string {
	number, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return "is not a number"
	}
	if least, err := strconv.ParseFloat(child(n, "MinValue").Value, 64); err == nil && number < least {
		return fmt.Sprintf("is below %v", least)
	}
	if most, err := strconv.ParseFloat(child(n, "MaxValue").Value, 64); err == nil && number > most {
		return fmt.Sprintf("is above %v", most)
	}
	return ""
}

// brokenRules returns the descriptions of the assertions that do not hold.
func (e *evaluator) brokenRules() ([]string, error) {
	var broken []string
	for name, rule := range members(child(e.root, "Rules")) {
		if condition := child(rule, "RuleCondition"); condition.Kind != 0 {
			applies, err := e.decide(condition)
			if err != nil {
				return nil, fmt.Errorf("rule %s: %w", name, err)
			}
			if !applies {
				continue
			}
		}
		for _, assertion := range child(rule, "Assertions").Content {
			holds, err := e.decide(child(assertion, "Assert"))
			if err != nil {
				return nil, fmt.Errorf("rule %s: %w", name, err)
			}
			if !holds {
				broken = append(broken, child(assertion, "AssertDescription").Value)
			}
		}
	}
	return broken, nil
}

// contains decides whether a list has a value.
func (e *evaluator) contains(n *yaml.Node) (bool, error) {
	values, err := e.list(n)
	if err != nil {
		return false, err
	}
	if len(values) != 2 {
		return false, fmt.Errorf("line %d: Contains takes a list and a value", n.Line)
	}
	list, ok := values[0].([]any)
	if !ok {
		return false, fmt.Errorf("line %d: Contains takes a list and a value", n.Line)
	}
	return slices.ContainsFunc(list, func(v any) bool { return asText(v) == asText(values[1]) }), nil
}
