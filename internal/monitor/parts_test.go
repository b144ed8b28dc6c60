package monitor_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/plan"
	"rollcall/internal/tally"
)

// The summary of the parts that are there says what is missing, and what else keeps
// it from being one healthy run.
func TestTallied(t *testing.T) {
	started := time.Date(2026, 11, 30, 6, 8, 0, 0, time.UTC)
	part := func(index int, change func(*monitor.Summary)) *tally.Tally {
		s := &monitor.Summary{Version: "1", Profile: "group", Healthy: true, Started: started.Add(time.Duration(index) * time.Second), Duration: check.Milliseconds(time.Second),
			Results: []check.Result{{Name: fmt.Sprint(index), State: check.Up, LocalDelay: 3 * time.Millisecond}, {Name: "down", State: check.Down, Reason: check.Timeout}}}
		change(s)
		return s.Tally("run", &plan.Plan{Part: plan.Part{Index: index, Of: 3}, Claims: []plan.Claim{{Name: 7, Check: 8}}})
	}
	same := func(*monitor.Summary) {}
	for _, test := range []struct {
		name           string
		parts          []*tally.Tally
		healthy, blind bool
		down           int
		warnings       []string
	}{
		{"all", []*tally.Tally{part(0, same), part(1, same), part(2, same)}, true, false, 3, []string{"the list has 2 URLs twice, in two parts: they were checked and count twice"}},
		{"one is missing", []*tally.Tally{part(2, same), part(0, same)}, false, false, 2, []string{
			"part 2 is missing of 3: its targets were not checked", "the list has 1 URL twice, in two parts: they were checked and count twice",
		}},
		{"one was not healthy", []*tally.Tally{part(0, func(s *monitor.Summary) { s.Healthy, s.Warnings = false, []string{"so"} })}, false, false, 1, []string{
			"2 parts are missing of 3: their targets were not checked (2, 3)", "part 1/3: so",
		}},
		{"all without a network", []*tally.Tally{part(0, func(s *monitor.Summary) { s.Healthy, s.VantageUnhealthy = false, true })}, false, true, 1, []string{
			"2 parts are missing of 3: their targets were not checked (2, 3)",
		}},
		{"one without a network", []*tally.Tally{part(0, func(s *monitor.Summary) { s.Healthy, s.VantageUnhealthy = false, true }), part(1, same)}, false, false, 1, []string{
			"part 3 is missing of 3: its targets were not checked",
			"1 part had no network: what is down of theirs counts as not checked",
			"the list has 1 URL twice, in two parts: they were checked and count twice",
		}},
	} {
		sum := tally.Sum(tally.OfSum)
		for _, p := range test.parts {
			if err := sum.Add(p); err != nil {
				t.Fatal(err)
			}
		}
		s := monitor.Tallied(sum)
		if s.Healthy != test.healthy || s.VantageUnhealthy != test.blind || s.Down != test.down || s.Targets != 2*len(test.parts) || !slices.Equal(s.Warnings, test.warnings) {
			t.Errorf("%s: healthy %v, no network %v, %d of %d down, warnings %q", test.name, s.Healthy, s.VantageUnhealthy, s.Down, s.Targets, s.Warnings)
		}
		if !s.Started.Equal(slices.MinFunc(test.parts, func(a, b *tally.Tally) int { return a.Started.Compare(b.Started) }).Started) || s.LocalDelay.P99 != check.Milliseconds(3*time.Millisecond) {
			t.Errorf("%s: started %v, delays %v", test.name, s.Started, s.LocalDelay)
		}
	}
}
