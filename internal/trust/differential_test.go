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

// A tally counts what was compared, so that nobody takes an empty test for a
// good one.
type tally struct {
	chains, judged, accepted, remembered int
}

func (c *tally) String() string {
	return fmt.Sprintf("%d chains, judged %d times: %d accepted, %d of them from memory", c.chains, c.judged, c.accepted, c.remembered)
}

// judge compares our verdict of sent with that of crypto/x509.
func (c *tally) judge(t *testing.T, v *Verifier, tr *trial, sent []*x509.Certificate, now time.Time) {
	t.Helper()
	remembered := recalls(v, sent, tr.name, now)
	got, gotErr := v.Verify(sent, tr.name, now)
	want, wantErr := sent[0].Verify(x509.VerifyOptions{
		Roots: tr.roots, Intermediates: pool(sent[1:]), DNSName: tr.name, CurrentTime: now,
	})
	c.judged++
	if wantErr == nil {
		c.accepted++
	}
	if remembered {
		c.remembered++
	}
	if problem := differs(got, gotErr, want, wantErr); problem != "" {
		t.Errorf("at %v for %q, remembered %v: %s\nsent:\n%sroots:\n%s", now, tr.name, remembered, problem, shown(sent), shown(tr.anchor))
	}
}

// recalls reports whether the answer will come from memory.
func recalls(v *Verifier, sent []*x509.Certificate, name string, now time.Time) bool {
	q, ok := v.question(sent, name)
	if !ok {
		return false
	}
	if _, ok := v.recall(q, now); ok {
		return true
	}
	above := v.above(q, now)
	return above != nil && above.signed(q, now)
}

// differs says how two verdicts differ, or "": chains and their order, the
// error's type, and its text, which holds its reason.
func differs(got [][]*x509.Certificate, gotErr error, want [][]*x509.Certificate, wantErr error) string {
	if reflect.TypeOf(gotErr) != reflect.TypeOf(wantErr) || gotErr != nil && gotErr.Error() != wantErr.Error() {
		return fmt.Sprintf("error %T (%v), crypto/x509 has %T (%v)", gotErr, gotErr, wantErr, wantErr)
	}
	same := func(a, b []*x509.Certificate) bool { return slices.EqualFunc(a, b, (*x509.Certificate).Equal) }
	if !slices.EqualFunc(got, want, same) {
		return fmt.Sprintf("%d chains, crypto/x509 has %d others", len(got), len(want))
	}
	return ""
}

