package report

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"strings"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
)

// Markdown writes the summary for the page on which a pipeline shows its
// results (GitHub's flavour): what is not up in a table, the rest in another
// that is folded.
func Markdown(w io.Writer, s *monitor.Summary) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "## Rollcall: %s\n\n", verdict(s))
	if s.VantageUnhealthy {
		fmt.Fprintf(b, "> **Warning:** %s.\n\n", blind)
	}
	fmt.Fprintf(b, "%s.\n", strings.TrimSuffix(Line(s), "; "+blind))
	for _, warning := range s.Warnings {
		fmt.Fprintf(b, "\n- Warning: %s\n", code(warning))
	}
	rows := s.UrgentFirst()
	up := len(rows)
	for up > 0 && rows[up-1].State == check.Up {
		up--
	}
	if up > 0 {
		fmt.Fprintln(b)
		markdownTable(b, rows[:up])
	}
	if up < len(rows) {
		fmt.Fprintf(b, "\n<details>\n<summary>%d up</summary>\n\n", len(rows)-up)
		markdownTable(b, rows[up:])
		fmt.Fprint(b, "\n</details>\n")
	}
	return b.Flush()
}

// verdict is the summary in a few words.
func verdict(s *monitor.Summary) string {
	switch {
	case s.VantageUnhealthy:
		return "could not see"
	case s.Down > 0:
		return fmt.Sprintf("%d of %d down", s.Down, s.Targets)
	case s.NotChecked > 0:
		return fmt.Sprintf("%d of %d not checked", s.NotChecked, s.Targets)
	case s.Stale || s.Targets == 0:
		return "nothing checked"
	case s.Degraded > 0:
		return fmt.Sprintf("%d of %d degraded", s.Degraded, s.Targets)
	}
	return "all up"
}

// marks are what a state looks like where colours are not to be had.
var marks = map[check.State]string{
	check.Up: "🟢 up", check.Degraded: "🟡 degraded", check.Down: "🔴 down", check.NotChecked: "⚪ not checked",
}

func markdownTable(w io.Writer, rows []*check.Result) {
	fmt.Fprint(w, "| State | Target | Status | Duration | Reason |\n|---|---|--:|--:|---|\n")
	for _, r := range rows {
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", marks[r.State], code(r.Name), status(r), duration(r), code(reason(r)))
	}
}

// code is a text of somebody else's: everything that Markdown, or HTML within
// it, could take for its own is written as an entity, also the bar that would
// end a table's cell, and what would become a link.
func code(s string) string {
	if s == "" {
		return ""
	}
	return "<code>" + ownMeaning.Replace(html.EscapeString(Plain(s))) + "</code>"
}

var ownMeaning = strings.NewReplacer(
	"|", "&#124;", "`", "&#96;", "*", "&#42;", "_", "&#95;", "[", "&#91;", "]", "&#93;", "\\", "&#92;",
	"~", "&#126;", "$", "&#36;", "@", "&#64;", "://", "&#58;//", "www.", "www&#46;", "WWW.", "WWW&#46;",
)
