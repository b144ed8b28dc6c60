package history

import (
	"maps"
	"slices"
	"time"
)

// A Day counts what the runs of a day, in UTC, found out.
type Day struct {
	Date      string             `json:"date,omitzero"` // 2026-11-30
	Runs      int                `json:"runs"`
	Gaps      []Span             `json:"gaps,omitempty"`     // times without a run, the first maxDayGaps
	Uncovered int                `json:"uncovered,omitzero"` // minutes without a run, in all gaps
	All       Counts             `json:"all"`
	Groups    map[string]*Counts `json:"groups"`
	Targets   map[string]*Counts `json:"targets"` // the first of the list
}

// Counts say how often something was in each state. Of a day that is over the
// sketch is two percentiles, in milliseconds.
type Counts struct {
	Up          int     `json:"up,omitzero"`
	Degraded    int     `json:"degraded,omitzero"`
	Down        int     `json:"down,omitzero"`
	NotChecked  int     `json:"notChecked,omitzero"`
	Maintenance int     `json:"maintenance,omitzero"` // whatever it was then
	Sketch      Sketch  `json:"sketch,omitempty"`
	P50         float64 `json:"p50,omitzero"`
	P95         float64 `json:"p95,omitzero"`
}

// A Past is the other object: the days that are over.
type Past struct {
	Version int    `json:"version"`
	Stack   string `json:"stack,omitzero"`
	Writer  string `json:"writer,omitzero"`
	Days    []Day  `json:"days"` // the oldest first, maxDays at most
}

const (
	maxDays    = 90
	maxDayGaps = 24
	dateForm   = "2006-01-02"
)

// Add takes days over, in place of those of the same date; the oldest leave.
func (p *Past) Add(days []Day) {
	byDate := map[string]Day{}
	for _, d := range slices.Concat(p.Days, days) {
		byDate[d.Date] = d
	}
	p.Days = nil
	for _, date := range slices.Sorted(maps.Keys(byDate)) {
		p.Days = append(p.Days, byDate[date])
	}
	p.Days = p.Days[max(0, len(p.Days)-maxDays):]
}

// add counts one look at a target.
func (c *Counts) add(t *Target, blind bool) {
	switch {
	case t.Maintenance:
		c.Maintenance++
		return
	case blind:
		c.NotChecked++
		return
	}
	switch t.State {
	case Up:
		c.Up++
	case Degraded:
		c.Degraded++
	case Down:
		c.Down++
	default:
		c.NotChecked++
	}
	if t.Duration > 0 {
		c.Sketch.Add(t.Duration)
	}
}

// countDay counts a run. A day that is over is closed before, and each day without
// a run between the two.
func (d *Document) countDay(run *Run, seen []Look) {
	date := run.Minute.Format(dateForm)
	if d.Today.Date != "" && d.Today.Date != date {
		d.closeDays(run)
	}
	day := &d.Today
	if day.Date == "" {
		*day = Day{Date: date, Groups: map[string]*Counts{}, Targets: map[string]*Counts{}}
	}
	midnight, _ := time.Parse(dateForm, date)
	if run.Minute.Sub(d.Minute) > gapIntervals*run.Interval { // the day's beginning is one too, where nothing was known
		day.gap(later(d.Minute, midnight), run.Minute)
	}
	day.Runs++
	day.All.merge(run.Seen.All, run.Blind)
	for _, group := range slices.Sorted(maps.Keys(run.Seen.Groups)) {
		counts(day.Groups, group, run.Limit).merge(*run.Seen.Groups[group], run.Blind)
	}
	for i := range seen {
		if l := &seen[i]; l.Own {
			counts(day.Targets, l.Name, 2*run.Limit).add(&l.Target, run.Blind)
		}
	}
}

// merge adds other counts up with these. If the monitor had no network, nothing is
// known but that maintenance was planned.
func (c *Counts) merge(other Counts, blind bool) {
	c.Maintenance += other.Maintenance
	c.NotChecked += other.NotChecked
	if blind {
		c.NotChecked += other.Up + other.Degraded + other.Down
		return
	}
	c.Up += other.Up
	c.Degraded += other.Degraded
	c.Down += other.Down
	c.Sketch.Merge(other.Sketch)
}

// counts returns those of a name; where there are most of them already, some that
// are not kept.
func counts(all map[string]*Counts, name string, most int) *Counts {
	c := all[name]
	if c == nil {
		c = &Counts{}
		if len(all) < max(most, 100) {
			all[name] = c
		}
	}
	return c
}

func (d *Day) gap(from, to time.Time) {
	if !from.Before(to) {
		return
	}
	d.Uncovered += int(to.Sub(from) / time.Minute)
	if len(d.Gaps) < maxDayGaps {
		d.Gaps = append(d.Gaps, Span{from, to})
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// closeDays moves today to the days that are over, with the gap until midnight, and
// the days between it and the run's, which are one gap.
func (d *Document) closeDays(run *Run) {
	today, err := time.Parse(dateForm, d.Today.Date)
	if err == nil {
		end := today.AddDate(0, 0, 1)
		if run.Minute.Sub(d.Minute) > gapIntervals*run.Interval {
			d.Today.gap(d.Minute, end)
		}
		d.Closed = append(d.Closed, d.Today.close())
		midnight := run.Minute.Truncate(24 * time.Hour)
		for day := later(end, midnight.AddDate(0, 0, -maxDays)); day.Before(midnight); day = day.AddDate(0, 0, 1) {
			d.Closed = append(d.Closed, Day{Date: day.Format(dateForm), Gaps: []Span{{day, day.AddDate(0, 0, 1)}}, Uncovered: 24 * 60})
		}
		d.Closed = d.Closed[max(0, len(d.Closed)-maxDays):]
	}
	d.Today = Day{}
}

func (d *Day) close() Day {
	over := *d
	over.All = d.All.close()
	over.Groups, over.Targets = map[string]*Counts{}, map[string]*Counts{}
	for name, c := range d.Groups {
		closed := c.close()
		over.Groups[name] = &closed
	}
	for name, c := range d.Targets {
		closed := c.close()
		over.Targets[name] = &closed
	}
	return over
}

func (c Counts) close() Counts {
	c.P50, c.P95, c.Sketch = c.Sketch.Percentile(50), c.Sketch.Percentile(95), nil
	return c
}
