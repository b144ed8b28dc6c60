package probe

import (
	"errors"
	"io"
	"syscall"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/wire"
)

// leastUncertainty is how exactly instants can be told apart on an idle
// machine, once a phase.
const leastUncertainty = 50 * time.Microsecond

// A timeline is what the clocks say of an attempt so far.
type timeline struct {
	process     *wire.Lateness
	started     time.Time
	phase       check.Phase // the one that is open
	spans       [check.Transfer + 1]wire.Span
	happened    [check.Transfer + 1]bool
	unstamped   bool // some bytes had no kernel stamp
	uncertainty time.Duration
	waited      time.Duration // for a turn at a host, the resolver's rate, or a turn to decode a body: not in the delay that is reported as ours
}

// record adds to a phase, and to the uncertainty of all.
func (t *timeline) record(phase check.Phase, span wire.Span, uncertainty time.Duration) {
	t.spans[phase] = t.spans[phase].Add(span)
	t.happened[phase] = true
	t.uncertainty += uncertainty
}

// recordUntil is record of a phase that ended with err: it took as long as
// stamped, unless the connection's own end, which has no stamp, ended it.
func (t *timeline) recordUntil(err error, phase check.Phase, stamped wire.Span, began time.Time) {
	if err == nil || !connectionEnded(err) {
		t.record(phase, stamped, 0)
		return
	}
	took := time.Since(began)
	t.record(phase, wire.Span{Kernel: took, Process: took}, t.lateness(began))
}

// recordHead is of a response's head, or of what came instead of one: err.
func (t *timeline) recordHead(c *connection, o *observer, head wire.Reading, err error) {
	t.noteStamps(head)
	first := o.first
	if !o.seen { // a reset has no stamp: its time is the process's
		t.recordUntil(err, check.FirstByte, head.Arrived.Since(head.Sent), o.began)
		return
	}
	span := first.Arrived.Since(first.Sent)
	uncertainty := first.Gap
	if o.segments > 1 {
		// The kernel keeps the last stamp of the segments that it merges: a body that trickles
		// behind its head is taken for it by a reader who is late.
		uncertainty += min(t.lateness(o.began), span.Kernel)
	}
	t.record(check.FirstByte, span, uncertainty)
	t.settle(c, first) // a long request that was taken slowly
	t.phase = check.Transfer
	t.recordUntil(err, check.Transfer, head.Arrived.Since(first.Arrived), first.Arrived.Process()) // so far, which is all of a redirect
}

func connectionEnded(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// settle closes the sum: what a connection has made us wait, by its reading r,
// is in its phases, or the one that is open gets what is missing. So nothing that
// a server does with its time is taken for a delay of ours.
func (t *timeline) settle(c *connection, r wire.Reading) {
	counted := t.spoken()
	missing := wire.Span{
		Kernel:  r.Theirs - (counted.Kernel - c.before.Kernel),
		Process: r.Theirs - (counted.Process - c.before.Process),
	}
	if missing.Kernel <= 2*leastUncertainty && missing.Process <= 2*leastUncertainty {
		return
	}
	missing = wire.Span{Kernel: max(0, missing.Kernel), Process: max(0, missing.Process)}
	t.record(t.phase, missing, min(missing.Kernel, t.lateness(c.began)))
}

// spoken is the time of all phases that take place on a connection.
func (t *timeline) spoken() (sum wire.Span) {
	for phase := check.TLS; phase <= check.Transfer; phase++ {
		sum = sum.Add(t.spans[phase])
	}
	return sum
}

// noteStamps notes whether what was read had stamps.
func (t *timeline) noteStamps(r wire.Reading) {
	if r.Received > 0 && !r.Stamped {
		t.unstamped = true
	}
}

// lateness is the uncertainty of the process's clock about what happened since
// then.
func (t *timeline) lateness(then time.Time) time.Duration {
	return t.process.Since(then)
}

// left is what there is left of the target's timeout: what its own phases took
// so far is gone, what we added is not. A clock that was set must not end the
// attempt.
func (t *timeline) left(timeout time.Duration) time.Duration {
	var spent wire.Span
	for _, s := range t.spans {
		spent = spent.Add(s)
	}
	return max(timeout-min(spent.Kernel, spent.Process), 0)
}

// phases are the phases so far, and which clock measured them: the kernel's
// unless bytes came without its stamp, or there was no connection, or somebody
// set the wall clock, which the stamps are of.
func (t *timeline) phases(connected bool, now time.Time) (check.Phases, check.Clock) {
	clock := check.ProcessClock
	wall := now.Round(0).Sub(t.started.Round(0))
	if connected && !t.unstamped && !stepped(wall, now.Sub(t.started)) {
		clock = check.KernelClock
	}
	return t.measured(clock), clock
}

// measured are the phases so far by one clock.
func (t *timeline) measured(clock check.Clock) check.Phases {
	p := check.NoPhases()
	for phase := check.DNS; phase <= check.Transfer; phase++ {
		if !t.happened[phase] {
			continue
		}
		took := t.spans[phase].Process
		if clock == check.KernelClock {
			took = t.spans[phase].Kernel
		}
		*p.At(phase) = max(took, 0)
	}
	return p
}

// stepped reports whether the wall clock was set while the monotonic one showed
// that elapsed went by. Both follow the same rate.
func stepped(wall, elapsed time.Duration) bool {
	return (wall - elapsed).Abs() > time.Millisecond
}

// unsure: more than 5 ms, or more than both 1 ms and a tenth of the duration.
func unsure(uncertainty, duration time.Duration) bool {
	return uncertainty > 5*time.Millisecond || uncertainty > max(time.Millisecond, duration/10)
}

// endPhases lets the phase that was open end at limit, so that all of them
// together took just that. Where those before it seem to have taken longer,
// which the process's clock may say, the latest of them did not.
func endPhases(p *check.Phases, open check.Phase, limit time.Duration) {
	*p.At(open) = 0
	for phase := check.Transfer; phase >= check.DNS && p.Sum() > limit; phase-- {
		if at := p.At(phase); *at != check.Absent {
			*at = max(0, *at-(p.Sum()-limit))
		}
	}
	*p.At(open) += limit - p.Sum()
}
