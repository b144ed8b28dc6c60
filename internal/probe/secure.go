package probe

import (
	"cmp"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/trust"
	"rollcall/internal/wire"
)

// classical are the groups that are offered at first. Go's own choice begins
// with a post-quantum one, which costs 100 to 180 µs of CPU more a check (585
// against 408 for a bare handshake); docs/decisions/classical-groups.md says
// why nothing needs it.
var classical = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}

// refusedGroups reports whether a server may have refused a handshake for the
// groups that we offered: RFC 8446, 4.1.1, has it say handshake_failure, or
// insufficient_security, which others say for other reasons too.
func refusedGroups(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return false
	}
	said := op.Err.Error()
	return strings.Contains(said, "handshake failure") || strings.Contains(said, "insufficient security level")
}

// secure speaks TLS over conn, offering groups; nil are Go's.
func (a *attempt) secure(conn *wire.Conn, h *hop, groups []tls.CurveID) (net.Conn, error) {
	a.phase, a.wanted = check.TLS, false
	began := time.Now()
	var expires time.Time // of verified chains
	config := a.tlsConfig(h)
	config.CurvePreferences = groups
	if !config.InsecureSkipVerify && a.p.trust != nil {
		a.p.verifyWithMemory(config, &expires)
	}
	client := tls.Client(conn, config)
	conn.Hold(h.body == "") // the end of TLS 1.3's handshake leaves with the request, unless others write that
	err := client.Handshake()
	conn.Hold(false)
	r := conn.Reading()
	a.noteStamps(r)
	a.endPhase(check.TLS, r.Waited, err, began)
	a.uncertainty += r.WaitGap
	state := client.ConnectionState()
	if len(state.VerifiedChains) > 0 {
		expires = trust.Expiry(state.VerifiedChains)
	}
	a.res.Certificate = certificateOf(state, expires, err, time.Now())
	if c := a.res.Certificate; c != nil && h.count > 0 { // who has seen no request has nothing to echo
		c.Subject, c.Issuer = a.secrets().Redact(c.Subject), a.secrets().Redact(c.Issuer)
	}
	if a.wanted && err != nil && !timedOut(err) {
		err = wantsCertificate()
	}
	return client, err
}

func (a *attempt) tlsConfig(h *hop) *tls.Config {
	a.res.TLSUnverified = h.tls.InsecureSkipVerify
	return &tls.Config{
		RootCAs:            a.p.options.RootCAs,
		ServerName:         cmp.Or(h.tls.ServerName, h.url.Hostname()),
		MinVersion:         cmp.Or(h.tls.MinVersion, tls.VersionTLS12),
		InsecureSkipVerify: h.tls.InsecureSkipVerify,
		NextProtos:         protocolNames[a.t.HTTP],
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			a.wanted = true
			return new(tls.Certificate), nil
		},
	}
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

func wantsCertificate() error {
	return &verdict{reason: check.TLSClientCertificate, detail: "server asks for a client certificate"}
}
