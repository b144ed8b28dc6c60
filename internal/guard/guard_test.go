package guard

import (
	"net/netip"
	"strings"
	"testing"
)

func addrPort(s string) netip.AddrPort {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap
	}
	return netip.AddrPortFrom(netip.MustParseAddr(s), 443)
}

func TestGuardRefuses(t *testing.T) {
	for _, s := range []string{
		// IPv4
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
		"169.254.0.1", "169.254.169.254", "169.254.170.2", "169.254.79.129", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.171",
		"192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
		"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		// IPv6
		"::", "::1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "fc00::1", "fd00::1", "fd00:ec2::254", "ff02::1",
		"100::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "3fff::1", "5f00::1", "4000::1",
		// IPv4 in IPv6
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::169.254.169.254", "::8.8.8.8",
		"64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::8.8.8.8", "64:ff9b:1::169.254.169.254",
		"::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8",
		"2002:7f00:1::", "2002:a00:1::", "2002:a9fe:a9fe::", // 6to4 of 127.0.0.1, 10.0.0.1, 169.254.169.254
		"2001:0:4136:e378:8000:63bf:3fff:fdd2",                  // Teredo
		"2600::5efe:10.0.0.1", "2600::200:5efe:169.254.169.254", // ISATAP
	} {
		if why := (Guard{}).Check(addrPort(s)); why == "" {
			t.Errorf("Check(%s) lets it through", s)
		} else if _, more, ok := strings.Cut(why, "to allow it: ROLLCALL_ALLOW="); ok { // which has to help
			ip := more
			allowed := Guard{Allow: []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr(ip), netip.MustParseAddr(ip).BitLen())}}
			if why := allowed.Check(addrPort(s)); why != "" {
				t.Errorf("Check(%s) = %q after ROLLCALL_ALLOW=%s", s, why, ip)
			}
		}
	}
}

func TestGuardLetsThrough(t *testing.T) {
	for _, s := range []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
		"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.88.98.255", "192.167.255.255", "192.169.0.0",
		"198.17.255.255", "198.20.0.0", "198.51.99.255", "203.0.114.0", "223.255.255.255",
		"2000::1", "2001:200::1", "2001:4860:4860::8888", "2600:1f18::1", "2606:4700::1111", "2a00:1450::1", "3ffe::1",
		"::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "2600::5efe:8.8.8.8",
	} {
		if why := (Guard{}).Check(addrPort(s)); why != "" {
			t.Errorf("Check(%s) = %q, want it let through", s, why)
		}
	}
}

