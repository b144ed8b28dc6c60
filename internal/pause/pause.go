// Package pause waits, as time.Sleep does, but ends early with a context.
package pause

import (
	"context"
	"time"
)

// For waits for d or until ctx is done, and reports whether ctx is not done
// yet. It does not wait if d is not positive.
func For(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
