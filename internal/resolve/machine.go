package resolve

import (
	"bufio"
	"net"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// loopback reports whether server, or the first of /etc/resolv.conf where it
// is "", is on this machine.
func loopback(server string) bool {
	host := configured()
	if server != "" {
		host, _, _ = net.SplitHostPort(server)
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func configured() string {
	file, err := os.Open("/etc/resolv.conf")
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if f := strings.Fields(lines.Text()); len(f) > 1 && f[0] == "nameserver" {
			return f[1]
		}
	}
	return ""
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

// kinds are the questions of a look-up in network, one a family.
func kinds(network string) []dnsmessage.Type {
	switch network {
	case "ip4":
		return []dnsmessage.Type{dnsmessage.TypeA}
	case "ip6":
		return []dnsmessage.Type{dnsmessage.TypeAAAA}
	}
	return []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA}
}

// hostsFile returns the names in a file such as /etc/hosts, in lower case.
func hostsFile(path string) map[string]struct{} {
	names := map[string]struct{}{}
	file, err := os.Open(path)
	if err != nil {
		return names
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		for _, name := range strings.Fields(line) {
			names[strings.ToLower(strings.TrimSuffix(name, "."))] = struct{}{}
		}
	}
	return names
}
