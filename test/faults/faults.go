// Package faults has web servers with one fault each, and neighbors that are
// just good enough, beside those that the demonstration shows: a check has to
// tell every one from its neighbor.
package faults

import (
	"rollcall/internal/testnet"
	"slices"
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
