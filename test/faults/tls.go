package faults

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"

	"rollcall/internal/testnet"
)

// Alerts of TLS (RFC 8446, 6).
const (
	warning = 1
	fatal   = 2

	handshakeFailure = 40
	internalError    = 80
	unrecognizedName = 112
)

// handshakeFaults break the handshake.
func handshakeFaults() []testnet.Server {
	// A record that claims to be encrypted data, 32 bytes of it, and is not.
	const undecipherable = "\x17\x03\x03\x00\x20" + "this was never meant to decipher"
	return []testnet.Server{
		{Name: "tls-hanging", Description: "accepts and never begins the handshake", Start: testnet.OverTCP(testnet.Hang)},
		{Name: "tls-hanging-midway", Description: "sends its hello and nothing more", Start: midHandshake(testnet.Hang)},
		{Name: "tls-closing", Description: "closes in the middle of the handshake", Start: testnet.OverTCP(afterHello(testnet.CloseConn))},
		{Name: "tls-closing-midway", Description: "sends its hello and closes", Start: midHandshake(testnet.CloseConn)},
		{Name: "tls-resetting", Description: "resets in the middle of the handshake", Start: testnet.OverTCP(afterHello(testnet.Reset))},
		{Name: "tls-resetting-midway", Description: "sends its hello and resets", Start: midHandshake(testnet.Reset)},
		{Name: "tls-garbage", Description: "sends its hello and then what is not TLS", Start: midHandshake(testnet.Send("\x00\x01\x02 this is not TLS"))},
		{Name: "tls-undecipherable", Description: "sends its hello and then what can't be deciphered", Start: midHandshake(testnet.Send(undecipherable))},
		{Name: "tls-ssh", Description: "SSH where https is asked for", Start: testnet.OverTCP(testnet.Send("SSH-2.0-OpenSSH_9.2\r\n"))},
		{Name: "tls-alert", Description: "responds hello with the alert internal_error", Start: testnet.OverTCP(afterHello(alert(fatal, internalError)))},
		{Name: "tls-refusing", Description: "responds hello with the alert handshake_failure", Start: testnet.OverTCP(afterHello(alert(fatal, handshakeFailure)))},
		{Name: "unrecognized-name", Description: "responds hello with the alert unrecognized_name", Start: testnet.OverTCP(afterHello(alert(fatal, unrecognizedName)))},
		{Name: "unrecognized-name-warning", Description: "warns that the name is unrecognized, and goes on",
			CounterpartOf: "unrecognized-name tls-alert tls-refusing", Start: warnFirst},
		{Name: "handshake-ok", Description: "completes the handshake and responds",
			CounterpartOf: "tls-hanging tls-hanging-midway tls-closing tls-closing-midway tls-resetting tls-resetting-midway " +
				"tls-garbage tls-undecipherable tls-not-spoken tls-ssh", Start: testnet.OverHTTP(testnet.Send(testnet.OK))},
	}
}

// afterHello reads once what the client sends, and then calls handle.
func afterHello(a testnet.ConnHandler) testnet.ConnHandler {
	return func(ctx context.Context, c *testnet.Client) {
		if _, err := c.Read(make([]byte, 64<<10)); err == nil {
			a(ctx, c)
		}
	}
}

// alert sends a TLS alert of a level.
func alert(level, code byte) testnet.ConnHandler {
	return testnet.Send(string([]byte{21, 3, 3, 0, 2, level, code}))
}

// warnFirst sends a warning before a valid handshake and a response.
func warnFirst(n *testnet.Hosts, host string) (*testnet.Host, error) {
	config := &tls.Config{GetCertificate: n.Certificate(host)}
	return testnet.OverTCP(func(ctx context.Context, c *testnet.Client) {
		c.Sniff()
		alert(warning, unrecognizedName)(ctx, c)
		c.Conn = tls.Server(c.Conn, config)
		c.Serve(ctx, testnet.Send(testnet.OK))
	})(n, host)
}

// midHandshake lets a act, below TLS, after the server's hello.
func midHandshake(a testnet.ConnHandler) testnet.Starter {
	return func(n *testnet.Hosts, host string) (*testnet.Host, error) {
		config := &tls.Config{GetCertificate: n.Certificate(host)}
		return testnet.OverTCP(func(ctx context.Context, c *testnet.Client) {
			if err := tls.Server(oneRecord{c.Conn}, config).HandshakeContext(ctx); errors.Is(err, errOneRecord) {
				a(ctx, c)
			}
		})(n, host)
	}
}

// oneRecord lets one TLS record out.
type oneRecord struct{ net.Conn }

var errOneRecord = errors.New("one record is all that leaves")

// Write sends the first record of p and fails.
func (o oneRecord) Write(p []byte) (int, error) {
	const header = 5 // type, version, length (RFC 8446, 5.1)
	if len(p) < header {
		return 0, io.ErrShortWrite
	}
	end := min(len(p), header+int(binary.BigEndian.Uint16(p[3:])))
	n, err := o.Conn.Write(p[:end])
	return n, errors.Join(errOneRecord, err)
}

// versionFaults speak old versions, or share nothing with the client.
func versionFaults() []testnet.Server {
	return []testnet.Server{
		{Name: "tls11-only", Description: "TLS 1.1 and no other", Start: testnet.TLSVersions(tls.VersionTLS11, tls.VersionTLS11)},
		{Name: "tls12-only", Description: "TLS 1.2 and no other",
			CounterpartOf: "tls10-only tls11-only", Start: testnet.TLSVersions(tls.VersionTLS12, tls.VersionTLS12)},
		{Name: "tls13-only", Description: "TLS 1.3 and no other",
			CounterpartOf: "tls10-only tls11-only", Start: testnet.TLSVersions(tls.VersionTLS13, tls.VersionTLS13)},
		{Name: "one-shared-cipher", Description: "TLS 1.2 with one cipher suite",
			CounterpartOf: "no-shared-cipher", Start: testnet.CipherSuites(tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)},
		{Name: "no-shared-protocol", Description: "a protocol of mail and no other by ALPN, for those who offer any",
			Start: testnet.WithTLS(func() *tls.Config { return &tls.Config{NextProtos: []string{"imap"}} })},
		{Name: "one-shared-protocol", Description: "HTTP/1.1 and no other by ALPN",
			CounterpartOf: "no-shared-protocol", Start: testnet.OverHTTP(testnet.Send(testnet.OK))},
	}
}

// clientCertificateFaults ask who the client is.
func clientCertificateFaults() []testnet.Server {
	return []testnet.Server{
		{Name: "client-certificate-12", Description: "TLS 1.2, wants a client certificate",
			Start: testnet.AskForCertificate(tls.VersionTLS12, tls.RequireAnyClientCert)},
		{Name: "client-certificate-12-optional", Description: "TLS 1.2, asks for a client certificate and does without",
			CounterpartOf: "client-certificate-12", Start: testnet.AskForCertificate(tls.VersionTLS12, tls.RequestClientCert)},
		{Name: "client-certificate-13-optional", Description: "TLS 1.3, asks for a client certificate and does without",
			CounterpartOf: "client-certificate-13 client-certificate-400 client-certificate-403 client-certificate-496 client-certificate-500 " +
				"client-certificate-closing client-certificate-resetting", Start: testnet.AskForCertificate(tls.VersionTLS13, tls.RequestClientCert)},
	}
}
