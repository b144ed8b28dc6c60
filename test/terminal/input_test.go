package terminal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

// ended waits for a program that is about to end, and returns its code.
func ended(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	patience := time.AfterFunc(60*time.Second, func() { cmd.Process.Kill() })
	err := cmd.Wait()
	if !patience.Stop() {
		t.Fatal("it did not end")
	}
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

// Whoever forgot that - reads from the terminal is reminded, and one Ctrl-C is enough.
func TestReadingFromATerminal(t *testing.T) {
	t.Parallel()
	const prompt = "rollcall: reading URLs from the terminal, Ctrl-D ends"
	for _, command := range []string{"check", "compare", "validate"} {
		s := inTerminal(t, 100, program(t, nil, command, "-"))
		s.await(prompt)
		io.WriteString(s.master, url(t, "good.stage.test")+"\n\x03")
		if code := s.exit(); code != 130 || !strings.Contains(s.shown(), "rollcall: interrupted") {
			t.Errorf("%s: code %d, shown %q", command, code, s.shown())
		}
	}
	s := inTerminal(t, 100, program(t, nil, "check", "-"))
	s.await(prompt)
	io.WriteString(s.master, url(t, "good.stage.test")+"\n"+url(t, "status-404.stage.test")+"\n\x04")
	if code := s.exit(); code != 1 {
		t.Errorf("code %d", code)
	}
	shows(t, "the terminal", s.shown(), prompt, "STATE", "1 up")
}

// A writer that says nothing does not keep the program, nor does a pipe that
// nobody opens for writing.
func TestInputThatDoesNotCome(t *testing.T) {
	t.Parallel()
	fifo := t.TempDir() + "/fifo"
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip(err)
	}
	for _, args := range [][]string{{"check", "-"}, {"validate", "-"}, {"cost", "-", "--every", "1m"}, {"check", "--event", fifo}, {"check", fifo}} {
		for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
			cmd := program(t, nil, args...)
			in, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stdin = in
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(300 * time.Millisecond) // until it handles signals
			cmd.Process.Signal(signal)
			if code := ended(t, cmd); code != 130 || stderr.String() != "rollcall: interrupted\n" {
				t.Errorf("%v, %v: code %d, error %q", args, signal, code, &stderr)
			}
			in.Close()
			w.Close()
		}
	}
}

// Whatever comes on standard input, the program says something and ends.
func TestAnyInput(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return string(b)
	}
	inputs := map[string]string{
		"nothing": "", "a zero byte": "\x00", "zero bytes": strings.Repeat("\x00", 1<<16), "noise": noise(1 << 16), "short noise": noise(9),
		"a long line": strings.Repeat("a", 1<<20), "braces": strings.Repeat("{", 1<<20), "brackets": strings.Repeat("[", 1<<16), "a brace": "{", "an escape": "\x1b[2J\x1b]0;x\a",
		"half a character": "https://a.example/\xc3", "UTF-16 of nothing": "\xff\xfe", "half of UTF-16": "\xff\xfea", "gzip of nothing": "\x1f\x8b", "quotes": `"`, "a comma": ",", "dashes": "---\n---\n",
		"XML": "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY a \"&a;&a;\">]><urlset><url><loc>&a;</loc></url></urlset>", "returns": strings.Repeat("\r", 1000),
	}
	for name, in := range inputs {
		for _, command := range [][]string{{"check", "-"}, {"validate", "-"}} {
			cmd := program(t, nil, command...)
			var out, stderr bytes.Buffer
			cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			code := ended(t, cmd)
			if code != 2 && (code != 3 || command[0] != "check") || stderr.Len()+out.Len() == 0 {
				t.Errorf("%s, %s: code %d, error %.200q", command[0], name, code, &stderr)
			}
			for what, text := range map[string]string{"output": out.String(), "error": stderr.String()} {
				if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' }) {
					t.Errorf("%s, %s: the %s can move a cursor: %.200q", command[0], name, what, text)
				}
				if strings.Count(text, "\n") > 1100 {
					t.Errorf("%s, %s: the %s has %d lines", command[0], name, what, strings.Count(text, "\n"))
				}
			}
		}
	}
}

// Input without an end has one here.
func TestEndlessInput(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	yes, err := exec.LookPath("yes")
	if err != nil {
		t.Skip(err)
	}
	for _, line := range []string{url(t, "good.stage.test"), strings.Repeat("x", 5000), "# a comment"} {
		endless := exec.CommandContext(t.Context(), yes, line)
		in, err := endless.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := endless.Start(); err != nil {
			t.Fatal(err)
		}
		cmd := program(t, nil, "check", "-")
		cmd.Stdin = in
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if code := ended(t, cmd); code != 2 || stderr.Len() == 0 {
			t.Errorf("%.20s: code %d, error %.300q", line, code, &stderr)
		}
		if use, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok && use.Maxrss > 200_000 { // kB, on Linux
			t.Errorf("%.20s: it took %d MB", line, use.Maxrss/1000)
		}
		in.Close()
		endless.Wait()
	}
}

