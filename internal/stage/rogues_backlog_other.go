//go:build !linux

package stage

// backlogRogues lose packets on loopback, as only Linux does.
func backlogRogues() []rogue { return nil }