func TestGuardAllows(t *testing.T) {
	everything := Guard{
		Allow:      []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
		RuntimeAPI: netip.MustParseAddrPort("127.0.0.1:9001"),
	}
	some := Guard{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")}}
	terminal := Guard{Allow: everything.Allow}
	translator := Guard{Allow: []netip.Prefix{netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("fd12:3456::/32")}, RuntimeAPI: netip.MustParseAddrPort("169.254.100.1:9001")}
	for _, test := range []struct {
		guard Guard
		addr  string
		ok    bool
	}{
		{some, "10.1.2.3", true}, {some, "10.2.0.1", false}, {some, "::ffff:10.1.2.3", true}, {some, "64:ff9b::10.1.2.3", true},
		{some, "fd00::1", true}, {some, "fd00:ec2::254", false}, {some, "127.0.0.1", false}, {some, "8.8.8.8", true},
		{everything, "127.0.0.1:80", true}, {everything, "192.168.1.1", true}, {everything, "[::1]:80", true},
		{everything, "127.0.0.1:9001", false}, {everything, "127.9.9.9:9001", false}, {everything, "0.0.0.0:9001", false},
		{everything, "[::ffff:127.0.0.1]:9001", false}, {everything, "[::1]:9001", false}, {everything, "[::]:9001", false},
		{everything, "[64:ff9b::127.0.0.1]:9001", false}, {everything, "[2002:7f00:1::]:9001", false},
		{everything, "8.8.8.8:9001", true},
		{everything, "169.254.169.254", false}, {everything, "fe80::1", false}, {everything, "::ffff:169.254.1.1", false},
		{everything, "64:ff9b::a9fe:a9fe", false}, {everything, "64:ff9b:1:a9fe:a9:fe00::", false}, {everything, "2002:a9fe:a9fe::1", false}, {everything, "fd00:ec2::254", false},
		{everything, "2001:0:a9fe:a9fe::1", false}, {everything, "2001:0:808:808:0:0:5601:5601", false}, // Teredo server, client 169.254.169.254...

		// What is never dialled, though it has another address elsewhere.
		{everything, "168.63.129.16", false}, {everything, "168.63.129.15", true}, {everything, "168.63.129.17", true},
		{everything, "100.100.100.200", false}, {everything, "100.100.100.201", true},
		{everything, "fd20:ce::254", false}, {everything, "fd20:ce::253", true}, {everything, "64:ff9b::168.63.129.16", false},
		// Lambda's extension for parameters and secrets, only in Lambda.
		{everything, "127.0.0.1:2773", false}, {everything, "127.9.9.9:2773", false}, {everything, "[::1]:2773", false}, {everything, "0.0.0.0:2773", false},
		{everything, "[64:ff9b::127.0.0.1]:2773", false}, {everything, "127.0.0.1:2774", true}, {everything, "8.8.8.8:2773", true}, {translator, "[64:ff9b:1::127.0.0.1]:2773", false},
		{terminal, "127.0.0.1:2773", true},
		// 169.254.169.254 behind prefixes of 48, 56, 64 and 96 bits of the
		// translators' own network, and beside it.
		{translator, "64:ff9b:1:a9fe:a9:fe00::", false}, {translator, "64:ff9b:1:a9:fe:a9fe::", false}, {translator, "64:ff9b:1:0:a9:fea9:fe00:0", false}, {translator, "64:ff9b:1::a9fe:a9fe", false},
		{translator, "64:ff9b:1:808:8:800::", true}, {translator, "64:ff9b:1:8:8:808::", true}, {translator, "64:ff9b:1:0:8:808:800:0", true}, {translator, "64:ff9b:1::8.8.8.8", true},
		// And behind 32, 40, 48, 56, 64 and 96 bits of one that the operator allows.
		{translator, "fd12:3456:a9fe:a9fe::", false}, {translator, "fd12:3456:12a9:fea9:fe::", false}, {translator, "fd12:3456:12:a9fe:a9:fe00::", false},
		{translator, "fd12:3456:1200:a9:fe:a9fe::", false}, {translator, "fd12:3456:1200:1:a9:fea9:fe00:0", false}, {translator, "fd12:3456:1200:1::a9fe:a9fe", false},
		{translator, "fd12:3456:a9fe:102::", false}, {translator, "fd12:3456:12a9:fe01:2::", false}, {translator, "fd12:3456:12:a9fe:1:200::", false}, // 169.254.1.2
		{translator, "fd12:3456:1200:a9:fe:102::", false}, {translator, "fd12:3456:1200:1:a9:fe01:200:0", false},
		{translator, "64:ff9b:1:a9fe:ff01:200::", false}, {translator, "64:ff9b:1:a9:fffe:102::", false}, // whatever byte 8 is
		{translator, "fd12:3456:808:808::", true}, {translator, "fd12:3456:12:808:8:800::", true}, {translator, "fd12:3456:1200:1::808:808", true},
		{translator, "fd12:3456:1200:1:12a9:fea9:fe00:0", true}, // an interface identifier of any machine
		{translator, "[fd12:3456:1200:1:7f:0:100:0]:2773", false}, {translator, "[fd12:3456:1200:1:7f:0:100:0]:443", true},
		// A global address is none of a translator's, whatever is allowed.
		{everything, "2600:1f18:a9fe:a9fe::", true},
	} {
		if why := test.guard.Check(addrPort(test.addr)); (why == "") != test.ok {
			t.Errorf("Check(%s) with %v = %q, want through: %v", test.addr, test.guard.Allow, why, test.ok)
		}
	}
}

func TestGuardSaysWhatToDo(t *testing.T) {
	for option, want := range map[string]string{"": "ROLLCALL_ALLOW=10.0.0.1", "--allow ": "--allow 10.0.0.1"} {
		if why := (Guard{Option: option}).Check(addrPort("10.0.0.1")); why != "10.0.0.1 is not a public address; to allow it: "+want {
			t.Errorf("Check = %q, want how to allow it", why)
		}
	}
}

// What is allowed for one check is so for that check alone, and never what no
// Guard lets through.
func TestGuardAlso(t *testing.T) {
	own := Guard{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, RuntimeAPI: netip.MustParseAddrPort("127.0.0.1:9001")}
	also := own.Also([]netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::ffff:192.168.1.1"), netip.MustParseAddr("fd00::1"), netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("fe80::1%eth0")})
	for addr, ok := range map[string]bool{
		"127.0.0.1:80": true, "192.168.1.1": true, "fd00::1": true, "10.1.2.3": true,
		"127.0.0.2": false, "192.168.1.2": false, "fd00::2": false, "169.254.169.254": false, "fe80::1": false, "127.0.0.1:9001": false, "127.0.0.1:2773": false,
	} {
		if why := also.Check(addrPort(addr)); (why == "") != ok {
			t.Errorf("Check(%s) = %q, want through: %v", addr, why, ok)
		}
	}
	if why := own.Check(addrPort("192.168.1.1")); why == "" {
		t.Error("the guard itself lets it through")
	}
}
