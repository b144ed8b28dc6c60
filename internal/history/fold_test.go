package history

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 30, 14, 0, 0, 0, time.UTC)

// A play folds runs a minute apart and tells at once what is to be told.
type play struct {
	t        testing.TB
	known    *Document
	minute   time.Time
	interval time.Duration
	change   func(*Run) // of each run, before it is folded; nil: nothing
	offline  bool       // nothing is accepted
	told     []string   // minute, state and target of each message
}

func newPlay(t testing.TB) *play {
	return &play{t: t, minute: start, interval: time.Minute}
}

// runs folds one run for each letter: each string is one target's, which is named
// after it by a letter from "a" on. A point is up, D is down, d degraded, - not
// checked, _ not in the list, and M down under maintenance, m up under it.
func (p *play) runs(targets ...string) *play {
	p.t.Helper()
	for i := range targets[0] {
		run := Run{Minute: p.minute, Interval: p.interval, Fresh: true, Limit: 100, Certificate: 14}
		for n, letters := range targets {
			t := Target{Name: string(rune('a' + n)), Group: "g", Reason: "ok"}
			switch letters[i] {
			case '.', 'm':
				t.State = Up
			case 'D', 'M':
				t.State, t.Reason = Down, "status"
			case 'd':
				t.State, t.Reason = Degraded, "expectation"
			case '-':
				t.State = NotChecked
			case '_':
				continue
			}
			t.Maintenance = strings.ContainsRune("mM", rune(letters[i]))
			run.Targets = append(run.Targets, t)
		}
		p.fold(run)
	}
	return p
}

func (p *play) fold(run Run) {
	if p.change != nil {
		p.change(&run)
	}
	p.known, _, _ = Fold(p.known, &run)
	claimed, entries, _ := p.known.Claim("r", p.minute)
	if p.offline {
		p.known = claimed.Settle("r", nil, entries, nil, p.minute)
	} else {
		p.known = claimed.Settle("r", entries, nil, nil, p.minute)
		for _, e := range entries {
			p.told = append(p.told, p.minute.Format("15:04")+" "+line(e.Change))
		}
	}
	p.minute = p.minute.Add(p.interval)
}

func line(c Change) string {
	s := fmt.Sprint(c.State, " ", c.Target)
	if c.Target == "" {
		s = fmt.Sprint(c.State, " ", c.Level, " ", c.Targets)
	}
	for word, is := range map[string]bool{"missed": c.Missed, "reminder": c.Reminder, "maintenance": c.Maintenance, "unknown": c.Unknown} {
		if is {
			s += " " + word
		}
	}
	return s
}

func (p *play) want(told ...string) *play {
	p.t.Helper()
	if !reflect.DeepEqual(p.told, told) {
		p.t.Errorf("told\n  %s\nwant\n  %s", strings.Join(p.told, "\n  "), strings.Join(told, "\n  "))
	}
	p.told = nil
	return p
}

