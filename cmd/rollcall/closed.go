package main

import "errors"

// stdoutFlags is negative if standard output was closed when the program
// started. Only entry_linux_*.s can know, which the Makefile has the linker start
// with: Go's runtime opens /dev/null instead, before any Go code runs, and that
// looks like the /dev/null that other programs give theirs.
var stdoutFlags int64

// errClosed is what writing to closed standard output returns.
var errClosed = errors.New("standard output is closed")

// A closedOutput is standard output where that is closed.
type closedOutput struct{ written bool }

// Write returns errClosed.
func (c *closedOutput) Write([]byte) (int, error) {
	c.written = true
	return 0, errClosed
}
