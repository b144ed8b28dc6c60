package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/history"
	"rollcall/internal/message"
	"rollcall/internal/metric"
	"rollcall/internal/plan"
	"rollcall/internal/remember"
	"rollcall/internal/tally"
)

// A shelf is objects with tags, as a bucket has them.
type shelf struct {
	mu      sync.Mutex
	objects map[string][]byte
	tags    map[string]int
	fault   func(step, key string) error // nil: none
}

func newShelf() *shelf { return &shelf{objects: map[string][]byte{}, tags: map[string]int{}} }

func (s *shelf) at(step, key string) error {
	if s.fault == nil {
		return nil
	}
	return s.fault(step, key)
}

func (s *shelf) tag(key string) string {
	if s.tags[key] == 0 {
		return ""
	}
	return strconv.Itoa(s.tags[key])
}

func (s *shelf) Read(_ context.Context, key string) ([]byte, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[key], s.tag(key), s.at("read", key)
}

func (s *shelf) Write(_ context.Context, key string, body []byte, tag string) (string, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.at("write", key); err != nil {
		return "", false, err
	}
	if s.tag(key) != tag {
		return "", true, nil
	}
	s.objects[key] = body
	s.tags[key]++
	return s.tag(key), false, nil
}

func (s *shelf) Put(_ context.Context, key string, body []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[key] = body
	s.tags[key]++
	return nil
}

func (s *shelf) Copy(context.Context, string, string) error { return nil }

func (s *shelf) remove(key string) {
	delete(s.objects, key)
	s.tags[key] = 0
}

