package check

import "fmt"

// A Reason says why a target has the state it has. The vocabulary is closed:
// reasons are metric dimensions, alarms are built on them.
type Reason uint8

// The reasons, in the order in which a check can meet them.
const (
	OK Reason = iota

	DNSNotFound  // the name does not exist, or has no address
	DNSTemporary // the resolver failed: SERVFAIL, refused, garbage
	DNSTimeout   // the resolver did not respond

	BlockedAddress // the address guard refused every address of the name

	ConnectionRefused // the server sent RST to our SYN
	ConnectionReset   // the connection was reset before the response's end
	ConnectionClosed  // the connection was closed before there was a response
	Unreachable       // no route to the address

	TLSExpired
	TLSNotYetValid
	TLSHostname          // no name of the certificate matches
	TLSUntrusted         // no chain to a root
	TLSVersion           // no protocol version in common
	TLSClientCertificate // the server wants a client certificate
	TLSHandshake         // any other failure of the handshake
	TLSNotSpoken         // the port responds, but not in TLS

	Timeout // the target's own timeout; Result.Phase says in which phase

	BadResponse     // bytes that are not an HTTP response
	HeadersTooLarge // more than 256 KiB, or a thousand, of them
	BodyTruncated   // the connection was closed before the end of the body
	BodyInvalid     // the body's chunks or compression are broken

	RedirectLoop     // the same again, or more than the target's limit
	RedirectInvalid  // no Location, or one that can't be followed
	RedirectInsecure // from https to http

	Status      // an expectation that reads nothing but the status failed
	Expectation // any other expectation failed

	// The last four say nothing of the target; its state is NotChecked.

	Deadline      // the run's budget ended while the check was open
	Unstarted     // the run's budget ended before the check began
	InvalidTarget // the event's entry can't be probed
	Internal      // our own failure

	reasons // how many there are
)

var reasonNames = [reasons]string{
	OK:                   "ok",
	DNSNotFound:          "dns_not_found",
	DNSTemporary:         "dns_temporary",
	DNSTimeout:           "dns_timeout",
	BlockedAddress:       "blocked_address",
	ConnectionRefused:    "connection_refused",
	ConnectionReset:      "connection_reset",
	ConnectionClosed:     "connection_closed",
	Unreachable:          "unreachable",
	TLSExpired:           "tls_expired",
	TLSNotYetValid:       "tls_not_yet_valid",
	TLSHostname:          "tls_hostname",
	TLSUntrusted:         "tls_untrusted",
	TLSVersion:           "tls_version",
	TLSClientCertificate: "tls_client_certificate",
	TLSHandshake:         "tls_handshake",
	TLSNotSpoken:         "tls_not_spoken",
	Timeout:              "timeout",
	BadResponse:          "bad_response",
	HeadersTooLarge:      "headers_too_large",
	BodyTruncated:        "body_truncated",
	BodyInvalid:          "body_invalid",
	RedirectLoop:         "redirect_loop",
	RedirectInvalid:      "redirect_invalid",
	RedirectInsecure:     "redirect_insecure",
	Status:               "status",
	Expectation:          "expectation",
	Deadline:             "deadline",
	Unstarted:            "not_checked",
	InvalidTarget:        "invalid_target",
	Internal:             "internal",
}

// Reasons returns the whole vocabulary, in order.
func Reasons() []Reason {
	all := make([]Reason, reasons)
	for i := range all {
		all[i] = Reason(i)
	}
	return all
}

// String returns the reason's name as it stands in results and metrics.
func (r Reason) String() string {
	if r >= reasons {
		return fmt.Sprintf("Reason(%d)", uint8(r))
	}
	return reasonNames[r]
}

// MarshalText returns the reason's name.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a reason's name.
func (r *Reason) UnmarshalText(text []byte) error {
	for i, name := range reasonNames {
		if name == string(text) {
			*r = Reason(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not a reason", text)
}

// State is the state of a target that has r for its verdict.
func (r Reason) State() State {
	switch {
	case r == OK:
		return Up
	case r >= Deadline:
		return NotChecked
	}
	return Down
}

// Retryable reports whether a failure with r may be gone a moment later, so
// that a second look is worth it. For some it depends on the status; see
// [Result.Retryable].
func (r Reason) Retryable() bool {
	switch r {
	case DNSTemporary, DNSTimeout, ConnectionRefused, ConnectionReset, ConnectionClosed, Unreachable, Timeout:
		return true
	}
	return false
}

// A State is the verdict on a target.
type State uint8

// The states.
const (
	NotChecked State = iota // nothing is known of the target
	Up
	Degraded // up, but a warn expression failed
	Down
)

var stateNames = [...]string{NotChecked: "not_checked", Up: "up", Degraded: "degraded", Down: "down"}

// String returns the state's name as it stands in results.
func (s State) String() string { return stateNames[s] }

// MarshalText returns the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state's name.
func (s *State) UnmarshalText(text []byte) error {
	for i, name := range stateNames {
		if name == string(text) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not a state", text)
}

// A Phase is a part of a check. They follow each other, and after a redirect
// begin again.
type Phase uint8

// The phases.
const (
	NoPhase   Phase = iota
	DNS             // the lookup
	Connect         // the TCP handshake
	TLS             // the TLS handshake
	FirstByte       // request written to the response's first byte
	Transfer        // the response's first byte to its last
)

var phaseNames = [...]string{NoPhase: "", DNS: "dns", Connect: "connect", TLS: "tls", FirstByte: "firstByte", Transfer: "transfer"}

// String returns the phase's name as it stands in results.
func (p Phase) String() string { return phaseNames[p] }

// MarshalText returns the phase's name.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads a phase's name.
func (p *Phase) UnmarshalText(text []byte) error {
	for i, name := range phaseNames {
		if name == string(text) {
			*p = Phase(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not a phase", text)
}
