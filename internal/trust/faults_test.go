package trust

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	mathrand "math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"
)

// A fault is something that may be wrong, or only unusual, with one
// certificate of a way.
type fault struct {
	name  string
	apply func(t testing.TB, p *pki, at int)
}

// of makes a fault of what changes a template alone.
func of(name string, change func(c *x509.Certificate)) fault {
	return fault{name, func(_ testing.TB, p *pki, at int) { change(p.nodes[at].template) }}
}

func extension(id asn1.ObjectIdentifier, critical bool, der ...byte) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		if !slices.ContainsFunc(c.ExtraExtensions, func(e pkix.Extension) bool { return e.Id.Equal(id) }) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: id, Critical: critical, Value: der})
		}
	}
}

func oid(t ...uint64) x509.OID {
	id, err := x509.OIDFromInts(t)
	if err != nil {
		panic(err)
	}
	return id
}

var (
	validated = oid(2, 23, 140, 1, 2, 1)
	anyPolicy = oid(2, 5, 29, 32, 0)
)

// faults are what any certificate of a way may have.
var faults = []fault{
	of("expired", func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) }),
	of("not yet valid", func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Second) }),
	of("ends now", func(c *x509.Certificate) { c.NotAfter = noon }),
	of("begins now", func(c *x509.Certificate) { c.NotBefore = noon }),
	of("ends soon", func(c *x509.Certificate) { c.NotAfter = noon.Add(10 * time.Minute) }),
	of("never ends", func(c *x509.Certificate) { c.NotAfter = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) }),
	of("unknown critical extension", extension(asn1.ObjectIdentifier{1, 2, 3, 4}, true, 5, 0)),
	of("unknown extension", extension(asn1.ObjectIdentifier{1, 2, 3, 4}, false, 5, 0)),
	of("usage: clients", usage(x509.ExtKeyUsageClientAuth)),
	of("usage: servers", usage(x509.ExtKeyUsageServerAuth)),
	of("usage: clients and servers", usage(x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth)),
	of("usage: any", usage(x509.ExtKeyUsageAny)),
	of("usage: none said", usage()),
	of("usage: unknown", func(c *x509.Certificate) {
		c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, []asn1.ObjectIdentifier{{1, 2, 3}}
	}),
	of("authority or not", func(c *x509.Certificate) { c.IsCA = !c.IsCA }),
	of("no basic constraints", func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = false, false }),
	of("path length 0", func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, c.IsCA }),
	of("path length 1", func(c *x509.Certificate) {
		if c.IsCA {
			c.MaxPathLen = 1
		}
	}),
	of("key may not sign certificates", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }),
	of("key usage not said", func(c *x509.Certificate) { c.KeyUsage = 0 }),
	of("names: example.com only", constraint([]string{"example.com"}, nil)),
	of("names: example.org only", constraint([]string{"example.org"}, nil)),
	of("names: not www.example.com", constraint(nil, []string{host})),
	of("names: not example.org", constraint(nil, []string{"example.org"})),
	of("addresses: 192.0.2.0/24 only", func(c *x509.Certificate) {
		c.PermittedIPRanges = []*net.IPNet{{IP: net.IP{192, 0, 2, 0}, Mask: net.CIDRMask(24, 32)}}
	}),
	of("mail: example.com only", func(c *x509.Certificate) { c.PermittedEmailAddresses = []string{"example.com"} }),
	of("policy", func(c *x509.Certificate) { c.Policies = []x509.OID{validated} }),
	of("policy: another", func(c *x509.Certificate) { c.Policies = []x509.OID{oid(1, 2, 3)} }),
	of("policy: any", func(c *x509.Certificate) { c.Policies = []x509.OID{anyPolicy} }),
	of("policy wanted from here", extension(asn1.ObjectIdentifier{2, 5, 29, 36}, true, 0x30, 3, 0x80, 1, 0)),
	of("policy wanted one below", extension(asn1.ObjectIdentifier{2, 5, 29, 36}, true, 0x30, 3, 0x80, 1, 1)),
	of("policy mapping not allowed", extension(asn1.ObjectIdentifier{2, 5, 29, 36}, true, 0x30, 3, 0x81, 1, 0)),
	of("any policy not allowed", extension(asn1.ObjectIdentifier{2, 5, 29, 54}, true, 2, 1, 0)),
	of("policies mapped", extension(asn1.ObjectIdentifier{2, 5, 29, 33}, true,
		0x30, 14, 0x30, 12, 6, 6, 0x67, 0x81, 0x0c, 1, 2, 1, 6, 2, 0x2a, 3)),
	of("subject key not said", func(c *x509.Certificate) { c.SubjectKeyId = []byte{} }),
	{"authority key is another", func(_ testing.TB, p *pki, at int) { p.nodes[at].keyID = []byte("another") }},
	{"authority key not said", func(_ testing.TB, p *pki, at int) { p.nodes[at].keyID = []byte{} }},
	{"issuer is another", func(_ testing.TB, p *pki, at int) { p.nodes[at].issuer = &pkix.Name{CommonName: "Another"} }},
	{"signed by another", func(t testing.TB, p *pki, at int) { p.nodes[at].signer = newKey(t, "P-256") }},
	{"named like the root", func(_ testing.TB, p *pki, at int) {
		p.nodes[at].template.Subject = p.nodes[len(p.nodes)-1].template.Subject
	}},
	{"named like its issuer", func(_ testing.TB, p *pki, at int) {
		p.nodes[at].template.Subject = p.nodes[min(at+1, len(p.nodes)-1)].template.Subject
	}},
	{"name and key of the root", func(_ testing.TB, p *pki, at int) { p.borrow(at, len(p.nodes)-1) }},
	{"name and key of its issuer", func(_ testing.TB, p *pki, at int) { p.borrow(at, min(at+1, len(p.nodes)-1)) }},
}

