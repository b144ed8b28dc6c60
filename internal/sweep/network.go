package sweep

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/weburl"
)

const (
	leastHosts = 5 // of fewer hosts, nothing may have come from any
	canaryTime = 5 * time.Second
)

// A Network is what a sweep saw of the network. Those of the parts of a list add up;
// a host of several parts then counts in each.
type Network struct {
	Hosts       int `json:"hosts"`       // of which anything is known
	Unreachable int `json:"unreachable"` // of those: every check failed for reasons of the network
	Heard       int `json:"heard"`       // targets from which anything came
	Canary      int `json:"canary"`      // canaries that were checked
	Failed      int `json:"failed"`      // of those
}

// Add adds what another part saw.
func (n *Network) Add(other Network) {
	n.Hosts += other.Hosts
	n.Unreachable += other.Unreachable
	n.Heard += other.Heard
	n.Canary += other.Canary
	n.Failed += other.Failed
}

// suspicious reports whether most targets can't be reached: more than half of at
// least five hosts failed in every check for reasons of the network, or nothing came
// from any of fewer.
func (n Network) suspicious() bool {
	if n.Hosts < leastHosts {
		return n.Hosts > 0 && n.Heard == 0
	}
	return n.Unreachable > n.Hosts/2
}

// Missing reports whether it is the monitor that has no network: most targets can't
// be reached, and no canary could.
func (n Network) Missing() bool { return n.suspicious() && n.Canary > 0 && n.Failed == n.Canary }

// network looks at the results, and checks the canary where they are suspicious.
// When somebody cancelled the sweep, nobody waits for the canary.
func (s *Sweeper) network(ctx context.Context, targets []check.Target, results []check.Result) Network {
	var n Network
	reached := make(map[string]bool) // by host
	for i := range results {
		if r := &results[i]; (r.Checked() || r.Unrouted) && targets[i].URL != "" {
			host := weburl.Hostname(targets[i].URL)
			reached[host] = reached[host] || !r.Unrouted && !ofNetwork(r.Reason)
			if !noSignOfLife(r) {
				n.Heard++
			}
		}
	}
	n.Hosts = len(reached)
	for _, ok := range reached {
		if !ok {
			n.Unreachable++
		}
	}
	if s.Canary == nil || errors.Is(context.Cause(ctx), context.Canceled) || !n.suspicious() {
		return n
	}
	n.Canary = 1
	canary := s.checkCanary(ctx)
	if canary.State != check.Down && canary.Reason != check.Deadline && !canary.Unrouted { // no response in its time is a failure, too
		return n
	}
	n.Failed = 1
	s.Log.Error("most targets can't be reached, and neither can the canary: the monitor has no network",
		"hosts", n.Hosts, "unreachable", n.Unreachable, "canary", s.CanaryURL, "reason", canary.Reason.String())
	return n
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
