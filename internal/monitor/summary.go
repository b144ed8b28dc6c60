package monitor

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/history"
	"rollcall/internal/metric"
	"rollcall/internal/sweep"
	"rollcall/internal/text"
)

// A Summary is what an invocation returns; its JSON is a contract with whoever
// reads it (docs/summary.md). Durations are milliseconds, times are RFC 3339 in
// UTC; what is unknown is absent.
type Summary struct {
	Run       string             `json:"run,omitzero"` // the invocation's id; "" in a terminal
	Version   string             `json:"version"`      // of Rollcall
	Scheduled time.Time          `json:"scheduled,omitzero"`
	Started   time.Time          `json:"started"` // to the millisecond
	Duration  check.Milliseconds `json:"duration"`

	// Healthy is about the monitor: it has a network, none of its checks failed
	// by its own fault, no datum was lost, its list could be read, the event was
	// not stale.
	Healthy          bool     `json:"healthy"`
	VantageUnhealthy bool     `json:"vantageUnhealthy"` // the monitor has no network
	Stale            bool     `json:"stale"`            // the event was too old: no targets were checked
	Late             bool     `json:"late,omitzero"`    // a part began when its run was over: no targets were checked
	Profile          string   `json:"profile"`
	Warnings         []string `json:"warnings"`

	Targets    int `json:"targets"` // the sum of the next four
	Up         int `json:"up"`
	Degraded   int `json:"degraded"`
	Down       int `json:"down"`
	NotChecked int `json:"notChecked"`
	Flaky      int `json:"flaky"`

	Clock      Clocks               `json:"clock"`
	LocalDelay *Delay               `json:"localDelay,omitzero"`
	Published  metric.DeliveryStats `json:"published"`

	Incidents          []Incident `json:"incidents,omitzero"` // open after this run; nil: nothing is remembered
	IncidentsTruncated bool       `json:"incidentsTruncated,omitzero"`

	Truncated bool           `json:"truncated"` // some results are left out
	Results   []check.Result `json:"results"`   // in the event's order; the last member: see Encode

	Event fmt.Stringer `json:"-"` // the event, redacted; nil where there was none

	// Of a part, for its tally.
	network sweep.Network
	quiet   map[string]bool // the groups under maintenance
	seen    *history.Seen   // nil: nothing is remembered

	internal   int  // results with the reason Internal
	countsOnly bool // a response has no results: the run is one task of a state machine, which may return 256 KiB

	limit   int      // that encoded was made for
	encoded [][]byte // the results that fit; nil: not encoded yet
}

// Clocks counts results by the clock that measured them.
type Clocks struct {
	Kernel  int `json:"kernel"`
	Process int `json:"process"`
}

// A Delay is the distribution of what the process itself added to the checks.
type Delay struct {
	P50 check.Milliseconds `json:"p50"`
	P99 check.Milliseconds `json:"p99"`
	Max check.Milliseconds `json:"max"`
}

// countResults takes over what a sweep found.
func (s *Summary) countResults(o sweep.Outcome) {
	s.Results, s.Targets, s.VantageUnhealthy, s.network = o.Results, len(o.Results), o.VantageUnhealthy, o.Network
	s.Warnings = append(s.Warnings, o.Warnings...)
	delays := make([]time.Duration, 0, len(o.Results))
	for i := range s.Results {
		r := &s.Results[i]
		switch r.State {
		case check.Up:
			s.Up++
		case check.Degraded:
			s.Degraded++
		case check.Down:
			s.Down++
		case check.NotChecked:
			s.NotChecked++
		}
		if r.Flaky {
			s.Flaky++
		}
		if r.Reason == check.Internal {
			s.internal++
		}
		if !r.Checked() {
			continue
		}
		delays = append(delays, r.LocalDelay)
		if r.Clock == check.KernelClock {
			s.Clock.Kernel++
		} else {
			s.Clock.Process++
		}
	}
	if len(delays) > 0 {
		slices.Sort(delays)
		rank := func(percent int) check.Milliseconds { return check.Milliseconds(text.Percentile(delays, percent)) }
		s.LocalDelay = &Delay{rank(50), rank(99), rank(100)}
	}
}

// urgency is the order in which states are shown.
var urgency = [...]int{check.Down: 0, check.Degraded: 1, check.NotChecked: 2, check.Up: 3}

// UrgentFirst returns the results in the order of urgency: those that are down,
// then degraded, not checked, up; the slowest first among them.
func (s *Summary) UrgentFirst() []*check.Result {
	return s.byUrgency(func(a, b *check.Result) int { return cmp.Compare(b.Duration, a.Duration) })
}

// Steady returns the results in the order of urgency, and in the event's order among
// those of the same state: rows then stay where they are from run to run.
func (s *Summary) Steady() []*check.Result {
	return s.byUrgency(func(_, _ *check.Result) int { return 0 })
}

func (s *Summary) byUrgency(then func(a, b *check.Result) int) []*check.Result {
	order := make([]*check.Result, len(s.Results))
	for i := range s.Results {
		order[i] = &s.Results[i]
	}
	slices.SortStableFunc(order, func(a, b *check.Result) int {
		return cmp.Or(cmp.Compare(urgency[a.State], urgency[b.State]), then(a, b))
	})
	return order
}
