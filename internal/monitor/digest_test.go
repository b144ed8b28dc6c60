package monitor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
)

func ExampleProblems() {
	s := &Summary{Results: []check.Result{
		{State: check.Up}, {State: check.NotChecked, Reason: check.Unstarted},
		{State: check.Down, Reason: check.Timeout}, {State: check.Down, Reason: check.Status, Status: 404},
		{State: check.Down, Reason: check.Status, Status: 404, Duration: time.Second},
		{State: check.Degraded, Reason: check.Expectation, Status: 200},
	}}
	problems, n := Problems(s.UrgentFirst())
	for _, p := range problems {
		fmt.Println(len(p.Results), p)
	}
	fmt.Println(n, "are not up; the slowest 404 took", problems[0].Results[0].Duration)
	// Output:
	// 2 status 404
	// 1 timeout
	// 1 expectation (degraded)
	// 1 not_checked
	// 5 are not up; the slowest 404 took 1s
}

func TestCertificates(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	with := func(name, subject string, days float64, reason check.Reason) check.Result {
		return check.Result{Name: name, Reason: reason, Certificate: &check.Certificate{Subject: subject, DaysLeft: days, NotAfter: noon.Add(time.Duration(days * 24 * float64(time.Hour)))}}
	}
	s := &Summary{Results: []check.Result{
		{Name: "plain"}, with("b", "B", 20, check.OK), with("a", "A", 13.9, check.OK), with("b2", "B", 20, check.OK), with("a2", "A", 13.9, check.OK),
		with("old", "O", -.5, check.TLSExpired), with("unverified", "U", -3, check.OK), with("last", "L", 14, check.OK),
	}}
	list := func(all []Certificate) (got string) {
		for _, c := range all {
			got += fmt.Sprintf("%s %d days of %d; ", c.First.Name, c.Days(), c.Targets)
		}
		return got
	}
	if got, want := list(s.Certificates()), "unverified -3 days of 1; old -1 days of 1; a 13 days of 2; last 14 days of 1; b 20 days of 2; "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := list(Expiring(s.Certificates())), "unverified -3 days of 1; a 13 days of 2; "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestResponses(t *testing.T) {
	measured := func(state check.State, complete bool, took time.Duration) check.Result {
		return check.Result{State: state, Complete: complete, Attempts: 1, Duration: took}
	}
	s := &Summary{Results: []check.Result{
		measured(check.Up, false, 3), measured(check.Down, false, 10), measured(check.Down, true, 1), measured(check.Degraded, false, 2),
		{State: check.Up, Phases: check.NoPhases(), Attempts: 1}, {State: check.Up},
	}}
	if got := fmt.Sprint(s.Responses()); got != "[1ns 2ns 3ns]" {
		t.Errorf("got %s", got)
	}
}

func TestSlow(t *testing.T) {
	results := func(took ...time.Duration) (s Summary) {
		for i, d := range took {
			s.Results = append(s.Results, check.Result{Name: fmt.Sprint(i), State: check.Up, Attempts: 1, Duration: d})
		}
		return s
	}
	const ms = time.Millisecond
	for _, test := range []struct {
		name string
		Summary
		want string
	}{
		{"none", results(), ""},
		{"one", results(9000 * ms), ""},
		{"all alike", results(5000*ms, 5000*ms, 5000*ms, 5000*ms), ""},
		{"less than a second", results(10*ms, 10*ms, 10*ms, 10*ms, 999*ms), ""},
		{"a second", results(10*ms, 10*ms, 10*ms, 10*ms, 1000*ms), "4"},
		{"less than three times", results(500*ms, 500*ms, 500*ms, 500*ms, 1499*ms), ""},
		{"the slowest first", results(10*ms, 2000*ms, 10*ms, 10*ms, 10*ms, 10*ms, 10*ms, 3000*ms), "7 1"},
	} {
		var names []string
		for _, r := range test.Slow() {
			names = append(names, r.Name)
		}
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	s := results(10*ms, 10*ms, 10*ms, 10*ms, 9000*ms)
	if s.Results[4].State = check.Degraded; len(s.Slow()) != 0 {
		t.Error("what is degraded has its reason already")
	}
}
