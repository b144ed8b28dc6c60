package report

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"strings"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/text"
)

// Markdown writes the summary for the page on which a pipeline shows its
// results (GitHub's flavour): what is not up in a table, the rest in another
// that is folded.
func Markdown(w io.Writer, s *monitor.Summary) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "## Rollcall: %s\n\n", s.Headline())
	if s.VantageUnhealthy {
		fmt.Fprintf(b, "> **Warning:** %s.\n\n", noNetwork)
	}
	fmt.Fprintf(b, "%s.\n", strings.TrimSuffix(Line(s), "; "+noNetwork))
	for _, warning := range s.Warnings {
		fmt.Fprintf(b, "\n- Warning: %s\n", code(warning))
	}
	rows := s.UrgentFirst()
	up := len(rows) // where those that are up begin
	for up > 0 && rows[up-1].State == check.Up {
		up--
	}
	if up > 0 {
		fmt.Fprintln(b)
		markdownTable(b, rows[:up])
	}
	if up < len(rows) {
		fmt.Fprintf(b, "\n<details>\n<summary>%s up</summary>\n\n", text.Count(len(rows)-up))
		markdownTable(b, rows[up:])
		fmt.Fprint(b, "\n</details>\n")
	}
	return b.Flush()
}

func markdownTable(w io.Writer, rows []*check.Result) {
	states := map[check.State]string{
		check.Up: "🟢 up", check.Degraded: "🟡 degraded", check.Down: "🔴 down", check.NotChecked: "⚪ not checked",
	}
	fmt.Fprint(w, "| State | Target | Status | Duration | Reason |\n|---|---|--:|--:|---|\n")
	for _, r := range rows {
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", states[r.State], code(r.Name), status(r), duration(r), code(reason(r)))
	}
}

// code is a text of somebody else's. Whatever means something in Markdown, or
// in HTML within it, is written as an entity, also the bar that would end a
// table's cell, and what would become a link.
func code(s string) string {
	if s == "" {
		return ""
	}
	return "<code>" + entities.Replace(html.EscapeString(Plain(s))) + "</code>"
}

var entities = strings.NewReplacer(
	"|", "&#124;", "`", "&#96;", "*", "&#42;", "_", "&#95;", "[", "&#91;", "]", "&#93;", "\\", "&#92;",
	"~", "&#126;", "$", "&#36;", "@", "&#64;", "://", "&#58;//", "www.", "www&#46;", "WWW.", "WWW&#46;",
)
