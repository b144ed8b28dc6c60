package metric_test

import (
	"fmt"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/metric"
)

func Example() {
	minute := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	results := []*check.Result{
		{Name: "shop", Group: "web", State: check.Up, Complete: true, Duration: 81240 * time.Microsecond},
		{Name: "blog", Group: "web", State: check.Down, Reason: check.Timeout},
	}
	var rollup metric.Rollup
	var datums []metric.Datum
	for _, r := range results {
		datums = append(datums, metric.ProfileTarget.Series(r, minute, false)...)
		rollup.Add(r)
	}
	datums = append(datums, rollup.Datums(minute, false)...)
	for _, d := range append(datums, metric.Completed(minute)) {
		if d.Metric == "Up" || d.Metric == "Failures" || d.Metric == "RunCompleted" {
			fmt.Println(d.Metric, d.Dimensions, d.Values, d.Counts)
		}
	}
	// Output:
	// Up [{Target shop}] [1] [1]
	// Up [{Target blog}] [0] [1]
	// Up [] [0 1] [1 1]
	// Up [{Group web}] [0 1] [1 1]
	// Failures [{Reason timeout}] [1] [1]
	// RunCompleted [] [1] [1]
}