// When what is reported: one target or two, a letter a minute.
func TestReported(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		targets []string
		change  func(*Run)
		want    []string
	}{
		"three in a row":                                  {[]string{"DDDD.."}, nil, []string{"14:02 down a", "14:05 up a"}},
		"two are not three":                               {[]string{"DD.DD.DD"}, nil, nil},
		"two of three":                                    {[]string{"D.D.."}, func(r *Run) { r.Alert = Alert{Runs: 2, Window: 3} }, []string{"14:02 down a", "14:04 up a"}},
		"it opens only when it fails":                     {[]string{"DD.D"}, func(r *Run) { r.Alert = Alert{Runs: 2, Window: 4} }, []string{"14:01 down a"}},
		"one up is not the end":                           {[]string{"DDD.D.D"}, nil, []string{"14:02 down a"}},
		"not checked says nothing":                        {[]string{"D-D-D.-."}, nil, []string{"14:04 down a", "14:07 up a"}},
		"verdicts grow old":                               {[]string{"DD----D"}, nil, nil},
		"a second one during the first":                   {[]string{"DDDDDD..", "..DDD..."}, nil, []string{"14:02 down a", "14:04 down b", "14:06 up b", "14:07 up a"}},
		"degraded is reported, too":                       {[]string{"ddd.."}, nil, []string{"14:02 degraded a", "14:04 up a"}},
		"worse at once":                                   {[]string{"dddD"}, nil, []string{"14:02 degraded a", "14:03 down a"}},
		"better by the rule of closing":                   {[]string{"DDDddd.."}, nil, []string{"14:02 down a", "14:04 degraded a", "14:07 up a"}},
		"degraded for one run":                            {[]string{"DDDdDd.."}, nil, []string{"14:02 down a", "14:07 up a"}},
		"opens as what it was for two runs":               {[]string{"DDd."}, nil, []string{"14:02 down a"}},
		"an hourly run is the end":                        {[]string{"D."}, hourly, []string{"14:00 down a", "14:01 up a"}},
		"no alert":                                        {[]string{"DDDDD"}, func(r *Run) { r.Alert.Off = true }, nil},
		"maintenance":                                     {[]string{"MMMMM.."}, nil, nil},
		"through maintenance":                             {[]string{"MMMMDD"}, nil, []string{"14:04 down a maintenance"}},
		"recovered when maintenance ended":                {[]string{"MMMM-.."}, nil, nil},
		"recovered under maintenance, told of it at once": {[]string{"DDDmmm"}, nil, []string{"14:02 down a", "14:04 up a"}},
		"removed":                  {[]string{"DDD____", "......."}, nil, []string{"14:02 down a", "14:05 removed a"}},
		"removed for two runs":     {[]string{"DDD__D..", "........"}, nil, []string{"14:02 down a", "14:07 up a"}},
		"removed from an old list": {[]string{"DDD_____", "........"}, func(r *Run) { r.Fresh = len(r.Targets) == 2 }, []string{"14:02 down a"}},
		"half of the list is gone": {[]string{"DDD_____", "........", "...._____", "...._____", "...._____"}, nil, []string{"14:02 down a"}},
		"without a network":        {[]string{"DDDDDD"}, func(r *Run) { r.Blind = r.Minute.Before(start.Add(3 * time.Minute)) }, []string{"14:05 down a"}},
		"a reminder":               {[]string{"DDDDD-DDDD.."}, func(r *Run) { r.Alert.Remind = 3 * time.Minute }, []string{"14:02 down a", "14:06 down a reminder", "14:09 down a reminder", "14:11 up a"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlay(t)
			p.change = test.change
			p.runs(test.targets...).want(test.want...)
		})
	}
}

func hourly(r *Run) { r.Interval, r.Alert = time.Hour, Alert{Runs: 1, Window: 1} }

// One that opens again soon is the same incident; its end is reported after fifteen
// minutes of up.
func TestFlapping(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.runs("DDD....").want("14:02 down a", "14:04 up a")
	p.runs("DDD..").want("14:09 down a")
	p.runs("DDD..").runs("DDD..").want() // problems are known, recoveries held back
	if inc := p.known.Incidents; len(inc) != 1 || inc[0].Times != 3 || inc[0].Since != start || inc[0].Again != start.Add(17*time.Minute) {
		t.Errorf("%+v", inc)
	}
	p.runs(strings.Repeat(".", 13)).want()
	p.runs(".").want("14:35 up a")
	p.runs(strings.Repeat(".", 31))
	p.runs("DDD").want("15:09 down a")
	if inc := p.known.Incidents; len(inc) != 1 || inc[0].Times != 0 || inc[0].Since != start.Add(67*time.Minute) {
		t.Errorf("after half an hour it is another one: %+v", inc)
	}
}

// What no topic accepted is reported later, as what it is by then.
func TestOutbox(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.offline = true
	p.runs("DDDD", ".ddd", "....")
	if n := len(p.known.Outbox); n != 2 {
		t.Fatalf("%d entries", n)
	}
	p.runs("..", "dd", "..")
	p.offline = false
	p.runs(".", "d", ".").want("14:06 degraded b", "14:06 up a missed")
	p.offline = true
	p.runs("...", "DDD", "...") // worse
	p.runs("...", "ddd", "...") // and back to what is known
	if n := len(p.known.Outbox); n != 0 {
		t.Errorf("%d entries of what is known: %+v", n, p.known.Outbox)
	}
	p.offline = false
	p.runs("..", "..", "..").want("14:14 up b")
}

