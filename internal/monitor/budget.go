package monitor

import (
	"context"
	"time"

	"rollcall/internal/check"
)

const (
	// stopGrace is how long a run may publish after it was told to stop; the
	// whole process has 300 ms.
	stopGrace = 200 * time.Millisecond
	// canaryGrace is the canary's part of it.
	canaryGrace = 50 * time.Millisecond

	longestMargin = 500 * time.Millisecond
)

// A budget divides the time until the deadline: the sweep's, then the
// publishing's, then a margin in which the answer leaves. Zero: no deadline.
type budget struct {
	sweepEnd, publishEnd time.Time
}

// newBudget keeps back reserve, but a quarter of the time left at most, and a
// margin of a tenth of it or 500 ms.
func newBudget(ctx context.Context, now time.Time, reserve time.Duration) budget {
	deadline, ok := ctx.Deadline()
	if !ok {
		return budget{}
	}
	left := deadline.Sub(now)
	margin := min(longestMargin, left/10)
	reserve = max(min(reserve, left/4), margin)
	leaving := margin + min(longestMargin/2, margin/2) // the summary is logged and leaves
	return budget{deadline.Add(-max(reserve, leaving)), deadline.Add(-leaving)}
}

// sweeping returns the context of the checks.
func (b budget) sweeping(ctx context.Context, stopped <-chan struct{}) (context.Context, context.CancelFunc) {
	return bounded(ctx, b.sweepEnd, onStop{stopped, 0})
}

// asking returns the context of the canary, which may be asked when the
// sweep's time is over: half of what is left is still the publishing's.
func (b budget) asking(ctx context.Context, stopped <-chan struct{}) (context.Context, context.CancelFunc) {
	end := b.publishEnd
	if !end.IsZero() {
		end = end.Add(-time.Until(end) / 2)
	}
	return bounded(ctx, end, onStop{stopped, canaryGrace})
}

// publishing returns the context in which requests to CloudWatch are made.
func (b budget) publishing(ctx context.Context, stopped <-chan struct{}) (context.Context, context.CancelFunc) {
	return bounded(ctx, b.publishEnd, onStop{stopped, stopGrace})
}

// bounded returns a context that ends at a time (zero: never), and when the
// process has to. Its cause then is check.ErrBudget.
func bounded(ctx context.Context, end time.Time, s onStop) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	finish := func() { cancel(check.ErrBudget) }
	release := s.call(ctx, finish)
	if end.IsZero() {
		return ctx, func() { finish(); release() }
	}
	ctx, done := context.WithDeadlineCause(ctx, end, check.ErrBudget)
	return ctx, func() { done(); finish(); release() }
}

// An onStop is a moment: so long after the process was told to stop.
type onStop struct {
	stopped <-chan struct{} // nil: it never is
	grace   time.Duration
}

// call calls end at that moment. release ends the wait; it is called after ctx
// has ended, and returns when nothing is left of it.
func (s onStop) call(ctx context.Context, end func()) (release func()) {
	if s.stopped == nil {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-ctx.Done():
			return
		case <-s.stopped:
		}
		timer := time.NewTimer(s.grace)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
			end()
		}
	}()
	return func() { <-done }
}
