package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/text"
)

// A Look is how a table has to look. The zero value is for files and pipes:
// a line a target, however long, and none left out.
type Look struct {
	Width  int  // columns of the terminal; 0: no limit
	Height int  // rows of the terminal: what doesn't fit is folded; 0: no limit
	Colour bool // escapes for colours may be written
	Steady bool // rows of the same state keep the event's order where all have room
}

// A colour is one that the terminal's own theme defines, so that it can be read
// on dark and on light.
type colour string

const (
	bold    colour = "\x1b[1m"
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

// stateStyles are how the states look. Phases have other colours.
var stateStyles = map[check.State]struct {
	glyph  string
	colour colour
}{
	check.Up:         {"✓", green},
	check.Degraded:   {"!", yellow},
	check.Down:       {"✗", red},
	check.NotChecked: {"?", bold},
}

// Table writes a row a target, what is wrong first, and below it what Digest
// writes. On a terminal, targets that have the same reason are folded where
// there is no room for all. Durations have a bar of their phases where there is
// a terminal with room for it. No line ends in blanks; none is wider than the
// terminal.
func Table(w io.Writer, s *monitor.Summary, l Look) error {
	rows := s.UrgentFirst()
	if l.Steady && 2*len(rows)+around <= l.Height {
		rows = s.Steady()
	}
	problems, bad := monitor.Problems(rows)
	height := l.Height
	if height > 0 {
		for _, note := range notes(s, l) {
			height = max(height-len(wrap(note, l.Width)), 1)
		}
	}
	blocks := fold(rows, bad, problems, height)
	t := newLayout(blocks, text.Scale(s.Responses()), l)
	b := bufio.NewWriter(w)
	t.header(b)
	for _, block := range blocks {
		for _, r := range block.rows {
			t.row(b, r)
		}
		t.more(b, block)
	}
	fmt.Fprintln(b)
	t.legend(b)
	digest(b, s, problems, l)
	return b.Flush()
}

const (
	gap = 2 // between columns

	widestName  = 120 // columns that names have in a pipe; a longer one moves what follows it
	leastName   = 24  // columns of names beside bars and reasons
	leastReason = 36  // columns that a reason beside the rest needs
	widestBar   = 24
	leastBar    = 8

	roomForWords  = 60  // columns: a terminal with fewer gets a glyph for the state
	roomForBars   = 80  // one with as many gets bars
	roomForReason = 100 // one with as many gets reasons beside the rest, others below it
)

// A layout is the widths of the columns. A width of 0 is a column that is not
// there.
type layout struct {
	Look
	state, name, status, duration, bar int
	reason                             int           // in the row; -1: no limit; 0: below the row
	indent                             int           // where a row's further lines begin
	scale                              time.Duration // that fills a bar
}

func newLayout(blocks []block, scale time.Duration, l Look) *layout {
	t := &layout{Look: l, state: len("STATE"), name: len("TARGET"), status: len("STATUS"), duration: len("DURATION"), reason: -1, scale: scale}
	var names []int
	reasons := 0
	for _, block := range blocks {
		for _, r := range block.rows {
			t.state = max(t.state, len(r.State.String()))
			names = append(names, width(Plain(r.Name)))
			t.duration = max(t.duration, len(duration(r)))
			if why := reason(r); why != "" {
				reasons = max(reasons, width(why), len("REASON"))
			}
		}
	}
	most := t.name // columns of most names, where a few are far longer
	if len(names) > 0 {
		slices.Sort(names)
		most = max(most, text.Percentile(names, 90))
		if t.name = max(t.name, names[len(names)-1]); t.name <= most*3/2 {
			most = t.name
		}
	}
	if l.Width == 0 {
		t.name = min(t.name, widestName)
		return t
	}
	t.reason = 0
	if l.Width < roomForWords {
		t.state, t.status = 1, 0
	}
	left := l.Width - t.state - gap - t.duration - gap
	if t.status > 0 {
		left -= t.status + gap
	}
	if left < leastName/2 { // there is no room for figures
		left += t.duration + gap
		t.duration = 0
	}
	if l.Width >= roomForBars {
		t.bar = min(widestBar, l.Width/6)
	}
	least, enough, wanted := min(t.name, leastName), min(reasons, leastReason), min(reasons, 2*leastReason)
	switch beside := left - least - gap; {
	case l.Width >= roomForReason && reasons > 0 && beside >= enough:
		// The bar gives way to names and reasons. Most names have theirs before
		// reasons have all that they want, and the longest names after that.
		if bar := min(t.bar, max(beside-wanted-gap, leastBar), beside-enough-gap-(most-least)); bar >= leastBar {
			t.bar, beside = bar, beside-bar-gap
		} else {
			t.bar = 0
		}
		t.reason = min(beside, max(beside+least-most, enough))
		t.reason = max(min(t.reason, wanted), beside+least-t.name)
		t.name = beside + least - t.reason
		t.indent = l.Width - t.reason
	default:
		if t.name > left-t.bar-gap { // the bar gives way to names, as far as it can
			t.bar = min(t.bar, max(left-t.name-gap, leastBar))
		}
		if t.bar > 0 {
			left -= t.bar + gap
		}
		t.name = max(min(t.name, left), 0)
		t.indent = t.state + gap
	}
	if t.name < 2 { // the widest glyph takes 2: only states are left
		t.name, t.indent = 0, 0
	}
	return t
}

func (t *layout) header(w io.Writer) {
	state := "STATE"
	if t.state == 1 {
		state = ""
	}
	t.line(w, faint, pad(state, t.state), "TARGET", "STATUS", "DURATION", pad("PHASES", t.bar), "REASON")
}

// line writes the cells for which there is a column, in a colour.
func (t *layout) line(w io.Writer, c colour, state, name, status, duration, bar, reason string) {
	cells := []string{state}
	if t.name > 0 {
		if t.Width > 0 {
			name = snipMiddle(name, t.name)
		}
		cells = append(cells, pad(name, t.name))
	}
	if t.status > 0 {
		cells = append(cells, padLeft(status, t.status))
	}
	if t.duration > 0 {
		cells = append(cells, padLeft(duration, t.duration))
	}
	if t.bar > 0 {
		cells = append(cells, bar)
	}
	if t.reason != 0 {
		cells = append(cells, reason)
	}
	fmt.Fprintln(w, t.paint(c, strings.TrimRight(strings.Join(cells, "  "), " ")))
}

func (t *layout) row(w io.Writer, r *check.Result) {
	style := stateStyles[r.State]
	state := r.State.String()
	if t.state == 1 {
		state = style.glyph
	}
	why := reason(r)
	var below []string
	switch {
	case t.reason > 0:
		lines := wrap(why, t.reason)
		why, below = lines[0], lines[1:]
	case t.reason == 0 && why != "":
		why, below = "", wrap(why, t.Width-t.indent)
	}
	t.line(w, noColour, t.paint(style.colour, pad(state, t.state)), Plain(r.Name), status(r), duration(r), t.phaseBar(r), why)
	for _, line := range below {
		fmt.Fprintln(w, strings.Repeat(" ", t.indent)+t.paint(faint, line))
	}
}

// more says how many results a block leaves out, and which, as far as a line
// holds.
func (t *layout) more(w io.Writer, b block) {
	n := len(b.more)
	if n == 0 {
		return
	}
	if b.problem == nil {
		t.lines(w, faint, fmt.Sprintf("… and %s more up, none slower than %s (| cat shows all)", text.Count(n), text.Duration(b.more[0].Duration)))
		return
	}
	c := stateStyles[b.problem.State].colour
	if len(b.rows) == 0 {
		t.lines(w, c, fmt.Sprintf("%s %s: the run ended before their turn came", text.Count(n), strings.ReplaceAll(b.problem.State.String(), "_", " ")))
		return
	}
	what, before, rest := fmt.Sprintf("… %s more like it (%s)", text.Count(n), b.problem), ": ", ""
	for i, r := range b.more {
		next, after := what+before+snipMiddle(Plain(r.Name), max(t.Width/3, 2)), ", …"
		if i == n-1 {
			after = "" // all are named
		}
		if width(next+after) > t.Width {
			break
		}
		what, before, rest = next, ", ", after
	}
	t.lines(w, c, what+rest)
}

// A block is rows of a table that follow each other, and those like them that
// are left out.
type block struct {
	rows, more []*check.Result
	problem    *monitor.Problem // that more have; nil: they are up
}

const (
	leastUp      = 5 // of the targets that are up are always there
	leastLike    = 3 // of those with the same reason, too
	around       = 8 // lines around the rows: header, blank lines, legend, tally, summary, prompt
	linesProblem = 2 // of a row that is not up: a reason
)

// fold leaves out what a terminal has no room for: first targets that are up,
// then those that have the same reason as others. What did not even begin is
// one line. The first bad rows are not up.
func fold(rows []*check.Result, bad int, problems []*monitor.Problem, height int) []block {
	if height == 0 {
		return []block{{rows: rows}}
	}
	room, each := height-around, bad
	if bad*linesProblem > room {
		each = max(leastLike, room/linesProblem/len(problems)-1)
	}
	var blocks []block
	for _, p := range problems {
		shown := min(each, len(p.Results))
		if p.Reason == check.Unstarted && len(p.Results) > leastLike {
			shown = 0
		} else if shown == len(p.Results)-1 {
			shown++ // a line that says so would be as long
		}
		blocks = append(blocks, block{p.Results[:shown], p.Results[shown:], p})
		room -= shown * linesProblem
		if shown < len(p.Results) {
			room--
		}
	}
	if each == bad && !slices.ContainsFunc(blocks, func(b block) bool { return len(b.more) > 0 }) {
		blocks = []block{{rows: rows[:bad]}} // in the order of urgency
	}
	up := rows[bad:]
	if n := max(room, leastUp); n+1 < len(up) {
		return append(blocks, block{rows: up[:n], more: up[n:]})
	}
	return append(blocks, block{rows: up})
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
