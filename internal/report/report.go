// Package report shows a summary to people and to programs.
package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"rollcall/internal/monitor"
	"rollcall/internal/probe"
)

// JSON writes the summary as its contract has it, with every result, and a
// newline.
func JSON(w io.Writer, s *monitor.Summary) error {
	encoded, err := s.Encode(0)
	if err != nil {
		return err
	}
	_, err = w.Write(append(encoded, '\n'))
	return err
}

// Table writes a row a target, what is wrong first, and a line that counts.
// Only the last column may be long; no line ends in blanks.
func Table(w io.Writer, s *monitor.Summary) error {
	t := table.NewWriter()
	t.SetStyle(style())
	t.AppendHeader(table.Row{"State", "Target", "Status", "Duration", "Reason"})
	t.SetColumnConfigs([]table.ColumnConfig{
		{Name: "Status", Align: text.AlignRight, AlignHeader: text.AlignRight},
		{Name: "Duration", Align: text.AlignRight, AlignHeader: text.AlignRight},
	})
	for _, r := range urgentFirst(s.Results) {
		t.AppendRow(table.Row{r.State.String(), name(r), status(r), duration(r), reason(r)})
	}
	var b strings.Builder
	for line := range strings.Lines(t.Render()) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	_, err := fmt.Fprintf(w, "%s\n%s\n", b.String(), Line(s))
	return err
}

func style() table.Style {
	s := table.StyleLight
	s.Options = table.OptionsNoBordersAndSeparators
	s.Box.PaddingLeft, s.Box.PaddingRight = "", "  "
	s.Format.Header = text.FormatUpper
	return s
}

// widestName is where the column of names ends; results in JSON have all of it.
const widestName = 48

func name(r *probe.Result) string { return text.Snip(plain(r.Name), widestName, "…") }

// urgentFirst orders by what a reader has to see first: down, degraded, not
// checked, up; the slowest first among them.
func urgentFirst(results []probe.Result) []*probe.Result {
	urgency := map[probe.State]int{probe.Down: 0, probe.Degraded: 1, probe.NotChecked: 2, probe.Up: 3}
	rows := make([]*probe.Result, len(results))
	for i := range results {
		rows[i] = &results[i]
	}
	slices.SortStableFunc(rows, func(a, b *probe.Result) int {
		return cmp.Or(cmp.Compare(urgency[a.State], urgency[b.State]), cmp.Compare(b.Duration, a.Duration))
	})
	return rows
}

// plain keeps a name from moving the cursor: it may hold anything.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '·'
		}
		return r
	}, s)
}

func status(r *probe.Result) string {
	if r.Status == 0 {
		return ""
	}
	return strconv.Itoa(r.Status)
}

// duration is blank where no phase took place: there was nothing to measure.
func duration(r *probe.Result) string {
	if r.Attempts == 0 || r.Phases == probe.NoPhases() {
		return ""
	}
	return Milliseconds(r.Duration)
}

// Milliseconds writes a duration as people compare them: one unit, one
// decimal.
func Milliseconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds()*1000, 'f', 1, 64) + " ms"
}

func reason(r *probe.Result) string {
	var words []string
	if r.State != probe.Up {
		words = append(words, r.Reason.String())
	}
	if r.Detail != "" {
		words = append(words, plain(r.Detail))
	}
	text := strings.Join(words, ": ")
	if r.Flaky {
		text = strings.TrimSpace(text + fmt.Sprintf(" (flaky: answered at attempt %d)", r.Attempts))
	}
	return text
}

// Line is the summary in a line.
func Line(s *monitor.Summary) string {
	parts := []string{fmt.Sprintf("%d up", s.Up)}
	for _, p := range []struct {
		n    int
		what string
	}{{s.Degraded, "degraded"}, {s.Down, "down"}, {s.NotChecked, "not checked"}, {s.Flaky, "flaky"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	noun := "targets"
	if s.Targets == 1 {
		noun = "target"
	}
	line := fmt.Sprintf("%d %s in %s: %s", s.Targets, noun, Milliseconds(s.Duration), strings.Join(parts, ", "))
	if s.VantageUnhealthy {
		line += "; the vantage point is at fault: nothing is said of the targets"
	}
	return line
}
