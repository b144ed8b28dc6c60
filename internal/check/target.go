package check

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/netip"
	"slices"
	"time"
)

// A Target is one URL to probe. plan.Parse builds and validates it;
// probes trust every field.
type Target struct {
	Name  string // unique within a plan; the metric dimension
	Group string // the dimension of aggregates
	// URL is absolute, http or https, with a host, never with user info, as
	// weburl.String has it and weburl.Parsed reads it; "" when Invalid. As a text it
	// takes a sixth of the memory.
	URL         string
	RedactedURL string // the URL as people may see it: no user info, no query
	Title       string // what messages and pages call it; "" is Name
	Link        string // where messages and pages lead, an http or https URL; "" is nowhere

	// Typed: a person at this terminal wrote the host by hand, so that its own
	// addresses may be private ones.
	Typed bool

	*Settings // shared by targets that differ in nothing of it; never nil

	// Invalid says why the target can't be probed, in words that hold no
	// secret. A target with it gets the result invalid_target.
	Invalid string

	// Refresh returns the target with values of references that are newer than
	// its own, and whether there are any: after a 401 or 403 they may have been
	// replaced. Nil: its values, if any, are new.
	Refresh func(context.Context) (Target, bool)
}

// Settings say how a target is requested and what is made of its response. They are
// read only: many targets share one.
type Settings struct {
	Method    string        // an HTTP method, upper case
	Header    http.Header   // canonical keys, references resolved; "Host" is the request's host
	Body      string        // references resolved
	UserAgent string        // "" is Rollcall's own, a browser's name that browser's, else as it is
	Timeout   time.Duration // > 0; from the lookup to the last body byte of one attempt
	Redirects int           // >= 0; how many are followed
	Retries   int           // >= 0; confirmations after a retryable failure
	MaxBody   int64         // > 0; bytes read, on the wire and decoded
	NoCookies bool          // cookies that servers set are not sent back
	IP        IPVersion
	HTTP      HTTPVersion
	TLS       TLSSettings

	Secrets []string // values of references, of the target's URL too: shown nowhere, for no other origin
	Bound   []string // names of headers that hold one

	Expect []Condition // must all hold, else down; nil is a status of 200 to 299
	Warn   []Condition // must all hold, else degraded

	Public bool   // shown on the status page
	Alert  *Alert // when an incident opens; nil: as the stack says
}

// An Alert says when an incident of a target opens. Where runs or window are 0,
// they are the stack's; one that is given may be larger than the stack's other.
type Alert struct {
	Off    bool          // there are no incidents
	Runs   int           // how many of the last Window runs that checked it must have failed
	Window int           // >= Runs, where both are given
	Remind time.Duration // from one message about an open incident to the next; 0: there is one only
}

// A Condition is what a response must fulfil. Package expect has
// the one that events are written in.
type Condition interface {
	String() string                     // as it was written
	Reads(field string) bool            // whether it depends on a field of the response, such as "body"
	Check(r *Response) (Reason, string) // OK if it holds; else why not, in a line for people
}

// An IPVersion says which addresses are tried.
type IPVersion uint8

// The address families.
const (
	AnyIP IPVersion = iota // both, the second with a delay
	IPv4
	IPv6
)

// String returns "IPv4", "IPv6", or "IP" for both.
func (v IPVersion) String() string { return [...]string{"IP", "IPv4", "IPv6"}[v] }

// Allows reports whether addr is of the family.
func (v IPVersion) Allows(addr netip.Addr) bool {
	return v == AnyIP || addr.Is4() == (v == IPv4)
}

// An HTTPVersion says which version of HTTP is spoken.
type HTTPVersion uint8

// The versions.
const (
	HTTP1   HTTPVersion = iota // 1.1
	HTTP2                      // 2 and nothing else
	AnyHTTP                    // what the server prefers, by ALPN
)

// TLSSettings say how TLS is spoken, and how both sides are authenticated.
type TLSSettings struct {
	ServerName         string // whom the certificate must be for; "" is the URL's host
	InsecureSkipVerify bool   // takes any certificate; the result says so
	MinVersion         uint16 // tls.VersionTLS10 and so on; 0 is TLS 1.2
	LegacyCiphers      bool   // offers suites that clients have given up, as a MinVersion below TLS 1.2 does too

	// What the client is authenticated with, for the target's own origin.
	ClientCertificate, ClientKey string           // as they are written: references
	Client                       *tls.Certificate // what these hold; nil: none
}

// Reads reports whether an expectation depends on a field of the response.
func (s *Settings) Reads(field string) bool {
	reads := func(c Condition) bool { return c.Reads(field) }
	return slices.ContainsFunc(s.Expect, reads) || slices.ContainsFunc(s.Warn, reads)
}
