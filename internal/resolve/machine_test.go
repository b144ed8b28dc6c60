package resolve

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// written returns the path of a file with text.
func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func texts(addrs []netip.Addr) string {
	var all []string
	for _, addr := range addrs {
		all = append(all, addr.String())
	}
	return strings.Join(all, " ")
}

// The hosts file and the names of this machine need no server.
func TestLookupLocal(t *testing.T) {
	server := dns(t)
	r := asking(t, server.Addr())
	r.machine.hostsFile = written(t, "# names\n192.0.2.7 printer Printer.Example. # me.example\n192.0.2.8 printer\nnonsense printer\n\n2001:db8::9\tsix.example\n127.0.0.1 four.example\n")
	for _, test := range []struct{ network, host, want string }{
		{"ip", "printer", "192.0.2.7 192.0.2.8"},
		{"ip", "PRINTER.example.", "192.0.2.7"},
		{"ip", "four.example", "127.0.0.1"},
		{"ip4", "four.example", "127.0.0.1"},
		{"ip6", "six.example", "2001:db8::9"},
		{"ip4", "localhost", "127.0.0.1"},
		{"ip4", "Shop.LocalHost.", "127.0.0.1"},
		{"ip6", "localhost", "::1"},
	} {
		got, err := r.Lookup(t.Context(), test.network, test.host, 10*time.Second)
		if err != nil || texts(got.Addrs) != test.want || got.Stamped {
			t.Errorf("%s %s: %v, error %v, want %s", test.network, test.host, got.Addrs, err, test.want)
		}
	}
	if n := len(r.sockets.open); n != 0 {
		t.Errorf("%d sockets are open: a server was asked", n)
	}
	if _, err := r.Lookup(t.Context(), "ip4", "me.example", 10*time.Second); err == nil {
		t.Error("a comment is taken for a name")
	}
}

// Changes of the files are seen, but not at each lookup.
func TestMachineRereads(t *testing.T) {
	m := machine{hostsFile: written(t, "192.0.2.1 a"), resolvConf: written(t, "nameserver 192.0.2.53")}
	m.current()
	if err := os.WriteFile(m.hostsFile, []byte("192.0.2.1 a\n192.0.2.2 b"), 0o600); err != nil {
		t.Fatal(err)
	}
	if hosts, _ := m.current(); len(hosts) != 1 {
		t.Error("the files are read at each lookup")
	}
	m.read = m.read.Add(-recheck)
	if hosts, _ := m.current(); len(hosts) != 2 {
		t.Error("a change is not seen")
	}
}

func TestReadConfig(t *testing.T) {
	for _, test := range []struct {
		text    string
		servers string
		search  string
		ndots   int
	}{
		{"nameserver 192.0.2.53\nnameserver ::1\nnameserver nonsense\nsearch corp.test Lab.Test.\noptions rotate ndots:2", "192.0.2.53:53 [::1]:53", "corp.test. lab.test.", 2},
		{"; comment\n# comment\nsearch a\ndomain b.test\noptions ndots:99\n", "", "b.test.", 15},
		{"domain b.test\nsearch .\noptions ndots:-1\nnameserver", "", "", 0},
		{"search x\nnameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4", "192.0.2.1:53 192.0.2.2:53 192.0.2.3:53", "x.", 1},
	} {
		c := readConfig(written(t, test.text))
		if strings.Join(c.servers, " ") != test.servers || strings.Join(c.search, " ") != test.search || c.ndots != test.ndots {
			t.Errorf("%q: %+v", test.text, c)
		}
	}
}

func TestComplete(t *testing.T) {
	c := config{search: []string{"corp.test.", "lab.test."}, ndots: 2}
	for name, want := range map[string]string{
		"grafana":                       "grafana.corp.test. grafana.lab.test. grafana.",
		"grafana.monitoring":            "grafana.monitoring.corp.test. grafana.monitoring.lab.test. grafana.monitoring.",
		"a.b.c":                         "a.b.c. a.b.c.corp.test. a.b.c.lab.test.",
		strings.Repeat("a.", 122) + "b": strings.Repeat("a.", 122) + "b.",
	} {
		if got := strings.Join(c.complete(name), " "); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestReachable(t *testing.T) {
	for _, test := range []struct {
		addrs []string
		want  string
	}{
		{nil, "ip4"},
		{[]string{"127.0.0.1/8", "::1/128"}, "ip4"},
		{[]string{"127.0.0.1/8", "10.0.0.4/24", "fe80::1/64"}, "ip4"},
		{[]string{"169.254.0.1/16", "fd00::2/64"}, "ip6"},
		{[]string{"2001:db8::2/64", "fe80::1/64"}, "ip6"},
		{[]string{"192.0.2.2/24", "2001:db8::2/64"}, "ip"},
	} {
		var addrs []net.Addr
		for _, text := range test.addrs {
			prefix := netip.MustParsePrefix(text)
			bits := prefix.Addr().BitLen()
			addrs = append(addrs, &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), bits)})
		}
		if got := reachable(addrs, nil); got != test.want {
			t.Errorf("%v: %s, want %s", test.addrs, got, test.want)
		}
	}
	if got := reachable(nil, errors.New("too many open files")); got != "ip" {
		t.Errorf("where nobody can tell: %s, want ip", got)
	}
}

// The best address first, as far as this machine has routes.
func TestByPreference(t *testing.T) {
	for _, list := range []string{"", "192.0.2.1", "2001:db8::1", "192.0.2.2 192.0.2.1 10.0.0.1"} {
		addrs := addrsOf(list)
		if got := texts(byPreference(slices.Clone(addrs))); got != list {
			t.Errorf("%s: became %s", list, got)
		}
	}
	if !Source(netip.IPv6Loopback()).IsValid() {
		t.Skip("this machine has no IPv6")
	}
	if got := texts(byPreference(addrsOf("127.0.0.2 ::1 127.0.0.1"))); got != "::1 127.0.0.2 127.0.0.1" {
		t.Errorf("loopback: %s", got)
	}
}

func addrsOf(list string) (addrs []netip.Addr) {
	for a := range strings.FieldsSeq(list) {
		addrs = append(addrs, netip.MustParseAddr(a))
	}
	return addrs
}

func TestValidName(t *testing.T) {
	for host, want := range map[string]bool{
		"one.example": true, "a-b.c1.example": true, "xn--nxasmq6b.example": true, strings.Repeat("a.", 123) + "example": true,
		"example": true, "one.": true, "under_score.example": true, "-a.example": true, "a-.example": true, "printer.local": true,
		"": false, ".": false, ".example": false, "a..example": false, "1.2.3": false, "a.1": false, "a b.example": false, "é.example": false,
		strings.Repeat("a.", 124) + "example": false, strings.Repeat("a", 63) + ".example": true, strings.Repeat("a", 64) + ".example": false,
	} {
		if got := validName(host); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
}
