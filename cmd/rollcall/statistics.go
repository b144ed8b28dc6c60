package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/report"
	"rollcall/internal/text"
)

const (
	mostRows    = 10      // targets in the statistics of a watch, the worst first
	mostSamples = 1000    // of a target's durations, the latest
	allSamples  = 1 << 20 // of all targets'
)

// statistics are what a watch says at its end, as ping does.
type statistics struct {
	rounds  int
	targets map[string]*record
}

// A record is what was seen of a target.
type record struct {
	name        string
	checked, up int // rounds; degraded is up
	durations   []time.Duration
	median      time.Duration // set by write
}

func (s *statistics) add(summary *monitor.Summary) {
	s.rounds++
	samples := min(mostSamples, max(1, allSamples/max(1, len(summary.Results))))
	if s.targets == nil {
		s.targets = make(map[string]*record, len(summary.Results))
	}
	for i := range summary.Results {
		r := &summary.Results[i]
		if !r.Checked() || summary.VantageUnhealthy {
			continue // it says nothing of the target
		}
		kept := s.targets[r.Name]
		if kept == nil {
			kept = &record{name: r.Name}
			s.targets[r.Name] = kept
		}
		kept.checked++
		if r.State == check.Up || r.State == check.Degraded {
			kept.up++
			kept.durations = append(kept.durations[max(0, len(kept.durations)-samples+1):], r.Duration)
		}
	}
}

// write writes how often each target was up, and how long it took.
func (s *statistics) write(w io.Writer, took time.Duration) error {
	records := make([]*record, 0, len(s.targets))
	for _, r := range s.targets {
		r.median = r.percentile(50)
		records = append(records, r)
	}
	slices.SortFunc(records, func(a, b *record) int {
		return cmp.Or(cmp.Compare(a.up*b.checked, b.up*a.checked), cmp.Compare(b.median, a.median), cmp.Compare(a.name, b.name))
	})
	if _, err := fmt.Fprintf(w, "\n%s in %s\n", text.Plural(s.rounds, "round"), took.Round(time.Second)); err != nil {
		return err
	}
	var rows [][2]string
	for _, r := range records[:min(len(records), mostRows)] {
		figures := fmt.Sprintf("%s of %s up", text.Count(r.up), text.Count(r.checked))
		if r.up > 0 {
			figures += fmt.Sprintf(", p50 %s, p95 %s, max %s", text.Duration(r.median), text.Duration(r.percentile(95)), text.Duration(r.percentile(100)))
		}
		rows = append(rows, [2]string{r.name, figures})
	}
	if err := report.List(w, rows); err != nil {
		return err
	}
	if more := len(records) - len(rows); more > 0 {
		_, err := fmt.Fprintf(w, "and %s that did no worse\n", text.Plural(more, "target"))
		return err
	}
	return nil
}

func (r *record) percentile(percent int) time.Duration {
	if len(r.durations) == 0 {
		return 0
	}
	return text.Percentile(slices.Sorted(slices.Values(r.durations)), percent)
}