// known is the history, without what tells when something was done.
func (s *shelf) known(t *testing.T) string {
	t.Helper()
	body := s.objects["history/current.json.gz"]
	if body == nil {
		return "none"
	}
	d, err := history.Decode(body, "", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	d.Writer = ""
	for i := range d.Incidents {
		d.Incidents[i].ToldAt = time.Time{}
	}
	for i := range d.Outbox {
		d.Outbox[i].Claim = history.Claim{}
	}
	text, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A mailbox is a topic that keeps the subjects of what it accepts.
type mailbox []string

func (m *mailbox) Publish(_ context.Context, _, subject, body string, _ bool, _ map[string][]string, _ int64) error {
	*m = append(*m, subject)
	return nil
}

// A station is a rig with a bucket, a history and a topic.
type station struct {
	*rig
	shelf  *shelf
	sent   mailbox
	minute time.Time                     // for which runs are scheduled
	certs  map[string]*check.Certificate // by name
}

// newStation returns one whose list has n targets in three groups. It must be called
// in a bubble.
func newStation(n int) *station {
	s := &station{rig: newRig(), shelf: newShelf(), minute: time.Now(), certs: map[string]*check.Certificate{}}
	var list strings.Builder
	for i := range n {
		fmt.Fprintf(&list, `{"url": "https://t%d.example", "group": "g%d", "title": "The %dth"}`+"\n", i, i%3, i)
	}
	s.Inputs.Sources = map[string]plan.Source{"s3": func(_ context.Context, u *url.URL, _ plan.Version) (io.ReadCloser, plan.Version, error) {
		return io.NopCloser(strings.NewReader(list.String())), `"5d41" V1`, nil
	}}
	memory := remember.New(s.shelf, &s.sent, []string{"topic"}, message.Site{})
	s.Runs, s.Remember, s.Names = s.shelf, memory.Remember, memory.Names
	s.Interval, s.Certificate, s.Alert, s.Limit = time.Minute, 14, check.Alert{Runs: 2, Window: 3}, 7
	s.Sweeper.Probe = func(ctx context.Context, t *check.Target) check.Result {
		r := s.probe(ctx, t)
		r.Certificate = s.certs[t.Name]
		if r.Checked() {
			r.Phases.FirstByte = r.Duration
		}
		return r
	}
	return s
}

const wholeEvent = `{"source": "s3://lists/urls.jsonl", "scheduled": "%s", "history": true}`

// part checks one part of the run of this minute.
func (s *station) part(t *testing.T, index, of int) {
	t.Helper()
	event := fmt.Sprintf(`{"source": "s3://lists/urls.jsonl", "scheduled": "%s", "part": {"index": %d, "of": %d}, "list": "\"5d41\" V1"}`, s.minute.Format(time.RFC3339), index, of)
	if _, err := s.Respond(t.Context(), fmt.Sprint("part-", index), []byte(event), 6_000_000); err != nil {
		t.Fatal(err)
	}
}

// sum adds the run of this minute up.
func (s *station) sum(t *testing.T, id, execution string, of int) *Summary {
	t.Helper()
	event := fmt.Sprintf(`{"source": "s3://lists/urls.jsonl", "scheduled": "%s", "sum": {"of": %d, "execution": "%s"}, "list": "\"5d41\" V1", "history": true}`, s.minute.Format(time.RFC3339), of, execution)
	p, err := plan.Parse(t.Context(), strings.NewReader(event), s.Inputs)
	if err != nil {
		t.Fatal(err)
	}
	summary, err := s.Monitor.sum(t.Context(), id, p)
	if err != nil {
		t.Fatal(err)
	}
	return summary
}

// books are datums as CloudWatch keeps them: what is of targets, or what is not. How
// long runs take differs.
func books(datums []metric.Datum, ofTargets bool) []string {
	var all []string
	for _, d := range datums {
		by := ""
		for _, dimension := range d.Dimensions {
			by = dimension.Name + "=" + dimension.Value
		}
		if strings.HasPrefix(by, "Target=") == ofTargets && d.Metric != "RunDuration" && d.Metric != "ScheduleDelay" {
			all = append(all, fmt.Sprint(d.Metric, " ", by, d.Values, d.Counts, d.Time))
		}
	}
	slices.Sort(all)
	if ofTargets {
		all = slices.Compact(all) // a part that runs twice publishes them twice
	}
	return all
}

func missingLine(got, want []string) string {
	for _, line := range want {
		if !slices.Contains(got, line) {
			return "without " + line
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			return "with " + line
		}
	}
	return "in another number"
}

// counts are those of a summary, and what is listed of it.
func counts(s *Summary) string {
	var listed []string
	for _, r := range s.Results {
		if r.State != check.Up {
			listed = append(listed, fmt.Sprint(r.Name, r.Group, r.State, r.Reason, r.Phases))
		}
	}
	slices.Sort(listed)
	return fmt.Sprint(s.Healthy, s.VantageUnhealthy, s.Targets, s.Up, s.Degraded, s.Down, s.NotChecked, s.Flaky, s.Clock, s.LocalDelay, s.Incidents, listed)
}

// A list that is checked in random parts, some of them twice and in any order, and
// then added up: the metrics, the history, the messages and the summary are those of
// the one run, minute after minute.
func TestSumIsTheOneRun(t *testing.T) {
	for seed := range uint64(3) {
		rigged(t, func(t *testing.T, _ *rig) {
			random := rand.New(rand.NewPCG(seed, 9))
			const targets = 40
			whole, parts := newStation(targets), newStation(targets)
			for minute := range 25 {
				time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute + 5*time.Second)))
				blind := random.IntN(8) == 0
				for i := range targets {
					if name := fmt.Sprintf("t%d.example", i); blind || random.IntN(6) == 0 {
						e := []ending{{check.Up, check.OK, 0}, {check.Up, check.OK, 0}, {check.Down, check.Status, 0}, {check.Degraded, check.Expectation, 0}, {check.NotChecked, check.Unstarted, 0}}[random.IntN(5)]
						if blind && random.IntN(4) > 0 {
							e = ending{check.Down, check.Unreachable, 0}
						}
						e.took = time.Duration(random.IntN(900)) * ms
						whole.endings[name], parts.endings[name] = e, e
						if i%5 == 0 {
							c := &check.Certificate{Subject: "CN=example", DaysLeft: float64(random.IntN(30)), Fingerprint: [32]byte{byte(i % 3)}}
							whole.certs[name], parts.certs[name] = c, c
						}
					}
				}
				for _, s := range []*station{whole, parts} {
					s.datums, s.minute = nil, time.Now().Truncate(time.Minute)
					s.Sweeper.Canary = func(context.Context) check.Result {
						if blind {
							return check.Result{State: check.Down, Reason: check.Timeout}
						}
						return check.Result{}
					}
				}
				want := whole.run(t, fmt.Sprintf(wholeEvent, whole.minute.Format(time.RFC3339)))
				of := 1 + random.IntN(12)
				for _, index := range append(random.Perm(of), random.IntN(of)) {
					parts.part(t, index, of)
				}
				got := parts.sum(t, "sum", "execution", of)
				name := fmt.Sprintf("seed %d, minute %d, %d parts, blind %t", seed, minute, of, want.VantageUnhealthy)
				if g, w := counts(got), counts(want); g != w {
					t.Fatalf("%s: the summary is\n%s\nnot\n%s\n%q", name, g, w, got.Warnings)
				}
				if g, w := books(parts.datums, false), books(whole.datums, false); !slices.Equal(g, w) {
					t.Fatalf("%s: the metrics are %s", name, missingLine(g, w))
				}
				if g, w := books(parts.datums, true), books(whole.datums, true); !want.VantageUnhealthy && !slices.Equal(g, w) {
					t.Fatalf("%s: the targets' metrics are %s", name, missingLine(g, w))
				}
				if g, w := parts.shelf.known(t), whole.shelf.known(t); g != w {
					t.Fatalf("%s: the history is\n%s\nnot\n%s", name, g, w)
				}
			}
			if !slices.Equal(parts.sent, whole.sent) || len(whole.sent) < 5 {
				t.Errorf("%q were sent, not %q", parts.sent, whole.sent)
			}
		})
	}
}

