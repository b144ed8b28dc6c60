package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/report"
)

// asProgram tells this test's own executable to be rollcall.
const asProgram = "ROLLCALL_TEST_AS_PROGRAM"

// program is rollcall as a process of its own, with variables after those of
// the test network.
func program(t *testing.T, variables []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(append([]string{asProgram + "=1", "TERM=xterm-256color"}, world.Env()...), variables...)
	return cmd
}

// A reader that closes the pipe makes no error.
func TestBrokenPipe(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"check", url(t, "good.stage.test")}, {"check", "--format", "json", url(t, "good.stage.test")}, {"demo", "--list"},
		{"check", "--watch", "1s", url(t, "good.stage.test")}, {"compare", url(t, "good.stage.test"), url(t, "google.com")},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		var stderr bytes.Buffer
		cmd := program(t, nil, args...)
		cmd.Stdout, cmd.Stderr = w, &stderr
		err = cmd.Run()
		w.Close()
		if err != nil || stderr.String() != "" {
			t.Errorf("%v: %v, standard error %q", args, err, &stderr)
		}
	}
}

// What keeps the demo running prints how to reach it; another process can.
func TestDemoServe(t *testing.T) {
	t.Parallel()
	serving := program(t, nil, "demo", "--serve")
	out, err := serving.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := serving.Start(); err != nil {
		t.Fatal(err)
	}
	var variables []string
	expired := ""
	for lines := bufio.NewScanner(out); expired == "" && lines.Scan(); {
		if _, rest, ok := strings.Cut(lines.Text(), "With Rollcall env "); ok {
			variables = strings.Fields(rest[:strings.Index(rest, " rollcall ")])
		}
		if strings.HasPrefix(lines.Text(), "https://expired.stage.test:") {
			expired = strings.Fields(lines.Text())[0]
		}
	}
	go io.Copy(io.Discard, out)
	got, err := program(t, variables, "check", expired).CombinedOutput()
	if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != 1 || !strings.Contains(string(got), "tls_expired") {
		t.Errorf("%v: %s", err, got)
	}
	serving.Process.Signal(os.Interrupt)
	serving.Wait()
	if code := serving.ProcessState.ExitCode(); code != 130 {
		t.Errorf("code %d", code)
	}
}

// Each way to fail has a row.
func TestDemo(t *testing.T) {
	t.Parallel()
	got := rollcall(t, "", "demo")
	if got.code != 1 {
		t.Errorf("code %d, error %q", got.code, got.err)
	}
	for _, r := range check.Reasons() {
		if r != check.OK && r.State() == check.Down && !strings.Contains(got.out, r.String()+": ") {
			t.Errorf("nothing shows %s:\n%s", r, got.out)
		}
	}
	shows(t, "the table", got.out, "STATE", "degraded", "slow.stage.test", "google.com", "30 targets")
}

func TestDemoList(t *testing.T) {
	got := rollcall(t, "", "demo", "--list")
	if got.code != 0 || got.err != "" {
		t.Errorf("code %d, error %q", got.code, got.err)
	}
	for _, o := range world.Origins() {
		if o.Description != "a handler of the test" && !strings.Contains("\n"+got.out, "\n"+o.Name+" ") {
			t.Errorf("%s is not listed", o.Name)
		}
	}
}

// What people type is taken for what they mean, and said.
func TestAssumedScheme(t *testing.T) {
	host := strings.TrimSuffix(strings.TrimPrefix(url(t, "good.stage.test"), "https://"), "/")
	got := rollcall(t, "", "check", host)
	if got.code != 0 || got.err != "rollcall: https:// is assumed: https://"+host+"\n" {
		t.Errorf("code %d, error %q", got.code, got.err)
	}
	if got := rollcall(t, host+"\n", "check", "-"); got.code != 2 || !strings.Contains(got.err, "its only line has no scheme: use --https, or write https:// before each") {
		t.Errorf("a list means what it means to the function: code %d, error %q", got.code, got.err)
	}
	if got := rollcall(t, host+"\n", "check", "--https", "-"); got.code != 0 || got.err != "" {
		t.Errorf("with --https: code %d, error %q", got.code, got.err)
	}
}

