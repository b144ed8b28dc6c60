package template_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/test/tree"

	"rollcall/internal/check"
	"rollcall/test/alarm"
)

// scenarios are what the table of docs/alarms.md is about, in its order.
func scenarios() []scenario {
	first := func(n int, reason check.Reason) func(*check.Result, int, int, int) {
		return func(r *check.Result, target, _, _ int) {
			if target < n {
				down(r, reason)
			}
		}
	}
	return []scenario{
		{name: "deployment", what: "the alarms are there three minutes before the first run", from: -3, till: 0},
		{name: "up", what: "every target is up"},
		{name: "one blip", what: "one target is down in one run", from: 20, till: 21, spoil: first(1, check.Timeout)},
		{name: "confirmed away", what: "each first attempt of a run fails, each second one succeeds",
			spoil: func(r *check.Result, _, _, attempt int) {
				if attempt == 1 {
					down(r, check.Timeout)
				}
			}},
		{name: "outage", what: "one target of 20 is down for ten runs", spoil: first(1, check.ConnectionRefused)},
		{name: "one of 1,000", what: "one target of 1,000 is down for ten runs", targets: 1000, runs: 40, spoil: first(1, check.ConnectionRefused)},
		{name: "half of them", what: "ten targets of 20 are down for ten runs", spoil: first(10, check.Status)},
		{name: "all of them", what: "every target is down for ten runs, the canary is up", spoil: first(20, check.Timeout)},
		{name: "second outage", what: "one target is down for 30 runs, another for ten of them", from: 20, till: 50, runs: 70, spoil: func(r *check.Result, target, run, _ int) {
			if target == 0 || target == 1 && run >= 30 && run < 40 {
				down(r, check.ConnectionRefused)
			}
		}},
		{name: "chronic", what: "two targets are always down; a third one is for ten runs", spoil: func(r *check.Result, target, run, _ int) {
			if target < 2 || target == 2 && run >= 20 && run < 30 {
				down(r, check.ConnectionRefused)
			}
		}, from: 0, till: 60},
		{name: "degraded", what: "one target is degraded for ten runs", spoil: func(r *check.Result, target, _, _ int) {
			if target == 0 {
				r.State, r.Detail = check.Degraded, "duration < 50 is false"
			}
		}},
		{name: "slow", what: "every target takes 8 s for ten runs", spoil: func(r *check.Result, _, _, _ int) {
			r.Phases.FirstByte, r.Duration = 8*time.Second, 8*time.Second
		}},
		{name: "slow, long list", what: "30 targets of 300 take 8 s for ten runs", targets: 300, runs: 40, spoil: func(r *check.Result, target, _, _ int) {
			if target < 30 {
				r.Phases.FirstByte, r.Duration = 8*time.Second, 8*time.Second
			}
		}},
		{name: "flapping", what: "one target is down in every second run of 20", from: 20, till: 40, spoil: func(r *check.Result, target, run, _ int) {
			if target == 0 && run%2 == 0 {
				down(r, check.ConnectionRefused)
			}
		}},
		{name: "a flapping hour", what: "one target is down for three runs of each five, for an hour", from: 20, till: 80, runs: 120, spoil: func(r *check.Result, target, run, _ int) {
			if target == 0 && run%5 < 3 {
				down(r, check.ConnectionRefused)
			}
		}},
		{name: "missing", what: "no run takes place for ten intervals", absent: true},
		{name: "away", what: "one target is down; no run takes place for four hours meanwhile", from: 20, till: 260, runs: 280, absent: true, always: true, spoil: first(1, check.ConnectionRefused)},
		{name: "half a list", what: "the list has ten targets of 20, for ten runs", short: 10},
		{name: "S3 denies", what: "one target is down for three hours, in which S3 denies access to what is remembered", from: 20, till: 200, runs: 220, forgets: true, spoil: first(1, check.ConnectionRefused)},
		{name: "SNS refuses", what: "one target is down for three hours, in which SNS takes no message of a run", from: 20, till: 200, runs: 220, refuses: true, spoil: first(1, check.ConnectionRefused)},
		{name: "message lost", what: "SNS calls the messages about one target invalid, in whatever form", invalid: true, spoil: first(1, check.ConnectionRefused)},
		{name: "a service refuses", what: "one target is down for ten runs, and a service of `NotifyUrls` refuses what it is sent; then its queue of dead letters is emptied", gone: true, spoil: first(1, check.ConnectionRefused)},
		{name: "one certificate, 400 targets", what: "400 targets show the same certificate, which has five days left, for ten runs", targets: 400, runs: 110, spoil: func(r *check.Result, _, _, _ int) {
			r.Certificate = &check.Certificate{Subject: "CN=shop.example.com", DaysLeft: 5, Verified: true, Fingerprint: [32]byte{1}}
		}},
		{name: "one missing", what: "one run does not take place", from: 20, till: 21, absent: true},
		{name: "late", what: "ten runs start 55 s late, and the metrics take 30 s more", delay: 55 * time.Second, arrives: 30 * time.Second},
		{name: "duplicate", what: "ten events are delivered twice", twice: true},
		{name: "outage, duplicate", what: "the outage, with each event delivered twice", twice: true, spoil: first(1, check.ConnectionRefused)},
		{name: "outage, then blind", what: "one target is down for 20 runs; in the last ten the monitor has no network", from: 20, till: 40, canary: check.Timeout,
			spoil: func(r *check.Result, target, run, _ int) {
				if target == 0 || run >= 30 {
					down(r, check.Timeout)
				}
			}},
		{name: "the monitor's own fault", what: "the function ends with an error for ten runs", crash: true},
		{name: "throttled", what: "Lambda does not let the function run for ten runs", throttled: true},
		{name: "too little time", what: "five checks of 20 end with the run's budget, for ten runs", hang: 5},
		{name: "no network", what: "no target responds, and neither does the canary, for ten runs", spoil: first(20, check.Timeout), canary: check.Timeout},
		{name: "certificate", what: "one certificate has five days left, for ten runs", runs: 110, spoil: func(r *check.Result, target, _, _ int) {
			if target == 0 {
				r.Certificate = &check.Certificate{DaysLeft: 5, Verified: true}
			}
		}},
		{name: "invalid event", what: "the event is not valid for ten runs", wrong: `{"urls": 5}`},
		{name: "stale event", what: "ten events come six minutes late", delay: 6 * time.Minute},
		{name: "access denied", what: "CloudWatch denies access for ten runs, the metrics go out as EMF", denied: true, arrives: 20 * time.Second},
		{name: "a datum lost", what: "one datum a run is refused, for ten runs", lossy: true},
		{name: "beyond the limit", what: "20 targets, ten of them with metrics of their own", limit: 10, from: 0, till: 60},
	}
}

