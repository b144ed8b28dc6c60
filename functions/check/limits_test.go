package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rollcall/internal/stage"
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
	r := rigOf(t, limitedTo(t, 64), stage.Options{Handlers: map[string]http.Handler{"*.few.stage.test": hello}},
		"BOOTSTRAP="+path, "LAMBDA_TASK_ROOT="+root, "ROLLCALL_IN_FLIGHT=200")
	o, _ := r.Origin("*.few.stage.test")
	s := r.run(t, manyLines(t, root, "https://host-%d.few.stage.test:"+fmt.Sprint(o.Addr.Port()), hosts))
	if s.Up != hosts || !s.Healthy {
		t.Errorf("%d of %d are up, %d down, %d not checked; healthy %v", s.Up, hosts, s.Down, s.NotChecked, s.Healthy)
	}
	if log := strings.Join(r.function.Stdout(), "\n"); !strings.Contains(log, "starts anew with fewer") {
		t.Errorf("the log does not say that there were too few descriptors:\n%s", log)
	}
}

// TestShortDeadlineWithManyHanging: each of 10,000 targets has one result, none
// is down, and the answer comes before the deadline.
func TestShortDeadlineWithManyHanging(t *testing.T) {
	const hosts = 10_000
	hang := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	root := t.TempDir()
	r := newRig(t, stage.Options{Handlers: map[string]http.Handler{"*.hang.stage.test": hang}}, "LAMBDA_TASK_ROOT="+root, "ROLLCALL_IN_FLIGHT=100")
	r.timeout = 3 * time.Second
	o, _ := r.Origin("*.hang.stage.test")
	began := time.Now()
	s := r.run(t, manyLines(t, root, "https://host-%d.hang.stage.test:"+fmt.Sprint(o.Addr.Port()), hosts))
	if took := time.Since(began); took > r.timeout {
		t.Errorf("the answer took %v of %v", took, r.timeout)
	}
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

// TestTwoInvocationsAtOnce: a process that runs two at once keeps them apart.
func TestTwoInvocationsAtOnce(t *testing.T) {
	const hosts = 500
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })
	root := t.TempDir()
	r := newRig(t, stage.Options{Handlers: map[string]http.Handler{"*.two.stage.test": hello}}, "LAMBDA_TASK_ROOT="+root, "AWS_LAMBDA_MAX_CONCURRENCY=2")
	o, _ := r.Origin("*.two.stage.test")
	event := manyLines(t, root, "https://host-%d.two.stage.test:"+fmt.Sprint(o.Addr.Port()), hosts)
	sums := make(chan *summary, 2)
	for range 2 {
		go func() { sums <- r.run(t, event) }()
	}
	one, two := <-sums, <-sums
	if one.Up != hosts || two.Up != hosts || one.Run == two.Run {
		t.Errorf("%d and %d of %d are up, in runs %s and %s", one.Up, two.Up, hosts, one.Run, two.Run)
	}
}
