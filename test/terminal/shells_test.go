//go:build interop

package terminal_test

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
	for typed, want := range map[string]string{
		"comp":              "compare\tCheck URLs one after",
		"check --format j":  "junit\n",
		"check --format=ju": "--format=junit\n",
		"check --wat":       "--watch\t",
		"demo --s":          "--serve\t",
		"validate fi":       "file.json\n",
		"check --event=fi":  "--event=file.json\n",
	} {
		cmd := exec.Command("fish", "--no-config", "-c", "source "+script+"; complete -C 'rollcall "+typed+"'")
		asShell(t, cmd)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%q: %v, %q", typed, err, out)
		}
	}
}

func TestZsh(t *testing.T) {
	script := written(t, "completion", "zsh")
	cmd := exec.Command("zsh", "-f", "-i")
	asShell(t, cmd)
	cmd.Env = append(cmd.Env, "TERM=xterm", "PS1=ready> ")
	s := inTerminal(t, 120, cmd)
	s.await("ready> ")
	io.WriteString(s.master, "autoload -U compinit; compinit -u -D; source "+script+"; rollcall() { print -r -- \"<$*>\" }; print loa''ded\n")
	s.await("loaded")
	for typed, want := range map[string]string{
		"compa\t":             "<compare>",
		"check --form\tjun\t": "<check --format junit>",
		"check --format=ju\t": "<check --format=junit>",
		"demo --se\t":         "<demo --serve>",
		"validate fi\t":       "<validate file.json>",
		"check --event=fi\t":  "<check --event=file.json>",
	} {
		io.WriteString(s.master, "rollcall "+typed+"\n")
		s.await(want)
	}
	io.WriteString(s.master, "rollcall check -\t")
	s.await("-- Allow addresses of this network")
	io.WriteString(s.master, "\x15exit\n")
	s.exit()
}

// asShell makes a shell find rollcall, in a directory with one file.
func asShell(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
}

func TestManIsSound(t *testing.T) {
	out, err := exec.Command("mandoc", "-T", "lint", "-W", "all", written(t, "man")).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// written is a file with what the program prints.
func written(t *testing.T, args ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "out")
	out, err := program(t, nil, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
