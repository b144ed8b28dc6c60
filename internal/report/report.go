// Package report shows a summary to people and to programs: as a table, JSON,
// Markdown and JUnit. Whatever a name or a server's words hold, each format
// stays what it is: no terminal, parser or page obeys any of it.
package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/text"
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

// Line is the summary in a line.
func Line(s *monitor.Summary) string { return line(s, Look{}) }

// noNetwork is what a run says that could reach neither most of its targets nor
// the canary.
const noNetwork = "the monitor has no network: the states of targets are unknown"

func line(s *monitor.Summary, l Look) string {
	counts := []string{l.paint(green, text.Count(s.Up)+" up")}
	for _, c := range []struct {
		n      int
		what   string
		colour colour
	}{
		{s.Degraded, "degraded", yellow}, {s.Down, "down", red}, {s.NotChecked, "not checked", bold}, {s.Flaky, "flaky", yellow},
	} {
		if c.n > 0 {
			counts = append(counts, l.paint(c.colour, text.Count(c.n)+" "+c.what))
		}
	}
	line := fmt.Sprintf("%s in %s: %s", text.Plural(s.Targets, "target"), text.Duration(time.Duration(s.Duration)), strings.Join(counts, ", "))
	if s.VantageUnhealthy {
		line += "; " + noNetwork
	}
	return line
}

// status is blank where there is none.
func status(r *check.Result) string {
	if r.Status == 0 {
		return ""
	}
	return strconv.Itoa(r.Status)
}

// duration is blank where nothing was measured, or nothing that shows: what was
// known before a packet left.
func duration(r *check.Result) string {
	if !r.Measured() || r.Duration < 50*time.Microsecond {
		return ""
	}
	return text.Duration(r.Duration)
}

// reason is why the target has its state, in words; "" for most that are up.
func reason(r *check.Result) string {
	var words []string
	if r.State != check.Up {
		words = append(words, r.Reason.String())
	}
	if r.Detail != "" {
		words = append(words, Plain(r.Detail))
	}
	why := strings.Join(words, ": ")
	if r.Flaky {
		why = strings.TrimSpace(fmt.Sprintf("%s (flaky: succeeded at attempt %d)", why, r.Attempts))
	}
	for _, w := range r.Warnings {
		why = strings.TrimPrefix(why+"; warning: "+w, "; ")
	}
	return why
}
