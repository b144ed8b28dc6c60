//go:build unix

package remember

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"
)

// cpu is the CPU time that this process has used, which the load of a machine changes
// less than the time that passes.
func cpu(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
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
			before := cpu(b)
			for b.Loop() {
				m.known, m.tag = known, tag
				s.objects[currentKey] = object{nil, tag}
				m.Remember(context.Background(), run)
				written = len(s.objects[currentKey].body)
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(time.Millisecond)/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(written), "bytes")
		})
	}
}
