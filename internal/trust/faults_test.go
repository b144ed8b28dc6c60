package trust

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/rand/v2"
	"net"
	"slices"
	"time"
)

// A fault is something that may be wrong, or only unusual, with the
// certificate at a place of a path.
type fault struct {
	name  string
	apply func(p *pki, at int)
}

// changed makes a fault of a change to the template.
func changed(name string, change func(c *x509.Certificate)) fault {
	return fault{name, func(p *pki, at int) { change(p.nodes[at].template) }}
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

// faults are what any certificate of a path may have.
var faults = []fault{
	changed("expired", func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) }),
	changed("not yet valid", func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Second) }),
	changed("expires now", func(c *x509.Certificate) { c.NotAfter = noon }),
	changed("valid from now", func(c *x509.Certificate) { c.NotBefore = noon }),
	changed("expires soon", func(c *x509.Certificate) { c.NotAfter = noon.Add(10 * time.Minute) }),
	changed("never expires", func(c *x509.Certificate) { c.NotAfter = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) }),
	changed("unknown critical extension", extension(asn1.ObjectIdentifier{1, 2, 3, 4}, true, 5, 0)),
	changed("unknown extension", extension(asn1.ObjectIdentifier{1, 2, 3, 4}, false, 5, 0)),
	changed("usage: clients", usage(x509.ExtKeyUsageClientAuth)),
	changed("usage: servers", usage(x509.ExtKeyUsageServerAuth)),
	changed("usage: clients and servers", usage(x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth)),
	changed("usage: any", usage(x509.ExtKeyUsageAny)),
	changed("usage: none", usage()),
	changed("usage: unknown", func(c *x509.Certificate) {
		c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, []asn1.ObjectIdentifier{{1, 2, 3}}
	}),
	changed("authority or not", func(c *x509.Certificate) { c.IsCA = !c.IsCA }),
	changed("no basic constraints", func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = false, false }),
	changed("path length 0", func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, c.IsCA }),
	changed("path length 1", func(c *x509.Certificate) {
		if c.IsCA {
			c.MaxPathLen = 1
		}
	}),
	changed("key may not sign certificates", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }),
	changed("no key usage", func(c *x509.Certificate) { c.KeyUsage = 0 }),
	changed("names: example.com only", constraint([]string{"example.com"}, nil)),
	changed("names: example.org only", constraint([]string{"example.org"}, nil)),
	changed("names: not www.example.com", constraint(nil, []string{host})),
	changed("names: not example.org", constraint(nil, []string{"example.org"})),
	changed("addresses: 192.0.2.0/24 only", func(c *x509.Certificate) {
		c.PermittedIPRanges = []*net.IPNet{{IP: net.IP{192, 0, 2, 0}, Mask: net.CIDRMask(24, 32)}}
	}),
	changed("mail: example.com only", func(c *x509.Certificate) { c.PermittedEmailAddresses = []string{"example.com"} }),
	changed("policy", func(c *x509.Certificate) { c.Policies = []x509.OID{validated} }),
	changed("policy: another", func(c *x509.Certificate) { c.Policies = []x509.OID{oid(1, 2, 3)} }),
	changed("policy: any", func(c *x509.Certificate) { c.Policies = []x509.OID{anyPolicy} }),
	changed("policy required from here", extension(asn1.ObjectIdentifier{2, 5, 29, 36}, true, 0x30, 3, 0x80, 1, 0)),
	changed("policy required one below", extension(asn1.ObjectIdentifier{2, 5, 29, 36}, true, 0x30, 3, 0x80, 1, 1)),
	changed("policy mapping not allowed", extension(asn1.ObjectIdentifier{2, 5, 29, 36}, true, 0x30, 3, 0x81, 1, 0)),
	changed("any policy not allowed", extension(asn1.ObjectIdentifier{2, 5, 29, 54}, true, 2, 1, 0)),
	changed("policies mapped", extension(asn1.ObjectIdentifier{2, 5, 29, 33}, true,
		0x30, 14, 0x30, 12, 6, 6, 0x67, 0x81, 0x0c, 1, 2, 1, 6, 2, 0x2a, 3)),
	changed("no subject key", func(c *x509.Certificate) { c.SubjectKeyId = []byte{} }),
	{"authority key is another", func(p *pki, at int) { p.nodes[at].keyID = []byte("another") }},
	{"no authority key", func(p *pki, at int) { p.nodes[at].keyID = []byte{} }},
	{"issuer is another", func(p *pki, at int) { p.nodes[at].issuer = &pkix.Name{CommonName: "Another"} }},
	{"signed by another", func(p *pki, at int) { p.nodes[at].signer = newKey(p.r) }},
	{"named like the root", func(p *pki, at int) {
		p.nodes[at].template.Subject = p.nodes[len(p.nodes)-1].template.Subject
	}},
	{"named like its issuer", func(p *pki, at int) {
		p.nodes[at].template.Subject = p.nodes[min(at+1, len(p.nodes)-1)].template.Subject
	}},
	{"name and key of the root", func(p *pki, at int) { p.borrow(at, len(p.nodes)-1) }},
	{"name and key of its issuer", func(p *pki, at int) { p.borrow(at, min(at+1, len(p.nodes)-1)) }},
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
	changed("another name", func(c *x509.Certificate) { c.DNSNames = []string{"www.example.org"} }),
	changed("name in the subject only", func(c *x509.Certificate) { c.DNSNames = nil }),
	changed("wildcard", func(c *x509.Certificate) { c.DNSNames = []string{"*.example.com"} }),
	changed("wildcard too high", func(c *x509.Certificate) { c.DNSNames = []string{"*.com"} }),
	changed("address only", func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, []net.IP{{192, 0, 2, 1}} }),
	changed("address too", func(c *x509.Certificate) { c.IPAddresses = []net.IP{{198, 51, 100, 1}} }),
	changed("mail too", func(c *x509.Certificate) { c.EmailAddresses = []string{"who@example.org"} }),
	changed("no mail at all", func(c *x509.Certificate) { c.EmailAddresses = []string{"nobody"} }),
	changed("no subject", func(c *x509.Certificate) { c.Subject = pkix.Name{} }),
}

