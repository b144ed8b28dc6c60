package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/config"
	"rollcall/internal/history"
	"rollcall/internal/monitor"
	"rollcall/internal/plan"
)

// A hook is a service on loopback: it keeps the subjects that it accepts.
type hook struct {
	*httptest.Server
	mu       sync.Mutex
	status   func() int // nil: 200
	accepted []string
	tries    int
	process  string // what the list of processes had while it was called last
}

func newHook(t *testing.T, status func() int) *hook {
	h := &hook{status: status}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.tries++
		h.process = processes()
		if h.status != nil {
			if code := h.status(); code != http.StatusOK {
				w.WriteHeader(code)
				return
			}
		}
		var d struct{ Subject, Text string }
		json.Unmarshal(body, &d)
		h.accepted = append(h.accepted, d.Subject)
	}))
	t.Cleanup(h.Close)
	return h
}

// processes are the arguments of all processes, where the system has them in files.
func processes() string {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var all strings.Builder
	for _, name := range files {
		line, _ := os.ReadFile(name)
		all.Write(bytes.ReplaceAll(line, []byte{0}, []byte{' '}))
		all.WriteByte('\n')
	}
	return all.String()
}

// line is a line that names the hook.
func (h *hook) line() string { return "generic+" + h.URL + "/a-secret-path?disabletls=yes" }

// got returns the subjects that were accepted since the last call.
func (h *hook) got() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := strings.Join(h.accepted, "; ")
	h.accepted = nil
	return all
}

// notifyProgram puts the program that sends on the path.
func notifyProgram(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("slow: builds rollcall-notify")
	}
	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", dir+"/", "../rollcall-notify").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// watch is a process: a watch of one target with a round a minute, in which it is up
// (.) or down (D), beginning at a minute of 1 January 2000. It returns what the process
// wrote to standard error.
func watch(t *testing.T, history string, minute int, rounds string, lines ...string) string {
	t.Helper()
	var out, problems bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Duration(minute) * time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		sys := system{out: &out, err: &problems, lookup: func(string) (string, bool) { return "", false }}
		settings, err := config.Load(sys.lookup)
		if err != nil {
			t.Fatal(err)
		}
		settings.Canary = nil
		p, err := plan.ParseURLs([]string{"https://shop.example.com/"}, plan.Inputs{})
		if err != nil {
			t.Fatal(err)
		}
		round := 0
		began := time.Now()
		m := monitor.New(settings, monitor.Dependencies{Version: "test", Probe: func(_ context.Context, target *check.Target) check.Result {
			r := check.Result{Name: target.Name, Group: target.Group, URL: target.RedactedURL, State: check.Up, Reason: check.OK}
			round = int(time.Since(began) / time.Minute)
			if round < len(rounds) && rounds[round] == 'D' {
				r.State, r.Reason, r.Detail = check.Down, check.Status, "503 Service Unavailable"
			}
			return r
		}})
		command := &checkCommand{Watch: span(time.Minute), Format: "table", notifyFlags: notifyFlags{Notify: lines, History: history}}
		shown := newProgress(sys)
		forget, err := command.remember(ctx, m, p, settings, sys, time.Minute, shown)
		if err != nil {
			t.Fatal(err)
		}
		defer forget()
		time.AfterFunc(time.Duration(len(rounds))*time.Minute-time.Second, cancel)
		runner := checkRunner{command: command, monitor: m, plan: p, progress: shown, out: &output{w: &out}, sys: sys}
		runner.run(ctx)
	})
	if strings.Contains(out.String()+problems.String(), "a-secret-path") {
		t.Errorf("a token is shown: %s%s", &out, &problems)
	}
	return problems.String()
}

