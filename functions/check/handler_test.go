package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/testnet"
)

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
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	st, err := ourNet()
	if err != nil {
		t.Fatal(err)
	}
	h := inProcess(t, st)
	event := repeated(t, st)
	invoke := func(times int) {
		for range times {
			if response, err := h.Invoke(t.Context(), event); err != nil || !bytes.Contains(response, []byte(`"up":2,"degraded":0,"down":2`)) {
				t.Fatalf("%v: %s", err, response)
			}
		}
	}
	invoke(warmUps)
	invoke(early - warmUps)
	before := settled(heldNow(t), 20, t)
	most := holdings{before.goroutines + moreGoroutines, before.descriptors + moreDescriptors, before.bytes + moreBytes}
	invoke(invocations - early)
	after := settled(most, 200, t)
	t.Logf("after %d invocations %+v, after %d %+v", early, before, invocations, after)
	if !after.within(most) {
		t.Errorf("after %d invocations the process holds %+v, after %d %+v", early, before, invocations, after)
	}
}

// ourNet is the one test network of all tests that run the handler in this process:
// crypto/x509 reads the roots once. It ends with the process.
var ourNet = sync.OnceValues(func() (*testnet.Net, error) {
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })
	return testnet.Start(testnet.Options{Handlers: map[string]http.Handler{"*.two.stage.test": hello, "*.soak.stage.test": hello}})
})

// inProcess is the handler as main builds it, with a CloudWatch that keeps
// nothing: what that of the test network remembers is not the handler's.
func inProcess(t *testing.T, st *testnet.Net, more ...string) *handler {
	t.Helper()
	forgetful := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		w.Header().Set("Content-Type", "application/cbor")
		w.Write([]byte{0xa0}) // an empty map
	}))
	t.Cleanup(forgetful.Close)
	return handlerIn(t, slices.Concat(st.Env(), more, []string{"ROLLCALL_CLOUDWATCH_ENDPOINT=" + forgetful.URL}))
}

