package faults

import (
	"net/netip"

	"rollcall/internal/testnet"

	"golang.org/x/net/dns/dnsmessage"
)

// nameFaults fail in the lookup.
func nameFaults() []testnet.Server {
	return []testnet.Server{
		{Name: "dns-refused", Description: "its resolver refuses to say", DNS: testnet.Resolution{Failure: dnsmessage.RCodeRefused}},
		{Name: "no-address", Description: "exists and has no address"},
		{Name: "address-ok", Description: "exists, has an address and responds",
			CounterpartOf: "nxdomain servfail dns-refused dns-silent no-address", Start: testnet.Shared(testnet.Page{Name: "address-ok"}.ServeHTTP)},
	}
}

// blockedFaults resolve to addresses that must not be called. Those
// of IPv6 are found only where the machine has that family.
func blockedFaults() []testnet.Server {
	return []testnet.Server{
		testnet.Blocked("blocked-private", "of a private network", "10.0.0.1"),
		testnet.Blocked("blocked-cgnat", "shared by a carrier's customers", "100.64.0.1"),
		testnet.Blocked("blocked-unspecified", "of any interface", "0.0.0.0"),
		testnet.Blocked("blocked-unique-local", "of a private IPv6 network", "fd00::1"),
		testnet.Blocked("blocked-link-local", "of the local IPv6 link", "fe80::1"),
		testnet.Blocked("blocked-mapped", "of cloud metadata, mapped into IPv6", "::ffff:169.254.169.254"),
		testnet.Blocked("blocked-nat64", "of cloud metadata, translated by NAT64", "64:ff9b::a9fe:a9fe"),
		testnet.Blocked("blocked-6to4", "of cloud metadata, within 6to4", "2002:a9fe:a9fe::1"),
		testnet.Blocked("blocked-teredo", "of cloud metadata, within Teredo", "2001:0:1:1::5601:5601"),
		{Name: "half-blocked", Description: "resolves to the address of cloud metadata and then to its own",
			CounterpartOf: "blocked blocked-private blocked-cgnat blocked-unspecified blocked-unique-local " +
				"blocked-link-local blocked-mapped blocked-nat64 blocked-6to4 blocked-teredo",
			Start: testnet.Shared(testnet.Page{Name: "half-blocked"}.ServeHTTP),
			DNS:   testnet.Resolution{Addresses: []netip.Addr{netip.MustParseAddr("169.254.169.254"), testnet.Loopback()}}},
	}
}
