package terminal_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// In a network namespace of its own the program has no route to anywhere. One
// target is enough for it to say so; one that refuses on loopback is down all the same.
func TestWithoutNetwork(t *testing.T) {
	ip, err := exec.LookPath("ip")
	if err != nil || os.Getuid() != 0 {
		t.Skip("needs root and iproute2")
	}
	if testing.Short() {
		t.Skip("waits for a confirmation")
	}
	const loopback = " link set lo up && "
	for _, test := range []struct {
		name, before, canary, url string
		code                      int
		shows, hides              string
	}{
		{"no route", "", "http://192.0.1.2", "http://192.0.1.1", 3, "not_checked", "1 down"},
		{"no route, and no canary", "", "", "http://192.0.1.1", 3, "this machine has no route to 192.0.1.1", "no network"},
		{"no route to the resolver", "", "http://192.0.1.2", "http://a.example", 3, "the monitor has no network", "1 down"},
		{"no route to the resolver, and no canary", "", "", "http://a.example", 3, "no route to the resolver 192.0.1.53:53", "1 down"},
		{"a route that refuses", ip + loopback + ip + " route add unreachable 192.0.1.0/24 && ", "", "http://192.0.1.1", 3, "not_checked", "1 down"},
		{"nothing listens on loopback", ip + loopback, "http://192.0.1.2", "http://127.0.0.1:9", 1, "connection_refused", "no network"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			script := test.before + "exec " + filepath.Join(bin, "rollcall") + " check " + test.url
			cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", script)
			cmd.Env = []string{"ROLLCALL_DNS=192.0.1.53:53", "ROLLCALL_ALLOW=127.0.0.0/8", "ROLLCALL_CANARY=" + test.canary}
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState == nil {
				t.Skip("no network namespaces here: ", err)
			}
			if code := cmd.ProcessState.ExitCode(); code != test.code || !strings.Contains(string(out), test.shows) || strings.Contains(string(out), test.hides) {
				t.Errorf("exit code %d, want %d, with %q and without %q:\n%s", code, test.code, test.shows, test.hides, out)
			}
		})
	}
}
