package config

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of docs/configuration.md")

// TestDocumentationHasTheVariables compares the tables of docs/configuration.md
// with Variables. After a change: go test ./internal/config -update.
func TestDocumentationHasTheVariables(t *testing.T) {
	const name = "../../docs/configuration.md"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	own := "| Variable | Parameter | Type | Default | Meaning |\n|---|---|---|---|---|\n"
	lambda := "| Variable | Type | Default | Meaning |\n|---|---|---|---|\n"
	for _, v := range Variables() {
		initial := v.Otherwise
		if v.Default != "" {
			initial = strings.TrimSuffix("`"+v.Default+"`; "+v.Otherwise, "; ")
		}
		rest := fmt.Sprintf("%s | %s | %s |\n", v.Type, initial, v.Meaning)
		switch {
		case !strings.HasPrefix(v.Name, "ROLLCALL_"):
			lambda += fmt.Sprintf("| `%s` | %s", v.Name, rest)
		case v.Parameter == "":
			own += fmt.Sprintf("| `%s` | – | %s", v.Name, rest)
		default:
			own += fmt.Sprintf("| `%s` | `%s` | %s", v.Name, v.Parameter, rest)
		}
	}
	want := replaced(t, replaced(t, string(text), "variables", own), "lambda", lambda)
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("docs/configuration.md is not current: go test ./internal/config -update")
	}
	if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// replaced returns a document with another table between two markers.
func replaced(t *testing.T, document, marker, table string) string {
	t.Helper()
	begin, end := "<!-- begin "+marker+" -->\n", "<!-- end "+marker+" -->"
	before, rest, opened := strings.Cut(document, begin)
	_, after, closed := strings.Cut(rest, end)
	if !opened || !closed {
		t.Fatalf("there are no markers for %s", marker)
	}
	return before + begin + table + end + after
}