// shapes are how a whole path may be unusual.
var shapes = []fault{
	{"root not trusted", func(p *pki, _ int) { p.trusted = false }},
	{"two roots", func(p *pki, _ int) {
		p.roots = append(p.roots, &node{template: authority("Stranger"), key: newKey(p.r)})
	}},
	{"root with a twin", func(p *pki, _ int) { p.twinRoot(func(*x509.Certificate) {}) }},
	{"root with a twin that expired", func(p *pki, _ int) {
		p.twinRoot(func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Hour) })
	}},
	{"root with a twin that expires soon", func(p *pki, _ int) {
		p.twinRoot(func(c *x509.Certificate) { c.NotAfter = noon.Add(time.Minute) })
	}},
	{"root with a twin for other names", func(p *pki, _ int) { p.twinRoot(constraint([]string{"example.org"}, nil)) }},
	{"root with a twin for this name", func(p *pki, _ int) { p.twinRoot(constraint([]string{host}, nil)) }},
	{"root with a twin for clients", func(p *pki, _ int) { p.twinRoot(usage(x509.ExtKeyUsageClientAuth)) }},
	{"root with a twin for short paths", func(p *pki, _ int) {
		p.twinRoot(func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true })
	}},
	{"intermediate trusted too", func(p *pki, _ int) { p.roots = append(p.roots, p.like(1)) }},
	{"leaf trusted too", func(p *pki, _ int) { p.roots = append(p.roots, p.nodes[0]) }},
	{"cross-signed by a second root", func(p *pki, _ int) { p.cross(true, func(*x509.Certificate) {}) }},
	{"cross-signed by a stranger", func(p *pki, _ int) { p.cross(false, func(*x509.Certificate) {}) }},
	{"cross-signed, and that expired", func(p *pki, _ int) {
		p.cross(true, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Hour) })
	}},
	{"cross-signed, and that is valid later", func(p *pki, _ int) {
		p.cross(true, func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Minute) })
	}},
	{"cross-signed for other names", func(p *pki, _ int) { p.cross(true, constraint([]string{"example.org"}, nil)) }},
	{"cross-signed for clients", func(p *pki, _ int) { p.cross(true, usage(x509.ExtKeyUsageClientAuth)) }},
	{"cross-signed each other", func(p *pki, _ int) {
		last := len(p.nodes) - 1
		p.extra = append(p.extra, extra{p.like(last), 1}, extra{p.like(1), last})
	}},
	{"issuer's name with another key", func(p *pki, _ int) {
		n := p.like(1)
		n.key = newKey(p.r)
		p.extra = append(p.extra, extra{n, len(p.nodes) - 1})
	}},
	{"root sent too", func(p *pki, _ int) {
		p.extra = append(p.extra, extra{p.nodes[len(p.nodes)-1], -1})
	}},
	{"a stranger sent too", func(p *pki, _ int) {
		p.extra = append(p.extra, extra{&node{template: authority("Stranger"), key: newKey(p.r)}, -1})
	}},
}

