package testnet

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
	Valid          Flaw = iota // nothing is wrong
	Expired                    // expired yesterday
	NotYetValid                // begins tomorrow
	WrongName                  // for another name than the one asked for
	SelfSigned                 // signed by itself
	UnknownIssuer              // signed by an unknown authority
	NoIntermediate             // valid, but sent without its intermediate
)

const (
	Day           = 24 * time.Hour
	LeafLife      = 90 * Day
	authorityLife = 3650 * Day
	wrongName     = "another-name.stage.test"
)

// An Authority is a made-up certificate authority: a root, an intermediate
// below it, and leaves made on demand and remembered. All keys are ECDSA
// P-256, all leaves share one. It is safe for concurrent use.
type Authority struct {
	Root, Intermediate, Untrusted *Issuer
	LeafKey                       *ecdsa.PrivateKey // of every leaf

	mu     sync.Mutex
	leaves map[certificateKey]*tls.Certificate
}

type certificateKey struct {
	name string
	flaw Flaw
}

type Issuer struct {
	Certificate *x509.Certificate
	Key         *ecdsa.PrivateKey
}

// NewAuthority makes the keys and certificates of a new authority. Nothing
// outside this process trusts it.
func NewAuthority() (*Authority, error) {
	a := &Authority{leaves: map[certificateKey]*tls.Certificate{}}
	var err error
	if a.Root, err = newIssuer("Test Root", nil); err != nil {
		return nil, err
	}
	if a.Intermediate, err = newIssuer("Test Intermediate", a.Root); err != nil {
		return nil, err
	}
	if a.Untrusted, err = newIssuer("Test Stranger", nil); err != nil {
		return nil, err
	}
	if a.LeafKey, err = NewKey(); err != nil {
		return nil, err
	}
	return a, nil
}

// PEM returns the root's certificate.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Root.Certificate.Raw})
}

// Pool returns a new pool that holds the root only.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Root.Certificate)
	return pool
}

// WriteFile writes the root's certificate to path, for SSL_CERT_FILE. Go reads
// that variable on Linux and the BSDs, not on macOS.
func (a *Authority) WriteFile(path string) error {
	return os.WriteFile(path, a.PEM(), 0o644)
}

// mostLeaves bounds the memory of certificates: a million would take 5 GB.
const mostLeaves = 200_000

// Leaf returns a certificate for name, a DNS name or an IP address, with the
// chain that its server sends: leaf and intermediate, unless flaw says
// otherwise. Asked again it returns the same one, which must not be changed, as long as
// there are few.
func (a *Authority) Leaf(name string, flaw Flaw) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if leaf, ok := a.leaves[certificateKey{name, flaw}]; ok {
		return leaf, nil
	}
	leaf, err := a.sign(name, flaw)
	if err != nil {
		return nil, fmt.Errorf("making a certificate for %s: %w", name, err)
	}
	if len(a.leaves) == mostLeaves {
		clear(a.leaves)
	}
	a.leaves[certificateKey{name, flaw}] = leaf
	return leaf, nil
}

func (a *Authority) sign(name string, flaw Flaw) (*tls.Certificate, error) {
	template := LeafTemplate(name, time.Now())
	by := a.Intermediate
	chain := [][]byte{a.Intermediate.Certificate.Raw}
	switch flaw {
	case Expired:
		template.NotBefore, template.NotAfter = template.NotBefore.Add(-LeafLife), template.NotBefore
	case NotYetValid:
		template.NotBefore = template.NotBefore.Add(2 * Day)
	case WrongName:
		template = LeafTemplate(wrongName, time.Now())
	case SelfSigned:
		by, chain = &Issuer{template, a.LeafKey}, nil
	case UnknownIssuer:
		by, chain = a.Untrusted, [][]byte{a.Untrusted.Certificate.Raw}
	case NoIntermediate:
		chain = nil
	}
	raw, err := create(template, by, a.LeafKey)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: append([][]byte{raw}, chain...), PrivateKey: a.LeafKey, Leaf: parsed}, nil
}

func LeafTemplate(name string, now time.Time) *x509.Certificate {
	t := &x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		NotBefore:   now.Add(-Day),
		NotAfter:    now.Add(LeafLife),
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
func newIssuer(name string, parent *Issuer) (*Issuer, error) {
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name, Organization: []string{"Rollcall's tests"}},
		NotBefore:             now.Add(-2 * LeafLife), // before every leaf's, the expired ones' too
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	if parent == nil {
		parent = &Issuer{template, key}
	}
	raw, err := create(template, parent, key)
	if err != nil {
		return nil, fmt.Errorf("making the certificate of %s: %w", name, err)
	}
	certificate, err := x509.ParseCertificate(raw)
	return &Issuer{certificate, key}, err
}

// create signs template, whose key is key, by an issuer.
func create(template *x509.Certificate, by *Issuer, key *ecdsa.PrivateKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	return x509.CreateCertificate(rand.Reader, template, by.Certificate, &key.PublicKey, by.Key)
}

func NewKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }
