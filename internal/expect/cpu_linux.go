package expect

import (
	"time"

	"golang.org/x/sys/unix"
)

// CPUTime is how long the calling thread has run. What else the process does,
// and the machine, takes none of it.
func CPUTime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return time.Since(start)
	}
	return time.Duration(t.Nano())
}

// start is any instant before the first evaluation.
var start = time.Now()
