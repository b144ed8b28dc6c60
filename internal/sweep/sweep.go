// Package sweep checks many targets at once and gives each exactly one
// result: whatever hangs, panics or runs out of time.
package sweep

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/pause"
)

// confirmAfter is the least time between a failure and the next attempt: what
// is over by then was a blip.
const confirmAfter = 3 * time.Second

// A Sweeper checks lists of targets. It may be used by many goroutines at once.
type Sweeper struct {
	// Probe checks one target. For each hop it calls Turn with its context. It
	// should end soon after its context does, and at its check.Ceiling; one that
	// has not 100 ms later is given up, and panics are its result.
	Probe func(context.Context, *check.Target) check.Result
	// InFlight is how many checks run at once; 0 is 1.
	InFlight int
	// PerHost is how many of them may talk to one host name and port at once; 0
	// is any number.
	PerHost int
	// Canary checks a URL that is known to be up. It is called when most targets
	// seem to be down; nil: the monitor is taken to have a network. Its context
	// ends after 5 s and outlives the sweep's, which may have ended already.
	Canary    func(context.Context) check.Result
	CanaryURL string // as people may see it
	Log       *slog.Logger
	// Memory is how many bytes the checks of a sweep may hold together; 0: any
	// number. What got too little is checked again after all others.
	Memory int64
	// Stuck counts the checks that were given up and have not ended, over all
	// sweeps; nil: over each.
	Stuck *atomic.Int64
}

// An Outcome is what a sweep found: Results[i] is that of targets[i].
type Outcome struct {
	Results          []check.Result
	VantageUnhealthy bool     // the monitor has no network: the results say nothing about the targets
	Warnings         []string // about hosts that were too slow for all of their targets
}

// Sweep checks targets until all are done or ctx ends; the cause with which a
// deadline ends it should be check.ErrBudget. Open checks then are Deadline,
// those not started Unstarted. final is called, from several goroutines, for
// each result as soon as nothing will change it; it may be nil.
func (s *Sweeper) Sweep(ctx context.Context, targets []check.Target, final func(i int, r *check.Result)) Outcome {
	r := &round{
		sweeper: s, final: final, queue: newQueue(s.InFlight, s.PerHost),
		results: make([]check.Result, len(targets)), ended: make([]time.Time, len(targets)), refresher: newRefresher(targets),
	}
	if r.stuck = s.Stuck; r.stuck == nil {
		r.stuck = new(atomic.Int64)
	}
	r.queue.lose(int(r.stuck.Load()))
	defer r.dismiss()
	r.queue.hostOf = r.hostOf
	r.queue.do = func(i int, t *turn) { r.attempt(ctx, i, t) }
	stop := context.AfterFunc(ctx, r.queue.close)
	defer stop()

	next := make([]int, len(targets))
	for i := range next {
		next[i] = i
	}
	r.queue.add(next...)
	r.queue.undone.Wait()
	r.feed(ctx)
	r.findSlow()
	for {
		next = slices.DeleteFunc(next, func(i int) bool { return !r.again(i, r.retry) })
		if len(next) == 0 {
			break
		}
		r.retry++
		slices.SortStableFunc(next, func(a, b int) int { return r.ended[a].Compare(r.ended[b]) }) // the oldest failure first
		for _, i := range next {
			pause.For(ctx, time.Until(r.ended[i].Add(confirmAfter)))
			r.queue.add(i)
		}
		r.queue.undone.Wait()
		r.feed(ctx)
	}
	return Outcome{r.results, s.withoutNetwork(ctx, targets, r.results), r.warnings()}
}

// A round is one sweep in progress. Its checks write to different indices.
type round struct {
	sweeper *Sweeper
	queue   *queue
	final   func(int, *check.Result)
	retry   int // 0: the first attempts take place
	results []check.Result
	ended   []time.Time // of the last attempt
	slow    slowHosts
	refresher
	hands
	hungry
}

// hostOf is a key of target i's host.
func (r *round) hostOf(i int) string {
	if r.targets[i].URL == nil {
		return ""
	}
	return hostKey(r.targets[i].URL)
}

// attempt checks target i, for the first time or, as a retry, once more. Where
// a retry says nothing about the target, the earlier verdict stays.
func (r *round) attempt(ctx context.Context, i int, t *turn) {
	res := &r.results[i]
	if r.retry == 0 {
		if *res = r.check(ctx, i, t); r.wants(i, res) {
			return
		}
	} else if !r.givenUp(i) && (!r.outdated(i, res) || r.refresh(ctx, i)) {
		second := r.check(ctx, i, t)
		if r.wants(i, &second) {
			return
		}
		if second.Checked() {
			second.Attempts = res.Attempts + 1
			second.Flaky = second.State != check.Down
			*res = second
			r.noteConfirmation(i)
		}
	}
	r.ended[i] = time.Now()
	if r.final != nil && !r.again(i, r.retry) {
		r.final(i, res)
	}
}

// again reports whether target i, after that number of retries, is to be checked
// again. A target whose last retry did not take place is not.
func (r *round) again(i, retries int) bool {
	res := &r.results[i]
	return (res.Retryable() && retries < r.targets[i].Retries || r.outdated(i, res)) && res.Attempts == retries+1
}

const (
	exhaustedTries = 20
	exhaustedPause = 50 * time.Millisecond
)

// check is one attempt. Where this process ran out of descriptors or ports, it
// starts again with fewer checks at once: the target has not failed.
func (r *round) check(ctx context.Context, i int, t *turn) check.Result {
	for try := 1; ; try++ {
		res := r.probe(r.reserve(ctx, i), i, t)
		if !res.Exhausted {
			r.queue.widen()
			return res
		}
		if limit, report := r.queue.narrow(); report {
			r.sweeper.Log.Warn("too many checks at once for this machine: the check starts again with fewer", "why", res.Detail, "inFlight", limit)
		}
		if try == exhaustedTries || !t.restart(ctx, time.Duration(try)*exhaustedPause, r.hostOf(i)) {
			return res
		}
	}
}

// probe checks target i, whose turn has come.
func (r *round) probe(ctx context.Context, i int, own *turn) (res check.Result) {
	t := r.target(i)
	if ctx.Err() != nil && t.Invalid == "" {
		return check.Unprobed(t, check.Unstarted, "the run ended before its turn came")
	}
	return r.watched(context.WithValue(ctx, turnKey{}, own), t)
}
