package sweep

import "rollcall/internal/check"

const (
	// descriptorsReserved are for everything that is not a check: the standard
	// streams, the poller, the runtime API, the resolver's sockets, and
	// publishing with its lookups.
	descriptorsReserved = 64
	// One in eight of the others is for second sockets: Happy Eyeballs dials
	// another address beside one that does not respond.
	secondShare = 8

	bytesReserved = 48 << 20 // the process itself, its targets and results

	// maxInFlight is where more checks at once gain nothing: at 200 ms a check one
	// core is busy with 800.
	maxInFlight = 4000
)

// Capacity is how many checks this process can run at once, and how many of
// them may have a second socket: by its limit of file descriptors, and by what
// [Memory] of its memory is theirs.
func Capacity(memory int64) (checks, seconds int) {
	return capacity(descriptors(), memory)
}

func capacity(descriptors, memory int64) (checks, seconds int) {
	sockets := max(0, descriptors-descriptorsReserved)
	second := sockets / secondShare
	checks = int(max(1, min(sockets-second, Memory(memory)/check.InFlight, maxInFlight)))
	return checks, int(max(1, min(second, int64(checks))))
}

// Memory is how many bytes all checks of a process may hold together, if it has
// this much memory (0: not known, and taken for plenty). The rest is the
// process's, and what is garbage already.
func Memory(memory int64) int64 {
	if memory <= 0 {
		return 2 << 30
	}
	return max((memory-bytesReserved)/4*3, 8<<20)
}
