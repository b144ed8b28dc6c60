package plan

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/guard"
	"rollcall/internal/weburl"
)

// Doubts are what is valid, but will not be checked as it is meant to be: hosts
// whose addresses the guard refuses, as far as the URLs say so, and timeouts longer
// than the checks of a run may take. No name is looked up.
func (p *Plan) Doubts(g guard.Guard, longest time.Duration) []string {
	var all sightings
	for i := range p.Targets {
		t := &p.Targets[i]
		if t.Invalid != "" {
			continue
		}
		if words := private(t, g); words != "" {
			all.add(quote(t.Name), words)
		}
		if t.Timeout > longest {
			all.add(quote(t.Name), fmt.Sprintf("the timeout is longer than the checks of a run may take, %s: the check ends with the run, and its reason is deadline", shortDuration(longest)))
		}
	}
	return all.warnings(false)
}

// shortDuration writes a duration without its zeros: 1m, not 1m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	return strings.TrimSuffix(s, "h0m")
}

const (
	isMetadata = "the host is where machines get their metadata and credentials: it is never checked"
	isPrivate  = "the host is not public: it is checked only where its address is allowed (ROLLCALL_ALLOW or --allow)"
)

// private says why the host of a target is not checked, if its URL tells.
func private(t *check.Target, g guard.Guard) string {
	u := weburl.Parsed(t.URL)
	host := strings.TrimSuffix(u.Hostname(), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		host = "127.0.0.1"
	}
	address, err := netip.ParseAddr(host)
	switch {
	case err == nil:
		switch refused := g.Check(netip.AddrPortFrom(address, weburl.Port(u))); {
		case strings.Contains(refused, "metadata"):
			return isMetadata
		case refused != "":
			return isPrivate
		}
	case host == "metadata.google.internal" || host == "instance-data.ec2.internal":
		return isMetadata
	case len(g.Allow) == 0 && privateName(host):
		return isPrivate
	}
	return ""
}

// privateName reports whether a name is one of private networks: without a dot, or
// of a domain that is kept for them (RFC 6762, RFC 8375, ICANN's .internal).
func privateName(name string) bool {
	for _, domain := range []string{".local", ".home.arpa", ".internal"} {
		if strings.HasSuffix(name, domain) {
			return true
		}
	}
	return !strings.Contains(name, ".")
}
