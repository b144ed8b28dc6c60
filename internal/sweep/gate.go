package sweep

import "sync"

// A gate lets so many checks through at once, and fewer once the machine has
// shown that it can't bear as many.
type gate struct {
	mu    sync.Mutex
	freed sync.Cond
	open  int // checks that are inside
	limit int // >= 1
	most  int // what limit began with
	good  int // checks that ended well since limit changed
	said  int // the limit that the log knows of
}

func newGate(limit int) *gate {
	g := &gate{limit: max(limit, 1), most: max(limit, 1)}
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

// tighten lets one fewer in, since a check has shown that there were too many.
// worth reports whether that is worth saying: the first time, and whenever the
// limit has halved.
func (g *gate) tighten() (limit int, worth bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit, g.good = max(g.limit-1, 1), 0
	if g.said == 0 || g.limit <= g.said/2 {
		g.said, worth = g.limit, true
	}
	return g.limit, worth
}

// goodToWiden is how many checks have to end well before one more is let in.
const goodToWiden = 8

// widen notes a check that the machine could bear: what made it short may
// have passed.
func (g *gate) widen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.limit == g.most {
		return
	}
	if g.good++; g.good >= goodToWiden {
		g.limit, g.good = g.limit+1, 0
		g.freed.Signal()
	}
}