func TestIDs(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.change = func(r *Run) {
		r.Targets[0].Name = "checkout"
		r.Targets[0].Fingerprint, r.Targets[0].DaysLeft = "0123456789abcdef", 6.5
	}
	p.runs(".DDD")
	var ids []string
	for _, inc := range p.known.OpenIncidents() {
		ids = append(ids, inc.ID)
	}
	if want := []string{"0123456789ab-20261130T1400Z-certificate", "c7761e58969f-20261130T1401Z"}; !reflect.DeepEqual(ids, want) {
		t.Errorf("%q, want %q", ids, want)
	}
}

// A certificate is reported once at each threshold, whatever the number of targets.
func TestCertificates(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	days, fingerprint := 14.2, "c0ffee0123456789"
	p.change = func(r *Run) {
		for i := range r.Targets {
			r.Targets[i].Fingerprint, r.Targets[i].DaysLeft = fingerprint, days
		}
	}
	p.runs("..", "..").want()
	days = 13.9
	p.runs("..", "..").want("14:02 certificate 14 [a b]")
	days = 7
	p.runs("..", "..").want()
	days = 2.9 // two thresholds at once
	p.runs("..", "..").want("14:06 certificate 3 [a b]")
	days = 0.5
	p.runs("MM", "mm").want()
	p.runs("..", "..").want("14:10 certificate 1 [a b] maintenance")
	days, fingerprint = 90, "decaf0123456789a"
	p.runs(strings.Repeat("D", 3), strings.Repeat("-", 3)) // says nothing
	p.known.Incidents = p.known.Incidents[:1]
	p.told = nil
	p.runs(strings.Repeat(".", 60), strings.Repeat(".", 60)).want()
	p.runs(".", ".").want("15:15 up 1 [a b]")
}

// Each day is counted, and closed with percentiles; what nobody saw is a gap.
func TestDays(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.minute = time.Date(2026, 11, 30, 23, 50, 0, 0, time.UTC)
	p.change = func(r *Run) {
		for i := range r.Targets {
			r.Targets[i].Duration = time.Duration(40+i) * time.Millisecond
		}
	}
	p.runs("..D-m", ".....")
	if c := p.known.Today.All; c.Up+c.Degraded != 7 || c.Down != 1 {
		t.Errorf("counts of today: %+v", c)
	}
	p.minute = time.Date(2026, 12, 3, 0, 30, 0, 0, time.UTC)
	p.runs("..", "..")
	var dates []string
	for _, d := range p.known.Closed {
		dates = append(dates, fmt.Sprint(d.Date, " ", d.Runs, " ", d.Uncovered))
	}
	if want := []string{"2026-11-30 5 1436", "2026-12-01 0 1440", "2026-12-02 0 1440"}; !reflect.DeepEqual(dates, want) {
		t.Errorf("%q, want %q", dates, want)
	}
	a := p.known.Closed[0].Targets["a"]
	if want := (Counts{Up: 2, Down: 1, NotChecked: 1, Maintenance: 1, P50: 39.9, P95: 39.9}); !reflect.DeepEqual(*a, want) {
		t.Errorf("%+v, want %+v", *a, want)
	}
	if today := p.known.Today; today.Date != "2026-12-03" || today.Runs != 2 || today.Uncovered != 30 {
		t.Errorf("%+v", today)
	}
	var past Past
	past.Add(p.known.Closed)
	past.Add(p.known.Closed) // written again
	if len(past.Days) != 3 {
		t.Errorf("%d days", len(past.Days))
	}
}

