package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/metric"
	"rollcall/internal/plan"
	"rollcall/internal/sweep"
)

// A recording is a Session that notes what it is asked for.
type recording struct {
	lose  int                   // how many datums
	err   error                 // what Err says
	flush func(context.Context) // nil: at once

	mu     sync.Mutex
	began  time.Time
	calls  []call
	datums []metric.Datum
}

// A call is one of a session's.
type call struct {
	what   string // "add", "flush", "close"
	at     time.Duration
	datums []metric.Datum
}

func (r *recording) note(what string, datums []metric.Datum) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call{what, time.Since(r.began), datums})
	r.datums = append(r.datums, datums...)
}

func (r *recording) Add(datums ...metric.Datum) { r.note("add", datums) }

func (r *recording) Flush(ctx context.Context) metric.DeliveryStats {
	if r.flush != nil {
		r.flush(ctx)
	}
	r.note("flush", nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	lost := min(r.lose, len(r.datums))
	return metric.DeliveryStats{Datums: len(r.datums), Accepted: len(r.datums) - lost, Lost: lost}
}

func (r *recording) Err() error { return r.err }
func (r *recording) Close()     { r.note("close", nil) }

// names are the metrics of datums, those of a target with its name.
func names(datums []metric.Datum) []string {
	var all []string
	for _, d := range datums {
		name := d.Metric
		for _, dimension := range d.Dimensions {
			name += " " + dimension.Value
		}
		all = append(all, name)
	}
	return all
}

// value is that of the datum of a name, as names has it.
func (r *recording) value(t *testing.T, name string) float64 {
	t.Helper()
	i := slices.Index(names(r.datums), name)
	if i < 0 {
		t.Errorf("no %s was published", name)
		return -1
	}
	return r.datums[i].Values[0]
}

// A rig is a monitor with a fake sweep below and a recording above.
type rig struct {
	*Monitor
	*recording
	log     bytes.Buffer
	probed  []string
	endings map[string]ending // by name; none: up after 100 ms
	guard   sync.Mutex
}

// An ending is how every attempt at a target ends.
type ending struct {
	state  check.State
	reason check.Reason
	took   time.Duration
}

// newRig must be called in a bubble.
func newRig() *rig {
	g := &rig{endings: map[string]ending{}, recording: &recording{began: time.Now()}}
	logger := slog.New(slog.NewJSONHandler(&g.log, nil))
	g.Monitor = &Monitor{
		Version: "1.2.3", Profile: metric.ProfileTarget, Limit: 1000, Reserve: 5 * second, MaxAge: 5 * time.Minute,
		Sweeper:    sweep.Sweeper{Probe: g.probe, InFlight: 100, Log: slog.New(slog.DiscardHandler)},
		Log:        logger,
		Publish:    func(context.Context, *slog.Logger) Session { return g.recording },
		OwnMetrics: true,
	}
	return g
}

func (g *rig) probe(ctx context.Context, t *check.Target) check.Result {
	if t.Invalid != "" {
		return check.Unprobed(t, check.InvalidTarget, t.Invalid)
	}
	g.guard.Lock()
	g.probed = append(g.probed, t.Name)
	a, ok := g.endings[t.Name]
	g.guard.Unlock()
	if !ok {
		a = ending{check.Up, check.OK, 100 * ms}
	}
	began := time.Now()
	check.AttemptOf(ctx).SetCeiling(nil) // it takes its time as told, not as its target says
	select {
	case <-time.After(a.took):
	case <-ctx.Done():
		a.state, a.reason = check.NotChecked, check.Deadline
	}
	if a.reason == check.Internal && a.state == check.Up {
		panic("out of cheese")
	}
	return check.Result{
		Name: t.Name, Group: t.Group, URL: t.RedactedURL, State: a.state, Reason: a.reason, Attempts: 1,
		Started: began.UTC(), Duration: time.Since(began), Phases: check.NoPhases(),
		Complete: a.state == check.Up || a.state == check.Degraded, Clock: check.KernelClock, LocalDelay: ms,
	}
}

// run runs an event and fails the test if that fails.
func (g *rig) run(t *testing.T, event string) *Summary {
	t.Helper()
	s, err := g.Run(t.Context(), "r-1", []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// event names targets a.example, b.example and so on, without retries; more
// holds other fields.
func event(n int, more string) string {
	var urls []string
	for i := range n {
		urls = append(urls, fmt.Sprintf(`"https://%c.example"`, 'a'+i))
	}
	return `{"defaults": {"retries": 0}, "urls": [` + strings.Join(urls, ", ") + `]` + more + `}`
}

// rigged runs a test in a bubble.
func rigged(t *testing.T, test func(t *testing.T, g *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newRig()) })
}

// A bubble's time begins at midnight, 2000-01-01.
func TestRunTimestamp(t *testing.T) {
	midnight := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name, scheduled string
		want            time.Time // of every datum
		delay           float64   // ScheduleDelay; -1: none
		warnings        int
	}{
		{"no schedule", ``, midnight.Add(10 * second), -1, 0},
		{"a placeholder", `<aws.scheduler.scheduled-time>`, midnight.Add(10 * second), -1, 0},
		{"this minute", `2000-01-01T00:00:00Z`, midnight, 10000, 0},
		{"the minute, not the second", `1999-12-31T23:59:42Z`, midnight.Add(-time.Minute), 28000, 0},
		{"as old as may be", `1999-12-31T23:55:10Z`, midnight.Add(-5 * time.Minute), 300000, 0},
		{"a minute ahead", `2000-01-01T00:01:10Z`, midnight.Add(time.Minute), 0, 0},
		{"more than a minute ahead", `2000-01-01T00:01:11Z`, midnight.Add(10 * second), -1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			rigged(t, func(t *testing.T, g *rig) {
				time.Sleep(10 * second)
				g.endings["b.example"] = ending{check.Down, check.TLSExpired, ms}
				more := `, "scheduled": "` + test.scheduled + `"`
				if test.scheduled == "" {
					more = ""
				}
				s := g.run(t, event(3, more))
				for _, d := range g.datums {
					if !d.Time.Equal(test.want) {
						t.Errorf("%s is of %v, want %v", d.Metric, d.Time, test.want)
					}
				}
				if has := slices.Contains(names(g.datums), "ScheduleDelay"); has != (test.delay >= 0) {
					t.Errorf("ScheduleDelay is published: %v", has)
				} else if has && g.value(t, "ScheduleDelay") != test.delay {
					t.Errorf("ScheduleDelay = %v, want %v", g.value(t, "ScheduleDelay"), test.delay)
				}
				if len(s.Warnings) != test.warnings || s.Scheduled.IsZero() != (test.delay < 0) || s.Stale {
					t.Errorf("warnings %q, scheduled %v, stale %v", s.Warnings, s.Scheduled, s.Stale)
				}
			})
		})
	}
}

