package main

import (
	"errors"
	"os"
	"strings"
	"syscall"
)

// unmount takes away what an engine mounted below a folder and left.
func unmount(dir string) error {
	table, err := os.ReadFile("/proc/self/mounts")
	var errs []error
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], dir+"/") {
			errs = append(errs, syscall.Unmount(fields[1], syscall.MNT_DETACH))
		}
	}
	return errors.Join(append(errs, err)...)
}
