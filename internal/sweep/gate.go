package sweep

import "sync"

// A gate lets so many checks through at once, and fewer once the machine has
// shown that it can't bear as many.
type gate struct {
	mu    sync.Mutex
	freed sync.Cond
	open  int // checks that are inside
	limit int // >= 1
}

func newGate(limit int) *gate {
	g := &gate{limit: max(limit, 1)}
	g.freed.L = &g.mu
	return g
}

func (g *gate) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.open >= g.limit {
		g.freed.Wait()
	}
	g.open++
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
	g.freed.Signal()
}

// tighten makes one less than there are now the limit, and returns it; lower
// reports whether it was higher.
func (g *gate) tighten() (limit int, lower bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	limit = max(g.open-1, 1)
	if limit >= g.limit {
		return g.limit, false
	}
	g.limit = limit
	return limit, true
}