func usage(list ...x509.ExtKeyUsage) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.ExtKeyUsage = list }
}

func constraint(permitted, excluded []string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical, c.PermittedDNSDomains, c.ExcludedDNSDomains = true, permitted, excluded
	}
}

func (p *pki) borrow(at, from int) {
	p.nodes[at].template.Subject, p.nodes[at].key = p.nodes[from].template.Subject, p.nodes[from].key
}

// leafFaults are of the leaf alone: what it is for.
var leafFaults = []fault{
	of("another name", func(c *x509.Certificate) { c.DNSNames = []string{"www.example.org"} }),
	of("name in the subject only", func(c *x509.Certificate) { c.DNSNames = nil }),
	of("wildcard", func(c *x509.Certificate) { c.DNSNames = []string{"*.example.com"} }),
	of("wildcard too high", func(c *x509.Certificate) { c.DNSNames = []string{"*.com"} }),
	of("address only", func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, []net.IP{{192, 0, 2, 1}} }),
	of("address too", func(c *x509.Certificate) { c.IPAddresses = []net.IP{{198, 51, 100, 1}} }),
	of("mail too", func(c *x509.Certificate) { c.EmailAddresses = []string{"who@example.org"} }),
	of("no mail at all", func(c *x509.Certificate) { c.EmailAddresses = []string{"nobody"} }),
	of("no subject", func(c *x509.Certificate) { c.Subject = pkix.Name{} }),
}

// shapes are ways in which a whole way may be unusual.
var shapes = []fault{
	{"root not trusted", func(_ testing.TB, p *pki, _ int) { p.trusted = false }},
	{"two roots", func(t testing.TB, p *pki, _ int) { p.root(t, "Stranger") }},
	{"root with a twin", func(_ testing.TB, p *pki, _ int) { p.twinRoot(func(*x509.Certificate) {}) }},
	{"root with a twin that ended", func(_ testing.TB, p *pki, _ int) {
		p.twinRoot(func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Hour) })
	}},
	{"root with a twin that ends soon", func(_ testing.TB, p *pki, _ int) {
		p.twinRoot(func(c *x509.Certificate) { c.NotAfter = noon.Add(time.Minute) })
	}},
	{"root with a twin for other names", func(_ testing.TB, p *pki, _ int) { p.twinRoot(constraint([]string{"example.org"}, nil)) }},
	{"root with a twin for this name", func(_ testing.TB, p *pki, _ int) { p.twinRoot(constraint([]string{host}, nil)) }},
	{"root with a twin for clients", func(_ testing.TB, p *pki, _ int) { p.twinRoot(usage(x509.ExtKeyUsageClientAuth)) }},
	{"root with a twin for short ways", func(_ testing.TB, p *pki, _ int) {
		p.twinRoot(func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true })
	}},
	{"intermediate trusted too", func(_ testing.TB, p *pki, _ int) { p.roots = append(p.roots, p.like(nil, 1, "")) }},
	{"leaf trusted too", func(_ testing.TB, p *pki, _ int) { p.roots = append(p.roots, p.nodes[0]) }},
	{"cross-signed by a second root", func(t testing.TB, p *pki, _ int) { p.cross(t, true, func(*x509.Certificate) {}) }},
	{"cross-signed by a stranger", func(t testing.TB, p *pki, _ int) { p.cross(t, false, func(*x509.Certificate) {}) }},
	{"cross-signed, and that ended", func(t testing.TB, p *pki, _ int) {
		p.cross(t, true, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Hour) })
	}},
	{"cross-signed, and that begins later", func(t testing.TB, p *pki, _ int) {
		p.cross(t, true, func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Minute) })
	}},
	{"cross-signed for other names", func(t testing.TB, p *pki, _ int) { p.cross(t, true, constraint([]string{"example.org"}, nil)) }},
	{"cross-signed for clients", func(t testing.TB, p *pki, _ int) { p.cross(t, true, usage(x509.ExtKeyUsageClientAuth)) }},
	{"cross-signed each other", func(_ testing.TB, p *pki, _ int) {
		last := len(p.nodes) - 1
		p.extra = append(p.extra, extra{p.like(nil, last, ""), 1}, extra{p.like(nil, 1, ""), last})
	}},
	{"issuer's name with another key", func(t testing.TB, p *pki, _ int) {
		p.extra = append(p.extra, extra{p.like(t, 1, "P-256"), len(p.nodes) - 1})
	}},
	{"root sent too", func(_ testing.TB, p *pki, _ int) {
		p.extra = append(p.extra, extra{p.nodes[len(p.nodes)-1], -1})
	}},
	{"a stranger sent too", func(t testing.TB, p *pki, _ int) {
		p.extra = append(p.extra, extra{&node{template: authority("Stranger"), key: newKey(t, "P-256")}, -1})
	}},
}

