package plan

import (
	"fmt"
	"slices"
	"strings"
)

// maxListed is how many problems an error spells out, so that its text stays
// far below the 6 MB that Lambda returns.
const maxListed = 1000

// An InvalidEventError says everything that is wrong with an event. Its text
// holds no value of a header, no body, no user information and no query.
type InvalidEventError struct {
	Problems []Problem // at least one, in the order in which they were found
}

// A Problem is one thing that is wrong with an event.
type Problem struct {
	Path    string // where: "urls[3].timeout", "list.txt:17", "line 2, column 5"; "" is the whole event
	Message string // what: `"5x" is no duration (write 10s or 500ms)`
}

// Error says how many problems there are and then each on a line of its own,
// at most 1,000 of them.
func (e *InvalidEventError) Error() string {
	var b strings.Builder
	b.WriteString("the event has 1 problem:")
	if n := len(e.Problems); n != 1 {
		b.Reset()
		fmt.Fprintf(&b, "the event has %d problems:", n)
	}
	for i, p := range e.Problems {
		if i == maxListed {
			fmt.Fprintf(&b, "\nand %d more", len(e.Problems)-maxListed)
			break
		}
		b.WriteString("\n" + p.String())
	}
	return b.String()
}

// String returns the path, a colon and the message.
func (p Problem) String() string {
	if p.Path == "" {
		return "the event " + p.Message
	}
	return p.Path + ": " + p.Message
}

// problems collects what is wrong. The problems of a source's file are
// within those of the event that names it.
type problems struct {
	list   []Problem
	within *problems
	file   string // stands before every path, where within is set
}

func (ps *problems) add(path, format string, args ...any) {
	if ps.within == nil {
		ps.list = append(ps.list, Problem{path, fmt.Sprintf(format, args...)})
		return
	}
	if path != "" {
		path = ": " + path
	}
	ps.within.add(ps.file+path, format, args...)
}

// quote returns s in quotation marks, cut to what fits a line.
func quote(s string) string {
	const most = 64
	if runes := []rune(s[:min(len(s), 4*most)]); len(runes) > most {
		return fmt.Sprintf("%q", string(runes[:most])+"…")
	}
	return fmt.Sprintf("%q", s)
}

// suggestion returns ` (did you mean "timeout"?)` if got is close to a known
// word, and "" if it is not.
func suggestion(got string, known []string) string {
	if word := nearest(got, known); word != "" {
		return fmt.Sprintf(" (did you mean %q?)", word)
	}
	return ""
}

// nearest returns the known word that got is most likely meant to be, or "".
// Case is no difference; a typo may be one edit in every three letters.
func nearest(got string, known []string) string {
	const longest = 32 // no known word comes near it
	best, least := "", longest
	if len(got) > longest {
		return ""
	}
	for _, word := range known {
		d := distance(strings.ToLower(got), strings.ToLower(word))
		if d < least && d <= (len(word)+1)/3 {
			best, least = word, d
		}
	}
	return best
}

// distance counts the edits from a to b: bytes put in, left out or replaced,
// and neighbours exchanged.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			rows[i][j] = edits(rows, a[:i], b[:j])
		}
	}
	return rows[len(a)][len(b)]
}

// edits returns one cell of distance's table: the edits from a to b, from
// those of their beginnings.
func edits(rows [][]int, a, b string) int {
	i, j := len(a), len(b)
	if i == 0 || j == 0 {
		return max(i, j)
	}
	replace := rows[i-1][j-1]
	if a[i-1] != b[j-1] {
		replace++
	}
	choices := []int{replace, rows[i-1][j] + 1, rows[i][j-1] + 1}
	if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
		choices = append(choices, rows[i-2][j-2]+1)
	}
	return slices.Min(choices)
}
