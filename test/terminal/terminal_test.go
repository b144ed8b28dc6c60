// Package terminal_test runs the compiled program in a terminal and in shells.
package terminal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"rollcall/internal/testnet"
)

// bin is the directory of the compiled program; world is the test network.
var (
	bin   string
	world *testnet.Net
)

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func runTests(m *testing.M) (code int, err error) {
	if bin, err = os.MkdirTemp("", "rollcall-terminal-"); err != nil {
		return 1, err
	}
	defer os.RemoveAll(bin)
	build := exec.Command("go", "build", "-buildvcs=false", "-ldflags="+entry(), "-o", bin, "./cmd/rollcall")
	build.Dir = filepath.Join("..", "..") // the product's module
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("building rollcall: %w\n%s", err, out)
	}
	if world, err = testnet.Start(testnet.Options{}); err != nil {
		return 1, err
	}
	defer world.Close()
	return m.Run(), nil
}

// entry is the linker's flag with which the Makefile builds the program.
func entry() string {
	if runtime.GOOS == "linux" && (runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64") {
		return "-E main.entry"
	}
	return ""
}

// program is rollcall, with variables after those of the test network.
func program(t *testing.T, variables []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "rollcall"), args...)
	cmd.Env = append(append([]string{"TERM=xterm-256color"}, world.Env()...), variables...)
	return cmd
}

// url is that of a host of the test network.
func url(t *testing.T, host string) string {
	t.Helper()
	o, ok := world.Origin(host)
	if !ok {
		t.Fatalf("the test network has no %s", host)
	}
	return fmt.Sprintf("%s://%s:%d/", o.Scheme, host, o.Addr.Port())
}

// shows compares a text with what has to be in it, in that order.
func shows(t *testing.T, what, got string, want ...string) {
	t.Helper()
	rest := got
	for _, w := range want {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			t.Errorf("%s has no %q in its place:\n%s", what, w, got)
		}
		rest = after
	}
}

// A session is rollcall in a terminal.
type session struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File

	mu  sync.Mutex
	out bytes.Buffer
	end chan struct{}
}

func inTerminal(t *testing.T, columns uint16, cmd *exec.Cmd) *session {
	t.Helper()
	master, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: columns})
	if err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, cmd: cmd, master: master, end: make(chan struct{})}
	go func() {
		defer close(s.end)
		io.Copy(s, master) // ends in an error when the program has ended
	}()
	t.Cleanup(func() { master.Close() })
	return s
}

// Write takes what the program shows.
func (s *session) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

func (s *session) shown() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// await waits until a text is there.
func (s *session) await(text string) {
	s.t.Helper()
	patience := time.After(20 * time.Second)
	for !strings.Contains(s.shown(), text) {
		select {
		case <-s.end:
			if strings.Contains(s.shown(), text) {
				return
			}
			s.t.Fatalf("it ended without %q:\n%q", text, s.shown())
		case <-patience:
			s.t.Fatalf("it never showed %q:\n%q", text, s.shown())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// exit waits for the program's end and returns its code.
func (s *session) exit() int {
	s.t.Helper()
	err := s.cmd.Wait()
	<-s.end
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		s.t.Fatal(err)
	}
	return s.cmd.ProcessState.ExitCode()
}

// gated is an origin that responds when its gate is opened.
func gated(t *testing.T, name string) (address string, open func()) {
	t.Helper()
	gate := make(chan struct{})
	world.Handle(name, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-gate:
		case <-r.Context().Done():
		}
	}))
	return url(t, name), sync.OnceFunc(func() { close(gate) })
}

// On a terminal the run is shown while it goes on, and its line goes away for a
// table in colour.
func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	held, open := gated(t, "held-progress.stage.test")
	defer open()
	s := inTerminal(t, 120, program(t, nil, "check", url(t, "good.stage.test"), url(t, "status-404.stage.test"), held))
	s.await("2 of 3  \x1b[31m1 down\x1b[0m")
	s.await("slow: held-pro")
	open()
	if code := s.exit(); code != 1 {
		t.Errorf("code %d", code)
	}
	_, table, _ := strings.Cut(s.shown(), "STATE")
	shows(t, "the table", table, "\x1b[31mdown", "status: 404", "\x1b[32mup", "━", "a full bar", "\x1b[32m2 up\x1b[0m, \x1b[31m1 down\x1b[0m")
	if before, _, _ := strings.Cut(s.shown(), "STATE"); !strings.HasSuffix(before, "\r\x1b[K\x1b[2m") {
		t.Errorf("the line of progress was not taken away: %q", before)
	}
}

