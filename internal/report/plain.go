package report

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"
)

// mostMarks is how many combining marks may stand on a letter. No language
// needs more; a hundred of them paint over the lines above.
const mostMarks = 4

// Plain keeps a text from moving the cursor, or anything else: it may hold
// whatever somebody named a target, or whatever a server sent. Escapes, white
// space other than the blank, what changes the direction, and what is no
// UTF-8 become a dot.
func Plain(s string) string {
	marks := 0
	return strings.Map(func(r rune) rune {
		if !unicode.Is(unicode.M, r) {
			marks = 0
		} else if marks++; marks > mostMarks || unicode.Is(unicode.Variation_Selector, r) {
			return -1 // a variation selector changes a glyph's width behind our back
		}
		if !strconv.IsPrint(r) || r == unicode.ReplacementChar {
			return '·'
		}
		return r
	}, s)
}

// width is how many columns a plain text takes.
func width(s string) int {
	n := 0
	for _, r := range s {
		n += text.RuneWidth(r)
	}
	return n
}

// snip cuts a plain text to n columns, the last of them an ellipsis.
func snip(s string, n int) string {
	if width(s) <= n {
		return s
	}
	head, _ := split(s, n-1)
	return head + "…"
}

// split cuts a plain text where n columns are full.
func split(s string, n int) (head, rest string) {
	taken := 0
	for i, r := range s {
		if taken += text.RuneWidth(r); taken > n {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// fold breaks a plain text into lines of at most n columns, between words
// where it can. n is 2 at least, as the widest glyph is.
func fold(s string, n int) []string {
	var lines []string
	for width(s) > n {
		head, rest := split(s, n)
		if blank := strings.LastIndexByte(head, ' '); blank > 0 && !strings.HasPrefix(rest, " ") {
			head, rest = s[:blank], s[blank:]
		}
		lines = append(lines, strings.TrimRight(head, " "))
		s = strings.TrimLeft(rest, " ")
	}
	return append(lines, strings.TrimRight(s, " "))
}

// pad fills a plain text up to n columns.
func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-width(s))) }

// padLeft is pad for numbers.
func padLeft(s string, n int) string { return strings.Repeat(" ", max(0, n-width(s))) + s }
