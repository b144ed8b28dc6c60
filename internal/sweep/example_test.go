package sweep_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"rollcall/internal/check"
	"rollcall/internal/sweep"
)

func Example() {
	sweeper := sweep.Sweeper{
		InFlight: 2,
		Log:      slog.New(slog.DiscardHandler),
		Probe: func(_ context.Context, t *check.Target) check.Result {
			if strings.HasPrefix(t.Name, "broken") {
				return check.Result{Name: t.Name, State: check.Down, Reason: check.TLSExpired, Attempts: 1}
			}
			return check.Result{Name: t.Name, State: check.Up, Attempts: 1}
		},
	}
	settings := &check.Settings{Retries: 1}
	outcome := sweeper.Sweep(context.Background(), []check.Target{
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
