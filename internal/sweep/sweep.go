// Package sweep checks many targets at once and gives each exactly one
// result: whatever hangs, panics or runs out of time.
package sweep

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/pause"
	"rollcall/internal/weburl"
)

// A Sweeper checks lists of targets. It may be used by many goroutines at once.
type Sweeper struct {
	// Probe makes one attempt at a target. It should end soon after its context
	// does, and at the ceiling that it sets in check.AttemptOf its context; one that
	// has not 100 ms later is given up, and panics are its result.
	Probe func(context.Context, *check.Target) check.Result
	// InFlight is how many attempts are made at once; 0 is 1.
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
	// Memory is how many bytes the attempts of a sweep may hold together; 0: any
	// number. What got too little is tried again after all others.
	Memory int64
	// Stuck counts the attempts that were given up and have not ended, over all
	// sweeps; nil: over each.
	Stuck *atomic.Int64
}

// An Outcome is what a sweep found: Results[i] is that of targets[i].
type Outcome struct {
	Results          []check.Result
	VantageUnhealthy bool // the monitor has no network: the results say nothing about the targets
	Network          Network
	Warnings         []string // about hosts that were too slow for all of their targets
}

// A sweep is one in progress. Its attempts write to different indices.
type sweep struct {
	*Sweeper
	ctx       context.Context
	queue     *queue
	refresher // the targets
	final     func(int, *check.Result)
	undone    sync.WaitGroup // attempts that were added and have not ended
	results   []check.Result
	retry     int  // 0: the first attempts take place
	again     bool // those attempts take place that got too little memory
	alone     bool // no two of them at once

	mu     sync.Mutex
	slow   slowHosts
	failed []failure     // targets that are to be confirmed
	short  []int         // targets that got too little memory, and are tried again
	needs  map[int]int64 // how much memory each of those needs
	left   int           // attempts that were given up
	first  string        // the first target of those
}

// A failure is one of target i, which is to be confirmed.
type failure struct {
	i  int
	at time.Time
}

const (
	// confirmAfter is the least time between a failure and the next attempt: what
	// is over by then was a blip.
	confirmAfter = 3 * time.Second

	exhaustedTries = 20
	exhaustedPause = 50 * time.Millisecond

	// maxStuck is how many attempts may be left behind before no more are begun over
	// HTTP/2, of which more is asked than of HTTP/1.1.
	maxStuck = 64
)

// Sweep checks targets until all are done or ctx ends; the cause with which a
// deadline ends it should be check.ErrBudget. Open checks then are Deadline,
// those not started Unstarted. final is called, from several goroutines, for
// each result as soon as nothing will change it; it may be nil.
func (s *Sweeper) Sweep(ctx context.Context, targets []check.Target, final func(i int, r *check.Result)) Outcome {
	w := &sweep{
		Sweeper: s, ctx: ctx, refresher: newRefresher(targets), final: final,
		results: make([]check.Result, len(targets)), needs: map[int]int64{},
	}
	w.queue = newQueue(s, w.hostOf, w.makeAttempts)
	defer context.AfterFunc(ctx, w.close)()
	defer w.watch()()

	all := make([]int, len(targets))
	for i := range all {
		all[i] = i
	}
	w.add(all...)
	w.undone.Wait()
	w.attemptAgain()
	w.findSlow()
	for len(w.failed) > 0 {
		w.retry++
		failed := w.failed
		w.failed = nil
		slices.SortFunc(failed, func(a, b failure) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.i, b.i)) })
		for _, f := range failed {
			pause.For(ctx, time.Until(f.at.Add(confirmAfter)))
			w.add(f.i)
		}
		w.undone.Wait()
		w.attemptAgain()
	}
	if w.left > 0 {
		s.Log.Error("checks did not end and were left behind", "checks", w.left, "first", w.first, "still", w.queue.stuck.Load())
	}
	network := s.network(ctx, targets, w.results)
	return Outcome{w.results, network.Missing(), network, w.warnings()}
}

// add lets attempts at targets take place, as soon as they may.
func (w *sweep) add(indices ...int) {
	w.undone.Add(len(indices))
	w.queue.mu.Lock()
	defer w.queue.mu.Unlock()
	w.queue.unseen = append(w.queue.unseen, indices...)
	w.queue.start(false)
}

// close notes that there is no time for what has not begun.
func (w *sweep) close() {
	for _, i := range w.queue.close() {
		reason, detail := w.reasonToSkip(i)
		res := check.Unprobed(&w.targets[i], reason, detail)
		w.record(i, &res)
	}
}

