package report

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"io"
	"net/url"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/text"
)

const (
	// mostMarkdown is how many bytes Markdown has at most: GitHub drops a job's
	// summary of more than 1 MiB as a whole.
	mostMarkdown = 900_000
	mostLike     = 100 // rows of targets that are down for the same reason
	mostUp       = 500 // rows of targets that are up
)

// Markdown writes the summary for the page on which a pipeline shows its
// results (GitHub's flavour): what is not up in a table, the rest in another
// that is folded. It has 900 KB at most, and says what is left out.
func Markdown(w io.Writer, s *monitor.Summary) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "## Rollcall: %s\n\n", s.Headline())
	if s.VantageUnhealthy {
		fmt.Fprintf(&b, "> **Warning:** %s.\n\n", noNetwork)
	}
	if !s.Started.IsZero() {
		fmt.Fprintf(&b, "%s UTC: ", s.Started.UTC().Format(time.DateTime))
	}
	fmt.Fprintf(&b, "%s.\n", strings.TrimSuffix(Line(s), "; "+noNetwork))
	for _, warning := range s.Warnings[:min(len(s.Warnings), mostLike)] {
		fmt.Fprintf(&b, "\n- Warning: %s\n", code(warning))
	}
	rows := s.UrgentFirst()
	problems, bad := monitor.Problems(rows)
	for _, line := range []string{tally(problems), slow(s, code), expiring(s, code)} {
		if line != "" {
			fmt.Fprintf(&b, "\n%s.\n", line)
		}
	}
	if len(problems) > 0 {
		fmt.Fprint(&b, "\n"+markdownHead)
	}
	for _, p := range problems {
		n := markdownRows(&b, p.Results[:min(len(p.Results), mostLike)], mostMarkdown*3/4)
		if left := len(p.Results) - n; left > 0 {
			fmt.Fprintf(&b, "| %s | … %s more like it |  |  | %s |\n", stateMarks[p.State], text.Count(left), code(p.String()))
		}
	}
	if up := rows[bad:]; len(up) > 0 {
		fmt.Fprintf(&b, "\n<details>\n<summary>%s up</summary>\n\n%s", text.Count(len(up)), markdownHead)
		n := markdownRows(&b, up[:min(len(up), mostUp)], mostMarkdown-20_000)
		if left := len(up) - n; left > 0 {
			fmt.Fprintf(&b, "| %s | … %s more up, none slower than %s |  |  |  |\n", stateMarks[check.Up], text.Count(left), text.Duration(up[n].Duration))
		}
		fmt.Fprint(&b, "\n</details>\n")
	}
	_, err := b.WriteTo(w)
	return err
}

const markdownHead = "| State | Target | Status | Duration | Reason |\n|---|---|--:|--:|---|\n"

var stateMarks = map[check.State]string{
	check.Up: "🟢 up", check.Degraded: "🟡 degraded", check.Down: "🔴 down", check.NotChecked: "⚪ not checked",
}

// markdownRows writes rows until there are limit bytes, and returns how many
// it has written.
func markdownRows(b *bytes.Buffer, rows []*check.Result, limit int) int {
	for i, r := range rows {
		if b.Len() > limit {
			return i
		}
		name := code(r.Name)
		if to := link(r); to != "" && name != "" {
			name = "[" + name + "](" + to + ")"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", stateMarks[r.State], name, status(r), duration(r), code(reason(r)))
	}
	return len(rows)
}

// link is where the target leads people, else its URL, if it has no character that means anything in
// Markdown, or to a pipeline; else "".
func link(r *check.Result) string {
	to := cmp.Or(r.Link, strings.TrimSuffix(r.URL, "?…"))
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(to, linkCharacters) != "" || text.Inert(to) != to {
		return ""
	}
	return to
}

const linkCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/%+,;=&"

// code is a text of somebody else's, as code: a code span where nothing in it
// can end that or the table's cell, as that can be read in the raw text too.
// Elsewhere whatever means something in Markdown, or in HTML within it, is
// written as an entity.
func code(s string) string {
	s = Plain(s)
	switch {
	case s == "":
		return ""
	case strings.ContainsAny(s, "`|\\$@[]*") || tag().MatchString(s) || strings.TrimSpace(s) != s:
		return "<code>" + entities.Replace(html.EscapeString(s)) + "</code>"
	}
	return "`" + s + "`"
}

// tag is where HTML could begin.
var tag = text.Pattern(`<[^ 0-9=]`)

var entities = strings.NewReplacer(
	"|", "&#124;", "`", "&#96;", "*", "&#42;", "_", "&#95;", "[", "&#91;", "]", "&#93;", "\\", "&#92;",
	"~", "&#126;", "$", "&#36;", "@", "&#64;", "://", "&#58;//", "www.", "www&#46;", "WWW.", "WWW&#46;",
)
