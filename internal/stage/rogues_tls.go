package stage

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
)

// Alerts of TLS (RFC 8446, 6).
const (
	warning = 1
	fatal   = 2

	handshakeFailure = 40
	internalError    = 80
	unrecognizedName = 112
)

// handshakeRogues break the handshake.
func handshakeRogues() []rogue {
	// A record that claims to be encrypted data, 32 bytes of it, and is not.
	const undecipherable = "\x17\x03\x03\x00\x20" + "this was never meant to decipher"
	return []rogue{
		{name: "tls-hanging", description: "accepts and never shakes hands", start: overTCP(hang)},
		{name: "tls-hanging-midway", description: "says hello and nothing more", start: midHandshake(hang)},
		{name: "tls-closing", description: "closes in the middle of the handshake", start: overTCP(afterHello(leave))},
		{name: "tls-closing-midway", description: "says hello and closes", start: midHandshake(leave)},
		{name: "tls-resetting", description: "resets in the middle of the handshake", start: overTCP(afterHello(reset))},
		{name: "tls-resetting-midway", description: "says hello and resets", start: midHandshake(reset)},
		{name: "tls-garbage", description: "says hello and then what is no TLS", start: midHandshake(says("\x00\x01\x02 this is no TLS"))},
		{name: "tls-undecipherable", description: "says hello and then what can't be deciphered", start: midHandshake(says(undecipherable))},
		{name: "tls-not-spoken", description: "plain HTTP where https is asked for", start: plain},
		{name: "tls-ssh", description: "SSH where https is asked for", start: overTCP(says("SSH-2.0-OpenSSH_9.2\r\n"))},
		{name: "tls-alert", description: "answers hello with the alert internal_error", start: overTCP(afterHello(alert(fatal, internalError)))},
		{name: "tls-refusing", description: "answers hello with the alert handshake_failure", start: overTCP(afterHello(alert(fatal, handshakeFailure)))},
		{name: "unrecognized-name", description: "answers hello with the alert unrecognized_name", start: overTCP(afterHello(alert(fatal, unrecognizedName)))},
		{name: "unrecognized-name-warning", description: "warns that the name is unrecognized, and goes on",
			beside: "unrecognized-name tls-alert tls-refusing", start: warned},
		{name: "handshake-ok", description: "shakes hands and answers",
			beside: "tls-hanging tls-hanging-midway tls-closing tls-closing-midway tls-resetting tls-resetting-midway " +
				"tls-garbage tls-undecipherable tls-not-spoken tls-ssh", start: overHTTP(says(ok))},
	}
}

// afterHello reads once what the caller sends, and lets a act.
func afterHello(a act) act {
	return func(ctx context.Context, c *caller) {
		if _, err := c.Read(make([]byte, 64<<10)); err == nil {
			a(ctx, c)
		}
	}
}

// alert sends a TLS alert of a level.
func alert(level, code byte) act {
	return says(string([]byte{21, 3, 3, 0, 2, level, code}))
}

// warned warns before a sound handshake and an answer.
func warned(n *internet, host string) (*site, error) {
	config := &tls.Config{GetCertificate: n.sound(host)}
	return overTCP(func(ctx context.Context, c *caller) {
		c.sniff()
		alert(warning, unrecognizedName)(ctx, c)
		c.Conn = tls.Server(c.Conn, config)
		c.ask(ctx, says(ok))
	})(n, host)
}

// midHandshake lets a act, below TLS, after the server's hello.
func midHandshake(a act) starter {
	return func(n *internet, host string) (*site, error) {
		config := &tls.Config{GetCertificate: n.sound(host)}
		return overTCP(func(ctx context.Context, c *caller) {
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

// versionRogues speak old versions, or share nothing with the caller.
func versionRogues() []rogue {
	return []rogue{
		{name: "tls10-only", description: "TLS 1.0 and no other", start: versions(tls.VersionTLS10, tls.VersionTLS10)},
		{name: "tls11-only", description: "TLS 1.1 and no other", start: versions(tls.VersionTLS11, tls.VersionTLS11)},
		{name: "tls12-only", description: "TLS 1.2 and no other",
			beside: "tls10-only tls11-only", start: versions(tls.VersionTLS12, tls.VersionTLS12)},
		{name: "tls13-only", description: "TLS 1.3 and no other",
			beside: "tls10-only tls11-only", start: versions(tls.VersionTLS13, tls.VersionTLS13)},
		{name: "no-shared-cipher", description: "TLS 1.2 with no cipher suite but one for a key that it has not",
			start: ciphers(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)},
		{name: "one-shared-cipher", description: "TLS 1.2 with one cipher suite",
			beside: "no-shared-cipher", start: ciphers(tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)},
		{name: "no-shared-protocol", description: "a protocol of mail and no other by ALPN, for those who offer any",
			start: secured(func() *tls.Config { return &tls.Config{NextProtos: []string{"imap"}} })},
		{name: "one-shared-protocol", description: "HTTP/1.1 and no other by ALPN",
			beside: "no-shared-protocol", start: overHTTP(says(ok))},
	}
}

func versions(least, most uint16) starter {
	return secured(func() *tls.Config { return &tls.Config{MinVersion: least, MaxVersion: most} })
}

func ciphers(suites ...uint16) starter {
	return secured(func() *tls.Config { return &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: suites} })
}

// clientCertificateRogues ask who the caller is.
func clientCertificateRogues() []rogue {
	return []rogue{
		{name: "client-certificate-12", description: "TLS 1.2, wants a client certificate",
			start: asking(tls.VersionTLS12, tls.RequireAnyClientCert)},
		{name: "client-certificate-12-optional", description: "TLS 1.2, asks for a client certificate and does without",
			beside: "client-certificate-12", start: asking(tls.VersionTLS12, tls.RequestClientCert)},
		{name: "client-certificate-13", description: "TLS 1.3, wants a client certificate",
			start: asking(tls.VersionTLS13, tls.RequireAnyClientCert)},
		{name: "client-certificate-13-optional", description: "TLS 1.3, asks for a client certificate and does without",
			beside: "client-certificate-13", start: asking(tls.VersionTLS13, tls.RequestClientCert)},
	}
}

func asking(version uint16, how tls.ClientAuthType) starter {
	return secured(func() *tls.Config {
		return &tls.Config{MinVersion: version, MaxVersion: version, ClientAuth: how}
	})
}
