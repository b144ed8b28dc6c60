package monitor

import (
	"fmt"

	"rollcall/internal/text"
)

// Headline is the summary's verdict as a sentence without a full stop, such as
// "3 of 5 targets are down".
func (s *Summary) Headline() string {
	switch {
	case s.Stale:
		return "Nothing was checked: the event was too old"
	case s.Late:
		return "Nothing was checked: the part began too late"
	case s.Targets == 0:
		return "There was nothing to check"
	case s.VantageUnhealthy:
		return "The monitor has no network: the states of targets are unknown"
	}
	n, state := s.Up, "up"
	switch {
	case s.Down > 0:
		n, state = s.Down, "down"
	case s.NotChecked > 0:
		n, state = s.NotChecked, "not checked"
	case s.Degraded > 0:
		n, state = s.Degraded, "degraded"
	}
	switch {
	case s.Targets == 1:
		return "The target is " + state
	case n == s.Targets:
		return fmt.Sprintf("All %s targets are %s", text.Count(n), state)
	case n == 1:
		return fmt.Sprintf("1 of %s targets is %s", text.Count(s.Targets), state)
	}
	return fmt.Sprintf("%s of %s targets are %s", text.Count(n), text.Count(s.Targets), state)
}
