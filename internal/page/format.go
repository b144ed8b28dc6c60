package page

import (
	"html/template"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/redact"
)

// milliseconds writes a duration as people compare them: one unit, one
// decimal, digits in groups of three; nothing if it is absent.
func milliseconds(d time.Duration) string {
	if d == check.Absent {
		return ""
	}
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(d.Seconds()*1000, 'f', 1, 64), ".")
	return grouped(whole) + "." + fraction
}

// count writes a number with its digits in groups of three.
func count(n int) string { return grouped(strconv.Itoa(n)) }

func grouped(digits string) string {
	sign := ""
	if rest, negative := strings.CutPrefix(digits, "-"); negative {
		sign, digits = "-", rest
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}

// plural writes "1 target", "2 targets".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
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
func code(text string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		part = template.HTMLEscapeString(part)
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return template.HTML(b.String())
}

// printableLines is redact.Printable of a text that has lines.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = redact.Printable(line)
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

// moment writes a time to the second.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}
