//go:build unix && !aix && !solaris

package remember

import (
	"os"
	"syscall"
)

// exclusive locks a file until it is closed or the program ends.
func exclusive(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
