package message

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"rollcall/internal/check"
	"rollcall/internal/history"
	"rollcall/internal/text"
)

// A writer writes the texts of one message.
type writer struct {
	site Site
	run  Run
	m    *Message
}

// name is what people call what a change is about.
func name(c history.Change) string {
	if c.Target != "" {
		return cmp.Or(c.Title, c.Target)
	}
	for part := range strings.SplitSeq(c.Subject, ",") {
		if common, ok := strings.CutPrefix(strings.TrimSpace(part), "CN="); ok {
			return common
		}
	}
	return cmp.Or(c.Subject, "without a subject")
}

// headline is a state in a subject.
func headline(c history.Change) string {
	word := strings.ToUpper(string(c.State))
	switch {
	case c.Missed && c.State == history.Up:
		return "WAS " + strings.ToUpper(string(c.Was))
	case c.Reminder:
		return "STILL " + word
	case c.State == history.Up && c.Was == history.Certificate:
		return "RENEWED"
	case c.Times > 0 && (c.State == history.Down || c.State == history.Degraded):
		return word + " AGAIN"
	}
	return word
}

// subject is one line that says the most important.
func (w *writer) subject() string {
	var s string
	switch n := w.m.count(); {
	case n == 1 && len(w.m.Entries) == 1:
		c := w.m.Entries[0].Change
		s = headline(c) + ": " + name(c) + " (" + w.group(c.Group) + ")" + w.why(c)
	default:
		var parts []string
		for _, count := range w.counts() {
			parts = append(parts, fmt.Sprint(strings.ToUpper(count.word), ": ", text.Count(count.n)))
		}
		s = strings.Join(parts, ", ") + " (" + w.groups() + ")"
		if list := w.names(); list != "" {
			s += ": " + list
		}
	}
	return printable(s)
}

// why is the end of a subject about one change.
func (w *writer) why(c history.Change) string {
	switch c.State {
	case history.Down, history.Degraded:
		return ": " + cmp.Or(c.Detail, c.Reason)
	case history.Certificate:
		return " " + w.expires(c.NotAfter)
	case history.Removed:
		return " is no longer in the list"
	}
	if c.Was == history.Certificate {
		return ""
	}
	if c.Missed {
		return ": " + w.span(c)
	}
	if c.Times > 0 {
		return fmt.Sprint(": was ", c.Was, " ", c.Times+1, " times since ", w.clock(c.Since))
	}
	return ": was " + string(c.Was) + " for " + lasted(c)
}

// begin is when what people know of it began: it may have been up in between.
func begin(c history.Change) time.Time {
	if c.Again.IsZero() {
		return c.Since
	}
	return c.Again
}

// lasted is for how long it was a problem: two durations, where nobody looked
// when it ended.
func lasted(c history.Change) string {
	longest := roughly(c.Ended.Sub(begin(c)))
	if c.After.IsZero() {
		return longest
	}
	return roughly(c.After.Sub(begin(c))) + " to " + longest
}

// A count is how many changes have one headline's word.
type count struct {
	word string
	n    int
}

// counts are the numbers of changes by state, the most urgent first.
func (w *writer) counts() []count {
	by := map[history.State]int{}
	for _, e := range w.m.Entries {
		by[e.State]++
	}
	for _, c := range w.m.More {
		by[c.State] += c.Count
	}
	var all []count
	for _, s := range states {
		if by[s] > 0 {
			all = append(all, count{string(s), by[s]})
		}
	}
	return all
}

func (w *writer) groups() string {
	if n := len(w.m.Groups); n > 1 {
		return text.Plural(n, "group")
	}
	return w.group(w.m.Groups[0])
}

// group is what people call a group.
func (w *writer) group(name string) string { return cmp.Or(w.run.Titles[name], name) }

