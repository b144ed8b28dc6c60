package probe

import (
	"errors"
	"io"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/wire"
)

// TestRecordUntil: the end of a connection has no stamp, so a phase that it ended
// took as long as the process saw.
func TestRecordUntil(t *testing.T) {
	const stamped, seen = 200 * time.Millisecond, time.Second
	for _, test := range []struct {
		err  error
		want time.Duration
	}{
		{nil, stamped}, {errTimeout, stamped}, {errors.New("odd"), stamped},
		{io.EOF, seen}, {io.ErrUnexpectedEOF, seen}, {syscall.ECONNRESET, seen}, {syscall.EPIPE, seen},
	} {
		synctest.Test(t, func(t *testing.T) {
			var process wire.Lateness
			process.Start()
			defer process.Stop()
			tl := timeline{process: &process, started: time.Now()}
			began := time.Now()
			time.Sleep(seen)
			tl.recordUntil(test.err, check.TLS, wire.Span{Kernel: stamped, Process: stamped}, began)
			if got := tl.spans[check.TLS]; got.Kernel != test.want || got.Process != test.want || !tl.happened[check.TLS] {
				t.Errorf("%v: took %+v, want %v", test.err, got, test.want)
			}
			if (tl.uncertainty > 0) != (test.want == seen) {
				t.Errorf("%v: uncertainty %v", test.err, tl.uncertainty)
			}
		})
	}
}

// TestClock: the kernel's, unless there was no connection, bytes came without
// its stamp, or somebody set the clock that the stamps are of.
func TestClock(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		name      string
		tl        timeline
		connected bool
		want      check.Clock
	}{
		{"all stamped", timeline{started: now.Add(-time.Second)}, true, check.KernelClock},
		{"no connection", timeline{started: now.Add(-time.Second)}, false, check.ProcessClock},
		{"a read without a stamp", timeline{started: now.Add(-time.Second), unstamped: true}, true, check.ProcessClock},
	} {
		test.tl.record(check.TLS, wire.Span{Kernel: 3 * time.Millisecond, Process: 5 * time.Millisecond}, 0)
		phases, clock := test.tl.phases(test.connected, now)
		want := map[check.Clock]time.Duration{check.KernelClock: 3 * time.Millisecond, check.ProcessClock: 5 * time.Millisecond}[test.want]
		if clock != test.want || phases.TLS != want || phases.DNS != check.Absent {
			t.Errorf("%s: %v by the %v's clock, want TLS %v by the %v's", test.name, phases, clock, want, test.want)
		}
	}
}
