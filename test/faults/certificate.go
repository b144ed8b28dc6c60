package faults

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"rollcall/internal/testnet"
)

// certificateFaults show a leaf that is wrong, or just right.
func certificateFaults() []testnet.Server {
	return []testnet.Server{
		{Name: "expires-tomorrow", Description: "its certificate expires tomorrow",
			CounterpartOf: "expired", Start: withDraft(endsAfter(testnet.Day))},
		{Name: "valid-since-a-minute", Description: "its certificate began a minute ago",
			CounterpartOf: "not-yet-valid", Start: withDraft(beginsAfter(-time.Minute))},
		{Name: "wildcard-depth", Description: "its certificate is a wildcard's that is one label too high",
			Start: withDraft(namedFor("*.test"))},
		{Name: "no-san", Description: "its certificate has its name as common name only",
			Start: withDraft(namedFor())},
		{Name: "wildcard-name", Description: "its certificate is for *.stage.test",
			CounterpartOf: "wrong-name wildcard-depth no-san", Start: withDraft(namedFor("*.stage.test"))},
		{Name: "many-names", Description: "its certificate has its name as the last of 100",
			CounterpartOf: "wrong-name no-san", Start: withDraft(lastOfMany)},
		{Name: "wrong-usage", Description: "its certificate is for clients",
			Start: withDraft(func(d *draft) error {
				d.leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
				return nil
			})},
		{Name: "any-usage", Description: "its certificate is for any use",
			CounterpartOf: "wrong-usage", Start: withDraft(func(d *draft) error {
				d.leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
				return nil
			})},
	}
}

// chainFaults show a chain that leads nowhere, or just to the root.
func chainFaults() []testnet.Server {
	return []testnet.Server{
		{Name: "self-signed", Description: "its certificate is signed by itself", Start: testnet.WithCertificate(testnet.SelfSigned)},
		{Name: "complete-chain", Description: "its certificate comes with the intermediate",
			CounterpartOf: "no-intermediate self-signed untrusted issuer-no-authority sha1-leaf sha1-intermediate root-reissued root-reissued-unsent intermediate-reissued stranger-above intermediate-not-yet-valid", Start: testnet.WithCertificate(testnet.Valid)},
		{Name: "whole-chain", Description: "its certificate comes with the root too",
			CounterpartOf: "no-intermediate", Start: withDraft(func(d *draft) error {
				d.chain = append(d.chain, d.authority.Root.Certificate)
				return nil
			})},
		{Name: "disordered-chain", Description: "its intermediate comes after another that has no part in it",
			CounterpartOf: "no-intermediate", Start: withDraft(func(d *draft) error {
				d.chain = []*x509.Certificate{d.authority.Untrusted.Certificate, d.by.Certificate}
				return nil
			})},
		{Name: "expired-intermediate", Description: "its intermediate expired yesterday, the leaf is valid",
			Start: withDraft(intermediateEnds(-testnet.Day))},
		{Name: "intermediate-expires-tomorrow", Description: "its intermediate expires tomorrow, the leaf later",
			CounterpartOf: "expired-intermediate expired", Start: withDraft(intermediateEnds(testnet.Day))},
		{Name: "issuer-no-authority", Description: "its certificate is signed by one that may sign none", Start: withDraft(signedByLeaf)},
	}
}

// keyFaults have keys of other kinds. They are made at the first handshake.
func keyFaults() []testnet.Server {
	key := func(make func() (crypto.Signer, error)) testnet.Starter {
		return withDraft(func(d *draft) (err error) {
			d.key, err = make()
			return err
		})
	}
	return []testnet.Server{
		{Name: "rsa-leaf", Description: "its certificate has an RSA key of 2048 bits", CounterpartOf: "no-shared-cipher",
			Start: key(func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) })},
		{Name: "p384-leaf", Description: "its certificate has an ECDSA key on P-384", CounterpartOf: "no-shared-cipher",
			Start: key(func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) })},
		{Name: "ed25519-leaf", Description: "its certificate has an Ed25519 key", CounterpartOf: "no-shared-cipher",
			Start: key(func() (crypto.Signer, error) {
				_, key, err := ed25519.GenerateKey(rand.Reader)
				return key, err
			})},
	}
}

