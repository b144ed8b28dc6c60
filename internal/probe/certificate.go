package probe

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unique"

	"rollcall/internal/check"
	"rollcall/internal/redact"
	"rollcall/internal/trust"
)

// noteCertificate notes what is known of a hop's certificate after a handshake that
// ended with err. first is the first to expire of the chains that we verified.
func (a *attempt) noteCertificate(client *tls.Conn, first *x509.Certificate, h *hop, err error) {
	state := client.ConnectionState()
	if len(state.VerifiedChains) > 0 {
		first = trust.FirstToExpire(state.VerifiedChains)
	}
	if c := certificateOf(&state, first, err, time.Now()); c != nil {
		a.showCertificate(c, h)
		a.keep(c)
	}
}

// keep takes over a hop's certificate, unless that of a hop before expires sooner:
// the first to expire is the first that visitors miss.
func (a *attempt) keep(c *check.Certificate) {
	if kept := a.res.Certificate; kept == nil || !c.NotAfter.After(kept.NotAfter) {
		a.res.Certificate = c
	}
}

// certificateOf is the certificate that expires first of those that the server
// showed in a handshake that ended with err. first is that of its verified
// chains; nil: they are not verified.
func certificateOf(state *tls.ConnectionState, first *x509.Certificate, err error, now time.Time) *check.Certificate {
	verified := first != nil
	if !verified {
		first = firstOfUnverified(sentIn(*state, err), err)
	}
	if first == nil {
		return nil
	}
	expires := first.NotAfter
	if expires.After(lastInstant) {
		expires = lastInstant
	}
	days := math.Round(expires.Sub(now).Hours()/24*100) / 100
	if expires.Before(now) {
		days = min(days, -0.01)
	}
	return &check.Certificate{
		Subject:     nameOf(first.Subject),
		Issuer:      unique.Make(nameOf(first.Issuer)).Value(), // many leaves have one
		NotAfter:    expires.UTC(),
		DaysLeft:    days,
		Verified:    verified,
		Fingerprint: sha256.Sum256(first.Raw),
	}
}

// sentIn are the certificates that a server sent, the leaf first.
func sentIn(state tls.ConnectionState, err error) []*x509.Certificate {
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return e.UnverifiedCertificates
	}
	return state.PeerCertificates
}

