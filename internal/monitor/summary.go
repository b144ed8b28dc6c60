package monitor

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/metric"
	"rollcall/internal/sweep"
)

// A Summary is what an invocation returns: the contract with whoever reads
// it. Its JSON has durations as milliseconds, times in RFC 3339 and UTC;
// what is unknown is absent.
type Summary struct {
	Run       string    // the invocation's id; "" in a terminal
	Version   string    // of Rollcall
	Scheduled time.Time // when the schedule meant it to start; zero: it did not say
	Started   time.Time
	Duration  time.Duration

	Healthy          bool // the monitor: no vantage fault, no failure of its own, nothing lost, not stale
	VantageUnhealthy bool
	Stale            bool // the event was too old: nothing was checked
	Profile          string
	Warnings         []string

	Targets, Up, Degraded, Down, NotChecked, Flaky int

	KernelClock, ProcessClock int // results by the clock that measured them
	LocalDelay                *Delay
	Published                 metric.Tally
	Truncated                 bool // some results were left out
	Results                   []check.Result
	// Event is what people may see of it; nil where there was none. It is not
	// part of the contract.
	Event fmt.Stringer

	delays   []time.Duration // of all that were checked
	internal int             // results that are our own failure

	limit    int      // that prepared is for
	prepared [][]byte // results, encoded; nil: not yet
	unfit    error    // why they could not be
}

// A Delay is a distribution of what the process itself added to the checks.
type Delay struct{ P50, P99, Max time.Duration }

// take counts what a sweep found.
func (s *Summary) take(o sweep.Outcome) {
	s.Results, s.Targets, s.VantageUnhealthy = o.Results, len(o.Results), o.VantageUnhealthy
	for i := range o.Results {
		s.count(&o.Results[i])
	}
	s.LocalDelay = distribution(s.delays)
}

func (s *Summary) count(r *check.Result) {
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
	if r.Checked() {
		s.measured(r)
	}
}

func (s *Summary) measured(r *check.Result) {
	s.delays = append(s.delays, r.LocalDelay)
	if r.Clock == check.KernelClock {
		s.KernelClock++
	} else {
		s.ProcessClock++
	}
}

// UrgentFirst returns the results as a reader has to see them: those that are
// down, then degraded, not checked, up; the slowest first among them.
func (s *Summary) UrgentFirst() []*check.Result {
	urgency := [...]int{check.Down: 0, check.Degraded: 1, check.NotChecked: 2, check.Up: 3}
	order := make([]*check.Result, len(s.Results))
	for i := range s.Results {
		order[i] = &s.Results[i]
	}
	slices.SortStableFunc(order, func(a, b *check.Result) int {
		return cmp.Or(cmp.Compare(urgency[a.State], urgency[b.State]), cmp.Compare(b.Duration, a.Duration))
	})
	return order
}

// distribution takes percentiles by nearest rank; nil of nothing.
func distribution(delays []time.Duration) *Delay {
	if len(delays) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(delays))
	rank := func(percent int) time.Duration { return sorted[(len(sorted)*percent+99)/100-1] }
	return &Delay{rank(50), rank(99), sorted[len(sorted)-1]}
}

// MarshalJSON returns the whole summary; see Encode.
func (s *Summary) MarshalJSON() ([]byte, error) { return s.Encode(0) }

// Encode returns the summary as JSON of at most limit bytes; 0 is no limit.
// Where not all results fit, those that are up are left out first, the last
// ones before the first, and it says that it is truncated.
func (s *Summary) Encode(limit int) ([]byte, error) {
	results, err := s.prepared, s.unfit
	if results == nil || limit != s.limit {
		results, err = s.fitting(limit)
	}
	if err != nil {
		return nil, err
	}
	head := s.json()
	head.Truncated = s.Truncated || len(results) < len(s.Results)
	text, err := json.Marshal(head) // the results are its last member, and empty yet
	if err != nil {
		return nil, err
	}
	const end = "]}"
	text = append(text[:len(text)-len(end)], bytes.Join(results, []byte(","))...)
	return append(text, end...), nil
}

// growth is what the rest of a summary may grow by while it is published.
const growth = 500

// prepare encodes the results for an answer of at most limit bytes, if there
// is a limit: what comes later has to be quick.
func (s *Summary) prepare(limit int) {
	if limit > 0 {
		s.limit = limit
		s.prepared, s.unfit = s.fitting(limit - growth)
		s.Truncated = len(s.prepared) < len(s.Results)
	}
}

