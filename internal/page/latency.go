package page

import (
	"math"
	"slices"
	"time"

	"rollcall/internal/check"
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
		// A result that was read from JSON does not say whether its response
		// was complete; that of one that is up was.
		if !r.Complete && r.State != check.Up && r.State != check.Degraded {
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

// scaleFor is what a bar of full width stands for: a round number that is as
// long as the longest, unless that is far longer than most are.
func scaleFor(sorted []time.Duration) time.Duration {
	if len(sorted) == 0 {
		return time.Second
	}
	longest := min(sorted[len(sorted)-1], 3*text.Percentile(sorted, 75))
	for unit := time.Millisecond; ; unit *= 10 {
		for _, tenths := range []time.Duration{10, 15, 20, 30, 40, 50, 60, 80} {
			if scale := unit / 10 * tenths; scale >= longest {
				return scale
			}
		}
	}
}

// A tick is a mark of an axis.
type tick struct {
	At   float64 // percent
	Text string
}

// Ticks are the marks of the bars' scale.
func (v *view) Ticks() []tick {
	return []tick{{0, number(0)}, {50, number(v.scale / 2)}, {100, number(v.scale)}}
}

// A percentileRow is one of the table of percentiles.
type percentileRow struct {
	Label              string
	N                  int
	P50, P90, P99, Max time.Duration
}

// Percentiles are those of the complete responses, of the whole and of each
// phase; nil if there are none.
func (v *view) Percentiles() []percentileRow {
	var rows []percentileRow
	row := func(label string, sorted []time.Duration) {
		if n := len(sorted); n > 0 {
			rows = append(rows, percentileRow{label, n, text.Percentile(sorted, 50), text.Percentile(sorted, 90), text.Percentile(sorted, 99), sorted[n-1]})
		}
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
	Level       int    // labels stand one below the other
	Anchor      string // of the label, on the side that has room for it
}

// Chart is the distribution of the durations; nil if there are none.
func (v *view) Chart() *chart {
	sorted := v.durations.total
	if len(sorted) == 0 {
		return nil
	}
	low, high := bounds(sorted)
	span := math.Log(float64(high) / float64(low))
	x := func(d time.Duration) float64 {
		return round(min(math.Log(float64(max(d, low))/float64(low))/span, 1) * 100)
	}
	c := &chart{Responses: len(sorted), Columns: histogram(sorted, x), Ticks: ticks(low, high, x)}
	c.Axis = number(low) + " to " + number(high) + " ms"
	for i, p := range []struct {
		label   string
		percent int
	}{{"p50", 50}, {"p90", 90}, {"p99", 99}} {
		d := text.Percentile(sorted, p.percent)
		m := mark{At: x(d), Label: p.label, Text: milliseconds(d) + " ms", Level: 12 + 15*i, Anchor: "start"}
		if m.At > 55 {
			m.Anchor = "end"
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
				all = append(all, tick{x(d), number(d)})
			}
		}
	}
	if len(all) > 8 { // powers of ten only
		all = slices.DeleteFunc(all, func(t tick) bool { return t.Text[0] != '1' && t.Text != "0.1" })
	}
	return all
}
