package trust

import (
	"crypto/x509"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// FuzzVerify lets the fuzzer choose a way, what is wrong with it, what is
// sent, and in which order a Verifier sees whom and when. Whatever it
// chooses, our verdicts are those of crypto/x509.
func FuzzVerify(f *testing.F) {
	f.Add(uint64(1), uint64(2), []byte{0, 1, 2, 3})
	f.Add(uint64(3), uint64(4), []byte{1, 0, 1, 0, 1, 0})
	f.Add(uint64(5), uint64(6), []byte{2, 130, 3, 67, 255})
	f.Fuzz(func(t *testing.T, a, b uint64, asked []byte) {
		r := rand.New(rand.NewPCG(a, b))
		tr, made := mutation(t, r)
		leaves := append([]*x509.Certificate{tr.sent[0]}, tr.siblings...)
		instants := tr.instants()
		v := New(tr.roots)
		var c tally
		for _, turn := range asked[:min(len(asked), 32)] {
			leaf := leaves[int(turn)%len(leaves)]
			now := instants[int(turn)/len(leaves)%len(instants)]
			c.judge(t, v, tr, tr.with(leaf), now)
		}
		if t.Failed() {
			t.Fatal(made)
		}
	})
}

// The memory is bounded, and what gives way is judged again.
func TestMemoryIsBounded(t *testing.T) {
	m := map[sum]int{}
	for i := range 100 {
		put(m, 10, sum{byte(i)}, i)
		if m[sum{byte(i)}] != i || len(m) > 10 {
			t.Fatalf("after %d: %v", i, m)
		}
	}
	before := len(m)
	for key := range m {
		put(m, 10, key, -1)
	}
	if len(m) != before {
		t.Errorf("%d entries after all were put again, want %d", len(m), before)
	}
}

// A server can't have much remembered, and what it sends does not push out
// what it is refused with.
func TestWhatIsNotRemembered(t *testing.T) {
	sound := newPKI(t, 1, func(int) string { return "P-256" }).make(t)
	big := *sound
	big.sent = slices.Clone(sound.sent)
	large := server(host)
	large.ExtraExtensions = append(large.ExtraExtensions, extraOf(maxBytes))
	stranger := &node{template: large, key: newKey(t, "P-256")}
	stranger.template.Subject.CommonName = "large"
	big.sent = append(big.sent, stranger.sign(t, nil))
	many := *sound
	sendings[slices.IndexFunc(sendings, func(s sending) bool { return s.name == "too many" })].apply(nil, &many)
	wrong := *sound
	wrong.name = "www.example.org"
	for name, tr := range map[string]*trial{"large": &big, "many": &many, "refused": &wrong} {
		v := New(tr.roots)
		var c tally
		c.judge(t, v, tr, tr.sent, noon)
		if len(v.uppers)+len(v.leaves) != 0 {
			t.Errorf("%s: %d uppers and %d leaves are remembered", name, len(v.uppers), len(v.leaves))
		}
	}
}

// Many at once, with and without what is remembered.
func TestManyAtOnce(t *testing.T) {
	tr := newPKI(t, 2, func(int) string { return "P-256" }).make(t)
	v := New(tr.roots)
	done := make(chan error)
	for i := range 64 {
		go func() {
			leaf := append([]*x509.Certificate{tr.sent[0]}, tr.siblings...)[i%3]
			_, err := v.Verify(tr.with(leaf), tr.name, noon.Add(time.Duration(i)*time.Second))
			done <- err
		}()
	}
	for range 64 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