// fitting returns the results that have room, in the event's order.
func (s *Summary) fitting(limit int) ([][]byte, error) {
	room := math.MaxInt
	if limit > 0 {
		head, err := json.Marshal(s.json())
		if err != nil {
			return nil, err
		}
		room = limit - len(head)
	}
	encoded := make([][]byte, len(s.Results))
	for _, up := range []bool{false, true} {
		for i := range s.Results {
			if (s.Results[i].State == check.Up) != up || room < 0 {
				continue
			}
			text, err := s.Results[i].MarshalJSON() // json.Marshal would look through it once more
			if err != nil {
				return nil, err
			}
			if room -= len(text) + len(","); room >= 0 {
				encoded[i] = text
			}
		}
	}
	return slices.DeleteFunc(encoded, func(text []byte) bool { return text == nil }), nil
}

// summaryJSON is a Summary on the wire.
type summaryJSON struct {
	Run              string             `json:"run,omitzero"`
	Version          string             `json:"version"`
	Scheduled        time.Time          `json:"scheduled,omitzero"`
	Started          time.Time          `json:"started"`
	Duration         check.Milliseconds `json:"duration"`
	Healthy          bool               `json:"healthy"`
	VantageUnhealthy bool               `json:"vantageUnhealthy"`
	Stale            bool               `json:"stale"`
	Profile          string             `json:"profile"`
	Warnings         []string           `json:"warnings"`
	Targets          int                `json:"targets"`
	Up               int                `json:"up"`
	Degraded         int                `json:"degraded"`
	Down             int                `json:"down"`
	NotChecked       int                `json:"notChecked"`
	Flaky            int                `json:"flaky"`
	Clock            clockJSON          `json:"clock"`
	LocalDelay       *delayJSON         `json:"localDelay,omitempty"`
	Published        publishedJSON      `json:"published"`
	Truncated        bool               `json:"truncated"`
	Results          []json.RawMessage  `json:"results"`
}

type clockJSON struct {
	Kernel  int `json:"kernel"`
	Process int `json:"process"`
}

type delayJSON struct {
	P50 check.Milliseconds `json:"p50"`
	P99 check.Milliseconds `json:"p99"`
	Max check.Milliseconds `json:"max"`
}

type publishedJSON struct {
	Datums   int `json:"datums"`
	Accepted int `json:"accepted"`
	EMF      int `json:"emf"`
	Lost     int `json:"lost"`
	Unclear  int `json:"unclear"`
	Requests int `json:"requests"`
	Retries  int `json:"retries"`
}

// json is the summary without its results.
func (s *Summary) json() summaryJSON {
	j := summaryJSON{
		Run: s.Run, Version: s.Version, Scheduled: s.Scheduled, Started: s.Started.Round(time.Millisecond),
		Duration: check.Milliseconds(s.Duration), Healthy: s.Healthy, VantageUnhealthy: s.VantageUnhealthy,
		Stale: s.Stale, Profile: s.Profile, Warnings: append([]string{}, s.Warnings...),
		Targets: s.Targets, Up: s.Up, Degraded: s.Degraded, Down: s.Down, NotChecked: s.NotChecked, Flaky: s.Flaky,
		Clock: clockJSON{s.KernelClock, s.ProcessClock}, Published: publishedJSON(s.Published),
		Truncated: s.Truncated, Results: []json.RawMessage{},
	}
	if d := s.LocalDelay; d != nil {
		j.LocalDelay = &delayJSON{check.Milliseconds(d.P50), check.Milliseconds(d.P99), check.Milliseconds(d.Max)}
	}
	return j
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Summary) UnmarshalJSON(data []byte) error {
	var j summaryJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*s = Summary{
		Run: j.Run, Version: j.Version, Scheduled: j.Scheduled, Started: j.Started, Duration: time.Duration(j.Duration),
		Healthy: j.Healthy, VantageUnhealthy: j.VantageUnhealthy, Stale: j.Stale, Profile: j.Profile, Warnings: j.Warnings,
		Targets: j.Targets, Up: j.Up, Degraded: j.Degraded, Down: j.Down, NotChecked: j.NotChecked, Flaky: j.Flaky,
		KernelClock: j.Clock.Kernel, ProcessClock: j.Clock.Process, Published: metric.Tally(j.Published),
		Truncated: j.Truncated, Results: make([]check.Result, len(j.Results)),
	}
	if d := j.LocalDelay; d != nil {
		s.LocalDelay = &Delay{time.Duration(d.P50), time.Duration(d.P99), time.Duration(d.Max)}
	}
	for i, text := range j.Results {
		if err := json.Unmarshal(text, &s.Results[i]); err != nil {
			return err
		}
	}
	return nil
}
