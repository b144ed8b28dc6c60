package report

import (
	"fmt"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
)

// Changes are the targets with another state or reason than in the run before,
// a line each, what is wrong first.
func Changes(before, after *monitor.Summary, l Look) []string {
	was := make(map[string]*check.Result, len(before.Results))
	for i := range before.Results {
		was[before.Results[i].Name] = &before.Results[i]
	}
	var lines []string
	for _, r := range after.UrgentFirst() {
		if old := was[r.Name]; old != nil && (old.State != r.State || old.Reason != r.Reason) {
			lines = append(lines, change(old, r, after.Started, l))
		}
	}
	return lines
}

// change is a line such as: 12:00:05  down  shop  status: 503 (was up).
func change(old, r *check.Result, at time.Time, l Look) string {
	what := Plain(r.Name)
	if l.Width > 0 {
		what = snipMiddle(what, max(leastName, l.Width/3))
	}
	if why := reason(r); why != "" {
		what += "  " + why
	}
	if old.State == r.State {
		what += " (was " + old.Reason.String() + ")"
	} else {
		what += " (was " + old.State.String() + ")"
	}
	clock, state := at.Local().Format(time.TimeOnly), r.State.String()
	if l.Width > 0 {
		what = snip(what, max(l.Width-len(clock)-len(state)-2*gap, 2))
	}
	return clock + "  " + l.paint(stateStyles[r.State].colour, state) + "  " + what
}

// TimedLine is Line with the time of day at which the run began, for a list of
// runs.
func TimedLine(s *monitor.Summary, l Look) string {
	return fmt.Sprintf("%s  %s", s.Started.Local().Format(time.TimeOnly), line(s, l))
}
