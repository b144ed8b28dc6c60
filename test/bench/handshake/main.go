// The bare TLS handshake, again and again: what no client that makes a fresh
// connection a check can go below. It knows the address, offers X25519 only,
// remembers the intermediate it has verified, and asks for nothing. It is the
// bench's limit.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"net"
	"net/url"
	"sync"
	"time"

	"rollcall/test/bench/peer"
)

func main() {
	flag.String("dns", "", "not asked: every host is at 127.0.0.1")
	flag.Duration("timeout", 0, "none is needed")
	l := &limit{}
	peer.Main(l.check)
}

// A limit checks by shaking hands.
type limit struct {
	verified sync.Map // intermediates that were verified up to a root, by their bytes
}

func (l *limit) check(raw string) peer.Check {
	began := time.Now()
	c := peer.Check{URL: raw}
	if err := l.shake(raw); err != nil {
		c.Failure = err.Error()
	}
	c.Duration = time.Since(began)
	return c
}

func (l *limit) shake(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return err
	}
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", u.Port()))
	if err != nil {
		return err
	}
	defer conn.Close()
	return tls.Client(conn, &tls.Config{
		ServerName: u.Hostname(), CurvePreferences: []tls.CurveID{tls.X25519}, NextProtos: []string{"http/1.1"},
		InsecureSkipVerify: true, VerifyConnection: l.verify, // which verifies
	}).Handshake()
}

// verify asks crypto/x509 for the whole chain once an intermediate, and for
// the leaf alone afterwards.
func (l *limit) verify(state tls.ConnectionState) error {
	chain := state.PeerCertificates
	leaf := chain[0]
	if len(chain) != 2 {
		return errors.New("the test network sends leaf and intermediate")
	}
	if _, ok := l.verified.Load(string(chain[1].Raw)); !ok {
		between := x509.NewCertPool()
		between.AddCert(chain[1])
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: state.ServerName, Intermediates: between}); err != nil {
			return err
		}
		l.verified.Store(string(chain[1].Raw), true)
		return nil
	}
	if now := time.Now(); now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return errors.New("the certificate is not valid now")
	}
	if err := leaf.VerifyHostname(state.ServerName); err != nil {
		return err
	}
	return leaf.CheckSignatureFrom(chain[1])
}
