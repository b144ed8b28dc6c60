package check

import "context"

// InFlight is what a check in flight takes of memory, in bytes, without what is
// large of its response. Measured: 86 kB over TLS.
const InFlight = 90 << 10

// A Reserve is the memory that a check has for itself, since it got too little
// at its first try.
type Reserve struct {
	Bytes int64 // beyond InFlight
	Last  bool  // there is no more to be had: what does not fit is left out
}

type reserveKey struct{}

// WithReserve returns a context for a check that has a reserve.
func WithReserve(ctx context.Context, r Reserve) context.Context {
	return context.WithValue(ctx, reserveKey{}, r)
}

// ReserveOf returns the reserve of the check that ctx is of; zero: it has none.
func ReserveOf(ctx context.Context) Reserve {
	r, _ := ctx.Value(reserveKey{}).(Reserve)
	return r
}