// What is up leaves while the sweep goes on, the rest after it, RunCompleted
// last and alone, after all else has gone its way.
func TestRunOrder(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		g.endings["b.example"] = ending{check.Down, check.TLSExpired, 200 * ms}
		g.endings["c.example"] = ending{check.Degraded, check.Expectation, 300 * ms}
		g.endings["d.example"] = ending{check.Up, check.OK, 2 * second}
		s := g.run(t, event(4, ""))
		want := []string{
			"100ms add [Up a.example Duration a.example]",
			"2s add [Up d.example Duration d.example]",
			"2s add [Up b.example]",
			"2s add [Up c.example Duration c.example]",
			"2s add [Up Duration ", // and whatever else the table has for groups
			"2s flush []",
			"2s add [TargetsChecked ",
			"2s flush []",
			"2s add [RunCompleted]",
			"2s flush []",
			"2s close []",
		}
		var got []string
		for _, c := range g.calls {
			got = append(got, fmt.Sprint(c.at, " ", c.what, " ", names(c.datums)))
		}
		if !slices.EqualFunc(got, want, strings.HasPrefix) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if s.Published.Datums != len(g.datums) || s.Published.Accepted != len(g.datums) || !s.Healthy {
			t.Errorf("published %+v of %d, healthy %v", s.Published, len(g.datums), s.Healthy)
		}
		if g.value(t, "RunDuration") != 2000 || g.value(t, "MonitorHealthy") != 1 || g.value(t, "TargetsChecked") != 4 {
			t.Errorf("the run's own metrics: %v", g.datums)
		}
	})
}

// A target that failed is published once, after its retry.
func TestRunFlakyTargetIsPublishedOnce(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		g.endings["a.example"] = ending{check.Down, check.Timeout, second}
		time.AfterFunc(2*second, func() {
			g.guard.Lock()
			defer g.guard.Unlock()
			g.endings["a.example"] = ending{check.Up, check.OK, second}
		})
		s := g.run(t, `{"urls": ["https://a.example"]}`)
		if s.Flaky != 1 || s.Up != 1 || s.Down != 0 || s.Results[0].Attempts != 2 {
			t.Errorf("summary %+v", s)
		}
		if g.value(t, "Up a.example") != 1 || g.value(t, "Flaky") != 1 || g.value(t, "Down") != 0 {
			t.Errorf("datums %v", g.datums)
		}
		if at := g.calls[0].at; at != 5*second {
			t.Errorf("published after %v, want 5s: two attempts and 3 s between", at)
		}
	})
}

func TestRunSummary(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		g.endings["b.example"] = ending{check.Down, check.TLSExpired, 200 * ms}
		g.endings["c.example"] = ending{check.Degraded, check.Expectation, 300 * ms}
		s := g.run(t, `{"urls": ["https://a.example", "https://b.example", "https://c.example", "ftp://d.example"], "metrics": "group"}`)
		if s.Run != "r-1" || s.Version != "1.2.3" || s.Profile != "group" || !s.Started.Equal(g.began) {
			t.Errorf("head %+v", s)
		}
		if s.Targets != 4 || s.Up != 1 || s.Degraded != 1 || s.Down != 1 || s.NotChecked != 1 {
			t.Errorf("counts %+v", s)
		}
		if time.Duration(s.Duration) != 300*ms || s.Clock != (Clocks{Kernel: 3}) || *s.LocalDelay != (Delay{check.Milliseconds(ms), check.Milliseconds(ms), check.Milliseconds(ms)}) {
			t.Errorf("took %v, clocks %+v, delay %+v", s.Duration, s.Clock, s.LocalDelay)
		}
		for i, want := range []check.State{check.Up, check.Down, check.Degraded, check.NotChecked} {
			if got := s.Results[i].State; got != want {
				t.Errorf("result %d is %v, want %v", i, got, want)
			}
		}
		if s.Results[3].Reason != check.InvalidTarget || !s.Healthy {
			t.Errorf("reason %v, healthy %v", s.Results[3].Reason, s.Healthy)
		}
	})
}

func TestRunStale(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		s := g.run(t, event(2, `, "scheduled": "1999-12-31T23:54:59Z"`))
		if !s.Stale || s.Healthy || s.Targets != 0 || len(s.Results) != 0 || len(g.probed) != 0 {
			t.Errorf("summary %+v, probed %v", s, g.probed)
		}
		if got := names(g.datums); !slices.Equal(got, []string{"StaleEvent"}) || !g.datums[0].Time.Equal(g.began) {
			t.Errorf("published %v", g.datums)
		}
		if s.Published.Accepted != 1 || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "5m1s old") {
			t.Errorf("published %+v, warnings %q", s.Published, s.Warnings)
		}
		if last := g.calls[len(g.calls)-1]; last.what != "close" {
			t.Errorf("the session stays open: %v", g.calls)
		}
	})
}

func TestRunStaleLost(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		g.lose, g.err = 1, errors.New("lost")
		s, err := g.Run(t.Context(), "r-1", []byte(event(1, `, "scheduled": "1999-12-31T00:00:00Z"`)))
		if !errors.Is(err, g.err) || s == nil || s.Published.Lost != 1 {
			t.Errorf("summary %+v, error %v", s, err)
		}
	})
}

func TestRunInvalidEvent(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		s, err := g.Run(t.Context(), "r-1", []byte(`{"urls": "https://a.example"}`))
		if _, ok := errors.AsType[*plan.InvalidEventError](err); !ok || s != nil {
			t.Errorf("summary %+v, error %v", s, err)
		}
		if got := names(g.datums); !slices.Equal(got, []string{"InvalidEvent"}) || len(g.probed) != 0 {
			t.Errorf("published %v, probed %v", got, g.probed)
		}
		for _, want := range []string{`"requestId":"r-1"`, "no targets were checked", "urls"} {
			if !strings.Contains(g.log.String(), want) {
				t.Errorf("the log has no %s: %s", want, &g.log)
			}
		}
	})
}

