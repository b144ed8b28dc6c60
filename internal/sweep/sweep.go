// Package sweep checks many targets at once and gives each exactly one
// result: whatever hangs, panics or runs out of time.
package sweep

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rollcall/internal/check"
)

// confirmAfter is the least time between a failure and its confirmation: what
// is gone by then was a blip.
const confirmAfter = 3 * time.Second

// A Sweeper checks lists of targets. It may be used by many goroutines at once.
type Sweeper struct {
	// Probe checks one target. It ends soon after its context does.
	Probe func(context.Context, *check.Target) check.Result
	// InFlight is how many checks run at once; 0 is 1.
	InFlight int
	// Canary checks what is known to be up, and is asked when most targets
	// seem to be down; nil: the vantage point is never at fault. Its context
	// ends after 5 s and outlives the sweep's, which may have ended already.
	Canary func(context.Context) check.Result
	Log    *slog.Logger
}

// An Outcome is what a sweep found: Results[i] is that of targets[i].
type Outcome struct {
	Results          []check.Result
	VantageUnhealthy bool // we could not see: the results say nothing of the targets
}

// Sweep checks targets until all have ended or ctx has; the cause with which
// a deadline ends it should be check.ErrBudget. Open checks then are Deadline,
// those not begun Unstarted. settled is called, from several goroutines, for
// each result that nothing will change any more; nil: nobody wants to know.
func (s *Sweeper) Sweep(ctx context.Context, targets []check.Target, settled func(i int, r *check.Result)) Outcome {
	r := &round{
		Sweeper: s, targets: targets, settled: settled, gate: newGate(s.InFlight),
		results: make([]check.Result, len(targets)), ended: make([]time.Time, len(targets)),
	}
	all := make([]int, len(targets))
	for i := range all {
		all[i] = i
	}
	r.each(ctx, all, r.first)
	for again := r.failed(); len(again) > 0; again = r.failed() {
		r.attempt++
		r.each(ctx, again, r.confirm)
	}
	return Outcome{r.results, s.vantageUnhealthy(ctx, targets, r.results)}
}

// A round is one sweep under way. Its workers write to different indices.
type round struct {
	*Sweeper
	gate    *gate
	targets []check.Target
	settled func(int, *check.Result)
	results []check.Result
	ended   []time.Time
	attempt int // how many confirmations have been tried
}

