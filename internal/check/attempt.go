package check

import (
	"context"
	"net/url"
	"sync/atomic"
	"time"
)

// InFlight is what an attempt takes of memory, in bytes, without what is large
// of its response. Measured: 86 kB over TLS.
const InFlight = 90 << 10

// An Attempt is what a sweep and the attempt that it begins tell each other. The
// zero value is of an attempt without a sweep.
type Attempt struct {
	// Place waits until one more hop may talk to the host and port of a URL. done
	// gives the place back; it is called before the next hop asks. The error is
	// ctx's cause. The waiting counts for nothing. Nil: nobody waits.
	Place func(ctx context.Context, u *url.URL) (done func(), err error)
	// Reserved is how much memory, in bytes, there is for an attempt that is made
	// again since it got too little; 0: it is not.
	Reserved int64
	// Alone: no other attempt holds memory, so there is no more to be had. What does
	// not fit is left out.
	Alone bool

	until atomic.Pointer[func() time.Time]
}

type attemptKey struct{}

// WithAttempt returns a context for the attempt a.
func WithAttempt(ctx context.Context, a *Attempt) context.Context {
	return context.WithValue(ctx, attemptKey{}, a)
}

// AttemptOf returns the attempt that ctx is of.
func AttemptOf(ctx context.Context) *Attempt {
	if a, ok := ctx.Value(attemptKey{}).(*Attempt); ok {
		return a
	}
	return new(Attempt)
}

// SetCeiling sets a function that returns when the attempt will have ended at the
// latest, if it does what it should: an instant that may move. Who waits for the
// attempt gives it up some time after that. With nil there is none: what the attempt
// waits for now is not a server, and ends with its context.
func (a *Attempt) SetCeiling(at func() time.Time) {
	if at == nil {
		a.until.Store(nil)
		return
	}
	a.until.Store(&at)
}

// Ceiling returns the instant; zero: there is none now.
func (a *Attempt) Ceiling() time.Time {
	if at := a.until.Load(); at != nil {
		return (*at)()
	}
	return time.Time{}
}