// handlerIn is the handler as main builds it, in an environment with a region
// and credentials beside the given variables, of which the last one counts.
func handlerIn(t *testing.T, variables []string) *handler {
	t.Helper()
	env := map[string]string{}
	for _, entry := range append(variables, "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x") {
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
func repeated(t *testing.T, st *testnet.Net) []byte {
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

func (h holdings) within(most holdings) bool {
	return h.goroutines <= most.goroutines && h.descriptors <= most.descriptors && h.bytes <= most.bytes
}

// settled waits until no more than most is held, for this number of tenths of a
// second: the other ends of connections, which this process holds too, take a
// moment to go.
func settled(most holdings, tenths int, t *testing.T) holdings {
	t.Helper()
	now := heldNow(t)
	for ; tenths > 0 && !now.within(most); tenths-- {
		time.Sleep(100 * time.Millisecond)
		now = heldNow(t)
	}
	return now
}

// TestTwoInvocationsAtOnce: a process that runs two at once keeps them apart.
func TestTwoInvocationsAtOnce(t *testing.T) {
	st, err := ourNet()
	if err != nil {
		t.Fatal(err)
	}
	h := inProcess(t, st, "ROLLCALL_IN_FLIGHT=100")
	var both sync.WaitGroup
	for _, run := range []string{"one", "other"} {
		both.Go(func() {
			event, err := st.Event([]byte(eventOf(map[string]any{"urls": hostsOf(run), "metrics": "group"})))
			if err != nil {
				t.Error(err)
				return
			}
			response, err := h.Invoke(t.Context(), event)
			if err != nil {
				t.Errorf("%s: %v", run, err)
				return
			}
			onlyOf(t, run, response)
		})
	}
	both.Wait()
}

// hostsOf are the URLs of one of two runs: every tenth over TLS.
func hostsOf(run string) (urls []string) {
	for i := range hostsEach {
		scheme := "http"
		if i%10 == 0 {
			scheme = "https"
		}
		urls = append(urls, fmt.Sprintf("%s://%s-%d.two.stage.test", scheme, run, i))
	}
	return urls
}

// onlyOf checks that the response has one result for each URL of the run, in
// order, all up.
func onlyOf(t *testing.T, run string, response []byte) {
	t.Helper()
	var s monitor.Summary
	if err := json.Unmarshal(response, &s); err != nil {
		t.Fatal(err)
	}
	if s.Targets != hostsEach || s.Up != hostsEach || len(s.Results) != hostsEach {
		t.Errorf("%s: %d results of %d targets, %d of %d up", run, len(s.Results), s.Targets, s.Up, hostsEach)
	}
	for i, res := range s.Results {
		if host := fmt.Sprintf("%s-%d.two.stage.test", run, i); !strings.Contains(res.Name, host) {
			t.Errorf("%s: result %d is of %s", run, i, res.Name)
		}
	}
}

// wild are names that no dimension can hold as they are, with pairs that
// differ only where they are cut or made safe.
func wild() []string {
	long := strings.Repeat("n", 10_000)
	return []string{long, long + "1", long + "2", "tab\tand\nline", "tab and\nline", " ", "", "\u2028", "🦖", "🦕", ":colon", "\xff\xfe", "café", "cafè", `q"uote\`, strings.Repeat("é", 5000)}
}

// wildResult is a result with the i-th of those names and numbers that no
// clock gives.
func wildResult(i int) check.Result {
	durations := [...]time.Duration{math.MaxInt64, -time.Hour, math.MinInt64 + 1, 0, time.Nanosecond, 1000 * time.Hour, check.Absent}
	days := [...]float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, 5e-324}
	d := durations[i%len(durations)]
	return check.Result{
		Name: wild()[i], Group: wild()[i], State: check.Up, Attempts: 1, Complete: true, Started: time.Now(), Duration: d, LocalDelay: d,
		Phases:      check.Phases{DNS: d, Connect: d, TLS: d, FirstByte: d, Transfer: d},
		Certificate: &check.Certificate{DaysLeft: days[i%len(days)]},
	}
}

// TestCloudWatchTakesWhatWildResultsGive shows the whole way from results that
// can't be to datums that CloudWatch, or the log, takes without a loss.
func TestCloudWatchTakesWhatWildResultsGive(t *testing.T) {
	st, err := testnet.Start(testnet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	h := handlerIn(t, st.Env())
	h.monitor.Sweeper.Probe = func(_ context.Context, target *check.Target) check.Result {
		i := 0
		fmt.Sscanf(target.Name, "t%d", &i)
		return wildResult(i)
	}
	var urls []string
	for i := range wild() {
		urls = append(urls, fmt.Sprintf(`{"url": "https://good.stage.test/%d", "name": "t%d", "retries": 0}`, i, i))
	}
	event := `{"metrics": "phases", "urls": [` + strings.Join(urls, ",") + `]}`
	s, err := h.monitor.Run(t.Context(), "wild", []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	if p := s.Published; p.Lost > 0 || p.EMF > 0 || p.Accepted != p.Datums || p.Accepted != len(st.CloudWatch.Accepted()) {
		t.Errorf("published %+v, CloudWatch accepted %d", p, len(st.CloudWatch.Accepted()))
	}
	targets := map[string]int{}
	for _, d := range st.CloudWatch.Accepted() {
		if d.Metric == "Up" && d.Dimension("Target") != "" {
			targets[d.Dimension("Target")]++
		}
	}
	for _, q := range st.CloudWatch.Requests() {
		if q.Status != 200 {
			t.Errorf("a request was refused: %s %s", q.Code, q.Message)
		}
	}
	if len(targets) != len(wild()) {
		t.Errorf("%d series of targets, want %d: %q", len(targets), len(wild()), slices.Sorted(maps.Keys(targets)))
	}
}

// eventOf is an event as JSON.
func eventOf(event map[string]any) string {
	text, _ := json.Marshal(event) // what tests put in can be encoded
	return string(text)
}
