package history_test

import (
	"fmt"
	"time"

	"rollcall/internal/history"
)

func Example() {
	var known *history.Document
	minute := time.Date(2026, 11, 30, 14, 3, 0, 0, time.UTC)
	for _, state := range []history.State{history.Down, history.Down, history.Down, history.Up, history.Up} {
		var changes []history.Change
		known, changes, _ = history.Fold(known, &history.Run{
			Minute: minute, Interval: time.Minute, Fresh: true, Limit: 1000,
			Alert:   history.Alert{Runs: 3, Window: 3},
			Targets: []history.Target{{Name: "checkout", Group: "shop", State: state}},
		})
		for _, c := range changes {
			fmt.Println(minute.Format("15:04"), c.Target, "is", c.State, "since", c.Since.Format("15:04"), c.Incident)
		}
		claimed, entries, _ := known.Claim("this run", minute)
		// Here it is written, then told, and written again.
		known = claimed.Settle("this run", entries, nil, nil, minute)
		minute = minute.Add(time.Minute)
	}
	// Output:
	// 14:05 checkout is down since 14:03 c7761e58969f-20261130T1403Z
	// 14:07 checkout is up since 14:03 c7761e58969f-20261130T1403Z
}
