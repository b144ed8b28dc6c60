package sweep

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/check"
)

// A den is where checks whose target's name begins with stuck never end, until
// they are let out; all others take a second.
type den struct {
	out   chan struct{}
	mu    sync.Mutex
	began map[string]int
}

func (d *den) probe(ctx context.Context, t *check.Target) check.Result {
	d.mu.Lock()
	d.began[t.Name]++
	d.mu.Unlock()
	if strings.HasPrefix(t.Name, "stuck") {
		<-d.out
	} else {
		time.Sleep(time.Second)
	}
	return check.Result{Name: t.Name, State: check.Up, Attempts: 1}
}

func (d *den) attempts(name string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.began[name]
}

func within(timeout time.Duration, version check.HTTPVersion, names ...string) (all []check.Target) {
	for _, name := range names {
		all = append(all, check.Target{Name: name, Settings: &check.Settings{Timeout: timeout, HTTP: version}})
	}
	return all
}

// TestNobodyWaitsForAStuckCheck: 100 ms after its ceiling, or after the run's end
// if that is sooner, a check has its result, and the others go on, though there
// is but one place.
func TestNobodyWaitsForAStuckCheck(t *testing.T) {
	const limit = 2 * time.Second
	for _, test := range []struct {
		name    string
		end     time.Duration // of the run; 0: it has none
		retries int
		reason  check.Reason
		state   check.State
		took    time.Duration // of the sweep
	}{
		{"its ceiling comes first", 0, 0, check.Timeout, check.Down, limit + grace + time.Second},
		{"it is confirmed", 0, 1, check.Timeout, check.Down, 2*(limit+grace) + confirmAfter},
		{"the run's end comes first", time.Second, 0, check.Deadline, check.NotChecked, time.Second + grace},
		{"the run ends a moment after the ceiling", limit + grace/4, 0, check.Timeout, check.Down, limit + grace},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &den{out: make(chan struct{}), began: map[string]int{}}
				var log bytes.Buffer
				s := &Sweeper{Probe: d.probe, InFlight: 1, Log: slog.New(slog.NewTextHandler(&log, nil)), Stuck: new(atomic.Int64)}
				all := within(limit, check.HTTP1, "stuck", "honest")
				all[0].Retries = test.retries
				ctx := t.Context()
				if test.end > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeoutCause(ctx, test.end, check.ErrBudget)
					defer cancel()
				}
				began := time.Now()
				results := s.Sweep(ctx, all, nil).Results
				if took := time.Since(began); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				r := results[0]
				if r.Reason != test.reason || r.State != test.state || r.Name != "stuck" || r.Attempts != 1+test.retries || r.Duration != r.Phases.Sum() || r.Duration > limit {
					t.Errorf("%+v", r)
				}
				if test.end == 0 && results[1].State != check.Up {
					t.Errorf("the other one is %v", results[1].State)
				}
				if n := strings.Count(log.String(), "left behind"); n != 1 {
					t.Errorf("said %d times what was left behind: %s", n, &log)
				}
				if left := s.Stuck.Load(); left != int64(d.attempts("stuck")) {
					t.Errorf("%d are left behind, want %d", left, d.attempts("stuck"))
				}
				close(d.out)
				synctest.Wait()
				if left := s.Stuck.Load(); left != 0 {
					t.Errorf("%d are left behind after all have ended", left)
				}
			})
		})
	}
}

// TestStuckChecksTakePlaces: what is left behind counts against the checks in
// flight, in the next run too, but the last place is for those that end.
func TestStuckChecksTakePlaces(t *testing.T) {
	for stuck, want := range map[int64]time.Duration{0: 2 * time.Second, 2: 4 * time.Second, 3: 8 * time.Second, 9: 8 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			d := &den{began: map[string]int{}}
			s := &Sweeper{Probe: d.probe, InFlight: 4, Log: slog.New(slog.DiscardHandler), Stuck: new(atomic.Int64)}
			s.Stuck.Store(stuck)
			began := time.Now()
			s.Sweep(t.Context(), within(time.Minute, check.HTTP1, "a", "b", "c", "d", "e", "f", "g", "h"), nil)
			if took := time.Since(began); took != want {
				t.Errorf("with %d stuck: took %v, want %v", stuck, took, want)
			}
		})
	}
}

