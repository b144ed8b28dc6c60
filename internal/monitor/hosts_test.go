package monitor

import (
	"context"
	"strings"
	"testing"
	"time"
)

// The event says how many checks at once a host bears; else the operator does.
func TestRunPerHost(t *testing.T) {
	const urls = `{"urls": ["https://a.example/1", "https://a.example/2", "https://a.example/3", "https://a.example/4"]`
	for more, want := range map[string]time.Duration{``: 200 * ms, `, "perHost": 1`: 400 * ms, `, "perHost": 4`: 100 * ms} {
		rigged(t, func(t *testing.T, g *rig) {
			g.Sweeper.PerHost = 2
			began := time.Now()
			s := g.run(t, urls+more+`}`)
			if took := time.Since(began); took != want || s.Up != 4 || len(s.Warnings) > 0 {
				t.Errorf("%s: %d up after %v, warnings %q; want 4 after %v", more, s.Up, took, s.Warnings, want)
			}
		})
	}
}

// A host whose share did not fit is in the warnings.
func TestRunWarnsOfHosts(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		g.Sweeper.PerHost = 1
		g.endings["a.example/1"] = ending{took: time.Hour}
		ctx, cancel := context.WithTimeout(t.Context(), 20*second)
		defer cancel()
		s, err := g.Run(ctx, "r-1", []byte(`{"urls": ["https://a.example/1", "https://a.example/2", "https://b.example"]}`))
		if err != nil {
			t.Fatal(err)
		}
		if s.Up != 1 || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "a.example:443: 1 of its 2 targets were not checked") {
			t.Errorf("%d up, warnings %q", s.Up, s.Warnings)
		}
	})
}
