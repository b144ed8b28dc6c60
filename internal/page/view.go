package page

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/redact"
)

// A view is a summary as the template reads it.
type view struct {
	*monitor.Summary
	order   []*check.Result // what is wrong first
	groups  []string        // sorted; none if all targets are in the default one
	scale   time.Duration   // what a bar of full width stands for
	measure measurement
	shown   int
	full    func() bool // there is no room for another row
}

func newView(s *monitor.Summary) *view {
	v := &view{Summary: s, order: s.UrgentFirst()}
	v.measure = measured(s.Results)
	v.scale = scaleFor(v.measure.of(total))
	v.groups = groupsOf(s.Results)
	return v
}

// Duration is the run's.
func (v *view) Duration() time.Duration { return time.Duration(v.Summary.Duration) }

// groupsOf returns the groups, unless there is nothing to tell apart.
func groupsOf(results []check.Result) []string {
	seen := map[string]bool{}
	var groups []string
	for i := range results {
		if g := results[i].Group; !seen[g] {
			seen[g] = true
			groups = append(groups, redact.Printable(g))
		}
	}
	if len(groups) < 2 {
		return nil
	}
	slices.Sort(groups)
	return groups
}

// A tally is how many targets have a state.
type tally struct {
	State string // as results have it
	Word  string // as people have it
	N     int
	At    float64 // where its part of the bar begins, percent
	Part  float64 // of the bar, percent
}

// States are the states with their counts, the worst first.
func (v *view) States() []tally {
	all := []tally{
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

// Verdict is the page's headline: a sentence.
func (v *view) Verdict() string {
	switch {
	case v.Stale:
		return "Nothing was checked: the event was too old"
	case v.Targets == 0:
		return "There was nothing to check"
	case v.VantageUnhealthy:
		return "The monitor itself can’t see: nothing is said of the targets"
	case v.Down > 0:
		return of(v.Down, v.Targets, "down")
	case v.NotChecked > 0:
		return of(v.NotChecked, v.Targets, "not checked")
	case v.Degraded > 0:
		return of(v.Degraded, v.Targets, "degraded")
	case v.Targets == 1:
		return "The target is up"
	}
	return "All " + count(v.Targets) + " targets are up"
}

// of writes "3 of 5 targets are down".
func of(n, all int, state string) string {
	switch {
	case all == 1:
		return "The target is " + state
	case n == all:
		return "All " + count(all) + " targets are " + state
	case n == 1:
		return "1 of " + count(all) + " targets is " + state
	}
	return count(n) + " of " + count(all) + " targets are " + state
}

// Mood is the state that the headline is about, for its mark and colour.
func (v *view) Mood() string {
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

// Shown is how many rows have been written.
func (v *view) Shown() int { return v.shown }

// Left is how many results have no row.
func (v *view) Left() int { return len(v.Results) - v.shown }

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

// Causes are the reasons that occurred but for ok, the most frequent first.
func (v *view) Causes() []cause {
	counts := map[check.Reason]int{}
	for i := range v.Results {
		counts[v.Results[i].Reason]++
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
func (v *view) StartedText() string { return moment(v.Started) }

// ScheduledText is when it was meant to; "" if that is not known.
func (v *view) ScheduledText() string { return moment(v.Scheduled) }

// Particulars are what there is to know of the run itself.
func (v *view) Particulars() []fact {
	all := []fact{{"Version", v.Version}}
	if v.Run != "" {
		all = append(all, fact{"Run", v.Run})
	}
	all = append(all, fact{"Monitor", v.health()}, fact{"Profile of metrics", v.Profile}, fact{"Metrics", v.published()})
	return all
}

func (v *view) health() string {
	switch {
	case v.Healthy:
		return "healthy"
	case v.VantageUnhealthy:
		return "not healthy: the vantage point is at fault"
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
	text := plural(p.Datums, "datum") + ": " + count(p.Accepted) + " accepted by CloudWatch"
	if p.EMF > 0 {
		text += ", " + count(p.EMF) + " written to the log"
	}
	if p.Lost > 0 {
		text += ", " + count(p.Lost) + " lost"
	}
	return text
}