// TestStuckChecksAreFew: once 64 have not ended, no more are begun over HTTP/2.
func TestStuckChecksAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &den{out: make(chan struct{}), began: map[string]int{}}
		s := &Sweeper{Probe: d.probe, InFlight: 200, Log: slog.New(slog.DiscardHandler), Stuck: new(atomic.Int64)}
		var names []string
		for i := range maxStuck {
			names = append(names, fmt.Sprint("stuck", i))
		}
		s.Sweep(t.Context(), within(time.Second, check.HTTP2, names...), nil)
		all := append(within(5*time.Second, check.HTTP1, "plain"), within(5*time.Second, check.AnyHTTP, "any")...)
		results := s.Sweep(t.Context(), append(all, within(5*time.Second, check.HTTP2, "two")...), nil).Results
		for i, want := range []check.State{check.Up, check.NotChecked, check.NotChecked} {
			if r := results[i]; r.State != want || want == check.NotChecked && (r.Reason != check.Unstarted || d.attempts(r.Name) != 0 || !strings.Contains(r.Detail, "64")) {
				t.Errorf("%s: %v %v (%s), want %v", r.Name, r.State, r.Reason, r.Detail, want)
			}
		}
		close(d.out)
		synctest.Wait()
		if r := s.Sweep(t.Context(), within(5*time.Second, check.HTTP2, "two"), nil).Results[0]; r.State != check.Up {
			t.Errorf("after all have ended: %v", r.State)
		}
	})
}

// TestCeilingMoves: a check that says that it may take longer, or waits for what
// is not a server, is waited for.
func TestCeilingMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Sweeper{InFlight: 1, Log: slog.New(slog.DiscardHandler), Probe: func(ctx context.Context, to *check.Target) check.Result {
			own := check.AttemptOf(ctx)
			own.SetCeiling(nil)
			time.Sleep(time.Minute)
			end := time.Now().Add(10 * time.Second)
			own.SetCeiling(func() time.Time { return end })
			time.Sleep(10*time.Second + grace/4)
			return check.Result{Name: to.Name, State: check.Up}
		}}
		if r := s.Sweep(t.Context(), within(time.Second, check.HTTP1, "patient"), nil).Results[0]; r.State != check.Up {
			t.Errorf("%v: %v (%s), want up", r.State, r.Reason, r.Detail)
		}
	})
}

// TestStuckCanary: a canary that does not end has not responded.
func TestStuckCanary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := make(chan struct{})
		s := &Sweeper{Log: slog.New(slog.DiscardHandler), Canary: func(context.Context) check.Result { <-out; return check.Result{State: check.Up} }}
		began := time.Now()
		if r := s.checkCanary(t.Context()); r.Reason != check.Deadline || time.Since(began) != canaryTime+grace {
			t.Errorf("%v after %v", r.Reason, time.Since(began))
		}
		close(out)
	})
}

// TestLateLooksDoNotCount: a process that was stopped for an hour gives nothing
// up for that, but does not wait for ever either.
func TestLateLooksDoNotCount(t *testing.T) {
	for _, test := range []struct {
		name string
		late func(look int) time.Duration
		want int // looks
	}{
		{"in time", func(int) time.Duration { return look - 1 }, 2},
		{"stopped once", func(i int) time.Duration { return map[bool]time.Duration{true: time.Hour}[i == 1] }, 3},
		{"never in time", func(int) time.Duration { return look }, mostLooks},
	} {
		var a attempt
		looks := 1
		for !a.isOverdue(test.late(looks) < look) {
			looks++
		}
		if looks != test.want {
			t.Errorf("%s: given up after %d looks, want %d", test.name, looks, test.want)
		}
	}
}