// Every terminal has room for what is shown.
func TestEveryTerminal(t *testing.T) {
	t.Parallel()
	good, missing := url(t, "good.stage.test"), url(t, "status-404.stage.test")
	for _, columns := range []uint16{1, 2, 3, 7, 20, 39, 40, 59, 60, 79, 80, 119, 120, 200, 1000} {
		for _, args := range [][]string{{good}, {"check", good, missing, url(t, "expired.stage.test")}, {"compare", good, missing}} {
			s := inTerminal(t, columns, program(t, []string{"NO_COLOR=1"}, args...))
			if code := s.exit(); code > 1 {
				t.Errorf("%d columns, %s: code %d", columns, args[0], code)
			}
			shown := s.shown()
			if i := strings.LastIndex(shown, "\x1b[K"); i >= 0 { // the progress
				shown = shown[i+len("\x1b[K"):]
			}
			for line := range strings.Lines(shown) {
				if line = strings.TrimRight(line, "\r\n"); utf8.RuneCountInString(line) > max(int(columns), 2) {
					t.Errorf("%d columns, %s: a line of %d: %q", columns, args[0], utf8.RuneCountInString(line), line)
				}
			}
		}
	}
}

// A reader may go at any moment.
func TestPipeClosedAtAnyMoment(t *testing.T) {
	t.Parallel()
	good := url(t, "good.stage.test")
	for _, args := range [][]string{
		{"check", good, good + "a", good + "b"}, {good}, {"check", "--json", good}, {"check", "-f", "html", good}, {"check", "-f", "md", good}, {"compare", good, good + "a"},
		{"--help"}, {"man"}, {"demo", "--list"}, {"cost", "../../events/gafam.json", "--every", "1m"},
	} {
		for _, bytes := range []int64{0, 1, 30, 150} {
			cmd := program(t, nil, args...)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			io.CopyN(io.Discard, out, bytes)
			out.Close()
			if code := ended(t, cmd); code != 0 || strings.Contains(stderr.String(), "pipe") {
				t.Errorf("%v after %d bytes: code %d, error %q", args, bytes, code, &stderr)
			}
		}
	}
}

// JSON is for people too where they look at it, and a page is for no terminal.
func TestFormatsOnATerminal(t *testing.T) {
	t.Parallel()
	s := inTerminal(t, 100, program(t, nil, "check", "--json", url(t, "good.stage.test")))
	if code := s.exit(); code != 0 {
		t.Errorf("code %d", code)
	}
	shows(t, "the JSON", s.shown(), "{\r\n  \"version\": ", "\r\n      \"name\": ")
	s = inTerminal(t, 100, program(t, nil, "check", "--format", "html", url(t, "good.stage.test")))
	if code := s.exit(); code != 2 || !strings.Contains(s.shown(), "--output page.html") {
		t.Errorf("code %d, shown %q", code, s.shown())
	}
	s = inTerminal(t, 100, program(t, nil, "check", url(t, "good.stage.test")))
	if code := s.exit(); code != 0 {
		t.Errorf("code %d", code)
	}
	shows(t, "one URL", s.shown(), "https://good.stage.test", "first byte", "━", "total", "certificate")
	page := t.TempDir() + "/page.html"
	s = inTerminal(t, 100, program(t, nil, url(t, "good.stage.test"), "-o", page))
	if code := s.exit(); code != 0 || !strings.Contains(s.shown(), "1 up. Written: "+page) {
		t.Errorf("code %d, shown %q", code, s.shown())
	}
	if text, err := os.ReadFile(page); err != nil || !bytes.HasPrefix(text, []byte("<!doctype html>")) {
		t.Errorf("%v: %.100s", err, text)
	}
}

// Ctrl-C in a run of many is a few lines.
func TestCtrlCAmongMany(t *testing.T) {
	t.Parallel()
	held, open := gated(t, "held-many.stage.test")
	defer open()
	var list strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&list, "%s%d\n", held, i)
	}
	file := t.TempDir() + "/urls.txt"
	if err := os.WriteFile(file, []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := inTerminal(t, 100, program(t, nil, "check", file))
	s.await("slow: ")
	io.WriteString(s.master, "\x03")
	if code := s.exit(); code != 130 {
		t.Errorf("code %d", code)
	}
	_, table, _ := strings.Cut(s.shown(), "STATE")
	if n := strings.Count(table, "\n"); n > 60 || !strings.Contains(table, "2,000 not checked") {
		t.Errorf("%d lines: %s", n, table)
	}
}
