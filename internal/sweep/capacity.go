package sweep

import "math"

const (
	// descriptorsReserved are for everything that is not a check: the standard
	// streams, the poller, the runtime API, the resolver's sockets, and
	// publishing with its lookups.
	descriptorsReserved = 64
	// One in eight of the others is for second sockets: Happy Eyeballs dials
	// another address beside one that does not respond.
	secondShare = 8

	bytesPerCheck = 90 << 10 // measured: 86 kB for a check in flight over TLS
	bytesReserved = 48 << 20 // the process itself, its targets and results

	// maxInFlight is where more checks at once gain nothing: at 200 ms a check one
	// core is busy with 800.
	maxInFlight = 4000
)

// Capacity is how many checks this process can run at once, and how many of
// them may have a second socket: by its limit of file descriptors, and by its
// memory in bytes (0: not limited).
func Capacity(memory int64) (checks, seconds int) {
	return capacity(descriptors(), memory)
}

func capacity(descriptors, memory int64) (checks, seconds int) {
	sockets := max(0, descriptors-descriptorsReserved)
	second := sockets / secondShare
	byMemory := int64(math.MaxInt32)
	if memory > 0 {
		byMemory = (memory - bytesReserved) / bytesPerCheck
	}
	checks = int(max(1, min(sockets-second, byMemory, maxInFlight)))
	return checks, int(max(1, min(second, int64(checks))))
}
