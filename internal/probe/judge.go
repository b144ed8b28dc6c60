package probe

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/expect"
)

// A line is where what takes a CPU waits for one: a thousand evaluations of half a
// second each at the same time would keep every connection waiting. The
// cheapest is the next; of the equally cheap, the one that came first.
type line struct {
	mu      sync.Mutex
	free    int       // places
	waiting []*waiter // the cheapest first
}

type waiter struct {
	cost   int64
	called chan bool // true: it has a place; false: too many wait
}

// lines returns the line for all and that for the slow ones, which leaves a CPU
// to the others where there are two.
func lines() (all, slow *line) {
	cpus := runtime.GOMAXPROCS(0)
	return &line{free: cpus}, &line{free: max(cpus-1, 1)}
}

// enter waits for a place, which the caller leaves. The error is ctx's, or errShort if
// more wait than is enough and this one is the most expensive of them.
func (l *line) enter(ctx context.Context, cost int64, enough int) error {
	l.mu.Lock()
	if l.free > 0 {
		l.free--
		l.mu.Unlock()
		return nil
	}
	w := &waiter{cost, make(chan bool, 1)}
	at, _ := slices.BinarySearchFunc(l.waiting, cost+1, func(other *waiter, cost int64) int { return cmp.Compare(other.cost, cost) })
	l.waiting = slices.Insert(l.waiting, at, w)
	if last := len(l.waiting) - 1; last >= enough {
		l.waiting[last].called <- false
		l.waiting = l.waiting[:last]
	}
	l.mu.Unlock()
	select {
	case there := <-w.called:
		if there {
			return nil
		}
		return errShort
	case <-ctx.Done():
		l.mu.Lock()
		l.waiting = slices.DeleteFunc(l.waiting, func(other *waiter) bool { return other == w })
		l.mu.Unlock()
		select {
		case there := <-w.called: // meanwhile
			if there {
				l.leave()
			}
		default:
		}
		return ctx.Err()
	}
}

// leave gives the place to the next.
func (l *line) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		l.free++
		return
	}
	l.waiting[0].called <- true
	l.waiting = slices.Delete(l.waiting, 0, 1)
}

// How many checks may wait in the line of the slow ones, with their places among
// the checks in flight and what they hold. Any more end, as those do that get too
// little memory, and begin again when all others are done, the cheapest first.
const (
	fewWaiting  = 2  // at first, when all others are under way too
	someWaiting = 16 // of those that begin again; as many are at once
)

// enterSlow waits in the line of the slow ones, or fails with late when ctx ends. The
// caller leaves the line if there is no error.
func (a *attempt) enterSlow(ctx context.Context, cost int64, late error) error {
	limit, own := a.p.memory.limit, a.sweep.Reserved
	if a.sweep.Alone {
		own = limit
	}
	need := min(limit/someWaiting+cost, limit-check.InFlight) // so the cheapest begin again first
	enough := fewWaiting
	if own >= need {
		enough = someWaiting
	}
	asked, err := time.Now(), error(errShort)
	if own == 0 || own >= need { // else it is for lack of memory that it began again, and others may do so before it
		err = a.p.slowEvaluations.enter(ctx, cost, enough)
	}
	switch {
	case err == nil:
		a.time.waited += time.Since(asked)
		return nil
	case err == errShort && ctx.Err() == nil:
		a.share.short = max(a.share.short, need)
		return err
	}
	return late
}

const (
	// patience is how long an evaluation may take of a CPU before it has to wait in
	// the line of the slow ones, and begin again. Most take some microseconds.
	patience = 5 * time.Millisecond

	// largeJSON, in bytes of memory, is slow whatever the expressions: it takes some
	// 20 ms to decode, in which nothing can stop it. Its cost in the line is its size.
	largeJSON = 4 << 20

	// slowCost is that of an expression that used up our patience. It may take as
	// long as half a second, in which so much JSON is decoded.
	slowCost = 1 << 30
)

// judgeInTurn judges a response when it is the check's turn. Where that takes longer
// than our patience, it begins again in the line of the slow.
func (a *attempt) judgeInTurn(ctx context.Context, resp *response) error {
	a.res.Phases, _ = a.time.phases(a.res.IP.IsValid(), time.Now())
	late := &verdict{reason: check.Deadline, detail: "the run ended before the response was evaluated"}
	need := int64(0) // of the JSON, while the expressions are evaluated
	if a.t.Reads("json") {
		need = decodedSize(resp.text)
	}
	cost := need
	if need <= largeJSON {
		asked := time.Now()
		if a.p.evaluations.enter(ctx, int64(len(resp.text)), math.MaxInt) != nil {
			return late
		}
		a.time.waited += time.Since(asked)
		err, slow := a.judgeAt(ctx, a.p.evaluations, resp, need, patience)
		if !slow {
			return err
		}
		a.res.Complete, a.res.Expression = true, ""
		cost = slowCost + int64(len(resp.text))
	}
	if err := a.enterSlow(ctx, cost, late); err != nil {
		return err
	}
	err, _ := a.judgeAt(ctx, a.p.slowEvaluations, resp, need, time.Hour)
	return err
}

// judgeAt judges a response at the place in a line that the check has, and leaves it.
// Where that takes longer than a limit, slow is true and err means nothing.
func (a *attempt) judgeAt(ctx context.Context, l *line, resp *response, need int64, limit time.Duration) (err error, slow bool) {
	defer l.leave()
	runtime.LockOSThread() // whose CPU time is looked at
	defer runtime.UnlockOSThread()
	if need > 0 { // the JSON is decoded here, and is gone with the place
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
	var cpu time.Duration
	err = a.judge(resp, func() bool {
		if first.IsZero() {
			first, cpu = time.Now(), a.p.cpu()
		}
		slow = time.Since(first) > limit && a.p.cpu()-cpu > limit // it is not slow because others run
		return slow || ctx.Err() != nil
	})
	return err, slow
}

// judge holds a response against what the target expects, or ends when stop (nil:
// never) says so. One that passes but is not what the target wishes for is degraded.
func (a *attempt) judge(resp *response, stop func() bool) error {
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
			if a.identified && refusesAnonymous(a.res.Status) {
				detail += "; the server may have refused the client certificate"
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
