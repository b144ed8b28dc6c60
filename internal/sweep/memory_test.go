package sweep

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/check"
)

// TestTooLittleMemory: what got too little is checked after all others, as many at
// once as fit; what needs all there is, alone.
func TestTooLittleMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const memory = 6000 + 3*check.InFlight
		needs := map[string]int64{"t0": 2 * memory, "t1": 1000, "t2": 1500, "t3": 2000}
		tries := map[string]int{}
		var mu sync.Mutex
		var inFlight int
		var order []string
		probe := func(ctx context.Context, target *check.Target) check.Result {
			mu.Lock()
			tries[target.Name]++
			try := tries[target.Name]
			inFlight++
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			alone := check.AttemptOf(ctx).Alone
			if alone && inFlight > 1 {
				t.Errorf("%s is one of %d", target.Name, inFlight)
			}
			defer func() { inFlight-- }()
			if need := needs[target.Name]; need > 0 && !alone && (try == 1 || need > memory) {
				res := check.Unprobed(target, check.Internal, "too little memory")
				res.Short = need
				return res
			}
			order = append(order, target.Name)
			return check.Result{Name: target.Name, Attempts: 1, State: check.Up}
		}
		finals, began := 0, time.Now()
		s := &Sweeper{Probe: probe, InFlight: 9, Memory: memory, Log: slog.New(slog.DiscardHandler)}
		out := s.Sweep(t.Context(), targets(6, 0), func(int, *check.Result) { mu.Lock(); finals++; mu.Unlock() })
		for i, res := range out.Results {
			if res.State != check.Up {
				t.Errorf("target %d: %v %s", i, res.State, res.Detail)
			}
		}
		slices.Sort(order[:2])
		slices.Sort(order[2:5])
		if got, want := strings.Join(order, " "), "t4 t5 t1 t2 t3 t0"; finals != 6 || got != want || time.Since(began) != 3*time.Second {
			t.Errorf("%d final results after %v; checked in the order %s, want %s", finals, time.Since(began), got, want)
		}
	})
}

// TestTooLittleMemoryAndTime: who waits for memory when the run ends has no
// verdict.
func TestTooLittleMemoryAndTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 3500*time.Millisecond, check.ErrBudget)
		defer cancel()
		probe := func(ctx context.Context, target *check.Target) check.Result {
			time.Sleep(time.Second)
			if !check.AttemptOf(ctx).Alone {
				res := check.Unprobed(target, check.Internal, "too little memory")
				res.Short = 1 << 40
				return res
			}
			return check.Result{Name: target.Name, Attempts: 1, State: check.Up}
		}
		s := &Sweeper{Probe: probe, InFlight: 9, Memory: 1 << 20, Log: slog.New(slog.DiscardHandler)}
		up := 0
		for _, res := range s.Sweep(ctx, targets(9, 0), nil).Results {
			if res.State == check.Up {
				up++
			} else if res.Reason != check.Unstarted && res.Reason != check.Deadline {
				t.Errorf("%s is %v", res.Name, res.Reason)
			}
		}
		time.Sleep(2 * time.Second) // the last one ends
		if up != 2 && up != 3 {     // one a second, alone
			t.Errorf("%d are up", up)
		}
	})
}

func TestMemory(t *testing.T) {
	for memory, want := range map[int64]int64{0: 2 << 30, 128 << 20: 60 << 20, 1769 << 20: 1721 << 20 / 4 * 3, 40 << 20: 8 << 20} {
		if got := Memory(memory); got != want {
			t.Errorf("Memory(%d) = %d, want %d", memory, got, want)
		}
	}
}
