// Package report shows a summary to people and to programs: as a table, JSON,
// Markdown and JUnit. Whatever a name or a server's words hold, each format
// stays what it is: nothing of them reaches a terminal, a parser or a page
// that those would obey.
package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
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

func status(r *check.Result) string {
	if r.Status == 0 {
		return ""
	}
	return strconv.Itoa(r.Status)
}

// duration is blank where there was nothing to measure.
func duration(r *check.Result) string {
	if !r.Measured() {
		return ""
	}
	return Milliseconds(r.Duration)
}

// Milliseconds writes a duration as people compare them: one unit, one
// decimal.
func Milliseconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds()*1000, 'f', 1, 64) + " ms"
}

// reason is why the target has its state, in words; "" where there is nothing
// to say.
func reason(r *check.Result) string {
	var words []string
	if r.State != check.Up {
		words = append(words, r.Reason.String())
	}
	if r.Detail != "" {
		words = append(words, Plain(r.Detail))
	}
	text := strings.Join(words, ": ")
	if r.Flaky {
		text = strings.TrimSpace(text + fmt.Sprintf(" (flaky: answered at attempt %d)", r.Attempts))
	}
	return text
}

// Line is the summary in a line.
func Line(s *monitor.Summary) string { return line(s, Look{}) }

// A count is how many targets have one thing in common.
type count struct {
	n     int
	what  string
	paint paint
}

func counts(s *monitor.Summary) []count {
	all := []count{
		{s.Up, "up", green}, {s.Degraded, "degraded", yellow}, {s.Down, "down", red},
		{s.NotChecked, "not checked", magenta}, {s.Flaky, "flaky", yellow},
	}
	return slices.DeleteFunc(all, func(c count) bool { return c.n == 0 && c.what != "up" })
}

// blind is said of a run that could not see.
const blind = "the vantage point is at fault: nothing is said of the targets"

func line(s *monitor.Summary, l Look) string {
	var parts []string
	for _, c := range counts(s) {
		parts = append(parts, l.in(c.paint, fmt.Sprintf("%d %s", c.n, c.what)))
	}
	text := fmt.Sprintf("%s in %s: %s", Targets(s.Targets), Milliseconds(time.Duration(s.Duration)), strings.Join(parts, ", "))
	if s.VantageUnhealthy {
		text += "; " + blind
	}
	return text
}

// Targets counts them in words.
func Targets(n int) string {
	if n == 1 {
		return "1 target"
	}
	return strconv.Itoa(n) + " targets"
}
