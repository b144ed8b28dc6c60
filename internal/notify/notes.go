package notify

import (
	"cmp"
	"fmt"
	"strings"

	"rollcall/internal/message"
)

// A Note is what is sent to one service at once: a message, or to a pager the event
// of one incident.
type Note struct {
	To      string            `json:"to"` // a destination's Key
	Message *message.Document `json:"message,omitzero"`
	Event   *Event            `json:"event,omitzero"`
}

// An Event opens or closes a pager's incident.
type Event struct {
	Key      string `json:"key"` // what it is deduplicated by
	Resolve  bool   `json:"resolve,omitzero"`
	Summary  string `json:"summary"`
	Severity string `json:"severity"` // critical or warning
	Source   string `json:"source"`
	Text     string `json:"text,omitzero"`
	Link     string `json:"link,omitzero"`
	Seq      int64  `json:"seq,omitzero"`
}

// maxEvents is how many incidents of a message have a pager's event of their own.
const maxEvents = 50

// Notes returns what a destination is sent for a message.
func Notes(d *Destination, m *message.Document) []Note {
	if !d.Wants(m) {
		return nil
	}
	if !d.Pager() {
		return []Note{{To: d.Key, Message: m}}
	}
	var notes []Note
	for _, e := range events(m) {
		notes = append(notes, Note{To: d.Key, Event: &e})
	}
	return notes
}

// events are those of a message: one an incident, and from the fifty-first on one
// for all others of these groups.
func events(m *message.Document) (all []Event) {
	base := Event{
		Severity: cmp.Or(m.Severity, message.Critical), Source: cmp.Or(m.Stack, "rollcall"), Text: m.Text, Seq: m.Seq, Summary: m.Subject,
	}
	if m.Links != nil {
		base.Link = cmp.Or(m.Links.Dashboard, m.Links.Page)
	}
	if m.Kind == message.KindMonitor {
		if m.Alarm == nil || m.State == "insufficient_data" {
			return nil // it says neither that something is wrong nor that it is well
		}
		base.Key, base.Resolve = cmp.Or(m.Alarm.ARN, m.Alarm.Name), m.State == "ok"
		return []Event{base}
	}
	rest, problems := m.More, false
	for i, inc := range m.Incidents {
		over := inc.State == "up" || inc.State == "removed"
		if i >= maxEvents {
			rest++
			problems = problems || !over
			continue
		}
		e := base
		e.Key, e.Resolve, e.Seq, e.Severity = inc.ID, over, inc.Seq, cmp.Or(inc.Severity, base.Severity)
		if len(m.Incidents)+m.More > 1 {
			e.Summary = fmt.Sprintf("%s: %s (%s)", strings.ToUpper(inc.State), cmp.Or(inc.Title, inc.Target, inc.Subject), inc.Group)
			if inc.Reason != "" {
				e.Summary += ": " + cmp.Or(inc.Detail, inc.Reason)
			}
			e.Text = inc.Text
		}
		all = append(all, e)
	}
	// The others are closed together, when nothing is down or degraded any more.
	problems = problems || m.More > 0 && m.State != "up" && m.State != "removed"
	well := m.Targets != nil && m.Targets.Total > maxEvents && m.Targets.Down == 0 && m.Targets.Degraded == 0
	if problems || well {
		e := base
		e.Key, e.Resolve = base.Source+" "+strings.Join(m.Groups, ",")+" others", !problems
		e.Summary = fmt.Sprintf("%d more changes in %s", rest, strings.Join(m.Groups, ", "))
		if e.Resolve {
			e.Summary = "nothing is down or degraded any more"
		}
		all = append(all, e)
	}
	return all
}