// An event that takes half of the run's time to read is invalid, and there is
// time to say so; one that takes a little less is not.
func TestRunReadsForHalfOfItsTime(t *testing.T) {
	for reads, ok := range map[time.Duration]bool{9 * second: true, 11 * second: false} {
		rigged(t, func(t *testing.T, g *rig) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*second)
			defer cancel()
			g.Inputs.Sources = map[string]plan.Source{"file": func(context.Context, *url.URL, plan.Version) (io.ReadCloser, plan.Version, error) {
				time.Sleep(reads)
				return io.NopCloser(strings.NewReader("https://a.example/")), "", nil
			}}
			s, err := g.Run(ctx, "r-1", []byte(`{"source": "list.txt"}`))
			if ok {
				if err != nil || s.Up != 1 {
					t.Errorf("summary %+v, error %v", s, err)
				}
				return
			}
			if _, invalid := err.(*plan.InvalidEventError); !invalid || !strings.Contains(err.Error(), "reading the event took longer than 10s") || s != nil {
				t.Errorf("summary %+v, error %v", s, err)
			}
			if got := names(g.datums); !slices.Equal(got, []string{"InvalidEvent"}) || len(g.probed) != 0 {
				t.Errorf("published %v, probed %v", got, g.probed)
			}
		})
	}
}

// A caller who goes away while the event is read has not sent an invalid one.
func TestRunCancelledBefore(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s, err := g.Run(ctx, "r-1", []byte(event(3, "")))
		if !errors.Is(err, context.Canceled) || s != nil || len(g.datums) != 0 || len(g.probed) != 0 {
			t.Errorf("summary %+v, error %v, published %v", s, err, g.datums)
		}
		if !strings.Contains(g.log.String(), "could not be read") {
			t.Errorf("log %s", &g.log)
		}
	})
}

func TestRunNoURL(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		s := g.run(t, event(0, ""))
		if s.Targets != 0 || len(s.Warnings) != 1 || !s.Healthy || s.LocalDelay != nil {
			t.Errorf("summary %+v", s)
		}
		if g.value(t, "TargetsChecked") != 0 || g.value(t, "RunCompleted") != 1 || slices.Contains(names(g.datums), "Up") {
			t.Errorf("published %v", names(g.datums))
		}
	})
}

// The terminal program publishes no metrics about the run itself.
func TestRunWithoutOwnMetrics(t *testing.T) {
	for name, text := range map[string]string{
		"run": event(1, ""), "stale": event(1, `, "scheduled": "1999-12-31T00:00:00Z"`), "invalid": "[]",
	} {
		rigged(t, func(t *testing.T, g *rig) {
			g.OwnMetrics = false
			g.Run(t.Context(), "", []byte(text))
			for _, d := range g.datums {
				if slices.Contains([]string{"RunCompleted", "MonitorHealthy", "StaleEvent", "InvalidEvent"}, d.Metric) {
					t.Errorf("%s: %s is published", name, d.Metric)
				}
			}
			if name == "run" && g.value(t, "Up a.example") != 1 {
				t.Errorf("published %v", names(g.datums))
			}
		})
	}
}

func TestRunUnpublished(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		g.Publish, g.Log = nil, nil
		s := g.run(t, event(2, ""))
		if s.Up != 2 || s.Published != (metric.DeliveryStats{}) || !s.Healthy || len(g.calls) != 0 {
			t.Errorf("summary %+v", s)
		}
	})
}

// The first targets in the event's order, up to the limit, have metrics of their
// own.
func TestRunTargetLimit(t *testing.T) {
	for _, test := range []struct {
		limit   int
		profile string
		own     int // targets with an Up of their own
		without float64
	}{
		{limit: 3, profile: "target", own: 3, without: 0},
		{limit: 4, profile: "phases", own: 3, without: 0},
		{limit: 2, profile: "target", own: 2, without: 1},
		{limit: 0, profile: "target", own: 0, without: 3},
		{limit: 1, profile: "group", own: 0, without: 0},
	} {
		t.Run(fmt.Sprint(test.limit, " ", test.profile), func(t *testing.T) {
			rigged(t, func(t *testing.T, g *rig) {
				g.Limit = test.limit
				g.endings["b.example"] = ending{check.Down, check.TLSExpired, ms}
				g.run(t, event(3, `, "metrics": "`+test.profile+`"`))
				for i, name := range []string{"Up a.example", "Up b.example", "Up c.example"} {
					if has := slices.Contains(names(g.datums), name); has != (i < test.own) {
						t.Errorf("%s is published: %v", name, has)
					}
				}
				if got := g.value(t, "TargetsWithoutMetrics"); got != test.without {
					t.Errorf("TargetsWithoutMetrics = %v, want %v", got, test.without)
				}
			})
		})
	}
}

