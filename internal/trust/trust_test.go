package trust

import (
	"crypto/x509"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
	"weak"
)

// remembers reports whether v knows the verdict of c.
func remembers(v *Verifier, c call) bool {
	_, known := v.verdicts[questionOf(c.sent, c.name)]
	return known
}

// Only an identical call is the same question.
func TestQuestionOf(t *testing.T) {
	a, b, c := &x509.Certificate{Raw: []byte("aa")}, &x509.Certificate{Raw: []byte("b")}, &x509.Certificate{Raw: []byte("c")}
	seen := map[question]call{}
	for _, c := range []call{
		{[]*x509.Certificate{a, b, c}, "x"},
		{[]*x509.Certificate{a, c, b}, "x"},
		{[]*x509.Certificate{b, a, c}, "x"},
		{[]*x509.Certificate{a, b}, "x"},
		{[]*x509.Certificate{a, b}, "cx"},
		{[]*x509.Certificate{a, b, c}, ""},
		{[]*x509.Certificate{a, b}, "c"},
		{[]*x509.Certificate{a, {Raw: []byte("bc")}}, ""},
		{[]*x509.Certificate{a, {Raw: []byte("bc")}}, "x"},
		{[]*x509.Certificate{a, b, c, c}, "x"},
	} {
		q := questionOf(c.sent, c.name)
		if other, ok := seen[q]; ok {
			t.Errorf("%v and %v are one question", c, other)
		}
		seen[q] = c
		if questionOf(slices.Clone(c.sent), c.name) != q {
			t.Errorf("%v is two questions", c)
		}
	}
}

// A yes is used from when it was found, for less than an hour, and until the
// chain expires.
func TestWhenAVerdictIsUsed(t *testing.T) {
	brief := changed("expires soon", func(c *x509.Certificate) { c.NotAfter = noon.Add(10 * time.Minute) })
	tr, long := sound(t, 1)
	short := tr.call(t, brief)
	for _, tt := range []struct {
		what string
		call
		after time.Duration
		want  bool // the first verdict is used
		valid bool
	}{
		{"at once", long, 0, true, true},
		{"just before", long, -1, false, true},
		{"within the hour", long, maxAge - 1, true, true},
		{"after an hour", long, maxAge, false, true},
		{"as the chain expires", short, 10 * time.Minute, true, true},
		{"when the chain has expired", short, 10*time.Minute + 1, false, false},
	} {
		t.Run(tt.what, func(t *testing.T) {
			v := New(tr.pool)
			v.Verify(tt.sent, tt.call.name, noon)
			_, err := v.Verify(tt.sent, tt.call.name, noon.Add(tt.after))
			if (err == nil) != tt.valid {
				t.Errorf("Verify = %v, want valid %v", err, tt.valid)
			}
			found := v.verdicts[questionOf(tt.sent, tt.call.name)].found
			if used := found.Equal(noon) && err == nil; used != tt.want {
				t.Errorf("found %v after noon, want the first verdict used: %v", found.Sub(noon), tt.want)
			}
		})
	}
}

// Certificates are valid by the wall clock, which may be set back: no reading of
// the monotonic clock is kept.
func TestTheWallClockCounts(t *testing.T) {
	always := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Unix(0, 0), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	p := newPKI(rand.New(rand.NewPCG(1, 1)), 0)
	always(p.nodes[1].template)
	tr := p.trial(t)
	c := tr.call(t, changed("always valid", always))
	v := New(tr.pool)
	if _, err := v.Verify(c.sent, c.name, time.Now()); err != nil {
		t.Fatal(err)
	}
	if found := v.verdicts[questionOf(c.sent, c.name)].found; found != found.Round(0) {
		t.Errorf("found %v, want no monotonic reading", found)
	}
}

// A yes that is asked for after an hour may be one of longer life: a root that
// has become valid meanwhile is seen.
func TestALaterRootIsSeenWithinAnHour(t *testing.T) {
	p := newPKI(rand.New(rand.NewPCG(1, 1)), 1)
	p.nodes[2].template.NotAfter = noon.Add(10 * 24 * time.Hour)
	p.twinRoot(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = noon.Add(time.Minute), noon.Add(20*24*time.Hour)
	})
	tr := p.trial(t)
	c := tr.call(t)
	v := New(tr.pool)
	for _, tt := range []struct {
		after time.Duration
		days  int
	}{{0, 10}, {maxAge, 20}} {
		first, err := v.Verify(c.sent, c.name, noon.Add(tt.after))
		if err != nil || !first.NotAfter.Equal(noon.AddDate(0, 0, tt.days)) {
			t.Errorf("after %v: expires with %v (%v), want %d days after noon", tt.after, first, err, tt.days)
		}
	}
}

// A no is never remembered, and off Linux nothing is: other platforms have
// verifiers of their own, which may change their minds.
func TestWhatIsNotRemembered(t *testing.T) {
	tr, good := sound(t, 1)
	bad := tr.call(t, changed("expired", func(c *x509.Certificate) { c.NotAfter = noon.Add(-1) }))
	v := New(tr.pool)
	for _, c := range []call{good, bad} {
		_, err := v.Verify(c.sent, c.name, noon)
		if remembers(v, c) != (err == nil) {
			t.Errorf("Verify = %v, remembered: %v", err, remembers(v, c))
		}
	}
	v = New(tr.pool)
	v.platform = "darwin"
	if _, err := v.Verify(good.sent, good.name, noon); err != nil || remembers(v, good) {
		t.Errorf("off Linux: Verify = %v, remembered: %v", err, remembers(v, good))
	}
}

