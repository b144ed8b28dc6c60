package faults

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"net/http"
	"sync"
	"time"

	"rollcall/internal/testnet"
)

// trustFaults show chains that are refused for a reason that only looks like
// another, and their neighbors.
func trustFaults() []testnet.Server {
	return []testnet.Server{
		{Name: "sha1-leaf", Description: "its certificate is signed with SHA-1",
			Start: withDraft(func(d *draft) error { d.leaf.SignatureAlgorithm = x509.ECDSAWithSHA1; return nil })},
		{Name: "sha1-intermediate", Description: "its intermediate is signed with SHA-1",
			Start: withDraft(intermediate(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }))},
		{Name: "root-reissued", Description: "its authority has the trusted one's name and another key, and is sent along", Start: withDraft(rootReissued(true))},
		{Name: "root-reissued-unsent", Description: "the same, without it", Start: withDraft(rootReissued(false))},
		{Name: "intermediate-reissued", Description: "its intermediate has the name of the right one and another key", Start: withDraft(intermediateReissued)},
		{Name: "stranger-above", Description: "its intermediate is of an authority that is unknown", Start: withDraft(func(d *draft) error {
			template := *d.by.Certificate
			issued, err := issue(&template, d.authority.Untrusted, &d.by.Key.PublicKey)
			d.chain = []*x509.Certificate{issued}
			return err
		})},
		{Name: "intermediate-not-yet-valid", Description: "its intermediate is valid from tomorrow",
			Start: withDraft(intermediate(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(testnet.Day) }))},
		{Name: "intermediate-renewed", Description: "it sends an intermediate that has expired, and the new one",
			CounterpartOf: "expired-intermediate", Start: withDraft(twice(intermediateEnds(-testnet.Day)))},
		{Name: "negative-serial", Description: "the serial number of its certificate is negative",
			CounterpartOf: "self-signed", Start: withDraft(func(d *draft) error { d.negative = true; return nil })},
		{Name: "redirect-from-expiring", Description: "its certificate expires tomorrow; it redirects to good.stage.test",
			CounterpartOf: "expired", Start: serving(redirectedAway, endsAfter(testnet.Day))},
	}
}

func redirectedAway(n *testnet.Hosts, _ string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", n.URL("https", "", "good.stage.test", "/"))
		testnet.ShortBody(w, nil)
	})
}

// intermediate issues the intermediate again, with the same key and a change.
func intermediate(change func(*x509.Certificate)) func(*draft) error {
	return func(d *draft) error {
		template := *d.by.Certificate
		template.SignatureAlgorithm = x509.UnknownSignatureAlgorithm // the key's usual one
		change(&template)
		issued, err := issue(&template, d.authority.Root, &d.by.Key.PublicKey)
		d.chain = []*x509.Certificate{issued}
		return err
	}
}

// twice sends the right intermediate too.
func twice(change func(*draft) error) func(*draft) error {
	return func(d *draft) error {
		err := change(d)
		d.chain = append(d.chain, d.by.Certificate)
		return err
	}
}

func rootReissued(sent bool) func(*draft) error {
	return func(d *draft) error {
		key, err := testnet.NewKey()
		if err != nil {
			return err
		}
		template := *d.authority.Root.Certificate
		template.PublicKey = key.Public()
		root, err := issue(&template, &testnet.Issuer{Certificate: &template, Key: key}, &key.PublicKey)
		d.by, d.chain = &testnet.Issuer{Certificate: root, Key: key}, nil
		if sent {
			d.chain = []*x509.Certificate{root}
		}
		return err
	}
}

// intermediateReissued signs the leaf with a key that is not the sent
// intermediate's.
func intermediateReissued(d *draft) error {
	key, err := testnet.NewKey()
	if err != nil {
		return err
	}
	template := *d.by.Certificate
	other, err := issue(&template, d.authority.Root, &key.PublicKey)
	d.by = &testnet.Issuer{Certificate: other, Key: key}
	return err
}

