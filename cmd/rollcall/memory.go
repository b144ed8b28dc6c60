package main

import (
	"math"
	"runtime/debug"
)

const (
	processBytes = 150_000_000 // with 2,000 checks in flight, and a list that is short
	targetBytes  = 1_000       // of a target and its result
)

// boundMemory asks the garbage collector to keep to what a run of this many targets
// needs, unless GOMEMLIMIT says something else. The system's limit of descriptors
// would allow checks that together take much more.
func boundMemory(targets int) {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(processBytes + int64(targets)*targetBytes)
	}
}
