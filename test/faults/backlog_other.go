//go:build !linux

package faults

import "rollcall/internal/testnet"

// backlogFaults lose packets on loopback, as only Linux does.
func backlogFaults() []testnet.Server { return nil }
