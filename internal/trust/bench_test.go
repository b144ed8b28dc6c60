package trust

import "testing"

// BenchmarkVerify: a leaf, an intermediate and a root of Ed25519, for the first
// time and again.
func BenchmarkVerify(b *testing.B) {
	tr, c := sound(b, 1)
	v := New(tr.pool)
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			clear(v.verdicts)
			v.Verify(c.sent, c.name, noon)
		}
	})
	b.Run("again", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v.Verify(c.sent, c.name, noon)
		}
	})
}
