package terminal_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestClosedStandardOutput: what can't be written is an error of its own, and
// /dev/null is as good as any file, however it was opened.
func TestClosedStandardOutput(t *testing.T) {
	if entry() == "" {
		t.Skip("only the programs for Linux know")
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, args := range [][]string{
		{"--version"}, {"--help"}, {"man"}, {"completion", "bash"}, {"validate", "../../events/gafam.json"}, {"check", url(t, "good.stage.test")},
		{"check", "--format", "json", url(t, "status-404.stage.test")},
	} {
		want := map[string]int{">&-": 3, ">/dev/null": 0, "": 0}
		if args[0] == "check" && len(args) > 2 {
			want[">/dev/null"], want[""] = 1, 1
		}
		for how, code := range want {
			cmd := program(t, nil, args...)
			var stderr strings.Builder
			if cmd.Stderr = &stderr; how == "" {
				cmd.Stdout = null
			} else {
				cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `exec "$0" "$@" ` + how, filepath.Join(bin, "rollcall")}, args...)
			}
			if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != code || strings.Contains(stderr.String(), "standard output is closed") != (how == ">&-") {
				t.Errorf("%v %s: code %d, want %d; %s", args, how, got, code, &stderr)
			}
		}
	}
}
