package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
)

func TestStatistics(t *testing.T) {
	var s statistics
	for round := range 2000 {
		summary := &monitor.Summary{VantageUnhealthy: round == 7}
		for i := range 13 {
			r := check.Result{Name: fmt.Sprintf("t%02d", i), State: check.Up, Duration: time.Duration(i+1) * time.Millisecond}
			switch {
			case i == 3 && round%2 == 0:
				r.State = check.Down
			case i == 4:
				r.State = check.NotChecked
			case i == 5:
				r.State = check.Degraded
			case round == 1999 && i == 12:
				r.Duration = time.Second
			}
			summary.Results = append(summary.Results, r)
		}
		s.add(summary)
	}
	var b strings.Builder
	if err := s.write(&b, 90*time.Second+time.Millisecond); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	for i, want := range map[int]string{
		1: "2,000 rounds in 1m30s", 2: "t03  999 of 1,999 up, p50 4 ms, p95 4 ms, max 4 ms", 3: "t12  1,999 of 1,999 up, p50 13 ms, p95 13 ms, max 1 s", 12: "and 2 targets that did no worse",
	} {
		if lines[i] != want {
			t.Errorf("line %d is %q, want %q", i, lines[i], want)
		}
	}
	if strings.Contains(b.String(), "t04") || len(s.targets["t01"].durations) != mostSamples {
		t.Errorf("%d samples are kept:\n%s", len(s.targets["t01"].durations), &b)
	}
}