// names are the first targets that a message is about.
func (w *writer) names() string {
	const most = 3
	var list []string
	for i := range w.m.Entries[:min(most, len(w.m.Entries))] {
		list = append(list, name(w.m.Entries[i].Change))
	}
	if more := w.m.count() - len(list); more > 0 && len(list) > 0 {
		return strings.Join(list, ", ") + " and " + text.Count(more) + " more"
	}
	return strings.Join(list, ", ")
}

// sms is the subject and where it comes from.
func (w *writer) sms() string {
	s := w.m.Subject
	if from := w.from(); from != "" {
		s += " (" + from + ")"
	}
	return ascii(s, 140)
}

// from names the stack and its Region.
func (w *writer) from() string {
	return strings.Join(slices.DeleteFunc([]string{w.site.Stack, w.site.Region}, func(s string) bool { return s == "" }), ", ")
}

// sentence says what a change is, in full: one line.
func (w *writer) sentence(c history.Change) string {
	var s string
	switch {
	case c.State == history.Certificate:
		s = fmt.Sprintf("The certificate %s of %s %s (%s)", name(c), w.shownBy(c), w.expires(c.NotAfter), c.NotAfter.UTC().Format("2 Jan 2006 15:04 UTC"))
	case c.Was == history.Certificate && c.State == history.Removed:
		s = fmt.Sprintf("The certificate %s of %s is no longer watched", name(c), w.shownBy(c))
	case c.Was == history.Certificate:
		s = fmt.Sprintf("The certificate %s of %s is no longer in use: it was renewed", name(c), w.shownBy(c))
	case c.State == history.Removed:
		s = fmt.Sprintf("%s was removed from the list; it was %s since %s", name(c), c.Was, w.clock(c.Since))
	case c.State == history.Up && c.Missed:
		s = fmt.Sprintf("%s was %s %s%s", name(c), c.Was, w.span(c), because(c))
	case c.State == history.Up && c.Times > 0:
		s = fmt.Sprintf("%s is up since %s; it was %s %d times since %s, last for %s%s", name(c), w.ended(c), c.Was, c.Times+1, w.clock(c.Since), lasted(c), because(c))
	case c.State == history.Up:
		s = fmt.Sprintf("%s is up since %s; it was %s for %s, since %s%s", name(c), w.ended(c), c.Was, lasted(c), w.clock(begin(c)), because(c))
	default:
		still, again := "", ""
		if c.Reminder {
			still = "still "
		}
		since := w.clock(begin(c))
		if c.Unknown {
			since += " or earlier"
		}
		if c.Times > 0 {
			again = fmt.Sprintf(" again (for the %s time since %s)", ordinal(c.Times+1), w.clock(c.Since))
		}
		s = fmt.Sprintf("%s is %s%s%s since %s (%s)%s", name(c), still, c.State, again, since, text.Plural(c.Runs, "run"), because(c))
	}
	if c.Unknown {
		s += "; since when is unknown: what was remembered is lost"
	}
	if c.Maintenance {
		s += "; it lasts through the maintenance"
	}
	if gap := gaps(c); gap >= time.Minute {
		s += "; for " + roughly(gap) + " of it nobody looked"
	}
	return s
}

func because(c history.Change) string {
	switch {
	case c.Reason == "":
		return ""
	case c.Detail == "":
		return ": " + c.Reason
	}
	return ": " + c.Reason + ": " + c.Detail
}

// shownBy names the targets that showed a certificate.
func (w *writer) shownBy(c history.Change) string {
	const most = 5
	list := strings.Join(c.Targets[:min(most, len(c.Targets))], ", ")
	if more := c.Count - min(most, len(c.Targets)); more > 0 {
		list += " and " + text.Count(more) + " more"
	}
	return list
}

// facts are a second line: where it is and what was measured.
func (w *writer) facts(c history.Change) []string {
	var all []string
	if c.URL != "" {
		all = append(all, c.URL)
	}
	if c.FirstByte > 0 && c.State != history.Up {
		all = append(all, fmt.Sprintf("first byte %.0f ms", c.FirstByte))
	}
	if from := cmp.Or(w.site.Region, w.site.Host); from != "" && c.State != history.Removed && c.URL != "" {
		all = append(all, "from "+from)
	}
	return all
}

