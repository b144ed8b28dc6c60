// Package message turns changes of incidents, and notifications of CloudWatch
// alarms, into what people and programs read: subject, text, Markdown, SMS and JSON.
// It is pure. docs/message.schema.json describes the JSON.
package message

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"rollcall/internal/history"
)

// A Site is where messages come from, and where they lead. What is "" is not
// known, and left out.
type Site struct {
	Stack     string // its name
	Host      string // the machine, where there is no stack
	Region    string
	Partition string // aws, aws-cn, aws-us-gov, …; "" is aws
	Account   string
	LogGroup  string
	Bucket    string // that holds the page
	Page      string // its key
	Dashboard string // its name
	Runbook   string // a URL
}

// A Run is the run that tells.
type Run struct {
	ID      string
	Minute  time.Time
	Targets Totals
	Titles  map[string]string // of groups, by name
}

// Totals are how the targets of a run were.
type Totals struct {
	Total      int `json:"total" doc:"the sum of the others"`
	Up         int `json:"up" doc:"in that state"`
	Degraded   int `json:"degraded" doc:"in that state"`
	Down       int `json:"down" doc:"in that state"`
	NotChecked int `json:"notChecked" doc:"without a verdict"`
}

// A Message is what one publish sends.
type Message struct {
	Subject  string // one line of at most 99 printable characters of ASCII
	Text     string // for mail
	Markdown string // for chat: CommonMark
	SMS      string // at most 140 characters
	JSON     []byte // for programs; docs/message.schema.json

	Kind     string   // incident, certificate or monitor
	State    string   // the worst that it tells of
	Severity string   // critical or warning; a recovery has that of what it ends
	Groups   []string // whose changes it tells
	Incident string   // the one that it tells of; "": several, or an alarm
	Seq      int64    // of the newest change

	Entries []history.Entry // that it tells
	More    []history.More  // that it has the number of
}

// The kinds of messages.
const (
	KindIncident    = "incident"
	KindCertificate = "certificate"
	KindMonitor     = "monitor" // an alarm of CloudWatch
)

// The severities.
const (
	Critical = "critical"
	Warning  = "warning"
)

const (
	maxPublishes = 5
	maxFull      = 20 // changes that a message describes
	maxListed    = 500
	maxEncoded   = 120_000 // bytes of a call
)

// Make returns the messages of a run: one for each group, the one with the most to
// tell first. From the fifth group on they share one. It has nothing to send where
// nothing is to be told.
func Make(site Site, run Run, entries []history.Entry, more []history.More) []Message {
	byGroup := map[string]*Message{}
	var order []*Message
	of := func(group string) *Message {
		m := byGroup[group]
		if m == nil {
			m = &Message{Groups: []string{group}}
			byGroup[group] = m
			order = append(order, m)
		}
		return m
	}
	for _, e := range entries {
		m := of(e.Group)
		m.Entries = append(m.Entries, e)
	}
	for _, c := range more {
		m := of(c.Group)
		m.More = append(m.More, c)
	}
	slices.SortStableFunc(order, func(a, b *Message) int {
		return cmp.Or(cmp.Compare(b.count(), a.count()), strings.Compare(a.Groups[0], b.Groups[0]))
	})
	if len(order) > maxPublishes {
		shared := &Message{}
		for _, m := range order[maxPublishes-1:] {
			shared.Groups = append(shared.Groups, m.Groups...)
			shared.Entries = append(shared.Entries, m.Entries...)
			shared.More = append(shared.More, m.More...)
		}
		order = append(order[:maxPublishes-1], shared)
	}
	var all []Message
	for _, m := range order {
		m.write(site, run)
		all = append(all, *m)
	}
	return all
}

// count is how many changes a message tells of.
func (m *Message) count() int {
	n := len(m.Entries)
	for _, c := range m.More {
		n += c.Count
	}
	return n
}

// write fills a message in whose Groups, Entries and More are there.
func (m *Message) write(site Site, run Run) {
	slices.SortStableFunc(m.Entries, func(a, b history.Entry) int { return cmp.Compare(urgency(a.Change), urgency(b.Change)) })
	m.Kind, m.Severity = KindCertificate, Warning
	for i := range m.Entries {
		e := &m.Entries[i]
		m.Seq = max(m.Seq, e.Seq)
		if e.State != history.Certificate && e.Was != history.Certificate {
			m.Kind = KindIncident
		}
		if severity(e.Change) == Critical {
			m.Severity = Critical
		}
	}
	worst := history.Removed
	for _, c := range m.More {
		m.Kind = KindIncident
		worst = moreUrgent(worst, c.State)
		if c.State != history.Degraded && c.State != history.Certificate {
			m.Severity = Critical
		}
	}
	if len(m.Entries) > 0 {
		worst = moreUrgent(m.Entries[0].State, worst)
	}
	m.State = string(worst)
	if m.count() == 1 && len(m.Entries) == 1 {
		m.Incident = m.Entries[0].Incident
	}
	w := writer{site, run, m}
	m.Subject = ascii(w.subject(), 99)
	m.SMS = w.sms()
	for full, listed := maxFull, maxListed; ; full, listed = full/2, listed/2 {
		m.Text, m.Markdown = w.text(full), w.markdown(full)
		m.JSON = w.json(full, listed)
		if listed == 0 || m.encodedLength() <= maxEncoded {
			return
		}
	}
}

// Envelope returns the message as SNS takes it with the structure json: one text
// for each protocol.
func (m *Message) Envelope() string {
	return string(encode(map[string]string{"default": string(m.JSON), "email": m.Text, "sms": m.SMS}))
}

// encodedLength is how many bytes the envelope takes in a call, where it is a form.
func (m *Message) encodedLength() int {
	return len(url.QueryEscape(m.Envelope())) + len(url.QueryEscape(string(encode(m.Attributes()))))
}

// urgency orders changes: what is worst first.
func urgency(c history.Change) int {
	rank := 10 * slices.Index(states, c.State)
	if c.Reminder {
		rank++
	}
	return rank
}

var states = []history.State{history.Down, history.Degraded, history.Certificate, history.Up, history.Removed}

func moreUrgent(a, b history.State) history.State {
	return states[min(slices.Index(states, a), slices.Index(states, b))]
}

// severity is that of a problem, or of what a recovery ends.
func severity(c history.Change) string {
	state := c.State
	if state == history.Up || state == history.Removed {
		state = c.Was
	}
	if state == history.Down || state == history.Certificate && c.Level <= 1 {
		return Critical
	}
	return Warning
}

func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(v) // of strings and numbers: it can't fail
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
