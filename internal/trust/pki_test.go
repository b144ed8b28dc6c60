package trust

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// noon is when everything is judged unless said otherwise.
var noon = time.Date(2026, time.November, 27, 12, 0, 0, 0, time.UTC)

const host = "www.example.com"

// algorithms are the kinds of keys that servers and authorities have.
var algorithms = []string{"P-224", "P-256", "P-384", "P-521", "Ed25519", "RSA-2048", "RSA-3072", "RSA-4096"}

// rsaKeys are read: making one of 4,096 bits takes seconds.
var rsaKeys = sync.OnceValues(func() (map[string]crypto.Signer, error) {
	text, err := os.ReadFile("testdata/keys.pem")
	if err != nil {
		return nil, err
	}
	keys := map[string]crypto.Signer{}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		keys[fmt.Sprint("RSA-", key.N.BitLen())] = key
	}
	return keys, nil
})

// newKey makes a key; the RSA keys of one length are all the same one.
func newKey(t testing.TB, algorithm string) crypto.Signer {
	t.Helper()
	var key crypto.Signer
	var err error
	switch algorithm {
	case "P-224":
		key, err = ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	case "P-256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "P-384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "P-521":
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "Ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		var keys map[string]crypto.Signer
		keys, err = rsaKeys()
		key = keys[algorithm]
	}
	if err != nil || key == nil {
		t.Fatalf("no key of %s: %v", algorithm, err)
	}
	return key
}

// A node is a certificate to be made.
type node struct {
	template *x509.Certificate
	key      crypto.Signer
	signer   crypto.Signer // nil: the parent's key
	issuer   *pkix.Name    // nil: the parent's subject
	keyID    []byte        // the authority key identifier; nil: the parent's subject key identifier
}

// A pki is one leaf's way to a root: the leaf first, the root last.
type pki struct {
	nodes   []*node
	roots   []*node // trusted beside the last node, or instead of it
	trusted bool    // the last node is in the pool
	extra   []extra // sent too
}

// An extra is a certificate made beside the way, by the node at an index.
type extra struct {
	*node
	by int // -1: by itself
}

// newPKI makes a sound way of so many intermediates.
func newPKI(t testing.TB, depth int, algorithm func(at int) string) *pki {
	t.Helper()
	p := &pki{trusted: true}
	for at := range depth + 2 {
		p.nodes = append(p.nodes, &node{template: authority(fmt.Sprintf("Authority %d", at)), key: newKey(t, algorithm(at))})
	}
	p.nodes[0].template = server(host)
	return p
}

func server(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: noon.Add(-24 * time.Hour), NotAfter: noon.Add(60 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
}

func authority(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name, Organization: []string{"Made up"}}, SubjectKeyId: []byte(name),
		NotBefore: noon.Add(-1000 * 24 * time.Hour), NotAfter: noon.Add(1000 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true,
	}
}

// sign makes a node's certificate below a parent; nil is itself.
func (n *node) sign(t testing.TB, parent *node) *x509.Certificate {
	t.Helper()
	if parent == nil {
		parent = n
	}
	by := &x509.Certificate{Subject: parent.template.Subject, SubjectKeyId: parent.template.SubjectKeyId}
	key := parent.key
	if n.issuer != nil {
		by.Subject = *n.issuer
	}
	if n.keyID != nil {
		by.SubjectKeyId = n.keyID
	}
	if n.signer != nil {
		key = n.signer
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	n.template.SerialNumber = serial
	if !n.template.IsCA { // x509.CreateCertificate wants none there
		n.template.MaxPathLen, n.template.MaxPathLenZero = 0, false
	}
	raw, err := x509.CreateCertificate(rand.Reader, n.template, by, n.key.Public(), key)
	if err != nil {
		t.Fatalf("making %v: %v", n.template.Subject, err)
	}
	return parsed(t, raw)
}

func parsed(t testing.TB, raw []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A trial is what a server has sent, and who is asked.
type trial struct {
	roots  *x509.CertPool
	anchor []*x509.Certificate // the roots
	sent   []*x509.Certificate // the leaf first
	name   string
	// siblings are other leaves of the same issuer, each good, but the last
	// of which has expired.
	siblings []*x509.Certificate
}

// make signs everything.
func (p *pki) make(t testing.TB) *trial {
	t.Helper()
	last := len(p.nodes) - 1
	p.nodes[last].live()
	made := make([]*x509.Certificate, len(p.nodes))
	made[last] = p.nodes[last].sign(t, nil)
	for at := range last {
		made[at] = p.nodes[at].sign(t, p.nodes[at+1])
	}
	tr := &trial{sent: made[:last:last], name: host, roots: x509.NewCertPool()}
	for _, e := range p.extra {
		var parent *node
		if e.by >= 0 {
			parent = p.nodes[e.by]
		}
		tr.sent = append(tr.sent, e.sign(t, parent))
	}
	if p.trusted {
		tr.anchor = append(tr.anchor, made[last])
	}
	for _, root := range p.roots {
		root.live()
		tr.anchor = append(tr.anchor, root.sign(t, nil))
	}
	for _, c := range tr.anchor {
		tr.roots.AddCert(c)
	}
	tr.siblings = p.siblings(t)
	return tr
}

// live makes a root last longer than a verdict is remembered: one that begins
// and ends within that time is what is left out (remembered-chains.md).
func (n *node) live() {
	if least := n.template.NotBefore.Add(2 * maxAge); n.template.NotAfter.Before(least) {
		n.template.NotAfter = least
	}
}

// siblings are leaves of the first leaf's issuer. All are named as the trial
// asks, so that the memory of one may be taken for the other's.
func (p *pki) siblings(t testing.TB) []*x509.Certificate {
	t.Helper()
	good := &node{template: server(host), key: newKey(t, "P-256")}
	good.template.Subject.CommonName = "sibling"
	bad := &node{template: server(host), key: newKey(t, "P-256")}
	bad.template.NotAfter = noon.Add(-time.Hour)
	like := &node{template: server(host), key: newKey(t, "P-256"), issuer: p.nodes[0].issuer, keyID: p.nodes[0].keyID}
	made := make([]*x509.Certificate, 0, 3)
	for _, n := range []*node{good, like, bad} {
		made = append(made, n.sign(t, p.nodes[1]))
	}
	return made
}

// with is what the server sends when another leaf stands first.
func (tr *trial) with(leaf *x509.Certificate) []*x509.Certificate {
	sent := slices.Clone(tr.sent)
	sent[0] = leaf
	return sent
}
