package function_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"rollcall/internal/testnet"
)

const (
	together    = 1000
	descriptors = 4096              // what the function may have
	ownNeed     = together + 500    // what this process needs for the test network
	memory      = 150 * 1000 * 1000 // what the function may take
)

// A thousand targets are in flight together: the test network responds to none of them
// before it holds all.
func TestAThousandInFlight(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < ownNeed {
		t.Fatalf("the test network needs %d file descriptors and has %d (%v)", ownNeed, limit.Cur, err)
	}
	path, err := bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	g := NewGathering(together, 200*time.Millisecond)
	r := rigOf(t, limitedTo(t, descriptors), testnet.Options{Handlers: map[string]http.Handler{"*.gathering.stage.test": g}}, "BOOTSTRAP="+path)
	var urls []string
	for i := range together {
		urls = append(urls, fmt.Sprintf("https://host-%d.gathering.stage.test", i))
	}
	s := r.run(t, eventOf(map[string]any{"urls": urls, "defaults": map[string]any{"timeout": "25s", "retries": 0}}))
	exit := r.function.Stop()
	t.Logf("the run took %.0f ms, the function %.1f MB and %v of CPU", s.Duration, float64(exit.PeakMemory)/1e6, exit.CPU)
	if s.Up != together || g.Most() != together || r.Connections("*.gathering.stage.test") != together {
		t.Errorf("%d are up, %d were in flight together over %d connections, want %d", s.Up, g.Most(), r.Connections("*.gathering.stage.test"), together)
	}
	if exit.PeakMemory == 0 || exit.PeakMemory >= memory {
		t.Errorf("the function took %d bytes, want fewer than %d", exit.PeakMemory, memory)
	}
}

// limitedTo is a program that becomes BOOTSTRAP under a limit of descriptors.
func limitedTo(t *testing.T, descriptors int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "limited")
	script := fmt.Sprintf("#!/bin/sh\nulimit -n %d && exec \"$BOOTSTRAP\"\n", descriptors)
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
