package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A tally counts what was compared: a test that compares nothing is not good.
type tally struct{ verdicts, accepted, remembered int }

// compare compares our verdict with that of crypto/x509: the type and text of
// its error, and what expires first of its chains, as it was when it was found.
func (n *tally) compare(t testing.TB, v *Verifier, tr *trial, c call, now time.Time) {
	t.Helper()
	found := now
	got, gotErr := v.Verify(c.sent, c.name, now)
	if known, ok := v.verdicts[questionOf(c.sent, c.name)]; ok && gotErr == nil {
		found = known.found
	}
	intermediates := x509.NewCertPool()
	for _, c := range c.sent[1:] {
		intermediates.AddCert(c)
	}
	theirs := func(now time.Time) ([][]*x509.Certificate, error) {
		return c.sent[0].Verify(x509.VerifyOptions{Roots: tr.pool, Intermediates: intermediates, DNSName: c.name, CurrentTime: now})
	}
	chains, wantErr := theirs(now)
	if gotErr == nil && got != FirstToExpire(chains) && !found.Equal(now) {
		chains, _ = theirs(found)
	}

	n.verdicts++
	if wantErr == nil {
		n.accepted++
	}
	if !found.Equal(now) {
		n.remembered++
	}
	switch {
	case reflect.TypeOf(gotErr) != reflect.TypeOf(wantErr) || gotErr != nil && gotErr.Error() != wantErr.Error():
		t.Errorf("at %v for %q: error %v, crypto/x509 has %v\n%s", now, c.name, gotErr, wantErr, certificates(c.sent, tr.anchors))
	case gotErr == nil && got != FirstToExpire(chains):
		t.Errorf("at %v for %q: %v expires first, want %v\n%s", now, c.name, got.Subject, FirstToExpire(chains).Subject, certificates(c.sent, tr.anchors))
	case found.After(now) || now.Sub(found) >= maxAge:
		t.Errorf("at %v: a verdict of %v is remembered", now, found)
	}
}

func certificates(sent, roots []*x509.Certificate) string {
	var b bytes.Buffer
	for _, c := range slices.Concat(sent, roots) {
		fmt.Fprintf(&b, "%v by %v\n", c.Subject, c.Issuer)
		pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	return b.String()
}

// Under each authority, whatever is wrong with it, one Verifier is asked for
// every leaf after all others. What one leaf lacks another one has: a policy
// that their issuer requires, say.
func TestVerdictsAfterSiblings(t *testing.T) {
	uppers := append(slices.Clone(shapes), fault{"sound", func(*pki, int) {}})
	for _, f := range faults {
		uppers = append(uppers, fault{f.name, func(p *pki, _ int) { f.apply(p, 1) }})
	}
	leaves := slices.Concat(leafFaults, faults, []fault{{"sound", func(*pki, int) {}}})
	var n tally
	for i, upper := range uppers {
		t.Run(upper.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			p := newPKI(r, 1)
			upper.apply(p, 0)
			tr := p.trial(t)
			v := New(tr.pool)
			var calls []call
			for _, f := range leaves {
				calls = append(calls, tr.call(t, f))
			}
			r.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
			for _, c := range calls {
				v.Verify(c.sent, c.name, noon)
			}
			for _, c := range calls {
				n.compare(t, v, tr, c, noon.Add(1))
			}
		})
	}
	t.Logf("%+v", n)
	if n.remembered < n.accepted/3 {
		t.Errorf("%+v: the memory is hardly ever asked", n)
	}
}

// pairs is how many random pairs are compared. ROLLCALL_MUTATIONS is another
// number, and makes them other ones each time.
const pairs = 250

// Two servers under the same authorities, drawn independently, or one server
// that sends its certificates in two ways: what is known of the first changes
// nothing for the second, at any instant.
func TestVerdictsOfPairs(t *testing.T) {
	count, first := pairs, uint64(0)
	if text := os.Getenv("ROLLCALL_MUTATIONS"); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		first = rand.Uint64()
	}
	var n tally
	for i := range count {
		seed := first + uint64(i)
		r := rand.New(rand.NewPCG(seed, 2))
		tr, a, b, drawn := pair(t, r)
		v := New(tr.pool)
		n.compare(t, v, tr, a, noon)
		n.compare(t, v, tr, b, noon)
		near := []time.Time{noon.Add(1), noon.Add(maxAge - 1), noon.Add(maxAge), noon.Add(-1)}
		for _, now := range []time.Time{one(r, near), one(r, tr.edges(b)), one(r, tr.edges(a)), one(r, near)} {
			n.compare(t, v, tr, b, now)
			n.compare(t, v, tr, a, now)
		}
		if t.Failed() {
			t.Fatalf("seed %d: %s", seed, drawn)
		}
	}
	t.Logf("%+v", n)
	if count >= pairs && n.remembered < n.accepted/8 {
		t.Errorf("%+v: the memory is hardly ever asked", n)
	}
}

// pair draws authorities and two calls, and says what it drew.
func pair(t testing.TB, r *rand.Rand) (tr *trial, a, b call, drawn string) {
	var names []string
	p := newPKI(r, r.IntN(4))
	for range r.IntN(4) / 2 {
		f, at := one(r, faults), 1+r.IntN(len(p.nodes)-1)
		if r.IntN(3) == 0 {
			f = one(r, shapes)
		}
		f.apply(p, at)
		names = append(names, fmt.Sprintf("%s at %d", f.name, at))
	}
	tr = p.trial(t)
	leaf := func() call {
		var drawn []fault
		for range r.IntN(4) / 2 {
			drawn = append(drawn, one(r, slices.Concat(faults, leafFaults)))
			names = append(names, "leaf: "+drawn[len(drawn)-1].name)
		}
		return tr.call(t, drawn...)
	}
	send := func(c call) call {
		c.sent = slices.Clone(c.sent)
		for range r.IntN(4) / 2 {
			s := one(r, sendings)
			s.apply(r, tr, &c)
			names = append(names, "sent: "+s.name)
		}
		return c
	}
	first := leaf()
	second := first
	if r.IntN(3) > 0 {
		second = leaf()
	}
	a, b = send(first), send(second)
	return tr, a, b, strings.Join(names, ", ")
}

func one[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// FuzzVerify lets the fuzzer choose a pair, and who is verified when.
func FuzzVerify(f *testing.F) {
	f.Add(uint64(1), []byte{0, 1, 2, 3})
	f.Add(uint64(3), []byte{1, 0, 1, 0, 1, 0})
	f.Add(uint64(5), []byte{2, 130, 3, 67, 255})
	f.Fuzz(func(t *testing.T, seed uint64, turns []byte) {
		tr, a, b, drawn := pair(t, rand.New(rand.NewPCG(seed, 2)))
		v := New(tr.pool)
		var n tally
		for _, turn := range turns[:min(len(turns), 32)] {
			c := []call{a, b}[turn%2]
			instants := tr.edges(c)
			n.compare(t, v, tr, c, instants[int(turn/2)%len(instants)])
		}
		if t.Failed() {
			t.Fatal(drawn)
		}
	})
}
