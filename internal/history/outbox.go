package history

import (
	"slices"
	"time"
)

// A Change is what is to be told of an incident, with all that a message needs.
type Change struct {
	Incident string `json:"incident"` // its id
	State    State  `json:"state"`    // that is reported: Down, Degraded, Certificate, Up or Removed
	Was      State  `json:"was,omitzero"`
	Target   string `json:"target,omitzero"`
	Title    string `json:"title,omitzero"`
	Group    string `json:"group"`
	URL      string `json:"url,omitzero"`
	Link     string `json:"link,omitzero"`

	Reason    string  `json:"reason,omitzero"`
	Detail    string  `json:"detail,omitzero"`
	FirstByte float64 `json:"firstByte,omitzero"` // milliseconds

	Since   time.Time `json:"since"`
	Unknown bool      `json:"unknown,omitzero"` // it may have begun before Since
	Again   time.Time `json:"again,omitzero"`
	Times   int       `json:"times,omitzero"`
	Runs    int       `json:"runs"`
	Gaps    []Span    `json:"gaps,omitempty"`
	Ended   time.Time `json:"ended,omitzero"`
	After   time.Time `json:"after,omitzero"` // it ended between this and Ended

	Missed      bool `json:"missed,omitzero"` // that it was a problem was never told
	Reminder    bool `json:"reminder,omitzero"`
	Maintenance bool `json:"maintenance,omitzero"` // it lasts through one

	Subject  string    `json:"subject,omitzero"`
	NotAfter time.Time `json:"notAfter,omitzero"`
	Level    int       `json:"level,omitzero"`
	Targets  []string  `json:"targets,omitempty"`
	Count    int       `json:"count,omitzero"`
}

// An Entry of the outbox is a change that no topic has accepted yet.
type Entry struct {
	Change
	Seq   int64     `json:"seq"` // grows with each entry
	At    time.Time `json:"at"`  // since when it waits
	Claim Claim     `json:"claim,omitzero"`
	Tried bool      `json:"tried,omitzero"` // it may have been accepted

	Accepted []string `json:"accepted,omitempty"` // by these topics, of several
	Unclear  bool     `json:"-"`                  // whether another accepted it; see [Document.Settle]
}

// A Claim keeps other runs from telling what this one is about to tell.
type Claim struct {
	Run   string    `json:"run"`
	Until time.Time `json:"until"`
}

// A More counts changes of a group that had no room in the outbox.
type More struct {
	Group string    `json:"group"`
	State State     `json:"state"`
	Count int       `json:"count"`
	At    time.Time `json:"at"`
	Claim Claim     `json:"claim,omitzero"`
}

const (
	claimFor  = 90 * time.Second
	maxMore   = 300
	untoldFor = 10 * time.Minute
)

func (c Claim) heldByOther(run string, now time.Time) bool {
	return c.Run != run && now.Before(c.Until)
}

// tell puts into the outbox what people do not know of each incident.
func (f *fold) tell() {
	at := map[string]int{}
	for i := range f.next.Outbox {
		at[f.next.Outbox[i].Incident] = i
	}
	replaced := map[int64]bool{}
	for i := range f.next.Incidents {
		inc := &f.next.Incidents[i]
		var pending *Entry
		if e, found := at[inc.ID]; found {
			pending = &f.next.Outbox[e]
		}
		if entry, withdrawn := f.toTell(inc, pending); entry != nil || withdrawn {
			if pending != nil {
				replaced[pending.Seq] = true
			}
			if entry != nil {
				f.next.Seq++
				entry.Seq = f.next.Seq
				f.next.Outbox = append(f.next.Outbox, *entry)
			}
		}
	}
	f.next.Outbox = slices.DeleteFunc(f.next.Outbox, func(e Entry) bool { return replaced[e.Seq] })
	f.bound()
}

