package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The man page has each flag of --help, and the exit codes as documented.
func TestMan(t *testing.T) {
	page := rollcall(t, "", "man")
	if page.code != 0 || page.err != "" {
		t.Errorf("code %d, error %q", page.code, page.err)
	}
	text := strings.NewReplacer(`\-`, "-", `\&`, "").Replace(page.out)
	for _, command := range []string{"check", "compare", "demo", "completion"} {
		help := rollcall(t, "", command, "--help")
		shows(t, command+" --help", help.out, "Usage: rollcall "+command, "Examples:", "rollcall "+command)
		for _, flag := range regexp.MustCompile(`--[a-z-]+[a-z]`).FindAllString(help.out, -1) {
			if flag != "--version" && !strings.Contains(text, flag) {
				t.Errorf("%s has %s and the man page has not", command, flag)
			}
		}
	}
	summary, err := os.ReadFile("../../docs/summary.md")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile("(?m)^\\| `(\\d+)` \\| (.*) \\|$").FindAllStringSubmatch(string(summary), -1)
	if len(codes) != 5 {
		t.Errorf("docs/summary.md has the codes %v", codes)
	}
	for _, code := range codes {
		if !strings.Contains(strings.ReplaceAll(text, "\n", " "), ".B "+code[1]+" "+code[2]+" ") {
			t.Errorf("the man page lacks %s: %s", code[1], code[2])
		}
	}
}

func TestCompletion(t *testing.T) {
	for shell, want := range map[string]string{"bash": "complete -F _rollcall rollcall", "zsh": "#compdef rollcall", "fish": "complete -c rollcall"} {
		if got := rollcall(t, "", "completion", shell); got.code != 0 || !strings.Contains(got.out, want) || !strings.Contains(got.out, "__complete") {
			t.Errorf("%s: code %d, output %s", shell, got.code, got.out)
		}
	}
	if got := rollcall(t, "", "__complete", "check", "--format", "j"); got.code != 0 || !strings.Contains(got.out, "junit\n") || got.err != "" {
		t.Errorf("code %d, output %q, error %q", got.code, got.out, got.err)
	}
	if got := rollcall(t, "", "completion", "csh"); got.code != 2 || !strings.Contains(got.err, "bash") {
		t.Errorf("code %d, error %q", got.code, got.err)
	}
}
