package monitor

import (
	"fmt"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/plan"
	"rollcall/internal/tally"
	"rollcall/internal/text"
)

// Tally returns what the run of a plan that is a part found out, to be added to
// the other parts of the run of that name.
func (s *Summary) Tally(run string, p *plan.Plan) *tally.Tally {
	t := tally.New(run, p.Part, p.Version, s.Version, s.Profile)
	t.Started, t.Ended = s.Started, s.Started.Add(time.Duration(s.Duration)).Round(time.Millisecond)
	t.Network, t.Published, t.History = s.network, s.Published, s.seen
	t.Take(s.Results, p.Claims, s.VantageUnhealthy, s.quiet)
	if !s.Healthy && !s.VantageUnhealthy {
		t.Unhealthy = 1
	}
	t.Warn(s.Warnings)
	return t
}

// Tallied returns the summary of a run whose parts were added up. Its results are
// those that need attention. What is missing or left out is in its warnings; with
// a part missing, or one that could not do its work, it is not healthy.
//
// The delays have three digits. Where some parts had no network, what is down of
// them is not checked.
func Tallied(t *tally.Tally) *Summary {
	blind := t.Sightless()
	if blind {
		t.Unblind()
	}
	results, left := t.Listed()
	s := &Summary{
		Run: t.Run, Version: t.Rollcall, Started: t.Started, Duration: check.Milliseconds(t.Ended.Sub(t.Started)), Profile: t.Profile,
		VantageUnhealthy: blind, Published: t.Published, Warnings: []string{},
		Targets: t.Targets, Up: t.Up, Degraded: t.Degraded, Down: t.Down, NotChecked: t.NotChecked, Flaky: t.Flaky,
		Clock: Clocks{t.Kernel, t.Process}, Truncated: len(results) < t.Targets, Results: make([]check.Result, len(results)),
	}
	for i := range results {
		s.Results[i] = results[i].Result
	}
	if len(t.LocalDelay) > 0 {
		rank := func(percent int) check.Milliseconds {
			return check.Milliseconds(t.LocalDelay.Percentile(percent) * float64(time.Millisecond))
		}
		s.LocalDelay = &Delay{rank(50), rank(99), t.MaxDelay}
	}
	missing := t.Missing()
	if n := len(missing); n > 0 {
		which := tally.Ranges(missing)
		warning := fmt.Sprintf("part %s is missing of %d: its targets were not checked", which, t.Of)
		if n > 1 {
			warning = fmt.Sprintf("%s parts are missing of %d: their targets were not checked (%s)", text.Count(n), t.Of, which)
		}
		s.Warnings = append(s.Warnings, warning)
	}
	if t.Blind > 0 && !s.VantageUnhealthy {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%s had no network: what is down of theirs counts as not checked", text.Plural(t.Blind, "part")))
	}
	if t.Twice > 0 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("the list has %s twice, in two parts: they were checked and count twice", text.Plural(t.Twice, "URL")))
	}
	for _, p := range left {
		kind := Problem{State: p.State, Reason: p.Reason, Status: p.Status}
		s.Warnings = append(s.Warnings, fmt.Sprintf("%s not listed: %s", text.Plural(p.Targets, "target"), kind.String()))
	}
	if h := t.History; h != nil && h.LeftLooks > 0 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%s failed that the history takes no note of: it takes %s of a run, beside those that it knows",
			text.Plural(h.LeftLooks, "target"), text.Count(tally.OfSum.All)))
	}
	if h := t.History; h != nil && h.LeftCertificates > 0 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("the certificates of %s expire soon, and no message says so: there are too many different ones", text.Plural(h.LeftCertificates, "target")))
	}
	s.Warnings = append(s.Warnings, t.Warnings...)
	s.Healthy = len(missing) == 0 && t.Blind == 0 && t.Unhealthy == 0
	return s
}
