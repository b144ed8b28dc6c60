package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rollcall/internal/stage"
)

const (
	together    = 1000
	descriptors = 4096              // what the function may have
	ownNeed     = together + 500    // what this process needs for the stage
	memory      = 150 * 1000 * 1000 // what the function may take
)

// A thousand targets are in flight together: the stage answers none of them
// before it holds all.
func TestAThousandInFlight(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < ownNeed {
		t.Fatalf("the stage needs %d file descriptors and has %d (%v)", ownNeed, limit.Cur, err)
	}
	path, err := bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	g := stage.NewGathering(together, 200*time.Millisecond)
	r := rigOf(t, limitedTo(t, descriptors), stage.Options{Handlers: map[string]http.Handler{"*.gathering.stage.test": g}}, "BOOTSTRAP="+path)
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

const (
	warmUps     = 50
	early       = 200
	invocations = 1000

	// What may be there after 1,000 invocations and was not after 200: less
	// than a goroutine, a descriptor or 200 bytes for every tenth invocation.
	moreGoroutines  = 5
	moreDescriptors = 5
	moreBytes       = 160 << 10
)

// A process that is used for long holds nothing of what it has done.
func TestAThousandInvocationsLeaveNothing(t *testing.T) {
	st, err := ourStage()
	if err != nil {
		t.Fatal(err)
	}
	h := inProcess(t, st)
	event := repeated(t, st)
	invoke := func(times int) {
		for range times {
			if answer, err := h.Invoke(t.Context(), event); err != nil || !bytes.Contains(answer, []byte(`"up":2,"degraded":0,"down":2`)) {
				t.Fatalf("%v: %s", err, answer)
			}
		}
	}
	invoke(warmUps)
	invoke(early - warmUps)
	before := settled(heldNow(t), t)
	invoke(invocations - early)
	after := settled(before, t)
	t.Logf("after %d invocations %+v, after %d %+v", early, before, invocations, after)
	if after.goroutines > before.goroutines+moreGoroutines || after.descriptors > before.descriptors+moreDescriptors || after.bytes > before.bytes+moreBytes {
		t.Errorf("after %d invocations the process holds %+v, after %d %+v", early, before, invocations, after)
	}
}

// ourStage is the one stage of all tests that run the handler in this process:
// crypto/x509 reads the roots once. It ends with the process.
var ourStage = sync.OnceValues(func() (*stage.Stage, error) {
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })
	return stage.Start(stage.Options{Handlers: map[string]http.Handler{"*.two.stage.test": hello, "*.soak.stage.test": hello}})
})

// inProcess is the handler as main builds it, with a CloudWatch that keeps
// nothing: what the stage's would remember is not the handler's.
func inProcess(t *testing.T, st *stage.Stage, more ...string) *handler {
	t.Helper()
	forgetful := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		w.Header().Set("Content-Type", "application/cbor")
		w.Write([]byte{0xa0}) // an empty map
	}))
	t.Cleanup(forgetful.Close)
	env := map[string]string{}
	for _, entry := range slices.Concat(st.Env(), more, []string{"ROLLCALL_CLOUDWATCH_ENDPOINT=" + forgetful.URL, "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x"}) {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
		t.Setenv(name, value) // the SDK and crypto/x509 look there
	}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	h := newHandler(context.Background(), lookup, io.Discard, slog.New(slog.NewJSONHandler(io.Discard, nil)))
	if h.broken != nil {
		t.Fatal(h.broken)
	}
	return h
}

// repeated is an event of what goes well and what does not.
func repeated(t *testing.T, st *stage.Stage) []byte {
	t.Helper()
	event, err := st.Event([]byte(`{"defaults": {"retries": 0}, "urls": ["http://good.stage.test", "https://good.stage.test",
		"https://refusing.stage.test", "http://status-500.stage.test"]}`))
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// Holdings are what a process holds.
type holdings struct {
	goroutines, descriptors int
	bytes                   int64
}

func heldNow(t *testing.T) holdings {
	t.Helper()
	runtime.GC()
	runtime.GC() // pools give up what they hold at the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	open, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return holdings{runtime.NumGoroutine(), len(open), int64(m.HeapAlloc)}
}

// settled waits until no more than before is held, for two seconds: the other
// ends of connections, which this process holds too, take a moment to go.
func settled(before holdings, t *testing.T) holdings {
	t.Helper()
	for range 20 {
		now := heldNow(t)
		if now.goroutines <= before.goroutines && now.descriptors <= before.descriptors && now.bytes <= before.bytes {
			return now
		}
		time.Sleep(100 * time.Millisecond)
	}
	return heldNow(t)
}