// firstOfUnverified returns the first to expire of the certificates that lead up
// from the leaf, and of what crypto/x509 found to have expired, which may be a
// root of ours. A root that is sent does not count: clients have it or not. It is
// nil if none was sent.
func firstOfUnverified(sent []*x509.Certificate, err error) *x509.Certificate {
	if len(sent) == 0 {
		return nil
	}
	first := sent[0]
	for _, c := range pathOf(sent)[1:] {
		if !selfIssued(c) && c.NotAfter.Before(first.NotAfter) {
			first = c
		}
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired && e.Cert.NotAfter.Before(first.NotAfter) {
		first = e.Cert
	}
	return first
}

// pathOf returns the leaf and what was sent of its issuers, by their names, each
// before its own. Of several of one name, as authorities renew them, it has the
// one that lasts longest.
func pathOf(sent []*x509.Certificate) []*x509.Certificate {
	path := sent[:1:1]
	for range sent[1:] { // which bounds those who vouch for each other
		below := path[len(path)-1]
		var issuer *x509.Certificate
		for _, c := range sent[1:] {
			if issues(c, below) && (issuer == nil || c.NotAfter.After(issuer.NotAfter)) {
				issuer = c
			}
		}
		if issuer == nil || selfIssued(below) {
			break
		}
		path = append(path, issuer)
	}
	return path
}

// issues reports whether a certificate is of the issuer that another names.
func issues(c, below *x509.Certificate) bool { return bytes.Equal(c.RawSubject, below.RawIssuer) }

func selfIssued(c *x509.Certificate) bool { return issues(c, c) }

// lastInstant is the last that has a form in RFC 3339. A time zone makes later
// ones of the last year that a certificate can name.
var lastInstant = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// nameOf is a distinguished name as pkix has it. Most servers' are a host's
// common name alone, which takes a tenth of the time.
func nameOf(name pkix.Name) string {
	if len(name.Names) == 1 && name.CommonName != "" && strings.Trim(name.CommonName, hostBytes) == "" {
		return redact.Cut("CN="+name.CommonName, redact.MaxDetail)
	}
	return redact.Cut(redact.Printable(name.String()), redact.MaxDetail)
}

const hostBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.*"

// classifyCertificate: what crypto/x509 says of the server's chain. A detail ends
// with the name of the certificate that is to blame, behind its only ": ".
func classifyCertificate(f failure) (check.Reason, string) {
	refused, ok := errors.AsType[*tls.CertificateVerificationError](f.error)
	if !ok {
		refused = &tls.CertificateVerificationError{}
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](f.error); ok {
		return classifyInvalid(e, refused.UnverifiedCertificates, f.now)
	}
	if e, ok := errors.AsType[x509.HostnameError](f.error); ok {
		return check.TLSHostname, hostnameDetail(e)
	}
	if e, ok := errors.AsType[x509.UnknownAuthorityError](f.error); ok {
		return check.TLSUntrusted, untrustedDetail(e, refused.UnverifiedCertificates)
	}
	if ok {
		return check.TLSUntrusted, "certificate could not be verified: " + refused.Err.Error()
	}
	return check.OK, ""
}

func classifyInvalid(e x509.CertificateInvalidError, sent []*x509.Certificate, now time.Time) (check.Reason, string) {
	which, name := placeOf(e.Cert, sent)
	if e.Reason != x509.Expired {
		return check.TLSUntrusted, "certificate chain is not valid: " + strings.TrimPrefix(e.Error(), "x509: ") + strings.Replace(name, ": ", ", ", 1)
	}
	if now.Before(e.Cert.NotBefore) {
		return check.TLSNotYetValid, fmt.Sprintf("%s becomes valid in %s (%s)%s", which,
			days(e.Cert.NotBefore.Sub(now)), e.Cert.NotBefore.UTC().Format(time.DateOnly), name)
	}
	return check.TLSExpired, fmt.Sprintf("%s expired %s ago (%s)%s", which,
		days(now.Sub(e.Cert.NotAfter)), e.Cert.NotAfter.UTC().Format(time.DateOnly), name)
}

// placeOf says which certificate of a chain c is. The leaf needs no name.
func placeOf(c *x509.Certificate, sent []*x509.Certificate) (which, name string) {
	switch {
	case c == nil, len(sent) == 0, c.Equal(sent[0]):
		return "certificate", ""
	case selfIssued(c):
		which = "root certificate"
	default:
		which = "intermediate certificate"
	}
	return which, ": " + shownName(c.RawSubject, nameOf(c.Subject))
}

// shownName is a distinguished name for a detail, which has to hold more.
func shownName(raw []byte, name string) string {
	const empty = 2 // bytes of a name without parts
	if len(raw) <= empty {
		return "a name that is empty"
	}
	return redact.Cut(name, redact.MaxDetail/2)
}

// untrustedDetail says why no chain leads from the leaf to a root: what is
// missing, or what crypto/x509 holds against the issuer that it found.
func untrustedDetail(e x509.UnknownAuthorityError, sent []*x509.Certificate) string {
	c := e.Cert
	if c == nil || len(sent) == 0 {
		return "certificate is signed by an unknown authority"
	}
	which, name := placeOf(c, sent)
	issuer := ": " + shownName(c.RawIssuer, nameOf(c.Issuer))
	among := slices.ContainsFunc(sent[1:], func(other *x509.Certificate) bool { return issues(other, c) && !other.Equal(c) })
	// The error has no more than a text of what it found, and then a name that somebody chose.
	hint, _, _ := strings.Cut(e.Error(), " while trying to verify candidate authority")
	_, hint, found := strings.Cut(hint, "possibly because of ")
	switch {
	case found && strings.Contains(hint, "insecure algorithm"):
		return which + " is signed with " + insecure(c.SignatureAlgorithm) + ", which is no longer trusted" + name
	case found && strings.Contains(hint, "parent certificate cannot sign"):
		return "issuer of the " + which + " is not an authority and may not sign certificates" + issuer
	case found && strings.Contains(hint, "expired or is not yet valid"):
		return "issuer of the " + which + " has expired or is not valid yet" + issuer
	case found && selfIssued(c):
		return which + " has another key than the trusted one of the same name, so it was replaced" + cmp.Or(name, issuer)
	case found && among:
		return which + " is not signed with the key of the issuer that the server sends" + issuer
	case found:
		return which + " is signed with another key than the trusted root of its issuer's name has, so that root was replaced" + issuer
	case c.Equal(sent[0]) && selfIssued(c):
		return "certificate is self-signed, and not among the trusted roots"
	case selfIssued(c):
		return "chain ends in a root certificate that is not trusted" + name
	}
	return "issuer of the " + which + " is missing, as the server does not send it and no trusted root has its name" + issuer
}

// insecure is what a signature was made with, in people's words.
func insecure(a x509.SignatureAlgorithm) string {
	switch a {
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1:
		return "SHA-1"
	case x509.MD5WithRSA:
		return "MD5"
	}
	return a.String()
}

// days says how long d is, in the unit that fits.
func days(d time.Duration) string {
	n, unit := int(d/(24*time.Hour)), "day"
	switch {
	case d < time.Hour:
		n, unit = int(d/time.Minute), "minute"
	case d < 24*time.Hour:
		n, unit = int(d/time.Hour), "hour"
	}
	if n != 1 {
		unit += "s"
	}
	return strconv.Itoa(n) + " " + unit
}

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
