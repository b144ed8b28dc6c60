package plan

import (
	"fmt"
	"net/netip"
	"strings"

	"rollcall/internal/guard"
)

// A Grant lets references use one variable for some hosts. Whoever writes a
// list could else send any variable to a host of their own.
type Grant struct {
	Name string // of the variable
	Host string // "a.example", "*.a.example" (every name below it), or "*"
}

// Grants are what an operator allows.
type Grants []Grant

// ParseGrant reads NAME@HOST; a name alone is for any host.
func ParseGrant(text string) (Grant, error) {
	name, host, limited := strings.Cut(text, "@")
	if !limited {
		host = "*"
	}
	pattern, ok := hostPattern(host)
	if !ok || !isWord(name) {
		return Grant{}, fmt.Errorf("invalid variable %q (NAME, NAME@host or NAME@*.example.com; several are separated by commas)", text)
	}
	return Grant{name, pattern}, nil
}

// hostPattern returns a pattern in the spelling in which hosts are compared.
func hostPattern(text string) (string, bool) {
	if text == "*" {
		return text, true
	}
	if ip, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return ip.String(), true
	}
	name, below := strings.CutPrefix(text, "*.")
	name, err := guard.HostName(name)
	name = strings.TrimSuffix(name, ".")
	if below {
		name = "*." + name
	}
	return name, err == nil
}

// Permit reports whether a reference may use a variable for a host, as
// [url.URL.Hostname] returns it.
func (gs Grants) Permit(name, host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	for _, g := range gs {
		suffix, below := strings.CutPrefix(g.Host, "*")
		if g.Name == name && (g.Host == host || below && len(host) > len(suffix) && strings.HasSuffix(host, suffix)) {
			return true
		}
	}
	return false
}
