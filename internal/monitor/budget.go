package monitor

import (
	"context"
	"time"

	"rollcall/internal/check"
)

const (
	// stopGrace is how long a run may publish after the process was asked to
	// stop, which has 300 ms.
	stopGrace = 200 * time.Millisecond
	// canaryGrace is the canary's part of it.
	canaryGrace = 50 * time.Millisecond

	longestMargin = 500 * time.Millisecond
)

// A budget divides the time until the deadline: for the sweep, for publishing,
// and a margin in which the response leaves. Its times are zero where there is
// no deadline.
type budget struct {
	sweepEnd, publishEnd time.Time
	stopping             context.Context
}

// newBudget keeps the reserve, but at most a quarter of the time that is left,
// and a margin of a tenth of it, at most 500 ms. stopping is a Monitor's.
func newBudget(ctx context.Context, now time.Time, reserve time.Duration, stopping context.Context) budget {
	if stopping == nil {
		stopping = context.Background()
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		return budget{stopping: stopping}
	}
	sweep, publish := divide(deadline.Sub(now), reserve)
	return budget{now.Add(sweep), now.Add(publish), stopping}
}

// divide says when the sweep and publishing end in a run of that time.
func divide(left, reserve time.Duration) (sweep, publish time.Duration) {
	margin := min(longestMargin, left/10)
	reserve = max(min(reserve, left/4), margin)
	leaving := margin + min(longestMargin/2, margin/2) // the summary is logged and leaves
	return left - max(reserve, leaving), left - leaving
}

// CheckTime is how much of a run's time its checks may use.
func CheckTime(run, reserve time.Duration) time.Duration {
	sweep, _ := divide(run, reserve)
	return sweep
}

// canaryEnd is when the canary's check ends, which may start when the sweep's
// time is over: half of the time that is left is kept for publishing.
func (b budget) canaryEnd() time.Time {
	if b.publishEnd.IsZero() {
		return time.Time{}
	}
	return b.publishEnd.Add(-time.Until(b.publishEnd) / 2)
}

// until returns a context that ends at a time (zero: never), and a grace period
// after the process was asked to stop; the cause then is check.ErrBudget.
func (b budget) until(ctx context.Context, end time.Time, grace time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	finish := func() { cancel(check.ErrBudget) }
	release := context.AfterFunc(b.stopping, func() { time.AfterFunc(grace, finish) })
	if end.IsZero() {
		return ctx, func() { release(); finish() }
	}
	ctx, done := context.WithDeadlineCause(ctx, end, check.ErrBudget)
	return ctx, func() { release(); finish(); done() }
}
