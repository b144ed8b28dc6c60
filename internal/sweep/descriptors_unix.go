//go:build unix

package sweep

import (
	"math"
	"syscall"
)

// descriptors is the soft limit of this process. Go raises it to the hard one
// when a process starts.
func descriptors() int64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return int64(min(limit.Cur, math.MaxInt32))
}
