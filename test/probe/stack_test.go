package probe_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/sweep"
	"rollcall/internal/testnet"
)

// TestStackOfACheck: a check in flight has a stack of 16 KiB, after its handshake.
// The next size is 32 KiB, which is a tenth of a small function's memory for all checks.
func TestStackOfACheck(t *testing.T) {
	if testnet.Slowdown > 1 {
		t.Skip("what the race detector notes takes stack, too")
	}
	if testing.Short() {
		t.Skip("makes 200 certificates")
	}
	const few, many = 10, 200
	const most = 50 << 10 // with some 25 KiB of the server's
	tn, prober := startNet(t)
	var come sync.WaitGroup
	var release chan struct{}
	tn.Handle("*.held.stage.test", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		come.Done()
		<-release
	}))
	targets := make([]check.Target, many)
	for i := range targets {
		host := fmt.Sprintf("host-%d.held.stage.test", i)
		targets[i] = *at(t, tn, "https://"+host+"/", func(s *check.Settings) { s.Timeout = time.Minute })
		if _, err := tn.Authority.Leaf(host, testnet.Valid); err != nil {
			t.Fatal(err)
		}
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which would let stacks shrink
	var stacks []uint64
	for _, n := range []int{few, many} {
		runtime.GC()
		come.Add(n)
		release = make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			s := sweep.Sweeper{Probe: prober.Probe, InFlight: n, Log: slog.New(slog.DiscardHandler)}
			for _, res := range s.Sweep(t.Context(), targets[:n], nil).Results {
				if res.State != check.Up {
					t.Errorf("%s: %v (%s)", res.Name, res.Reason, res.Detail)
				}
			}
		})
		come.Wait()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		stacks = append(stacks, m.StackInuse)
		close(release)
		all.Wait()
	}
	if each := (stacks[1] - stacks[0]) / (many - few); each > most {
		t.Errorf("a check and its server have %d bytes of stack, want at most %d", each, most)
	} else {
		t.Logf("%d bytes", each)
	}
}