// Whoever asks for no colours gets none, and a dumb terminal no escape at all.
func TestNoColour(t *testing.T) {
	t.Parallel()
	for variable, forbidden := range map[string]string{"NO_COLOR=1": `\x1b\[[0-9;]*m`, "TERM=dumb": `\x1b`} {
		held, open := gated(t, "held-plain.stage.test")
		s := inTerminal(t, 100, program(t, []string{variable}, "check", held, url(t, "good.stage.test")))
		time.AfterFunc(300*time.Millisecond, open)
		if code := s.exit(); code != 0 || regexp.MustCompile(forbidden).MatchString(s.shown()) {
			t.Errorf("%s: code %d, shown %q", variable, code, s.shown())
		}
		shows(t, "the table", s.shown(), "STATE", "up", "good.stage.test", "█", "2 up")
	}
}

func TestNarrowTerminal(t *testing.T) {
	t.Parallel()
	s := inTerminal(t, 40, program(t, []string{"NO_COLOR=1"}, "check", url(t, "expired.stage.test"), url(t, "good.stage.test")))
	if code := s.exit(); code != 1 {
		t.Errorf("code %d", code)
	}
	_, table, _ := strings.Cut(s.shown(), "   TARGET")
	shows(t, "the table", table, "✗  expired", "tls_expired", "✓  good")
	for line := range strings.Lines(table) {
		if n := len([]rune(strings.TrimRight(line, "\r\n"))); n > 40 {
			t.Errorf("a line of %d columns: %q", n, line)
		}
	}
}

// Ctrl-C ends a sweep: what has ended is shown, the rest was not checked.
func TestCtrlC(t *testing.T) {
	t.Parallel()
	held, open := gated(t, "held-interrupted.stage.test")
	defer open()
	s := inTerminal(t, 100, program(t, nil, "check", "--in-flight", "2", url(t, "good.stage.test"), held, held+"other", held+"third"))
	s.await("1 of 4")
	io.WriteString(s.master, "\x03")
	if code := s.exit(); code != 130 {
		t.Errorf("code %d", code)
	}
	shows(t, "what is shown", s.shown(), "STATE", "not_checked", "deadline", "not_checked: the run ended before", "good.stage.test", "1 up", "3 not checked", "interrupted")
}

// A comparison that was interrupted compares nothing.
func TestCompareCtrlC(t *testing.T) {
	t.Parallel()
	held, open := gated(t, "held-compared.stage.test")
	defer open()
	s := inTerminal(t, 100, program(t, nil, "compare", url(t, "good.stage.test"), held))
	s.await("1 of 2")
	io.WriteString(s.master, "\x03")
	if code := s.exit(); code != 130 {
		t.Errorf("code %d", code)
	}
	shows(t, "what is shown", s.shown(), "interrupted while checking before the comparison, 1 of 2 done: nothing to compare")
	if strings.Contains(s.shown(), "sync_run") {
		t.Errorf("it compares all the same: %q", s.shown())
	}
}

// On a terminal each result takes the place of the one before.
func TestWatchOnATerminal(t *testing.T) {
	t.Parallel()
	s := inTerminal(t, 100, program(t, nil, "check", "--watch", "1s", url(t, "good.stage.test")))
	for n := 0; n < 2; n = strings.Count(s.shown(), "\x1b[H\x1b[J") {
		s.await("every 1s, Ctrl-C to stop")
		time.Sleep(10 * time.Millisecond)
	}
	io.WriteString(s.master, "\x03")
	if code := s.exit(); code != 130 {
		t.Errorf("code %d, shown %q", code, s.shown())
	}
}
