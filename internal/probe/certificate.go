package probe

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math"
	"rollcall/internal/check"
	"rollcall/internal/redact"
	"strings"
	"time"
	"unique"
)

// certificateOf is what the server showed in a handshake that ended with err.
// expires is when its verified chains do; zero: they are not verified.
func certificateOf(state tls.ConnectionState, expires time.Time, err error, now time.Time) *check.Certificate {
	chain, verified := state.PeerCertificates, !expires.IsZero()
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		chain = e.UnverifiedCertificates
	}
	if len(chain) == 0 {
		return nil
	}
	leaf := chain[0]
	if !verified {
		expires = leaf.NotAfter
	}
	if expires.After(lastInstant) {
		expires = lastInstant
	}
	return &check.Certificate{
		Subject:  shownName(leaf.Subject),
		Issuer:   unique.Make(shownName(leaf.Issuer)).Value(), // many leaves have one
		NotAfter: expires.UTC(),
		DaysLeft: math.Round(expires.Sub(now).Hours()/24*100) / 100,
		Verified: verified,
	}
}

// lastInstant is the last that has a form in RFC 3339. A time zone makes later
// ones of the last year that a certificate can name.
var lastInstant = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// shownName is a distinguished name as pkix has it. Most servers' are a host's
// common name alone, which takes a tenth of the time.
func shownName(name pkix.Name) string {
	if len(name.Names) == 1 && name.CommonName != "" && strings.Trim(name.CommonName, hostBytes) == "" {
		return redact.Cut("CN="+name.CommonName, redact.MaxDetail)
	}
	return redact.Cut(redact.Printable(name.String()), redact.MaxDetail)
}

const hostBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.*"

// namesOf are the names that a certificate is for.
func namesOf(c *x509.Certificate) string {
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name at all"
	}
	return redact.Cut(redact.Printable(strings.Join(names, ", ")), redact.MaxDetail/2)
}
