package guard

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// A Guard decides which addresses may be dialled. It judges addresses, never
// names: only what is dialled can be known. The zero Guard lets every global
// unicast address through and nothing else.
type Guard struct {
	Allow      []netip.Prefix // let through although they are not global unicast
	RuntimeAPI netip.AddrPort // Lambda's, never let through; zero: there is none
	Option     string         // what an address is allowed with, to stand before it: "--allow "; "" is "ROLLCALL_ALLOW="
}

// Also returns a Guard that lets addrs through, too, except where g lets nothing
// through whatever is allowed.
func (g Guard) Also(addrs []netip.Addr) Guard {
	g.Allow = slices.Clip(g.Allow)
	for _, addr := range addrs {
		addr = addr.WithZone("").Unmap()
		g.Allow = append(g.Allow, netip.PrefixFrom(addr, addr.BitLen()))
	}
	return g
}

// extension is the port on loopback at which Lambda's extension for parameters
// and secrets has them for any caller within the function (AWS, "Using Parameter
// Store parameters in AWS Lambda functions").
const extension = 2773

// Check returns why addr must not be dialled, or "".
func (g Guard) Check(addr netip.AddrPort) string {
	ip := addr.Addr().WithZone("").Unmap()
	forms := append([]netip.Addr{ip}, embedded(ip)...)
	if within(ip, g.Allow) && !global(ip) {
		forms = append(forms, translations(ip)...)
	}
	for _, form := range forms {
		switch {
		case within(form, linkLocal):
			return fmt.Sprintf("%s is link-local, where the machine's metadata and credentials are", ip)
		case within(form, metadata):
			return fmt.Sprintf("%s is where a cloud has its machines' metadata and credentials", ip)
		}
		if g.reachesRuntime(netip.AddrPortFrom(form, addr.Port())) {
			return fmt.Sprintf("%s is Lambda's own API", addr)
		}
	}
	for _, form := range forms {
		if !global(form) && !within(form, g.Allow) && !within(ip, g.Allow) {
			return fmt.Sprintf("%s is not a public address; to allow it: %s%[1]s", ip, cmp.Or(g.Option, "ROLLCALL_ALLOW="))
		}
	}
	return ""
}

// reachesRuntime: whoever may dial one loopback address on the API's port may
// dial the API, which can be bound to all of them. So it is with the extension.
func (g Guard) reachesRuntime(addr netip.AddrPort) bool {
	api := g.RuntimeAPI.Addr().Unmap()
	switch {
	case !api.IsValid():
		return false
	case addr.Port() == extension && here(addr.Addr()):
		return true
	case addr.Port() != g.RuntimeAPI.Port():
		return false
	}
	return addr.Addr() == api || here(addr.Addr()) && here(api)
}

func here(ip netip.Addr) bool { return ip.IsLoopback() || ip.IsUnspecified() }

func within(ip netip.Addr, list []netip.Prefix) bool {
	for _, prefix := range list {
		if prefix.Contains(ip) {
			return true
		}
	}
	return false
}

// global reports whether ip is global unicast by IANA's registries of special
// purpose addresses (IPv4, IPv6; read in November 2026).
func global(ip netip.Addr) bool {
	if ip.Is4() {
		return !within(ip, special4)
	}
	if nat64.Contains(ip) {
		return true // as public as what it embeds, which is judged too
	}
	return unicast6.Contains(ip) && !within(ip, special6)
}

// embedded returns the IPv4 addresses that ip stands for in one of the ways in
// which IPv6 carries them.
func embedded(ip netip.Addr) []netip.Addr {
	if ip.Is4() {
		return nil
	}
	b := ip.As16()
	var found []netip.Addr
	add := func(v4 []byte) { found = append(found, netip.AddrFrom4([4]byte(v4))) }
	switch {
	case nat64.Contains(ip), compatible.Contains(ip), translated.Contains(ip):
		add(b[12:])
	case nat64Local.Contains(ip): // whose prefix may have any length from 48 on
		for _, at := range rfc6052[2:] {
			add([]byte{b[at[0]], b[at[1]], b[at[2]], b[at[3]]})
		}
	case sixToFour.Contains(ip):
		add(b[2:])
	case teredo.Contains(ip):
		add(b[4:])
		add(binary.BigEndian.AppendUint32(nil, ^binary.BigEndian.Uint32(b[12:])))
	}
	if isatap := binary.BigEndian.Uint32(b[8:]) &^ 0x0300_0000; isatap == 0x5efe {
		add(b[12:])
	}
	return found
}

// translations returns the IPv4 addresses that a translator (NAT64) would take
// ip for whose prefix is around ip: operators choose it, and allow it here. The
// byte that RFC 6052 wants to be zero is one of a random interface identifier
// otherwise, and such are not to be refused by chance.
func translations(ip netip.Addr) (found []netip.Addr) {
	if b := ip.As16(); ip.Is6() && b[8] == 0 {
		for _, at := range rfc6052 {
			found = append(found, netip.AddrFrom4([4]byte{b[at[0]], b[at[1]], b[at[2]], b[at[3]]}))
		}
	}
	return found
}

// rfc6052 is where an address of IPv4 stands behind prefixes of 32, 40, 48, 56,
// 64 and 96 bits (RFC 6052, 2.2): never in byte 8.
var rfc6052 = [...][4]int{{4, 5, 6, 7}, {5, 6, 7, 9}, {6, 7, 9, 10}, {7, 9, 10, 11}, {9, 10, 11, 12}, {12, 13, 14, 15}}

var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")   // RFC 6052
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48") // RFC 8215
	compatible = netip.MustParsePrefix("::/96")          // RFC 4291, deprecated
	translated = netip.MustParsePrefix("::ffff:0:0:0/96")
	sixToFour  = netip.MustParsePrefix("2002::/16") // RFC 3056
	teredo     = netip.MustParsePrefix("2001::/32") // RFC 4380
	unicast6   = netip.MustParsePrefix("2000::/3")

	// linkLocal and metadata are refused whatever the operator allows.
	linkLocal = prefixes(
		"169.254.0.0/16", // metadata, credentials, X-Ray
		"fe80::/10",
	)
	metadata = prefixes(
		"fd00:ec2::/32",      // the same services of AWS over IPv6
		"fd20:ce::254/128",   // Google Cloud
		"168.63.129.16/32",   // Azure
		"100.100.100.200/32", // Alibaba Cloud
	)

	special4 = prefixes(
		"0.0.0.0/8",       // this network
		"10.0.0.0/8",      // private
		"100.64.0.0/10",   // shared by carriers
		"127.0.0.0/8",     // loopback
		"169.254.0.0/16",  // link-local
		"172.16.0.0/12",   // private
		"192.0.0.0/24",    // protocol assignments
		"192.0.2.0/24",    // documentation
		"192.88.99.0/24",  // 6to4 relays
		"192.168.0.0/16",  // private
		"198.18.0.0/15",   // benchmarks
		"198.51.100.0/24", // documentation
		"203.0.113.0/24",  // documentation
		"224.0.0.0/4",     // multicast
		"240.0.0.0/4",     // reserved, broadcast
	)

	special6 = prefixes(
		"2001::/23",     // protocol assignments: Teredo, benchmarks, ORCHID
		"2001:db8::/32", // documentation
		"3fff::/20",     // documentation
	)
)

func prefixes(list ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(list))
	for i, s := range list {
		parsed[i] = netip.MustParsePrefix(s)
	}
	return parsed
}
