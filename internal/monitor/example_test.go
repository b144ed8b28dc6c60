package monitor_test

import (
	"context"
	"fmt"
	"log/slog"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/sweep"
)

func Example() {
	m := monitor.Monitor{
		Version: "1.2.3",
		Profile: "target",
		Limit:   1000,
		Sweeper: sweep.Sweeper{
			InFlight: 10,
			Log:      slog.New(slog.DiscardHandler),
			Probe: func(_ context.Context, t *check.Target) check.Result {
				if t.Name == "shop" {
					return check.Result{Name: t.Name, State: check.Down, Reason: check.TLSExpired, Attempts: 1}
				}
				return check.Result{Name: t.Name, State: check.Up, Attempts: 1}
			},
		},
	}
	summary, err := m.Run(context.Background(), "", []byte(`{
		"urls": ["https://example.com", {"name": "shop", "url": "https://shop.example.com"}]
	}`))
	fmt.Println(summary.Up, "up,", summary.Down, "down,", err)
	for _, r := range summary.Results {
		fmt.Println(r.Name, r.State, r.Reason)
	}

	_, err = m.Run(context.Background(), "", []byte(`{"urls": ["https://example.com"], "metric": "group"}`))
	fmt.Println(err)
	// Output:
	// 1 up, 1 down, <nil>
	// example.com up ok
	// shop down tls_expired
	// the event has 1 problem:
	// metric: is unknown (did you mean "metrics"?)
}
