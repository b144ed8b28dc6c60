package remember

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/history"
)

var update = flag.Bool("update", false, "write the table of docs/history.md")

// A scenario is what happens to a list of 40 targets, and to the monitor, minute by
// minute, from 12:00 on.
type scenario struct {
	name     string
	minutes  int
	interval int                         // minutes between runs; 0: 1
	run      func(i int, r *history.Run) // the run of a minute
	s3, sns  func(i int) bool            // whether it refuses then; nil: never
	skip     func(i int) bool            // whether there is no run then; nil: never
}

func down(r *history.Run, targets ...int) { state(r, history.Down, targets...) }

func state(r *history.Run, s history.State, targets ...int) {
	for _, t := range targets {
		r.Targets[t].State, r.Targets[t].Reason, r.Targets[t].Detail = s, "status", "503 Service Unavailable"
	}
}

func between(from, until int) func(int) bool {
	return func(i int) bool { return i >= from && i < until }
}

func scenarios() []scenario {
	everything := func(r *history.Run) {
		for i := range r.Targets {
			down(r, i)
		}
	}
	return []scenario{
		{name: "one target is down for 10 minutes", minutes: 30, run: func(i int, r *history.Run) {
			if i < 10 {
				down(r, 0)
			}
		}},
		{name: "one is down for 2 minutes", minutes: 30, run: func(i int, r *history.Run) {
			if i < 2 {
				down(r, 0)
			}
		}},
		{name: "one is down for an hour, a second one for 20 minutes of it", minutes: 90, run: func(i int, r *history.Run) {
			if i < 60 {
				down(r, 0)
			}
			if i >= 20 && i < 40 {
				down(r, 1)
			}
		}},
		{name: "two are down for ever, a third one for 20 minutes", minutes: 90, run: func(i int, r *history.Run) {
			down(r, 0, 1)
			if i >= 30 && i < 50 {
				down(r, 2)
			}
		}},
		{name: "all are degraded for 30 minutes", minutes: 60, run: func(i int, r *history.Run) {
			for t := range r.Targets {
				if i < 30 {
					state(r, history.Degraded, t)
				}
			}
		}},
		{name: "one is down for three minutes and up for two, for an hour", minutes: 100, run: func(i int, r *history.Run) {
			if i < 60 && i%5 < 3 {
				down(r, 0)
			}
		}},
		{name: "a deployment: each minute another one is down", minutes: 60, run: func(i int, r *history.Run) {
			if i < 40 {
				down(r, i)
			}
		}},
		{name: "all are down for 10 minutes", minutes: 30, run: func(i int, r *history.Run) {
			if i < 10 {
				everything(r)
			}
		}},
		{name: "the monitor has no network for 10 minutes", minutes: 30, run: func(i int, r *history.Run) {
			if i < 10 {
				everything(r)
				r.Blind = true
			}
		}},
		{name: "one is down for 10 minutes under maintenance", minutes: 40, run: func(i int, r *history.Run) {
			r.Targets[0].Maintenance = i < 20
			if i < 10 {
				down(r, 0)
			}
		}},
		{name: "one is down for 30 minutes, the first 20 under maintenance", minutes: 60, run: func(i int, r *history.Run) {
			r.Targets[0].Maintenance = i < 20
			if i < 30 {
				down(r, 0)
			}
		}},
		{name: "a certificate of all expires in 6 days", minutes: 60, run: func(_ int, r *history.Run) {
			for t := range r.Targets {
				r.Targets[t].Fingerprint, r.Targets[t].Subject = strings.Repeat("c0ffee", 10), "CN=*.example.com"
				r.Targets[t].NotAfter = time.Date(2026, 12, 6, 14, 0, 0, 0, time.UTC)
				r.Targets[t].DaysLeft = r.Targets[t].NotAfter.Sub(r.Minute).Hours() / 24
			}
		}},
		{name: "one that is down is removed from the list", minutes: 30, run: func(i int, r *history.Run) {
			down(r, 39)
			if i >= 10 {
				r.Targets = r.Targets[:39]
			}
		}},
		{name: "one is down for an hour; for 30 minutes of it the list has 10 targets, without it", minutes: 90, run: func(i int, r *history.Run) {
			if i < 60 {
				down(r, 39)
			}
			if i >= 10 && i < 40 {
				r.Targets = r.Targets[:10]
			}
		}},
		{name: "one is down for an hour; two runs by hand, which are remembered, have another list", minutes: 90, run: func(i int, r *history.Run) {
			if i < 60 {
				down(r, 0)
			}
			if i == 20 || i == 21 {
				for t := range r.Targets {
					r.Targets[t].Name = "other-" + r.Targets[t].Name
				}
			}
		}},
		{name: "one is down for 10 minutes; an event from an hour ahead says that all are", minutes: 30, run: func(i int, r *history.Run) {
			if i < 10 {
				down(r, 0)
			}
			if i == 5 {
				everything(r)
				r.Minute = r.Minute.Add(time.Hour)
			}
		}},
		{name: "one is down for an hour, the topic refuses for 20 minutes from minute 50 on", minutes: 90, sns: between(50, 70), run: func(i int, r *history.Run) {
			if i < 60 {
				down(r, 0)
			}
		}},
		{name: "the topic refuses for an hour, in which one is down for 17 minutes", minutes: 90, sns: between(0, 60), run: func(i int, r *history.Run) {
			if i >= 10 && i < 27 {
				down(r, 0)
			}
		}},
		{name: "the bucket refuses for an hour, one is down from minute 10 on", minutes: 90, s3: between(0, 60), run: func(i int, r *history.Run) {
			if i >= 10 {
				down(r, 0)
			}
		}},
		{name: "one is down; the monitor is away for four hours, in which it recovers", minutes: 300, skip: between(10, 250), run: func(i int, r *history.Run) {
			if i < 10 {
				down(r, 0)
			}
		}},
		{name: "runs each 5 minutes, 2 of 3: one is down for 20 minutes", minutes: 60, interval: 5, run: func(i int, r *history.Run) {
			r.Alert = history.Alert{Runs: 2, Window: 3}
			if i < 20 {
				down(r, 0)
			}
		}},
		{name: "runs each hour, 1 of 1: one is down for two hours", minutes: 300, interval: 60, run: func(i int, r *history.Run) {
			r.Alert = history.Alert{Runs: 1, Window: 1}
			if i < 120 {
				down(r, 0)
			}
		}},
	}
}

