package docs_test

import (
	"regexp"
	"strings"
	"testing"

	"rollcall/test/tree"
)

// mostRequirements is how many modules the product may require directly: each
// one is code that somebody has to trust and to update. Four of them are the AWS
// SDK's clients, one for each service: S3 for pages, lists and what is remembered,
// SNS for messages, Secrets Manager for values of references. One reads YAML,
// which nobody should write a parser of. Shoutrrr sends to twenty-five chat and paging
// services, and SQS is the queue before it; only the notify function has these two.
const mostRequirements = 21

// Go builds the tests with the higher one of two versions, which is then not
// the one that ships.
func TestModulesHaveTheSameVersions(t *testing.T) {
	for _, problem := range moduleProblems(tree.Document(t, "go.mod"), tree.Document(t, "test/go.mod")) {
		t.Error(problem)
	}
}

func TestOtherVersionsAreFound(t *testing.T) {
	const product = "module p\n\ngo 1.26.0\n\nrequire (\n\texample.com/a v1.2.0\n\texample.com/b/v2 v2.0.1\n)\n\nrequire example.com/c v0.0.0-2026 // indirect\n"
	same := strings.Replace(product, "module p", "module p/test", 1) + "\nrequire example.com/d v1.0.0\n"
	for instead, want := range map[string]string{
		"":                     "",
		"example.com/a v1.3.0": "example.com/a is v1.2.0 in go.mod, v1.3.0 in test/go.mod",
		"go 1.27.0":            "go is 1.26.0 in go.mod, 1.27.0 in test/go.mod",
		"example.com/c v0.1.0": "example.com/c is v0.0.0-2026 in go.mod, v0.1.0 in test/go.mod",
	} {
		name, _, _ := strings.Cut(instead, " ")
		tests := same
		if instead != "" {
			tests = regexp.MustCompile(name+` \S+`).ReplaceAllString(same, instead)
		}
		if got := strings.Join(moduleProblems(product, tests), "\n"); got != want {
			t.Errorf("with %q: %q, want %q", instead, got, want)
		}
	}
}

func TestTheProductRequiresLittle(t *testing.T) {
	direct := 0
	for line := range strings.Lines(tree.Document(t, "go.mod")) {
		if requirement.MatchString(line) && !strings.HasPrefix(line, "go ") && !strings.Contains(line, "// indirect") {
			direct++
		}
	}
	if direct == 0 || direct > mostRequirements {
		t.Errorf("go.mod requires %d modules directly, want at most %d", direct, mostRequirements)
	}
}

// requirement finds a module's version in a go.mod, and Go's.
var requirement = regexp.MustCompile(`(?m)^(?:require |\t)?(go|[\w.-]+\.\w+/\S+) (v?\d\S*)`)

// moduleProblems returns a line for each module that the go.mod of the tests
// has in another version than the product's.
func moduleProblems(product, tests string) []string {
	versions := map[string]string{}
	for _, match := range requirement.FindAllStringSubmatch(product, -1) {
		versions[match[1]] = match[2]
	}
	var problems []string
	for _, match := range requirement.FindAllStringSubmatch(tests, -1) {
		if ours, shared := versions[match[1]]; shared && ours != match[2] {
			problems = append(problems, match[1]+" is "+ours+" in go.mod, "+match[2]+" in test/go.mod")
		}
	}
	return problems
}
