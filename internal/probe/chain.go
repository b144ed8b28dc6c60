package probe

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/redact"
)

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
