package trust

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"hash"
	"math"
	"slices"
	"time"
)

// A question is what a verdict depends on, but for the time and the roots.
type question struct {
	leaf  *x509.Certificate
	name  string
	upper sum // of the leaf's issuer and all other certificates sent, in their order
	whole sum // of that, the leaf and the name
}

// question returns the question that a server's certificates pose. Not ok:
// its answer is not to be remembered.
//
//   - A leaf that is a root, or is named like something above it, changes which
//     chains crypto/x509 builds.
//   - A leaf that asks for policies is judged by those of its whole chain.
func (v *Verifier) question(sent []*x509.Certificate, name string) (question, bool) {
	if v.subjects() == nil || name == "" || len(sent) == 0 || len(sent) > maxSent {
		return question{}, false
	}
	bottom, size := sent[0], 0
	for _, c := range sent {
		size += len(c.Raw)
		if c != bottom && bytes.Equal(c.RawSubject, bottom.RawSubject) {
			return question{}, false
		}
	}
	if size > maxBytes || v.subjects()[string(bottom.RawSubject)] || bottom.RequireExplicitPolicyZero {
		return question{}, false
	}
	q := question{leaf: bottom, name: name}
	h := sha256.New()
	add(h, bottom.RawIssuer)
	add(h, bottom.AuthorityKeyId)
	for _, c := range sent[1:] {
		add(h, c.Raw)
	}
	h.Sum(q.upper[:0])
	add(h, bottom.Raw)
	add(h, []byte(name))
	h.Sum(q.whole[:0])
	return q, true
}

// add hashes a part with its length, so that parts can't be shifted.
func add(h hash.Hash, part []byte) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(part)))
	h.Write(length[:])
	h.Write(part)
}

// general reports whether the chains above this leaf are those above every
// leaf of the same issuer that comes with the same certificates and is itself
// in order, whatever it is. docs/decisions/remembered-chains.md has the proof,
// condition by condition.
func (v *Verifier) general(sent []*x509.Certificate, above [][]*x509.Certificate, now time.Time, during span) bool {
	bottom := sent[0]
	if v.subjects()[string(bottom.RawIssuer)] { // a root may have signed it: crypto/x509 looks there too, and there is nothing to save
		return false
	}
	var issuers []*x509.Certificate
	for _, c := range sent[1:] {
		if bytes.Equal(c.RawSubject, bottom.RawIssuer) {
			issuers = append(issuers, c)
		}
	}
	for _, c := range issuers {
		if !bytes.Equal(c.RawSubjectPublicKeyInfo, issuers[0].RawSubjectPublicKeyInfo) {
			return false // which of them signed differs from leaf to leaf
		}
	}
	if slices.ContainsFunc(sent[1:], constrains) {
		return false
	}
	for _, chain := range above {
		if slices.ContainsFunc(chain, constrains) {
			return false
		}
	}
	for _, at := range []time.Time{now, during.end()} {
		if len(above) != v.reach(issuers, sent[1:], at) {
			return false
		}
	}
	return true
}

// reach is how many ways lead from the issuers to a root when nothing of the
// leaf is asked: if they are more than those found, a leaf closed one, or a
// root begins meanwhile.
func (v *Verifier) reach(issuers, others []*x509.Certificate, now time.Time) int {
	ways := 0
	for i, c := range issuers {
		if slices.ContainsFunc(issuers[:i], c.Equal) {
			continue // a pool holds it once
		}
		chains, _ := c.Verify(x509.VerifyOptions{
			Roots: v.roots, Intermediates: pool(others), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		})
		ways += len(chains)
	}
	return ways
}

// The extensions (RFC 5280, 4.2.1) by which a certificate judges those below.
// Path lengths are none of them: how many stand between is the same for every
// leaf. Neither is an extended key usage: each certificate is asked by itself
// whether it allows servers.
var constraining = []asn1.ObjectIdentifier{
	{2, 5, 29, 30}, // name constraints
	{2, 5, 29, 33}, // policy mappings
	{2, 5, 29, 36}, // policy constraints
	{2, 5, 29, 54}, // inhibit any policy
}

func constrains(c *x509.Certificate) bool {
	for i := range c.Extensions {
		if slices.ContainsFunc(constraining, c.Extensions[i].Id.Equal) {
			return true
		}
	}
	return false
}

// unchanged is the time around now in which none of the certificates begins or
// ends, those included that now is not within: they would make other chains.
func unchanged(sent []*x509.Certificate, above [][]*x509.Certificate, now time.Time) span {
	s := span{now.UnixNano(), now.Add(maxAge).UnixNano()}
	for _, certificates := range append(slices.Clone(above), sent) {
		for _, c := range certificates {
			from, to := nanos(c.NotBefore), nanos(c.NotAfter)
			switch at := now.UnixNano(); {
			case at < from:
				s.to = min(s.to, from-1)
			case at <= to:
				s.from, s.to = max(s.from, from), min(s.to, to)
			default:
				s.from = max(s.from, to+1)
			}
		}
	}
	return s
}

// nanos is t in nanoseconds since 1970, or the end of what they reach (1677
// and 2262).
func nanos(t time.Time) int64 {
	const reach = math.MaxInt64 / int64(time.Second)
	switch sec := t.Unix(); {
	case sec >= reach:
		return math.MaxInt64
	case sec <= -reach:
		return math.MinInt64
	}
	return t.UnixNano()
}
