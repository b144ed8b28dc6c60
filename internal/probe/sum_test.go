package probe

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/wire"
)

// dribbling says first at once and rest after a while, of redirects without end.
func dribbling(first string, after time.Duration, rest string) func(net.Conn) {
	return func(c net.Conn) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		io.WriteString(c, first)
		time.Sleep(after)
		io.WriteString(c, strings.ReplaceAll(rest, "NEXT", req.URL.Path+"x"))
	}
}

// TestRedirectsAreCounted: what a redirect's head takes until its end is the
// server's time, and of the timeout.
func TestRedirectsAreCounted(t *testing.T) {
	const hints = "HTTP/1.1 103 Early Hints\r\n\r\n"
	for _, test := range []struct{ name, first, rest string }{
		{"the rest of a redirect's head", "H", "TTP/1.1 302 X\r\nLocation: NEXT\r\n\r\n"},
		{"a redirect after a hint", hints, "HTTP/1.1 302 X\r\nLocation: NEXT\r\n\r\n"},
	} {
		n := plainly(0, nil)
		n.serve = dribbling(test.first, 900*time.Millisecond, test.rest)
		res := once(t, n, target("http://a.example/", func(s *check.Settings) { s.Timeout = 2 * time.Second }))
		if res.Reason != check.Timeout || res.Duration != 2*time.Second || len(res.Redirects) != 2 || res.LocalDelay != 0 {
			t.Errorf("%s: %v after %v, %d redirects, local delay %v; want a timeout after 2s, in the third", test.name, res.Reason, res.Duration, len(res.Redirects), res.LocalDelay)
		}
		res = once(t, n, target("http://a.example/", func(s *check.Settings) { s.Redirects = 3 }))
		if want := 4 * 900 * time.Millisecond; res.Reason != check.RedirectLoop || res.Phases.Transfer != want || res.Duration != want {
			t.Errorf("%s: %v (%s), transfer %v, duration %v; want redirect_loop after %v", test.name, res.Reason, res.Detail, res.Phases.Transfer, res.Duration, want)
		}
	}
}

// TestEndsAreCounted: so is what a server takes to end what has no length.
func TestEndsAreCounted(t *testing.T) {
	n := plainly(0, nil)
	n.serve = dribbling("HTTP/1.1 200 OK\r\n\r\nall of it", 700*time.Millisecond, "")
	res := once(t, n, target("http://a.example/"))
	if res.State != check.Up || res.Duration != 700*time.Millisecond || res.Phases.Transfer != res.Duration || res.LocalDelay != 0 {
		t.Errorf("%v (%s) after %v, phases %+v; want up after 700ms", res.Reason, res.Detail, res.Duration, res.Phases)
	}
}

func TestSettle(t *testing.T) {
	const ms = time.Millisecond
	both := func(d time.Duration) wire.Span { return wire.Span{Kernel: d, Process: d} }
	for _, test := range []struct {
		name                    string
		before, tls, first      time.Duration
		theirs                  time.Duration
		transfer, leastUnsure   time.Duration
		kernelAhead, wantKernel time.Duration // of the first byte
	}{
		{"all is counted", 0, 5 * ms, 20 * ms, 25 * ms, 0, 0, 0, 0},
		{"more is counted", 0, 5 * ms, 20 * ms, 3 * ms, 0, 0, 0, 0},
		{"some is missing", 0, 5 * ms, 20 * ms, 32 * ms, 7 * ms, ms, 0, 7 * ms},
		{"connections before it have their own", 50 * ms, 5 * ms, 20 * ms, 32 * ms, 7 * ms, ms, 0, 7 * ms},
		{"what two clocks differ by is nothing", 0, 5 * ms, 20 * ms, 25*ms + 50*time.Microsecond, 0, 0, 0, 0},
		{"a clock was set", 0, 5 * ms, 20 * ms, 25 * ms, 0, 0, -20 * ms, 20 * ms},
	} {
		synctest.Test(t, func(t *testing.T) {
			var process wire.Lateness
			process.Start()
			defer process.Stop()
			tl := timeline{process: &process, started: time.Now(), phase: check.Transfer}
			tl.record(check.FirstByte, both(test.before), 0)
			c := &connection{began: time.Now(), before: tl.spoken()}
			tl.record(check.TLS, both(test.tls), 0)
			tl.record(check.FirstByte, wire.Span{Kernel: test.first + test.kernelAhead, Process: test.first}, 0)
			tl.settle(c, wire.Reading{Theirs: test.theirs})
			if got := tl.spans[check.Transfer]; got.Process != test.transfer || got.Kernel != test.wantKernel {
				t.Errorf("%s: the open phase got %+v, want %v, and %v by the kernel's clock", test.name, got, test.transfer, test.wantKernel)
			}
			if tl.uncertainty < test.leastUnsure {
				t.Errorf("%s: uncertainty %v", test.name, tl.uncertainty)
			}
		})
	}
}

// TestLeft: a late read makes one phase longer by the process's clock and the
// next one shorter. Both together decide what is left.
func TestLeft(t *testing.T) {
	const ms = time.Millisecond
	var tl timeline
	tl.record(check.FirstByte, wire.Span{Kernel: 10 * ms, Process: 14 * ms}, 0)
	tl.record(check.Transfer, wire.Span{Kernel: 20 * ms, Process: 16 * ms}, 0)
	if left := tl.left(100 * ms); left != 70*ms {
		t.Errorf("%v are left of 100ms, want 70ms", left)
	}
	tl.record(check.TLS, wire.Span{Kernel: time.Hour, Process: 5 * ms}, 0) // a clock was set
	if left := tl.left(100 * ms); left != 65*ms {
		t.Errorf("%v are left of 100ms, want 65ms", left)
	}
	if left := tl.left(ms); left != 0 {
		t.Errorf("%v are left of 1ms", left)
	}
}

// TestEndsInTime: what ended in time, and was noticed late, took no more than the
// timeout.
func TestEndsInTime(t *testing.T) {
	const ms = time.Millisecond
	var process wire.Lateness
	process.Start()
	defer process.Stop()
	a := attempt{
		t: &check.Target{Settings: &check.Settings{Timeout: 300 * ms}}, share: noShare(),
		time: timeline{process: &process, started: time.Now(), phase: check.Transfer},
	}
	a.time.record(check.FirstByte, wire.Span{Kernel: 290 * ms, Process: 290 * ms}, 0)
	a.time.record(check.Transfer, wire.Span{Kernel: 12 * ms, Process: 12 * ms}, 0)
	a.finish(t.Context(), nil)
	if res := a.res; res.Duration != 300*ms || res.Phases.FirstByte != 290*ms || res.Phases.Transfer != 10*ms {
		t.Errorf("duration %v, phases %+v; want 300ms, of which 290 to the first byte", res.Duration, res.Phases)
	}
}