func TestAbsolute(t *testing.T) {
	for text, want := range map[string]string{
		"example.com": "https://example.com", "example.com:8443/health": "https://example.com:8443/health", "localhost": "https://localhost",
		"[::1]:443": "https://[::1]:443", "192.0.2.1": "https://192.0.2.1", "例え.jp": "https://例え.jp", "example.com?q=secret": "https://example.com?q=secret",
		"http://example.com": "", "https://example.com": "", "ftp://example.com": "", "": "", "/health": "", "//example.com": "", "?q": "", "#x": "", ":80": "",
		"user:secret@example.com": "", "mailto:a@example.com": "", "javascript:alert(1)": "", "two words": "", "exa\nmple.com": "", "\x1b[2J": "",
	} {
		urls, assumed := absolute([]string{text})
		switch {
		case want == "" && (urls[0] != text || len(assumed) != 0):
			t.Errorf("%q became %q, reported as %q", text, urls[0], assumed)
		case want != "" && (urls[0] != want || len(assumed) != 1 || strings.Contains(assumed[0], "secret")):
			t.Errorf("%q became %q, want %q; reported as %q", text, urls[0], want, assumed)
		}
	}
	if _, assumed := absolute(strings.Fields("a b c d e")); strings.Join(assumed, " ") != "https://a https://b https://c and 2 more" {
		t.Errorf("said %q", assumed)
	}
}

// A watch shows what has changed, and nothing else, until it is interrupted.
func TestWatch(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	world.Handle("changing.stage.test", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	event := fmt.Sprintf(`{"defaults": {"retries": 0}, "urls": [{"name": "changing", "url": %q}, {"name": "steady", "url": %q}]}`,
		url(t, "changing.stage.test"), url(t, "good.stage.test"))
	ctx, cancel := context.WithCancel(t.Context())
	out := &stopper{text: "(was down)", stop: cancel}
	var stderr bytes.Buffer
	code := run(ctx, []string{"check", "--watch", "1s", "-"}, system{in: strings.NewReader(event), out: out, err: &stderr, lookup: environment(nil)})
	if code != 130 || stderr.String() != "" {
		t.Errorf("code %d, error %q", code, &stderr)
	}
	shows(t, "the watch", out.kept.String(), "STATE", "2 targets in ", "2 up\n", "down  changing  status: 503 Service Unavailable (was up)\n", "1 up, 1 down\n", "up  changing (was down)\n", "2 up\n", "\n3 rounds in 2s\nchanging  2 of 3 up, p50 ", "steady    3 of 3 up, p50 ", "ms, p95 ", ", max ")
	if rounds, _, _ := strings.Cut(out.kept.String(), "3 rounds in"); strings.Count(rounds, "steady") != 1 {
		t.Errorf("what has not changed is there again:\n%s", rounds)
	}
}

// stopper stops when a text was written.
type stopper struct {
	kept bytes.Buffer
	text string
	stop func()
}

// Write keeps what is written.
func (s *stopper) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(s.text)) {
		s.stop()
	}
	return s.kept.Write(p)
}

// Each round replaces the file.
func TestWatchToFile(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	t.Parallel()
	name := file(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	var asked atomic.Int32
	world.Handle("counting.stage.test", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if asked.Add(1) == 3 {
			cancel()
		}
	}))
	var out, stderr bytes.Buffer
	code := run(ctx, []string{"check", "--watch", "1s", "--format", "junit", "--output", name, url(t, "counting.stage.test")},
		system{in: strings.NewReader(""), out: &out, err: &stderr, lookup: environment(nil)})
	text, err := os.ReadFile(name)
	if code != 130 || err != nil || strings.Count(string(text), "<testsuites") != 1 || !bytes.HasSuffix(text, []byte("</testsuites>\n")) {
		t.Errorf("code %d, error %v, file %s", code, err, text)
	}
}

