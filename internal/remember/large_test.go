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

// What remembering costs a run: of what is kept at a day's end, that 20 of 1,000
// targets begin to fail, and that 5,000 of 100,000 do.
func BenchmarkRemember(b *testing.B) {
	for _, size := range []struct{ targets, down int }{{1000, 20}, {100_000, 5000}} {
		b.Run(fmt.Sprintf("%d-of-%d", size.down, size.targets), func(b *testing.B) {
			minute := time.Now().UTC().Truncate(24 * time.Hour).Add(-time.Hour)
			s, d := newShelf(), &desk{}
			m := New(s, d, []string{"mail"}, site)
			for i := range 50 {
				m.Remember(context.Background(), list(minute.Add(time.Duration(i-51)*time.Minute), size.targets, 0))
			}
			known, tag := m.known, m.tag
			run := list(minute, size.targets, size.down)
			var written int
			for b.Loop() {
				m.known, m.tag = known, tag
				s.objects[currentKey] = object{nil, tag}
				m.Remember(context.Background(), run)
				written = len(s.objects[currentKey].body)
			}
			b.ReportMetric(float64(written), "bytes")
		})
	}
}
