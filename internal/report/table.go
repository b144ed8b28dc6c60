package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
)

// A Look is how a table has to look. The zero value is for files and pipes:
// a line a target, however long, and none left out.
type Look struct {
	Width  int  // columns of the terminal; 0: no end
	Height int  // rows of the terminal: as many of the targets that are up fold as don't fit; 0: none
	Colour bool // escapes for colours may be written
}

// A paint is a colour that the terminal's own theme defines, so that it can be
// read on dark and on light.
type paint string

const (
	red     paint = "\x1b[31m"
	green   paint = "\x1b[32m"
	yellow  paint = "\x1b[33m"
	blue    paint = "\x1b[34m"
	magenta paint = "\x1b[35m"
	cyan    paint = "\x1b[36m"
	faint   paint = "\x1b[2m"
	plain   paint = ""

	unpainted = "\x1b[0m"
)

// in paints a text, where that is wanted.
func (l Look) in(p paint, s string) string {
	if !l.Colour || p == plain || s == "" {
		return s
	}
	return string(p) + s + unpainted
}

// A form is how a state looks.
type form struct {
	glyph string
	paint paint
}

var forms = map[check.State]form{
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
	t := l.layout(rows)
	folded := t.folded(rows)
	b := bufio.NewWriter(w)
	t.header(b)
	for _, r := range rows[:len(rows)-folded] {
		t.row(b, r)
	}
	if folded > 0 {
		t.rest(b, rows[len(rows)-folded:])
	}
	fmt.Fprintln(b)
	t.legend(b)
	t.sentence(b, s)
	return b.Flush()
}

const (
	gap = 2 // between columns

	// widestName is where the column of names ends; results in JSON have all
	// of it.
	widestName = 48

	roomForWords = 60  // columns: a terminal with fewer gets a glyph for the state
	roomForBars  = 80  // one with as many gets bars
	roomBeside   = 120 // one with as many gets reasons beside the rest, others below it
	leastReason  = 36  // columns that a reason beside the rest needs
)

// A layout is what fits, and how wide it is. A width of 0 is a column that is
// not there.
type layout struct {
	Look
	state, name, status, duration, bar int
	beside                             int     // columns of a reason in the row; -1: no end; 0: below the row
	scale                              float64 // seconds that fill a bar
}

func (l Look) layout(rows []*check.Result) *layout {
	t := &layout{Look: l, state: len("STATE"), name: len("TARGET"), status: len("STATUS"), duration: len("DURATION"), beside: -1}
	for _, r := range rows {
		t.state = max(t.state, len(r.State.String()))
		t.name = max(t.name, width(Plain(r.Name)))
		t.duration = max(t.duration, len(duration(r)))
	}
	t.name = min(t.name, widestName)
	if l.Width > 0 {
		t.fit(rows)
	}
	return t
}

// fit leaves out what the terminal has no room for.
func (t *layout) fit(rows []*check.Result) {
	t.beside = 0
	if t.Width < roomForWords {
		t.state, t.status = 1, 0
	}
	if t.Width >= roomForBars {
		t.bar, t.scale = min(24, t.Width/6), scale(rows)
	}
	others := t.fixed()
	t.name = max(min(t.name, t.Width-others), 2) // the widest glyph takes 2
	if left := t.Width - others - t.name - gap; t.Width >= roomBeside && left >= leastReason {
		t.beside = left
	}
}

// fixed is what the columns but names and reasons take.
func (t *layout) fixed() int {
	n := t.state + gap + gap + t.duration
	if t.status > 0 {
		n += t.status + gap
	}
	if t.bar > 0 {
		n += t.bar + gap
	}
	return n
}

func (t *layout) header(w io.Writer) {
	cells := []string{pad(t.word("STATE"), t.state), pad("TARGET", t.name)}
	if t.status > 0 {
		cells = append(cells, padLeft("STATUS", t.status))
	}
	cells = append(cells, padLeft("DURATION", t.duration))
	if t.bar > 0 {
		cells = append(cells, pad("PHASES", t.bar))
	}
	if t.beside != 0 {
		cells = append(cells, "REASON")
	}
	text, _ := split(strings.TrimRight(strings.Join(cells, "  "), " "), t.end())
	fmt.Fprintln(w, t.in(faint, text))
}

// end is how wide a line may be.
func (t *layout) end() int {
	if t.Width == 0 {
		return 1 << 30
	}
	return t.Width
}

// word is "" where states are glyphs.
func (t *layout) word(s string) string {
	if t.state == 1 {
		return ""
	}
	return s
}

func (t *layout) row(w io.Writer, r *check.Result) {
	form := forms[r.State]
	state := r.State.String()
	if t.state == 1 {
		state = form.glyph
	}
	cells := []string{t.in(form.paint, pad(state, t.state)), pad(snip(Plain(r.Name), t.name), t.name)}
	if t.status > 0 {
		cells = append(cells, padLeft(status(r), t.status))
	}
	cells = append(cells, padLeft(duration(r), t.duration))
	if t.bar > 0 {
		cells = append(cells, t.phases(r))
	}
	lines := []string{}
	if text := reason(r); t.beside < 0 {
		cells = append(cells, text)
	} else if text != "" && t.beside > 0 {
		lines = fold(text, t.beside)
		cells, lines = append(cells, lines[0]), lines[1:]
	} else if text != "" {
		lines = fold(text, max(t.Width-t.indent(), 2))
	}
	fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, "  "), " "))
	for _, line := range lines {
		fmt.Fprintln(w, strings.Repeat(" ", t.indent())+t.in(faint, line))
	}
}

// indent is where a row's further lines begin.
func (t *layout) indent() int {
	if t.beside > 0 {
		return t.fixed() + t.name + gap
	}
	return t.state + gap
}

// sentence writes the line that counts: in several, unpainted, if it is too
// long for one.
func (t *layout) sentence(w io.Writer, s *monitor.Summary) {
	if text := Line(s); t.Width > 0 && width(text) > t.Width {
		fmt.Fprintln(w, strings.Join(fold(text, max(t.Width, 2)), "\n"))
		return
	}
	fmt.Fprintln(w, line(s, t.Look))
}

const (
	leastUp = 5 // so many of the targets that are up are always there
	around  = 7 // lines around the rows: header, blank lines, legend, summary, prompt
)

// folded is how many of the last rows are left out, all of them up.
func (t *layout) folded(rows []*check.Result) int {
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
	if hidden := up - max(room, leastUp); hidden > 1 {
		return hidden
	}
	return 0
}

// rest says what was left out.
func (t *layout) rest(w io.Writer, rows []*check.Result) {
	slowest := rows[0]
	text := fmt.Sprintf("… and %d more up, none slower than %s (| cat shows all)", len(rows), Milliseconds(slowest.Duration))
	for _, line := range fold(text, max(t.Width, 2)) {
		fmt.Fprintln(w, t.in(faint, line))
	}
}
