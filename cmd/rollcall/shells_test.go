//go:build interop

package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The shells themselves complete our words, and a stranger's reader finds no
// error in the man page.
func TestFish(t *testing.T) {
	script := written(t, "completion", "fish")
	for typed, want := range map[string]string{"comp": "compare", "check --format j": "junit", "check --wat": "--watch", "demo --s": "--serve"} {
		out, err := exec.Command("fish", "--no-config", "-c", "source "+script+"; complete -C 'rollcall "+typed+"'").CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%q: %v, %q", typed, err, out)
		}
	}
}

func TestZsh(t *testing.T) {
	script := written(t, "completion", "zsh")
	cmd := exec.Command("zsh", "-f", "-i")
	cmd.Env = append(os.Environ(), "TERM=xterm", "PS1=ready> ")
	s := inTerminal(t, 120, cmd)
	s.await("ready> ")
	io.WriteString(s.master, "autoload -U compinit; compinit -u -D; source "+script+"; rollcall() { print -r -- \"<$*>\" }; print loa''ded\n")
	s.await("loaded")
	for typed, want := range map[string]string{"compa\t": "<compare>", "check --form\tjun\t": "<check --format junit>", "demo --se\t": "<demo --serve>"} {
		io.WriteString(s.master, "rollcall "+typed+"\n")
		s.await(want)
	}
	io.WriteString(s.master, "exit\n")
	s.exit()
}

func TestManIsSound(t *testing.T) {
	out, err := exec.Command("mandoc", "-T", "lint", "-W", "error", written(t, "man")).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// written is a file with what the program prints.
func written(t *testing.T, args ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(name, []byte(rollcall(t, "", args...).out), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