// rest says how all the others are.
func (w *writer) rest() string {
	t := w.run.Targets
	if t.Total == 0 {
		return ""
	}
	verb := "are"
	if t.Up == 1 || t.Total == 1 {
		verb = "is"
	}
	s := fmt.Sprintf("%s of %s %s up", text.Count(t.Up), text.Plural(t.Total, "target"), verb)
	for _, c := range []count{{"down", t.Down}, {"degraded", t.Degraded}, {"not checked", t.NotChecked}} {
		if c.n > 0 {
			s += fmt.Sprintf(", %s %s", text.Count(c.n), c.word)
		}
	}
	return s + "."
}

// text is the mail.
func (w *writer) text(full int) string {
	var b strings.Builder
	shown := w.m.Entries[:min(full, len(w.m.Entries))]
	for _, e := range shown {
		if len(w.m.Groups) > 1 {
			b.WriteString("[" + w.group(e.Group) + "] ")
		}
		b.WriteString(printable(w.sentence(e.Change)) + "\n")
		if facts := w.facts(e.Change); len(facts) > 0 {
			b.WriteString("  " + printable(strings.Join(facts, " · ")) + "\n")
		}
		if e.Link != "" {
			b.WriteString("  " + e.Link + "\n")
		}
	}
	if more := w.others(len(shown)); more != "" {
		b.WriteString(more + "\n")
	}
	if rest := w.rest(); rest != "" {
		b.WriteString(rest + "\n")
	}
	if links := w.links(); len(links) > 0 {
		b.WriteString("\n")
		for _, l := range links {
			b.WriteString(l.name + ": " + l.url + "\n")
		}
	}
	if todo := w.toDo(shown); len(todo) > 0 {
		b.WriteString("\nWhat to do:\n")
		for _, line := range todo {
			b.WriteString("- " + strings.ReplaceAll(line, "`", "") + "\n")
		}
	}
	minute := w.run.Minute.UTC().Format("2006-01-02 15:04 UTC")
	if w.site.Stack != "" {
		fmt.Fprintf(&b, "\nSent by the stack %s in %s for the run of %s.\n", w.site.Stack, w.site.Region, minute)
	} else if w.site.Host != "" {
		fmt.Fprintf(&b, "\nSent by rollcall on %s for the run of %s.\n", w.site.Host, minute)
	}
	return b.String()
}

// others says how many changes there are beside those that are described.
func (w *writer) others(shown int) string {
	more := w.m.count() - shown
	if more <= 0 {
		return ""
	}
	by := map[history.State]int{}
	for _, e := range w.m.Entries[shown:] {
		by[e.State]++
	}
	for _, c := range w.m.More {
		by[c.State] += c.Count
	}
	var parts []string
	for _, s := range states {
		if by[s] > 0 {
			parts = append(parts, text.Count(by[s])+" "+string(s))
		}
	}
	return "And " + text.Count(more) + " more: " + strings.Join(parts, ", ") + "."
}

// markdown is the text for chat.
func (w *writer) markdown(full int) string {
	var b strings.Builder
	b.WriteString("**" + escape(w.subject()) + "**\n\n")
	shown := w.m.Entries[:min(full, len(w.m.Entries))]
	for _, e := range shown {
		b.WriteString("- ")
		if len(w.m.Groups) > 1 {
			b.WriteString(escape("["+w.group(e.Group)+"]") + " ")
		}
		b.WriteString(escape(printable(w.sentence(e.Change))))
		if facts := w.facts(e.Change); len(facts) > 0 {
			b.WriteString("\n  " + escape(printable(strings.Join(facts, " · "))))
		}
		if e.Link != "" {
			b.WriteString("\n  <" + e.Link + ">")
		}
		b.WriteString("\n")
	}
	if more := w.others(len(shown)); more != "" {
		b.WriteString("- " + more + "\n")
	}
	if rest := w.rest(); rest != "" {
		b.WriteString("\n" + rest + "\n")
	}
	var links []string
	for _, l := range w.links() {
		links = append(links, "["+l.name+"](<"+l.url+">)")
	}
	if len(links) > 0 {
		b.WriteString("\n" + strings.Join(links, " · ") + "\n")
	}
	for _, line := range w.toDo(shown) {
		b.WriteString("\n> " + line + "\n")
	}
	return b.String()
}

