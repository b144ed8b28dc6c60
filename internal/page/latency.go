package page

import (
	"fmt"
	"math"
	"slices"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/text"
)

// durations are those of all complete responses, sorted: of the whole and of
// each phase. A failure's tell of timeouts, not of latency.
type durations struct {
	total       []time.Duration
	phases      [len(phases)][]time.Duration
	uncertainty []time.Duration // of everything measured, failures too
	unsure      int
}

func durationsOf(results []check.Result) durations {
	d := durations{uncertainty: make([]time.Duration, 0, len(results)), total: make([]time.Duration, 0, len(results))}
	for i := range d.phases {
		d.phases[i] = make([]time.Duration, 0, len(results))
	}
	for i := range results {
		r := &results[i]
		if !r.Measured() {
			continue
		}
		d.uncertainty = append(d.uncertainty, r.Uncertainty)
		if r.Unsure {
			d.unsure++
		}
		if !monitor.Responded(r) {
			continue
		}
		d.total = append(d.total, r.Duration)
		for i, phase := range phases {
			if took := r.Phases.Of(phase); took != check.Absent {
				d.phases[i] = append(d.phases[i], took)
			}
		}
	}
	slices.Sort(d.uncertainty)
	slices.Sort(d.total)
	for i := range d.phases {
		slices.Sort(d.phases[i])
	}
	return d
}

// A tick is a mark of an axis.
type tick struct {
	At   float64 // percent
	Text string
}

// Ticks are the marks of the bars' scale.
func (v *view) Ticks() []tick {
	return []tick{{0, "0"}, {50, text.Duration(v.scale / 2)}, {100, text.Duration(v.scale)}}
}

const (
	leastLatency = 10  // responses that have percentiles, and targets that have a search
	leastP99     = 100 // responses of which one in a hundred means something
)

// Percentiles are a table of those of the complete responses, of the whole and
// of each phase: a row of headings, and a row each.
func (v *view) Percentiles() (rows [][]string) {
	percents := []int{50, 90, 99}
	if len(v.durations.total) < leastP99 {
		percents = percents[:2]
	}
	headings := []string{""}
	for _, p := range percents {
		headings = append(headings, fmt.Sprint("p", p))
	}
	rows = append(rows, append(headings, "max"))
	row := func(label string, sorted []time.Duration) {
		if len(sorted) == 0 {
			return
		}
		cells := []string{label}
		for _, p := range append(percents, 100) {
			cells = append(cells, text.Duration(text.Percentile(sorted, p)))
		}
		rows = append(rows, cells)
	}
	row("Total", v.durations.total)
	for i, sorted := range v.durations.phases {
		row(phaseTitles[phases[i]], sorted)
	}
	return rows
}

var phaseTitles = map[check.Phase]string{
	check.DNS: "DNS", check.Connect: "Connect", check.TLS: "TLS", check.FirstByte: "First byte", check.Transfer: "Transfer",
}

// A chart is the distribution of durations over a logarithmic axis.
type chart struct {
	Responses int
	Columns   []column
	Ticks     []tick
	Marks     []mark
	Axis      string // from where to where, in words
}

// A column is how many durations fall into one part of the axis.
type column struct{ At, Width, Height float64 } // percent; height of the highest

// A mark is where a percentile lies.
type mark struct {
	At          float64 // percent
	Label, Text string
	Level       int    // of the label, above the columns: those that would overlap stand one above the other
	Anchor      string // of the label, on the side that has room for it
}

// overlaps reports whether two labels on one level would, in a narrow chart.
func (m mark) overlaps(other mark) bool {
	const widest = 30 // percent
	begin := func(m mark) float64 {
		if m.Anchor == "end" {
			return m.At - widest
		}
		return m.At
	}
	return m.Level == other.Level && math.Abs(begin(m)-begin(other)) < widest
}

// Chart is the distribution of the durations; nil if there are too few.
func (v *view) Chart() *chart {
	sorted := v.durations.total
	if len(sorted) < leastLatency {
		return nil
	}
	low, high := bounds(sorted)
	span := math.Log(float64(high) / float64(low))
	x := func(d time.Duration) float64 {
		return round(min(math.Log(float64(max(d, low))/float64(low))/span, 1) * 100)
	}
	c := &chart{Responses: len(sorted), Columns: histogram(sorted, x), Ticks: ticks(low, high, x)}
	c.Axis = text.Duration(low) + " to " + text.Duration(high)
	for _, p := range []struct {
		label   string
		percent int
	}{{"p50", 50}, {"p90", 90}, {"p99", 99}} {
		if p.percent == 99 && len(sorted) < leastP99 {
			continue
		}
		d := text.Percentile(sorted, p.percent)
		m := mark{At: x(d), Label: p.label, Text: text.Duration(d), Level: 42, Anchor: "start"}
		if m.At > 55 {
			m.Anchor = "end"
		}
		for slices.ContainsFunc(c.Marks, m.overlaps) {
			m.Level -= 15
		}
		c.Marks = append(c.Marks, m)
	}
	return c
}

// steps are where the axis has marks, within a power of ten.
var steps = [...]time.Duration{1, 2, 5}

// bounds are the marks that enclose all durations. They are never the same.
func bounds(sorted []time.Duration) (low, high time.Duration) {
	shortest, longest := max(sorted[0], 100*time.Microsecond), sorted[len(sorted)-1]
	low = 100 * time.Microsecond
	for unit := low; ; unit *= 10 {
		for _, step := range steps {
			if unit*step <= shortest {
				low = unit * step
			}
			if unit*step >= longest && unit*step > low {
				return low, unit * step
			}
		}
	}
}

func histogram(sorted []time.Duration, x func(time.Duration) float64) []column {
	const columns = 48
	var counts [columns]int
	for _, d := range sorted {
		counts[min(int(x(d)/100*columns), columns-1)]++
	}
	highest := slices.Max(counts[:])
	var shown []column
	for i, n := range counts {
		if n > 0 {
			// A single response among thousands has to be seen.
			shown = append(shown, column{round(float64(i) * 100 / columns), round(100.0/columns - 0.25), max(percent(n, highest), 1.5)})
		}
	}
	return shown
}

// ticks are the axis's marks, with as many labels as have room.
func ticks(low, high time.Duration, x func(time.Duration) float64) []tick {
	var all []tick
	for unit := 100 * time.Microsecond; unit <= high; unit *= 10 {
		for _, step := range steps {
			if d := unit * step; d >= low && d <= high {
				all = append(all, tick{x(d), text.Duration(d)})
			}
		}
	}
	if len(all) > 8 { // powers of ten only
		all = slices.DeleteFunc(all, func(t tick) bool { return t.Text[0] != '1' && t.Text != "0.1" })
	}
	return all
}
