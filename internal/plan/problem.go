package plan

import (
	"fmt"
	"strings"
	"time"

	"rollcall/internal/text"
)

// maxListed is how many problems an error spells out, so that its text stays
// far below the 6 MB that Lambda returns.
const maxListed = 1000

// An InvalidEventError says everything that is wrong with an event. Its text
// holds no value of a header, no body, no user information and no query.
type InvalidEventError struct {
	Problems []Problem // at least one, in the order in which they were found
	More     int       // how many more there are, beside those and those alike
}

// TookLonger is what is wrong with an event that takes longer to read than a
// run has time for: the cause of the context that [Parse] is given.
func TookLonger(limit time.Duration) *InvalidEventError {
	return &InvalidEventError{Problems: problems{{
		Message: fmt.Sprintf("is too much for one run: reading the event took longer than %s, half of the run's time", limit.Round(time.Millisecond)),
	}}}
}

// A Problem is one thing that is wrong with an event.
type Problem struct {
	Path    string // where: "urls[3].timeout", "list.txt:17", "line 2, column 5"; "" is the whole event
	Message string // what: `invalid duration "5x" (for example 10s or 500ms)`
	Alike   int    // how many more entries of the list have the same
}

// Error says how many problems there are and then each on a line of its own,
// at most 1,000 of them.
func (e *InvalidEventError) Error() string {
	all, shown := len(e.Problems)+e.More, min(len(e.Problems), maxListed)
	left := all - shown
	for _, p := range e.Problems {
		all += p.Alike
	}
	var b strings.Builder
	plural := "s"
	if all == 1 {
		plural = ""
	}
	fmt.Fprintf(&b, "the event has %d problem%s:", all, plural)
	for _, p := range e.Problems[:shown] {
		b.WriteString("\n" + p.String())
	}
	if left > 0 {
		fmt.Fprintf(&b, "\nand %d more", left)
	}
	return b.String()
}

// String returns the path, a colon and the message.
func (p Problem) String() string {
	said := p.Path + placeEnd + p.Message
	if p.Path == "" {
		said = "the event " + p.Message
	}
	if p.Alike > 0 {
		said += fmt.Sprintf(" (and %s more like it)", text.Count(p.Alike))
	}
	return said
}

// problems collects what is wrong.
type problems []Problem

// placeEnd stands between the name of a source and a path within it.
const placeEnd = ": "

func (ps *problems) report(path, format string, args ...any) {
	*ps = append(*ps, Problem{Path: strings.TrimSuffix(path, placeEnd), Message: fmt.Sprintf(format, args...)})
}

// quote returns s in quotation marks, cut to what fits a line.
func quote(s string) string {
	if cut := fmt.Sprintf("%.64s", s); cut != s {
		s = cut + "…"
	}
	return fmt.Sprintf("%q", s)
}

// suggestion returns ` (did you mean "timeout"?)` if got is close to a known
// word or is its beginning, and "" if it is not. Case does not matter; a typo may
// be one edit in every three letters of the word, and more than one only where most
// letters are right.
func suggestion(got string, known []string) string {
	const (
		longest  = 32 // no known word comes near it
		shortest = 4  // what is shorter begins many words
	)
	best, least := "", longest
	if len(got) > longest {
		return ""
	}
	for _, word := range known {
		if len(got) >= shortest && len(got) < len(word) && strings.EqualFold(got, word[:len(got)]) {
			return fmt.Sprintf(" (did you mean %q?)", word)
		}
	}
	for _, word := range known {
		d := distance(strings.ToLower(got), strings.ToLower(word))
		if d < least && d <= (len(word)+1)/3 && (d == 1 || 2*d < len(got)) {
			best, least = word, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// distance counts the edits from a to b: bytes inserted, deleted or replaced,
// and neighbours exchanged.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			switch {
			case i == 0 || j == 0:
				rows[i][j] = max(i, j)
				continue
			case a[i-1] == b[j-1]:
				rows[i][j] = rows[i-1][j-1]
			default:
				rows[i][j] = 1 + min(rows[i-1][j-1], rows[i-1][j], rows[i][j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
