package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"rollcall/internal/message"
)

// The list of the first stack: three sites that break, and one that does not.
const list = `{"urls": [
	{"url": "https://shop.stage.test", "name": "checkout", "group": "shop"},
	{"url": "https://search.stage.test", "name": "search", "group": "shop"},
	{"url": "https://blog.stage.test", "name": "blog", "group": "blog"},
	{"url": "https://good.stage.test", "name": "home", "group": "rest"}
]}`

// Sites are those that break. Each responds with a status; -1 closes instead.
type sites struct{ shop, search, blog atomic.Int64 }

func (s *sites) handlers() map[string]http.Handler {
	handlers := map[string]http.Handler{}
	for host, status := range map[string]*atomic.Int64{"shop.stage.test": &s.shop, "search.stage.test": &s.search, "blog.stage.test": &s.blog} {
		handlers[host] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			switch now := status.Load(); now {
			case -1:
				panic(http.ErrAbortHandler) // closes
			case 0:
			default:
				w.WriteHeader(int(now))
			}
		})
	}
	return handlers
}

// An expected message has to come. Its times are turns of the story: that of
// the run in which it began, ended, and failed again; never is none.
type expected struct {
	subject string // how it begins
	reason  string
	since   int
	ended   int
	again   int
}

const never = -1

// A turn is what happens before a run, and the messages that it has to send.
type turn struct {
	what string
	act  func(*sites)
	want []expected
}

// story has a site break, a second one during that, the first recover, and a third
// flap. At AlarmRuns=1 one run opens an incident, and two that are up close it.
var story = []turn{
	{"shop.stage.test responds 500 from now on", func(s *sites) { s.shop.Store(500) },
		[]expected{{"DOWN: checkout (shop): 500 Internal Server Error", "status", 0, never, never}}},
	{"blog.stage.test closes its connections too", func(s *sites) { s.blog.Store(-1) },
		[]expected{{"DOWN: blog (blog): server closed the connection without a response", "connection_closed", 1, never, never}}},
	{"shop.stage.test is repaired, search.stage.test responds 503", func(s *sites) { s.shop.Store(0); s.search.Store(503) },
		[]expected{{"DOWN: search (shop): 503 Service Unavailable", "status", 2, never, never}}},
	{"search.stage.test is repaired", func(s *sites) { s.search.Store(0) },
		[]expected{{"UP: checkout (shop): was down for ", "status", 0, 2, never}}},
	{"blog.stage.test is repaired", func(s *sites) { s.blog.Store(0) },
		[]expected{{"UP: search (shop): was down for ", "status", 2, 3, never}}},
	{"search.stage.test responds 503 again", func(s *sites) { s.search.Store(503) },
		[]expected{{"DOWN AGAIN: search (shop): 503 Service Unavailable", "status", 2, never, 5}, {"UP: blog (blog): was down for ", "connection_closed", 1, 4, never}}},
}

// tells plays the story and reads the messages that each run sends.
func (d *deployment) tells(ctx context.Context) error {
	minutes := make([]time.Time, len(story)) // of each turn's run
	seen := map[string]bool{}                // a message may come more than once
	for i, turn := range story {
		turn.act(&d.sites)
		d.say("%s", turn.what)
		got := map[string]*message.Document{}
		err := until(ctx, fmt.Sprintf("%d messages", len(turn.want)), aRun, func() (bool, error) {
			said, err := d.cloud.messages(ctx, d.queues[first])
			for _, m := range said {
				if m.Run != nil {
					key := fmt.Sprint(m.Run.Subject, m.Run.Seq)
					if seen[key] {
						continue
					}
					seen[key] = true
					d.show("", m.Run)
					got[m.Run.Subject], minutes[i] = m.Run, m.Run.Minute.Truncate(time.Minute)
				} else if m.State == "ALARM" {
					return false, fmt.Errorf("%s notifies beside the messages", m.Name)
				}
			}
			return len(got) >= len(turn.want), err
		})
		if err != nil {
			return err
		}
		for _, want := range turn.want {
			if err := want.among(got, minutes); err != nil {
				return err
			}
		}
		if len(got) != len(turn.want) {
			return fmt.Errorf("%d messages, want %d", len(got), len(turn.want))
		}
		if err := d.webhookGets(ctx, got); err != nil {
			return err
		}
		d.say("  the webhook got the same")
	}
	return d.tellsOneGroup(ctx)
}

// show prints a message as a person would see it at first.
func (d *deployment) show(to string, m *message.Document) {
	d.say("%s  %s", to, m.Subject)
	for _, incident := range m.Incidents {
		d.say("        %s", incident.Text)
	}
}

// among says how a message is not among those that came.
func (w expected) among(got map[string]*message.Document, minutes []time.Time) error {
	at := func(turn int) (t time.Time) {
		if turn != never {
			t = minutes[turn]
		}
		return t
	}
	for subject, m := range got {
		if !strings.HasPrefix(subject, w.subject) {
			continue
		}
		if len(m.Incidents) != 1 {
			return fmt.Errorf("%q is about %d incidents", subject, len(m.Incidents))
		}
		i := m.Incidents[0]
		if i.Reason != w.reason || !i.Since.Equal(at(w.since)) || !i.Ended.Equal(at(w.ended)) || !i.Again.Equal(at(w.again)) {
			return fmt.Errorf("%q has the reason %s, since %s, ended %s, again %s; want %+v of the minutes %v", subject, i.Reason, i.Since, i.Ended, i.Again, w, minutes)
		}
		return nil
	}
	return fmt.Errorf("no message begins with %q", w.subject)
}

// tellsOneGroup reads the queue that subscribed to the blog's messages only, and
// sees that the alarm about targets fires and notifies nobody.
func (d *deployment) tellsOneGroup(ctx context.Context) error {
	var subjects []string
	err := until(ctx, "the messages of the group blog", 10*time.Second, func() (bool, error) {
		said, err := d.cloud.messages(ctx, d.queues["blog"])
		for _, m := range said {
			if !slices.Contains(subjects, m.Run.Subject) { // it may come more than once
				d.show("to the group blog:", m.Run)
				subjects = append(subjects, m.Run.Subject)
			}
		}
		return len(subjects) >= 2, err
	})
	if err != nil {
		return err
	}
	if len(subjects) != 2 || !strings.HasPrefix(subjects[0], "DOWN: blog") || !strings.HasPrefix(subjects[1], "UP: blog") {
		return fmt.Errorf("the group blog got %q", subjects)
	}
	err = until(ctx, "something-is-down to be ALARM", time.Minute, func() (bool, error) {
		all, err := d.cloud.alarms(ctx, first)
		for _, a := range all {
			if a == (alarm{"something-is-down", "ALARM"}) {
				return true, nil
			}
		}
		return false, err
	})
	if err != nil {
		return err
	}
	said, err := d.cloud.messages(ctx, d.queues[first])
	for _, m := range said {
		if m.Run == nil && m.State == "ALARM" {
			return fmt.Errorf("%s notifies beside the messages", m.Name)
		}
	}
	d.say("%s-something-is-down is ALARM and notified nobody", first)
	return err
}
