package tally

import (
	"math/rand/v2"
	"testing"

	"rollcall/internal/plan"
)

// An index knows what a map knows, also if it grows many times, or all names are close
// together.
func TestIndex(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, spread := range []uint64{1 << 63, 5_000} {
		x, all := newIndex(0), map[uint64]uint64{}
		for range 200 {
			claims := make([]plan.Claim, random.IntN(100))
			for i := range claims {
				claims[i] = plan.Claim{Name: 1 + random.Uint64N(spread), Check: 7}
			}
			names := newNames(claims)
			want := 0
			for _, c := range names {
				if _, there := all[c.Name]; there {
					want++
				}
				all[c.Name] = c.Check
			}
			if twice, clash := x.find(names); twice != want || clash {
				t.Fatalf("%d are there already, not %d; clash %t", twice, want, clash)
			}
			x.add(names)
		}
		found := x.all()
		if len(found) != len(all) {
			t.Fatalf("%d names, not %d", len(found), len(all))
		}
		for i, c := range found {
			if all[c.Name] != c.Check || i > 0 && found[i-1].Name >= c.Name {
				t.Fatalf("the name %d is %v", i, c)
			}
		}
		if _, clash := x.find(Names{{Name: found[0].Name, Check: 8}}); !clash {
			t.Error("a name of two URLs is found in peace")
		}
	}
}
