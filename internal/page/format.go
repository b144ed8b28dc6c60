package page

import (
	"html/template"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/redact"
	"rollcall/internal/text"
)

// milliseconds writes a duration in milliseconds without the unit, for columns
// of figures: one decimal below ten, digits in groups of three; nothing if it is
// absent.
func milliseconds(d time.Duration) string {
	switch {
	case d == check.Absent:
		return ""
	case d < 10*time.Millisecond-50*time.Microsecond:
		return text.Milliseconds(d, 1)
	}
	return text.Count(int(d.Round(time.Millisecond) / time.Millisecond))
}

// percent is n of all, in percent; 0 of nothing.
func percent(n, all int) float64 {
	if all == 0 {
		return 0
	}
	return round(float64(n) / float64(all) * 100)
}

// round keeps two decimals: what a screen can show.
func round(percent float64) float64 {
	return float64(int(percent*100+0.5)) / 100
}

// code marks up what stands between backquotes.
func code(s string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(s, "`") {
		part = template.HTMLEscapeString(part)
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return template.HTML(b.String())
}

// plain is somebody else's text, as a page and whoever reads its source in a
// pipeline's log can show it.
func plain(s string) string { return text.Inert(redact.Printable(s)) }

// printableLines is plain of a text that has lines.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = plain(line)
	}
	return strings.Join(lines, "\n")
}

// date writes a day.
func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02")
}

// dateTime writes a time to the second.
func dateTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}