// each runs do for every index, InFlight at once, in order.
func (r *round) each(ctx context.Context, indices []int, do func(context.Context, int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(max(r.InFlight, 1), len(indices)) {
		workers.Go(func() {
			for n := next.Add(1) - 1; n < int64(len(indices)); n = next.Add(1) - 1 {
				do(ctx, indices[n])
			}
		})
	}
	workers.Wait()
}

func (r *round) first(ctx context.Context, i int) {
	r.results[i] = r.check(ctx, i)
	r.ended[i] = time.Now()
	if r.settled != nil && !r.wantsAnother(i, 0) {
		r.settled(i, &r.results[i])
	}
}

const (
	exhaustedTries = 20
	exhaustedPause = 50 * time.Millisecond
)

// check is one attempt. Where we ran out of descriptors or ports it is made
// anew with fewer at once: that is nobody's fault but ours.
func (r *round) check(ctx context.Context, i int) (res check.Result) {
	for try := 1; ; try++ {
		res = r.probe(ctx, i)
		if !res.Exhausted {
			r.gate.widen()
			return res
		}
		if limit, worth := r.gate.tighten(); worth {
			r.Log.Warn("too many checks at once for this machine: the check starts anew with fewer", "why", res.Detail, "inFlight", limit)
		}
		if try == exhaustedTries || !waited(ctx, time.Duration(try)*exhaustedPause) {
			return res
		}
	}
}

// probe checks target i once. Its panic is its result.
func (r *round) probe(ctx context.Context, i int) (res check.Result) {
	t := &r.targets[i]
	r.gate.enter()
	defer r.gate.leave()
	if ctx.Err() != nil && t.Invalid == "" {
		return check.Unprobed(t, check.Unstarted, "the run ended before its turn came")
	}
	defer func() {
		if p := recover(); p != nil {
			r.Log.Error("a check panicked", "name", t.Name, "panic", p, "stack", string(debug.Stack()))
			res = check.Unprobed(t, check.Internal, "the check failed within Rollcall; its log has the stack")
		}
	}()
	return r.Probe(ctx, t)
}

// wantsAnother reports whether target i, after so many confirmations, is to be
// looked at once more.
func (r *round) wantsAnother(i, confirmations int) bool {
	return r.results[i].Retryable() && confirmations < r.targets[i].Retries
}

// failed are the targets to confirm, the oldest failure first. A target whose
// last confirmation did not take place has its verdict.
func (r *round) failed() []int {
	var again []int
	for i := range r.results {
		if r.wantsAnother(i, r.attempt) && r.results[i].Attempts == r.attempt+1 {
			again = append(again, i)
		}
	}
	slices.SortStableFunc(again, func(a, b int) int { return r.ended[a].Compare(r.ended[b]) })
	return again
}

// confirm looks at target i again. Where that tells nothing of the target, the
// first verdict stays.
func (r *round) confirm(ctx context.Context, i int) {
	before := r.results[i]
	if waited(ctx, time.Until(r.ended[i].Add(confirmAfter))) {
		if res := r.check(ctx, i); res.Checked() {
			res.Attempts = before.Attempts + 1
			res.Flaky = res.State != check.Down
			r.results[i] = res
		}
	}
	r.ended[i] = time.Now()
	if r.settled != nil && (r.results[i].Attempts == before.Attempts || !r.wantsAnother(i, r.attempt)) {
		r.settled(i, &r.results[i])
	}
}

// waited waits for d unless ctx ends first.
func waited(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

const (
	vantageHosts = 5 // fewer hosts than this say nothing of where we stand
	canaryTime   = 5 * time.Second
)

// vantageUnhealthy reports whether it is us who can't see: more than half of
// at least five hosts failed in ways in which networks fail, and so did the
// canary. When somebody has cancelled the sweep, nobody waits for the canary.
func (s *Sweeper) vantageUnhealthy(ctx context.Context, targets []check.Target, results []check.Result) bool {
	seen, unseen := hosts(targets, results)
	if s.Canary == nil || seen+unseen < vantageHosts || unseen <= seen || errors.Is(context.Cause(ctx), context.Canceled) {
		return false
	}
	canary := s.askCanary(ctx)
	if canary.State != check.Down && canary.Reason != check.Deadline { // no answer in its time is a failure too
		return false
	}
	s.Log.Error("most targets can't be reached and neither can the canary: the vantage point is at fault",
		"hosts", seen+unseen, "unreachable", unseen, "canary", canary.URL, "reason", canary.Reason.String())
	return true
}

// askCanary is one check of the canary. Its panic is its result.
func (s *Sweeper) askCanary(ctx context.Context) (res check.Result) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), canaryTime, check.ErrBudget)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			s.Log.Error("the check of the canary panicked", "panic", p, "stack", string(debug.Stack()))
			res = check.Result{Reason: check.Internal}
		}
	}()
	return s.Canary(ctx)
}

// hosts counts the hosts that were checked: those that something was seen of,
// and those that failed in every check for reasons of the network.
func hosts(targets []check.Target, results []check.Result) (seen, unseen int) {
	visible := make(map[string]bool)
	for i := range results {
		if r := &results[i]; r.Checked() && targets[i].URL != nil {
			host := targets[i].URL.Hostname()
			visible[host] = visible[host] || !network(r.Reason)
		}
	}
	for _, ok := range visible {
		if ok {
			seen++
		} else {
			unseen++
		}
	}
	return seen, unseen
}

// network reports whether r may be the fault of the network between.
func network(r check.Reason) bool {
	switch r {
	case check.DNSNotFound, check.DNSTemporary, check.DNSTimeout,
		check.ConnectionRefused, check.ConnectionReset, check.ConnectionClosed,
		check.Unreachable, check.Timeout:
		return true
	}
	return false
}
