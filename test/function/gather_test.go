package function_test

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"rollcall/internal/testnet"
)

// A Gathering is a handler that shows requests being in flight together: it
// responds to none of them before it holds a round of them at once. The
// round after that begins again.
type Gathering struct {
	size int
	hold time.Duration

	mu      sync.Mutex
	gate    chan struct{} // of the round that gathers; closed a hold after it is full
	waiting int           // requests of that round
	held    int           // requests without a response so far, of all rounds
	most    int           // the largest held so far
}

// NewGathering returns a Gathering that responds a hold after it has size
// requests at once, size >= 1.
func NewGathering(size int, hold time.Duration) *Gathering {
	return &Gathering{size: size, hold: hold, gate: make(chan struct{})}
}

// Most returns the largest number of requests that were held at once.
func (g *Gathering) Most() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.most
}

// ServeHTTP responds 200 with the largest number so far, or nothing if the
// client goes away before its round is full.
func (g *Gathering) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	gate := g.enter()
	select {
	case <-gate:
		g.leave(nil)
		testnet.Respond(w, http.StatusOK, "held "+strconv.Itoa(g.Most())+" at once")
	case <-r.Context().Done():
		g.leave(gate)
		panic(http.ErrAbortHandler)
	}
}

// enter joins the round that gathers, and starts its hold if that fills it.
func (g *Gathering) enter() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	gate := g.gate
	g.held++
	g.most = max(g.most, g.held)
	if g.waiting++; g.waiting == g.size {
		time.AfterFunc(g.hold, func() { close(gate) })
		g.gate, g.waiting = make(chan struct{}), 0
	}
	return gate
}

// leave counts a request out, also from the round of an early leaver if that
// still gathers.
func (g *Gathering) leave(early <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held--
	if early == (<-chan struct{})(g.gate) {
		g.waiting--
	}
}
