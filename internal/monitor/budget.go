package monitor

import (
	"context"
	"time"

	"rollcall/internal/probe"
)

const (
	// stopGrace is how long a run may publish after it was told to stop; the
	// whole process has 300 ms.
	stopGrace = 200 * time.Millisecond

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
	return budget{deadline.Add(-reserve), deadline.Add(-margin)}
}

// sweeping returns the context of the checks. Its cause is probe.ErrBudget
// when the budget or the process ends.
func (b budget) sweeping(ctx context.Context, stopped <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	end := func() { cancel(probe.ErrBudget) }
	release := onStop(ctx, stopped, 0, end)
	if b.sweepEnd.IsZero() {
		return ctx, func() { end(); release() }
	}
	ctx, done := context.WithDeadlineCause(ctx, b.sweepEnd, probe.ErrBudget)
	return ctx, func() { done(); end(); release() }
}

// publishing returns the context in which requests to CloudWatch are made.
func (b budget) publishing(ctx context.Context, stopped <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	release := onStop(ctx, stopped, stopGrace, cancel)
	if b.publishEnd.IsZero() {
		return ctx, func() { cancel(); release() }
	}
	ctx, done := context.WithDeadline(ctx, b.publishEnd)
	return ctx, func() { done(); cancel(); release() }
}

// onStop calls end so long after stopped is closed. release ends the wait; it
// is called after ctx has ended, and returns when nothing is left of it.
func onStop(ctx context.Context, stopped <-chan struct{}, grace time.Duration, end func()) (release func()) {
	if stopped == nil {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-ctx.Done():
			return
		case <-stopped:
		}
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
			end()
		}
	}()
	return func() { <-done }
}
