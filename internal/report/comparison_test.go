package report

import (
	"io"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
)

// compared are five targets that were checked in so long, one after the other
// and all at once.
func compared(slow, fast time.Duration, change func(*Comparison)) *Comparison {
	side := func(d time.Duration) *monitor.Summary {
		s := &monitor.Summary{Targets: 5, Duration: check.Milliseconds(d)}
		for _, name := range strings.Fields("a b c d e") {
			s.Results = append(s.Results, check.Result{URL: "https://" + name, State: check.Up, Status: 200, Attempts: 1, Phases: took(0, 0, 0, 100), Duration: 100 * ms})
		}
		return s
	}
	c := &Comparison{OneByOne: side(slow), AtOnce: side(fast), InFlight: 1000, Cores: 2}
	change(c)
	return c
}

func TestComparison(t *testing.T) {
	const lines = "sync_run: 0.5012\nasync_run: 0.1001\nasync_run - sync_run: -0.4011\n\nAll at once, 5 targets: 401.1 ms or 80 % saved.\n"
	for name, test := range map[string]struct {
		change func(*Comparison)
		want   string
	}{
		"bound by places": {func(*Comparison) {},
			lines + "Estimate for 100,000 such targets: 2.8 h one after the other, 10 s all at once (limited by 1000 in flight, 100.0 ms each).\n"},
		"bound by the processor": {func(c *Comparison) { c.CPU = ms },
			lines + "Estimate for 100,000 such targets: 2.8 h one after the other, 50 s all at once (limited by 1.00 ms of CPU time a check, 2 cores).\n"},
		"bound by names": {func(c *Comparison) { c.Names = 450 },
			lines + "Estimate for 100,000 such targets: 2.8 h one after the other, 4 min all at once (limited by 450 DNS lookups a second).\n"},
		"one host": {func(c *Comparison) {
			c.Names = 450
			for i := range c.AtOnce.Results {
				c.AtOnce.Results[i].URL = "https://a/" + string(rune('a'+i))
			}
		}, lines + "Estimate for 100,000 such targets: 2.8 h one after the other, 45 s all at once (limited by 450 DNS lookups a second).\n"},
		"failures": {func(c *Comparison) {
			c.OneByOne.Results[0].State, c.OneByOne.Results[0].Reason, c.OneByOne.Results[0].Status = check.Down, check.Status, 503
			c.OneByOne.Results[1].State, c.OneByOne.Results[1].Reason, c.OneByOne.Results[1].Status = check.Down, check.Timeout, 0
			c.AtOnce.Results[0].State, c.AtOnce.Results[0].Reason = check.Down, check.Expectation
			c.AtOnce.Results[1].URL, c.AtOnce.Results[1].State, c.AtOnce.Results[1].Reason = "https://x\n\x1b[2J", check.Down, check.DNSTimeout
		}, "Error: https://a - 503\nError: https://b - timeout\nsync_run: 0.5012\nError: https://a - expectation\nError: https://x··[2J - dns_timeout\nasync_run: 0.1001\n"},
	} {
		got := shown(t, nil, func(w io.Writer, _ *monitor.Summary) error {
			return compared(501200*time.Microsecond, 100100*time.Microsecond, test.change).Write(w)
		})
		if !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, test.want)
		}
	}
}

// On a terminal two bars to scale come first, and all the rest as in a pipe.
func TestComparisonOnATerminal(t *testing.T) {
	at := func(slow, fast time.Duration, l Look) string {
		return shown(t, nil, func(w io.Writer, _ *monitor.Summary) error {
			return compared(slow, fast, func(c *Comparison) { c.Look = l }).Write(w)
		})
	}
	got := at(1900*ms, 280*ms, Look{Width: 80})
	const bars = "one after the other  █████████████████████████████  1.9 s\nall at once          ████  280 ms  6.8 × as fast\n\nsync_run: 1.9000\nasync_run: 0.2800\nasync_run - sync_run: -1.6200\n"
	if !strings.HasPrefix(got, bars) {
		t.Errorf("got\n%s\nwant\n%s", got, bars)
	}
	if same := strings.Fields(at(1900*ms, 280*ms, Look{})); !strings.HasSuffix(strings.Join(strings.Fields(got), " "), strings.Join(same, " ")) {
		t.Errorf("the rest of\n%s\nis not %s", got, same)
	}
	if got := at(100*ms, 200*ms, Look{Width: 120}); strings.Contains(got, "×") {
		t.Errorf("slower, it says\n%s", got)
	}
	if got := at(1900*ms, 28*ms, Look{Width: 30}); !strings.HasPrefix(got, "one after the other  1.9 s\n██████████████████████████████\nall at once  28 ms  68 × as\nfast\n█\n\nsync") {
		t.Errorf("narrow, it says\n%s", got)
	}
	for columns := 1; columns < 200; columns++ {
		for line := range strings.Lines(at(1900*ms, 280*ms, Look{Width: columns})) {
			if width(strings.TrimSuffix(line, "\n")) > columns {
				t.Fatalf("at %d columns: %q", columns, line)
			}
		}
	}
}