// play returns the subjects of what is sent, each with its minute.
func (sc scenario) play(t *testing.T) (told []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		noon := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
		time.Sleep(time.Until(noon))
		s, d := newShelf(), &desk{}
		m := New(s, d, []string{"mail"}, site)
		interval := time.Duration(max(sc.interval, 1)) * time.Minute
		for i := 0; i < sc.minutes; i += int(interval / time.Minute) {
			if sc.skip == nil || !sc.skip(i) {
				r := history.Run{Minute: time.Now(), Interval: interval, Fresh: true, Limit: 1000, Certificate: 14, Alert: history.Alert{Runs: 3, Window: 3}}
				for n := range 40 {
					r.Targets = append(r.Targets, history.Target{Name: fmt.Sprintf("t%d", n+1), Group: "shop", State: history.Up, Reason: "ok"})
				}
				sc.run(i, &r)
				s.fault = func(string) error {
					if sc.s3 != nil && sc.s3(i) {
						return errors.New("denied")
					}
					return nil
				}
				d.fault = func(string, sentMessage) error {
					if sc.sns != nil && sc.sns(i) {
						return refusal{certain: true}
					}
					return nil
				}
				m.Remember(t.Context(), Run{Run: &r, ID: fmt.Sprint("run-", i)})
				for _, sent := range d.accepted {
					told = append(told, fmt.Sprintf("+%d min: %s", i, sent.subject))
				}
				d.accepted = nil
			}
			time.Sleep(time.Until(noon.Add(time.Duration(i)*time.Minute + interval)))
		}
	})
	return told
}

// TestScenarios compares what is sent with the table of docs/history.md; go test
// ./internal/remember -update writes it.
func TestScenarios(t *testing.T) {
	const name, begin, end = "../../docs/history.md", "<!-- begin scenarios -->\n", "<!-- end scenarios -->"
	table := "| What happens | Messages |\n|---|---|\n"
	for _, sc := range scenarios() {
		told := sc.play(t)
		const most = 4
		cell := fmt.Sprintf("%d: ", len(told)) + strings.Join(told[:min(most, len(told))], "<br>")
		if len(told) == 0 {
			cell = "none"
		} else if len(told) > most {
			cell += "<br>…"
		}
		table += "| " + sc.name + " | " + cell + " |\n"
	}
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, opened := strings.Cut(string(page), begin)
	_, after, closed := strings.Cut(rest, end)
	if !opened || !closed {
		t.Fatal("docs/history.md has no place for the scenarios")
	}
	want := before + begin + table + end + after
	if want == string(page) {
		return
	}
	if !*update {
		t.Fatal("docs/history.md is not current: go test ./internal/remember -update")
	}
	if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
