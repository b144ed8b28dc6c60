package stage

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"sync"
	"time"
)

// A Flaw is what is wrong with a certificate.
type Flaw uint8

// The flaws that an Authority can be asked for.
const (
	Sound          Flaw = iota // nothing is wrong
	Expired                    // ended yesterday
	NotYetValid                // begins tomorrow
	WrongName                  // for another name than the one asked for
	SelfSigned                 // signed by itself
	UnknownIssuer              // signed by an authority that nobody knows
	NoIntermediate             // sound, but sent without its intermediate
)

const (
	day           = 24 * time.Hour
	leafLife      = 90 * day
	authorityLife = 3650 * day
	wrongName     = "another-name.stage.test"
)

// An Authority is a made-up certificate authority: a root, an intermediate
// below it, and leaves made on demand and remembered. All keys are ECDSA
// P-256, all leaves share one. It is safe for concurrent use.
type Authority struct {
	root, intermediate, stranger *issuer
	key                          *ecdsa.PrivateKey // of every leaf

	mu     sync.Mutex
	leaves map[order]*tls.Certificate
}

type order struct {
	name string
	flaw Flaw
}

type issuer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes the keys and certificates of a new authority. Nothing
// outside this process trusts it.
func NewAuthority() (*Authority, error) {
	a := &Authority{leaves: map[order]*tls.Certificate{}}
	var err error
	if a.root, err = newIssuer("Stage Root", nil); err != nil {
		return nil, err
	}
	if a.intermediate, err = newIssuer("Stage Intermediate", a.root); err != nil {
		return nil, err
	}
	if a.stranger, err = newIssuer("Stage Stranger", nil); err != nil {
		return nil, err
	}
	if a.key, err = newKey(); err != nil {
		return nil, err
	}
	return a, nil
}

// PEM returns the root's certificate.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.certificate.Raw})
}

// Pool returns a new pool that holds the root only.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.root.certificate)
	return pool
}

// WriteFile writes the root's certificate to path, for SSL_CERT_FILE. Go reads
// that variable on Linux and the BSDs, not on macOS.
func (a *Authority) WriteFile(path string) error {
	return os.WriteFile(path, a.PEM(), 0o644)
}

// Leaf returns a certificate for name, a DNS name or an IP address, with the
// chain that its server sends: leaf and intermediate, unless flaw says
// otherwise. Asked again it returns the same one, which nobody may change.
func (a *Authority) Leaf(name string, flaw Flaw) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if leaf, ok := a.leaves[order{name, flaw}]; ok {
		return leaf, nil
	}
	leaf, err := a.sign(name, flaw)
	if err != nil {
		return nil, fmt.Errorf("making a certificate for %s: %w", name, err)
	}
	a.leaves[order{name, flaw}] = leaf
	return leaf, nil
}

func (a *Authority) sign(name string, flaw Flaw) (*tls.Certificate, error) {
	template := leafTemplate(name, time.Now())
	by := a.intermediate
	chain := [][]byte{a.intermediate.certificate.Raw}
	switch flaw {
	case Expired:
		template.NotBefore, template.NotAfter = template.NotBefore.Add(-leafLife), template.NotBefore
	case NotYetValid:
		template.NotBefore = template.NotBefore.Add(2 * day)
	case WrongName:
		template = leafTemplate(wrongName, time.Now())
	case SelfSigned:
		by, chain = &issuer{template, a.key}, nil
	case UnknownIssuer:
		by, chain = a.stranger, [][]byte{a.stranger.certificate.Raw}
	case NoIntermediate:
		chain = nil
	}
	raw, err := create(template, by, a.key)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: append([][]byte{raw}, chain...), PrivateKey: a.key, Leaf: parsed}, nil
}

func leafTemplate(name string, now time.Time) *x509.Certificate {
	t := &x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		NotBefore:   now.Add(-day),
		NotAfter:    now.Add(leafLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		t.IPAddresses = []net.IP{ip}
	} else {
		t.DNSNames = []string{name}
	}
	return t
}

// newIssuer makes an authority below parent, or a root if that is nil.
func newIssuer(name string, parent *issuer) (*issuer, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name, Organization: []string{"Rollcall's stage"}},
		NotBefore:             now.Add(-2 * leafLife), // before every leaf's, the expired ones' too
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	if parent == nil {
		parent = &issuer{template, key}
	}
	raw, err := create(template, parent, key)
	if err != nil {
		return nil, fmt.Errorf("making the certificate of %s: %w", name, err)
	}
	certificate, err := x509.ParseCertificate(raw)
	return &issuer{certificate, key}, err
}

// create signs template, whose key is key, by an issuer.
func create(template *x509.Certificate, by *issuer, key *ecdsa.PrivateKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	return x509.CreateCertificate(rand.Reader, template, by.certificate, &key.PublicKey, by.key)
}

func newKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }
