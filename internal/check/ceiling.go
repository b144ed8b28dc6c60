package check

import (
	"context"
	"sync"
	"time"
)

// A Ceiling is when a check under way will have ended at the latest, if it does
// what it should. Who waits for the check gives it up some time after that. It
// may be used by both at once; a nil one is of a check that nobody waits for.
type Ceiling struct {
	mu sync.Mutex
	at func() time.Time
}

type ceilingKey struct{}

// WithCeiling returns a context for one check, and its ceiling.
func WithCeiling(ctx context.Context) (context.Context, *Ceiling) {
	c := new(Ceiling)
	return context.WithValue(ctx, ceilingKey{}, c), c
}

// CeilingOf returns the ceiling of the check that ctx is of; nil: it has none.
func CeilingOf(ctx context.Context) *Ceiling {
	c, _ := ctx.Value(ceilingKey{}).(*Ceiling)
	return c
}

// Set sets a function that returns the instant, which may move. A nil one lifts
// the ceiling: what the check waits for now is not a server, and ends with
// its context.
func (c *Ceiling) Set(at func() time.Time) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// At returns the instant; zero: there is none now.
func (c *Ceiling) At() time.Time {
	c.mu.Lock()
	at := c.at
	c.mu.Unlock()
	if at == nil {
		return time.Time{}
	}
	return at()
}
