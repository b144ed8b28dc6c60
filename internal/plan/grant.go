package plan

import (
	"fmt"
	"net/netip"
	"strings"

	"rollcall/internal/guard"
)

// A Grant lets references use one value for some hosts. Whoever writes a list
// could else send any value to a host of their own.
type Grant struct {
	Kind Kind
	Name string // of the variable, the parameter or the secret
	Host string // "a.example", "*.a.example" (every name below it), or "*"
}

// Grants are what an operator allows.
type Grants []Grant

// ParseGrant reads NAME@HOST, for references of a kind; a name alone is for any
// host. A secret's name may have an @ itself: the last one counts.
func ParseGrant(kind Kind, text string) (Grant, error) {
	name, host := text, "*"
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		name, host = text[:at], text[at+1:]
	}
	pattern, ok := hostPattern(host)
	what, valid := "variable", isWord
	switch kind {
	case Parameter:
		what, valid = "parameter", func(s string) bool { return isParameter(s) && (!isARN(s) || strings.Count(s, ":") == arnColons) }
	case Secret:
		what, valid = "secret", isSecret
	}
	if !ok || !valid(name) {
		return Grant{}, fmt.Errorf("invalid %s %q (NAME, NAME@host or NAME@*.example.com; several are separated by commas)", what, text)
	}
	return Grant{kind, name, pattern}, nil
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

// Permit reports whether a reference may be used for a host, as
// [url.URL.Hostname] returns it. A parameter is permitted with all of its
// versions, a secret with all that it holds.
func (gs Grants) Permit(r Reference, host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	for _, g := range gs {
		suffix, below := strings.CutPrefix(g.Host, "*")
		if g.Kind == r.Kind && g.Name == r.Name && (g.Host == host || below && len(host) > len(suffix) && strings.HasSuffix(host, suffix)) {
			return true
		}
	}
	return false
}
