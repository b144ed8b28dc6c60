//go:build soak

package terminal_test

import (
	"bufio"
	"cmp"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"rollcall/internal/testnet"
)

// mostMemory is what the program may take for 100,000 hosts, whatever the limit
// of descriptors.
const mostMemory = 300 * 1000 * 1000

// TestSoakManyHosts checks SOAK_HOSTS hosts (100,000 unless told otherwise) from a
// file, each over HTTPS with a certificate of its own. ROLLCALL is another
// program to measure, SOAK_FLAGS are more flags of it.
func TestSoakManyHosts(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux's unit of memory")
	}
	hosts := 100_000
	if n, err := strconv.Atoi(os.Getenv("SOAK_HOSTS")); err == nil {
		hosts = n
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })
	net, err := testnet.Start(testnet.Options{Handlers: map[string]http.Handler{"*.soak.stage.test": hello}})
	if err != nil {
		t.Fatal(err)
	}
	defer net.Close()
	list := filepath.Join(t.TempDir(), "hosts.txt")
	file, err := os.Create(list)
	if err != nil {
		t.Fatal(err)
	}
	o, _ := net.Origin("*.soak.stage.test")
	w := bufio.NewWriter(file)
	for i := range hosts {
		fmt.Fprintf(w, "https://host-%d.soak.stage.test:%d/\n", i, o.Addr.Port())
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	file.Close()
	for _, descriptors := range []int{1024, 20_000} {
		for _, format := range []string{"table", "html"} {
			t.Run(fmt.Sprintf("%d descriptors, %s", descriptors, format), func(t *testing.T) {
				soak(t, net, descriptors, "check", "--event", list, "--format", format, "-o", filepath.Join(t.TempDir(), "out"))
			})
		}
	}
}

// soak runs the program with a limit of descriptors, and logs what it took.
func soak(t *testing.T, net *testnet.Net, descriptors int, args ...string) {
	cmd := program(t, nil, append(args, strings.Fields(os.Getenv("SOAK_FLAGS"))...)...)
	path := cmp.Or(os.Getenv("ROLLCALL"), cmd.Path)
	cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", fmt.Sprintf("ulimit -n %d && exec %s \"$@\"", descriptors, path)}, cmd.Args...)
	cmd.Env = append([]string{"TERM=dumb", "GOMEMLIMIT=" + cmp.Or(os.Getenv("SOAK_GOMEMLIMIT"), "off")}, net.Env()...)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	took, use := time.Since(began), cmd.ProcessState.SysUsage().(*syscall.Rusage)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	t.Logf("%.1f s, CPU %.1f s, peak memory %d MB: %s", took.Seconds(), (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), use.Maxrss*1024/1_000_000, lines[len(lines)-1])
	if err != nil {
		t.Error(err)
	}
	if use.Maxrss*1024 > mostMemory {
		t.Errorf("it took more than %d MB", mostMemory/1_000_000)
	}
}
