package listeners_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"rollcall/test/listeners"
)

func Example() {
	fmt.Println(listeners.Beyond([]netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:80"), netip.MustParseAddrPort("[::]:80")}))
	// Output: [[::]:80]
}

// TestOf: what this process and a child listen on is seen, whatever the family.
// The child inherits a listener that this process has closed.
func TestOf(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	for _, at := range []string{"127.0.0.1:0", "[::1]:0", "127.255.0.9:0"} {
		l, err := net.Listen("tcp", at)
		if err != nil {
			if strings.HasPrefix(at, "[") {
				continue // a machine without IPv6
			}
			t.Fatal(err)
		}
		want := l.Addr().(*net.TCPAddr).AddrPort()
		if got := on(t); !slices.Contains(got, want) {
			t.Errorf("%v is not among %v", want, got)
		}
		file, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		child := exec.Command("sleep", "60")
		child.ExtraFiles = []*os.File{file}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		file.Close()
		l.Close()
		if got := on(t); !slices.Contains(got, want) {
			t.Errorf("%v of a child is not among %v", want, got)
		}
		child.Process.Kill()
		child.Wait()
		if got := on(t); slices.Contains(got, want) {
			t.Errorf("%v is still among %v", want, got)
		}
	}
}

func on(t *testing.T) []netip.AddrPort {
	t.Helper()
	addrs, err := listeners.Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return addrs
}

func TestBeyond(t *testing.T) {
	for addr, beyond := range map[string]bool{
		"127.0.0.1:1": false, "127.9.9.9:1": false, "[::1]:1": false, "[::ffff:127.0.0.1]:1": false,
		"0.0.0.0:1": true, "[::]:1": true, "10.0.0.1:1": true, "[fe80::1]:1": true, "[::ffff:10.0.0.1]:1": true,
	} {
		if got := len(listeners.Beyond([]netip.AddrPort{netip.MustParseAddrPort(addr)})) > 0; got != beyond {
			t.Errorf("%s is beyond loopback: %v", addr, got)
		}
	}
}
