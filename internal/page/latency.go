package page

import (
	"math"
	"slices"
	"time"

	"rollcall/internal/check"
)

// total is the index of whole durations in a measurement; the phases follow.
const total = 0

// A measurement is the durations of all answers that arrived whole, sorted: of
// the whole and of each phase. Those of failures tell of time-outs, not of
// latency.
type measurement struct {
	sorted      [1 + len(phases)][]time.Duration
	uncertainty []time.Duration // sorted, of all that was measured
	unsure      int
}

func measured(results []check.Result) measurement {
	m := measurement{uncertainty: make([]time.Duration, 0, len(results))}
	for i := range m.sorted {
		m.sorted[i] = make([]time.Duration, 0, len(results))
	}
	for i := range results {
		r := &results[i]
		if !r.Measured() {
			continue
		}
		m.uncertainty = append(m.uncertainty, r.Uncertainty)
		if r.Unsure {
			m.unsure++
		}
		if whole(r) {
			m.take(r)
		}
	}
	for i := range m.sorted {
		slices.Sort(m.sorted[i])
	}
	slices.Sort(m.uncertainty)
	return m
}

// whole reports whether the answer arrived to its end. A result that was read
// from JSON does not say; those that are up have.
func whole(r *check.Result) bool {
	return r.Complete || r.State == check.Up || r.State == check.Degraded
}

func (m *measurement) take(r *check.Result) {
	m.sorted[total] = append(m.sorted[total], r.Duration)
	for i, phase := range phases {
		if d := r.Phases.Of(phase); d != check.Absent {
			m.sorted[1+i] = append(m.sorted[1+i], d)
		}
	}
}

func (m *measurement) of(i int) []time.Duration { return m.sorted[i] }

// percentile is by nearest rank, of at least one value.
func percentile(sorted []time.Duration, percent int) time.Duration {
	return sorted[max((len(sorted)*percent+99)/100, 1)-1]
}

// scaleFor is what a bar of full width stands for: a round number that is as
// long as the longest, unless that is far longer than most are.
func scaleFor(sorted []time.Duration) time.Duration {
	if len(sorted) == 0 {
		return time.Second
	}
	longest := sorted[len(sorted)-1]
	return ceiling(min(longest, 3*percentile(sorted, 75)))
}

// ceiling rounds up to 1, 1.5, 2, 3, 4, 5, 6 or 8 times a power of ten, of at
// least a millisecond.
func ceiling(d time.Duration) time.Duration {
	for unit := time.Millisecond; ; unit *= 10 {
		for _, tenths := range []time.Duration{10, 15, 20, 30, 40, 50, 60, 80} {
			if nice := unit / 10 * tenths; nice >= d {
				return nice
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
	var ticks []tick
	for i := range 3 {
		ticks = append(ticks, tick{float64(i) * 50, number(v.scale * time.Duration(i) / 2)})
	}
	return ticks
}

// number writes milliseconds without a fraction where there is none.
func number(d time.Duration) string {
	if d%time.Millisecond == 0 {
		return count(int(d / time.Millisecond))
	}
	return milliseconds(d)
}

// A figure is a row of the table of percentiles.
type figure struct {
	Label              string
	N                  int
	P50, P90, P99, Max time.Duration
}

// Figures are the percentiles of the whole and of each phase, of the answers
// that arrived whole; nil if none did.
func (v *view) Figures() []figure {
	var figures []figure
	for i, sorted := range v.measure.sorted {
		if len(sorted) == 0 {
			continue
		}
		f := figure{"Total", len(sorted), percentile(sorted, 50), percentile(sorted, 90), percentile(sorted, 99), sorted[len(sorted)-1]}
		if i > total {
			f.Label = phaseTitles[phases[i-1]]
		}
		figures = append(figures, f)
	}
	return figures
}

var phaseTitles = map[check.Phase]string{
	check.DNS: "DNS", check.Connect: "Connect", check.TLS: "TLS", check.FirstByte: "First byte", check.Transfer: "Transfer",
}

// A chart is the distribution of durations over a logarithmic axis.
type chart struct {
	Answers int
	Columns []column
	Ticks   []tick
	Marks   []mark
	Axis    string // from where to where, in words
}

// A column is how many durations fall into one part of the axis.
type column struct{ At, Width, Height float64 } // percent; height of the highest

// A mark is where a percentile lies.
type mark struct {
	At          float64 // percent
	Label, Text string
	Level       int     // labels stand one below the other
	TextAt      float64 // percent, away from the edge
	Anchor      string
}

// columns is how many parts the axis has.
const columns = 48

// Chart is the distribution of the durations; nil if there are none.
func (v *view) Chart() *chart {
	sorted := v.measure.of(total)
	if len(sorted) == 0 {
		return nil
	}
	low, high := bounds(sorted)
	x := axis(low, high)
	c := &chart{Answers: len(sorted), Columns: histogram(sorted, x), Ticks: marksOf(low, high, x)}
	c.Axis = number(low) + " to " + number(high) + " ms"
	for i, p := range []struct {
		label   string
		percent int
	}{{"p50", 50}, {"p90", 90}, {"p99", 99}} {
		d := percentile(sorted, p.percent)
		c.Marks = append(c.Marks, markAt(x(d), p.label, milliseconds(d)+" ms", i))
	}
	return c
}

// markAt puts a label on the side that has room for it.
func markAt(at float64, label, text string, level int) mark {
	m := mark{At: at, Label: label, Text: text, Level: 12 + 15*level, TextAt: at, Anchor: "start"}
	if at > 55 {
		m.Anchor = "end"
	}
	return m
}

// steps are what the axis's marks stand at, within a power of ten.
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

// axis returns where a duration stands on a logarithmic axis, in percent.
func axis(low, high time.Duration) func(time.Duration) float64 {
	span := math.Log(float64(high) / float64(low))
	return func(d time.Duration) float64 {
		at := math.Log(float64(max(d, low))/float64(low)) / span
		return round(min(at, 1) * 100)
	}
}

func histogram(sorted []time.Duration, x func(time.Duration) float64) []column {
	var counts [columns]int
	for _, d := range sorted {
		counts[min(int(x(d)/100*columns), columns-1)]++
	}
	highest := slices.Max(counts[:])
	var shown []column
	for i, n := range counts {
		if n > 0 {
			// A single answer among thousands has to be seen.
			shown = append(shown, column{round(float64(i) * 100 / columns), round(100.0/columns - 0.25), max(percent(n, highest), 1.5)})
		}
	}
	return shown
}

// marksOf are the axis's marks, with as many labels as have room.
func marksOf(low, high time.Duration, x func(time.Duration) float64) []tick {
	var ticks []tick
	for unit := 100 * time.Microsecond; unit <= high; unit *= 10 {
		for _, step := range steps {
			if d := unit * step; d >= low && d <= high {
				ticks = append(ticks, tick{x(d), number(d)})
			}
		}
	}
	if len(ticks) > 8 { // powers of ten only
		ticks = slices.DeleteFunc(ticks, func(t tick) bool { return t.Text[0] != '1' && t.Text != "0.1" })
	}
	return ticks
}