// toTell returns what people are to be told of an incident now, in place of what is
// pending, if anything; nothing, if they know; or that what is pending is not so any
// more and need not be told.
func (f *fold) toTell(inc *Incident, pending *Entry) (entry *Entry, withdrawn bool) {
	want := f.visible(inc, pending)
	said, level := inc.Told, inc.ToldLevel
	if pending != nil {
		said, level = pending.State, pending.Level
	}
	if want == "" || want == said && (want != Certificate || inc.Level == level) || !want.problem() && !said.problem() {
		if pending != nil && want == said && want.problem() {
			old := pending.Change
			pending.Change = f.change(inc, want) // newer facts of the same
			pending.Missed, pending.Reminder, pending.Maintenance = old.Missed, old.Reminder, old.Maintenance
			return nil, false
		}
		return f.reminder(inc, pending), false
	}
	t := f.looked[inc.Target]
	failed := t != nil && (t.State == Down || t.State == Degraded)
	if want.problem() && f.quiet(inc) {
		inc.Maintenance = true
		return nil, false
	}
	if want.problem() && inc.Maintenance && want != Certificate && !failed {
		return nil, false // it may have recovered during the maintenance
	}
	if pending != nil && want == inc.Told && inc.Level == inc.ToldLevel && !pending.Tried {
		return nil, true
	}
	entry = &Entry{Change: f.change(inc, want), At: f.run.Minute}
	entry.Maintenance = want.problem() && inc.Maintenance
	entry.Missed = pending != nil && !want.problem() && !inc.Told.problem()
	inc.Maintenance = false
	if pending != nil {
		entry.Claim, entry.Tried, entry.At = pending.Claim, pending.Tried, pending.At
	}
	return entry, false
}

// visible is the state that people are to know of an incident; "": as before. A
// recovery is held back where it opened again before, and they know of that.
func (f *fold) visible(inc *Incident, pending *Entry) State {
	switch {
	case inc.Removed:
		return Removed
	case inc.Open():
		return inc.State
	case inc.Times == 0 || inc.State == Certificate || !inc.Told.problem():
		return Up
	case inc.Ups >= 3 && f.run.Minute.Sub(inc.UpSince) >= 15*time.Minute:
		return Up
	case pending != nil && pending.State != inc.Told && !pending.Tried:
		return inc.Told // it got better and then well before anybody knew of the first
	}
	return ""
}

// quiet reports whether maintenance is planned for what an incident is about.
func (f *fold) quiet(inc *Incident) bool {
	if inc.State == Certificate {
		s := f.shown[certificateKey{inc.Group, inc.Fingerprint}]
		return s != nil && s.Quiet
	}
	t := f.looked[inc.Target]
	return t != nil && t.Maintenance
}

// reminder returns an entry for what was reported long ago, if it was seen in this run.
func (f *fold) reminder(inc *Incident, pending *Entry) *Entry {
	t := f.looked[inc.Target]
	if t == nil || pending != nil || !inc.Open() || inc.Told != inc.State || t.Maintenance || t.State != Down && t.State != Degraded {
		return nil
	}
	remind := t.Alert.or(f.run.Alert).Remind
	if remind == 0 || f.run.Minute.Sub(inc.ToldAt) < remind {
		return nil
	}
	entry := &Entry{Change: f.change(inc, inc.State), At: f.run.Minute}
	entry.Reminder = true
	return entry
}

func (f *fold) change(inc *Incident, state State) Change {
	c := Change{
		Incident: inc.ID, State: state, Target: inc.Target, Title: inc.Title, Group: inc.Group, URL: inc.URL, Link: inc.Link,
		Reason: inc.Reason, Detail: inc.Detail, FirstByte: inc.FirstByte,
		Since: inc.Since, Unknown: inc.Unknown, Again: inc.Again, Times: inc.Times, Runs: inc.Runs, Gaps: inc.Gaps,
		Subject: inc.Subject, NotAfter: inc.NotAfter, Level: inc.Level, Targets: inc.Targets, Count: inc.Count,
	}
	if !state.problem() {
		c.Was, c.Ended, c.After = inc.State, inc.Ended, inc.UpAfter
		if inc.Told.problem() {
			c.Was = inc.Told
		}
	}
	return c
}

// bound keeps the outbox within its limit: of what this run has to tell, the groups
// with the most have a count for the rest, which so counts as told.
func (f *fold) bound() {
	excess := len(f.next.Outbox) - maxOutbox
	if excess <= 0 {
		return
	}
	inGroup := map[string]int{}
	type candidate struct {
		rank int // in its group, from 0
		seq  int64
	}
	var candidates []candidate
	for i := range f.next.Outbox {
		if e := &f.next.Outbox[i]; e.Seq > f.before && !e.Tried {
			candidates = append(candidates, candidate{inGroup[e.Group], e.Seq})
			inGroup[e.Group]++
		}
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int { return b.rank - a.rank })
	drop := map[int64]bool{}
	for _, c := range candidates[:min(excess, len(candidates))] {
		drop[c.seq] = true
	}
	told := map[string]*Entry{}
	f.next.Outbox = slices.DeleteFunc(f.next.Outbox, func(e Entry) bool {
		if drop[e.Seq] {
			told[e.Incident] = &e
			f.next.more(e.Group, e.State, f.run.Minute)
		}
		return drop[e.Seq]
	})
	for i := range f.next.Incidents {
		if e := told[f.next.Incidents[i].ID]; e != nil {
			f.next.Incidents[i].told(e, f.run.Minute)
		}
	}
}