// What does not belong to the run counts as missing, and the rest is added up. The run
// is not complete, and nothing changes for the targets of what is missing.
func TestPartsThatAreMissing(t *testing.T) {
	rewritten := func(change func(*tally.Tally)) func(*testing.T, *station, string) {
		return func(t *testing.T, s *station, key string) {
			part, err := tally.Decode(bytes.NewReader(s.shelf.objects[key]), nil)
			if err != nil {
				t.Fatal(err)
			}
			change(part)
			var body bytes.Buffer
			if err := part.Encode(&body); err != nil {
				t.Fatal(err)
			}
			s.shelf.objects[key] = body.Bytes()
		}
	}
	for name, test := range map[string]struct {
		change  func(*testing.T, *station, string)
		warning string
	}{
		"it is not there":         {func(_ *testing.T, s *station, key string) { s.shelf.remove(key) }, ""},
		"another list":            {rewritten(func(p *tally.Tally) { p.List = "new" }), `the tally of part 2/4 can't be added up: its list was another one (new; that of other parts is "5d41" V1): check all parts of the same file`},
		"another number of parts": {rewritten(func(p *tally.Tally) { p.Of = 5 }), "the tally of part 2/4 can't be added up: it is one of 5 parts, and others are of 4"},
		"another run":             {rewritten(func(p *tally.Tally) { p.Run = "19991231T2359Z" }), `the tally of part 2/4 can't be added up: it is of the run "19991231T2359Z", and others are of "20000101T0001Z"`},
		"another part":            {rewritten(func(p *tally.Tally) { p.Parts = []int{3} }), "the tally of part 2/4 can't be added up: it is of another part"},
		"another version":         {rewritten(func(p *tally.Tally) { p.Rollcall = "9" }), "the tally of part 2/4 can't be added up: it was checked by Rollcall 9, and others by 1.2.3: use one version for all parts"},
		"not a tally":             {func(_ *testing.T, s *station, key string) { s.shelf.objects[key] = []byte("hello") }, "the tally of part 2/4 can't be added up: it is not a tally: unexpected EOF"},
		"it is too large":         {func(_ *testing.T, s *station, key string) { s.shelf.objects[key] = nil }, "the tally of part 2/4 is too large"},
		"it can't be read": {func(_ *testing.T, s *station, key string) {
			s.shelf.fault = func(step, k string) error { return map[bool]error{true: errors.New("SlowDown")}[k == key] }
		}, "the tally of part 2/4 can't be read: SlowDown"},
	} {
		rigged(t, func(t *testing.T, _ *rig) {
			s := newStation(8)
			s.endings["t1.example"] = ending{check.Down, check.Status, ms}
			beats := 0
			s.Heartbeat = func(context.Context) error { beats++; return nil }
			for minute := range 3 {
				time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
				s.datums, s.minute = nil, time.Now()
				if minute == 2 {
					delete(s.endings, "t1.example")
				}
				for i := range 4 {
					s.part(t, i, 4)
				}
				if minute == 0 || minute == 2 {
					test.change(t, s, TallyKey(plan.RunName(s.minute), 1))
				}
				sum := s.sum(t, "sum", "x", 4)
				s.shelf.fault = nil
				if minute == 1 {
					if !sum.Healthy || len(sum.Warnings) > 0 {
						t.Errorf("%s: with all parts it is not healthy: %q", name, sum.Warnings)
					}
					continue
				}
				want := []string{"part 2 is missing of 4: its targets were not checked"}
				if test.warning != "" {
					want = append([]string{strings.Replace(test.warning, "20000101T0001Z", plan.RunName(s.minute), 1)}, want...)
				}
				if sum.Healthy || sum.Targets != 6 || sum.Down != 0 || !slices.Equal(sum.Warnings, want) {
					t.Errorf("%s: healthy %t, %d targets, %d down, %q, want %q", name, sum.Healthy, sum.Targets, sum.Down, sum.Warnings, want)
				}
				if slices.Contains(names(s.datums), "RunCompleted") || s.value(t, "MonitorHealthy") != 0 || s.value(t, "TargetsChecked") != 6 || s.value(t, "TargetsNotChecked") != 2 {
					t.Errorf("%s: published %v", name, names(s.datums))
				}
			}
			if beats != 1 {
				t.Errorf("%s: %d beats of one complete run", name, beats)
			}
			if known := s.shelf.known(t); strings.Contains(known, `"upSince"`) || !strings.Contains(known, `"suspects": {
  "t1.example"`) {
				t.Errorf("%s: nobody looked at t1.example, and it is known that\n%s", name, known)
			}
		})
	}
}

