package sweep_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"rollcall/internal/probe"
	"rollcall/internal/sweep"
)

func Example() {
	sweeper := sweep.Sweeper{
		InFlight: 2,
		Log:      slog.New(slog.DiscardHandler),
		Probe: func(_ context.Context, t *probe.Target) probe.Result {
			if strings.HasPrefix(t.Name, "broken") {
				return probe.Result{Name: t.Name, State: probe.Down, Reason: probe.TLSExpired, Attempts: 1}
			}
			return probe.Result{Name: t.Name, State: probe.Up, Attempts: 1}
		},
	}
	settings := &probe.Settings{Retries: 1}
	outcome := sweeper.Sweep(context.Background(), []probe.Target{
		{Name: "shop", Settings: settings},
		{Name: "broken blog", Settings: settings},
		{Name: "docs", Settings: settings},
	}, nil)
	for _, r := range outcome.Results {
		fmt.Println(r.Name, r.State, r.Reason)
	}
	// Output:
	// shop up ok
	// broken blog down tls_expired
	// docs up ok
}
