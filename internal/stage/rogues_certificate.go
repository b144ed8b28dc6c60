package stage

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
	"sync"
	"time"
)

// certificateRogues show a leaf that is wrong, or just right.
func certificateRogues() []rogue {
	return []rogue{
		{name: "expired", description: "its certificate ended yesterday", start: certified(Expired)},
		{name: "expires-tomorrow", description: "its certificate ends tomorrow",
			beside: "expired", start: drafted(endsAfter(day))},
		{name: "not-yet-valid", description: "its certificate begins tomorrow", start: certified(NotYetValid)},
		{name: "valid-since-a-minute", description: "its certificate began a minute ago",
			beside: "not-yet-valid", start: drafted(beginsAfter(-time.Minute))},
		{name: "wrong-name", description: "its certificate is another name's", start: certified(WrongName)},
		{name: "wildcard-depth", description: "its certificate is a wildcard's that is one label too high",
			start: drafted(namedFor("*.test"))},
		{name: "no-san", description: "its certificate has its name as common name only",
			start: drafted(namedFor())},
		{name: "wildcard-name", description: "its certificate is for *.stage.test",
			beside: "wrong-name wildcard-depth no-san", start: drafted(namedFor("*.stage.test"))},
		{name: "many-names", description: "its certificate has its name as the last of 100",
			beside: "wrong-name no-san", start: drafted(lastOfMany)},
		{name: "wrong-usage", description: "its certificate is for clients",
			start: drafted(func(d *draft) error {
				d.leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
				return nil
			})},
		{name: "any-usage", description: "its certificate is for any use",
			beside: "wrong-usage", start: drafted(func(d *draft) error {
				d.leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
				return nil
			})},
	}
}

// chainRogues show a chain that leads nowhere, or just to the root.
func chainRogues() []rogue {
	return []rogue{
		{name: "self-signed", description: "its certificate is signed by itself", start: certified(SelfSigned)},
		{name: "untrusted", description: "its certificate's issuer is unknown", start: certified(UnknownIssuer)},
		{name: "no-intermediate", description: "its certificate comes without the intermediate", start: certified(NoIntermediate)},
		{name: "complete-chain", description: "its certificate comes with the intermediate",
			beside: "no-intermediate self-signed untrusted issuer-no-authority", start: certified(Sound)},
		{name: "whole-chain", description: "its certificate comes with the root too",
			beside: "no-intermediate", start: drafted(func(d *draft) error {
				d.chain = append(d.chain, d.authority.root.certificate)
				return nil
			})},
		{name: "disordered-chain", description: "its intermediate comes after another that has no part in it",
			beside: "no-intermediate", start: drafted(func(d *draft) error {
				d.chain = []*x509.Certificate{d.authority.stranger.certificate, d.by.certificate}
				return nil
			})},
		{name: "expired-intermediate", description: "its intermediate ended yesterday, the leaf is valid",
			start: drafted(intermediateEnds(-day))},
		{name: "intermediate-expires-tomorrow", description: "its intermediate ends tomorrow, the leaf later",
			beside: "expired-intermediate expired", start: drafted(intermediateEnds(day))},
		{name: "issuer-no-authority", description: "its certificate is signed by one that may sign none", start: drafted(signedByLeaf)},
	}
}

// keyRogues have keys of other kinds. They are made at the first handshake.
func keyRogues() []rogue {
	key := func(make func() (crypto.Signer, error)) starter {
		return drafted(func(d *draft) (err error) {
			d.key, err = make()
			return err
		})
	}
	return []rogue{
		{name: "rsa-leaf", description: "its certificate has an RSA key of 2048 bits", beside: "no-shared-cipher",
			start: key(func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) })},
		{name: "p384-leaf", description: "its certificate has an ECDSA key on P-384", beside: "no-shared-cipher",
			start: key(func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) })},
		{name: "ed25519-leaf", description: "its certificate has an Ed25519 key", beside: "no-shared-cipher",
			start: key(func() (crypto.Signer, error) {
				_, key, err := ed25519.GenerateKey(rand.Reader)
				return key, err
			})},
	}
}

// certified serves a page over TLS with a certificate that has a flaw.
func certified(flaw Flaw) starter {
	return func(n *internet, host string) (*site, error) {
		return owned(n.serve(page{name: host}, &tls.Config{
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return n.authority.Leaf(host, flaw) },
		}))
	}
}

// A draft is a certificate before it is signed: a sound one until somebody
// changes it.
type draft struct {
	authority *Authority
	leaf      *x509.Certificate
	key       crypto.Signer
	by        *issuer
	chain     []*x509.Certificate // sent after the leaf
}

// drafted serves a page over TLS with a certificate that change has had its way
// with. It is made at the first handshake.
func drafted(change func(*draft) error) starter {
	return func(n *internet, host string) (*site, error) {
		certificate := sync.OnceValues(func() (*tls.Certificate, error) {
			a := n.authority
			d := &draft{a, leafTemplate(host, time.Now()), a.key, a.intermediate, []*x509.Certificate{a.intermediate.certificate}}
			if err := change(d); err != nil {
				return nil, err
			}
			return d.sign()
		})
		return owned(n.serve(page{name: host}, &tls.Config{
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate() },
		}))
	}
}

func (d *draft) sign() (*tls.Certificate, error) {
	raw, err := x509.CreateCertificate(rand.Reader, d.leaf, d.by.certificate, d.key.Public(), d.by.key)
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

// intermediateEnds issues the intermediate anew, with the same key.
func intermediateEnds(after time.Duration) func(*draft) error {
	return func(d *draft) error {
		template := *d.by.certificate
		template.NotAfter = time.Now().Add(after)
		issued, err := issue(&template, d.authority.root, &d.by.key.PublicKey)
		d.chain = []*x509.Certificate{issued}
		return err
	}
}

// signedByLeaf puts a certificate that may not sign between the leaf and the
// intermediate.
func signedByLeaf(d *draft) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	between, err := issue(leafTemplate("between.stage.test", time.Now()), d.by, &key.PublicKey)
	if err != nil {
		return err
	}
	d.chain = append([]*x509.Certificate{between}, d.chain...)
	d.by = &issuer{between, key}
	return nil
}

func issue(template *x509.Certificate, by *issuer, key *ecdsa.PublicKey) (*x509.Certificate, error) {
	raw, err := x509.CreateCertificate(rand.Reader, template, by.certificate, key, by.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(raw)
}
