// Package trust verifies certificate chains with crypto/x509 and remembers
// each yes for at most an hour: whoever checks the same servers each minute
// pays for their signatures once.
//
// What is remembered is the verdict of an identical call: the same
// certificates in the same order, byte for byte, and the same name. A no is
// never remembered. docs/decisions/remembered-chains.md says why that is safe.
package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"runtime"
	"slices"
	"sync"
	"time"
)

const (
	// maxVerdicts bounds the memory: some 5 MB when it is full.
	maxVerdicts = 32_768
	// maxAge is how long crypto/x509 is not asked again. A chain that it would
	// find only now (one of its certificates has become valid) could expire
	// later than the one it found.
	maxAge = time.Hour
)

// A Verifier verifies chains against one set of roots. It may be used by many
// goroutines at once, and should live as long as its roots.
type Verifier struct {
	roots    *x509.CertPool
	platform string // of runtime.GOOS

	mu       sync.Mutex
	verdicts map[question]verdict
}

// A question is the SHA-256 of all that a verdict depends on except the roots
// and the time.
type question [sha256.Size]byte

// A verdict is a yes. It holds no certificate that a server sent, and so keeps
// none in memory.
type verdict struct {
	found time.Time         // when crypto/x509 was asked
	first int               // index in what was sent of the certificate that Verify returns
	root  *x509.Certificate // that one, if it is a root, which lives as long as the Verifier
}

// of is the certificate that Verify returns for what was sent; nil: there is no verdict.
func (v verdict) of(sent []*x509.Certificate) *x509.Certificate {
	switch {
	case v.found.IsZero():
		return nil
	case v.root != nil:
		return v.root
	}
	return sent[v.first]
}

// New returns a Verifier for roots; nil are the system's. No certificate of
// theirs may have been added with a constraint (AddCertWithConstraint).
func New(roots *x509.CertPool) *Verifier {
	return &Verifier{roots: roots, platform: runtime.GOOS, verdicts: map[question]verdict{}}
}

// Verify verifies the certificates that a server called name has sent, the
// leaf first, at the instant now. Its error is that of crypto/x509; without
// one, first is the FirstToExpire of the chains that crypto/x509 found at most
// an hour before now.
func (v *Verifier) Verify(sent []*x509.Certificate, name string, now time.Time) (first *x509.Certificate, err error) {
	now = now.Round(0) // certificates are valid by the wall clock, not by the monotonic one
	q := questionOf(sent, name)
	v.mu.Lock()
	known := v.verdicts[q]
	v.mu.Unlock()
	if first = known.of(sent); first != nil && !now.Before(known.found) && !now.After(first.NotAfter) && now.Sub(known.found) < maxAge {
		return first, nil
	}

	intermediates := x509.NewCertPool()
	for _, c := range sent[1:] {
		intermediates.AddCert(c)
	}
	chains, err := sent[0].Verify(x509.VerifyOptions{
		Roots: v.roots, Intermediates: intermediates, DNSName: name, CurrentTime: now,
	})
	if err != nil {
		return nil, err
	}
	first = FirstToExpire(chains)
	if v.platform == "linux" { // other platforms' own verifiers may know of revocations
		found := verdict{found: now, first: slices.Index(sent, first)}
		if found.first < 0 {
			found.root = first
		}
		v.remember(q, found)
	}
	return first, nil
}

// questionOf hashes each part with its length, so that no two lists of parts
// are the same bytes.
func questionOf(sent []*x509.Certificate, name string) (q question) {
	h := sha256.New()
	var length [8]byte
	part := func(text []byte) {
		binary.BigEndian.PutUint64(length[:], uint64(len(text)))
		h.Write(length[:])
		h.Write(text)
	}
	for _, c := range sent {
		part(c.Raw)
	}
	part([]byte(name))
	h.Sum(q[:0])
	return q
}

// remember makes room by forgetting any other verdict.
func (v *Verifier) remember(q question, found verdict) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, known := v.verdicts[q]; !known && len(v.verdicts) >= maxVerdicts {
		for other := range v.verdicts {
			delete(v.verdicts, other)
			break
		}
	}
	v.verdicts[q] = found
}

// FirstToExpire returns the certificate with whose expiry a server with these
// verified chains is no longer trusted: the first to expire in the chain that
// lasts longest. It is nil if there is no chain.
func FirstToExpire(chains [][]*x509.Certificate) *x509.Certificate {
	var last *x509.Certificate
	for _, chain := range chains {
		first := chain[0]
		for _, c := range chain[1:] {
			if c.NotAfter.Before(first.NotAfter) {
				first = c
			}
		}
		if last == nil || first.NotAfter.After(last.NotAfter) {
			last = first
		}
	}
	return last
}