// newWatch watches over the alarms of a stack of template.yaml.
func newWatch(t *testing.T, given map[string]string) *alarm.Watch {
	t.Helper()
	w, err := alarm.Read(readTemplate(t, given).Stack)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// An outcome is what alarms said of a scenario.
type outcome struct {
	scenario
	every    time.Duration
	watch    *alarm.Watch
	messages []arrival // of the runs
}

// messagesOf are the messages among what arrives.
func messagesOf(arrivals []arrival) []arrival {
	return slices.DeleteFunc(slices.Clone(arrivals), func(a arrival) bool { return a.subject == "" })
}

// outcomesOf plays a scenario before the alarms of the template, with runs
// this many minutes apart, once for each number of periods that alarms look at
// beyond their own.
func outcomesOf(t *testing.T, s scenario, minutes int, given map[string]string, beyond ...int) []outcome {
	t.Helper()
	s = s.filled()
	every := time.Duration(minutes) * time.Minute
	arrivals := s.simulate(t, every, "Rollcall/roll")
	all := make([]outcome, len(beyond))
	for i, periods := range beyond {
		parameters := map[string]string{"EveryMinutes": fmt.Sprint(minutes)}
		maps.Copy(parameters, given)
		w := newWatch(t, parameters)
		w.Beyond(periods)
		begin := origin.Add(time.Duration(min(s.from, 0)) * every)
		judge(w, arrivals, begin.Add(time.Minute), origin.Add(time.Duration(s.runs)*every))
		all[i] = outcome{s, every, w, messagesOf(arrivals)}
	}
	return all
}

// outcomeOf is a scenario's outcome with a run a minute.
func outcomeOf(t *testing.T, s scenario) outcome {
	t.Helper()
	return outcomesOf(t, s, 1, nil, 2)[0]
}

// outcomeWith is that of a scenario by its name, with parameters.
func outcomeWith(t *testing.T, name string, given map[string]string) outcome {
	t.Helper()
	all := scenarios()
	i := slices.IndexFunc(all, func(s scenario) bool { return s.name == name })
	if i < 0 {
		t.Fatalf("there is no scenario %q", name)
	}
	s := all[i].filled()
	w := newWatch(t, given)
	arrivals := s.simulate(t, time.Minute, "Rollcall/roll")
	judge(w, arrivals, origin.Add(time.Minute), origin.Add(time.Duration(s.runs)*time.Minute))
	return outcome{s, time.Minute, w, messagesOf(arrivals)}
}

// begins and ends are the scheduled times of the first run in which it happens
// and of the first in which it no longer does.
func (o outcome) begins() time.Time { return origin.Add(time.Duration(o.from) * o.every) }
func (o outcome) ends() time.Time   { return origin.Add(time.Duration(o.till) * o.every) }

// fired lists the changes of an alarm's contributors, or of itself, to a state
// since it began.
func (o outcome) fired(id string, state alarm.State) []alarm.Change {
	var all []alarm.Change
	for _, c := range o.watch.Changes {
		if c.Alarm == id && c.State == state && c.Time.After(o.begins()) && c.Contributor == "" {
			all = append(all, c)
		}
	}
	return all
}

// alarmed returns the alarms that fired at any time.
func (o outcome) alarmed() []string {
	var all []string
	for _, c := range o.watch.Changes {
		if c.State == alarm.Alarm && !slices.Contains(all, c.Alarm) {
			all = append(all, c.Alarm)
		}
	}
	slices.Sort(all)
	return all
}

// tells reports whether an alarm told anybody of its being in ALARM.
func (o outcome) tells(id string) bool {
	return slices.ContainsFunc(o.watch.Notices, func(n alarm.Notice) bool { return n.Alarm == id && n.State == alarm.Alarm })
}

// row is the scenario's row of the table.
func (o outcome) row() string {
	var fires, over []string
	for _, id := range o.watch.Alarms() {
		alarms := o.fired(id, alarm.Alarm)
		if len(alarms) == 0 {
			continue
		}
		cell := fmt.Sprintf("`%s` %s", id, minutesAfter(alarms[0].Time, o.begins()))
		if len(alarms) > 1 {
			cell += fmt.Sprintf(" (%d times)", len(alarms))
		}
		if !o.tells(id) {
			cell += " (no notification)"
		}
		fires = append(fires, cell)
		over = append(over, o.over(id))
	}
	if len(fires) == 0 {
		fires = []string{"none"}
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", o.name, o.what, o.sent(), strings.Join(fires, "<br>"), strings.Join(over, "<br>"))
}

// sent lists the messages of runs: what each says, and when.
func (o outcome) sent() string {
	const most = 6
	var all []string
	for _, m := range o.messages {
		what, _, _ := strings.Cut(m.subject, " (")
		all = append(all, fmt.Sprintf("%s %s", what, minutesAfter(m.at, o.begins())))
	}
	if n := len(all) - most; n > 0 {
		all = append(all[:most], fmt.Sprintf("and %d more", n))
	}
	return strings.Join(all, "<br>")
}

func (o outcome) over(id string) string {
	if o.watch.State(id) == alarm.Alarm {
		return "stays"
	}
	all := o.fired(id, alarm.OK)
	if len(all) == 0 {
		return "–"
	}
	return minutesAfter(all[len(all)-1].Time, o.ends())
}

func minutesAfter(at, then time.Time) string {
	return fmt.Sprintf("%d min", int(at.Sub(then).Minutes()))
}

// The table of docs/alarms.md is written by this test when UPDATE is set in
// its environment.
func TestAlarmTableIsCurrent(t *testing.T) {
	var table strings.Builder
	table.WriteString("| Scenario | What happens | Messages of runs, after it begins | Alarms that fire, after it begins | Are over, after it ends |\n|---|---|---|---|---|\n")
	var fired []string
	for _, s := range scenarios() {
		o := outcomeOf(t, s)
		table.WriteString(o.row())
		fired = append(fired, o.alarmed()...)
	}
	for _, id := range newWatch(t, nil).Alarms() {
		if !slices.Contains(fired, id) {
			t.Errorf("%s fires in no scenario: does it look at a metric that is there?", id)
		}
	}
	_, stopped := twoStacks(t)
	table.WriteString(stopped.row())
	tree.Current(t, "docs/alarms.md", map[string]string{"alarms": table.String()}, "AlarmTable")
}

// What is notified of runs in parts, whose steps are those of the state machine.
func TestPartsTableIsCurrent(t *testing.T) {
	given := map[string]string{"Parts": "4", "Source": "s3://lists/urls.json"}
	lost := func(of ...string) func(string) bool {
		return func(event string) bool {
			return slices.ContainsFunc(of, func(what string) bool { return strings.Contains(event, what) })
		}
	}
	outage := func(r *check.Result, target, _, _ int) {
		if target == 0 {
			down(r, check.ConnectionRefused)
		}
	}
	var table strings.Builder
	table.WriteString("| Scenario | What happens | Messages of runs, after it begins | Alarms that fire, after it begins | Are over, after it ends |\n|---|---|---|---|---|\n")
	for _, test := range []struct {
		scenario
		silent bool     // nothing is notified
		meant  []string // the alarms that notify
	}{
		{scenario: scenario{name: "all is well", what: "every part is there"}, silent: true},
		{scenario: scenario{name: "outage", what: "one target is down for ten runs", spoil: outage}},
		{scenario: scenario{name: "one part, once", what: "one part of four is lost in one run", till: 21, loses: lost(`"index":1`)}, silent: true},
		{scenario: scenario{name: "one part", what: "one part of four is lost in ten runs", loses: lost(`"index":1`)}, meant: []string{"NotRunningAlarm", "UnhealthyAlarm", "NotCheckedAlarm"}},
		{scenario: scenario{name: "half of them, outage", what: "two parts of four are lost in ten runs; one target of another part is down", loses: lost(`"index":1`, `"index":3`), spoil: outage},
			meant: []string{"NotRunningAlarm", "UnhealthyAlarm", "NotCheckedAlarm"}},
		{scenario: scenario{name: "the sum", what: "the last step fails in ten runs; one target is down", loses: lost(`"sum":`), spoil: outage}, meant: []string{"NotRunningAlarm", "ErrorsAlarm"}},
		{scenario: scenario{name: "the first step", what: "it fails in ten runs", loses: lost(`"begin":`)}, meant: []string{"NotRunningAlarm", "ErrorsAlarm"}},
	} {
		s := test.scenario
		s.runs, s.from, s.till = 50, 20, or(s.till, 30)
		s.steps = partsOf(t, map[string]string{"Parts": given["Parts"], "Source": given["Source"], "EveryMinutes": "5"})
		o := outcomesOf(t, s, 5, given, 2)[0]
		table.WriteString(o.row())
		var notified []string
		for _, id := range o.alarmed() {
			if o.tells(id) {
				notified = append(notified, id)
			}
		}
		if test.silent && len(notified)+len(o.messages) > 0 {
			t.Errorf("%s: %v and %d messages", s.name, notified, len(o.messages))
		}
		for _, id := range test.meant {
			if !slices.Contains(notified, id) {
				t.Errorf("%s: %s does not notify, %v do", s.name, id, notified)
			}
		}
		if down := s.spoil != nil && !strings.Contains(s.what, "last step"); down != (len(o.messages) > 0) {
			t.Errorf("%s: %d messages", s.name, len(o.messages))
		}
	}
	tree.Current(t, "docs/alarms.md", map[string]string{"parts": table.String()}, "PartsTable")
}

// When an outage is notified, by the interval.
func TestIntervalTableIsCurrent(t *testing.T) {
	outage := scenarios()[slices.IndexFunc(scenarios(), func(s scenario) bool { return s.name == "outage" })]
	var table strings.Builder
	table.WriteString("| Minutes between runs | Runs | A message, after the first run that sees it | Without messages, the alarm |\n|---|---|---|---|\n")
	for _, minutes := range []int{1, 2, 5, 10, 15, 60} {
		every := time.Duration(minutes) * time.Minute
		o := outcomesOf(t, outage, minutes, map[string]string{"History": "false"}, 2)[0]
		fired := o.fired("DownAlarm", alarm.Alarm)
		if len(fired) == 0 || len(o.messages) < 2 {
			t.Fatalf("every %d minutes: %d alarms, %d messages", minutes, len(fired), len(o.messages))
		}
		a := alertOf(t, every)
		fmt.Fprintf(&table, "| %d | %d of %d | %s | %s |\n", minutes, a.Runs, a.Window, minutesAfter(o.messages[0].at, o.begins()), minutesAfter(fired[0].Time, o.begins()))
	}
	tree.Current(t, "docs/alarms.md", map[string]string{"intervals": table.String()}, "IntervalTable")
}

// What must be so, whatever the interval, and however far an alarm looks
// beyond its periods: silence where nothing is wrong, and the alarm that is
// meant where something is.
func TestAlarmsAreRight(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	quiet := []string{"up", "one blip", "confirmed away", "one missing", "late", "duplicate"}
	meant := map[string]string{
		"outage": "DownAlarm", "one of 1,000": "DownAlarm", "half of them": "DownAlarm", "all of them": "DownAlarm",
		"outage, duplicate": "DownAlarm", "outage, then blind": "DownAlarm", "flapping": "FlappingAloneAlarm",
		"missing": "NotRunningAlarm", "the monitor's own fault": "NotRunningAlarm", "invalid event": "NotRunningAlarm",
	}
	for _, minutes := range []int{1, 60} {
		for _, s := range scenarios() {
			if !slices.Contains(quiet, s.name) && meant[s.name] == "" || s.targets > 0 && minutes > 1 {
				continue
			}
			if minutes > 10 && (s.name == "one blip" || s.name == "flapping") { // one run is enough
				continue
			}
			for _, o := range outcomesOf(t, s, minutes, map[string]string{"History": "false"}, 0, 2) {
				where := fmt.Sprintf("every %d minutes, %s", minutes, s.name)
				if id := meant[s.name]; id != "" && !o.tells(id) {
					t.Errorf("%s: %s sends no notification", where, id)
				}
				if slices.Contains(quiet, s.name) && len(o.alarmed()) > 0 {
					t.Errorf("%s: %v fired", where, o.alarmed())
				}
			}
		}
	}
}

// An alarm that is green while it is still so is worse than none.
func TestAlarmsStayInAnOutage(t *testing.T) {
	for _, name := range []string{"outage", "all of them", "outage, then blind", "missing"} {
		for _, s := range scenarios() {
			if s.name != name {
				continue
			}
			o := outcomeOf(t, s)
			for _, c := range o.watch.Changes {
				if c.From == alarm.Alarm && c.Time.After(o.begins()) && c.Time.Before(o.ends()) {
					t.Errorf("%s: %s went to %s %v after it began, of %v", name, c.Alarm, c.State, c.Time.Sub(o.begins()), o.ends().Sub(o.begins()))
				}
			}
		}
	}
}

// What a parameter adds does what it is there for. A notice is an alarm with
// its contributor, in the order of time.
func TestChoicesAreRight(t *testing.T) {
	quiet := map[string]string{"History": "false"}
	tests := []struct {
		name   string
		given  map[string]string
		alarms []string // of whose notices of ALARM we speak
		want   string
	}{
		// Without messages the alarms notify, and flapping never beside an outage.
		{"outage", quiet, []string{"DownAlarm", "FlappingAlarm", "FlappingAloneAlarm"}, "DownAlarm after 3 min"},
		{"flapping", quiet, []string{"DownAlarm", "FlappingAlarm", "FlappingAloneAlarm"}, "FlappingAloneAlarm after 12 min"},
		{"degraded", quiet, []string{"DegradedAlarm"}, "DegradedAlarm after 3 min"},
		{"certificate", quiet, []string{"CertificateAlarm"}, "CertificateAlarm after 1 min"},
		// With messages they don't, unless those can't be written or sent.
		{"outage", nil, []string{"DownAlarm", "FlappingAlarm", "UntoldAlarm"}, ""},
		{"degraded", nil, []string{"DegradedAlarm", "UntoldAlarm"}, ""},
		{"S3 denies", nil, []string{"DownAlarm", "HistoryFailedAlarm", "UntoldAlarm"}, "HistoryFailedAlarm after 2 min, UntoldAlarm after 3 min"},
		{"SNS refuses", nil, []string{"DownAlarm", "MessagesUntoldAlarm", "UntoldAlarm"}, "MessagesUntoldAlarm after 13 min, UntoldAlarm after 13 min"},
		{"outage", map[string]string{"MaintenanceCron": "cron(15 0 * * *)", "MaintenanceDuration": "PT30M", "History": "false"}, []string{"DownAlarm", "FlappingAlarm", "FlappingAloneAlarm"}, ""},
		{"missing", map[string]string{"MaintenanceCron": "cron(15 0 * * *)", "MaintenanceDuration": "PT30M"}, []string{"NotRunningAlarm"}, "NotRunningAlarm after 5 min"},
	}
	for _, tt := range tests {
		o := outcomeWith(t, tt.name, tt.given)
		var got []string
		for _, n := range o.watch.Notices {
			if n.State == alarm.Alarm && slices.Contains(tt.alarms, n.Alarm) {
				words := strings.Fields(n.Alarm + " " + n.Contributor + " after " + minutesAfter(n.Time, o.begins()))
				got = append(got, strings.Join(words, " "))
			}
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%s with %v: %s; want %s", tt.name, tt.given, strings.Join(got, ", "), tt.want)
		}
	}
}

// Two stacks in one account: one's runs end, and only its alarm fires.
func TestOnlyTheStoppedStackAlarms(t *testing.T) {
	goesOn, stopped := twoStacks(t)
	if got := goesOn.alarmed(); len(got) > 0 {
		t.Errorf("the stack that goes on has %v", got)
	}
	if got := stopped.alarmed(); !slices.Contains(got, "NotRunningAlarm") {
		t.Errorf("the stack that stopped has %v, want NotRunningAlarm", got)
	}
}

// twoStacks are watched over together, and one's runs end.
func twoStacks(t *testing.T) (goesOn, stopped outcome) {
	t.Helper()
	goes := scenario{}.filled()
	stops := scenario{name: "two stacks", what: "of two stacks in one account one runs no more; only its alarms fire", absent: true, from: 20, till: 60}.filled()
	arrivals := append(goes.simulate(t, time.Minute, "Rollcall/one"), stops.simulate(t, time.Minute, "Rollcall/two")...)
	slices.SortStableFunc(arrivals, func(a, b arrival) int { return a.at.Compare(b.at) })
	goesOn = outcome{scenario: goes, every: time.Minute, watch: newWatch(t, map[string]string{"AWS::StackName": "one"})}
	stopped = outcome{scenario: stops, every: time.Minute, watch: newWatch(t, map[string]string{"AWS::StackName": "two"})}
	for _, o := range []outcome{goesOn, stopped} {
		judge(o.watch, arrivals, origin.Add(time.Minute), origin.Add(time.Hour))
	}
	return goesOn, stopped
}

// After a deployment the first run may be an interval and a minute away. Nothing
// fires until then: a new stack warms up.
func TestDeploymentFiresNothing(t *testing.T) {
	for _, minutes := range []int{1, 5, 60} {
		every := time.Duration(minutes) * time.Minute
		w := newWatch(t, map[string]string{"EveryMinutes": fmt.Sprint(minutes)})
		judge(w, scenario{}.simulate(t, every, "Rollcall/roll"), origin.Add(-every-time.Minute), origin.Add(20*every))
		o := outcome{watch: w}
		for _, id := range o.alarmed() {
			t.Errorf("every %d minutes: a deployment fires %s", minutes, id)
		}
	}
}

// A new stack whose schedule never starts fires when it has warmed up.
func TestAStackThatNeverRunsFires(t *testing.T) {
	for minutes, within := range map[int]int{1: 6, 5: 15, 60: 130} {
		w := newWatch(t, map[string]string{"EveryMinutes": fmt.Sprint(minutes)})
		judge(w, nil, origin, origin.Add(time.Duration(within)*time.Minute))
		if w.State("NotRunningAlarm") != alarm.Alarm {
			t.Errorf("every %d minutes: %d minutes after a deployment without a run NotRunningAlarm is %s", minutes, within, w.State("NotRunningAlarm"))
		}
	}
}

// noise is 1,000 runs of 100 targets of which each single attempt fails with a
// chance of 2 %. Beside it one target is down in outages of one to ten runs, if
// asked for.
func noise(seed uint64, outages []stretch) scenario {
	random := rand.New(rand.NewPCG(seed, 2))
	const runs, targets, attempts = 1000, 100, 2
	var fails [runs][targets][attempts]bool
	for run := range fails {
		for target := range fails[run] {
			for attempt := range fails[run][target] {
				fails[run][target][attempt] = random.Float64() < 0.02
			}
		}
	}
	return scenario{targets: targets, runs: runs, from: 0, till: runs, spoil: func(r *check.Result, target, run, attempt int) {
		out := slices.ContainsFunc(outages, func(s stretch) bool { return target == 7 && run >= s.from && run < s.till })
		if out || fails[run][target][attempt-1] {
			down(r, check.Timeout)
		}
	}}
}

// A stretch is of runs: from, and till without that one.
type stretch struct{ from, till int }

// With the sweep's own confirmation noise fires no alarm. How often it would
// fire DownAlarm by its M of N stands in docs/alarms.md, which this test writes
// when UPDATE is set.
func TestNoiseFiresNoAlarm(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	const seeds = 3
	var played [seeds][]arrival
	for seed := range played {
		played[seed] = noise(uint64(seed+1), nil).simulate(t, time.Minute, "Rollcall/roll")
		w := newWatch(t, nil)
		judge(w, played[seed], origin.Add(time.Minute), origin.Add(1000*time.Minute))
		if got := (outcome{watch: w}).alarmed(); len(got) > 0 {
			t.Errorf("seed %d: %v fired: %+v", seed+1, got, w.Changes)
		}
		played[seed] = only(played[seed], "Down")
	}
	tree.Current(t, "docs/alarms.md", map[string]string{"noise": noiseTable(t, played[:])}, "NoiseIsNoAlarm")
}

// only leaves one metric over all, so that a thousand runs are judged quickly.
func only(arrivals []arrival, metric string) []arrival {
	var all []arrival
	for _, a := range arrivals {
		other := func(d alarm.Datum) bool { return d.Metric != metric || len(d.Dimensions) > 0 }
		all = append(all, arrival{at: a.at, datums: slices.DeleteFunc(slices.Clone(a.datums), other)})
	}
	return all
}

// Every outage of as many runs as the alarm wants is one, amid the noise, and
// no later than the run after the last it wants.
func TestOutagesInNoiseAreAlarmed(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	wants := number(t, readTemplate(t, nil).resource("DownAlarm")["DatapointsToAlarm"])
	var outages []stretch
	for i := range 40 {
		from := 20 + i*24
		outages = append(outages, stretch{from, from + 1 + i%10})
	}
	o := outcomeOf(t, noise(1, outages))
	fired := o.fired("DownAlarm", alarm.Alarm)
	for _, s := range outages {
		if s.till-s.from < wants {
			continue
		}
		first, last := origin.Add(time.Duration(s.from)*time.Minute), origin.Add(time.Duration(s.from+wants+1)*time.Minute)
		if !slices.ContainsFunc(fired, func(c alarm.Change) bool { return c.Time.After(first) && !c.Time.After(last) }) {
			t.Errorf("the outage of the runs %d to %d was not alarmed by %v", s.from, s.till-1, last)
		}
	}
	for _, c := range fired {
		at := int(c.Time.Sub(origin) / time.Minute)
		if !slices.ContainsFunc(outages, func(s stretch) bool { return at > s.from && at <= s.till+1 }) {
			t.Errorf("an alarm after %d runs, where no outage is", at)
		}
	}
}

// noiseTable says how often DownAlarm fires, by its M of N.
func noiseTable(t *testing.T, played [][]arrival) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "| `AlarmRuns` of `AlarmWindow` | False alarms in %d,000 runs | An outage is reported after |\n|---|---|---|\n", len(played))
	for _, given := range [][2]string{{"1", "3"}, {"2", "3"}, {"2", "5"}, {"3", "3"}, {"3", "4"}, {"3", "5"}} {
		alarms := 0
		for _, arrivals := range played {
			w := newWatch(t, map[string]string{"AlarmRuns": given[0], "AlarmWindow": given[1]})
			judge(w, arrivals, origin.Add(time.Minute), origin.Add(1000*time.Minute))
			alarms += len((outcome{watch: w, every: time.Minute}).fired("DownAlarm", alarm.Alarm))
		}
		fmt.Fprintf(&b, "| %s of %s | %d | %s min |\n", given[0], given[1], alarms, given[0])
	}
	return b.String()
}
