package remember

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/history"
	"rollcall/internal/message"
)

// A shelf is a Store in memory whose calls can fail: before is asked before each
// step, and after once it took place.
type shelf struct {
	objects map[string]object
	writes  int
	reads   int
	fault   func(step string) error // nil: none
}

type object struct {
	body []byte
	tag  string
}

func newShelf() *shelf { return &shelf{objects: map[string]object{}} }

func (s *shelf) at(step string) error {
	if s.fault == nil {
		return nil
	}
	return s.fault(step)
}

func (s *shelf) Read(_ context.Context, key string) ([]byte, string, error) {
	s.reads++
	if err := s.at("read"); err != nil {
		return nil, "", err
	}
	o := s.objects[key]
	return o.body, o.tag, nil
}

func (s *shelf) Write(_ context.Context, key string, body []byte, tag string) (string, bool, error) {
	if err := s.at("write"); err != nil {
		return "", false, err
	}
	if s.objects[key].tag != tag {
		return "", true, nil
	}
	s.writes++
	own := fmt.Sprint("tag", s.writes)
	s.objects[key] = object{body, own}
	return own, false, s.at("written")
}

func (s *shelf) Copy(_ context.Context, from, to string) error {
	s.objects[to] = s.objects[from]
	return nil
}

// current is what is kept, decoded; nil: nothing.
func (s *shelf) current(t *testing.T) *history.Document {
	t.Helper()
	o, ok := s.objects[currentKey]
	if !ok {
		return nil
	}
	d, err := history.Decode(o.body, "stack", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A refusal is an error of a topic.
type refusal struct{ invalid, certain bool }

func (r refusal) Error() string {
	return fmt.Sprintf("refused (invalid %t, certain %t)", r.invalid, r.certain)
}
func (r refusal) Refused() (invalid, certain bool) { return r.invalid, r.certain }

// A desk is a Topic that keeps what it accepts.
type desk struct {
	mu       sync.Mutex // topics are published to at once
	accepted []sentMessage
	fault    func(topic string, m sentMessage) error // before it is accepted
	lose     func() error                            // after it was
}

type sentMessage struct {
	topic, subject, body string
	structured           bool
	attributes           map[string][]string
	seq                  int64
	at                   time.Time
}

func (d *desk) Publish(_ context.Context, topic, subject, body string, structured bool, attributes map[string][]string, seq int64) error {
	m := sentMessage{topic, subject, body, structured, attributes, seq, time.Now()}
	if d.fault != nil {
		if err := d.fault(topic, m); err != nil {
			return err
		}
	}
	d.mu.Lock()
	d.accepted = append(d.accepted, m)
	d.mu.Unlock()
	if d.lose != nil {
		return d.lose()
	}
	return nil
}

// subjects are those of what was accepted since the last call, each once.
func (d *desk) subjects() []string {
	var all []string
	slices.SortStableFunc(d.accepted, func(a, b sentMessage) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(b.topic, a.topic)) // mail, then groups
	})
	for _, m := range d.accepted {
		all = append(all, m.topic+" "+m.subject)
	}
	d.accepted = nil
	return all
}

var site = message.Site{Stack: "stack", Region: "eu-central-1"}

// run is one of targets "a", "b", … in these states: D is down, a point up.
func run(id, letters string) Run {
	r := &history.Run{Minute: time.Now().Truncate(time.Minute), Interval: time.Minute, Fresh: true, Limit: 10, Alert: history.Alert{Runs: 1, Window: 1}}
	for i, letter := range letters {
		t := history.Target{Name: string(rune('a' + i)), Group: "g", State: history.Up}
		if letter == 'D' {
			t.State, t.Reason = history.Down, "status"
		}
		r.Targets = append(r.Targets, t)
	}
	return Run{Run: r, ID: id}
}

func remember(m *Memory, letters string) Outcome {
	out := m.Remember(context.Background(), run(fmt.Sprint("run-", time.Now().Unix()), letters))
	time.Sleep(time.Minute)
	return out
}

func wantTold(t *testing.T, d *desk, want ...string) {
	t.Helper()
	if got := d.subjects(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("told %q, want %q", got, want)
	}
}

// One read when the process is new, one write a run, two where something is reported.
func TestRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newShelf(), &desk{}
		m := New(s, d, []string{"mail", "groups"}, site)
		for i, step := range []struct {
			letters       string
			reads, writes int
			open, told    int
		}{{"..", 1, 1, 0, 0}, {"..", 0, 1, 0, 0}, {"D.", 0, 2, 1, 2}, {"D.", 0, 1, 1, 0}, {"..", 0, 1, 1, 0}, {"..", 0, 2, 0, 2}} {
			s.reads, s.writes = 0, 0
			out := remember(m, step.letters)
			if !out.Written || s.reads != step.reads || s.writes != step.writes || len(out.Incidents) != step.open || out.Told != step.told || len(out.Problems) > 0 {
				t.Errorf("step %d: %d reads, %d writes, %+v", i, s.reads, s.writes, out)
			}
		}
		wantTold(t, d, "mail DOWN: a (g): status", "groups DOWN: a (g): status", "mail UP: a (g): was down for 2 minutes", "groups UP: a (g): was down for 2 minutes")
	})
}

