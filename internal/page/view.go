package page

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/text"
)

// A view is a summary as the template reads it.
type view struct {
	*monitor.Summary
	order        []*check.Result // what is wrong first
	problems     []*monitor.Problem
	bad          int // of the order are not up
	certificates []monitor.Certificate
	groups       []string      // sorted; nil if there is one only
	scale        time.Duration // what a bar of full width stands for
	durations    durations
	shown        int         // rows that have been written
	full         func() bool // there is no room for another row
}

func newView(s *monitor.Summary) *view {
	v := &view{Summary: s, order: s.UrgentFirst(), durations: durationsOf(s.Results), certificates: s.Certificates()}
	v.problems, v.bad = monitor.Problems(v.order)
	v.scale = text.Scale(v.durations.total)
	seen := map[string]bool{}
	for i := range s.Results {
		if g := s.Results[i].Group; !seen[g] {
			seen[g] = true
			v.groups = append(v.groups, plain(g))
		}
	}
	slices.Sort(v.groups)
	if len(v.groups) == 1 {
		v.groups = nil
	}
	return v
}

// Took is how long the run did.
func (v *view) Took() string { return text.Duration(time.Duration(v.Summary.Duration)) }

// ScaleMilliseconds is what a bar of full width stands for.
func (v *view) ScaleMilliseconds() float64 { return float64(v.scale) / float64(time.Millisecond) }

// Filtered reports whether there are enough targets to search among.
func (v *view) Filtered() bool { return v.Targets >= leastLatency }

// A stateCount is how many targets have a state.
type stateCount struct {
	State string // as results have it
	Word  string // as people have it
	N     int
	At    float64 // where its part of the bar begins, percent
	Part  float64 // of the bar, percent
}

// States are the states with their counts, the worst first.
func (v *view) States() []stateCount {
	all := []stateCount{
		{State: "down", Word: "down", N: v.Down}, {State: "degraded", Word: "degraded", N: v.Degraded},
		{State: "not_checked", Word: "not checked", N: v.NotChecked}, {State: "up", Word: "up", N: v.Up},
	}
	at := 0.0
	for i := range all {
		all[i].At, all[i].Part = at, percent(all[i].N, v.Targets)
		at += all[i].Part
	}
	return all
}

// HeadlineState is the state that the headline is about, for its mark and
// colour.
func (v *view) HeadlineState() string {
	switch {
	case v.Down > 0 && !v.VantageUnhealthy:
		return "down"
	case v.NotChecked > 0 || v.Targets == 0 || v.VantageUnhealthy:
		return "not_checked"
	case v.Degraded > 0:
		return "degraded"
	}
	return "up"
}

// Rows are the rows of the table, as many as there is room for.
func (v *view) Rows() iter.Seq[row] {
	return func(yield func(row) bool) {
		for i, r := range v.order[:min(len(v.order), mostRows)] {
			w := v.row(r, i < mostUnfolded)
			w.Begins = i%perPart == 0
			if v.full() || !yield(w) {
				return
			}
			v.shown++
		}
	}
}

// Left is how many results have no row.
func (v *view) Left() int { return len(v.Results) - v.shown }

// LeftAreUp reports whether all of those are up.
func (v *view) LeftAreUp() bool { return v.shown >= v.bad }

// Unfolded is how many rows unfold, where those are not all.
func (v *view) Unfolded() int {
	if v.shown > mostUnfolded {
		return mostUnfolded
	}
	return 0
}

// Groups are the groups, if there is more than one.
func (v *view) Groups() []string { return v.groups }

// Limit is how many rows a page has at most, where that matters.
func (v *view) Limit() int {
	if len(v.Results) > mostRows {
		return mostRows
	}
	return 0
}

// A cause is a reason that occurred, explained.
type cause struct {
	Reason string
	N      int
	check.Explanation
}

// Causes are the reasons that occurred, except ok, the most frequent first.
func (v *view) Causes() []cause {
	counts := map[check.Reason]int{}
	for _, p := range v.problems {
		counts[p.Reason] += len(p.Results)
	}
	var causes []cause
	for _, r := range check.Reasons() {
		if n := counts[r]; n > 0 && r != check.OK {
			causes = append(causes, cause{r.String(), n, r.Explain()})
		}
	}
	slices.SortStableFunc(causes, func(a, b cause) int { return cmp.Compare(b.N, a.N) })
	return causes
}

// StartedISO is when the run began, for programs.
func (v *view) StartedISO() string { return v.Started.UTC().Format(time.RFC3339) }

// StartedText is when the run began, for people.
func (v *view) StartedText() string { return dateTime(v.Started) }

// ScheduledText is when it was meant to; "" if that is not known.
func (v *view) ScheduledText() string { return dateTime(v.Scheduled) }

// RunFacts are what there is to know of the run itself.
func (v *view) RunFacts() []fact {
	all := []fact{{"Version", v.Version}}
	if v.Run != "" {
		all = append(all, fact{"Run", v.Run})
	}
	all = append(all, fact{"Monitor", v.health()}, fact{"Metrics profile", v.Profile}, fact{"Metrics", v.published()})
	return all
}

func (v *view) health() string {
	switch {
	case v.Healthy:
		return "healthy"
	case v.VantageUnhealthy:
		return "not healthy: it has no network"
	case v.Stale:
		return "not healthy: the event was too old"
	case v.Published.Lost > 0:
		return "not healthy: metrics were lost"
	}
	return "not healthy"
}

func (v *view) published() string {
	p := v.Published
	if p.Datums == 0 {
		return "none were published"
	}
	line := text.Plural(p.Datums, "datum") + ": " + text.Count(p.Accepted) + " accepted by CloudWatch"
	if p.EMF > 0 {
		line += ", " + text.Count(p.EMF) + " written to the log"
	}
	if p.Lost > 0 {
		line += ", " + text.Count(p.Lost) + " lost"
	}
	return line
}
