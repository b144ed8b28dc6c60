// Package cgroup makes control groups of Linux with a share of a core and a limit
// of memory, as Lambda gives them to a function. It takes root.
package cgroup

import "time"

// Period is how often a group's share of the CPU is dealt out. Lambda's own is
// not documented.
const Period = 20 * time.Millisecond

// Usage is what a group has used.
type Usage struct {
	Memory int64 // the most at once, in bytes
	Kills  int   // processes that the kernel ended for lack of memory
}
