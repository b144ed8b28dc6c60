// Package trust judges certificate chains with exactly the verdicts of
// crypto/x509, and remembers what it found so that it need not find it again:
// most of the servers of the world stand below a few hundred intermediates.
// A chain of P-256 takes 183 µs in full, 96 below an issuer that is known, 1
// when it was seen before; one of P-384 1,487, 895 and 1; of RSA-4096 846, 339
// and 2 (BenchmarkVerify).
//
// The memory may only say yes. Every no, and every yes that is not certain to
// be what crypto/x509 would say, is crypto/x509's own full Verify.
package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"runtime"
	"sync"
	"time"
)

const (
	// maxUppers and maxLeaves bound the memory: parsed certificates of 10 kB
	// or so for the first, 100 bytes each for the second. The Web's public
	// intermediates are some 1,500, of which few are in use.
	maxUppers = 1024
	maxLeaves = 32_768
	// maxSent and maxBytes bound what a server may send and have remembered.
	maxSent  = 8
	maxBytes = 16 << 10
	// maxAge is how long a verdict is taken for true without a new look: the
	// pool may hold roots that begin or end meanwhile, which nobody can list.
	maxAge = time.Hour
)

// A Verifier verifies chains against one set of roots. It may be used by many
// goroutines at once, and lives as long as its verdicts are of use.
type Verifier struct {
	roots    *x509.CertPool
	subjects func() map[string]bool // of the roots, read at first use; nil: nothing is remembered

	mu     sync.RWMutex
	uppers map[sum]*upper
	leaves map[sum]leaf
}

type sum [sha256.Size]byte

// An upper is what stands above leaves of one issuer that come with the same
// certificates: the chains of crypto/x509 without their leaf.
type upper struct {
	chains [][]*x509.Certificate
	issuer *x509.CertPool // what signs the leaf, alone
	during span
}

// A leaf is a certificate that was found to be good for one name.
type leaf struct {
	chains [][]*x509.Certificate // without it
	during span
}

// A span is a stretch of time, both ends within it, in nanoseconds since 1970.
type span struct{ from, to int64 }

func (s span) has(now time.Time) bool { return s.from <= now.UnixNano() && now.UnixNano() <= s.to }

// and is the part of s in which c is valid.
func (s span) and(c *x509.Certificate) span {
	return span{max(s.from, nanos(c.NotBefore)), min(s.to, nanos(c.NotAfter))}
}

func (s span) end() time.Time { return time.Unix(0, s.to) }

// New returns a Verifier for roots; nil are the system's. No certificate of
// theirs may have been added with a constraint (AddCertWithConstraint), and
// none may be added later.
func New(roots *x509.CertPool) *Verifier {
	return &Verifier{
		roots: roots, uppers: map[sum]*upper{}, leaves: map[sum]leaf{},
		subjects: sync.OnceValue(func() map[string]bool { return subjects(roots) }),
	}
}

// subjects are the names of the roots. nil where nothing may be remembered:
// the verifiers of other platforms know more than we do.
func subjects(roots *x509.CertPool) map[string]bool {
	if runtime.GOOS != "linux" {
		return nil
	}
	if roots == nil {
		system, err := x509.SystemCertPool()
		if err != nil {
			return nil
		}
		roots = system
	}
	names := map[string]bool{}
	//lint:ignore SA1019 on Linux the system's roots are among them
	for _, subject := range roots.Subjects() {
		names[string(subject)] = true
	}
	return names
}

// Verify returns what sent[0].Verify would return for a server of that name
// which has sent these certificates, at the instant now: the same chains, or
// the same error. Its result belongs to the caller, the certificates in it to
// everybody.
func (v *Verifier) Verify(sent []*x509.Certificate, name string, now time.Time) ([][]*x509.Certificate, error) {
	q, ok := v.question(sent, name)
	if !ok {
		return v.full(sent, name, now)
	}
	if chains, ok := v.recall(q, now); ok {
		return completed(q.leaf, chains), nil
	}
	if above := v.above(q, now); above != nil && above.signed(q, now) {
		v.rememberLeaf(q, above.chains, above.during)
		return completed(q.leaf, above.chains), nil
	}
	chains, err := v.full(sent, name, now)
	if err == nil {
		v.remember(q, sent, chains, now)
	}
	return chains, err
}

// full is crypto/x509's own judgement, as crypto/tls asks for it.
func (v *Verifier) full(sent []*x509.Certificate, name string, now time.Time) ([][]*x509.Certificate, error) {
	return sent[0].Verify(x509.VerifyOptions{
		Roots: v.roots, Intermediates: pool(sent[1:]), DNSName: name, CurrentTime: now,
	})
}

func pool(certificates []*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certificates {
		p.AddCert(c)
	}
	return p
}

// signed reports whether a leaf is good for the name and signed by what all
// the chains above begin with. It is crypto/x509 that says so, of a chain of
// two whose root is that issuer; a no means nothing.
func (u *upper) signed(q question, now time.Time) bool {
	_, err := q.leaf.Verify(x509.VerifyOptions{Roots: u.issuer, DNSName: q.name, CurrentTime: now})
	return err == nil
}

func (v *Verifier) above(q question, now time.Time) *upper {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if u := v.uppers[q.upper]; u != nil && u.during.has(now) {
		return u
	}
	return nil
}

func (v *Verifier) recall(q question, now time.Time) ([][]*x509.Certificate, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	l, ok := v.leaves[q.whole]
	return l.chains, ok && l.during.has(now)
}

// completed puts a leaf below chains.
func completed(leaf *x509.Certificate, chains [][]*x509.Certificate) [][]*x509.Certificate {
	whole := make([][]*x509.Certificate, len(chains))
	for i, chain := range chains {
		whole[i] = append([]*x509.Certificate{leaf}, chain...)
	}
	return whole
}

// remember notes a yes, if it is one of those that can be told again.
func (v *Verifier) remember(q question, sent []*x509.Certificate, chains [][]*x509.Certificate, now time.Time) {
	above := make([][]*x509.Certificate, len(chains))
	for i, chain := range chains {
		above[i] = chain[1:]
	}
	during := unchanged(sent[1:], above, now)
	if v.general(sent, above, now, during) {
		v.mu.Lock()
		put(v.uppers, maxUppers, q.upper, &upper{above, pool(above[0][:1]), during})
		v.mu.Unlock()
	}
	later, err := v.full(sent, q.name, during.and(q.leaf).end())
	if err == nil && len(later) == len(chains) { // no root begins meanwhile
		v.rememberLeaf(q, above, during)
	}
}

func (v *Verifier) rememberLeaf(q question, above [][]*x509.Certificate, during span) {
	v.mu.Lock()
	defer v.mu.Unlock()
	put(v.leaves, maxLeaves, q.whole, leaf{above, during.and(q.leaf)})
}

// put adds to a map of at most limit entries; another one, any, gives way.
func put[V any](m map[sum]V, limit int, key sum, value V) {
	if _, known := m[key]; !known && len(m) >= limit {
		for other := range m {
			delete(m, other)
			break
		}
	}
	m[key] = value
}