// negated returns a certificate with the highest bit of its serial number set,
// signed again: x509.CreateCertificate makes none.
func negated(raw []byte, by *ecdsa.PrivateKey) ([]byte, error) {
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, err
	}
	var parts struct {
		Body, Algorithm asn1.RawValue
		Signature       asn1.BitString
	}
	if _, err := asn1.Unmarshal(raw, &parts); err != nil {
		return nil, err
	}
	serial := c.SerialNumber.Bytes()
	body := []byte(string(parts.Body.FullBytes))
	for i := range body {
		if string(body[i:i+len(serial)]) == string(serial) {
			body[i] |= 0x80
			break
		}
	}
	hash := sha256.Sum256(body)
	signature, err := ecdsa.SignASN1(rand.Reader, by, hash[:])
	if err != nil {
		return nil, err
	}
	parts.Body = asn1.RawValue{FullBytes: body}
	parts.Signature = asn1.BitString{Bytes: signature, BitLength: len(signature) * 8}
	return asn1.Marshal(parts)
}

// serialOf is a serial number that negated can change: its highest bit is clear,
// and its first byte is not zero.
func serialOf() *big.Int { return new(big.Int).SetBytes([]byte("serial number")) }

// rsaKey is one for all.
var rsaKey = sync.OnceValues(func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// legacyFaults speak only what clients have given up.
func legacyFaults() []testnet.Server {
	only := func(suite uint16) testnet.Starter {
		return func(n *testnet.Hosts, host string) (*testnet.Host, error) {
			certificate := later(n, host, func(d *draft) (err error) {
				d.key, err = rsaKey()
				d.leaf.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
				return err
			})
			return testnet.OverTCP(func(ctx context.Context, c *testnet.Client) {
				c.Conn = tls.Server(c.Conn, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}, GetCertificate: certificate})
				c.Serve(ctx, testnet.Send(testnet.OK))
			})(n, host)
		}
	}
	return []testnet.Server{
		{Name: "rsa-exchange", Description: "TLS 1.2 with an exchange of keys by RSA", Start: only(tls.TLS_RSA_WITH_AES_128_GCM_SHA256)},
		{Name: "rsa-exchange-cbc", Description: "the same, and CBC", Start: only(tls.TLS_RSA_WITH_AES_128_CBC_SHA)},
		{Name: "cbc-sha256", Description: "TLS 1.2 with CBC and SHA-256", Start: only(tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256)},
		{Name: "triple-des", Description: "TLS 1.2 with 3DES", Start: only(tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA)},
		{Name: "rc4", Description: "TLS 1.2 with RC4", Start: only(tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA)},
		{Name: "one-rsa-cipher", Description: "TLS 1.2 with one cipher suite, and an RSA key",
			CounterpartOf: "rsa-exchange rsa-exchange-cbc cbc-sha256 triple-des rc4", Start: only(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)},
	}
}

// anonymousFaults ask for a client certificate, do without one, and do not respond
// as they should: because they have none, or not.
func anonymousFaults() []testnet.Server {
	asking := func(a testnet.ConnHandler) testnet.Starter {
		return testnet.OverHTTPWith(func() *tls.Config {
			return &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequestClientCert}
		}, a)
	}
	status := func(line string) testnet.Starter {
		return asking(testnet.Send("HTTP/1.1 " + line + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
	}
	return []testnet.Server{
		{Name: "client-certificate-400", Description: "asks for a client certificate, and says 400 without one", Start: status("400 Bad Request")},
		{Name: "client-certificate-403", Description: "asks for a client certificate, and says 403 without one", Start: status("403 Forbidden")},
		{Name: "client-certificate-496", Description: "asks for a client certificate, and says 496 without one", Start: status("496 No certificate")},
		{Name: "client-certificate-500", Description: "asks for a client certificate, does without, and fails", Start: status("500 Internal Server Error")},
		{Name: "client-certificate-closing", Description: "asks for a client certificate, and closes", Start: asking(testnet.CloseConn)},
		{Name: "client-certificate-resetting", Description: "asks for a client certificate, and resets", Start: asking(testnet.Reset)},
	}
}
