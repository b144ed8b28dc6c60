package monitor

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/metric"
)

// The page comes when everything has been published, and shows that.
func TestPageComesLast(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		g.endings["b.example"] = ending{check.Down, check.TLSExpired, ms}
		pages := 0
		g.Page = func(ctx context.Context, s *Summary) error {
			pages++
			if last := g.calls[len(g.calls)-1]; last.what != "flush" || g.datums[len(g.datums)-1].Metric != "RunCompleted" {
				t.Errorf("before the page came %s", last.what)
			}
			if s.Published.Accepted != len(g.datums) || s.Down != 1 || !s.Healthy || time.Duration(s.Duration) != 100*ms || !strings.Contains(s.Event.String(), "b.example") {
				t.Errorf("the page is of %+v", s)
			}
			time.Sleep(2 * second)
			return nil
		}
		s := g.run(t, event(2, ""))
		if pages != 1 || len(s.Warnings) > 0 || time.Duration(s.Duration) != 2100*ms {
			t.Errorf("%d pages, warnings %q, duration %v", pages, s.Warnings, s.Duration)
		}
	})
}

// The page's error is a warning in the summary and in the log. The run
// is as good as it was.
func TestPageFails(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		g.ResponseLimit = 2000
		g.Page = func(context.Context, *Summary) error {
			return errors.New("S3 responded with 500" + strings.Repeat("ä", 500))
		}
		s := g.run(t, event(20, ""))
		if len(s.Warnings) != 1 || !strings.HasPrefix(s.Warnings[0], "the page of this run was not stored: S3 responded with 500") || len(s.Warnings[0]) > longestWarning {
			t.Errorf("warnings %q", s.Warnings)
		}
		if !s.Healthy || !strings.Contains(g.log.String(), "the page of this run was not stored") {
			t.Errorf("healthy: %v, log %s", s.Healthy, &g.log)
		}
		if text, err := s.Encode(2000); err != nil || len(text) > 2000 {
			t.Errorf("the response has %d bytes, error %v", len(text), err)
		}
	})
}

// However many bytes JSON makes of a warning that came last, the response keeps
// its limit, and is not half empty.
func TestPageFailsInManyBytes(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		g.ResponseLimit = 12_000
		g.Page = func(context.Context, *Summary) error { return errors.New(strings.Repeat("\x01", 500)) }
		s := g.run(t, event(60, ""))
		text, err := s.Encode(g.ResponseLimit)
		if err != nil || len(text) > g.ResponseLimit || len(text) < g.ResponseLimit*3/4 || !s.Truncated {
			t.Errorf("the response has %d bytes, error %v, truncated %v", len(text), err, s.Truncated)
		}
	})
}

// A page that takes too long ends when the publishing's time does, and one for
// which there is no time is not begun.
func TestPageEndsInTime(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*second)
		defer cancel()
		g.Page = func(ctx context.Context, _ *Summary) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}
		s, err := g.Run(ctx, "r-1", []byte(event(1, "")))
		if err != nil || len(s.Warnings) != 1 || time.Duration(s.Duration) != 20*second-750*ms {
			t.Errorf("error %v, warnings %q after %v", err, s.Warnings, s.Duration)
		}
		g.flush = func(ctx context.Context) { <-ctx.Done() }
		g.Page = func(context.Context, *Summary) error { t.Error("there is no time for a page"); return nil }
		again, cancel := context.WithTimeout(t.Context(), 20*second)
		defer cancel()
		s, err = g.Run(again, "r-2", []byte(event(1, "")))
		if err != nil || len(s.Warnings) != 1 || !strings.HasSuffix(s.Warnings[0], "no time was left") {
			t.Errorf("error %v, warnings %q", err, s.Warnings)
		}
	})
}

// A run that checks nothing has no page: the one before it says more.
func TestNoPageOfAStaleEvent(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		g.Page = func(context.Context, *Summary) error { t.Error("a stale event has a page"); return nil }
		if s := g.run(t, event(1, `, "scheduled": "1999-12-31T00:00:00Z"`)); !s.Stale || s.Published != (metric.DeliveryStats{Datums: 1, Accepted: 1}) {
			t.Errorf("%+v", s)
		}
	})
}
