package probe

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/trust"
)

// secure speaks TLS over c, offering protocols and groups; nil are none and Go's.
func (a *attempt) secure(c *connection, h *hop, protocols []string, groups []tls.CurveID) error {
	a.time.phase = check.TLS
	a.res.TLSUnverified = a.res.TLSUnverified || h.tls.InsecureSkipVerify
	config := &tls.Config{
		RootCAs:            a.p.options.RootCAs,
		ServerName:         cmp.Or(h.tls.ServerName, h.url.Hostname()),
		MinVersion:         cmp.Or(h.tls.MinVersion, tls.VersionTLS12),
		InsecureSkipVerify: h.tls.InsecureSkipVerify,
		NextProtos:         protocols,
		CurvePreferences:   groups,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c.certificateWanted = true
			if h.tls.Client == nil {
				return new(tls.Certificate), nil
			}
			c.certificateSent = true
			return h.tls.Client, nil
		},
		Renegotiation: tls.RenegotiateOnceAsClient, // for a page that wants to know who asks
	}
	if h.tls.LegacyCiphers || config.MinVersion < tls.VersionTLS12 {
		config.CipherSuites = legacyCiphers
	}
	var first *x509.Certificate // to expire of verified chains
	if !config.InsecureSkipVerify && a.p.trust != nil {
		a.p.verifyWithMemory(config, &first)
	}
	began := time.Now()
	hello := &handshake{Conn: c.wire, share: a.share}
	client := tls.Client(hello, config)
	err := client.Handshake()
	hello.share = nil
	c.top = client
	r := c.wire.Reading()
	a.time.noteStamps(r)
	a.time.recordUntil(err, check.TLS, r.Waited, began)
	a.time.uncertainty += r.WaitGap
	a.time.settle(c, r)
	state := client.ConnectionState()
	if len(state.VerifiedChains) > 0 {
		first = trust.FirstToExpire(state.VerifiedChains)
	}
	cert := certificateOf(state, first, err, time.Now())
	if cert != nil {
		a.showCertificate(cert, h)
	}
	a.keep(cert)
	if a.p.rootless && untrusted(err) {
		return &verdict{reason: check.Internal, detail: "this machine has no root certificates to verify the server's with (SSL_CERT_FILE, SSL_CERT_DIR)"}
	}
	if err != nil {
		return c.explain(exchangeError{error: err})
	}
	return nil
}

// legacyCiphers are all that crypto/tls speaks but RC4: beside its own choice
// those with an exchange of keys by RSA, 3DES, and CBC with SHA-256.
var legacyCiphers = func() (all []uint16) {
	for _, c := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if !strings.Contains(c.Name, "_RC4_") {
			all = append(all, c.ID)
		}
	}
	return all
}()

// alerted reports whether err is an alert of the server.
func alerted(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "remote error"
}

// untrusted reports whether a handshake failed for lack of a root.
func untrusted(err error) bool {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, none := errors.AsType[x509.SystemRootsError](err)
	return unknown || none
}

// verifyWithMemory lets p.trust verify the server's certificates in the place
// of crypto/tls: InsecureSkipVerify leaves out what VerifyConnection then does,
// with the same error and the same alert. It sets first if all is well.
func (p *Prober) verifyWithMemory(config *tls.Config, first **x509.Certificate) {
	config.InsecureSkipVerify = true
	config.VerifyConnection = func(state tls.ConnectionState) error {
		var err error
		*first, err = p.trust.Verify(state.PeerCertificates, config.ServerName, time.Now())
		if err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
		}
		return nil
	}
}