// A site breaks, the process ends and begins again, the site recovers: each is sent
// once. No list of processes has the service's URL.
func TestWatchNotifies(t *testing.T) {
	notifyProgram(t)
	h := newHook(t, nil)
	file := filepath.Join(t.TempDir(), "lines.txt")
	if err := os.WriteFile(file, []byte("# mine\n"+h.line()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	history := filepath.Join(t.TempDir(), "rollcall", "history.json.gz")
	said := watch(t, history, 0, ".DDDD", "@"+file)
	if got, want := h.got(), "DOWN: shop.example.com (default): 503 Service Unavailable"; got != want || !strings.Contains(said, `rollcall: line 2 (generic): sent "DOWN: shop`) {
		t.Errorf("it got %q, want %q; the program wrote %s", got, want, said)
	}
	if !strings.Contains(h.process, "rollcall-notify --send") && h.process != "" || strings.Contains(h.process, "a-secret-path") {
		t.Errorf("the processes were\n%s", h.process)
	}
	watch(t, history, 5, "DDD", "@"+file)
	if got := h.got(); got != "" {
		t.Errorf("after another start it got %q", got)
	}
	watch(t, history, 8, "...", "@"+file)
	if got, want := h.got(), "UP: shop.example.com (default): was down for 7 minutes"; got != want {
		t.Errorf("it got %q, want %q", got, want)
	}
}

// A service that responds with 500 gets its message later, another one at once and
// not again; one that refuses is reported and does not hold up what follows.
func TestWatchNotifiesLater(t *testing.T) {
	notifyProgram(t)
	left := 3
	late := newHook(t, func() int {
		if left--; left >= 0 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	well, gone := newHook(t, nil), newHook(t, func() int { return http.StatusGone })
	said := watch(t, filepath.Join(t.TempDir(), "history.json.gz"), 0, "DDDDDDDD", late.line(), "group=default "+well.line(), "group=other "+well.line(), gone.line())
	want := "DOWN: shop.example.com (default): 503 Service Unavailable"
	if got := late.got(); got != want || late.tries != 4 {
		t.Errorf("the late one got %q with %d tries; the program wrote %s", got, late.tries, said)
	}
	if got := well.got(); got != want || well.tries != 1 {
		t.Errorf("the other one got %q with %d tries", got, well.tries)
	}
	if gone.tries != 2 || !strings.Contains(said, "line 4 (generic): generic responded 410 Gone") { // the second as plain text
		t.Errorf("the one that refuses had %d tries; the program wrote %s", gone.tries, said)
	}
	if n := strings.Count(said, "line 1 (generic): generic responded 500 Internal Server Error"); n != 3 {
		t.Errorf("reported %d times: %s", n, said)
	}
}

// What a watch that notifies can't be begun with.
func TestNotifyFlags(t *testing.T) {
	notifyProgram(t)
	got := rollcall(t, "", "check", "localhost", "--watch", "1m", "--history", filepath.Join(t.TempDir(), "h"), "--notify", "slack://a-secret-path", "--notify", "group~x slack://y")
	if got.code != exitUsage || !strings.Contains(got.err, "--notify: line 1: the URL is not valid for slack") || !strings.Contains(got.err, "line 2: its filter 1 is invalid") || strings.Contains(got.err, "secret") {
		t.Errorf("%+v", got)
	}
	later, err := (&history.Document{Version: history.Version + 1}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	newer, large := filepath.Join(t.TempDir(), "newer"), filepath.Join(t.TempDir(), "large")
	if err := errors.Join(os.WriteFile(newer, later, 0o600), os.WriteFile(large, make([]byte, mostLines+1), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"--history: " + newer + " can't be used: it is of version 2, which a later Rollcall wrote; this one knows 1; name another file",
		"--history: " + newer + " can't be used", // the one before has left it to others
	} {
		if got := rollcall(t, "", "check", "localhost", "--watch", "1m", "--history", newer, "--notify", "generic://localhost"); got.code != exitUsage || !strings.Contains(got.err, want) {
			t.Errorf("%+v, want %s", got, want)
		}
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--notify", "@" + large, "--watch", "60s"}, "--notify: " + large + " has more than 1 MiB: write one URL a line"},
		{[]string{"--notify", "slack://a-secret-path"}, "--notify needs --watch, with 1m0s or more"},
		{[]string{"--notify", "slack://a-secret-path", "--watch", "30s"}, "--notify needs --watch, with 1m0s or more"},
		{[]string{"--history", "x", "--watch", "60s"}, "--history needs --notify"},
		{[]string{"--notify", "@/no/such/file", "--watch", "60s"}, "--notify: open /no/such/file: no such file or directory"},
		{[]string{"--notify", "slack://a-secret-path", "--watch", "60s"}, "--notify: messages are sent by the program rollcall-notify, which is neither beside rollcall nor on the path: releases and make build have it"},
	} {
		t.Setenv("PATH", t.TempDir())
		got := rollcall(t, "", append([]string{"check", "localhost"}, test.args...)...)
		if got.code != exitUsage || got.err != "rollcall: https:// is assumed: https://localhost\nrollcall: "+test.want+"\n" && got.err != "rollcall: "+test.want+"\n" {
			t.Errorf("%v: %+v, want %s", test.args, got, test.want)
		}
	}
}

func TestHistoryFile(t *testing.T) {
	for _, test := range []struct{ flag, state, home, want string }{
		{"mine", "/state", "/home/me", "mine"},
		{"", "/state", "/home/me", "/state/rollcall/history.json.gz"},
		{"", "relative", "/home/me", "/home/me/.local/state/rollcall/history.json.gz"},
		{"", "", "", ""},
	} {
		f := notifyFlags{History: test.flag}
		got, err := f.historyFile(system{lookup: environment(map[string]string{"XDG_STATE_HOME": test.state, "HOME": test.home})})
		if got != filepath.FromSlash(test.want) || (err != nil) != (test.want == "") {
			t.Errorf("%+v: %s, %v", test, got, err)
		}
	}
}

// An incident opens after as many runs as in a stack with that interval.
func TestAlertAt(t *testing.T) {
	var all []string
	for _, minutes := range []int{1, 2, 3, 5, 10, 15, 60} {
		runs, window := alertAt(time.Duration(minutes) * time.Minute)
		all = append(all, fmt.Sprintf("%d: %d/%d", minutes, runs, window))
	}
	if want := []string{"1: 3/3", "2: 3/3", "3: 2/3", "5: 2/3", "10: 2/3", "15: 1/1", "60: 1/1"}; !slices.Equal(all, want) {
		t.Errorf("%q, want %q", all, want)
	}
}