// A topic that refuses keeps its messages waiting, and only its own.
func TestTopicsThatRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newShelf(), &desk{}
		m := New(s, d, []string{"mail", "groups"}, site)
		denied := "groups"
		d.fault = func(topic string, _ sentMessage) error {
			if topic == denied {
				return refusal{certain: true}
			}
			return nil
		}
		out := remember(m, "D")
		wantTold(t, d, "mail DOWN: a (g): status")
		if out.Told != 1 || len(out.Problems) != 1 || out.Untold != 0 {
			t.Errorf("%+v", out)
		}
		for range 11 {
			out = remember(m, "D")
		}
		wantTold(t, d)
		if out.Untold != 1 {
			t.Errorf("after ten minutes %d untold", out.Untold)
		}
		denied = ""
		if out = remember(m, "D"); out.Untold != 0 {
			t.Errorf("%+v", out)
		}
		wantTold(t, d, "groups DOWN: a (g): status")

		denied = "mail" // it ends before anybody was reported
		remember(m, ".D")
		remember(m, "..")
		remember(m, "..")
		denied = ""
		remember(m, "..")
		wantTold(t, d, "groups DOWN: b (g): status", "groups UP: a (g): was down for 13 minutes", "groups WAS DOWN: b (g): 00:13-00:14 UTC", "mail UP: 2 (g): a, b")
		if n := len(s.current(t).Outbox); n != 0 {
			t.Errorf("%d entries", n)
		}
	})
}

// A topic that does not respond neither delays the others nor makes them be sent
// the same again.
func TestATopicThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newShelf(), &desk{}
		m := New(s, d, []string{"mail", "groups"}, site)
		hangs := true
		d.fault = func(topic string, _ sentMessage) error {
			if topic == "mail" && hangs {
				time.Sleep(5 * time.Second)
				return errors.New("no response")
			}
			return nil
		}
		for i, want := range [][]string{{"groups DOWN: a (g): status"}, nil, nil} {
			if out := remember(m, "D"); !out.Written || len(out.Problems) != 1 {
				t.Errorf("run %d: %+v", i, out)
			}
			wantTold(t, d, want...)
		}
		hangs = false
		m = New(s, d, []string{"mail", "groups"}, site) // another process knows it, too
		remember(m, "D")
		wantTold(t, d, "mail DOWN: a (g): status")
	})
}

// What is refused as invalid is tried in plain words, then counted as lost.
func TestInvalidMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newShelf(), &desk{}
		m := New(s, d, []string{"mail"}, site)
		d.fault = func(_ string, m sentMessage) error {
			if m.structured {
				return refusal{invalid: true, certain: true}
			}
			return nil
		}
		if out := remember(m, "D"); out.Lost != 0 || out.Told != 1 {
			t.Errorf("%+v", out)
		}
		if len(d.accepted) != 1 || d.accepted[0].subject != "Rollcall: a message could not be sent as it was" || !strings.Contains(d.accepted[0].body, "DOWN: a (g)") {
			t.Errorf("%+v", d.accepted)
		}
		d.fault = func(string, sentMessage) error { return refusal{invalid: true, certain: true} }
		if out := remember(m, "DD"); out.Lost != 1 || out.Told != 0 {
			t.Errorf("%+v", out)
		}
		if known := s.current(t); len(known.Outbox) != 0 {
			t.Errorf("%+v", known.Outbox)
		}
		kept := 0
		for key := range s.objects {
			if strings.HasPrefix(key, "history/lost/") {
				kept++
			}
		}
		if kept != 1 {
			t.Errorf("%d lost messages are kept", kept)
		}
	})
}

