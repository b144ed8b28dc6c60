package probe_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/expect"
)

// TestFaultyServersAreBounded: fifty checks of the worst at once hold at most 4 MiB
// each.
func TestFaultyServersAreBounded(t *testing.T) {
	slow(t)
	const (
		many  = 50
		each  = 4 << 20
		limit = 500 * time.Millisecond
	)
	tn, prober := startNet(t)
	for _, name := range []string{
		"endless-headers", "endless-header", "1xx-flood", "dripping-headers", "dripping", "endless-body", "endless-chunks", "endless-chunk-extension",
		"gzip-bomb", "gzip-bomb-small", "large-body", "redirect-endless-body", "hanging", "tls-hanging", "h2-endless-headers", "redirect-endless",
		"br-bomb", "zstd-bomb", "zstd-window", "gzip-of-nothings", "cookies-ten-thousand", "cookie-sessions",
		"body-over", // whose body an expectation reads, as those of Brotli and zstd
	} {
		to := at(t, tn, "https://"+name+".stage.test/", func(s *check.Settings) {
			s.Timeout = limit
			if name == "h2-endless-headers" {
				s.HTTP = check.HTTP2
			}
			if strings.HasPrefix(name, "b") || strings.HasPrefix(name, "z") {
				s.Expect = []check.Condition{reading(t, "body != '' && json == nil")}
			}
		})
		before := inUse()
		stop, peak := watchHeap()
		var all sync.WaitGroup
		for range many {
			all.Go(func() { prober.Probe(t.Context(), to) })
		}
		all.Wait()
		close(stop)
		held := (max(<-peak, before) - before) / many
		t.Logf("%-24s %5d KiB each", name, held>>10)
		if held > each {
			t.Errorf("%s: %d KiB held by each, want at most %d", name, held>>10, each>>10)
		}
	}
}

// TestFaultyServersEndInTime: none outlives its timeout by more than 50 ms, in
// the median; the duration of each is the timeout.
func TestFaultyServersEndInTime(t *testing.T) {
	slow(t)
	const limit, beyond = 300 * time.Millisecond, 50 * time.Millisecond
	tn, prober := startNet(t)
	for _, name := range []string{
		"dns-silent", "tls-hanging", "tls-hanging-midway", "hanging", "head-hanging", "dripping-headers", "1xx-drip", "body-hanging", "dripping", "h2-hanging",
	} {
		to := at(t, tn, "https://"+name+".stage.test/", suited(name), func(s *check.Settings) { s.Timeout = limit })
		inMedian(t, func() (problems []string) {
			began := time.Now()
			res := prober.Probe(t.Context(), to)
			late := time.Since(began) - limit
			if res.Duration != limit {
				t.Errorf("%s: %v after %v, want a timeout after %v", name, res.Reason, res.Duration, limit)
			}
			if late > beyond {
				problems = append(problems, fmt.Sprintf("%s: outlived its timeout by %v", name, late))
			}
			return problems
		})
	}
}

func reading(t *testing.T, source string) *expect.Expression {
	e, err := expect.Compile(source)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// watchHeap returns the most heap that was in use until stop is closed.
func watchHeap() (stop chan struct{}, peak chan uint64) {
	stop, peak = make(chan struct{}), make(chan uint64, 1)
	go func() {
		var most uint64
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-stop:
				peak <- most
				return
			case <-ticker.C:
			}
		}
	}()
	return stop, peak
}