func TestRunWithoutNetwork(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		for _, host := range []string{"b", "c", "d", "e", "f"} {
			g.endings[host+".example"] = ending{check.Down, check.DNSTimeout, ms}
		}
		g.endings["g.example"] = ending{check.Degraded, check.Expectation, ms}
		g.Sweeper.Canary = func(context.Context) check.Result { return check.Result{State: check.Down} }
		s := g.run(t, event(7, ""))
		if !s.VantageUnhealthy || s.Healthy || s.Down != 5 {
			t.Errorf("summary %+v", s)
		}
		want := []string{"Up a.example", "Duration a.example", "Duration g.example"}
		if got := names(g.datums)[:len(want)]; !slices.Equal(got, want) {
			t.Errorf("published %v, want %v", got, want)
		}
		for _, d := range g.datums[len(want):] {
			if slices.Contains([]string{"Up", "Degraded", "Down", "Flaky", "Failures"}, d.Metric) {
				t.Errorf("%s is published", d.Metric)
			}
		}
		if g.value(t, "MonitorHealthy") != 0 || g.value(t, "RunCompleted") != 1 || len(g.datums) <= len(want)+1 {
			t.Errorf("published %v", names(g.datums))
		}
	})
}

func TestRunHealthy(t *testing.T) {
	for _, test := range []struct {
		name    string
		arrange func(*rig)
		want    bool
	}{
		{"all is well", func(*rig) {}, true},
		{"a target is down", func(g *rig) { g.endings["a.example"] = ending{check.Down, check.TLSExpired, ms} }, true},
		{"a check of ours failed", func(g *rig) { g.endings["a.example"] = ending{check.NotChecked, check.Internal, ms} }, false},
		{"a check of ours panicked", func(g *rig) { g.endings["a.example"] = ending{check.Up, check.Internal, ms} }, false},
		{"something was lost", func(g *rig) { g.lose = 1 }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			rigged(t, func(t *testing.T, g *rig) {
				test.arrange(g)
				s := g.run(t, event(2, ""))
				if s.Healthy != test.want || g.value(t, "MonitorHealthy") != map[bool]float64{true: 1}[test.want] {
					t.Errorf("healthy %v, MonitorHealthy %v, want %v", s.Healthy, g.value(t, "MonitorHealthy"), test.want)
				}
				if g.value(t, "MetricsLost") != float64(g.lose) {
					t.Errorf("MetricsLost = %v, want %d", g.value(t, "MetricsLost"), g.lose)
				}
			})
		})
	}
}

// Whatever hangs, the response leaves a tenth of the time, at most 500 ms,
// before the deadline.
func TestRunDeadline(t *testing.T) {
	hang := func(ctx context.Context) { <-ctx.Done() }
	hangingCanary := func(ctx context.Context) check.Result {
		<-ctx.Done()
		return check.Result{Reason: check.Deadline}
	}
	for _, test := range []struct {
		name        string
		given       time.Duration
		flush       func(context.Context)
		canary      func(context.Context) check.Result
		swept, took time.Duration
	}{
		{"targets hang", 60 * second, nil, nil, 55 * second, 55 * second},
		{"targets hang for a short run", second, nil, nil, 750 * ms, 750 * ms},
		{"CloudWatch hangs too", 60 * second, hang, nil, 55 * second, 59250 * ms},
		{"CloudWatch hangs too in a short run", second, hang, nil, 750 * ms, 850 * ms},
		{"so does the canary", 60 * second, hang, hangingCanary, 57125 * ms, 59250 * ms},
		{"so does the canary in a short run", second, hang, hangingCanary, 800 * ms, 850 * ms},
	} {
		t.Run(test.name, func(t *testing.T) {
			rigged(t, func(t *testing.T, g *rig) {
				g.flush = test.flush
				g.Sweeper.Canary = test.canary
				for _, host := range []string{"a", "b", "c", "d", "e"} {
					g.endings[host+".example"] = ending{check.Down, check.ConnectionRefused, ms}
				}
				g.endings["f.example"] = ending{check.Up, check.OK, time.Hour}
				ctx, cancel := context.WithTimeout(t.Context(), test.given)
				defer cancel()
				s, err := g.Run(ctx, "", []byte(event(6, "")))
				if err != nil || time.Duration(s.Duration) != test.took {
					t.Errorf("took %v, want %v; error %v", s.Duration, test.took, err)
				}
				if r := s.Results[5]; r.Reason != check.Deadline || s.NotChecked != 1 || s.VantageUnhealthy != (test.canary != nil) {
					t.Errorf("reason %v, vantage unhealthy %v", r.Reason, s.VantageUnhealthy)
				}
				if got := g.calls[0].at; got != test.swept {
					t.Errorf("publishing began after %v, want %v", got, test.swept)
				}
				if g.value(t, "RunCompleted") != 1 || g.value(t, "TargetsNotChecked") != 1 {
					t.Errorf("published %v", names(g.datums))
				}
			})
		})
	}
}