// What can't be read is put aside after three runs; what is another's, never.
func TestUnreadable(t *testing.T) {
	good, err := (&history.Document{Version: 1, Stack: "stack", Minute: time.Unix(0, 0), Begun: time.Unix(0, 0)}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	newer, _ := (&history.Document{Version: 2, Stack: "stack"}).Encode()
	foreign, _ := (&history.Document{Version: 1, Stack: "other"}).Encode()
	ahead, _ := (&history.Document{Version: 1, Stack: "stack", Minute: time.Now().AddDate(100, 0, 0), Begun: time.Now()}).Encode()
	nothing, _ := (&history.Document{}).Encode()
	for name, test := range map[string]struct {
		body  []byte
		again bool
		want  string
	}{
		"text":      {[]byte("hello"), true, "can't be decompressed"},
		"truncated": {good[:len(good)-20], true, "can't be decompressed"},
		"nothing":   {nothing, true, "it has no version"},
		"ahead":     {ahead, true, "ahead of this machine's clock"},
		"too large": {nil, true, "it is too large"},
		"newer":     {newer, false, "it is of version 2, which a later Rollcall wrote"},
		"foreign":   {foreign, false, `it is of "other", not of "stack"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, d := newShelf(), &desk{}
				s.objects[currentKey] = object{test.body, "bad"}
				for i := range 3 {
					m := New(s, d, []string{"mail"}, site) // each run is a process's first
					out := remember(m, "D")
					last := i == 2
					if out.Written != (last && test.again) {
						t.Fatalf("run %d: %+v", i, out)
					}
					if !out.Written && !strings.Contains(strings.Join(out.Problems, "\n"), test.want) {
						t.Errorf("run %d: %q, want %q", i, out.Problems, test.want)
					}
				}
				if !test.again {
					if string(s.objects[currentKey].body) != string(test.body) {
						t.Error("it was replaced")
					}
					wantTold(t, d)
					return
				}
				wantTold(t, d, "mail DOWN: a (g): status")
				if known := s.current(t); !known.Incidents[0].Unknown {
					t.Errorf("%+v", known.Incidents)
				}
				aside := 0
				for key, o := range s.objects {
					if strings.HasPrefix(key, "history/unreadable-") && string(o.body) == string(test.body) {
						aside++
					}
				}
				if aside != 1 {
					t.Errorf("%d copies", aside)
				}
			})
		})
	}
}

// Days that are over have their own object, and stay in the first until they do.
func TestDaysAreWrittenFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		m := New(s, &desk{}, nil, site)
		remember(m, ".")
		time.Sleep(24 * time.Hour)
		broken := true
		s.fault = func(step string) error {
			if broken && step == "read" {
				return errors.New("denied")
			}
			return nil
		}
		if out := remember(m, "."); !out.Written || len(out.Problems) != 1 || len(s.current(t).Closed) != 1 {
			t.Errorf("%+v", out)
		}
		broken = false
		if out := remember(m, "."); !out.Written || len(out.Problems) != 0 || len(s.current(t).Closed) != 0 {
			t.Errorf("%+v", out)
		}
		past, err := history.DecodePast(s.objects[daysKey].body, "stack")
		if err != nil || len(past.Days) != 1 || past.Days[0].Runs != 1 {
			t.Errorf("%+v, %v", past, err)
		}
	})
}

func TestAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		r := run("r", ".")
		r.Minute = r.Minute.Add(6 * time.Minute)
		if out := New(s, &desk{}, nil, site).Remember(t.Context(), r); out.Written || len(out.Problems) != 1 || len(s.objects) > 0 {
			t.Errorf("%+v", out)
		}
	})
}

// A killed is what a process that is killed leaves its step with.
type killed struct{}

// TestNothingIsLost runs monitors whose writes and publishes fail, whose responses
// are lost, who are killed between any two steps, and of whom two run at once. What
// is reported is what is written at that moment; of an incident nothing older comes after
// something newer; and in the end people know what is so.
func TestNothingIsLost(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 5))
			chance := func(percent int) bool { return random.IntN(100) < percent }
			s, d := newShelf(), &desk{}
			var m *Memory
			faults, other := true, false
			another := func() { // process runs meanwhile, to its end
				if other {
					return
				}
				other = true
				r := run(fmt.Sprint("other-", random.Uint32()), lettersOf(random))
				r.Minute = r.Minute.Add(time.Duration(random.IntN(2)) * time.Minute)
				New(s, d, []string{"mail"}, site).Remember(t.Context(), r)
				other = false
			}
			s.fault = func(step string) error {
				switch {
				case !faults:
				case chance(4):
					panic(killed{})
				case chance(6):
					return errors.New("no response")
				case chance(5):
					another()
				}
				return nil
			}
			newest := map[string]int64{} // by incident, of what was accepted
			last := map[string]string{}
			d.fault = func(_ string, sent sentMessage) error {
				if faults && chance(10) {
					return refusal{certain: true}
				}
				if faults && chance(4) {
					panic(killed{})
				}
				for id, e := range told(sent) {
					known := s.current(t)
					found := false
					for _, entry := range known.Outbox {
						found = found || entry.Incident == id && (entry.Seq == e.seq && string(entry.State) == e.state || entry.Seq > e.seq)
					}
					if !found {
						t.Fatalf("seed %d: told %s of %s, which is not in what is written", seed, e.state, id)
					}
					if e.seq < newest[id] {
						t.Fatalf("seed %d: told change %d of %s after %d", seed, e.seq, id, newest[id])
					}
					newest[id], last[id] = e.seq, e.state
				}
				return nil
			}
			d.lose = func() error {
				switch {
				case !faults:
				case chance(4):
					panic(killed{})
				case chance(6):
					return refusal{} // who knows
				case chance(20):
					another()
				}
				return nil
			}
			everOpen := map[string]bool{}
			step := func(letters string) {
				if m == nil || chance(10) {
					m = New(s, d, []string{"mail"}, site)
				}
				func() {
					defer func() {
						if r := recover(); r != nil {
							if _, ok := r.(killed); !ok {
								panic(r)
							}
							m, other = nil, false
						}
					}()
					m.Remember(t.Context(), run(fmt.Sprint("run-", random.Uint32()), letters))
				}()
				if known := s.current(t); known != nil {
					for _, inc := range known.OpenIncidents() {
						everOpen[inc.ID] = true
					}
				}
				time.Sleep(time.Minute)
			}
			letters := "...."
			for range 150 {
				if chance(20) {
					letters = lettersOf(random)
				}
				step(letters)
			}
			faults = false
			for range 40 {
				step("....")
			}
			known := s.current(t)
			if len(known.Outbox) > 0 || len(known.OpenIncidents()) > 0 {
				t.Errorf("seed %d: all is well, and there are %d entries, %d incidents", seed, len(known.Outbox), len(known.OpenIncidents()))
			}
			for id := range everOpen {
				if last[id] != "up" {
					t.Errorf("seed %d: the last that was reported of %s is %q", seed, id, last[id])
				}
			}
		})
	}
}

func lettersOf(random *rand.Rand) string {
	letters := make([]byte, 4)
	for i := range letters {
		letters[i] = ".D"[random.IntN(2)]
	}
	return string(letters)
}

// What a message tells of one incident.
type toldOf struct {
	state string
	seq   int64
}

// told is what a message tells, by incident.
func told(m sentMessage) map[string]toldOf {
	var envelope struct{ Default string }
	var content message.Document
	if json.Unmarshal([]byte(m.body), &envelope) != nil || json.Unmarshal([]byte(envelope.Default), &content) != nil {
		return nil
	}
	all := map[string]toldOf{}
	for _, inc := range content.Incidents {
		all[inc.ID] = toldOf{inc.State, inc.Seq}
	}
	return all
}

// The caller's topics stay as they are.
func TestTopicsOfTheCaller(t *testing.T) {
	topics := []string{"one", "one", "two"}
	New(newShelf(), &desk{}, topics, site)
	if got := strings.Join(topics, " "); got != "one one two" {
		t.Errorf("topics %s", got)
	}
}

// Parts that knew something else say nothing of what they do not name: it is neither
// removed nor closed. Those that knew what is known do.
func TestPartsThatKnewSomethingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		m := New(s, &desk{}, nil, site)
		m.Remember(t.Context(), run("r", "D."))
		names, tag, err := m.Names(t.Context())
		if err != nil || tag != s.objects[currentKey].tag || len(names) != 1 || !names["a"] {
			t.Fatalf("%v of %q, error %v", names, tag, err)
		}
		for _, same := range []bool{false, true} {
			for range 3 {
				time.Sleep(time.Minute)
				r := run("r", "..")
				r.Targets[0].Name = "another"
				seen := history.See(r.Run, nil, 0, 1)
				_, tag, err = m.Names(t.Context())
				if seen.Tags = []string{tag}; !same {
					seen.Tags = []string{"older", tag}
				}
				r.Targets, r.Seen = nil, seen
				if out := m.Remember(t.Context(), r); !out.Written || err != nil {
					t.Fatalf("%v, %v", out.Problems, err)
				}
			}
			if open := len(s.current(t).OpenIncidents()); (open == 0) != same {
				t.Errorf("knew the same %t: %d are open", same, open)
			}
		}
	})
}

// Where the history can't be read, no names are known.
func TestNames(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*shelf)
		want   string
	}{
		"none":      {func(*shelf) {}, `map[] "" <nil>`},
		"too large": {func(s *shelf) { s.objects[currentKey] = object{nil, "t"} }, `map[] "" history/current.json.gz is too large`},
		"damaged":   {func(s *shelf) { s.objects[currentKey] = object{[]byte("x"), "t"} }, `map[] "" history/current.json.gz can't be read: it can't be decompressed: unexpected EOF`},
		"denied":    {func(s *shelf) { s.fault = func(string) error { return errors.New("denied") } }, `map[] "" denied`},
	} {
		s := newShelf()
		test.change(s)
		names, tag, err := New(s, &desk{}, nil, site).Names(t.Context())
		if got := fmt.Sprintf("%v %q %v", names, tag, err); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
