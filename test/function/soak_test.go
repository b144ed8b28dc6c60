//go:build soak

package function_test

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

	"rollcall/internal/testnet"
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
	r := rigOf(t, limitedTo(t, lambdaDescriptors), testnet.Options{Handlers: map[string]http.Handler{"*.soak.stage.test": hello}},
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
