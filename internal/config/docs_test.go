package config

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of docs/configuration.md anew")

// TestDocumentationHasTheVariables compares the tables of docs/configuration.md
// with Variables. After a change: go test ./internal/config -update.
func TestDocumentationHasTheVariables(t *testing.T) {
	const name = "../../docs/configuration.md"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for prefix, row := range map[string]func(Variable) string{
		"ROLLCALL_": func(v Variable) string {
			parameter := "–"
			if v.Parameter != "" {
				parameter = "`" + v.Parameter + "`"
			}
			return fmt.Sprintf("| `%s` | %s | %s | %s | %s |\n", v.Name, parameter, v.Type, defaultOf(v), v.Meaning)
		},
		"": func(v Variable) string {
			return fmt.Sprintf("| `%s` | %s | %s | %s |\n", v.Name, v.Type, defaultOf(v), v.Meaning)
		},
	} {
		marker := map[string]string{"ROLLCALL_": "variables", "": "lambda"}[prefix]
		before, rest, opened := strings.Cut(want, "<!-- begin "+marker+" -->\n")
		table, after, closed := strings.Cut(rest, "<!-- end "+marker+" -->")
		lines := strings.SplitAfter(table, "\n")
		if !opened || !closed || len(lines) < 2 {
			t.Fatalf("there are no markers for %s", marker)
		}
		rows := lines[0] + lines[1] // the head stays
		for _, v := range Variables() {
			if strings.HasPrefix(v.Name, "ROLLCALL_") == (prefix != "") {
				rows += row(v)
			}
		}
		want = before + "<!-- begin " + marker + " -->\n" + rows + "<!-- end " + marker + " -->" + after
	}
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

// defaultOf is a variable's default as the documentation has it.
func defaultOf(v Variable) string {
	switch {
	case v.Default == "":
		return v.Otherwise
	case v.Otherwise == "":
		return "`" + v.Default + "`"
	}
	return "`" + v.Default + "`; " + v.Otherwise
}