func (d *Document) more(group string, state State, minute time.Time) {
	for i := range d.More {
		if m := &d.More[i]; m.Group == group && m.State == state || i == maxMore-1 {
			m.Count++
			return
		}
	}
	d.More = append(d.More, More{Group: group, State: state, Count: 1, At: minute})
}

func (i *Incident) told(e *Entry, at time.Time) {
	if e.Seq > i.ToldSeq {
		i.Told, i.ToldAt, i.ToldLevel, i.ToldSeq = e.State, at, e.Level, e.Seq
	}
}

// changes are those of this fold.
func (f *fold) changes() []Change {
	var all []Change
	for i := range f.next.Outbox {
		if e := &f.next.Outbox[i]; e.Seq > f.before {
			all = append(all, e.Change)
		}
	}
	return all
}

// Claim returns d with a claim of the run on all that no other run holds, and what
// that is. Only what was written with a claim may be told.
func (d *Document) Claim(run string, now time.Time) (next *Document, entries []Entry, more []More) {
	c := *d
	c.Outbox, c.More = slices.Clone(d.Outbox), slices.Clone(d.More)
	claim := Claim{run, now.Add(claimFor).UTC()}
	for i := range c.Outbox {
		if e := &c.Outbox[i]; !e.Claim.heldByOther(run, now) {
			e.Claim, e.Tried = claim, true
			entries = append(entries, *e)
		}
	}
	for i := range c.More {
		if m := &c.More[i]; !m.Claim.heldByOther(run, now) {
			m.Claim = claim
			more = append(more, *m)
		}
	}
	return &c, entries, more
}

// Settle returns d after a run has tried to tell what it claimed. What was accepted
// leaves the outbox, and people know it from then on. What was tried was accepted by
// the topics in its Accepted and by no other, unless that is Unclear. What is in
// neither list may have been told: another run will tell it.
func (d *Document) Settle(run string, accepted, tried []Entry, more []More, at time.Time) *Document {
	c := *d
	c.Outbox, c.Incidents, c.More = slices.Clone(d.Outbox), slices.Clone(d.Incidents), slices.Clone(d.More)
	incidents, done, kept := map[string]*Incident{}, map[string]*Entry{}, map[int64]*Entry{}
	for i := range c.Incidents {
		incidents[c.Incidents[i].ID] = &c.Incidents[i]
	}
	for i := range accepted {
		e := &accepted[i]
		done[e.Incident] = e
		if inc := incidents[e.Incident]; inc != nil {
			inc.told(e, at)
		}
	}
	for i := range tried {
		kept[tried[i].Seq] = &tried[i]
	}
	c.Outbox = slices.DeleteFunc(c.Outbox, func(e Entry) bool { return done[e.Incident] != nil && done[e.Incident].Seq == e.Seq })
	for i := range c.Outbox {
		e := &c.Outbox[i]
		if e.Claim.Run != run {
			continue
		}
		e.Claim = Claim{}
		if tried := kept[e.Seq]; tried != nil {
			e.Accepted = tried.Accepted
			e.Tried = len(e.Accepted) > 0 || tried.Unclear
		}
		if told := done[e.Incident]; told != nil && told.Seq < e.Seq {
			e.Missed = e.Missed && !told.State.problem() // it changed while we told
		}
	}
	for _, m := range more {
		for i := range c.More {
			if c.More[i].Group == m.Group && c.More[i].State == m.State {
				c.More[i].Count -= m.Count
			}
		}
	}
	c.More = slices.DeleteFunc(c.More, func(m More) bool { return m.Count <= 0 })
	for i := range c.More {
		if c.More[i].Claim.Run == run {
			c.More[i].Claim = Claim{}
		}
	}
	return &c
}

// Untold is how much has waited for more than ten minutes.
func (d *Document) Untold(now time.Time) (n int) {
	for i := range d.Outbox {
		if now.Sub(d.Outbox[i].At) > untoldFor {
			n++
		}
	}
	for i := range d.More {
		if now.Sub(d.More[i].At) > untoldFor {
			n += d.More[i].Count
		}
	}
	return n
}