// A part that can't read the history counts, and says nothing of what the history
// names: an incident whose target it saw up stays open, and a failure is noted.
func TestPartWithoutHistory(t *testing.T) {
	rigged(t, func(t *testing.T, _ *rig) {
		s := newStation(8)
		s.Alert = check.Alert{Runs: 1, Window: 1}
		s.endings["t7.example"] = ending{check.Down, check.Status, ms}
		for minute := range 6 {
			s.minute = time.Now()
			for i := range 4 {
				if s.shelf.fault = nil; i == 3 && minute > 0 && minute < 4 {
					s.shelf.fault = func(string, string) error { return errors.New("AccessDenied") }
				}
				s.part(t, i, 4)
			}
			s.shelf.fault = nil
			delete(s.endings, "t7.example")
			if minute == 2 {
				s.endings["t3.example"] = ending{check.Down, check.Status, ms}
			}
			sum := s.sum(t, "sum", "x", 4)
			if open := len(sum.Incidents); open != []int{1, 1, 1, 2, 2, 1}[minute] || !sum.Healthy || sum.Targets != 8 {
				t.Errorf("minute %d: %d are open, %q", minute, open, sum.Warnings)
			}
			if got := slices.Contains(sum.Warnings, "part 4/4: the history could not be read: AccessDenied"); got != (minute > 0 && minute < 4) {
				t.Errorf("minute %d: %q", minute, sum.Warnings)
			}
			time.Sleep(time.Minute)
		}
	})
}

// Two executions of one run tell and publish once. The same one goes on where it was.
func TestSumTwice(t *testing.T) {
	rigged(t, func(t *testing.T, _ *rig) {
		s := newStation(8)
		s.Alert = check.Alert{Runs: 1, Window: 1}
		s.endings["t1.example"] = ending{check.Down, check.Status, ms}
		for i := range 4 {
			s.part(t, i, 4)
		}
		first := s.sum(t, "a", "x", 4)
		published := len(books(s.datums, false))
		if other := s.sum(t, "b", "y", 4); other.Targets != 0 || len(other.Warnings) != 1 || len(books(s.datums, false)) != published {
			t.Errorf("another execution has %d targets, %q", other.Targets, other.Warnings)
		}
		again := s.sum(t, "c", "x", 4)
		if counts(again) != counts(first) || len(s.sent) != 1 {
			t.Errorf("again, it is\n%s\nnot\n%s\nand %q was sent", counts(again), counts(first), s.sent)
		}
		of := map[string]int{}
		for _, name := range names(s.datums) {
			of[name]++
		}
		if of["Down"] != 1 || of["Duration g0"] != 1 || of["RunCompleted"] != 2 {
			t.Errorf("published %v", of)
		}
	})
}

// Datums that were lost stay lost when the sum is repeated: it does not publish them
// again, and does not say that all is well.
func TestSumTwiceKnowsWhatWasLost(t *testing.T) {
	rigged(t, func(t *testing.T, _ *rig) {
		s := newStation(8)
		for i := range 4 {
			s.part(t, i, 4)
		}
		s.datums, s.lose = nil, 1
		if first := s.sum(t, "a", "x", 4); first.Healthy || first.Published.Lost != 1 {
			t.Fatalf("first: healthy %t, %+v", first.Healthy, first.Published)
		}
		for range 2 {
			s.datums, s.lose = nil, 0
			again := s.sum(t, "b", "x", 4)
			if again.Healthy || again.Published.Lost != 1 || s.value(t, "MonitorHealthy") != 0 {
				t.Errorf("again: healthy %t, %+v", again.Healthy, again.Published)
			}
		}
	})
}

