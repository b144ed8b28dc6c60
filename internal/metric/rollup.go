package metric

import (
	"maps"
	"math"
	"slices"
	"time"

	"rollcall/internal/check"
)

// A Rollup gathers results into the aggregates: over all, by group, and by
// reason. The zero value is ready. It is for one goroutine.
type Rollup struct {
	all     aggregate
	groups  map[string]*aggregate
	reasons map[check.Reason]int // of what is down
}

// Add takes one result into account. A result that was not checked is no
// verdict and leaves no trace.
func (ro *Rollup) Add(r *check.Result) {
	if !r.Checked() {
		return
	}
	ro.all.add(r)
	if ro.groups == nil {
		ro.groups = map[string]*aggregate{}
		ro.reasons = map[check.Reason]int{}
	}
	if ro.groups[r.Group] == nil {
		ro.groups[r.Group] = &aggregate{}
	}
	ro.groups[r.Group].add(r)
	if r.State == check.Down {
		ro.reasons[r.Reason]++
	}
}

// Datums returns the aggregates of what was added, all at that time, first
// those over all, then those by group in the order of their names, then the
// failures in the order of the reasons.
//
// Degraded, Down and Flaky are 0 where there is a verdict and nothing to
// count. A group without a single verdict has no datum at all, and neither
// has the whole when nothing was checked: what is unknown is absent, never 0.
// When the vantage point is at fault, Up, Degraded, Down, Flaky and Failures
// are left out, as they would blame the targets; the rest is true all the
// same.
func (ro *Rollup) Datums(at time.Time, vantageUnhealthy bool) []Datum {
	m := maker{at: at}
	ro.all.datums(&m, overAll, "", vantageUnhealthy)
	for _, group := range slices.Sorted(maps.Keys(ro.groups)) {
		ro.groups[group].datums(&m, byGroup, group, vantageUnhealthy)
	}
	if vantageUnhealthy {
		return m.datums
	}
	for _, reason := range slices.Sorted(maps.Keys(ro.reasons)) {
		m.add(failures, byReason, reason.String(), float64(ro.reasons[reason]))
	}
	return m.datums
}

// An aggregate is what many results come to.
type aggregate struct {
	up, degraded, down, flaky int             // up counts the degraded too
	durations                 map[float64]int // how often each rounded duration occurred, in milliseconds
	certificates              bool            // daysLeft is known
	daysLeft                  float64         // the fewest
}

func (a *aggregate) add(r *check.Result) {
	switch r.State {
	case check.Down:
		a.down++
	case check.Degraded:
		a.degraded++
		a.up++
	default:
		a.up++
	}
	if r.Flaky {
		a.flaky++
	}
	if d, ok := latency(r, r.Duration); ok {
		if a.durations == nil {
			a.durations = map[float64]int{}
		}
		a.durations[rounded(d)]++
	}
	a.certificate(r.Certificate)
}

func (a *aggregate) certificate(c *check.Certificate) {
	if c == nil || math.IsNaN(c.DaysLeft) {
		return
	}
	if !a.certificates || c.DaysLeft < a.daysLeft {
		a.certificates, a.daysLeft = true, c.DaysLeft
	}
}

func (a *aggregate) datums(m *maker, by, of string, vantageUnhealthy bool) {
	if a.up+a.down == 0 {
		return
	}
	if !vantageUnhealthy {
		m.distribution(sharedUp, by, of, counted(map[float64]int{0: a.down, 1: a.up}))
	}
	m.distribution(sharedDuration, by, of, a.durations)
	if a.certificates {
		m.add(sharedCertificate, by, of, a.daysLeft)
	}
	if vantageUnhealthy {
		return
	}
	m.add(sharedDegraded, by, of, float64(a.degraded))
	m.add(sharedDown, by, of, float64(a.down))
	m.add(sharedFlaky, by, of, float64(a.flaky))
}

// counted returns counts without the values that did not occur.
func counted(counts map[float64]int) map[float64]int {
	maps.DeleteFunc(counts, func(_ float64, n int) bool { return n == 0 })
	return counts
}
