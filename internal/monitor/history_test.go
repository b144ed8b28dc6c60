package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/config"
	"rollcall/internal/history"
	"rollcall/internal/plan"
	"rollcall/internal/remember"
)

// remembering is a rig whose memory keeps what it is given and returns out.
func (g *rig) remembering(out remember.Outcome) *[]remember.Run {
	var runs []remember.Run
	g.Interval, g.Certificate, g.Alert = 5*time.Minute, 14, check.Alert{Runs: 2, Window: 3}
	g.Remember = func(_ context.Context, run remember.Run) remember.Outcome {
		g.note("remember", nil)
		runs = append(runs, run)
		return out
	}
	return &runs
}

// The history gets what a run found out, with the alert and the maintenance that
// hold for each target.
func TestRunIsRemembered(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		runs := g.remembering(remember.Outcome{Written: true})
		g.endings["b.example"] = ending{check.Down, check.Status, ms}
		g.run(t, `{"history": true, "scheduled": "2000-01-01T00:00:00Z", "defaults": {"retries": 0},
			"maintenance": [{"from": "2001-01-01T00:00:00Z", "until": "2001-01-02T00:00:00Z"}],
			"groups": {"shop": {"title": "The shop", "alert": {"runs": 1, "window": 1}, "maintenance": [{"cron": "0 0 * * SAT", "duration": "1h"}]}},
			"urls": ["https://a.example", {"url": "https://b.example", "group": "shop", "title": "B", "link": "https://wiki.example"},
				{"url": "https://c.example", "group": "shop", "alert": false}]}`)
		if len(*runs) != 1 {
			t.Fatalf("%d runs", len(*runs))
		}
		run := (*runs)[0]
		want := history.Run{
			Minute: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), Interval: 5 * time.Minute, Fresh: true, Limit: 1000, Certificate: 14,
			Alert: history.Alert{Runs: 2, Window: 3}, Titles: map[string]string{"shop": "The shop"},
			Targets: []history.Target{
				{Name: "a.example", Group: "default", URL: "https://a.example", State: history.Up, Reason: "ok", Duration: 100 * ms},
				{Name: "b.example", Group: "shop", URL: "https://b.example", State: history.Down, Reason: "status", Alert: history.Alert{Runs: 1, Window: 1}, Maintenance: true},
				{Name: "c.example", Group: "shop", URL: "https://c.example", State: history.Up, Reason: "ok", Duration: 100 * ms, Alert: history.Alert{Off: true}, Maintenance: true},
			},
		}
		if got := *run.Run; !reflect.DeepEqual(got, want) || run.ID != "r-1" || run.Log == nil {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
		if got := g.value(t, "UpShare"); got != 1 {
			t.Errorf("UpShare %v: a group under maintenance counts", got)
		}
	})
}

// A list that is not the one that was meant removes no target.
func TestListsThatFailAreNotFresh(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		runs := g.remembering(remember.Outcome{Written: true})
		for _, failures := range [][]string{nil, {"the list can't be read"}} {
			if _, err := g.RunPlan(t.Context(), "r", &plan.Plan{History: true, Failures: failures}); err != nil {
				t.Fatal(err)
			}
		}
		if !(*runs)[0].Fresh || (*runs)[1].Fresh {
			t.Error("the second list is fresh, or the first is not")
		}
	})
}

// A run that does not ask for it is not remembered, nor is a stale one.
func TestRunIsNotRemembered(t *testing.T) {
	for _, more := range []string{``, `, "history": false`, `, "history": true, "scheduled": "1999-12-31T23:00:00Z"`} {
		rigged(t, func(t *testing.T, g *rig) {
			runs := g.remembering(remember.Outcome{Written: true})
			g.Heartbeat = func(context.Context) error { t.Error("a heartbeat"); return nil }
			s := g.run(t, event(1, more))
			if len(*runs) > 0 || s.Incidents != nil || slices.Contains(names(g.datums), "HistoryFailed") {
				t.Errorf("%s: %d runs, %v", more, len(*runs), names(g.datums))
			}
		})
	}
}

// The metrics of targets are published before, those of the run after it.
func TestRememberingIsBetweenTheMetrics(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		g.remembering(remember.Outcome{Untold: 3, Lost: 2, Problems: []string{"the disk is full", strings.Repeat("é", 200), "c", "d"}})
		s := g.run(t, event(1, `, "history": true`))
		var order []string
		for _, c := range g.calls {
			if c.what != "add" {
				order = append(order, c.what)
			}
		}
		if want := []string{"flush", "remember", "flush", "flush", "close"}; !slices.Equal(order, want) {
			t.Errorf("%q, want %q", order, want)
		}
		for metric, want := range map[string]float64{"HistoryFailed": 1, "MessagesUntold": 3, "MessagesLost": 2} {
			if got := g.value(t, metric); got != want {
				t.Errorf("%s is %v, want %v", metric, got, want)
			}
		}
		if len(s.Warnings) != 3 || s.Warnings[0] != "the disk is full" || s.Warnings[1] != strings.Repeat("é", 150) || !s.Healthy || s.Incidents != nil {
			t.Errorf("%q, healthy %t, %v", s.Warnings, s.Healthy, s.Incidents)
		}
	})
}

