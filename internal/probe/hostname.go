package probe

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"rollcall/internal/redact"
)

// hostnameDetail says which names a certificate has, and why none of them is the
// one that is wanted where that is not plain to see: an address counts only among
// the certificate's addresses, a common name never, a wildcard for one label.
func hostnameDetail(e x509.HostnameError) string {
	c := e.Certificate
	all := slices.Clone(c.DNSNames)
	for _, a := range c.IPAddresses {
		all = append(all, a.String())
	}
	names := shorten(all)
	if ip, err := netip.ParseAddr(strings.Trim(e.Host, "[]")); err == nil {
		switch {
		case len(c.IPAddresses) > 0:
			return fmt.Sprintf("certificate is not for the IP address %s but %s", ip, names)
		case slices.Contains(c.DNSNames, ip.String()):
			return fmt.Sprintf("certificate has %s as a DNS name, which does not count: it has to be an IP address in it (IP SAN)", ip)
		case len(c.DNSNames) > 0:
			return fmt.Sprintf("certificate is for DNS names only (%s), not for an IP address: it needs %s as an IP SAN, or set tls.serverName", names, ip)
		}
		return fmt.Sprintf("certificate has no name at all: it needs %s as an IP SAN", ip)
	}
	switch {
	case names == "" && c.Subject.CommonName != "":
		return fmt.Sprintf("certificate is not for %s but has no name at all: its common name %s does not count (no SAN)", e.Host, shorten([]string{c.Subject.CommonName}))
	case names == "":
		return fmt.Sprintf("certificate is not for %s but has no name at all (no SAN)", e.Host)
	case slices.ContainsFunc(c.DNSNames, func(name string) bool {
		domain, wildcard := strings.CutPrefix(name, "*.")
		return wildcard && (strings.EqualFold(e.Host, domain) || strings.HasSuffix(strings.ToLower(e.Host), "."+strings.ToLower(domain)))
	}):
		return fmt.Sprintf("certificate is not for %s but %s: a * stands for exactly one label", e.Host, names)
	}
	return fmt.Sprintf("certificate is not for %s but %s", e.Host, names)
}

// shorten lists what a certificate says, printable and bounded.
func shorten(names []string) string {
	return redact.Cut(redact.Printable(strings.Join(names, ", ")), redact.MaxDetail/2)
}
