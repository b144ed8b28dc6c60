package main

import (
	"math"
	"os"
	"runtime/debug"

	"rollcall/internal/check"
)

// A run of 100,000 targets is to take less than 300 MB, whatever the system's limit
// of descriptors allows. A target and its result take 0.8 kB, and 1.2 kB with garbage.
const (
	mostInFlight  = 2000 // with more, nothing is faster
	leastInFlight = 1000

	targetBytes = 1200
	sharedBytes = 210_000_000 // of the targets and the checks in flight
	heapBytes   = 280_000_000 // of all that Go manages, with heapTargets
	heapTargets = 100_000

	manyTargets = 20_000 // whose memory makes the collector's usual doubling too much
	manyPercent = 40
)

// inFlight is how many checks at once a run of that many targets has memory for.
func inFlight(targets int) int {
	return min(max((sharedBytes-targets*targetBytes)/check.InFlight, leastInFlight), mostInFlight)
}

// boundMemory asks the garbage collector to keep to what a run of that many
// targets needs, unless GOMEMLIMIT or GOGC say something else.
func boundMemory(targets int) {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(heapBytes + int64(max(0, targets-heapTargets)*targetBytes*2))
	}
	if targets > manyTargets && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(manyPercent)
	}
}

// sumBytes bounds what adding parts up takes, where it can: of ten million targets, what
// stays is 280 MB.
const sumBytes = 380_000_000

func boundSum() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(sumBytes)
	}
}