// like is another certificate with the name and key of nodes[at].
func (p *pki) like(at int) *node {
	template := *p.nodes[at].template
	return &node{template: &template, key: p.nodes[at].key}
}

func (p *pki) twinRoot(change func(*x509.Certificate)) {
	n := p.like(len(p.nodes) - 1)
	change(n.template)
	p.roots = append(p.roots, n)
}

// cross lets another root sign the first intermediate too.
func (p *pki) cross(trusted bool, change func(*x509.Certificate)) {
	n := p.like(1)
	n.signer, n.issuer = newKey(p.r), &pkix.Name{CommonName: "Other Root"}
	change(n.template)
	p.extra = append(p.extra, extra{n, 1})
	if trusted {
		other := &node{template: authority("Other Root"), key: n.signer}
		other.template.Subject = *n.issuer
		p.roots = append(p.roots, other)
	}
}

// A sending changes what a server sends, or the name that it is asked for.
type sending struct {
	name  string
	apply func(r *rand.Rand, tr *trial, c *call)
}

var sendings = []sending{
	{"as it is", func(*rand.Rand, *trial, *call) {}},
	{"without intermediates", func(_ *rand.Rand, _ *trial, c *call) { c.sent = c.sent[:1] }},
	{"one missing", func(_ *rand.Rand, _ *trial, c *call) {
		if len(c.sent) > 1 {
			c.sent = slices.Delete(c.sent, 1, 2)
		}
	}},
	{"reversed", func(_ *rand.Rand, _ *trial, c *call) { slices.Reverse(c.sent[1:]) }},
	{"in any order, the leaf too", func(r *rand.Rand, _ *trial, c *call) {
		r.Shuffle(len(c.sent), func(i, j int) { c.sent[i], c.sent[j] = c.sent[j], c.sent[i] })
	}},
	{"twice", func(_ *rand.Rand, _ *trial, c *call) { c.sent = append(c.sent, c.sent...) }},
	{"with the roots", func(_ *rand.Rand, tr *trial, c *call) { c.sent = append(c.sent, tr.anchors...) }},
	{"a bit flipped", func(r *rand.Rand, _ *trial, c *call) { flip(r, c.sent) }},
	{"for another name", func(_ *rand.Rand, _ *trial, c *call) { c.name = "www.example.org" }},
	{"for an address", func(_ *rand.Rand, _ *trial, c *call) { c.name = "192.0.2.1" }},
	{"for no name", func(_ *rand.Rand, _ *trial, c *call) { c.name = "" }},
}

// flip changes one bit of one certificate so that it can still be parsed.
func flip(r *rand.Rand, sent []*x509.Certificate) {
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
