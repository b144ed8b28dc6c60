package resolve

import (
	"bufio"
	"cmp"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// recheck is how often the machine's files are read, as Go's resolver does.
const recheck = 5 * time.Second

// A machine is what its files say of names and servers.
type machine struct {
	hostsFile, resolvConf string // paths

	mu     sync.Mutex
	read   time.Time
	hosts  map[string][]netip.Addr // by name, in lower case
	config config
}

// A config is what matters of resolv.conf(5).
type config struct {
	servers []string // host:port, 3 at most
	search  []string // with dots at their ends
	ndots   int
}

// current returns what the files say now.
func (m *machine) current() (hosts map[string][]netip.Addr, c config) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := time.Now(); elapsed(m.read, now) >= recheck {
		m.read, m.hosts, m.config = now, readHosts(m.hostsFile), readConfig(m.resolvConf)
	}
	return m.hosts, m.config
}

// localAddresses returns those in network that name has without a server: in
// the hosts file, or as a name of this machine's (RFC 6761, 6.3). name is in
// lower case, without a dot at its end.
func (m *machine) localAddresses(name, network string) []netip.Addr {
	hosts, _ := m.current()
	addrs := slices.Clone(hosts[name])
	if len(addrs) == 0 && (name == "localhost" || strings.HasSuffix(name, ".localhost")) {
		addrs = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	}
	addrs = byPreference(slices.DeleteFunc(addrs, func(a netip.Addr) bool {
		return network == "ip4" && a.Is6() || network == "ip6" && a.Is4()
	}))
	// A machine without IPv6 often has IPv6 addresses in its hosts file.
	for len(addrs) > 1 && !Source(addrs[len(addrs)-1]).IsValid() {
		addrs = addrs[:len(addrs)-1]
	}
	return addrs
}

// readHosts returns the addresses in a file such as /etc/hosts by name, in
// lower case.
func readHosts(path string) map[string][]netip.Addr {
	hosts := map[string][]netip.Addr{}
	eachLine(path, func(fields []string) {
		addr, err := netip.ParseAddr(fields[0])
		if err != nil {
			return
		}
		for _, name := range fields[1:] {
			name = strings.ToLower(strings.TrimSuffix(name, "."))
			hosts[name] = append(hosts[name], addr.Unmap())
		}
	})
	return hosts
}

// readConfig reads a file such as /etc/resolv.conf. Without a search list it is
// the domain of this machine's name.
func readConfig(path string) config {
	c := config{ndots: 1}
	if name, err := os.Hostname(); err == nil {
		if _, domain, _ := strings.Cut(name, "."); domain != "" {
			c.search = []string{rooted(domain)}
		}
	}
	eachLine(path, func(fields []string) {
		switch values := fields[1:]; {
		case len(values) == 0:
		case fields[0] == "nameserver" && len(c.servers) < 3:
			if addr, err := netip.ParseAddr(values[0]); err == nil {
				c.servers = append(c.servers, net.JoinHostPort(addr.String(), "53"))
			}
		case fields[0] == "domain":
			c.search = []string{rooted(values[0])}
		case fields[0] == "search":
			c.search = nil
			for _, domain := range values {
				if domain != "." {
					c.search = append(c.search, rooted(domain))
				}
			}
		case fields[0] == "options":
			for _, option := range values {
				if text, ok := strings.CutPrefix(option, "ndots:"); ok {
					n, _ := strconv.Atoi(text)
					c.ndots = min(max(n, 0), 15)
				}
			}
		}
	})
	return c
}

func rooted(domain string) string { return strings.ToLower(strings.TrimSuffix(domain, ".")) + "." }

// eachLine calls f with the fields of each line that has some, less comments.
func eachLine(path string, f func(fields []string)) {
	file, err := os.Open(path)
	if err != nil {
		return
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if fields := strings.Fields(line); len(fields) > 0 && fields[0][0] != ';' {
			f(fields)
		}
	}
}

// complete returns the names that name, which has no dot at its end, may stand
// for, in the order in which they are tried.
func (c config) complete(name string) []string {
	var names []string
	for _, domain := range c.search {
		if full := name + "." + domain; validName(full) {
			names = append(names, full)
		}
	}
	if strings.Count(name, ".") >= c.ndots {
		return append([]string{name + "."}, names...)
	}
	return append(names, name+".")
}

// isLoopback reports whether the first of servers is on this machine.
func isLoopback(servers []string) bool {
	if len(servers) == 0 {
		return false
	}
	host, _, _ := net.SplitHostPort(servers[0])
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// byPreference sorts addresses of several kinds as RFC 6724, 6, has it: those
// that this machine has a route to first, IPv6 before IPv4, and last a private
// IPv6 address here or there, which seldom leads to the Internet. Addresses of a
// kind stay in the server's order.
func byPreference(addrs []netip.Addr) []netip.Addr {
	ordinary := func(a netip.Addr) bool { return a.Is4() && a.IsGlobalUnicast() }
	if len(addrs) < 2 || !slices.ContainsFunc(addrs, func(a netip.Addr) bool { return !ordinary(a) }) {
		return addrs
	}
	rank := map[netip.Addr]int{}
	for _, addr := range addrs {
		switch from := Source(addr); {
		case !from.IsValid():
			rank[addr] = 3
		case addr.Is6() && from.IsPrivate() != addr.IsPrivate() || addr.Is6() && addr.IsPrivate():
			rank[addr] = 2
		case addr.Is4():
			rank[addr] = 1
		}
	}
	slices.SortStableFunc(addrs, func(a, b netip.Addr) int { return cmp.Compare(rank[a], rank[b]) })
	return addrs
}

// Source is the address that packets to addr leave from; the zero Addr where
// this machine has no route, or no address. Nothing is sent.
func Source(addr netip.Addr) netip.Addr {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 9)))
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}

// reachable returns the network, as package net names it, of the families that
// the addresses of this machine's interfaces belong to: "ip4", "ip6", or "ip"
// for both. Loopback and link-local addresses lead nowhere and do not count; a
// machine that has no others keeps IPv4. Where nobody can tell, it is both.
func reachable(addrs []net.Addr, err error) string {
	if err != nil {
		return "ip"
	}
	var four, six bool
	for _, a := range addrs {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil || !prefix.Addr().IsGlobalUnicast() {
			continue
		}
		is4 := prefix.Addr().Unmap().Is4()
		four, six = four || is4, six || !is4
	}
	switch {
	case four && six:
		return "ip"
	case six:
		return "ip6"
	}
	return "ip4"
}
