package remember

import (
	"context"
	"fmt"
	"testing"
	"time"

	"rollcall/internal/history"
)

// list is a run of targets in a group for each ten thousand, of which the first are down.
func list(minute time.Time, targets, down int) Run {
	r := &history.Run{Minute: minute, Interval: time.Minute, Fresh: true, Limit: 1000, Certificate: 14, Alert: history.Alert{Runs: 1, Window: 1}}
	for i := range targets {
		name := fmt.Sprintf("host-%d.customer-%d.example.com", i, i%997)
		t := history.Target{
			Name: name, Group: fmt.Sprint("group ", i%max(targets/10_000, 1)), URL: "https://" + name + "/health", State: history.Up, Reason: "ok",
			Duration: time.Duration(20+i%83) * time.Millisecond, Fingerprint: fmt.Sprintf("%064x", i), DaysLeft: 60,
		}
		if i < down {
			t.State, t.Reason, t.Detail, t.Duration = history.Down, "status", fmt.Sprintf("50%d Service Unavailable", i%4), 0
		}
		r.Targets = append(r.Targets, t)
	}
	return Run{Run: r, ID: fmt.Sprint("run-", minute.Unix())}
}

// A hundred thousand targets of which five thousand fail at once: one message for
// each of the largest groups, an object of less than a megabyte.
func TestLargeList(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	s, d := newShelf(), &desk{}
	m := New(s, d, []string{"mail"}, site)
	minute := time.Now().Truncate(time.Minute).Add(-time.Hour)
	for i, down := range []int{0, 5000, 5000, 0, 0} {
		out := m.Remember(context.Background(), list(minute.Add(time.Duration(i)*time.Minute), 100_000, down))
		if !out.Written || len(out.Problems) > 0 {
			t.Fatalf("%+v", out)
		}
		size := len(s.objects[currentKey].body)
		t.Logf("run %d, %d down: %d bytes, %d messages", i, down, size, out.Told)
		if size > 1<<20 {
			t.Errorf("%d bytes", size)
		}
		if want := map[int]int{1: 5, 4: 5}[i]; out.Told != want {
			t.Errorf("%d messages, want %d", out.Told, want)
		}
	}
}
