package probe

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"strings"
	"testing"
)

func TestHostnameDetail(t *testing.T) {
	for _, test := range []struct {
		name, host string
		dns        []string
		ips        []string
		common     string
		want       string
	}{
		{"another name", "a.example", []string{"b.example", "c.example"}, nil, "", "certificate is not for a.example but b.example, c.example"},
		{"an address for a name", "a.example", []string{"b.example"}, []string{"192.0.1.1"}, "", "certificate is not for a.example but b.example, 192.0.1.1"},
		{"no name", "a.example", nil, nil, "", "certificate is not for a.example but has no name at all (no SAN)"},
		{"a common name", "a.example", nil, nil, "a.example", "certificate is not for a.example but has no name at all: its common name a.example does not count (no SAN)"},
		{"a wildcard, two labels deep", "x.y.A.example", []string{"*.a.Example"}, nil, "", "certificate is not for x.y.A.example but *.a.Example: a * stands for exactly one label"},
		{"a wildcard, no label deep", "a.example", []string{"*.a.example"}, nil, "", "certificate is not for a.example but *.a.example: a * stands for exactly one label"},
		{"a wildcard of others", "xa.example", []string{"*.a.example"}, nil, "", "certificate is not for xa.example but *.a.example"},
		{"an address as a DNS name", "192.0.1.1", []string{"192.0.1.1", "a.example"}, nil, "", "certificate has 192.0.1.1 as a DNS name, which does not count: it has to be an IP address in it (IP SAN)"},
		{"names for an address", "192.0.1.1", []string{"a.example"}, nil, "", "certificate is for DNS names only (a.example), not for an IP address: it needs 192.0.1.1 as an IP SAN, or set tls.serverName"},
		{"names for an IPv6 address", "[2001:db8::1]", []string{"a.example"}, nil, "", "certificate is for DNS names only (a.example), not for an IP address: it needs 2001:db8::1 as an IP SAN, or set tls.serverName"},
		{"another address", "192.0.1.1", []string{"a.example"}, []string{"192.0.1.2"}, "", "certificate is not for the IP address 192.0.1.1 but a.example, 192.0.1.2"},
		{"nothing for an address", "192.0.1.1", nil, nil, "192.0.1.1", "certificate has no name at all: it needs 192.0.1.1 as an IP SAN"},
		{"a hostile name", "a.example", []string{"\x1b[31m" + strings.Repeat("b", 1000)}, nil, "", "certificate is not for a.example but ·[31mbbbbbbb"},
	} {
		c := &x509.Certificate{DNSNames: test.dns, Subject: pkix.Name{CommonName: test.common}}
		for _, ip := range test.ips {
			c.IPAddresses = append(c.IPAddresses, net.ParseIP(ip))
		}
		got := hostnameDetail(x509.HostnameError{Certificate: c, Host: test.host})
		if hostile := len(got) > 200; hostile || got != test.want && test.name != "a hostile name" || !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
