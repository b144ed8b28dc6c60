package trust

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// noon is when everything is verified unless a test says otherwise.
var noon = time.Date(2026, time.November, 27, 12, 0, 0, 0, time.UTC)

const host = "www.example.com"

// A node is a certificate to be made.
type node struct {
	template *x509.Certificate
	key      ed25519.PrivateKey
	signer   ed25519.PrivateKey // nil: the parent's key
	issuer   *pkix.Name         // nil: the parent's subject
	keyID    []byte             // the authority key identifier; nil: the parent's subject key identifier
}

// A pki is a path from a leaf to a root: the leaf first, the root last. The
// same r makes the same certificates.
type pki struct {
	r       *rand.Rand
	nodes   []*node
	roots   []*node // trusted too
	trusted bool    // the last node is in the pool
	extra   []extra // sent too
}

// An extra is a certificate beside the path, signed by the node at an index.
type extra struct {
	*node
	by int // -1: by itself
}

// newPKI makes a sound path with a number of intermediates.
func newPKI(r *rand.Rand, intermediates int) *pki {
	p := &pki{r: r, trusted: true}
	p.nodes = append(p.nodes, p.leaf())
	for at := range intermediates + 1 {
		p.nodes = append(p.nodes, &node{template: authority(fmt.Sprintf("Authority %d", at+1)), key: newKey(r)})
	}
	return p
}

func newKey(r *rand.Rand) ed25519.PrivateKey {
	var seed []byte
	for range ed25519.SeedSize / 8 {
		seed = binary.BigEndian.AppendUint64(seed, r.Uint64())
	}
	return ed25519.NewKeyFromSeed(seed)
}

func (p *pki) leaf() *node {
	return &node{key: newKey(p.r), template: &x509.Certificate{
		Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: noon.Add(-24 * time.Hour), NotAfter: noon.Add(60 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}}
}

func authority(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name, Organization: []string{"Made up"}}, SubjectKeyId: []byte(name),
		NotBefore: noon.Add(-1000 * 24 * time.Hour), NotAfter: noon.Add(1000 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true,
	}
}

// sign makes the certificate of n below parent; nil is itself.
func (p *pki) sign(t testing.TB, n, parent *node) *x509.Certificate {
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
	n.template.SerialNumber = big.NewInt(p.r.Int64() | 1)
	if !n.template.IsCA { // x509.CreateCertificate refuses path lengths there
		n.template.MaxPathLen, n.template.MaxPathLenZero = 0, false
	}
	raw, err := x509.CreateCertificate(nil, n.template, by, n.key.Public(), key)
	if err != nil {
		t.Fatalf("making %v: %v", n.template.Subject, err)
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A trial is a pki that has been signed, except for its leaves.
type trial struct {
	*pki
	pool    *x509.CertPool
	anchors []*x509.Certificate // in the pool
	upper   []*x509.Certificate // what a server sends after its leaf
}

func (p *pki) trial(t testing.TB) *trial {
	t.Helper()
	tr := &trial{pki: p, pool: x509.NewCertPool()}
	last := len(p.nodes) - 1
	for at := 1; at < last; at++ {
		tr.upper = append(tr.upper, p.sign(t, p.nodes[at], p.nodes[at+1]))
	}
	for _, e := range p.extra {
		var parent *node
		if e.by >= 0 {
			parent = p.nodes[e.by]
		}
		tr.upper = append(tr.upper, p.sign(t, e.node, parent))
	}
	if p.trusted {
		tr.anchors = append(tr.anchors, p.sign(t, p.nodes[last], nil))
	}
	for _, root := range p.roots {
		tr.anchors = append(tr.anchors, p.sign(t, root, nil))
	}
	for _, c := range tr.anchors {
		tr.pool.AddCert(c)
	}
	return tr
}

// A call is what Verify is asked for.
type call struct {
	sent []*x509.Certificate
	name string
}

// call is a server's whose leaf has some faults.
func (tr *trial) call(t testing.TB, faults ...fault) call {
	t.Helper()
	tr.nodes[0] = tr.leaf()
	for _, f := range faults {
		f.apply(tr.pki, 0)
	}
	leaf := tr.sign(t, tr.nodes[0], tr.nodes[1])
	return call{append([]*x509.Certificate{leaf}, tr.upper...), host}
}

// sound is a trial without faults and a call that crypto/x509 accepts.
func sound(t testing.TB, intermediates int) (*trial, call) {
	t.Helper()
	tr := newPKI(rand.New(rand.NewPCG(1, 1)), intermediates).trial(t)
	return tr, tr.call(t)
}

// edges are noon and the moments around which a certificate becomes valid or
// expires.
func (tr *trial) edges(c call) []time.Time {
	at := []time.Time{noon}
	for _, c := range slices.Concat(c.sent, tr.anchors) {
		for _, edge := range []time.Time{c.NotBefore, c.NotAfter} {
			at = append(at, edge, edge.Add(-1), edge.Add(1), edge.Add(time.Minute))
		}
	}
	return at
}