// Remembering may take half of the time that is left, and nothing waits for more.
func TestRememberingEndsInTime(t *testing.T) {
	for _, test := range []struct{ deadline, want time.Duration }{{10 * second, 4575 * ms}, {60 * second, 10 * second}, {0, 10 * second}} {
		rigged(t, func(t *testing.T, g *rig) {
			var took time.Duration
			g.Remember = func(ctx context.Context, _ remember.Run) remember.Outcome {
				began := time.Now()
				<-ctx.Done()
				took = time.Since(began)
				return remember.Outcome{}
			}
			ctx, cancel := context.WithCancel(t.Context())
			if test.deadline > 0 {
				ctx, cancel = context.WithTimeout(t.Context(), test.deadline)
			}
			defer cancel()
			if _, err := g.Run(ctx, "r", []byte(event(1, `, "history": true`))); err != nil {
				t.Fatal(err)
			}
			if took != test.want || !slices.Contains(names(g.datums), "RunCompleted") {
				t.Errorf("%v: it had %v, want %v", test.deadline, took, test.want)
			}
		})
	}
}

// The summary has what is open, up to a limit.
func TestIncidentsOfTheSummary(t *testing.T) {
	since := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	open := func(n int, detail string) (all []history.Incident) {
		for i := range n {
			all = append(all, history.Incident{ID: fmt.Sprint("id", i), Target: "a", Title: "A", Group: "g", State: history.Down, Reason: "status", Detail: detail, Since: since, Runs: 3, Told: history.Down})
		}
		return all
	}
	for _, test := range []struct {
		open      []history.Incident
		n         int
		truncated bool
	}{{nil, 0, false}, {open(1, "503"), 1, false}, {open(100, "503"), 100, false}, {open(101, "503"), 100, true}, {open(100, strings.Repeat("é", 500)), 39, true}} {
		rigged(t, func(t *testing.T, g *rig) {
			g.remembering(remember.Outcome{Written: true, Incidents: test.open})
			g.ResponseLimit = 400_000
			s := g.run(t, event(26, `, "history": true`))
			encoded, err := s.Encode(g.ResponseLimit)
			if err != nil || len(encoded) > g.ResponseLimit || len(s.Incidents) != test.n || s.IncidentsTruncated != test.truncated {
				t.Errorf("%d of %d, truncated %t, %d bytes, %v", len(s.Incidents), len(test.open), s.IncidentsTruncated, len(encoded), err)
			}
			var content map[string]json.RawMessage
			if err := json.Unmarshal(encoded, &content); err != nil {
				t.Fatal(err)
			}
			want := "[]"
			if test.n == 1 {
				want = `[{"id":"id0","target":"a","title":"A","group":"g","state":"down","reason":"status","detail":"503","since":"2000-01-01T00:00:00Z","runs":3,"told":true}]`
			}
			if test.n < 2 && string(content["incidents"]) != want {
				t.Errorf("%s, want %s", content["incidents"], want)
			}
			if strings.Contains(g.log.String(), `"incidents"`) {
				t.Error("the log has the incidents")
			}
		})
	}
}

// The heartbeat is for runs with which all is well.
func TestHeartbeat(t *testing.T) {
	good := remember.Outcome{Written: true}
	for _, test := range []struct {
		name   string
		change func(g *rig)
		want   int
	}{
		{"all is well", func(g *rig) { g.remembering(good) }, 1},
		{"nothing is remembered", func(*rig) {}, 1},
		{"it was not written", func(g *rig) { g.remembering(remember.Outcome{}) }, 0},
		{"something waits", func(g *rig) { g.remembering(remember.Outcome{Written: true, Untold: 1}) }, 0},
		{"a datum was lost", func(g *rig) { g.remembering(good); g.lose = 1 }, 0},
		{"the session failed", func(g *rig) { g.remembering(good); g.err = errors.New("lost") }, 0},
	} {
		rigged(t, func(t *testing.T, g *rig) {
			beats := 0
			g.Heartbeat = func(context.Context) error { beats++; return errors.New("404 Not Found") }
			test.change(g)
			s, _ := g.Run(t.Context(), "r", []byte(event(1, `, "history": true`)))
			if beats != test.want {
				t.Errorf("%s: %d beats", test.name, beats)
			}
			if test.want == 1 && (len(s.Warnings) != 1 || s.Warnings[0] != "the heartbeat was not accepted: 404 Not Found") {
				t.Errorf("%s: %q", test.name, s.Warnings)
			}
		})
	}
}

func TestNewKnowsWhatIsRemembered(t *testing.T) {
	m := New(config.Config{Alert: check.Alert{Runs: 2, Window: 5}, Interval: time.Hour, Certificate: 30}, Dependencies{})
	if m.Alert != (check.Alert{Runs: 2, Window: 5}) || m.Interval != time.Hour || m.Certificate != 30 || m.Remember != nil {
		t.Errorf("%+v", m)
	}
}