var seconds = regexp.MustCompile(`(?m)^(sync_run|async_run|async_run - sync_run): (-?\d+\.\d{4})$`)

// The article's experiment, in its own lines.
func TestCompare(t *testing.T) {
	var urls []string
	for _, host := range []string{"google.com", "facebook.com", "www.apple.com", "www.microsoft.com", "status-404.stage.test"} {
		urls = append(urls, url(t, host))
	}
	got := rollcall(t, "", append([]string{"compare", "https://nxdomain.stage.test"}, urls...)...)
	if got.code != 1 || got.err != "" {
		t.Errorf("code %d, error %q", got.code, got.err)
	}
	failures := "Error: https://nxdomain.stage.test - dns_not_found\nError: " + strings.TrimSuffix(urls[4], "/") + " - 404\n"
	shows(t, "the comparison", got.out, failures+"sync_run: ", failures+"async_run: ", "async_run - sync_run: -", "\n\nAll at once, 6 targets: ", " % saved.\n", "Estimate for 100,000 such targets: ", "one after the other", "all at once")
	figures := map[string]float64{}
	for _, match := range seconds.FindAllStringSubmatch(got.out, -1) {
		var f float64
		fmt.Sscan(match[2], &f)
		figures[match[1]] = f
	}
	if len(figures) != 3 || figures["sync_run"] < 0.305 || figures["async_run"] < 0.115 || figures["async_run"] > figures["sync_run"] {
		t.Errorf("the figures are %v", figures)
	}
}

// Nothing is compared of what was cut short.
func TestCompareCutShort(t *testing.T) {
	t.Parallel()
	got := rollcall(t, "", "compare", "--deadline", "400ms", url(t, "good.stage.test"), url(t, "hanging.stage.test"))
	if got.code != 3 || got.out != "" || !strings.Contains(got.err, "deadline exceeded while checking before the comparison, 1 of 2 done") {
		t.Errorf("code %d, output %q, error %q", got.code, got.out, got.err)
	}
	world.Handle("later.stage.test", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if later.Add(1) > 1 {
			<-r.Context().Done()
		}
	}))
	got = rollcall(t, "", "compare", "--deadline", "900ms", url(t, "good.stage.test"), url(t, "later.stage.test"))
	if got.code != 3 || got.out != "" || !strings.Contains(got.err, "deadline exceeded while checking one after the other, 1 of 2 done") {
		t.Errorf("code %d, output %q, error %q", got.code, got.out, got.err)
	}
}

// later counts the visitors of a site that responds to the first one only.
var later atomic.Int32

// What can't be compared is wrong usage: one target, or none that responds.
func TestCompareNothing(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		url(t, "good.stage.test"):                                      "one target takes as long either way",
		"https://nxdomain.stage.test " + url(t, "refusing.stage.test"): "none of 2 targets responded",
	} {
		if got := rollcall(t, "", append([]string{"compare"}, strings.Fields(args)...)...); got.code != 2 || got.out != "" || !strings.Contains(got.err, want) {
			t.Errorf("%s: code %d, output %q, error %q", args, got.code, got.out, got.err)
		}
	}
}

// A watch of nothing ends as a check of nothing does.
func TestWatchOfNothing(t *testing.T) {
	if got := rollcall(t, "", "check", "--watch", "1s", "-"); got.code != 2 || !strings.Contains(got.err, "has no targets") {
		t.Errorf("code %d, error %q", got.code, got.err)
	}
}

// Whatever is down, a result that could not be written is reported.
func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	got := rollcall(t, "", "check", "--output", "/dev/full", url(t, "status-404.stage.test"))
	if got.code != 3 || !strings.Contains(got.err, "writing the result") {
		t.Errorf("code %d, error %q", got.code, got.err)
	}
}

