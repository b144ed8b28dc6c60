package probe

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/check"
)

// A lasting condition takes as long to evaluate, or until it is stopped.
type lasting time.Duration

func (lasting) String() string    { return "lasting" }
func (lasting) Reads(string) bool { return false }

func (l lasting) Check(r *check.Response) (check.Reason, string) {
	for end := time.Now().Add(time.Duration(l)); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if r.Stop() {
			return check.Deadline, "stopped"
		}
	}
	return check.OK, ""
}

// oneCPU lets p have one CPU, which time in a bubble is taken for.
func oneCPU(p *Prober) {
	p.evaluations, p.slowEvaluations = &line{free: 1}, &line{free: 1}
	start := time.Now()
	p.cpu = func() time.Duration { return time.Since(start) }
}

// TestSlowEvaluationsKeepNobodyWaiting: of those that take two seconds each few wait
// for each other, and the rest gives way; all others have their verdicts soon, and the
// run's end stops what is left.
func TestSlowEvaluationsKeepNobodyWaiting(t *testing.T) {
	const each, slowOnes = 20, 2 * time.Second
	synctest.Test(t, func(t *testing.T) {
		p := plainly(0, always(page(200, "", "ok"))).prober()
		defer p.Close()
		oneCPU(p)
		began := time.Now()
		ctx, cancel := context.WithDeadlineCause(t.Context(), began.Add(3*time.Second), check.ErrBudget)
		defer cancel()
		var all sync.WaitGroup
		var mu sync.Mutex
		reasons := map[check.Reason]int{}
		for i := range 2 * each {
			all.Go(func() {
				takes := lasting(slowOnes)
				if i >= each {
					time.Sleep(time.Millisecond) // until all the slow ones are in the line
					takes = lasting(patience / 2)
				}
				res := p.Probe(ctx, target("http://a.example/", func(s *check.Settings) {
					if s.Expect = []check.Condition{takes}; i%2 == 0 {
						s.Expect, s.Warn = nil, []check.Condition{takes}
					}
				}))
				mu.Lock()
				defer mu.Unlock()
				if i < each {
					reasons[res.Reason]++
					if res.State != check.Up && res.State != check.NotChecked {
						t.Errorf("a slow one is %v", res.State)
					}
					return
				}
				if took, most := time.Since(began), each*2*patience; res.State != check.Up || took > most || res.LocalDelay > 2*patience {
					t.Errorf("a quick one is %v after %v with a local delay of %v; want up within %v", res.State, took, res.LocalDelay, most)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took > 3*time.Second+2*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if reasons[check.OK] != 1 || reasons[check.Deadline] != fewWaiting || reasons[check.Internal] != each-1-fewWaiting {
			t.Errorf("of the slow ones %v, want one within the run, and few that waited", reasons)
		}
	})
}

// TestTheRunsEndInAWarning leaves no verdict: it is not degraded.
func TestTheRunsEndInAWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plainly(0, always(page(200, "", "ok"))).prober()
		defer p.Close()
		ctx, cancel := context.WithDeadlineCause(t.Context(), time.Now().Add(time.Second), check.ErrBudget)
		defer cancel()
		res := p.Probe(ctx, target("http://a.example/", func(s *check.Settings) { s.Warn = []check.Condition{lasting(time.Minute)} }))
		if res.State != check.NotChecked || res.Reason != check.Deadline || res.Detail != "stopped" {
			t.Errorf("%v, %v, %s", res.State, res.Reason, res.Detail)
		}
	})
}

// TestARedirectThatIsExpectedSlowly: what is found in the line of the slow ones
// counts, and nothing that was before.
func TestARedirectThatIsExpectedSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plainly(0, always(page(200, "", "ok"))).prober()
		defer p.Close()
		a := &attempt{p: p, sweep: new(check.Attempt), t: target("http://a.example/", func(s *check.Settings) { s.Expect = []check.Condition{lasting(2 * patience)} })}
		a.res.Complete = true
		if err := a.judgeInTurn(t.Context(), &response{broken: &verdict{}}); err != nil || !a.res.Complete || a.res.Expression != "" {
			t.Errorf("%v, complete %v, expression %q", err, a.res.Complete, a.res.Expression)
		}
	})
}

// TestAPanicLeavesTheLine: a condition that panics keeps no place.
func TestAPanicLeavesTheLine(t *testing.T) {
	p := plainly(0, always(page(200, "", "ok"))).prober()
	defer p.Close()
	p.evaluations = &line{free: 1}
	a := &attempt{p: p, sweep: new(check.Attempt), t: target("http://a.example/", func(s *check.Settings) { s.Expect = []check.Condition{nil} })}
	func() {
		defer func() { _ = recover() }()
		a.judgeInTurn(t.Context(), &response{})
	}()
	if p.evaluations.free != 1 {
		t.Error("the place is still taken")
	}
}

