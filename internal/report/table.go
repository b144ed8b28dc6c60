package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/text"
)

// A Look is how a table has to look. The zero value is for files and pipes:
// a line a target, however long, and none left out.
type Look struct {
	Width  int  // columns of the terminal; 0: no limit
	Height int  // rows of the terminal: targets that are up and don't fit are left out; 0: no limit
	Colour bool // escapes for colours may be written
}

// A colour is one that the terminal's own theme defines, so that it can be read
// on dark and on light.
type colour string

const (
	red     colour = "\x1b[31m"
	green   colour = "\x1b[32m"
	yellow  colour = "\x1b[33m"
	blue    colour = "\x1b[34m"
	magenta colour = "\x1b[35m"
	cyan    colour = "\x1b[36m"
	faint   colour = "\x1b[2m"

	noColour colour = ""
)

// paint colours a text, where that is wanted.
func (l Look) paint(c colour, s string) string {
	if !l.Colour || c == noColour || s == "" {
		return s
	}
	return string(c) + s + "\x1b[0m"
}

// stateStyles are how the states look.
var stateStyles = map[check.State]struct {
	glyph  string
	colour colour
}{
	check.Up:         {"✓", green},
	check.Degraded:   {"!", yellow},
	check.Down:       {"✗", red},
	check.NotChecked: {"?", magenta},
}

// Table writes a row a target, what is wrong first, and a line that counts.
// Durations have a bar of their phases where there is a terminal with room for
// it. No line ends in blanks; none is wider than the terminal.
func Table(w io.Writer, s *monitor.Summary, l Look) error {
	rows := s.UrgentFirst()
	t := newLayout(rows, l)
	shown := len(rows) - t.leftOut(rows)
	b := bufio.NewWriter(w)
	t.header(b)
	for _, r := range rows[:shown] {
		t.row(b, r)
	}
	if rest := rows[shown:]; len(rest) > 0 {
		more := fmt.Sprintf("… and %s more up, none slower than %s (| cat shows all)", text.Count(len(rest)), milliseconds(rest[0].Duration))
		for _, part := range wrap(more, max(t.Width, 2)) {
			fmt.Fprintln(b, t.paint(faint, part))
		}
	}
	fmt.Fprintln(b)
	t.legend(b)
	if counts := Line(s); t.Width > 0 && width(counts) > t.Width {
		fmt.Fprintln(b, strings.Join(wrap(counts, max(t.Width, 2)), "\n"))
	} else {
		fmt.Fprintln(b, line(s, l))
	}
	return b.Flush()
}

const (
	gap = 2 // between columns

	// widestName is where the column of names ends; results in JSON have all
	// of it.
	widestName = 48

	roomForWords  = 60  // columns: a terminal with fewer gets a glyph for the state
	roomForBars   = 80  // one with as many gets bars
	roomForReason = 120 // one with as many gets reasons beside the rest, others below it
	leastReason   = 36  // columns that a reason beside the rest needs
)

// A layout is the widths of the columns. A width of 0 is a column that is not
// there.
type layout struct {
	Look
	state, name, status, duration, bar int
	reason                             int     // in the row; -1: no limit; 0: below the row
	indent                             int     // where a row's further lines begin
	scale                              float64 // seconds that fill a bar
}

func newLayout(rows []*check.Result, l Look) *layout {
	t := &layout{Look: l, state: len("STATE"), name: len("TARGET"), status: len("STATUS"), duration: len("DURATION"), reason: -1}
	for _, r := range rows {
		t.state = max(t.state, len(r.State.String()))
		t.name = max(t.name, width(Plain(r.Name)))
		t.duration = max(t.duration, len(duration(r)))
	}
	t.name = min(t.name, widestName)
	if l.Width == 0 {
		return t
	}
	t.reason = 0
	if l.Width < roomForWords {
		t.state, t.status = 1, 0
	}
	t.indent = t.state + gap
	others := t.state + gap + gap + t.duration
	if t.status > 0 {
		others += t.status + gap
	}
	if l.Width >= roomForBars {
		t.bar, t.scale = min(24, l.Width/6), scale(rows)
		others += t.bar + gap
	}
	t.name = max(min(t.name, l.Width-others), 2) // the widest glyph takes 2
	if left := l.Width - others - t.name - gap; l.Width >= roomForReason && left >= leastReason {
		t.reason, t.indent = left, others+t.name+gap
	}
	return t
}

func (t *layout) header(w io.Writer) {
	state := "STATE"
	if t.state == 1 {
		state = ""
	}
	cells := []string{pad(state, t.state), pad("TARGET", t.name)}
	if t.status > 0 {
		cells = append(cells, padLeft("STATUS", t.status))
	}
	cells = append(cells, padLeft("DURATION", t.duration))
	if t.bar > 0 {
		cells = append(cells, pad("PHASES", t.bar))
	}
	if t.reason != 0 {
		cells = append(cells, "REASON")
	}
	line := strings.TrimRight(strings.Join(cells, "  "), " ")
	if t.Width > 0 {
		line = runewidth.Truncate(line, t.Width, "")
	}
	fmt.Fprintln(w, t.paint(faint, line))
}

func (t *layout) row(w io.Writer, r *check.Result) {
	style := stateStyles[r.State]
	state := r.State.String()
	if t.state == 1 {
		state = style.glyph
	}
	cells := []string{t.paint(style.colour, pad(state, t.state)), pad(snip(Plain(r.Name), t.name), t.name)}
	if t.status > 0 {
		cells = append(cells, padLeft(status(r), t.status))
	}
	cells = append(cells, padLeft(duration(r), t.duration))
	if t.bar > 0 {
		cells = append(cells, t.phaseBar(r))
	}
	var below []string
	switch why := reason(r); {
	case why == "":
	case t.reason < 0:
		cells = append(cells, why)
	case t.reason > 0:
		lines := wrap(why, t.reason)
		cells, below = append(cells, lines[0]), lines[1:]
	default:
		below = wrap(why, max(t.Width-t.indent, 2))
	}
	fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, "  "), " "))
	for _, line := range below {
		fmt.Fprintln(w, strings.Repeat(" ", t.indent)+t.paint(faint, line))
	}
}

const (
	leastUp = 5 // of the targets that are up are always there
	around  = 7 // lines around the rows: header, blank lines, legend, summary, prompt
)

// leftOut is how many of the last rows are left out, all of them up.
func (t *layout) leftOut(rows []*check.Result) int {
	if t.Height == 0 {
		return 0
	}
	room, up := t.Height-around, 0
	for _, r := range rows {
		if r.State == check.Up {
			up++
		} else {
			room -= 2
		}
	}
	if n := up - max(room, leastUp); n > 1 {
		return n
	}
	return 0
}

// List writes two columns.
func List(w io.Writer, rows [][2]string) error {
	widest := 0
	for _, row := range rows {
		widest = max(widest, width(row[0]))
	}
	b := bufio.NewWriter(w)
	for _, row := range rows {
		fmt.Fprintf(b, "%s  %s\n", pad(Plain(row[0]), widest), Plain(row[1]))
	}
	return b.Flush()
}
