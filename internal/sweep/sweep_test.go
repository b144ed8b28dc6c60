package sweep

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/check"
)

// An ending is how one attempt at a target ends.
type ending struct {
	reason check.Reason
	status int
	state  check.State   // NotChecked: the reason's own
	took   time.Duration // 0: one second

	phase           check.Phase // NoPhase: Connect
	local, unrouted bool
}

// A world is what fake checks find. All its times are since its beginning.
type world struct {
	endings map[string][]ending // of each attempt, the last one of all that follow; none: up
	panics  map[string]bool

	began      time.Time
	mu         sync.Mutex
	open, most int
	starts     map[string][]time.Duration
}

func newWorld() *world {
	return &world{
		endings: map[string][]ending{}, panics: map[string]bool{},
		began: time.Now(), starts: map[string][]time.Duration{},
	}
}

// probe is the world's check: it ends when ctx does, and blames whose clock
// ran out.
func (w *world) probe(ctx context.Context, t *check.Target) check.Result {
	if t.Invalid != "" {
		return check.Unprobed(t, check.InvalidTarget, t.Invalid)
	}
	a := w.enter(t.Name)
	defer w.leave()
	res := check.Result{Name: t.Name, Attempts: 1, State: a.state, Reason: a.reason, Status: a.status, Phase: cmp.Or(a.phase, check.Connect), Local: a.local, Unrouted: a.unrouted}
	if a.state == check.NotChecked {
		res.State = a.reason.State()
	}
	timer := time.NewTimer(a.took)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		res.State, res.Reason = check.NotChecked, check.Internal
		if errors.Is(context.Cause(ctx), check.ErrBudget) {
			res.Reason = check.Deadline
		}
	}
	if w.panics[t.Name] {
		panic("out of cheese")
	}
	return res
}

func (w *world) enter(name string) ending {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open++
	w.most = max(w.most, w.open)
	w.starts[name] = append(w.starts[name], time.Since(w.began))
	a := ending{}
	if list := w.endings[name]; len(list) > 0 {
		a = list[min(len(w.starts[name]), len(list))-1]
	}
	if a.took == 0 {
		a.took = time.Second
	}
	return a
}

func (w *world) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open--
}

func (w *world) sweeper(inFlight int) *Sweeper {
	return &Sweeper{Probe: w.probe, InFlight: inFlight, Log: slog.New(slog.DiscardHandler)}
}

// targets are called t0, t1 and so on.
func targets(n, retries int) []check.Target {
	all := make([]check.Target, n)
	for i := range all {
		all[i] = check.Target{Name: fmt.Sprintf("t%d", i), Settings: &check.Settings{Retries: retries}}
	}
	return all
}

// budget is a context that a run's time ends.
func budget(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithDeadlineCause(t.Context(), time.Now().Add(d), check.ErrBudget)
	t.Cleanup(cancel)
	return ctx
}

func TestSweepInFlight(t *testing.T) {
	for _, test := range []struct {
		targets, inFlight, most int
		took                    time.Duration
	}{
		{targets: 0, inFlight: 5, most: 0, took: 0},
		{targets: 1, inFlight: 5, most: 1, took: time.Second},
		{targets: 10, inFlight: 3, most: 3, took: 4 * time.Second},
		{targets: 9, inFlight: 3, most: 3, took: 3 * time.Second},
		{targets: 1000, inFlight: 1000, most: 1000, took: time.Second},
		{targets: 1000, inFlight: 4000, most: 1000, took: time.Second},
		{targets: 3, inFlight: 0, most: 1, took: 3 * time.Second},
	} {
		t.Run(fmt.Sprintf("%d of %d", test.inFlight, test.targets), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				got := w.sweeper(test.inFlight).Sweep(t.Context(), targets(test.targets, 1), nil)
				if took := time.Since(w.began); took != test.took || w.most != test.most {
					t.Errorf("took %v with at most %d at once, want %v with %d", took, w.most, test.took, test.most)
				}
				if len(got.Results) != test.targets || len(w.starts) != test.targets {
					t.Errorf("%d results of %d targets, want %d", len(got.Results), len(w.starts), test.targets)
				}
				for i, r := range got.Results {
					name := fmt.Sprintf("t%d", i)
					if r.Name != name || len(w.starts[name]) != 1 {
						t.Errorf("result %d is of %s, begun %d times", i, r.Name, len(w.starts[name]))
					}
				}
			})
		})
	}
}

func TestSweepTakesTargetsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.sweeper(1).Sweep(t.Context(), targets(3, 1), nil)
		for i := range 3 {
			want := []time.Duration{time.Duration(i) * time.Second}
			if got := w.starts[fmt.Sprintf("t%d", i)]; !slices.Equal(got, want) {
				t.Errorf("t%d began at %v, want %v", i, got, want)
			}
		}
	})
}

// A slow target occupies its own place and no other.
func TestSweepFillsPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.endings["t0"] = []ending{{took: 5 * time.Second}}
		w.sweeper(2).Sweep(t.Context(), targets(6, 1), nil)
		if got := time.Since(w.began); got != 5*time.Second {
			t.Errorf("took %v, want 5s: five targets through one place, one through the other", got)
		}
	})
}

// A tenth of the targets hang until their timeout. Whatever stands behind them
// in the list begins when a place is free, and no later than if the time of all
// before it were shared out evenly.
func TestSweepHangingOnesTakeTheirShare(t *testing.T) {
	const places, hanging, all = 10, 10 * time.Second, 1000
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for i := 0; i < all; i += 10 {
			w.endings[fmt.Sprintf("t%d", i)] = []ending{{reason: check.Timeout, took: hanging}}
		}
		got := w.sweeper(places).Sweep(t.Context(), targets(all, 0), nil)
		var before time.Duration // what all in front take together
		for i := range all {
			if begun := w.starts[fmt.Sprintf("t%d", i)][0]; begun > before/places {
				t.Errorf("target %d began after %v; all before it take %v in %d places", i, begun, before, places)
			}
			if got.Results[i].Reason == check.Timeout {
				before += hanging
			} else {
				before += time.Second
			}
		}
		// Who begins last may be one that hangs.
		if end := time.Since(w.began); end > (before+(places-1)*hanging)/places {
			t.Errorf("the sweep took %v; all take %v in %d places", end, before, places)
		}
	})
}

func TestSweepPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.panics["t1"] = true
		var log bytes.Buffer
		s := w.sweeper(3)
		s.Log = slog.New(slog.NewJSONHandler(&log, nil))
		var final []int
		got := s.Sweep(t.Context(), targets(3, 1), recorder(&final))
		want := []check.Reason{check.OK, check.Internal, check.OK}
		for i, r := range got.Results {
			if r.Reason != want[i] || r.Name != fmt.Sprintf("t%d", i) {
				t.Errorf("result %d: %s %v, want %v", i, r.Name, r.Reason, want[i])
			}
		}
		if r := got.Results[1]; r.State != check.NotChecked || strings.Contains(r.Detail, "cheese") {
			t.Errorf("state %v, detail %q", r.State, r.Detail)
		}
		if slices.Sort(final); !slices.Equal(final, []int{0, 1, 2}) {
			t.Errorf("final %v", final)
		}
		for _, want := range []string{`"name":"t1"`, "out of cheese", "(*world).probe"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log has no %s: %s", want, &log)
			}
		}
		if strings.Count(log.String(), "\n") != 1 {
			t.Errorf("not one line: %s", &log)
		}
	})
}

// recorder notes for which targets it was called.
func recorder(indices *[]int) func(int, *check.Result) {
	var mu sync.Mutex
	return func(i int, _ *check.Result) {
		mu.Lock()
		defer mu.Unlock()
		*indices = append(*indices, i)
	}
}

func TestSweepBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for i := range 6 {
			w.endings[fmt.Sprintf("t%d", i)] = []ending{{took: 2 * time.Second}}
		}
		list := targets(7, 1)
		list[6].Invalid = "invalid URL"
		var final []int
		got := w.sweeper(2).Sweep(budget(t, 3*time.Second), list, recorder(&final))
		if took := time.Since(w.began); took != 3*time.Second {
			t.Errorf("took %v, want exactly the budget of 3s", took)
		}
		want := []check.Reason{
			check.OK, check.OK, check.Deadline, check.Deadline, check.Unstarted, check.Unstarted,
			check.InvalidTarget, // which needs no time
		}
		for i, r := range got.Results {
			if r.Reason != want[i] || r.State != want[i].State() || r.Name != list[i].Name {
				t.Errorf("result %d: %s %v %v, want %v", i, r.Name, r.State, r.Reason, want[i])
			}
		}
		if slices.Sort(final); !slices.Equal(final, []int{0, 1, 2, 3, 4, 5, 6}) {
			t.Errorf("final %v, want each once", final)
		}
		if len(w.starts) != 4 {
			t.Errorf("%d targets were begun, want 4", len(w.starts))
		}
	})
}

func TestSweepAfterTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		ctx := budget(t, time.Second)
		time.Sleep(2 * time.Second)
		got := w.sweeper(2).Sweep(ctx, targets(2, 1), nil)
		if len(w.starts) != 0 || got.Results[0].Reason != check.Unstarted || got.Results[1].Reason != check.Unstarted {
			t.Errorf("began %d, results %v", len(w.starts), got.Results)
		}
	})
}

// Each failure takes a second, so that retries start 3 s after its end.
func TestSweepRetry(t *testing.T) {
	const second = time.Second
	timeout, refused := ending{reason: check.Timeout}, ending{reason: check.ConnectionRefused}
	good, degraded := ending{}, ending{state: check.Degraded, reason: check.Expectation}
	notFound := ending{reason: check.Status, status: 404}
	for _, test := range []struct {
		name    string
		retries int
		endings []ending
		want    check.Result // its State, Reason, Attempts and Flaky
		starts  []time.Duration
	}{
		{"up", 1, []ending{good},
			check.Result{State: check.Up, Attempts: 1}, []time.Duration{0}},
		{"recovers", 1, []ending{timeout, good},
			check.Result{State: check.Up, Attempts: 2, Flaky: true}, []time.Duration{0, 4 * second}},
		{"recovers to degraded", 1, []ending{timeout, degraded},
			check.Result{State: check.Degraded, Reason: check.Expectation, Attempts: 2, Flaky: true}, []time.Duration{0, 4 * second}},
		{"fails again", 1, []ending{timeout, refused},
			check.Result{State: check.Down, Reason: check.ConnectionRefused, Attempts: 2}, []time.Duration{0, 4 * second}},
		{"no retries", 0, []ending{timeout, good},
			check.Result{State: check.Down, Reason: check.Timeout, Attempts: 1}, []time.Duration{0}},
		{"fails three times", 2, []ending{timeout},
			check.Result{State: check.Down, Reason: check.Timeout, Attempts: 3}, []time.Duration{0, 4 * second, 8 * second}},
		{"recovers at the third", 2, []ending{timeout, refused, good},
			check.Result{State: check.Up, Attempts: 3, Flaky: true}, []time.Duration{0, 4 * second, 8 * second}},
		{"recovers at the second of three", 2, []ending{timeout, good},
			check.Result{State: check.Up, Attempts: 2, Flaky: true}, []time.Duration{0, 4 * second}},
		{"fails for good at the second", 2, []ending{timeout, notFound, good},
			check.Result{State: check.Down, Reason: check.Status, Attempts: 2}, []time.Duration{0, 4 * second}},
		{"degraded needs none", 1, []ending{degraded},
			check.Result{State: check.Degraded, Reason: check.Expectation, Attempts: 1}, []time.Duration{0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.endings["t0"] = test.endings
				r := w.sweeper(4).Sweep(t.Context(), targets(1, test.retries), nil).Results[0]
				got := check.Result{State: r.State, Reason: r.Reason, Attempts: r.Attempts, Flaky: r.Flaky}
				if fmt.Sprint(got) != fmt.Sprint(test.want) {
					t.Errorf("got %v %v, attempts %d, flaky %v; want %v %v, %d, %v", got.State, got.Reason, got.Attempts, got.Flaky,
						test.want.State, test.want.Reason, test.want.Attempts, test.want.Flaky)
				}
				if !slices.Equal(w.starts["t0"], test.starts) {
					t.Errorf("attempts began at %v, want %v", w.starts["t0"], test.starts)
				}
				end := test.starts[len(test.starts)-1] + second
				if took := time.Since(w.began); took != end {
					t.Errorf("took %v, want %v", took, end)
				}
			})
		})
	}
}

// Only what may be over a moment later is checked twice.
func TestSweepRetriesRetryableCauses(t *testing.T) {
	passing := map[check.Reason]bool{
		check.DNSTemporary: true, check.DNSTimeout: true, check.ConnectionRefused: true, check.ConnectionReset: true,
		check.ConnectionClosed: true, check.Timeout: true, check.Unreachable: true,
	}
	type cause struct {
		reason check.Reason
		status int
		passes bool
	}
	var causes []cause
	for _, r := range check.Reasons() {
		if r != check.Status {
			causes = append(causes, cause{r, 0, passing[r]})
		}
	}
	for status, passes := range map[int]bool{301: false, 404: false, 429: true, 499: false, 500: true, 503: true, 599: true} {
		causes = append(causes, cause{check.Status, status, passes})
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		list := targets(len(causes), 1)
		for i, c := range causes {
			w.endings[list[i].Name] = []ending{{reason: c.reason, status: c.status}}
		}
		got := w.sweeper(len(causes)).Sweep(t.Context(), list, nil)
		for i, c := range causes {
			want := 1
			if c.passes {
				want = 2
			}
			if n := len(w.starts[list[i].Name]); n != want || got.Results[i].Attempts != want {
				t.Errorf("%v %d: begun %d times, %d attempts; want %d", c.reason, c.status, n, got.Results[i].Attempts, want)
			}
		}
	})
}