// A list of 100,000 is like a short one.
func TestLongList(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	t.Parallel()
	var lines strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&lines, "ftp://host/%d\n", i)
	}
	got := rollcall(t, lines.String(), "check", "-")
	if got.code != 3 || strings.Count(got.out, "\n") != 100_004 || !strings.Contains(got.out, "\n100,000 invalid_target\n") || !strings.HasSuffix(got.out, "0 up, 100,000 not checked\n") {
		t.Errorf("code %d, %d lines, error %.300q", got.code, strings.Count(got.out, "\n"), got.err)
	}
}

// The progress counts as the sweep does.
func TestProgressCounts(t *testing.T) {
	p := &progress{total: 5, open: map[*check.Target]time.Time{}, retries: map[*check.Target]int{}}
	targets := make([]check.Target, 5)
	for i := range targets {
		targets[i].Settings = &check.Settings{Retries: 1}
		p.checkStarted(&targets[i])
	}
	down := check.Result{State: check.Down, Reason: check.Timeout}
	p.count(&targets[0], &check.Result{State: check.Up})
	p.count(&targets[1], &check.Result{State: check.Degraded, Reason: check.Expectation})
	p.count(&targets[2], &check.Result{State: check.Down, Reason: check.TLSExpired})
	p.count(&targets[3], &down)
	p.count(&targets[4], &down)
	p.count(&targets[3], &check.Result{State: check.NotChecked, Reason: check.Internal, Short: 1 << 20})
	p.count(&targets[4], &check.Result{State: check.NotChecked, Reason: check.Internal, Exhausted: true})
	for i := range targets {
		p.checkEnded(&targets[i])
	}
	if s := p.state(); s.Done != 3 || s.Down != 1 || s.Degraded != 1 || s.Confirming != 2 || s.Slow != 0 {
		t.Errorf("after the first attempts: %+v", s)
	}
	p.count(&targets[3], &check.Result{State: check.Up})
	p.count(&targets[4], &check.Result{State: check.NotChecked, Reason: check.Deadline})
	if s := p.state(); s.Done != 5 || s.Down != 2 || s.Confirming != 0 {
		t.Errorf("after the confirmations: %+v", s)
	}
	if got := p.state().Line(report.Look{}); got != "100 %  5 of 5  2 down  1 degraded" {
		t.Errorf("the line is %q", got)
	}
	var out bytes.Buffer
	p.out = &out
	if p.redraw(); out.String() != "rollcall: 100 %  5 of 5  2 down  1 degraded\n" {
		t.Errorf("where there is no terminal: %q", &out)
	}
}

// What is written while the line is there takes its place.
func TestProgressGivesWay(t *testing.T) {
	var out bytes.Buffer
	p := &progress{out: &out, live: true, look: report.Look{Width: 20}, total: 2}
	p.redraw()
	fmt.Fprintln(p, "a warning")
	p.redraw()
	if want := "0 %  0 of 2\r\x1b[Ka warning\n0 %  0 of 2"; out.String() != want {
		t.Errorf("got %q, want %q", &out, want)
	}
	logged := &progress{out: &out}
	out.Reset()
	if n, err := logged.Write([]byte("##[error] of a server\n")); n != 22 || err != nil || out.String() != "# #[error] of a server\n" {
		t.Errorf("Write = %d, %v: %q", n, err, out.String())
	}
}

// What showing the progress costs while 1,000 checks are open: at 8 times a
// second, less than 1 % of a processor is 1.25 ms each time.
func BenchmarkProgress(b *testing.B) {
	p := &progress{out: io.Discard, live: true, look: report.Look{Width: 120, Colour: true}, total: 10_000, done: 5000,
		open: map[*check.Target]time.Time{}, retries: map[*check.Target]int{}}
	targets := make([]check.Target, 1000)
	for i := range targets {
		targets[i].Name = fmt.Sprintf("host-%d.example.com", i)
		p.checkStarted(&targets[i])
	}
	for b.Loop() {
		p.redraw()
	}
}
