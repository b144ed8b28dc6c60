package sweep

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/check"
)

// TestTooLittleMemory: what got too little is checked after all others, with a
// reserve, as many at once as fit; what needs all there is, alone.
func TestTooLittleMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const memory = 1000 + 4*check.InFlight
		needs := map[string]int64{"t0": 2 * memory, "t1": 1000, "t2": 1000, "t3": 1000}
		var mu sync.Mutex
		var held int64
		var order []string
		probe := func(ctx context.Context, target *check.Target) check.Result {
			own := check.ReserveOf(ctx)
			mu.Lock()
			held += own.Bytes
			if held > memory {
				t.Errorf("%d bytes are held, of %d", held, memory)
			}
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			held -= own.Bytes
			res := check.Result{Name: target.Name, Attempts: 1, State: check.Up}
			switch need := needs[target.Name]; {
			case need > own.Bytes && !own.Last:
				res = check.Unprobed(target, check.Internal, "too little memory")
				res.Short = min(need, own.Bytes+500)
			case own.Last && own.Bytes != memory-check.InFlight:
				t.Errorf("the last reserve is %d bytes", own.Bytes)
			default:
				order = append(order, target.Name)
			}
			return res
		}
		finals := 0
		s := &Sweeper{Probe: probe, InFlight: 3, Memory: memory, Log: slog.New(slog.DiscardHandler)}
		out := s.Sweep(t.Context(), targets(6, 0), func(int, *check.Result) { mu.Lock(); finals++; mu.Unlock() })
		for i, res := range out.Results {
			if res.State != check.Up {
				t.Errorf("target %d: %v %s", i, res.State, res.Detail)
			}
		}
		if got := strings.Join(order, " "); finals != 6 || !strings.HasSuffix(got, "t0") || strings.Index(got, "t4") > 6 || strings.Index(got, "t5") > 6 {
			t.Errorf("%d final results; checked in the order %s", finals, got)
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
			if !check.ReserveOf(ctx).Last {
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
