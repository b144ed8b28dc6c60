package probe

import (
	"net/netip"
	"net/url"
	"strings"

	"rollcall/internal/check"
	"rollcall/internal/redact"
	"rollcall/internal/weburl"
)

// What a result shows of a server's words. Secrets that an event spells out are
// redacted. Where the request holds values of references, a server could show
// one in a form that nobody knows: of what it made up, only what is too short
// for that is shown, or what it has in common with the target's own URL.

const (
	mostMadeUp = 7 // bytes of a name: less than leastPart of package redact
	notShown   = "…"

	hostNotShown = "of the host that a redirect named, which is not shown, as the request holds secrets"
)

// shownURL is the URL of a redirect as people may see it.
func (a *attempt) shownURL(u *url.URL) string {
	if !a.secrets.References() {
		return a.secrets.Redact(redact.URL(u))
	}
	host, _ := a.shownHost(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	shown := u.Scheme + "://" + host
	switch own := redact.URL(a.url); {
	case weburl.Path(u) == weburl.Path(a.url) && own == a.t.RedactedURL: // which holds no reference
		path, _ := redact.PathParameters(weburl.Path(u))
		shown += strings.TrimSuffix(path, "/")
	case strings.Trim(weburl.Path(u), "/") != "":
		shown += "/" + notShown
	}
	if u.RawQuery != "" && !strings.HasSuffix(shown, notShown) {
		shown += "?" + notShown
	}
	return a.secrets.Redact(shown)
}

// shownHost is a name as people may see it; all reports whether that is the
// whole name.
func (a *attempt) shownHost(name string) (shown string, all bool) {
	own := strings.TrimSuffix(a.url.Hostname(), ".")
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if ip, err := netip.ParseAddr(name); name == own || err == nil && ip.Is4() {
		return name, true // four bytes hold too little
	}
	common := own
	for common != "" && name != common && !strings.HasSuffix(name, "."+common) {
		_, common, _ = strings.Cut(common, ".")
	}
	madeUp := strings.TrimSuffix(strings.TrimSuffix(name, common), ".")
	switch {
	case len(madeUp) <= mostMadeUp:
		return name, true
	case common == "":
		return notShown, false
	}
	return notShown + "." + common, false
}

// redirected reports whether a server has chosen the address that is asked.
func (a *attempt) redirected() bool { return a.secrets.References() && len(a.res.Redirects) > 0 }

// showCertificate leaves of the names in a certificate what may be shown.
// Anybody can have a certificate with any name, unless an authority vouches.
func (a *attempt) showCertificate(c *check.Certificate, h *hop) {
	switch {
	case a.secrets.References():
		c.Subject = a.shownSubject(c.Subject)
		if !c.Verified {
			c.Issuer = notShown
		}
	case h.count == 0: // who has seen no request has nothing to echo
		return
	}
	c.Subject, c.Issuer = a.secrets.Redact(c.Subject), a.secrets.Redact(c.Issuer)
}

// shownSubject is the common name of a subject, where it may be shown.
func (a *attempt) shownSubject(subject string) string {
	name, common := strings.CutPrefix(subject, "CN=")
	end := strings.IndexAny(name, ",+")
	more := ""
	if end >= 0 {
		name, more = name[:end], ","+notShown
	}
	if _, all := a.shownHost(name); !common || !all {
		return notShown
	}
	return "CN=" + name + more
}

// shownDetail is a detail as people may see it.
func (a *attempt) shownDetail(reason check.Reason, detail string) string {
	switch {
	case (reason == check.BadResponse || reason == check.BodyInvalid) && a.secrets.Any():
		detail, _, _ = strings.Cut(detail, ": ") // what follows quotes the server
	case a.secrets.References():
		detail = a.ownWords(reason, detail)
	}
	return redact.Cut(redact.Printable(a.secrets.Redact(detail)), redact.MaxDetail)
}

// quotes are where the details of a reason begin to quote a server.
var quotes = map[check.Reason][]string{
	check.TLSHostname:      {" but ", " ("},
	check.TLSUntrusted:     {": "},
	check.TLSExpired:       {": "},
	check.TLSNotYetValid:   {": "},
	check.TLSHandshake:     {": "},
	check.RedirectInvalid:  {` "`, ": "},
	check.RedirectInsecure: {": "},
	check.RedirectLoop:     {": ", ", the next one"},
	check.DNSTemporary:     {": "},
	check.ConnectionReset:  {": "},
	check.ConnectionClosed: {": "},
}

// ownWords is what of a detail quotes neither a server nor the host that it
// named.
func (a *attempt) ownWords(reason check.Reason, detail string) string {
	if a.hostHidden() {
		switch reason {
		case check.DNSNotFound, check.DNSTemporary, check.DNSTimeout, check.InvalidTarget, check.BlockedAddress, check.TLSHostname:
			return hostNotShown
		case check.Internal, check.Unreachable:
			detail, _, _ = strings.Cut(detail, " to ") // an address
		}
	}
	for _, quote := range quotes[reason] {
		detail, _, _ = strings.Cut(detail, quote)
	}
	return detail
}

// hostHidden reports whether the last host that was asked is not shown.
func (a *attempt) hostHidden() bool {
	if a.at == nil || !a.secrets.References() {
		return false
	}
	_, all := a.shownHost(a.at.Hostname())
	return !all
}
