package sweep

import "math"

const (
	// descriptorsKept are for everything that is no check: the standard
	// streams, the poller, the runtime API, the resolver's sockets, and
	// publishing with its look-ups.
	descriptorsKept = 64
	// One in so many of the others is for second sockets: Happy Eyeballs dials
	// another address beside one that is silent.
	aSecond = 8

	bytesACheck = 90 << 10 // measured: 86 kB for a check in flight over TLS
	bytesKept   = 48 << 20 // the process itself, its targets and results
)

// Capacity is how many checks this process can hold at once, and how many of
// them may hold a second socket: by its limit of file descriptors, and by its
// memory in bytes (0: not limited).
func Capacity(memory int64) (checks, seconds int) {
	return capacity(descriptors(), memory)
}

func capacity(descriptors, memory int64) (checks, seconds int) {
	sockets := max(0, descriptors-descriptorsKept)
	second := sockets / aSecond
	byMemory := int64(math.MaxInt32)
	if memory > 0 {
		byMemory = (memory - bytesKept) / bytesACheck
	}
	checks = int(max(1, min(sockets-second, byMemory, maxInFlight)))
	return checks, int(max(1, min(second, int64(checks))))
}

// maxInFlight is where more checks at once gain nothing: at 200 ms a check one
// core is busy with 800.
const maxInFlight = 4000