// A retry waits for all first attempts, and no longer than it must.
func TestSweepRetriesAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.endings["t0"] = []ending{{reason: check.Timeout}, {}}
		w.endings["t1"] = []ending{{took: 10 * time.Second}}
		w.endings["t2"] = []ending{{reason: check.Timeout, took: 9 * time.Second}, {}}
		w.sweeper(3).Sweep(t.Context(), targets(3, 1), nil)
		want := map[string][]time.Duration{
			"t0": {0, 10 * time.Second}, // long failed: at once
			"t1": {0},
			"t2": {0, 12 * time.Second}, // 3 s after its failure
		}
		for name, at := range want {
			if !slices.Equal(w.starts[name], at) {
				t.Errorf("%s began at %v, want %v", name, w.starts[name], at)
			}
		}
	})
}

// Retries keep to the same limit, the oldest failure first.
func TestSweepRetriesInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for i, took := range []time.Duration{5, 1, 1} {
			w.endings[fmt.Sprintf("t%d", i)] = []ending{{reason: check.Timeout, took: took * time.Second}, {}}
		}
		w.sweeper(2).Sweep(t.Context(), targets(3, 1), nil)
		want := map[string][]time.Duration{ // the first attempts end at 5, 1 and 2 s
			"t0": {0, 8 * time.Second},
			"t1": {0, 5 * time.Second},
			"t2": {time.Second, 5 * time.Second},
		}
		for name, at := range want {
			if !slices.Equal(w.starts[name], at) {
				t.Errorf("%s began at %v, want %v", name, w.starts[name], at)
			}
		}
		if w.most != 2 {
			t.Errorf("%d at once, want 2", w.most)
		}
	})
}

// The budget cuts off a retry: what is known stays.
func TestSweepBudgetCutsRetry(t *testing.T) {
	for _, test := range []struct {
		name     string
		budget   time.Duration
		attempts int // of the verdict
		starts   int
		reason   check.Reason
	}{
		{"while it waits", 2 * time.Second, 1, 1, check.Timeout},
		{"before it begins", 3999 * time.Millisecond, 1, 1, check.Timeout},
		{"while it is open", 4500 * time.Millisecond, 1, 2, check.Timeout},
		{"after it", 6 * time.Second, 2, 2, check.ConnectionReset},
		{"while the second is open", 8500 * time.Millisecond, 2, 3, check.ConnectionReset},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.endings["t0"] = []ending{{reason: check.Timeout}, {reason: check.ConnectionReset}, {}}
				var final []int
				r := w.sweeper(1).Sweep(budget(t, test.budget), targets(1, 2), recorder(&final)).Results[0]
				if r.State != check.Down || r.Reason != test.reason || r.Attempts != test.attempts || r.Flaky {
					t.Errorf("got %v %v, attempts %d, flaky %v", r.State, r.Reason, r.Attempts, r.Flaky)
				}
				if n := len(w.starts["t0"]); n != test.starts {
					t.Errorf("begun %d times, want %d", n, test.starts)
				}
				if took := time.Since(w.began); took != test.budget {
					t.Errorf("took %v, want the budget of %v", took, test.budget)
				}
				if len(final) != 1 {
					t.Errorf("final %d times", len(final))
				}
			})
		})
	}
}

// A retry that panics says nothing about the target.
func TestSweepRetryPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.endings["t0"] = []ending{{reason: check.Timeout}}
		s := w.sweeper(1)
		s.Probe = func(ctx context.Context, target *check.Target) check.Result {
			w.panics["t0"] = len(w.starts["t0"]) == 1
			return w.probe(ctx, target)
		}
		r := s.Sweep(t.Context(), targets(1, 3), nil).Results[0]
		if r.Reason != check.Timeout || r.Attempts != 1 || len(w.starts["t0"]) != 2 {
			t.Errorf("got %v, attempts %d of %d begun", r.Reason, r.Attempts, len(w.starts["t0"]))
		}
	})
}