// A killable topic is one at which a process may end.
type killable struct {
	*mailbox
	kill func()
}

func (k killable) Publish(ctx context.Context, topic, subject, body string, structured bool, attributes map[string][]string, seq int64) error {
	k.kill()
	return k.mailbox.Publish(ctx, topic, subject, body, structured, attributes, seq)
}

// The process of a sum ends before each of its steps in turn, and its execution repeats
// it: all is published and told by the next run. Only what was done and not noted is
// done twice.
func TestSumKilledBetweenSteps(t *testing.T) {
	steps := []string{
		"write sum.json", "flush", "write sum.json", "read current.json.gz", "write current.json.gz", "publish", "write current.json.gz", "flush", "flush", "none",
	}
	for at, want := range steps {
		rigged(t, func(t *testing.T, _ *rig) {
			s := newStation(8)
			s.Alert = check.Alert{Runs: 1, Window: 1}
			s.endings["t1.example"] = ending{check.Down, check.Status, ms}
			for i := range 4 {
				s.part(t, i, 4)
			}
			left, killed := at, "none"
			step := func(name string) {
				if left--; left == -1 {
					killed = name
					panic(name)
				}
			}
			begin := func() { // a process
				memory := remember.New(s.shelf, killable{&s.sent, func() { step("publish") }}, []string{"topic"}, message.Site{})
				s.Remember, s.Names = memory.Remember, memory.Names
			}
			s.flush = func(context.Context) { step("flush") }
			s.shelf.fault = func(what, key string) error {
				if name := key[strings.LastIndex(key, "/")+1:]; what == "write" || strings.HasPrefix(key, "history/") {
					step(what + " " + name)
				}
				return nil
			}
			begin()
			func() {
				defer func() { recover() }()
				s.sum(t, "a", "x", 4)
			}()
			if killed != want {
				t.Fatalf("step %d is %s, want %s", at, killed, want)
			}
			left = -1 // no other process ends
			begin()
			s.sum(t, "b", "x", 4)
			published := 0
			for _, name := range names(s.datums) {
				if name == "Down" {
					published++
				}
			}
			if twice := at == 1 || at == 2; published != 1 && !twice || published != 2 && twice { // a recording has what was added
				t.Errorf("killed before step %d, %s: the metrics of groups are published %d times", at, killed, published)
			}
			time.Sleep(2 * time.Minute) // the claim of a process that was killed ends
			s.minute = time.Now()
			for i := range 4 {
				s.part(t, i, 4)
			}
			s.sum(t, "c", "y", 4)
			sent := 1
			if at == 6 {
				sent = 2
			}
			if len(s.sent) != sent || !strings.HasPrefix(s.sent[0], "DOWN: ") {
				t.Errorf("killed before step %d, %s: %q was sent", at, killed, s.sent)
			}
			if known := s.shelf.known(t); !strings.Contains(known, `"outbox": []`) {
				t.Errorf("killed before step %d, %s: something waits in\n%s", at, killed, known)
			}
		})
	}
}

// A sum without a single tally says so, and one that can't read any is an error.
func TestSumOfNothing(t *testing.T) {
	rigged(t, func(t *testing.T, _ *rig) {
		s := newStation(8)
		sum := s.sum(t, "a", "x", 4)
		if sum.Healthy || sum.Targets != 0 || !slices.Equal(sum.Warnings, []string{"4 parts are missing of 4: their targets were not checked (1 to 4)"}) {
			t.Errorf("%+v", sum)
		}
		if got := names(s.datums); slices.Contains(got, "RunCompleted") || slices.Contains(got, "UpShare") || s.value(t, "MonitorHealthy") != 0 {
			t.Errorf("published %v", got)
		}
		s.datums = nil
		s.shelf.fault = func(step, key string) error {
			if step == "read" && strings.HasSuffix(key, ".gz") {
				return errors.New("AccessDenied")
			}
			return nil
		}
		event := `{"source": "s3://lists/urls.jsonl", "scheduled": "2000-01-01T00:00:00Z", "sum": {"of": 4, "execution": "x"}, "list": "\"5d41\" V1"}`
		if _, err := s.Respond(t.Context(), "", []byte(event), 0); err == nil || err.Error() != "the step sum: reading the tallies: AccessDenied" || len(s.datums) > 0 {
			t.Errorf("error %v, published %v", err, names(s.datums))
		}
	})
}
