package tally

import (
	"cmp"
	"math/bits"
	"math/rand/v2"
	"slices"

	"rollcall/internal/plan"
)

// Names are hashes of names that were derived from URLs, as they ascend, each with
// the hash of what has it.
type Names []plan.Claim

func byName(a, b plan.Claim) int { return cmp.Compare(a.Name, b.Name) }

// newNames returns the names that a part derived. Two that are equal are one.
func newNames(claims []plan.Claim) Names {
	return slices.CompactFunc(slices.SortedFunc(slices.Values(claims), byName), func(a, b plan.Claim) bool { return a.Name == b.Name })
}

// An index has the names of many parts: ten million take 200 MB, where a map takes twice
// that. It is a table of slots, of which a fifth is empty at least.
type index struct {
	slots []plan.Claim // Name 0: empty
	n     int
	seed  uint64 // odd: whoever writes a tally does not know where its names go
}

// newIndex returns an index with room for that many names, and more when it has to.
func newIndex(names int) *index {
	return &index{make([]plan.Claim, slotsOf(names)), 0, rand.Uint64() | 1}
}

func slotsOf(names int) int { return min(names, maxTargets)*5/4 + 1 }

// slot is where a name is, or would be.
func (x *index) slot(name uint64) *plan.Claim {
	at, _ := bits.Mul64(name*x.seed, uint64(len(x.slots)))
	for {
		if s := &x.slots[at]; s.Name == 0 || s.Name == name {
			return s
		}
		if at++; at == uint64(len(x.slots)) {
			at = 0
		}
	}
}

// find counts the names that are there already. Two URLs have one name where those are
// of something else.
func (x *index) find(names Names) (twice int, clash bool) {
	for _, c := range names {
		if s := x.slot(c.Name); s.Name != 0 {
			twice++
			clash = clash || s.Check != c.Check
		}
	}
	return twice, clash
}

// add adds names, of which none clashes.
func (x *index) add(names Names) {
	if x.n += len(names); slotsOf(x.n) > len(x.slots) {
		old := x.slots
		x.slots = make([]plan.Claim, slotsOf(x.n+x.n/2))
		for _, c := range old {
			*x.slot(c.Name) = c
		}
	}
	for _, c := range names {
		*x.slot(c.Name) = c
	}
}

// all returns the names as they ascend.
func (x *index) all() Names {
	return slices.SortedFunc(slices.Values(slices.DeleteFunc(slices.Clone(x.slots), func(c plan.Claim) bool { return c.Name == 0 })), byName)
}