// Asked to stop, the run ends its sweep at once and publishes within 300 ms.
func TestRunStopped(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		stopping, stop := context.WithCancel(t.Context())
		g.Stopping = stopping
		g.flush = func(ctx context.Context) { <-ctx.Done() } // CloudWatch hangs
		g.endings["b.example"] = ending{check.Up, check.OK, time.Hour}
		time.AfterFunc(3*second, stop)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s, err := g.Run(ctx, "", []byte(event(2, "")))
		if err != nil || s.Up != 1 || s.Results[1].Reason != check.Deadline {
			t.Errorf("summary %+v, error %v", s, err)
		}
		if time.Duration(s.Duration) != 3200*ms {
			t.Errorf("took %v, want 3s until the stop and 200 ms to publish", s.Duration)
		}
		if g.value(t, "RunCompleted") != 1 {
			t.Errorf("published %v", names(g.datums))
		}
	})
}

// So it does when the stop came before the run.
func TestRunStoppedBefore(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		stopping, stop := context.WithCancel(t.Context())
		stop()
		g.Stopping = stopping
		g.endings["a.example"] = ending{check.Up, check.OK, time.Hour}
		if s := g.run(t, event(1, "")); s.NotChecked != 1 || time.Duration(s.Duration) > 200*ms {
			t.Errorf("summary %+v", s)
		}
	})
}

// The stop does not wait for a canary.
func TestRunStoppedWithoutNetwork(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		stopping, stop := context.WithCancel(t.Context())
		g.Stopping = stopping
		for _, host := range []string{"a", "b", "c", "d", "e"} {
			g.endings[host+".example"] = ending{check.Down, check.ConnectionRefused, ms}
		}
		g.endings["f.example"] = ending{check.Up, check.OK, time.Hour}
		g.Sweeper.Canary = func(ctx context.Context) check.Result {
			<-ctx.Done()
			return check.Result{Reason: check.Deadline}
		}
		time.AfterFunc(second, stop)
		if s := g.run(t, event(6, "")); !s.VantageUnhealthy || time.Duration(s.Duration) != 1050*ms {
			t.Errorf("vantage unhealthy %v, took %v", s.VantageUnhealthy, s.Duration)
		}
	})
}

// Nor does a caller who goes away.
func TestRunCancelledWithoutNetwork(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		for _, host := range []string{"a", "b", "c", "d", "e"} {
			g.endings[host+".example"] = ending{check.Down, check.ConnectionRefused, ms}
		}
		g.Sweeper.Canary = func(ctx context.Context) check.Result {
			<-ctx.Done()
			return check.Result{Reason: check.Deadline}
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(2*second, cancel)
		if s, err := g.Run(ctx, "", []byte(event(5, ""))); err != nil || time.Duration(s.Duration) != 2*second {
			t.Errorf("took %v, error %v", s.Duration, err)
		}
	})
}

// The session's error is the run's; the summary is returned all the same.
func TestRunLost(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		g.lose, g.err = 2, errors.New("lost")
		s, err := g.Run(t.Context(), "", []byte(event(1, "")))
		if !errors.Is(err, g.err) || s == nil || s.Published.Lost != 2 || s.Up != 1 {
			t.Errorf("summary %+v, error %v", s, err)
		}
	})
}

