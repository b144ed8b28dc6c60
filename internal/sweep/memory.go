package sweep

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"

	"rollcall/internal/check"
)

// The hungry are the checks of a round that got too little memory. They gave
// back what they had, and begin again when all others are done: as many at once as
// have enough, each with a reserve of its own.
type hungry struct {
	feeding  sync.Mutex
	waiting  []int
	reserves map[int]check.Reserve
}

// wants notes that target i has to be checked again, if its result says so.
func (r *round) wants(i int, res *check.Result) bool {
	if res.Short == 0 {
		return false
	}
	r.feeding.Lock()
	defer r.feeding.Unlock()
	if r.reserves[i].Last { // which is not short
		return false
	}
	want, all := max(res.Short, 2*r.reserves[i].Bytes), r.memory()-check.InFlight
	if r.reserves == nil {
		r.reserves = map[int]check.Reserve{}
	}
	r.reserves[i] = check.Reserve{Bytes: min(want, all), Last: want >= all}
	r.waiting = append(r.waiting, i)
	return true
}

// reserve adds to ctx what target i's check has of memory.
func (r *round) reserve(ctx context.Context, i int) context.Context {
	r.feeding.Lock()
	defer r.feeding.Unlock()
	if own, ok := r.reserves[i]; ok {
		return check.WithReserve(ctx, own)
	}
	return ctx
}

// feed checks again what got too little memory, those first that need the least.
func (r *round) feed(ctx context.Context) {
	for len(r.waiting) > 0 {
		slices.SortFunc(r.waiting, func(a, b int) int { return int(r.reserves[a].Bytes - r.reserves[b].Bytes) })
		n, left := 0, r.memory()
		for n < len(r.waiting) && (n == 0 || r.reserves[r.waiting[n]].Bytes+check.InFlight <= left) {
			left -= r.reserves[r.waiting[n]].Bytes + check.InFlight
			n++
		}
		batch := slices.Clone(r.waiting[:n])
		r.waiting = r.waiting[n:]
		r.queue.add(batch...)
		r.queue.undone.Wait()
	}
}

func (r *round) memory() int64 { return cmp.Or(r.sweeper.Memory, math.MaxInt64) }
