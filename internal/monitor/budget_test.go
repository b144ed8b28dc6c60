package monitor

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/check"
)

const (
	ms     = time.Millisecond
	second = time.Second
)

// Ends are counted from the run's start.
func TestNewBudget(t *testing.T) {
	for _, test := range []struct {
		name                          string
		left, reserve, sweep, publish time.Duration
	}{
		{"a minute", 60 * second, 5 * second, 55 * second, 59250 * ms},
		{"fifteen minutes", 900 * second, 5 * second, 895 * second, 899250 * ms},
		{"a quarter at most", 10 * second, 5 * second, 7500 * ms, 9250 * ms},
		{"a quarter, also when more is set", 60 * second, 50 * second, 45 * second, 59250 * ms},
		{"the margin is a tenth at most", 2 * second, 5 * second, 1500 * ms, 1700 * ms},
		{"a tenth of a second", 100 * ms, 5 * second, 75 * ms, 85 * ms},
		{"the margin is kept, also when nothing is", 60 * second, 0, 59250 * ms, 59250 * ms},
		{"no time at all", 0, 5 * second, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			now := time.Now()
			ctx, cancel := context.WithDeadline(t.Context(), now.Add(test.left))
			defer cancel()
			b := newBudget(ctx, now, test.reserve, nil)
			if got := CheckTime(test.left, test.reserve); got != test.sweep {
				t.Errorf("CheckTime is %v, want %v", got, test.sweep)
			}
			if sweep, publish := b.sweepEnd.Sub(now), b.publishEnd.Sub(now); sweep != test.sweep || publish != test.publish {
				t.Errorf("got %v and %v, want %v and %v", sweep, publish, test.sweep, test.publish)
			}
		})
	}
}

func TestNewBudgetAfterTheDeadline(t *testing.T) {
	now := time.Now()
	ctx, cancel := context.WithDeadline(t.Context(), now.Add(-time.Second))
	defer cancel()
	if b := newBudget(ctx, now, 5*time.Second, nil); b.sweepEnd.After(now) || b.publishEnd.After(now) {
		t.Errorf("ends %v and %v after now", b.sweepEnd.Sub(now), b.publishEnd.Sub(now))
	}
}

func TestNewBudgetWithoutDeadline(t *testing.T) {
	if got := newBudget(t.Context(), time.Now(), 5*time.Second, nil); got != (budget{stopping: context.Background()}) {
		t.Errorf("got %+v", got)
	}
}

// When each context ends, and of what.
func TestBudgetContexts(t *testing.T) {
	const never = -1
	var mu sync.Mutex
	for _, test := range []struct {
		name                       string
		deadline, stop             time.Duration // 0: none
		sweep, canary, publication time.Duration
	}{
		{"no deadline", 0, 0, never, never, never},
		{"a deadline", 60 * second, 0, 55 * second, 29625 * ms, 59250 * ms},
		{"stopped", 0, 2 * second, 2 * second, 2050 * ms, 2200 * ms},
		{"stopped before the deadline", 60 * second, 2 * second, 2 * second, 2050 * ms, 2200 * ms},
		{"stopped too late to matter", 10 * second, 9600 * ms, 7500 * ms, 4625 * ms, 9250 * ms},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				stopping, stop := context.WithCancel(ctx)
				defer stop()
				if test.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.deadline)
					defer cancel()
				}
				if test.stop > 0 {
					time.AfterFunc(test.stop, stop)
				}
				began, b := time.Now(), newBudget(ctx, time.Now(), 5*second, stopping)
				ends := map[string]time.Duration{"sweep": never, "canary": never, "publication": never}
				for name, end := range map[string]struct {
					at    time.Time
					grace time.Duration
				}{
					"sweep": {b.sweepEnd, 0}, "canary": {b.canaryEnd(), canaryGrace}, "publication": {b.publishEnd, stopGrace},
				} {
					bounded, cancel := b.until(context.WithoutCancel(ctx), end.at, end.grace)
					defer cancel()
					context.AfterFunc(bounded, func() {
						mu.Lock()
						defer mu.Unlock()
						ends[name] = time.Since(began)
						if !errors.Is(context.Cause(bounded), check.ErrBudget) {
							t.Errorf("%s ended of %v", name, context.Cause(bounded))
						}
					})
				}
				time.Sleep(time.Hour)
				mu.Lock()
				defer mu.Unlock()
				want := map[string]time.Duration{"sweep": test.sweep, "canary": test.canary, "publication": test.publication}
				if !maps.Equal(ends, want) {
					t.Errorf("ended after %v, want %v", ends, want)
				}
			})
		})
	}
}

// The caller's end is everybody's, with the caller's cause.
func TestBudgetCallerGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := newBudget(ctx, time.Now(), 5*second, nil)
		sweeping, release := b.until(ctx, b.sweepEnd, 0)
		defer release()
		cancel()
		if err := context.Cause(sweeping); !errors.Is(err, context.Canceled) {
			t.Errorf("cause %v", err)
		}
	})
}