// A draft is a certificate before it is signed: valid until it is
// changed.
type draft struct {
	authority *testnet.Authority
	leaf      *x509.Certificate
	key       crypto.Signer
	by        *testnet.Issuer
	chain     []*x509.Certificate // sent after the leaf
	negative  bool                // its serial number
}

// withDraft serves a page over TLS with a certificate that change has
// changed.
func withDraft(change func(*draft) error) testnet.Starter {
	return serving(func(_ *testnet.Hosts, host string) http.Handler { return testnet.Page{Name: host} }, change)
}

// serving is withDraft with a handler.
func serving(handler func(n *testnet.Hosts, host string) http.Handler, change func(*draft) error) testnet.Starter {
	return func(n *testnet.Hosts, host string) (*testnet.Host, error) {
		return testnet.OwnListener(n.Serve(handler(n, host), &tls.Config{GetCertificate: later(n, host, change)}))
	}
}

// later makes the certificate at the first handshake.
func later(n *testnet.Hosts, host string, change func(*draft) error) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	certificate := sync.OnceValues(func() (*tls.Certificate, error) {
		a := n.Authority
		leaf := testnet.LeafTemplate(host, time.Now())
		leaf.SerialNumber = serialOf()
		d := &draft{authority: a, leaf: leaf, key: a.LeafKey, by: a.Intermediate, chain: []*x509.Certificate{a.Intermediate.Certificate}}
		if err := change(d); err != nil {
			return nil, err
		}
		return d.sign()
	})
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate() }
}

func (d *draft) sign() (*tls.Certificate, error) {
	raw, err := x509.CreateCertificate(rand.Reader, d.leaf, d.by.Certificate, d.key.Public(), d.by.Key)
	if err == nil && d.negative {
		raw, err = negated(raw, d.by.Key)
	}
	if err != nil {
		return nil, err
	}
	sent := [][]byte{raw}
	for _, c := range d.chain {
		sent = append(sent, c.Raw)
	}
	return &tls.Certificate{Certificate: sent, PrivateKey: d.key}, nil
}

func endsAfter(life time.Duration) func(*draft) error {
	return func(d *draft) error {
		d.leaf.NotAfter = time.Now().Add(life)
		return nil
	}
}

func beginsAfter(wait time.Duration) func(*draft) error {
	return func(d *draft) error {
		d.leaf.NotBefore = time.Now().Add(wait)
		return nil
	}
}

func namedFor(names ...string) func(*draft) error {
	return func(d *draft) error {
		d.leaf.DNSNames, d.leaf.IPAddresses = names, []net.IP(nil)
		return nil
	}
}

func lastOfMany(d *draft) error {
	own := d.leaf.DNSNames
	d.leaf.DNSNames = nil
	for i := range 99 {
		d.leaf.DNSNames = append(d.leaf.DNSNames, fmt.Sprintf("name-%d.stage.test", i))
	}
	d.leaf.DNSNames = append(d.leaf.DNSNames, own...)
	return nil
}

func intermediateEnds(after time.Duration) func(*draft) error {
	return intermediate(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(after) })
}

// signedByLeaf puts a certificate that may not sign between the leaf and the
// intermediate.
func signedByLeaf(d *draft) error {
	key, err := testnet.NewKey()
	if err != nil {
		return err
	}
	between, err := issue(testnet.LeafTemplate("between.stage.test", time.Now()), d.by, &key.PublicKey)
	if err != nil {
		return err
	}
	d.chain = append([]*x509.Certificate{between}, d.chain...)
	d.by = &testnet.Issuer{Certificate: between, Key: key}
	return nil
}

func issue(template *x509.Certificate, by *testnet.Issuer, key *ecdsa.PublicKey) (*x509.Certificate, error) {
	raw, err := x509.CreateCertificate(rand.Reader, template, by.Certificate, key, by.Key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(raw)
}