// Two runs of one monitor share nothing.
func TestRunTwiceAtOnce(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		g.Publish = func(context.Context, *slog.Logger) Session { return &recording{began: time.Now()} }
		var other *Summary
		var wg sync.WaitGroup
		wg.Go(func() { other, _ = g.Run(t.Context(), "r-2", []byte(event(3, ""))) })
		s := g.run(t, event(2, ""))
		wg.Wait()
		if s.Run != "r-1" || other.Run != "r-2" || s.Up != 2 || other.Up != 3 || s.Published.Datums >= other.Published.Datums {
			t.Errorf("%+v and %+v", s, other)
		}
	})
}

// lines are the log's, decoded.
func (g *rig) lines(t *testing.T) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(g.log.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, fields)
	}
	return all
}

func TestRunLog(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		g.endings["b.example"] = ending{check.Down, check.TLSExpired, 200 * ms}
		g.endings["c.example"] = ending{check.Degraded, check.Expectation, 300 * ms}
		g.run(t, event(3, `, "scheduled": "2000-01-01T01:00:00Z"`))
		lines := g.lines(t)
		want := [][]any{ // level, message, name, state, reason
			{"ERROR", "target", "b.example", "down", "tls_expired"},
			{"WARN", "target", "c.example", "degraded", "expectation"},
			{"WARN", "scheduled is 1h0m0s ahead of this machine's clock and is ignored", nil, nil, nil},
			{"INFO", "summary", nil, nil, nil},
		}
		if len(lines) != len(want) {
			t.Fatalf("%d lines, want %d: %s", len(lines), len(want), &g.log)
		}
		for i, line := range lines {
			got := []any{line["level"], line["msg"], line["name"], line["state"], line["reason"]}
			if !slices.Equal(got, want[i]) || line["requestId"] != "r-1" {
				t.Errorf("line %d: %v, want %v", i, got, want[i])
			}
		}
		summary := lines[len(lines)-1]
		if _, has := summary["results"]; has || summary["targets"] != 3.0 || summary["down"] != 1.0 || summary["healthy"] != true {
			t.Errorf("summary %v", summary)
		}
		if published, ok := summary["published"].(map[string]any); !ok || published["datums"] != float64(len(g.datums)) {
			t.Errorf("published %v, want %d datums", summary["published"], len(g.datums))
		}
	})
}

// The sweep logs where the run does, with its id. A monitor without a log of its
// own leaves the sweeper's.
func TestRunLogOfTheSweep(t *testing.T) {
	for _, own := range []bool{true, false} {
		rigged(t, func(t *testing.T, g *rig) {
			g.Sweeper.Probe = func(context.Context, *check.Target) check.Result { panic("out of cheese") }
			var sweep bytes.Buffer
			g.Sweeper.Log = slog.New(slog.NewTextHandler(&sweep, nil))
			if !own {
				g.Log = nil
			}
			g.run(t, event(1, ""))
			if own != strings.Contains(g.log.String(), `a check panicked","requestId":"r-1"`) || own == strings.Contains(sweep.String(), "panicked") {
				t.Errorf("own log %v: the run has %s, the sweep %s", own, &g.log, &sweep)
			}
		})
	}
}

func TestRunLogIsBounded(t *testing.T) {
	for _, test := range []struct{ down, listed, more int }{{999, 999, 0}, {1000, 1000, 0}, {1003, 1000, 3}} {
		var text bytes.Buffer
		s := &Summary{Results: make([]check.Result, 2*test.down)}
		for i := range test.down {
			s.Results[2*i] = check.Result{Name: fmt.Sprint(i), State: check.Down, Reason: check.TLSExpired}
			s.Results[2*i+1] = check.Result{State: check.Up}
		}
		g := &rig{Monitor: &Monitor{Log: slog.New(slog.NewJSONHandler(&text, nil))}}
		g.logTargets(g.logger(""), s.Results)
		logSummary(g.logger(""), s)
		g.log = text
		lines := g.lines(t)
		count := map[any]int{}
		for _, line := range lines {
			count[line["msg"]]++
			if _, has := line["requestId"]; has {
				t.Fatalf("a request id that is not known: %v", line)
			}
		}
		if count["target"] != test.listed || count["summary"] != 1 {
			t.Errorf("%d down: lines %v, want %d", test.down, count, test.listed)
		}
		if last := lines[len(lines)-2]; (last["more"] == float64(test.more)) != (test.more > 0) {
			t.Errorf("%d down: %v, want %d more", test.down, last, test.more)
		}
	}
}
