package probe

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"time"
	"unique"

	"rollcall/internal/check"
	"rollcall/internal/redact"
)

// keep takes over what is known of a hop's certificate, unless that of a hop
// before expires sooner: the first to expire is the first that visitors miss.
func (a *attempt) keep(c *check.Certificate) {
	if kept := a.res.Certificate; c != nil && (kept == nil || !c.NotAfter.After(kept.NotAfter)) {
		a.res.Certificate = c
	}
}

// certificateOf is the certificate that expires first of those that the server
// showed in a handshake that ended with err. first is that of its verified
// chains; nil: they are not verified.
func certificateOf(state tls.ConnectionState, first *x509.Certificate, err error, now time.Time) *check.Certificate {
	verified := first != nil
	if !verified {
		first = firstOfUnverified(sentIn(state, err), err)
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
	fingerprint := sha256.Sum256(first.Raw)
	return &check.Certificate{
		Subject:  nameOf(first.Subject),
		Issuer:   unique.Make(nameOf(first.Issuer)).Value(), // many leaves have one
		NotAfter: expires.UTC(),
		DaysLeft: days,
		Verified: verified,

		Fingerprint: unique.Make(hex.EncodeToString(fingerprint[:])).Value(), // many targets share one
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