func TestSaved(t *testing.T) {
	for _, test := range []struct {
		slow, fast time.Duration
		want       string
	}{{time.Second, 250 * ms, "750.0 ms or 75 % saved"}, {ms, ms, "nothing saved"}, {ms, 2 * ms, "nothing saved"}, {0, 0, "nothing saved"}} {
		if got := Saved(test.slow, test.fast); got != test.want {
			t.Errorf("Saved(%v, %v) = %q, want %q", test.slow, test.fast, got, test.want)
		}
	}
}

func TestProgressLine(t *testing.T) {
	p := Progress{Total: 1000, Done: 250, Down: 2, Degraded: 1, Confirming: 3, Slow: 4, Slowest: "a\x1b[2Jb", Waiting: 4 * time.Second, Elapsed: 10 * time.Second}
	for columns, want := range map[int]string{
		0:   "25 %  250 of 1,000  2 down  1 degraded  4 slow: a·[2Jb 4 s  about 30 s left  3 to confirm",
		3:   "25…",
		17:  "25 %",
		20:  "25 %  250 of 1,000",
		45:  "██░░░░░░░░ 25 %  250 of 1,000  2 down",
		60:  "██░░░░░░░░ 25 %  250 of 1,000  2 down  1 degraded",
		80:  "██░░░░░░░░ 25 %  250 of 1,000  2 down  1 degraded  4 slow: a·[2Jb 4 s",
		110: "█████░░░░░░░░░░░░░░░ 25 %  250 of 1,000  2 down  1 degraded  4 slow: a·[2Jb 4 s  about 30 s left  3 to confirm",
	} {
		if got := p.Line(Look{Width: columns}); got != want {
			t.Errorf("at %d columns %q, want %q", columns, got, want)
		}
	}
	for columns := 1; columns < 120; columns++ {
		if got := p.Line(Look{Width: columns}); width(got) > columns {
			t.Errorf("at %d columns %q", columns, got)
		}
	}
	if got := (Progress{}).Line(Look{Width: 80}); got != "░░░░░░░░░░ 0 %  0 of 0" {
		t.Errorf("of nothing: %q", got)
	}
}

func TestChanges(t *testing.T) {
	result := func(name string, state check.State, reason check.Reason) check.Result {
		return check.Result{Name: name, State: state, Reason: reason, Detail: "in short"}
	}
	before := &monitor.Summary{Results: []check.Result{
		result("steady", check.Up, check.OK), result("fallen", check.Up, check.OK), result("risen", check.Down, check.Timeout), result("other", check.Down, check.Timeout),
	}}
	after := &monitor.Summary{Started: time.Date(2026, 11, 23, 12, 0, 0, 0, time.Local), Results: []check.Result{
		result("steady", check.Up, check.OK), result("fallen", check.Down, check.Status), result("risen", check.Up, check.OK), result("other", check.Down, check.TLSExpired), result("new", check.Up, check.OK),
	}}
	want := "12:00:00  down  fallen  status: in short (was up)\n12:00:00  down  other  tls_expired: in short (was timeout)\n12:00:00  up  risen  in short (was down)"
	if got := strings.Join(Changes(before, after, Look{}), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, line := range Changes(before, after, Look{Width: 30}) {
		if width(line) > 30 {
			t.Errorf("too wide: %q", line)
		}
	}
}

func TestList(t *testing.T) {
	got := shown(t, nil, func(w io.Writer, _ *monitor.Summary) error {
		return List(w, [][2]string{{"a", "first"}, {"界b", "sec\nond"}})
	})
	if want := "a    first\n界b  sec·ond\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
