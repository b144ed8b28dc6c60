//go:build soak

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"rollcall/internal/stage"
)

const (
	lambdaDescriptors = 1024
	mostMemory        = 220 * 1000 * 1000
)

// TestSoakManyHosts checks SOAK_HOSTS hosts (100,000 unless told otherwise),
// each over HTTPS with a certificate of its own, in one invocation with
// Lambda's 1,024 descriptors and 512 MB: no failure of our own making.
func TestSoakManyHosts(t *testing.T) {
	hosts := 100_000
	if n, err := strconv.Atoi(os.Getenv("SOAK_HOSTS")); err == nil {
		hosts = n
	}
	path, err := bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })
	root := t.TempDir()
	r := rigOf(t, limitedTo(t, lambdaDescriptors), stage.Options{Handlers: map[string]http.Handler{"*.soak.stage.test": hello}},
		"BOOTSTRAP="+path, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512", "LAMBDA_TASK_ROOT="+root, "ROLLCALL_TARGET_LIMIT=100000")
	r.timeout = 14 * time.Minute
	list(t, r, filepath.Join(root, "hosts.txt"), hosts)
	s := r.run(t, `{"source": "hosts.txt", "metrics": "`+cmp.Or(os.Getenv("SOAK_PROFILE"), "group")+`", "defaults": {"retries": 0, "timeout": "30s"}}`)
	exit := r.function.Stop()
	t.Logf("%d hosts: %d up, %d down, %d not checked in %.1f s; CPU %v, %.2f ms a check; peak memory %.0f MB; summary %d kB, truncated %v; local delay %+v",
		hosts, s.Up, s.Down, s.NotChecked, s.Duration/1000, exit.CPU, exit.CPU.Seconds()*1000/float64(hosts),
		float64(exit.PeakMemory)/1e6, len(s.raw)/1000, bytes.Contains(s.raw, []byte(`"truncated":true`)), s.LocalDelay)
	if s.Up != hosts {
		t.Errorf("%d of %d hosts are up", s.Up, hosts)
	}
	if exit.PeakMemory > mostMemory {
		t.Errorf("the function took %d MB, want at most %d", exit.PeakMemory/1e6, mostMemory/1000/1000)
	}
	if len(s.raw) >= 6<<20 {
		t.Errorf("the summary has %d bytes", len(s.raw))
	}
}

const (
	soakRuns  = 200
	soakFirst = 20 // runs after which nothing may grow any more
	soakURLs  = 1000
)

// TestSoakManyInvocations: 200 invocations of 1,000 URLs, every tenth over TLS,
// leave a process with the descriptors, goroutines and memory that it had after
// the first few.
func TestSoakManyInvocations(t *testing.T) {
	st, err := ourStage()
	if err != nil {
		t.Fatal(err)
	}
	h := inProcess(t, st, "ROLLCALL_IN_FLIGHT=100")
	var urls []string
	for i := range soakURLs {
		urls = append(urls, fmt.Sprintf("%s://host-%d.soak.stage.test", []string{"https", "http"}[min(i%10, 1)], i))
	}
	event, err := st.Event([]byte(eventOf(map[string]any{"urls": urls, "metrics": "group"})))
	if err != nil {
		t.Fatal(err)
	}
	var before holdings
	for run := 1; run <= soakRuns; run++ {
		answer, err := h.Invoke(t.Context(), event)
		if want := fmt.Sprintf(`"up":%d,"degraded":0,"down":0`, soakURLs); err != nil || !bytes.Contains(answer, []byte(want)) {
			t.Fatalf("run %d: %v: %.500s", run, err, answer)
		}
		if run == soakFirst {
			before = settled(heldNow(t), t)
		}
	}
	after := settled(before, t)
	t.Logf("after %d runs %+v, after %d %+v", soakFirst, before, soakRuns, after)
	if after.goroutines > before.goroutines+moreGoroutines || after.descriptors > before.descriptors+moreDescriptors || after.bytes > before.bytes+1<<20 {
		t.Errorf("after %d runs the process holds %+v, after %d %+v", soakFirst, before, soakRuns, after)
	}
}

// list writes one URL a line.
func list(t *testing.T, r *rig, path string, hosts int) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	o, _ := r.Origin("*.soak.stage.test")
	w := bufio.NewWriter(file)
	for i := range hosts {
		fmt.Fprintf(w, "https://host-%d.soak.stage.test:%d/\n", i, o.Addr.Port())
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}