// TestLine: the cheapest is the next, the most expensive has to come again where too
// many wait, and who gives up leaves no gap.
func TestLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &line{free: 1}
		l.enter(t.Context(), 0, 3)
		var order []string
		enter := func(ctx context.Context, name string, cost int64) {
			go func() {
				err := l.enter(ctx, cost, 3)
				if order = append(order, fmt.Sprint(name, " ", err)); err == nil {
					l.leave()
				}
			}()
			synctest.Wait()
		}
		gone, cancel := context.WithCancel(t.Context())
		enter(t.Context(), "dear", 9)
		enter(gone, "gone", 2)
		enter(t.Context(), "first", 5)
		enter(t.Context(), "second", 5) // dear has to come again
		enter(t.Context(), "dearest", 10)
		cancel()
		synctest.Wait()
		enter(t.Context(), "cheap", 1)
		l.leave()
		synctest.Wait()
		want := []string{"dear " + errShort.Error(), "dearest " + errShort.Error(), "gone context canceled", "cheap <nil>", "first <nil>", "second <nil>"}
		if !slices.Equal(order, want) || l.free != 1 || len(l.waiting) > 0 {
			t.Errorf("%q, with %d free places and %d waiting; want %q", order, l.free, len(l.waiting), want)
		}
	})
}

// TestFewWaitInTheLine: more checks than may wait give their places back, and come
// again with what lets as many take place at once as may wait.
func TestFewWaitInTheLine(t *testing.T) {
	const more = 5
	synctest.Test(t, func(t *testing.T) {
		p := plainly(0, always(page(200, "", "ok"))).prober()
		defer p.Close()
		p.memory = newMemory(64 << 20)
		oneCPU(p)
		var all sync.WaitGroup
		var up, short atomic.Int64
		for range 1 + fewWaiting + more {
			all.Go(func() {
				res := p.Probe(t.Context(), target("http://a.example/", func(s *check.Settings) { s.Expect = []check.Condition{lasting(time.Second)} }))
				switch {
				case res.State == check.Up:
					up.Add(1)
				case res.Short > 0 && res.State == check.NotChecked && someWaiting*res.Short > p.memory.limit:
					short.Add(1)
				default:
					t.Errorf("%v, %v: %s, short of %d", res.State, res.Reason, res.Detail, res.Short)
				}
			})
		}
		all.Wait()
		if up.Load() != 1+fewWaiting || short.Load() != more || p.slowEvaluations.free != 1 {
			t.Errorf("%d are up and %d gave their places back, want %d and %d; then %d places are free", up.Load(), short.Load(), 1+fewWaiting, more, p.slowEvaluations.free)
		}
	})
}

// asJSON is a condition on the JSON of a body.
type asJSON struct{}

func (asJSON) String() string          { return "json" }
func (asJSON) Reads(field string) bool { return field == "body" || field == "json" }

func (asJSON) Check(r *check.Response) (check.Reason, string) {
	if r.JSON() == nil {
		return check.Expectation, "it is none"
	}
	return check.OK, ""
}

// TestLargeJSONKeepsNobodyWaiting: it is decoded in the line of the slow ones, and
// small JSON is not.
func TestLargeJSONKeepsNobodyWaiting(t *testing.T) {
	for _, tt := range []struct {
		text string
		late bool
	}{{"[" + strings.Repeat("{},", 10_000) + "{}]", false}, {"[" + strings.Repeat("{},", 100_000) + "{}]", true}} {
		synctest.Test(t, func(t *testing.T) {
			p := plainly(0, always(page(200, "", tt.text))).prober()
			defer p.Close()
			oneCPU(p)
			p.slowEvaluations.enter(t.Context(), 0, 1) // somebody is there for a minute
			time.AfterFunc(time.Minute, p.slowEvaluations.leave)
			began := time.Now()
			res := p.Probe(t.Context(), target("http://a.example/", func(s *check.Settings) { s.Expect = []check.Condition{asJSON{}} }))
			if late := time.Since(began) >= time.Minute; res.State != check.Up || late != tt.late {
				t.Errorf("%d bytes: %v (%s) after %v, want it to wait: %v", len(tt.text), res.State, res.Detail, time.Since(began), tt.late)
			}
		})
	}
}