func shown(certificates []*x509.Certificate) string {
	var b bytes.Buffer
	for _, c := range certificates {
		fmt.Fprintf(&b, "%v by %v\n", c.Subject, c.Issuer)
		pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	return b.String()
}

// instants are noon, and the moments around which a certificate begins or ends.
func (tr *trial) instants() []time.Time {
	at := []time.Time{noon}
	for _, c := range append(slices.Clone(tr.sent), tr.anchor...) {
		for _, edge := range []time.Time{c.NotBefore, c.NotAfter} {
			at = append(at, edge, edge.Add(-time.Nanosecond), edge.Add(time.Nanosecond), edge.Add(time.Minute))
		}
	}
	at = append(at, noon.Add(30*time.Minute), noon.Add(maxAge), noon.Add(maxAge+1))
	slices.SortFunc(at, time.Time.Compare)
	return slices.CompactFunc(at, time.Time.Equal)
}

// compare judges a trial's chain in every state of the memory: cold, after
// each of its siblings, after itself, and after all that at other instants,
// which the clock may reach or go back to.
func (c *tally) compare(t *testing.T, tr *trial, instants []time.Time) {
	t.Helper()
	c.chains++
	before := [][]*x509.Certificate{nil, tr.sent}
	for _, sibling := range tr.siblings {
		before = append(before, tr.with(sibling))
	}
	for _, warming := range before {
		v := New(tr.roots)
		if warming != nil {
			c.judge(t, v, tr, warming, noon)
		}
		c.judge(t, v, tr, tr.sent, noon)
		for _, now := range instants {
			c.judge(t, v, tr, tr.sent, now)
		}
		c.judge(t, v, tr, tr.with(tr.siblings[0]), noon)
	}
}

// Every fault at every certificate of a way, every shape and every sending,
// with keys of every kind; the dear ones get only a part of it unless all of
// it is asked for.
func TestVerdictsAreThoseOfX509(t *testing.T) {
	var all tally
	for i, algorithm := range algorithms {
		t.Run(algorithm, func(t *testing.T) {
			var c tally
			r := rand.New(rand.NewPCG(uint64(i), 9))
			depth := 1 + i%2
			cases, sent := corpus(depth), sendings
			if !slices.Contains(cheap, algorithm) && !thorough() {
				cases, sent = sample(r, cases, 3), sample(r, sent, 3)
			}
			for _, f := range cases {
				p := newPKI(t, depth, func(int) string { return algorithm })
				f.apply(t, p, 0)
				tr := p.make(t)
				c.compare(t, tr, sample(r, tr.instants(), 3))
			}
			for _, s := range sent {
				tr := newPKI(t, depth, func(int) string { return algorithm }).make(t)
				s.apply(r, tr)
				c.compare(t, tr, sample(r, tr.instants(), 6))
			}
			t.Log(&c)
			all.add(c)
		})
	}
	t.Log(&all)
	if all.remembered < all.accepted/5 {
		t.Errorf("%v: the memory is hardly ever asked", &all)
	}
}

func (c *tally) add(d tally) {
	c.chains += d.chains
	c.judged += d.judged
	c.accepted += d.accepted
	c.remembered += d.remembered
}

// corpus are all faults, each at every certificate that can have it.
func corpus(depth int) []fault {
	all := slices.Concat([]fault{{"sound", func(testing.TB, *pki, int) {}}}, leafFaults, shapes)
	for _, f := range faults {
		for at := range depth + 2 {
			all = append(all, fault{f.name, func(t testing.TB, p *pki, _ int) { f.apply(t, p, at) }})
		}
	}
	return all
}

// sample are so many of a list, in their order.
func sample[T any](r *rand.Rand, list []T, n int) []T {
	list = slices.Clone(list)
	for len(list) > n {
		at := r.IntN(len(list))
		list = slices.Delete(list, at, at+1)
	}
	return list
}

// mutations are how many random ways are tried; ROLLCALL_MUTATIONS says
// another number, and that the corpus is to be tried with every key.
const mutations = 100

// cheap are the keys that a short test can afford.
var cheap = []string{"P-256", "Ed25519"}

func thorough() bool { return os.Getenv("ROLLCALL_MUTATIONS") != "" }

// Random ways with a few faults each, and what is sent changed too.
func TestVerdictsOfMutationsAreThoseOfX509(t *testing.T) {
	n := mutations
	if s := os.Getenv("ROLLCALL_MUTATIONS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	var c tally
	for range n {
		tr, made := mutation(t, r)
		c.compare(t, tr, sample(r, tr.instants(), 3))
		if t.Failed() {
			t.Fatalf("seed %d: %s", seed, made)
		}
	}
	t.Log(&c)
	if n >= mutations && c.remembered < c.accepted/6 {
		t.Errorf("%v: the memory is hardly ever asked", &c)
	}
}

// mutation is a random way, with what was done to it.
func mutation(t testing.TB, r *rand.Rand) (*trial, string) {
	depth := r.IntN(4)
	p := newPKI(t, depth, func(int) string { return one(r, cheap) }) // what is judged here is not the signature
	var made []string
	for range r.IntN(4) {
		f, at := one(r, faults), r.IntN(len(p.nodes))
		switch r.IntN(4) {
		case 0:
			f, at = one(r, leafFaults), 0
		case 1:
			f = one(r, shapes)
		}
		f.apply(t, p, at)
		made = append(made, fmt.Sprintf("%s at %d", f.name, at))
	}
	tr := p.make(t)
	for range r.IntN(3) {
		s := one(r, sendings)
		s.apply(r, tr)
		made = append(made, s.name)
	}
	return tr, fmt.Sprintf("%d intermediates: %s", depth, strings.Join(made, ", "))
}

func one[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }
