package monitor

import (
	"context"
	"testing"

	"rollcall/internal/check"
	"rollcall/internal/config"
	"rollcall/internal/metric"
	"rollcall/internal/plan"
)

func TestNew(t *testing.T) {
	c := config.Config{Profile: metric.ProfilePhases, TargetLimit: 7, Reserve: 3 * second, MaxAge: 4 * second, InFlight: 12, PerHost: 5, TaskRoot: "testdata",
		Grants: plan.Grants{{Kind: plan.Env, Name: "TOKEN", Host: "a.example"}}}
	m := New(c, Dependencies{Version: "1.2.3", Lookup: func(name string) (string, bool) { return "the " + name, true },
		Sources: map[string]plan.Source{"s3": plan.Files(nil)}})
	if m.Version != "1.2.3" || m.Profile != metric.ProfilePhases || m.Limit != 7 || m.Reserve != 3*second || m.MaxAge != 4*second {
		t.Errorf("monitor %+v", m)
	}
	if m.Sweeper.InFlight != 12 || m.Sweeper.PerHost != 5 || m.Sweeper.Canary != nil || m.Publish != nil || m.OwnMetrics {
		t.Errorf("monitor %+v", m)
	}
	if value, ok := m.Inputs.Lookup("TOKEN"); !ok || value != "the TOKEN" {
		t.Errorf("the environment has %q, %v", value, ok)
	}
	if token := (plan.Reference{Kind: plan.Env, Name: "TOKEN"}); !m.Inputs.Permit(token, "a.example") || m.Inputs.Permit(token, "b.example") {
		t.Error("references may not be used as configured")
	}
	if m.Inputs.Sources["s3"] == nil {
		t.Error("the sources are not the event's")
	}
}

// The canary is checked as every target is.
func TestNewWithCanary(t *testing.T) {
	c := config.Config{Canary: &check.Target{Name: "canary", RedactedURL: "https://canary.example"}}
	m := New(c, Dependencies{Probe: func(_ context.Context, t *check.Target) check.Result {
		return check.Result{Name: t.Name, Reason: check.BlockedAddress}
	}})
	if got := m.Sweeper.Canary(t.Context()); got.Name != "canary" || got.Reason != check.BlockedAddress || m.Sweeper.CanaryURL != "https://canary.example" {
		t.Errorf("got %+v of %q", got, m.Sweeper.CanaryURL)
	}
}