// toDo is what to do about the reasons, at most three of them.
func (w *writer) toDo(shown []history.Entry) []string {
	var all, reasons []string
	for _, e := range shown {
		if e.State != history.Down && e.State != history.Degraded || slices.Contains(reasons, e.Reason) || len(all) == 3 {
			continue
		}
		reasons = append(reasons, e.Reason)
		var r check.Reason
		if r.UnmarshalText([]byte(e.Reason)) == nil {
			x := r.Explain()
			all = append(all, e.Reason+": "+x.Cause+" "+x.Action)
		}
	}
	if slices.ContainsFunc(shown, func(e history.Entry) bool { return e.State == history.Certificate }) {
		all = append(all, "certificate: Renew it, and reload the server so that it shows the new one.")
	}
	return all
}

// clock is an instant as people read it: with the day, where it is not the run's.
func (w *writer) clock(at time.Time) string { return w.instant(at) + " UTC" }

func (w *writer) instant(at time.Time) string {
	at = at.UTC()
	if at.Format("20060102") == w.run.Minute.UTC().Format("20060102") {
		return at.Format("15:04")
	}
	return at.Format("2 Jan 15:04")
}

// span is from when to when it was a problem.
func (w *writer) span(c history.Change) string {
	return w.instant(begin(c)) + "–" + w.ended(c)
}

func (w *writer) ended(c history.Change) string {
	if c.After.IsZero() {
		return w.clock(c.Ended)
	}
	return "a time between " + w.instant(c.After) + " and " + w.clock(c.Ended)
}

// expires says when a certificate expires, seen from the run.
func (w *writer) expires(at time.Time) string {
	left := at.Sub(w.run.Minute)
	switch days := int(left.Hours() / 24); {
	case left < 0:
		return "expired " + roughly(-left) + " ago"
	case days == 0:
		return "expires in " + roughly(left)
	default:
		return "expires in " + text.Plural(days, "day")
	}
}

// roughly is a duration in its one or two largest units.
func roughly(d time.Duration) string {
	minutes := int(max(d, 0).Round(time.Minute) / time.Minute)
	days, hours := minutes/(24*60), minutes/60%24
	switch {
	case days > 0 && hours > 0:
		return text.Plural(days, "day") + " " + text.Plural(hours, "hour")
	case days > 0:
		return text.Plural(days, "day")
	case hours > 0 && minutes%60 > 0:
		return text.Plural(hours, "hour") + " " + text.Plural(minutes%60, "minute")
	case hours > 0:
		return text.Plural(hours, "hour")
	}
	return text.Plural(minutes, "minute")
}

func gaps(c history.Change) (sum time.Duration) {
	for _, g := range c.Gaps {
		sum += g.To.Sub(g.From)
	}
	return sum
}

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprint(n, suffix)
}

// ascii returns s in one line of printable ASCII of at most n characters.
func ascii(s string, n int) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(s), " ") {
		switch {
		case r == '–' || r == '—':
			r = '-'
		case r == '…':
			b.WriteString("..")
			r = '.'
		case r < ' ' || r > '~':
			r = '?'
		}
		b.WriteRune(r)
	}
	if s = b.String(); len(s) > n {
		s = strings.TrimRight(s[:n-3], " ") + "..."
	}
	return s
}

// printable returns s in one line of valid UTF-8.
func printable(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "?")
	}
	return strings.Join(strings.Fields(s), " ")
}

// escape returns s so that Markdown shows it as it is.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_[]<>#|~!&", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
