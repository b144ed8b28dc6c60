package probe

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math"
	"strings"
	"time"
	"unique"

	"rollcall/internal/check"
	"rollcall/internal/redact"
	"rollcall/internal/trust"
)

// secure speaks TLS over c, offering protocols and groups; nil are none and Go's.
func (a *attempt) secure(c *connection, h *hop, protocols []string, groups []tls.CurveID) error {
	a.time.phase = check.TLS
	a.res.TLSUnverified = h.tls.InsecureSkipVerify
	config := &tls.Config{
		RootCAs:            a.p.options.RootCAs,
		ServerName:         cmp.Or(h.tls.ServerName, h.url.Hostname()),
		MinVersion:         cmp.Or(h.tls.MinVersion, tls.VersionTLS12),
		InsecureSkipVerify: h.tls.InsecureSkipVerify,
		NextProtos:         protocols,
		CurvePreferences:   groups,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c.certificateWanted = true
			return new(tls.Certificate), nil
		},
	}
	var expires time.Time // of verified chains
	if !config.InsecureSkipVerify && a.p.trust != nil {
		a.p.verifyWithMemory(config, &expires)
	}
	began := time.Now()
	client := tls.Client(c.wire, config)
	err := client.Handshake()
	c.top = client
	r := c.wire.Reading()
	a.time.noteStamps(r)
	a.time.recordUntil(err, check.TLS, r.Waited, began)
	a.time.uncertainty += r.WaitGap
	a.time.settle(c, r)
	state := client.ConnectionState()
	if len(state.VerifiedChains) > 0 {
		expires = trust.Expiry(state.VerifiedChains)
	}
	a.res.Certificate = certificateOf(state, expires, err, time.Now())
	if cert := a.res.Certificate; cert != nil && h.count > 0 { // who has seen no request has nothing to echo
		cert.Subject, cert.Issuer = a.secrets.Redact(cert.Subject), a.secrets.Redact(cert.Issuer)
	}
	if a.p.rootless && untrusted(err) {
		return &verdict{reason: check.Internal, detail: "this machine has no root certificates to verify the server's with (SSL_CERT_FILE, SSL_CERT_DIR)"}
	}
	if err != nil {
		return &exchangeError{error: err, certificateWanted: c.certificateWanted}
	}
	return nil
}

// untrusted reports whether a handshake failed for lack of a root.
func untrusted(err error) bool {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, none := errors.AsType[x509.SystemRootsError](err)
	return unknown || none
}

// verifyWithMemory lets p.trust verify the server's certificates in the place
// of crypto/tls: InsecureSkipVerify leaves out what VerifyConnection then does,
// with the same error and the same alert. It sets expires if all is well.
func (p *Prober) verifyWithMemory(config *tls.Config, expires *time.Time) {
	config.InsecureSkipVerify = true
	config.VerifyConnection = func(state tls.ConnectionState) error {
		var err error
		*expires, err = p.trust.Verify(state.PeerCertificates, config.ServerName, time.Now())
		if err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
		}
		return nil
	}
}

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
		Subject:  nameOf(leaf.Subject),
		Issuer:   unique.Make(nameOf(leaf.Issuer)).Value(), // many leaves have one
		NotAfter: expires.UTC(),
		DaysLeft: math.Round(expires.Sub(now).Hours()/24*100) / 100,
		Verified: verified,
	}
}

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
