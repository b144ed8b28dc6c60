package message

import (
	"cmp"
	"time"

	"rollcall/internal/history"
)

// Version is that of the JSON.
const Version = 1

// A Document is the JSON of a message.
type Document struct {
	Version  int       `json:"version" doc:"of this form"`
	Kind     string    `json:"kind" doc:"what it tells of" enum:"incident certificate monitor"`
	State    string    `json:"state" doc:"the worst state that it tells of; of an alarm its own" enum:"down degraded certificate up removed alarm ok insufficient_data"`
	Severity string    `json:"severity" doc:"a recovery has that of what it ends" enum:"critical warning"`
	Subject  string    `json:"subject" doc:"one line of printable ASCII, under 100 characters"`
	Text     string    `json:"text" doc:"for people, as in a mail"`
	Markdown string    `json:"markdown" doc:"the same for chat, in CommonMark"`
	Groups   []string  `json:"groups,omitempty" doc:"whose changes these are"`
	Stack    string    `json:"stack,omitzero" doc:"that sent it; without one the machine"`
	Region   string    `json:"region,omitzero" doc:"from which was checked"`
	Account  string    `json:"account,omitzero" doc:"of AWS"`
	Run      string    `json:"run,omitzero" doc:"the id of the run"`
	Minute   time.Time `json:"minute,omitzero" doc:"for which the run was scheduled"`
	Seq      int64     `json:"seq,omitzero" doc:"of the newest change: of two messages about an incident the one with the larger number holds"`

	Targets   *Totals    `json:"targets,omitzero" doc:"how many of all targets were in each state in that run"`
	Incidents []Incident `json:"incidents,omitempty" doc:"that changed, the most urgent first: 20 in full, 500 at most"`
	More      int        `json:"more,omitzero" doc:"how many changed besides"`
	Alarm     *Alarm     `json:"alarm,omitzero" doc:"of CloudWatch, where kind is monitor"`
	Links     *Links     `json:"links,omitzero" doc:"where to look"`
}

// An Incident is one that changed. After the first twenty a message has its id, seq,
// state and target only.
type Incident struct {
	ID       string `json:"id" doc:"permanent"`
	Seq      int64  `json:"seq" doc:"grows with each change"`
	State    string `json:"state" doc:"that it is in now" enum:"down degraded certificate up removed"`
	Was      string `json:"was,omitzero" doc:"what the end ends" enum:"down degraded certificate"`
	Severity string `json:"severity,omitzero" doc:"of it" enum:"critical warning"`
	Target   string `json:"target,omitzero" doc:"its name"`
	Title    string `json:"title,omitzero" doc:"what people call it"`
	Group    string `json:"group" doc:"the target's"`
	URL      string `json:"url,omitzero" doc:"without user information and query"`
	Link     string `json:"link,omitzero" doc:"where the target's link leads"`
	Reason   string `json:"reason,omitzero" doc:"a word of docs/reasons.md"`
	Detail   string `json:"detail,omitzero" doc:"one line that explains the reason"`
	Text     string `json:"text,omitzero" doc:"the change in one sentence"`

	Since       time.Time `json:"since,omitzero" doc:"the first failure that counted"`
	Unknown     bool      `json:"sinceUnknown,omitzero" doc:"it may have begun before since"`
	Again       time.Time `json:"again,omitzero" doc:"the first failure since it was up last, where it was up in between"`
	Ended       time.Time `json:"ended,omitzero" doc:"since when it is up"`
	EndedAfter  time.Time `json:"endedAfter,omitzero" doc:"nobody looked between this and ended"`
	Runs        int       `json:"runs,omitzero" doc:"that failed"`
	Reminder    bool      `json:"reminder,omitzero" doc:"nothing has changed"`
	Missed      bool      `json:"missed,omitzero" doc:"that it was a problem could not be told while it was one"`
	Maintenance bool      `json:"maintenance,omitzero" doc:"it lasts through a maintenance"`

	Subject     string    `json:"subject,omitzero" doc:"of the certificate"`
	NotAfter    time.Time `json:"notAfter,omitzero" doc:"when the certificate expires"`
	Days        int       `json:"days,omitzero" doc:"the threshold that the certificate is below"`
	Targets     []string  `json:"targets,omitempty" doc:"that showed the certificate, 20 at most"`
	TargetCount int       `json:"targetCount,omitzero" doc:"how many showed it"`
}

// json is the JSON with a number of changes in full, and a number in all.
func (w *writer) json(full, listed int) []byte {
	links := w.site.links(w.run.Minute)
	d := Document{
		Version: Version, Kind: w.m.Kind, State: w.m.State, Severity: w.m.Severity, Subject: w.m.Subject, Text: w.m.Text, Markdown: w.m.Markdown,
		Groups: w.m.named(), Stack: cmp.Or(w.site.Stack, w.site.Host), Region: w.site.Region, Account: w.site.Account, Run: w.run.ID, Minute: w.run.Minute.UTC().Truncate(time.Minute), Seq: w.m.Seq,
		Targets: &w.run.Targets, Links: &links,
	}
	for i := range w.m.Entries[:min(listed, len(w.m.Entries))] {
		e := &w.m.Entries[i]
		inc := Incident{ID: e.Incident, Seq: e.Seq, State: string(e.State), Target: e.Target, Group: e.Group}
		if i < full {
			inc = w.incident(e)
		}
		d.Incidents = append(d.Incidents, inc)
	}
	d.More = w.m.count() - len(d.Incidents)
	return encode(d)
}

func (w *writer) incident(e *history.Entry) Incident {
	return Incident{
		ID: e.Incident, Seq: e.Seq, State: string(e.State), Was: string(e.Was), Severity: severity(e.Change),
		Target: e.Target, Title: e.Title, Group: e.Group, URL: e.URL, Link: e.Link, Reason: e.Reason, Detail: e.Detail, Text: printable(w.sentence(e.Change)),
		Since: e.Since, Unknown: e.Unknown, Again: e.Again, Ended: e.Ended, EndedAfter: e.After, Runs: e.Runs,
		Reminder: e.Reminder, Missed: e.Missed, Maintenance: e.Maintenance,
		Subject: e.Subject, NotAfter: e.NotAfter, Days: e.Level, Targets: e.Targets, TargetCount: e.Count,
	}
}

// named are the groups that there is room to name, those with the most to tell
// first: a call has a limit, and a group's name may be long.
func (m *Message) named() []string {
	room, n := 3000, 0
	for n < len(m.Groups) && room >= len(m.Groups[n]) {
		room -= len(m.Groups[n])
		n++
	}
	return m.Groups[:n]
}

// Attributes are what subscriptions filter by: each a String, or a String.Array
// where it has several values; seq is a Number.
func (m *Message) Attributes() map[string][]string {
	all := map[string][]string{"kind": {m.Kind}, "state": {m.State}, "severity": {m.Severity}}
	if groups := m.named(); len(groups) > 0 {
		all["group"] = groups
	}
	if m.Incident != "" {
		all["incident"] = []string{m.Incident}
	}
	return all
}

// Plain returns a message that no service can have a reason to refuse, about as
// much as the subject says: for where it refused m as invalid.
func (m *Message) Plain() (subject, body string) {
	what := cmp.Or(ascii(m.Subject, 99), "Rollcall")
	return "Rollcall: a message could not be sent as it was", what + "\n\n" + ascii(string(m.SMS), 140) + "\n\nThe message itself was refused. The log of the function says why.\n"
}