// The sketch is 2 % exact and adds up.
func TestSketch(t *testing.T) {
	t.Parallel()
	var all, odd, even Sketch
	for i := range 10_000 {
		d := time.Duration(i+1) * time.Millisecond
		all.Add(d)
		if i%2 == 0 {
			even.Add(d)
		} else {
			odd.Add(d)
		}
	}
	odd.Merge(even)
	if !reflect.DeepEqual(all, odd) {
		t.Error("the parts are not the whole")
	}
	for percent, want := range map[int]float64{50: 5000, 95: 9500, 100: 10000} {
		if got := all.Percentile(percent); got < 0.98*want || got > 1.021*want {
			t.Errorf("p%d = %v, want %v", percent, got, want)
		}
	}
	var none Sketch
	if got := none.Percentile(50); got != 0 {
		t.Errorf("of nothing %v", got)
	}
}

// The time in which nobody looked is written into what is reported.
func TestGaps(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.runs("DDD").want("14:02 down a")
	p.minute = start.Add(4 * time.Hour)
	p.runs(".")
	known, changes, _ := Fold(p.known, &Run{Minute: p.minute, Interval: time.Minute, Targets: []Target{{Name: "a", Group: "g", State: Up}}})
	c := changes[0]
	if c.After != start.Add(2*time.Minute) || c.Ended != start.Add(4*time.Hour) || len(c.Gaps) != 1 || len(known.Outbox) != 1 {
		t.Errorf("%+v", c)
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.runs("D.")
	run := Run{Minute: start.Add(time.Minute), Interval: time.Minute, Targets: []Target{{Name: "a", State: Down}}}
	if known, changes, outcome := Fold(p.known, &run); outcome != Same || known != p.known || changes != nil {
		t.Errorf("the same minute is %s", outcome)
	}
	run.Minute = start
	if known, changes, outcome := Fold(p.known, &run); outcome != Older || known.Older != 1 || changes != nil {
		t.Errorf("an older one is %s", outcome)
	}
	if Ahead(start.Add(5*time.Minute), start) || !Ahead(start.Add(6*time.Minute), start) {
		t.Error("ahead")
	}
}

// What has no room in the outbox is a number for each group; small groups keep all
// of theirs, and every change is counted once.
func TestManyChanges(t *testing.T) {
	t.Parallel()
	run := Run{Minute: start, Interval: time.Minute, Fresh: true, Limit: 10, Alert: Alert{Runs: 1, Window: 1}}
	sizes := map[string]int{"big": 3000, "middle": 1900, "small": 100}
	for _, group := range []string{"big", "small", "middle"} {
		for i := range sizes[group] {
			run.Targets = append(run.Targets, Target{Name: fmt.Sprint(group, i), Group: group, State: Down})
		}
	}
	known, changes, _ := Fold(nil, &run)
	counted, kept := map[string]int{}, map[string]int{}
	for _, e := range known.Outbox {
		counted[e.Group]++
		kept[e.Group]++
	}
	for _, m := range known.More {
		counted[m.Group] += m.Count
	}
	if !reflect.DeepEqual(counted, sizes) || len(known.Outbox) != maxOutbox || kept["small"] != 100 || kept["big"] < 400 || kept["middle"] < 400 {
		t.Errorf("%v are counted, of which %v are kept", counted, kept)
	}
	if len(changes) != maxOutbox {
		t.Errorf("%d changes", len(changes))
	}
	untold := 0
	for _, inc := range known.Incidents {
		if inc.Told == "" {
			untold++
		}
	}
	if untold != maxOutbox {
		t.Errorf("%d of %d incidents are not told", untold, len(known.Incidents))
	}
	claimed, entries, more := known.Claim("a", start)
	if _, others, numbers := claimed.Claim("b", start.Add(claimFor-time.Second)); len(others)+len(numbers) > 0 {
		t.Errorf("another run claims %d entries and %d numbers", len(others), len(numbers))
	}
	if _, others, numbers := claimed.Claim("b", start.Add(claimFor)); len(others) != len(entries) || len(numbers) != len(more) {
		t.Errorf("later it claims %d entries and %d numbers", len(others), len(numbers))
	}
	if settled := claimed.Settle("a", entries, nil, more, start); len(settled.Outbox)+len(settled.More) > 0 {
		t.Errorf("%d entries and %d numbers are left", len(settled.Outbox), len(settled.More))
	}
	if n := claimed.Untold(start.Add(11 * time.Minute)); n != 5000 {
		t.Errorf("%d untold", n)
	}
}