// The Verifiers of two sets of roots know nothing of each other.
func TestEachVerifierHasItsRoots(t *testing.T) {
	tr, c := sound(t, 1)
	if _, err := New(tr.pool).Verify(c.sent, c.name, noon); err != nil {
		t.Fatal(err)
	}
	if _, err := New(x509.NewCertPool()).Verify(c.sent, c.name, noon); err == nil {
		t.Error("a chain to a root that is not in the pool was accepted")
	}
}

func TestFirstToExpire(t *testing.T) {
	days := func(list ...int) (chain []*x509.Certificate) {
		for _, d := range list {
			chain = append(chain, &x509.Certificate{NotAfter: noon.AddDate(0, 0, d)})
		}
		return chain
	}
	for _, tt := range []struct {
		name   string
		chains [][]*x509.Certificate
		chain  int // of the wanted one
		at     int
	}{
		{"the leaf first", [][]*x509.Certificate{days(1, 2, 3)}, 0, 0},
		{"the leaf with the intermediate", [][]*x509.Certificate{days(2, 2, 3)}, 0, 0},
		{"the intermediate first", [][]*x509.Certificate{days(5, 2, 3)}, 0, 1},
		{"the root first", [][]*x509.Certificate{days(5, 4, 3)}, 0, 2},
		{"the second chain lasts longer", [][]*x509.Certificate{days(5, 2), days(5, 4)}, 1, 1},
		{"the first chain lasts longer", [][]*x509.Certificate{days(5, 4), days(5, 2)}, 0, 1},
	} {
		if got := FirstToExpire(tt.chains); got != tt.chains[tt.chain][tt.at] {
			t.Errorf("%s: FirstToExpire = %v", tt.name, got.NotAfter)
		}
	}
	if got := FirstToExpire(nil); got != nil {
		t.Errorf("of no chain: FirstToExpire = %v", got.NotAfter)
	}
}

// What expires first is one of what is sent now, also where it is remembered, or
// the root.
func TestWhichExpiresFirstIsRemembered(t *testing.T) {
	for at, name := range []string{"leaf", "intermediate", "root"} {
		p := newPKI(rand.New(rand.NewPCG(1, 1)), 1)
		soon := changed("expires soon", func(c *x509.Certificate) { c.NotAfter = noon.Add(10 * time.Minute) })
		if at > 0 {
			soon.apply(p, at)
		}
		tr := p.trial(t)
		c := tr.call(t)
		if at == 0 {
			c = tr.call(t, soon)
		}
		v := New(tr.pool)
		for i := range 2 {
			if i == 1 && !remembers(v, c) {
				t.Errorf("%s: not remembered", name)
			}
			got, err := v.Verify(c.sent, c.name, noon)
			want := slices.Concat(c.sent, tr.anchors)[at]
			if err != nil || got != want {
				t.Errorf("%s, call %d: Verify = %v (%v), want %v", name, i, got.Subject, err, want.Subject)
			}
			if i == 0 { // the same bytes of another connection
				again := *c.sent[0]
				c.sent = slices.Concat([]*x509.Certificate{&again}, c.sent[1:])
			}
		}
	}
}

// The memory has a bound in bytes, known verdicts push nothing out, and the
// latest is always kept.
func TestMemoryIsBounded(t *testing.T) {
	v := New(nil)
	before := heap()
	fill := func(from int) {
		for i := range maxVerdicts {
			q := question{byte(from + i), byte((from + i) >> 8), byte((from + i) >> 16)}
			v.remember(q, verdict{found: noon})
			if _, known := v.verdicts[q]; !known || len(v.verdicts) > maxVerdicts {
				t.Fatalf("%d verdicts; the latest is among them: %v", len(v.verdicts), known)
			}
		}
	}
	fill(0)
	fill(0)
	if len(v.verdicts) != maxVerdicts {
		t.Errorf("%d verdicts after each was found again, want %d", len(v.verdicts), maxVerdicts)
	}
	fill(maxVerdicts)
	const bound = 8 << 20
	if grown := heap() - before; grown > bound {
		t.Errorf("%d bytes are in use, want at most %d", grown, bound)
	}
	runtime.KeepAlive(v)
}

// heap is how many bytes are in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What a server sent can be collected once its connection is gone.
func TestNoCertificateIsKept(t *testing.T) {
	tr, _ := sound(t, 1)
	v := New(tr.pool)
	var sent []weak.Pointer[x509.Certificate]
	func() {
		c := tr.call(t)
		if _, err := v.Verify(c.sent, c.name, noon); err != nil || !remembers(v, c) {
			t.Fatalf("Verify = %v", err)
		}
		for _, certificate := range c.sent {
			sent = append(sent, weak.Make(certificate))
		}
		tr.upper = nil
	}()
	runtime.GC()
	for i, certificate := range sent {
		if certificate.Value() != nil {
			t.Errorf("certificate %d is still in memory", i)
		}
	}
	runtime.KeepAlive(v)
}

// Many at once, with and without what is remembered; the race detector looks.
func TestManyAtOnce(t *testing.T) {
	tr, c := sound(t, 1)
	calls := []call{c, tr.call(t), {c.sent, "www.example.org"}}
	v := New(tr.pool)
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			c := calls[i%3]
			if _, err := v.Verify(c.sent, c.name, noon.Add(time.Duration(i)*time.Second)); (err == nil) != (c.name == host) {
				t.Errorf("Verify for %q = %v", c.name, err)
			}
		})
	}
	group.Wait()
}
