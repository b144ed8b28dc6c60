package cost_test

import (
	"fmt"
	"time"

	"rollcall/internal/cost"
	"rollcall/internal/metric"
	"rollcall/internal/plan"
)

func Example() {
	p, err := plan.ParseURLs([]string{"https://example.com", "https://example.org"}, plan.Inputs{})
	if err != nil {
		panic(err)
	}
	use := cost.Use{Every: 5 * time.Minute, Profile: metric.ProfileTarget, Limit: 1000, Memory: 1769, ResponseTime: 500 * time.Millisecond}
	bill := cost.Estimate(p, use)
	fmt.Println(bill.Runs, "runs of", bill.Duration)
	for _, item := range bill.Items {
		if item.Name == "PutMetricData" || item.Name == "alarms" {
			fmt.Println(item.Name, item.Quantity, item.Unit, item.USD)
		}
	}
	// Output:
	// 8,760 runs of 702ms
	// PutMetricData 26,280 requests 0.26
	// alarms 21 metrics looked at 2.10
}
