package cost_test

import (
	"fmt"
	"time"

	"rollcall/internal/cost"
	"rollcall/internal/metric"
	"rollcall/internal/plan"
)

func Example() {
	p, err := plan.ParseURLs([]string{"https://example.com", "https://example.org"})
	if err != nil {
		panic(err)
	}
	use := cost.Use{Every: 5 * time.Minute, Profile: metric.ProfileTarget, Limit: 1000, Memory: 1769, Answer: 500 * time.Millisecond}
	fmt.Println(cost.Line(p, use))
	for _, item := range cost.Estimate(p, use).Items[:2] {
		fmt.Println(item.Name, item.Quantity.FloatString(0), item.Unit, item.USD)
	}
	// Output:
	// $12.82 a month: 2 targets, every 5m, profile target, 26 metrics.
	// custom metrics 26 metric-months 7.80
	// PutMetricData 26280 requests 0.26
}
