package report

import (
	"fmt"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
)

// Changes are what has changed from one run over the same targets to the next,
// a line each, what is wrong first: another state, or another reason for it.
func Changes(before, after *monitor.Summary, l Look) []string {
	was := make(map[string]*check.Result, len(before.Results))
	for i := range before.Results {
		was[before.Results[i].Name] = &before.Results[i]
	}
	var lines []string
	for _, r := range after.UrgentFirst() {
		if old := was[r.Name]; old != nil && (old.State != r.State || old.Reason != r.Reason) {
			lines = append(lines, changed(old, r, after.Started, l))
		}
	}
	return lines
}

// changed says what a target is now, and what it was.
func changed(old, r *check.Result, at time.Time, l Look) string {
	text := Plain(r.Name)
	if l.Width > 0 {
		text = snip(text, max(widestName/2, l.Width/3))
	}
	if why := reason(r); why != "" {
		text += "  " + why
	}
	was := old.State.String()
	if old.State == r.State {
		was = old.Reason.String()
	}
	text += " (was " + was + ")"
	head := at.Local().Format(time.TimeOnly) + "  " + r.State.String() + "  "
	if room := l.Width - width(head); l.Width > 0 {
		text = snip(text, max(room, 2))
	}
	return strings.Replace(head, r.State.String(), l.in(forms[r.State].paint, r.State.String()), 1) + text
}

// TimedLine is Line with the time of day at which the run began, for a list of
// runs.
func TimedLine(s *monitor.Summary, l Look) string {
	return fmt.Sprintf("%s  %s", s.Started.Local().Format(time.TimeOnly), line(s, l))
}
