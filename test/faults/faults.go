// Package faults has web servers with one fault each, and counterparts that are
// just good enough, in addition to those of the demonstration: a check must
// tell every one from its counterpart.
package faults

import (
	"slices"

	"rollcall/internal/testnet"
)

// Servers are the servers of this package, in the order in which a check meets
// their faults.
func Servers() []testnet.Server {
	return slices.Concat(
		nameFaults(), blockedFaults(), connectionFaults(), backlogFaults(),
		handshakeFaults(), versionFaults(), clientCertificateFaults(),
		certificateFaults(), chainFaults(), keyFaults(), trustFaults(), legacyFaults(), anonymousFaults(),
		silentFaults(), noHTTPFaults(), headFaults(), interimFaults(), statusFaults(),
		shruggedFaults(), framingFaults(), sizeFaults(), encodingFaults(), packedFaults(), cookieFaults(),
		redirectFaults(), locationFaults(), otherOriginFaults(),
		http2Faults(), frameFaults(), timeFaults(), flakyFaults(), measuredFaults(),
	)
}
