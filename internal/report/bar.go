package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/text"
)

// phaseStyles are how the phases look in a bar, in the order in which they
// come: by their colours, or by their glyphs where there are no colours.
var phaseStyles = []struct {
	phase  check.Phase
	name   string
	glyph  string
	colour colour
}{
	{check.DNS, "dns", "░", blue},
	{check.Connect, "connect", "▒", cyan},
	{check.TLS, "tls", "▓", magenta},
	{check.FirstByte, "first byte", "█", noColour},
	{check.Transfer, "transfer", "▄", faint},
}

// phaseBar is the bar of a result, as wide as its column. What is longer than
// the column ends in an arrow. Each phase ends where it belongs, to half a cell.
func (t *layout) phaseBar(r *check.Result) string {
	if t.bar == 0 || !r.Measured() {
		return strings.Repeat(" ", t.bar)
	}
	cells, arrow := int(math.Ceil(r.Duration.Seconds()/t.scale.Seconds()*float64(t.bar))), ""
	if r.Duration > t.scale {
		cells, arrow = t.bar-1, "▸"
	}
	cells = min(max(cells, 1), t.bar)
	var b strings.Builder
	total, sum, drawn := r.Phases.Sum(), time.Duration(0), 0
	for _, s := range phaseStyles {
		if d := r.Phases.Of(s.phase); d != check.Absent {
			sum += d
		}
		end := cells
		if total > 0 {
			end = int(math.Round(float64(sum) / float64(total) * float64(cells)))
		}
		b.WriteString(t.cells(s.colour, s.glyph, end-drawn))
		drawn = end
	}
	return b.String() + arrow + strings.Repeat(" ", t.bar-cells-width(arrow))
}

// cells are n columns of a phase.
func (l Look) cells(c colour, glyph string, n int) string {
	if l.Colour {
		glyph = "━"
	}
	return l.paint(c, strings.Repeat(glyph, n))
}

// legend explains the bars, if there are any.
func (t *layout) legend(w io.Writer) {
	if t.bar == 0 {
		return
	}
	var parts []string
	for _, s := range phaseStyles {
		parts = append(parts, t.cells(s.colour, s.glyph, 2)+" "+s.name)
	}
	fmt.Fprintf(w, "%s   %s\n\n", strings.Join(parts, "  "), t.paint(faint, "a full bar: "+text.Duration(t.scale)))
}
