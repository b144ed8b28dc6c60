package probe

import (
	"net/netip"
	"net/url"
	"strings"

	"rollcall/internal/check"
	"rollcall/internal/redact"
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
	switch own := redact.URL(a.t.URL); {
	case u.EscapedPath() == a.t.URL.EscapedPath() && own == a.t.RedactedURL: // which holds no reference
		path, _ := redact.PathParameters(u.EscapedPath())
		shown += strings.TrimSuffix(path, "/")
	case strings.Trim(u.EscapedPath(), "/") != "":
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
	own := strings.TrimSuffix(a.t.URL.Hostname(), ".")
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

// showCertificate leaves of the names in the certificate's what may be shown.
// Anybody can have a certificate with any name, unless an authority vouches.
func (a *attempt) showCertificate(h *hop) {
	c := a.res.Certificate
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

// ownWords is what of a detail quotes neither a server nor the host that it
// named.
func (a *attempt) ownWords(reason check.Reason, detail string) string {
	if a.hostHidden() {
		switch reason {
		case check.DNSNotFound, check.DNSTemporary, check.DNSTimeout, check.InvalidTarget, check.BlockedAddress, check.TLSHostname:
			return hostNotShown
		}
	}
	end := ""
	switch reason {
	case check.TLSHostname:
		end = " but "
	case check.RedirectInvalid:
		end = ` "`
	case check.TLSUntrusted, check.TLSHandshake, check.RedirectInsecure, check.RedirectLoop, check.DNSTemporary,
		check.ConnectionReset, check.ConnectionClosed:
		end = ": "
	}
	if end != "" {
		detail, _, _ = strings.Cut(detail, end)
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
