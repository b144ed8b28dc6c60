package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"rollcall/internal/check"
)

// A stripe is a phase's part of a bar: its colour, or where there is none its
// own glyph.
type stripe struct {
	phase check.Phase
	name  string
	glyph string
	paint paint
}

// stripes are the phases in the order in which they come.
var stripes = []stripe{
	{check.DNS, "dns", "░", blue},
	{check.Connect, "connect", "▒", cyan},
	{check.TLS, "tls", "▓", magenta},
	{check.FirstByte, "first byte", "█", green},
	{check.Transfer, "transfer", "▄", yellow},
}

// cell is one column of a bar.
func (l Look) cell(s stripe) string {
	if l.Colour {
		return "━"
	}
	return s.glyph
}

// scale is how many seconds fill a bar: the slowest answer's. Were it the
// slowest of all, one time-out would leave nothing to see of the others.
func scale(rows []*check.Result) float64 {
	var answered, all time.Duration
	for _, r := range rows {
		if r.Measured() {
			all = max(all, r.Duration)
			if r.State == check.Up || r.State == check.Degraded {
				answered = max(answered, r.Duration)
			}
		}
	}
	if answered > 0 {
		return answered.Seconds()
	}
	return all.Seconds()
}

// phases is the bar of a result, as wide as its column. What is longer than
// the column ends in an arrow.
func (t *layout) phases(r *check.Result) string {
	if !r.Measured() || t.scale == 0 {
		return strings.Repeat(" ", t.bar)
	}
	cells, end := int(math.Ceil(r.Duration.Seconds()/t.scale*float64(t.bar))), ""
	if r.Duration.Seconds() > t.scale*1.001 {
		cells, end = t.bar-1, "▸"
	}
	cells = min(max(cells, 1), t.bar)
	var b strings.Builder
	for i, n := range shares(r.Phases, cells) {
		b.WriteString(t.in(stripes[i].paint, strings.Repeat(t.cell(stripes[i]), n)))
	}
	return b.String() + end + strings.Repeat(" ", t.bar-cells-width(end))
}

// shares divides cells among the phases by their durations: each boundary
// stands where it belongs, to half a cell.
func shares(p check.Phases, cells int) []int {
	all := make([]int, len(stripes))
	total, sum, taken := p.Sum(), time.Duration(0), 0
	for i, s := range stripes {
		if d := p.Of(s.phase); d != check.Absent {
			sum += d
		}
		upTo := cells
		if total > 0 {
			upTo = int(math.Round(float64(sum) / float64(total) * float64(cells)))
		}
		all[i] = upTo - taken
		taken = upTo
	}
	return all
}

// legend says what a bar is made of.
func (t *layout) legend(w io.Writer) {
	if t.bar == 0 || t.scale == 0 {
		return
	}
	var parts []string
	for _, s := range stripes {
		parts = append(parts, t.in(s.paint, t.cell(s)+t.cell(s))+" "+s.name)
	}
	full := Milliseconds(time.Duration(t.scale * float64(time.Second)))
	fmt.Fprintf(w, "%s   %s\n\n", strings.Join(parts, "  "), t.in(faint, "a full bar: "+full))
}
