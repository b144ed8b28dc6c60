package trust

import (
	"crypto/x509"
	"testing"
)

// BenchmarkVerify: a chain in full, below an intermediate that is known, and
// seen before.
func BenchmarkVerify(b *testing.B) {
	for _, algorithm := range []string{"P-256", "P-384", "RSA-2048", "RSA-4096"} {
		tr := newPKI(b, 1, func(int) string { return algorithm }).make(b)
		b.Run(algorithm+"/full", func(b *testing.B) {
			for b.Loop() {
				tr.sent[0].Verify(x509.VerifyOptions{
					Roots: tr.roots, Intermediates: pool(tr.sent[1:]), DNSName: tr.name, CurrentTime: noon,
				})
			}
		})
		b.Run(algorithm+"/issuer known", func(b *testing.B) {
			v := New(tr.roots)
			v.Verify(tr.sent, tr.name, noon)
			for b.Loop() {
				clear(v.leaves)
				v.Verify(tr.sent, tr.name, noon)
			}
		})
		b.Run(algorithm+"/seen before", func(b *testing.B) {
			v := New(tr.roots)
			v.Verify(tr.sent, tr.name, noon)
			for b.Loop() {
				v.Verify(tr.sent, tr.name, noon)
			}
		})
	}
}