// final is called once per target, at the moment of its verdict, with it.
func TestSweepFinal(t *testing.T) {
	type call struct {
		at time.Duration
		r  check.Result
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.endings["t1"] = []ending{{reason: check.Timeout, took: 2 * time.Second}, {}}
		w.endings["t2"] = []ending{{reason: check.Status, status: 404, took: 3 * time.Second}}
		w.endings["t3"] = []ending{{reason: check.Timeout}, {reason: check.Timeout}, {}}
		w.endings["t4"] = []ending{{took: 5 * time.Second}}
		w.panics["t5"] = true
		list := targets(7, 2)
		list[6].Invalid = "invalid URL"
		var mu sync.Mutex
		calls := map[int][]call{}
		got := w.sweeper(7).Sweep(t.Context(), list, func(i int, r *check.Result) {
			mu.Lock()
			defer mu.Unlock()
			calls[i] = append(calls[i], call{time.Since(w.began), *r})
		})
		want := []time.Duration{1, 6, 3, 10, 5, 1, 0} // seconds; t3: 1, from 5 to 6, from 9 to 10
		for i, at := range want {
			if c := calls[i]; len(c) != 1 || c[0].at != at*time.Second || fmt.Sprint(c[0].r) != fmt.Sprint(got.Results[i]) {
				t.Errorf("t%d: final %+v, want once after %v with %+v", i, c, at*time.Second, got.Results[i])
			}
		}
	})
}

// Two sweeps of one Sweeper share nothing.
func TestSweepTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.endings["t0"] = []ending{{reason: check.Status, status: 404}}
		s := w.sweeper(2)
		var other Outcome
		var wg sync.WaitGroup
		wg.Go(func() { other = s.Sweep(t.Context(), targets(2, 0), nil) })
		got := s.Sweep(t.Context(), targets(2, 0), nil)
		wg.Wait()
		if fmt.Sprint(got) != fmt.Sprint(other) || got.Results[0].State != check.Down || w.most != 4 {
			t.Errorf("%v, %v; %d at once", got, other, w.most)
		}
	})
}

// A machine that has room for three checks at once gets three at once, and every
// target its own result.
func TestExhaustionIsOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inside atomic.Int64
		var mu sync.Mutex
		var most int64 // at once that did not fail
		var log strings.Builder
		s := &Sweeper{
			InFlight: 50,
			Log:      slog.New(slog.NewTextHandler(&log, nil)),
			Probe: func(ctx context.Context, to *check.Target) check.Result {
				defer inside.Add(-1)
				n := inside.Add(1)
				if n > 3 {
					return check.Result{Name: to.Name, Reason: check.Internal, Exhausted: true, Attempts: 1, Detail: "we ran out of file descriptors"}
				}
				mu.Lock()
				most = max(most, n)
				mu.Unlock()
				time.Sleep(100 * time.Millisecond)
				return check.Result{Name: to.Name, State: check.Up, Attempts: 1}
			},
		}
		targets := make([]check.Target, 100)
		for i := range targets {
			targets[i] = check.Target{Name: fmt.Sprint(i), Settings: &check.Settings{}}
		}
		for i, res := range s.Sweep(t.Context(), targets, nil).Results {
			if res.State != check.Up || res.Name != targets[i].Name {
				t.Fatalf("result %d is %+v, want it up", i, res)
			}
		}
		if most != 3 || strings.Count(log.String(), "starts again with fewer") > 6 || !strings.Contains(log.String(), "inFlight=49") {
			t.Errorf("at most %d at once, log\n%s", most, log.String())
		}
	})
}

// A target that always fails like this does
// not slow the rest down for good.
func TestOneExhaustedTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Sweeper{InFlight: 100, Log: slog.New(slog.DiscardHandler), Probe: func(_ context.Context, to *check.Target) check.Result {
			if to.Name == "0" {
				return check.Result{Reason: check.Internal, Exhausted: true}
			}
			time.Sleep(200 * time.Millisecond)
			return check.Result{State: check.Up, Attempts: 1}
		}}
		targets := make([]check.Target, 2000)
		for i := range targets {
			targets[i] = check.Target{Name: fmt.Sprint(i), Settings: &check.Settings{}}
		}
		began := time.Now()
		s.Sweep(t.Context(), targets, nil)
		if took := time.Since(began); took > 12*time.Second {
			t.Errorf("the sweep took %v, want little more than 4s", took)
		}
	})
}

// Exhaustion that does not end, ends the check all the same.
func TestExhaustionForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Sweeper{InFlight: 5, Log: slog.New(slog.DiscardHandler), Probe: func(_ context.Context, to *check.Target) check.Result {
			return check.Result{Reason: check.Internal, Exhausted: true}
		}}
		res := s.Sweep(t.Context(), targets(3, 0), nil).Results
		if res[0].Reason != check.Internal || res[2].State != check.NotChecked {
			t.Errorf("Sweep = %+v, want internal, not checked", res)
		}
	})
}
