package publish_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"rollcall/internal/metric"
	"rollcall/internal/publish"
)

// Without a client for CloudWatch the datums are lines of the log, in the
// embedded metric format.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	p := publish.Publisher{Namespace: "Rollcall", EMF: os.Stdout}
	s := p.Begin(ctx)
	defer s.Close()

	minute := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s.Add(metric.Completed(minute))
	tally := s.Flush(ctx)
	fmt.Printf("%d datum, %d as EMF, error %v\n", tally.Datums, tally.EMF, s.Err())
	// Output:
	// {"_aws":{"Timestamp":1795435200000,"CloudWatchMetrics":[{"Namespace":"Rollcall","Dimensions":[[]],"Metrics":[{"Name":"RunCompleted","Unit":"Count"}]}]},"RunCompleted":1}
	// 1 datum, 1 as EMF, error <nil>
}
