package check

import (
	"errors"
	"math"
	"net/netip"
	"time"
)

// A Result is what one check found out. It is made once and never changed.
type Result struct {
	Name  string
	Group string
	URL   string // without user info and query
	Title string // what people call it; "" is Name
	Link  string // where it leads people; "" is nowhere

	// Small fields stand together: a list of 100,000 has as many results.
	State         State
	Reason        Reason
	Phase         Phase // where a failure happened; NoPhase if it has none
	Clock         Clock
	Flaky         bool // up or degraded, after a failed attempt
	Complete      bool // the response arrived to its last byte: its latency means something
	BodyTruncated bool // the body is longer than what was read
	TLSUnverified bool // verification was switched off, for one of the hops at least
	Exhausted     bool // Internal, because we ran out of descriptors, ports or memory
	Unrouted      bool // Internal, because this machine has no route to any of its addresses
	Local         bool // the addresses of the last hop are all loopback or private
	Unsure        bool // Uncertainty is too much to build on

	Detail     string   // one line for people: printable, bounded, no secret
	Expression string   // the expectation that failed
	Warnings   []string // what is wrong with a response that was read all the same; texts of ours
	Status     int      // of the last response; 0 if there was none
	Attempts   int      // >= 1 for what was checked

	Started  time.Time     // of the attempt that gave the verdict; zero if there was none
	Duration time.Duration // the sum of Phases: what the network and the target took
	Phases   Phases

	IP        netip.Addr // of the last connection
	HTTP      string     // "1.0", "1.1", "2"
	Redirects []string   // the URLs followed to, in order, as people may see them
	Legs      []Leg      // of a check that was redirected, each request in order; nil where nobody wants them
	BytesWire int64      // of the body, as it came
	BytesBody int64      // of the body, decoded; br and zstd only if an expression reads it, else as it came

	Certificate *Certificate // nil without TLS, or where no certificate was seen

	LocalDelay  time.Duration // what our own process added
	Uncertainty time.Duration // by how much Duration may be wrong

	Short int64 // Internal, because there was too little memory: the bytes that it needs; else 0
}

// ErrBudget is the cause with which a sweep ends the context of its checks when
// the run's time is up.
var ErrBudget = errors.New("the run's time is up")

// Unprobed is the result of a target that no packet went to.
func Unprobed(t *Target, reason Reason, detail string) Result {
	return Result{
		Name: t.Name, Group: t.Group, URL: t.RedactedURL, Title: t.Title, Link: t.Link,
		State: reason.State(), Reason: reason, Detail: detail,
		Phases: NoPhases(),
	}
}

// A Leg is one request of a check that was redirected. What is unknown is zero,
// as all is of a leg without a response except URL and Phases.
type Leg struct {
	URL    string // as people may see it
	Status int
	IP     netip.Addr
	HTTP   string
	Phases Phases // its own part of the result's
}

// Phases are the durations of a check's phases, summed over redirects. A
// phase that did not happen is Absent.
type Phases struct {
	DNS, Connect, TLS, FirstByte, Transfer time.Duration
}

// Absent is the duration of a phase that did not happen.
const Absent time.Duration = math.MinInt64

// NoPhases is the Phases of a check that did not begin.
func NoPhases() Phases { return Phases{Absent, Absent, Absent, Absent, Absent} }

// Of returns the duration of one phase, or Absent.
func (p Phases) Of(phase Phase) time.Duration {
	if d := p.At(phase); d != nil {
		return *d
	}
	return Absent
}

// Sum is the duration of all phases that happened.
func (p Phases) Sum() time.Duration {
	var sum time.Duration
	for _, d := range [...]time.Duration{p.DNS, p.Connect, p.TLS, p.FirstByte, p.Transfer} {
		if d != Absent {
			sum += d
		}
	}
	return sum
}

// At returns where the duration of a phase stands; nil for NoPhase.
func (p *Phases) At(phase Phase) *time.Duration {
	switch phase {
	case DNS:
		return &p.DNS
	case Connect:
		return &p.Connect
	case TLS:
		return &p.TLS
	case FirstByte:
		return &p.FirstByte
	case Transfer:
		return &p.Transfer
	}
	return nil
}

// A Certificate is the first to expire of all that the servers of an attempt
// showed of themselves.
type Certificate struct {
	Subject  string    `json:"subject"`
	Issuer   string    `json:"issuer"`
	NotAfter time.Time `json:"notAfter"` // as far as RFC 3339 has a form for it
	DaysLeft float64   `json:"daysLeft"` // from the check to NotAfter, to a hundredth; negative when it has expired
	Verified bool      `json:"verified"`

	Fingerprint [32]byte `json:"-"` // SHA-256 of it
}

// A Clock is what a result's durations were measured with.
type Clock uint8

// The clocks.
const (
	ProcessClock Clock = iota // when our process got round to reading the response
	KernelClock               // when the kernel received it
)

// String returns "process" or "kernel".
func (c Clock) String() string {
	if c == KernelClock {
		return "kernel"
	}
	return "process"
}

// Checked reports whether the result says anything of its target.
func (r *Result) Checked() bool { return r.State != NotChecked }

// Measured reports whether anything took place that has a duration.
func (r *Result) Measured() bool { return r.Attempts > 0 && r.Phases != NoPhases() }

// Retryable reports whether the failure may be gone a moment later, so that
// the sweep confirms it.
func (r *Result) Retryable() bool {
	busy := r.Status >= 500 || r.Status == 429
	return r.Reason.Retryable() || busy && r.State != Degraded && (r.Reason == Status || r.Reason == Expectation)
}