// attemptAgain makes attempts again that got too little memory and gave back what
// they had, those first that need the least: as many at once as have enough. What
// is alone has all there is, and reads as far as that goes.
func (w *sweep) attemptAgain() {
	memory := cmp.Or(w.Memory, math.MaxInt64)
	for len(w.short) > 0 {
		next := w.short
		slices.SortFunc(next, func(a, b int) int { return cmp.Compare(w.needs[a], w.needs[b]) })
		n := 1
		for n < len(next) && w.needs[next[n]]+check.InFlight <= memory/int64(n+1) {
			n++
		}
		w.short = slices.Clone(next[n:])
		w.again, w.alone = true, n == 1
		w.add(next[:n]...)
		w.undone.Wait()
	}
	w.again, w.alone = false, false
}

// makeAttempts makes an attempt, and then others while there are any. A panic is an
// attempt's result. What is below here needs a stack of 16 KiB, and a little more would
// be one of 32 KiB for each attempt in flight: no result is copied.
func (w *sweep) makeAttempts(a *attempt) {
	for ; a != nil; a = w.queue.next(a) {
		func() {
			reason, unprobed := w.reasonToSkip(a.i)
			t := w.target(a.i)
			defer func() {
				if p := recover(); p != nil {
					w.Log.Error("a check panicked", "name", t.Name, "panic", p, "stack", string(debug.Stack()))
					reason, unprobed = check.Internal, "the check failed within Rollcall; its log has the stack"
				}
				if unprobed != "" {
					a.res = check.Unprobed(t, reason, unprobed)
				}
			}()
			if unprobed != "" {
				return
			}
			a.Alone, a.Place = w.alone, a.place
			if w.again {
				w.mu.Lock()
				a.Reserved = w.needs[a.i]
				w.mu.Unlock()
			}
			if end := time.Now().Add(t.Timeout); t.Timeout > 0 {
				a.SetCeiling(func() time.Time { return end })
			}
			a.res = w.Probe(check.WithAttempt(w.ctx, &a.Attempt), t)
		}()
		if !w.queue.end(a) { // it was given up, and nobody waits for its result
			w.queue.stuck.Add(-1)
		} else if !w.exhausted(a) {
			w.record(a.i, &a.res)
		}
	}
}

// reasonToSkip says why no attempt at target i is to be made; with no text it is.
func (w *sweep) reasonToSkip(i int) (check.Reason, string) {
	t := &w.targets[i]
	switch {
	case t.Invalid != "":
		return check.InvalidTarget, t.Invalid
	case w.retry > 0 && w.givenUp(i):
		return check.Unstarted, "its host is too slow for another attempt"
	case w.ctx.Err() != nil:
		return check.Unstarted, "the run ended before its turn came"
	case t.HTTP != check.HTTP1 && w.queue.stuck.Load() >= maxStuck:
		return check.Unstarted, fmt.Sprintf("%d checks have not ended, and are waited for before more are begun over HTTP/2", maxStuck)
	case w.retry > 0 && w.outdated(i, &w.results[i]) && !w.refresh(w.ctx, i):
		return check.Unstarted, "there are no newer values of its references"
	}
	return check.OK, ""
}

// exhausted lets an attempt begin again later, and with fewer at once, where this
// process ran out of descriptors or ports: the target has not failed.
func (w *sweep) exhausted(a *attempt) bool {
	if !a.res.Exhausted {
		w.queue.widen()
		return false
	}
	limit, try, report := w.queue.narrow(a.i)
	if report {
		w.Log.Warn("too many checks at once for this machine: the check starts again with fewer", "why", a.res.Detail, "inFlight", limit)
	}
	return try < exhaustedTries && w.queue.restart(w.ctx, a, time.Duration(try)*exhaustedPause)
}

// record takes the result of an attempt at target i. Where a retry says nothing
// about the target, the earlier verdict stays, and there is no other.
func (w *sweep) record(i int, res *check.Result) {
	defer w.undone.Done()
	if res.Short > 0 && !w.alone {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.short, w.needs[i] = append(w.short, i), max(res.Short, 2*w.needs[i])
		return
	}
	known := &w.results[i]
	switch {
	case w.retry == 0:
		*known = *res
	case res.Checked():
		res.Attempts = known.Attempts + 1
		res.Flaky = res.State != check.Down
		*known = *res
		w.noteConfirmation(i)
	}
	if (known.Retryable() && w.retry < w.targets[i].Retries || w.outdated(i, known)) && known.Attempts == w.retry+1 {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.failed = append(w.failed, failure{i, time.Now()})
	} else if w.final != nil {
		w.final(i, known)
	}
}

// hostOf is a key of target i's host.
func (w *sweep) hostOf(i int) string {
	if w.targets[i].URL == "" {
		return ""
	}
	return hostKey(weburl.Parsed(w.targets[i].URL))
}
