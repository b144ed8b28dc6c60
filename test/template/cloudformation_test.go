package template_test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"rollcall/test/tree"

	"rollcall/test/cloudformation"
)

// A template is template.yaml as CloudFormation sees it once every parameter
// has a value.
type template struct {
	*cloudformation.Stack
	text       *cloudformation.Template
	parameters map[string]string // the values of parameters and pseudo parameters
}

// readTemplate reads template.yaml. Parameters that are not given have their
// defaults; the stack is called "roll".
func readTemplate(t *testing.T, given map[string]string) *template {
	t.Helper()
	parsed, err := parseTemplate()
	if err != nil {
		t.Fatal(err)
	}
	stack, err := parsed.Stack(given)
	if err != nil {
		t.Fatal(err)
	}
	return &template{stack, parsed, stack.Parameters}
}

// parseTemplate parses template.yaml once for all tests; nothing changes it.
var parseTemplate = sync.OnceValues(func() (*cloudformation.Template, error) {
	text, err := os.ReadFile(tree.Root + "/template.yaml")
	if err != nil {
		return nil, err
	}
	return cloudformation.Parse(text)
})

// resource returns the properties of a resource.
func (tp *template) resource(name string) map[string]any { return tp.Resource(name) }

// resources returns the names of the resources of a type whose conditions hold.
func (tp *template) resources(kind string) []string { return tp.OfType(kind) }

// allowed returns the allowed values of a parameter.
func (tp *template) allowed(parameter string) []string { return tp.text.Allowed(parameter) }

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

// brokenRules returns what the template's Rules say of values of parameters.
func brokenRules(t *testing.T, given map[string]string) []string {
	t.Helper()
	broken, err := readTemplate(t, nil).text.Broken(given)
	if err != nil {
		t.Fatal(err)
	}
	return broken
}
