package probe

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/expect"
)

// A line is where evaluations wait for a CPU, one after the other. A thousand of
// half a second each at the same time would keep every connection waiting.
type line chan struct{}

// lines returns the line for all and that for the slow ones, which leaves a CPU
// to the others where there are two.
func lines() (all, slow line) {
	cpus := runtime.GOMAXPROCS(0)
	return make(line, cpus), make(line, max(cpus-1, 1))
}

// enter waits for a place, which the caller leaves. It reports false if ctx ends
// before there is one.
func (l line) enter(ctx context.Context) bool {
	select {
	case l <- struct{}{}:
		return true
	default:
	}
	select {
	case l <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (l line) leave() { <-l }

// patience is how long an evaluation may take before it has to wait in the line
// of the slow ones, and begin again. Most take some microseconds.
const patience = 5 * time.Millisecond

// judge holds the response against what the target expects. One that passes but
// is not what the target wishes for is degraded. Where that takes longer than our
// patience, it begins again in the line of the slow.
func (a *attempt) judge(ctx context.Context, resp *response) error {
	a.res.Phases, _ = a.time.phases(a.res.IP.IsValid(), time.Now())
	if a.t.Expect == nil && a.t.Warn == nil {
		return a.evaluate(resp, nil) // a look at the status
	}
	err, slow := a.evaluateIn(ctx, a.p.evaluations, resp, patience)
	if slow {
		a.res.Complete, a.res.Expression = true, ""
		err, _ = a.evaluateIn(ctx, a.p.slowEvaluations, resp, time.Hour)
	}
	return err
}

// evaluateIn evaluates the conditions when a line has a place. Where that takes
// longer than a limit, slow is true and err means nothing.
func (a *attempt) evaluateIn(ctx context.Context, l line, resp *response, limit time.Duration) (err error, slow bool) {
	asked := time.Now()
	if !l.enter(ctx) {
		return &verdict{reason: check.Deadline, detail: "the run ended before the response was evaluated"}, false
	}
	defer l.leave()
	a.time.waited += time.Since(asked)
	if a.t.Reads("json") { // which is decoded here, and is gone with the place
		need := decodedSize(resp.text)
		if err := a.share.hold(need); err == nil {
			defer a.share.drop(need)
		} else if !a.share.alone && a.share.short <= a.p.memory.limit {
			return err, false
		} else { // it never fits
			resp.noJSON = true
			a.warnOfMemory("the body and its JSON take", a.share.short)
			a.share.short = 0
		}
	}
	var first time.Time
	err = a.evaluate(resp, func() bool {
		if first.IsZero() {
			first = time.Now()
		}
		slow = time.Since(first) > limit
		return slow || ctx.Err() != nil
	})
	return err, slow
}

// evaluate evaluates the conditions, or ends when stop (nil: never) says so.
func (a *attempt) evaluate(resp *response, stop func() bool) error {
	seen := &check.Response{Result: &a.res, URL: resp.url, Header: resp.header, Body: resp.text, Secrets: a.secrets.Any, Redirected: a.redirected(), Stop: stop, JSONTooLarge: resp.noJSON}
	conditions := a.t.Expect
	if conditions == nil {
		conditions = []check.Condition{expect.Success{}}
	}
	for _, c := range conditions {
		if reason, detail := c.Check(seen); reason != check.OK {
			if resp.broken != nil { // a redirect that can't be followed, and is not what is expected
				a.res.Complete = false
				return resp.broken
			}
			a.res.Expression = c.String()
			if a.anonymous && refusesAnonymous(a.res.Status) {
				return &verdict{reason: check.TLSClientCertificate, detail: fmt.Sprintf("%s, and says %d without one", wantsCertificate, a.res.Status)}
			}
			return &verdict{reason: reason, detail: a.aboutBody(resp, c) + detail}
		}
	}
	for _, c := range a.t.Warn {
		if reason, detail := c.Check(seen); reason != check.OK {
			a.res.Expression = c.String()
			return &verdict{reason: reason, detail: a.aboutBody(resp, c) + detail, degraded: reason != check.Deadline}
		}
	}
	return nil
}

// refusesAnonymous reports whether a server that asked for a client certificate
// says by its status that it wants one: nginx's own are 495 and 496, which it
// sends as 400; others deny access.
func refusesAnonymous(status int) bool {
	return status == 400 || status == 403 || status == 495 || status == 496
}
