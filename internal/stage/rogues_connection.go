package stage

import "net/netip"

// connectionRogues fail before anything is said.
func connectionRogues() []rogue {
	return []rogue{
		{name: "refusing", description: "refuses the connection", start: refused},
		// Linux and the BSDs refuse to connect to a multicast address
		// themselves: no packet leaves the machine.
		{name: "unreachable", description: "resolves to an address that nothing connects to, 224.0.0.1",
			dns: Resolution{Addresses: []netip.Addr{netip.MustParseAddr("224.0.0.1")}}},
		{name: "connection-closing", description: "accepts the connection and closes it", start: overTCP(leave)},
		{name: "connection-resetting", description: "accepts the connection and resets it", start: overTCP(reset)},
		{name: "connection-ok", description: "accepts the connection and answers",
			beside: "refusing unreachable connection-closing connection-resetting",
			start:  overHTTP(says(ok))},
	}
}
