package report

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"

	"rollcall/internal/text"
)

// mostMarks is how many combining marks may stand on a letter. No language
// needs more; a hundred of them paint over the lines above.
const mostMarks = 4

// Plain keeps a text from moving the cursor, or anything else: it may hold
// whatever somebody named a target, or whatever a server sent. Escapes, white
// space other than the blank, what changes the direction, and invalid UTF-8
// become a dot, and no pipeline takes it for a command.
func Plain(s string) string {
	marks := 0
	return text.Inert(strings.Map(func(r rune) rune {
		if !unicode.Is(unicode.M, r) {
			marks = 0
		} else if marks++; marks > mostMarks || unicode.Is(unicode.Variation_Selector, r) {
			return -1 // a variation selector changes a glyph's width behind our back
		}
		if !strconv.IsPrint(r) || r == unicode.ReplacementChar {
			return '·'
		}
		return r
	}, s))
}

// width is how many columns a plain text takes.
func width(s string) int { return runewidth.StringWidth(s) }

// snip cuts a plain text to n columns, the last of them an ellipsis.
func snip(s string, n int) string { return runewidth.Truncate(s, n, "…") }

// snipMiddle cuts a plain text to n columns, in the middle, as names differ at
// their ends: at a slash where there is one, "shop.example.com/…/health/live".
func snipMiddle(s string, n int) string {
	if width(s) <= n {
		return s
	}
	if n < 8 {
		return snip(s, n)
	}
	head := runewidth.Truncate(s, (n-1)/2, "")
	tail := runewidth.TruncateLeft(s, width(s)-(n-1-width(head)), "")
	if slash := strings.LastIndexByte(head, '/'); slash > n/4 {
		tail = runewidth.TruncateLeft(s, width(s)-(n-2-slash), "")
		head = head[:slash+1]
	}
	if slash := strings.IndexByte(tail, '/'); slash > 0 && slash < len(tail)/2 {
		tail = tail[slash:]
	}
	return head + "…" + tail
}

// wrap breaks a plain text into lines of at most n columns, between words
// where it can. Where even a glyph is wider, a dot takes its place.
func wrap(s string, n int) []string {
	if n = max(n, 1); n == 1 {
		s = strings.Map(func(r rune) rune {
			if runewidth.RuneWidth(r) > 1 {
				return '·'
			}
			return r
		}, s)
	}
	var lines []string
	for width(s) > n {
		head := runewidth.Truncate(s, n, "")
		if blank := strings.LastIndexByte(head, ' '); blank > 0 && s[len(head)] != ' ' {
			head = s[:blank]
		}
		if head == "" { // a glyph of several characters
			return append(lines, snip(s, n))
		}
		if line := strings.TrimRight(head, " "); line != "" {
			lines = append(lines, line)
		}
		s = strings.TrimLeft(s[len(head):], " ")
	}
	if s = strings.TrimRight(s, " "); s == "" && len(lines) > 0 {
		return lines
	}
	return append(lines, s)
}

// pad fills a plain text up to n columns.
func pad(s string, n int) string { return runewidth.FillRight(s, n) }

// padLeft is pad for numbers.
func padLeft(s string, n int) string { return runewidth.FillLeft(s, n) }
