package sweep

import "math"

const (
	// descriptorsACheck: Happy Eyeballs dials two addresses at once; a look-up,
	// which comes before, asks for two families at once.
	descriptorsACheck = 2
	// descriptorsKept are for everything that is no check: the standard
	// streams, the poller, the runtime API, and publishing with its look-ups.
	descriptorsKept = 64

	bytesACheck = 90 << 10 // measured: 86 kB for a check in flight over TLS
	bytesKept   = 48 << 20 // the process itself, its targets and results
)

// Capacity is how many checks this process can hold at once: by its limit of
// file descriptors, and by its memory in bytes (0: not limited).
func Capacity(memory int64) int {
	return capacity(descriptors(), memory)
}

func capacity(descriptors, memory int64) int {
	byDescriptors := (descriptors - descriptorsKept) / descriptorsACheck
	byMemory := int64(math.MaxInt32)
	if memory > 0 {
		byMemory = (memory - bytesKept) / bytesACheck
	}
	return int(max(1, min(byDescriptors, byMemory, maxInFlight)))
}

// maxInFlight is where more checks at once gain nothing: at 200 ms a check one
// core is busy with 800.
const maxInFlight = 4000
