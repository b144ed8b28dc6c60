package sweep

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"rollcall/internal/check"
)

// A 401 or 403 to a request with a value that was kept is retried once with a
// newer one, whatever the retries; without one the verdict stands.
func TestOutdatedValuesAreFetchedAgain(t *testing.T) {
	for _, test := range []struct {
		name             string
		retries          int
		first, second    int // statuses
		newer, refreshes bool

		state              check.State
		attempts, requests int
	}{
		{"rotated", 0, 401, 200, true, true, check.Up, 2, 2},
		{"rotated, with retries", 3, 403, 200, true, true, check.Up, 2, 2},
		{"refused once more", 0, 403, 403, true, true, check.Down, 2, 2},
		{"refused once more, with retries", 3, 401, 401, true, true, check.Down, 2, 2},
		{"nothing newer", 3, 401, 401, false, true, check.Down, 1, 1},
		{"no value that was kept", 3, 401, 401, true, false, check.Down, 1, 1},
		{"another status", 0, 404, 200, true, true, check.Down, 1, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			var requests, refreshed, finals atomic.Int64
			old := check.Target{Name: "a", RedactedURL: "old", Settings: &check.Settings{Retries: test.retries}}
			fresh := old
			fresh.RedactedURL = "new"
			if test.refreshes {
				old.Refresh = func(context.Context) (check.Target, bool) {
					refreshed.Add(1)
					return fresh, test.newer
				}
			}
			s := &Sweeper{InFlight: 1, Probe: func(_ context.Context, target *check.Target) check.Result {
				requests.Add(1)
				res := check.Result{Name: target.Name, URL: target.RedactedURL, Attempts: 1, Status: test.first}
				if target.RedactedURL == "new" {
					res.Status = test.second
				}
				if res.State = check.Up; res.Status != 200 {
					res.State, res.Reason = check.Down, check.Status
				}
				return res
			}}
			o := s.Sweep(t.Context(), []check.Target{old}, func(int, *check.Result) { finals.Add(1) })
			got := o.Results[0]
			if got.State != test.state || got.Attempts != test.attempts || int(requests.Load()) != test.requests || finals.Load() != 1 {
				t.Errorf("%s: %v after %d attempts, %d requests, %d times final", test.name, got.State, got.Attempts, requests.Load(), finals.Load())
			}
			if refreshed.Load() > 1 {
				t.Errorf("%s: refreshed %d times", test.name, refreshed.Load())
			}
		})
	}
}
