package function_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rollcall/internal/testnet"
)

// manyLines writes a list of hosts below dir and returns an event that names
// it.
func manyLines(t *testing.T, dir, pattern string, lines int) string {
	t.Helper()
	var list strings.Builder
	for i := range lines {
		fmt.Fprintf(&list, pattern+"\n", i)
	}
	if err := os.WriteFile(filepath.Join(dir, "hosts.txt"), []byte(list.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return `{"source": "hosts.txt", "metrics": "group", "defaults": {"retries": 0, "timeout": "20s"}}`
}

// TestFewDescriptors: with 64 of them, and told to hold more checks than they
// allow, no target is down for it.
func TestFewDescriptors(t *testing.T) {
	path, err := bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	const hosts = 300
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(20 * time.Millisecond)
		fmt.Fprintln(w, "hello")
	})
	root := t.TempDir()
	r := rigOf(t, limitedTo(t, 64), testnet.Options{Handlers: map[string]http.Handler{"*.few.stage.test": hello}},
		"BOOTSTRAP="+path, "LAMBDA_TASK_ROOT="+root, "ROLLCALL_IN_FLIGHT=200")
	o, _ := r.Origin("*.few.stage.test")
	s := r.run(t, manyLines(t, root, "https://host-%d.few.stage.test:"+fmt.Sprint(o.Addr.Port()), hosts))
	if s.Up != hosts || !s.Healthy {
		t.Errorf("%d of %d are up, %d down, %d not checked; healthy %v", s.Up, hosts, s.Down, s.NotChecked, s.Healthy)
	}
	if log := strings.Join(r.function.Stdout(), "\n"); !strings.Contains(log, "starts again with fewer") {
		t.Errorf("the log does not say that there were too few descriptors:\n%s", log)
	}
}

// TestShortDeadlineWithManyHanging: each of 10,000 targets has one result, none
// is down, and the result comes before the deadline.
func TestShortDeadlineWithManyHanging(t *testing.T) {
	const hosts = 10_000
	hang := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	root := t.TempDir()
	r := newRig(t, testnet.Options{Handlers: map[string]http.Handler{"*.hang.stage.test": hang}}, "LAMBDA_TASK_ROOT="+root, "ROLLCALL_IN_FLIGHT=100")
	r.timeout = 3 * time.Second
	o, _ := r.Origin("*.hang.stage.test")
	event := manyLines(t, root, "https://host-%d.hang.stage.test:"+fmt.Sprint(o.Addr.Port()), hosts)
	var s *summary
	inTime(t, testnet.Slowdown*r.timeout, func() { s = r.run(t, event) })
	reasons := map[string]int{}
	for _, res := range s.Results {
		reasons[res.Reason]++
	}
	if s.Targets != hosts || s.NotChecked != hosts || reasons["deadline"] == 0 || reasons["not_checked"] == 0 || reasons["deadline"]+reasons["not_checked"] != len(s.Results) {
		t.Errorf("%d targets, %d not checked, reasons %v", s.Targets, s.NotChecked, reasons)
	}
	if s.Published.Lost > 0 || s.Published.Accepted == 0 {
		t.Errorf("published %+v, want what exists", s.Published)
	}
}

// inTime runs something that has to end by then in the median of three times:
// a busy machine may be late with one. It is for tests that run alone.
func inTime(t *testing.T, limit time.Duration, run func()) {
	t.Helper()
	for early, late := 0, 0; early < 2; {
		began := time.Now()
		run()
		if took := time.Since(began); took < limit {
			early++
		} else if late++; late == 2 {
			t.Errorf("it took %v, and once more too long before, want less than %v", took, limit)
			return
		}
	}
}

// TestLittleMemory: 10,000 targets fit into the least that Lambda gives.
func TestLittleMemory(t *testing.T) {
	const hosts, megabytes = 10_000, 128
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })
	r := newRig(t, testnet.Options{Handlers: map[string]http.Handler{"*.little.stage.test": hello}},
		fmt.Sprint("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=", megabytes))
	var urls []string
	for i := range hosts {
		urls = append(urls, fmt.Sprintf("http://host-%d.little.stage.test", i))
	}
	s := r.run(t, eventOf(map[string]any{"urls": urls, "metrics": "group", "defaults": map[string]any{"retries": 0, "timeout": "20s"}}))
	exit := r.function.Stop()
	t.Logf("the function took %.1f MB", float64(exit.PeakMemory)/1e6)
	if s.Up != hosts || s.Published.Lost > 0 {
		t.Errorf("%d of %d are up, %d down, %d not checked; published %+v", s.Up, hosts, s.Down, s.NotChecked, s.Published)
	}
	if exit.PeakMemory > megabytes<<20 {
		t.Errorf("the function took %d bytes of %d MiB: Lambda would have killed it", exit.PeakMemory, megabytes)
	}
}

// TestNetworkGoesHalfWay: when nothing can be looked up any more, what was seen
// until then is up, the rest has the resolver's reasons, and since the canary
// fails likewise, no verdict on it is published.
func TestNetworkGoesHalfWay(t *testing.T) {
	const hosts, seen = 300, 100
	gone := make(chan struct{})
	var responded atomic.Int64
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if responded.Add(1) == seen {
			close(gone)
		}
		fmt.Fprintln(w, "hello")
	})
	root := t.TempDir()
	r := newRig(t, testnet.Options{Handlers: map[string]http.Handler{"*.half.stage.test": hello}},
		"LAMBDA_TASK_ROOT="+root, "ROLLCALL_IN_FLIGHT=20", "ROLLCALL_CANARY=http://good.stage.test")
	go func() { <-gone; r.Resolver.Close() }()
	o, _ := r.Origin("*.half.stage.test")
	s := r.run(t, manyLines(t, root, "https://host-%d.half.stage.test:"+fmt.Sprint(o.Addr.Port()), hosts))
	unseen := 0
	for _, res := range s.Results {
		if strings.HasPrefix(res.Reason, "dns_") {
			unseen++
		} else if res.Reason != "ok" {
			t.Errorf("%s is %s: %s (%s)", res.Name, res.State, res.Reason, res.Detail)
		}
	}
	if s.Targets != hosts || s.Up < seen || s.Up+unseen != hosts || !s.VantageUnhealthy || s.Healthy {
		t.Errorf("%d targets, %d up, %d without an address; vantage unhealthy %v, healthy %v", s.Targets, s.Up, unseen, s.VantageUnhealthy, s.Healthy)
	}
	for _, d := range r.CloudWatch.Accepted() {
		if name := d.Metric; name == "Down" || name == "Failures" || name == "Flaky" {
			t.Errorf("%s was published by a run that could not see", name)
		}
	}
}
