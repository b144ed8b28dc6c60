package stage

import (
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"
)

// nameRogues fail in the look-up.
func nameRogues() []rogue {
	return []rogue{
		{name: "nxdomain", description: "does not exist", dns: Resolution{Failure: dnsmessage.RCodeNameError}},
		{name: "servfail", description: "its resolver fails", dns: Resolution{Failure: dnsmessage.RCodeServerFailure}},
		{name: "dns-refused", description: "its resolver refuses to say", dns: Resolution{Failure: dnsmessage.RCodeRefused}},
		{name: "dns-silent", description: "its resolver does not answer", dns: Resolution{Silent: true}},
		{name: "no-address", description: "exists and has no address"},
		{name: "address-ok", description: "exists, has an address and answers",
			beside: "nxdomain servfail dns-refused dns-silent no-address", start: shared(page{name: "address-ok"}.ServeHTTP)},
	}
}

// blockedRogues resolve to addresses that nobody may be made to call. Those
// of IPv6 are found only where the machine has that family.
func blockedRogues() []rogue {
	return []rogue{
		blocked("blocked", "of cloud metadata", "169.254.169.254"),
		blocked("blocked-private", "of a private network", "10.0.0.1"),
		blocked("blocked-cgnat", "shared by a carrier's customers", "100.64.0.1"),
		blocked("blocked-unspecified", "of any interface", "0.0.0.0"),
		blocked("blocked-unique-local", "of a private IPv6 network", "fd00::1"),
		blocked("blocked-link-local", "of the local IPv6 link", "fe80::1"),
		blocked("blocked-mapped", "of cloud metadata, mapped into IPv6", "::ffff:169.254.169.254"),
		blocked("blocked-nat64", "of cloud metadata, translated by NAT64", "64:ff9b::a9fe:a9fe"),
		blocked("blocked-6to4", "of cloud metadata, within 6to4", "2002:a9fe:a9fe::1"),
		blocked("blocked-teredo", "of cloud metadata, within Teredo", "2001:0:1:1::5601:5601"),
		{name: "half-blocked", description: "resolves to the address of cloud metadata and then to its own",
			beside: "blocked blocked-private blocked-cgnat blocked-unspecified blocked-unique-local " +
				"blocked-link-local blocked-mapped blocked-nat64 blocked-6to4 blocked-teredo",
			start: shared(page{name: "half-blocked"}.ServeHTTP),
			dns:   Resolution{Addresses: []netip.Addr{netip.MustParseAddr("169.254.169.254"), loopback()}}},
	}
}

// blocked resolves to the address whose kind is described.
func blocked(name, kind, address string) rogue {
	return rogue{name: name, description: "resolves to the address " + kind + ", " + address,
		dns: Resolution{Addresses: []netip.Addr{netip.MustParseAddr(address)}}}
}
