//go:build !linux

package expect

import "time"

// CPUTime is the time that has passed: the thread's own is not known here.
func CPUTime() time.Duration { return time.Since(start) }

// start is any instant before the first evaluation.
var start = time.Now()
