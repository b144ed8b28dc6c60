package monitor

import "testing"

func TestHeadline(t *testing.T) {
	for want, s := range map[string]Summary{
		"The target is up":                                              {Targets: 1, Up: 1},
		"The target is down":                                            {Targets: 1, Down: 1},
		"All 2 targets are up":                                          {Targets: 2, Up: 2},
		"All 1,000 targets are down":                                    {Targets: 1000, Down: 1000},
		"1 of 1,000 targets is down":                                    {Targets: 1000, Down: 1, NotChecked: 2, Degraded: 3, Up: 994},
		"2 of 4 targets are not checked":                                {Targets: 4, NotChecked: 2, Degraded: 1, Up: 1},
		"2 of 4 targets are degraded":                                   {Targets: 4, Degraded: 2, Up: 2},
		"There was nothing to check":                                    {},
		"Nothing was checked: the event was too old":                    {Targets: 3, NotChecked: 3, Stale: true},
		"The monitor has no network: the states of targets are unknown": {Targets: 5, Down: 5, VantageUnhealthy: true},
	} {
		if got := s.Headline(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
