package guard_test

import (
	"fmt"
	"net/netip"

	"rollcall/internal/guard"
)

func Example() {
	var g guard.Guard
	for _, addr := range []string{"192.0.1.1:443", "169.254.169.254:80"} {
		fmt.Printf("%s: %q\n", addr, g.Check(netip.MustParseAddrPort(addr)))
	}
	// Output:
	// 192.0.1.1:443: ""
	// 169.254.169.254:80: "169.254.169.254 is link-local, where the machine's metadata and credentials are"
}
