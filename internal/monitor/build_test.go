package monitor

import (
	"context"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"rollcall/internal/check"
	"rollcall/internal/guard"
	"rollcall/internal/metric"
	"rollcall/internal/probe"
	"rollcall/internal/sweep"
)

// surroundings have a file in their task root, one beside it, and a link from
// the one to the other.
func surroundings(t *testing.T) Surroundings {
	t.Helper()
	outside, root := t.TempDir(), t.TempDir()
	for _, name := range []string{filepath.Join(outside, "secret.txt"), filepath.Join(root, "urls.txt")} {
		if err := os.WriteFile(name, []byte(filepath.Base(name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(outside, "secret.txt"), filepath.Join(root, "link.txt")); err != nil {
		t.Fatal(err)
	}
	prober := probe.New(probe.Options{})
	t.Cleanup(prober.Close)
	return Surroundings{Version: "1.2.3", Prober: prober, Lookup: environment(map[string]string{"LAMBDA_TASK_ROOT": root, "TOKEN": "x"})}
}

func TestConfigMonitor(t *testing.T) {
	c := defaults(t)
	c.Profile, c.TargetLimit, c.Reserve, c.MaxAge, c.InFlight = metric.ProfilePhases, 7, 3*second, 4*second, 12
	m := c.Monitor(surroundings(t))
	if m.Version != "1.2.3" || m.Profile != metric.ProfilePhases || m.Limit != 7 || m.Reserve != 3*second || m.MaxAge != 4*second {
		t.Errorf("monitor %+v", m)
	}
	if m.Sweeper.InFlight != 12 || m.Sweeper.Canary == nil || m.Publish != nil || m.OwnMetrics {
		t.Errorf("monitor %+v", m)
	}
	if value, ok := m.Inputs.Lookup("TOKEN"); !ok || value != "x" {
		t.Errorf("the environment has %q, %v", value, ok)
	}
}

func TestConfigMonitorDefaults(t *testing.T) {
	c := defaults(t)
	c.Canary, c.Memory = nil, 128<<20
	m := c.Monitor(surroundings(t))
	if want, _ := sweep.Capacity(128 << 20); m.Sweeper.InFlight != want || m.Sweeper.Canary != nil {
		t.Errorf("%d in flight, want %d; canary %v", m.Sweeper.InFlight, want, m.Sweeper.Canary != nil)
	}
}

// Nothing leads out of the directory.
func TestConfigMonitorFiles(t *testing.T) {
	files := defaults(t).Monitor(surroundings(t)).Inputs.Files
	if text, err := fs.ReadFile(files, "urls.txt"); err != nil || string(text) != "urls.txt" {
		t.Errorf("%q, %v", text, err)
	}
	for _, name := range []string{"link.txt", "../secret.txt", "/etc/hosts"} {
		if text, err := fs.ReadFile(files, name); err == nil {
			t.Errorf("%s can be read: %q", name, text)
		}
	}
}

func TestBelow(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("here.txt", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Stat(below(""), "here.txt"); err != nil {
		t.Errorf("the working directory: %v", err)
	}
	if got := below("nowhere"); got != nil {
		t.Errorf("a directory that is not there: %v", got)
	}
}

// The canary takes the targets' path, the guard included.
func TestConfigCanary(t *testing.T) {
	c, err := Configure(environment(map[string]string{"ROLLCALL_CANARY": "http://127.0.0.1:9/"}))
	if err != nil {
		t.Fatal(err)
	}
	canary := c.Monitor(surroundings(t)).Sweeper.Canary(context.Background())
	if canary.State != check.Down || canary.Reason != check.BlockedAddress {
		t.Errorf("got %v %v", canary.State, canary.Reason)
	}
}

func TestConfigGuard(t *testing.T) {
	c := Config{
		Allow:      []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		RuntimeAPI: netip.MustParseAddrPort("127.0.0.1:9001"),
	}
	want := guard.Guard{Allow: c.Allow, RuntimeAPI: c.RuntimeAPI}
	if got := c.Guard(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if c.Guard().Check(c.RuntimeAPI) == "" || c.Guard().Check(netip.MustParseAddrPort("127.0.0.1:80")) != "" {
		t.Error("the guard lets Lambda's own API through, or nothing at all")
	}
}
