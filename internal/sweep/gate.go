package sweep

import "sync"

// A gate limits how many checks run at once, and lets in fewer once the machine
// has run out of descriptors or ports.
type gate struct {
	mu       sync.Mutex
	changed  sync.Cond
	inside   int // checks that run
	limit    int // >= 1
	most     int // the first limit
	good     int // checks that ended well since limit changed
	reported int // the limit that was last worth a log line; 0: none was
}

func newGate(limit int) *gate {
	g := &gate{limit: max(limit, 1), most: max(limit, 1)}
	g.changed.L = &g.mu
	return g
}

// enter waits until there is room for a check.
func (g *gate) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.inside >= g.limit {
		g.changed.Wait()
	}
	g.inside++
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	g.changed.Signal()
}

// narrow lowers the limit by one, since a check has failed for lack of
// resources. report says whether that is worth a log line: the first time, and
// whenever the limit has halved.
func (g *gate) narrow() (limit int, report bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit, g.good = max(g.limit-1, 1), 0
	if g.reported == 0 || g.limit <= g.reported/2 {
		g.reported, report = g.limit, true
	}
	return g.limit, report
}

// goodToWiden is how many checks have to end well before the limit rises by one.
const goodToWiden = 8

// widen counts a check that ended well: the shortage may be over.
func (g *gate) widen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.limit == g.most {
		return
	}
	if g.good++; g.good >= goodToWiden {
		g.limit, g.good = g.limit+1, 0
		g.changed.Signal()
	}
}
