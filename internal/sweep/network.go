package sweep

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"rollcall/internal/check"
)

const (
	leastHosts = 5 // of fewer hosts, nothing may have come from any
	canaryTime = 5 * time.Second
)

// withoutNetwork reports whether it is the monitor that has no network: more
// than half of at least five hosts failed in every check for reasons of the
// network, or nothing came from any of fewer, and the canary failed too. When
// somebody cancelled the sweep, nobody waits for the canary.
func (s *Sweeper) withoutNetwork(ctx context.Context, targets []check.Target, results []check.Result) bool {
	if s.Canary == nil || errors.Is(context.Cause(ctx), context.Canceled) {
		return false
	}
	reached := make(map[string]bool) // by host
	silent := true                   // nothing came from anywhere
	for i := range results {
		if r := &results[i]; (r.Checked() || r.Unrouted) && targets[i].URL != nil {
			host := targets[i].URL.Hostname()
			reached[host] = reached[host] || !r.Unrouted && !ofNetwork(r.Reason)
			silent = silent && noSignOfLife(r)
		}
	}
	unreachable := 0
	for _, ok := range reached {
		if !ok {
			unreachable++
		}
	}
	few := len(reached) < leastHosts
	if few && (!silent || len(reached) == 0) || !few && unreachable <= len(reached)/2 {
		return false
	}
	canary := s.checkCanary(ctx)
	if canary.State != check.Down && canary.Reason != check.Deadline && !canary.Unrouted { // no response in its time is a failure, too
		return false
	}
	s.Log.Error("most targets can't be reached, and neither can the canary: the monitor has no network",
		"hosts", len(reached), "unreachable", unreachable, "canary", s.CanaryURL, "reason", canary.Reason.String())
	return true
}

// checkCanary checks the canary once. Its panic is its result, and it is given up
// and left behind as every attempt is.
func (s *Sweeper) checkCanary(ctx context.Context) check.Result {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), canaryTime, check.ErrBudget)
	defer cancel()
	ended := make(chan check.Result, 1)
	go func() {
		var res check.Result
		defer func() {
			if p := recover(); p != nil {
				s.Log.Error("the check of the canary panicked", "panic", p, "stack", string(debug.Stack()))
				res = check.Result{Reason: check.Internal}
			}
			ended <- res
		}()
		res = s.Canary(ctx)
	}()
	for _, patience := range []time.Duration{canaryTime + look, look} { // the process may have been stopped in the first
		select {
		case res := <-ended:
			return res
		case <-time.After(patience):
		}
	}
	s.Log.Error("the check of the canary did not end and was left behind", "canary", s.CanaryURL)
	return check.Result{Reason: check.Deadline}
}

// noSignOfLife reports whether nothing came from a target or from anyone who
// knows it, although it would have to come from the internet.
func noSignOfLife(r *check.Result) bool {
	switch r.Reason {
	case check.DNSTemporary, check.DNSTimeout:
		return true
	case check.Unreachable:
		return !r.Local
	case check.Timeout:
		return !r.Local && r.Phase == check.Connect
	}
	return r.Unrouted
}

// ofNetwork reports whether a failure may lie in the network between the
// monitor and the target.
func ofNetwork(r check.Reason) bool {
	switch r {
	case check.DNSNotFound, check.DNSTemporary, check.DNSTimeout,
		check.ConnectionRefused, check.ConnectionReset, check.ConnectionClosed,
		check.Unreachable, check.Timeout:
		return true
	}
	return false
}
