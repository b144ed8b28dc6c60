package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/text"
)

// Digest writes what a reader has to know of a run in a few lines: which targets
// are slow, which certificates expire soon, the reasons by how many targets have them, and last
// the counts. It stands below a table, and in place of one that went to a file.
func Digest(w io.Writer, s *monitor.Summary, l Look) error {
	b := bufio.NewWriter(w)
	problems, _ := monitor.Problems(s.UrgentFirst())
	digest(b, s, problems, l)
	return b.Flush()
}

func digest(w io.Writer, s *monitor.Summary, problems []*monitor.Problem, l Look) {
	for _, note := range notes(s, l) {
		l.lines(w, yellow, note)
	}
	l.lines(w, noColour, tally(problems))
	if counts := Line(s); l.Width > 0 && width(counts) > l.Width {
		l.lines(w, noColour, counts)
	} else {
		fmt.Fprintln(w, line(s, l))
	}
}

// notes are what is to be known of targets that are up.
func notes(s *monitor.Summary, l Look) []string {
	show := func(name string) string {
		if name = Plain(name); l.Width > 0 {
			return snipMiddle(name, max(l.Width/2, 20))
		}
		return name
	}
	return slices.DeleteFunc([]string{slow(s, show), expiring(s, show)}, func(note string) bool { return note == "" })
}

// lines writes a text in lines that fit; nothing if it is empty.
func (l Look) lines(w io.Writer, c colour, s string) {
	if s == "" {
		return
	}
	if l.Width == 0 {
		fmt.Fprintln(w, l.paint(c, s))
		return
	}
	for _, part := range wrap(s, l.Width) {
		fmt.Fprintln(w, l.paint(c, part))
	}
}

// wrapLines breaks the lines of a text where the terminal ends.
func (l Look) wrapLines(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		for _, part := range wrap(strings.TrimSuffix(line, "\n"), l.Width) {
			b.WriteString(part + "\n")
		}
	}
	return b.String()
}

// mostKinds is how many reasons a tally names. Where there are more, it names
// none that a single target has.
const mostKinds = 8

// tally is the reasons by how many targets have them, such as "101 status 404 ·
// 58 dns_not_found"; "" where each target that is not up has a reason of its
// own, as rows say that better.
func tally(problems []*monitor.Problem) string {
	var parts []string
	repeated, rest := false, 0
	for _, p := range problems {
		n := len(p.Results)
		repeated = repeated || n > 1
		if few := len(problems) <= mostKinds; few || n > 1 && len(parts) < mostKinds {
			parts = append(parts, text.Count(n)+" "+p.String())
		} else {
			rest += n
		}
	}
	if !repeated {
		return ""
	}
	if rest > 0 {
		parts = append(parts, text.Count(rest)+" with other reasons")
	}
	return strings.Join(parts, " · ")
}

// mostNamed is how many of those that are slow, or expire soon, are named.
const mostNamed = 3

// slow says which targets are up, but far slower than the others, such as
// "1 target is slow, with three times what most take: shop.example.com, 4.8 s"; "" if
// none is. show is how a target's name looks.
func slow(s *monitor.Summary, show func(name string) string) string {
	all := s.Slow()
	if len(all) == 0 {
		return ""
	}
	var named []string
	for _, r := range all[:min(len(all), mostNamed)] {
		named = append(named, show(r.Name)+", "+text.Duration(r.Duration))
	}
	if rest := len(all) - len(named); rest > 0 {
		named = append(named, text.Count(rest)+" more")
	}
	are := "are"
	if len(all) == 1 {
		are = "is"
	}
	return fmt.Sprintf("%s %s slow, with three times what most take: %s", text.Plural(len(all), "target"), are, strings.Join(named, "; "))
}

// expiring says which certificates expire soon, such as "1 certificate expires
// within 14 days: shop.example.com, tomorrow"; "" if none does. show is how a
// target's name looks.
func expiring(s *monitor.Summary, show func(name string) string) string {
	certificates := monitor.Expiring(s.Certificates())
	if len(certificates) == 0 {
		return ""
	}
	expire := "expire"
	if len(certificates) == 1 {
		expire = "expires"
	}
	var named []string
	for _, c := range certificates[:min(len(certificates), mostNamed)] {
		name := show(c.First.Name)
		if c.Targets > 1 {
			name += " and " + text.Plural(c.Targets-1, "other")
		}
		named = append(named, name+", "+strings.TrimPrefix(expires(c.Certificate, s.Started), "expires "))
	}
	if rest := len(certificates) - len(named); rest > 0 {
		named = append(named, text.Count(rest)+" more")
	}
	return fmt.Sprintf("%s %s within %d days: %s", text.Plural(len(certificates), "certificate"), expire, monitor.RenewalDays, strings.Join(named, "; "))
}

// expires says when a certificate does, seen from a time: "expires today",
// "expires in 9 days", "expired 3 days ago".
func expires(c *check.Certificate, from time.Time) string {
	const day = 24 * time.Hour
	if c.DaysLeft < 0 {
		return fmt.Sprintf("expired %s ago", text.Plural(max(int(-c.DaysLeft), 1), "day"))
	}
	switch days := int(c.NotAfter.UTC().Truncate(day).Sub(from.UTC().Truncate(day)) / day); {
	case days <= 0:
		return "expires today"
	case days == 1:
		return "expires tomorrow"
	default:
		return fmt.Sprintf("expires in %d days", days)
	}
}