// like is another certificate with the name of nodes[at]; "" is its key too.
func (p *pki) like(t testing.TB, at int, algorithm string) *node {
	template := *p.nodes[at].template
	n := &node{template: &template, key: p.nodes[at].key}
	if algorithm != "" {
		n.key = newKey(t, algorithm)
	}
	return n
}

func (p *pki) twinRoot(change func(*x509.Certificate)) {
	n := p.like(nil, len(p.nodes)-1, "")
	change(n.template)
	p.roots = append(p.roots, n)
}

func (p *pki) root(t testing.TB, name string) *node {
	n := &node{template: authority(name), key: newKey(t, "P-256")}
	p.roots = append(p.roots, n)
	return n
}

// cross lets another root sign the first intermediate too.
func (p *pki) cross(t testing.TB, trusted bool, change func(*x509.Certificate)) {
	n := p.like(nil, 1, "")
	n.signer, n.issuer = newKey(t, "P-256"), &pkix.Name{CommonName: "Other Root"}
	change(n.template)
	p.extra = append(p.extra, extra{n, 1})
	if trusted {
		other := &node{template: authority("Other Root"), key: n.signer}
		other.template.Subject = *n.issuer
		p.roots = append(p.roots, other)
	}
}

// A sending changes what is sent, after the fact.
type sending struct {
	name  string
	apply func(r *mathrand.Rand, tr *trial)
}

var sendings = []sending{
	{"as it is", func(*mathrand.Rand, *trial) {}},
	{"without intermediates", func(_ *mathrand.Rand, tr *trial) { tr.sent = tr.sent[:1] }},
	{"one missing", func(r *mathrand.Rand, tr *trial) {
		if len(tr.sent) > 1 {
			tr.sent = slices.Delete(slices.Clone(tr.sent), 1, 2)
		}
	}},
	{"reversed", func(_ *mathrand.Rand, tr *trial) { slices.Reverse(tr.sent[1:]) }},
	{"in any order", func(r *mathrand.Rand, tr *trial) {
		r.Shuffle(len(tr.sent)-1, func(i, j int) { tr.sent[i+1], tr.sent[j+1] = tr.sent[j+1], tr.sent[i+1] })
	}},
	{"in any order, the leaf too", func(r *mathrand.Rand, tr *trial) {
		r.Shuffle(len(tr.sent), func(i, j int) { tr.sent[i], tr.sent[j] = tr.sent[j], tr.sent[i] })
	}},
	{"twice", func(_ *mathrand.Rand, tr *trial) { tr.sent = append(tr.sent, tr.sent...) }},
	{"with the roots", func(_ *mathrand.Rand, tr *trial) { tr.sent = append(tr.sent, tr.anchor...) }},
	{"with a sibling", func(_ *mathrand.Rand, tr *trial) { tr.sent = append(tr.sent, tr.siblings[0]) }},
	{"too many", func(_ *mathrand.Rand, tr *trial) {
		for len(tr.sent) <= maxSent {
			tr.sent = append(tr.sent, tr.sent[len(tr.sent)-1])
		}
	}},
	{"a bit flipped", func(r *mathrand.Rand, tr *trial) { flip(r, tr.sent) }},
	{"for another name", func(_ *mathrand.Rand, tr *trial) { tr.name = "www.example.org" }},
	{"for an address", func(_ *mathrand.Rand, tr *trial) { tr.name = "192.0.2.1" }},
	{"for no name", func(_ *mathrand.Rand, tr *trial) { tr.name = "" }},
}

// flip changes one bit of one certificate so that it can still be read.
func flip(r *mathrand.Rand, sent []*x509.Certificate) {
	for {
		at := r.IntN(len(sent))
		raw := slices.Clone(sent[at].Raw)
		raw[r.IntN(len(raw))] ^= 1 << r.IntN(8)
		if c, err := x509.ParseCertificate(raw); err == nil {
			sent[at] = c
			return
		}
	}
}

// extraOf is an unknown extension of so many bytes.
func extraOf(size int) pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 5}, Value: make([]byte, size)}
}
