package history

import (
	"cmp"
	"slices"
	"time"
)

// An Outcome says what a run was to what is known.
type Outcome string

// The outcomes. Only Folded changes what is known of targets.
const (
	Folded Outcome = "folded"
	Same   Outcome = "same"  // its minute is the one that was folded last
	Older  Outcome = "older" // than that: ignored and counted
)

// Fold returns what is known after a run, and what changed, which is in the outbox
// too. known is not changed; nil is nothing. The run's minute must not be ahead of
// the clock by more than a few minutes: see [Ahead].
func Fold(known *Document, run *Run) (*Document, []Change, Outcome) {
	if known == nil {
		known = &Document{}
	}
	minute := run.Minute.UTC().Truncate(time.Minute)
	if !known.Minute.IsZero() && !minute.After(known.Minute) {
		if minute.Equal(known.Minute) {
			return known, nil, Same
		}
		next := *known
		next.Older++
		return &next, nil, Older
	}
	own := *run
	own.Minute, own.Interval = minute, max(run.Interval, time.Minute)
	own.Alert = own.Alert.or(Alert{Runs: 3, Window: 3})
	if own.Seen == nil {
		own.Seen = See(&own, known.Names(), 0, 1)
	}
	f := &fold{next: known.clone(), run: &own, seen: own.Seen.inOrder(), before: known.Seq}
	f.next.Version = Version
	if f.next.Begun.IsZero() {
		f.next.Begun = minute
	}
	f.next.countDay(f.run, f.seen)
	f.next.Minute = minute
	if !f.run.Blind {
		f.targets()
		f.certificates()
	}
	f.tell()
	f.next.forget(f.run)
	return f.next, f.changes(), Folded
}

// Ahead reports whether a minute is so far ahead of the clock that nothing may be
// folded for it.
func Ahead(minute, now time.Time) bool { return minute.Sub(now) > maxAhead }

func (a Alert) or(other Alert) Alert {
	a.Runs, a.Window = cmp.Or(a.Runs, other.Runs), cmp.Or(a.Window, other.Window)
	a.Remind, a.Off = cmp.Or(a.Remind, other.Remind), a.Off || other.Off
	a.Window = max(a.Window, a.Runs)
	return a
}

// A fold is one in progress.
type fold struct {
	next   *Document // ours to change
	run    *Run
	seen   []Look // of the run, in the order of the list
	before int64  // the Seq that was known

	incidents map[string]int            // the index of each target's newest one, by name
	looked    map[string]*Target        // of those that have an incident or are suspects, by name
	shown     map[certificateKey]*Shown // those that are reported
	byName    map[string]*Target        // all that is in seen; nil: not made yet
}

// need is how many runs that are better make an incident better, or end it.
func (f *fold) need() int {
	if f.run.Interval > 10*time.Minute {
		return 1
	}
	return 2
}

// sameWithin is how long after its end an incident that opens is the same one.
func (f *fold) sameWithin() time.Duration { return max(30*time.Minute, 4*f.run.Interval) }

// targets takes each target's verdict over, and sees which are gone.
func (f *fold) targets() {
	f.incidents, f.looked = map[string]int{}, map[string]*Target{}
	for i := range f.next.Incidents {
		if inc := &f.next.Incidents[i]; inc.State != Certificate {
			f.incidents[inc.Target] = i
		}
	}
	for i := range f.seen {
		t := &f.seen[i].Target
		at, known := f.incidents[t.Name]
		suspect, suspected := f.next.Suspects[t.Name]
		if !known && !suspected && t.State != Down && t.State != Degraded {
			continue
		}
		f.looked[t.Name] = t
		suspect.Missing = 0
		var inc *Incident
		if known {
			inc = &f.next.Incidents[at]
			inc.Missing = 0
			inc.Title, inc.Group, inc.URL, inc.Link = t.Title, t.Group, t.URL, t.Link
		}
		f.look(t, inc, suspect)
	}
	f.missing()
}

// look takes the verdict of a target over that has an incident, is suspected, or
// fails.
func (f *fold) look(t *Target, inc *Incident, suspect Suspect) {
	alert := t.Alert.or(f.run.Alert)
	if alert.Off {
		delete(f.next.Suspects, t.Name)
		if inc != nil && inc.Open() {
			inc.remove(f.run.Minute)
		}
		return
	}
	failed := t.State == Down || t.State == Degraded
	switch {
	case t.State != Up && !failed:
		if len(suspect.Seen) > 0 {
			f.next.Suspects[t.Name] = suspect
		}
		return
	case inc != nil && inc.Open():
		inc.look(t, f.run, f.need())
		return
	case inc != nil:
		inc.lookAfter(t, f.run)
	}
	if len(suspect.Seen) == 0 && failed {
		suspect.Unknown = f.next.Again && f.run.Minute.Equal(f.next.Begun)
	}
	suspect.Seen = window(append(suspect.Seen, Verdict{f.run.Minute, t.State}), alert, f.run)
	if failures(suspect.Seen) >= alert.Runs && failed {
		delete(f.next.Suspects, t.Name)
		f.open(t, inc, suspect)
		return
	}
	if len(suspect.Seen) == 0 {
		delete(f.next.Suspects, t.Name)
		return
	}
	f.next.Suspects[t.Name] = suspect
}

// window keeps what counts of verdicts: the last, none of which is too old, from
// the first failure on.
func window(seen []Verdict, alert Alert, run *Run) []Verdict {
	oldest := run.Minute.Add(-time.Duration(alert.Window+2) * run.Interval)
	seen = seen[max(0, len(seen)-alert.Window):]
	for len(seen) > 0 && (seen[0].Minute.Before(oldest) || seen[0].State == Up) {
		seen = seen[1:]
	}
	return seen
}

func failures(seen []Verdict) (n int) {
	for _, v := range seen {
		if v.State != Up {
			n++
		}
	}
	return n
}

// open opens an incident with what was seen of a target; inc is its last one, or nil.
func (f *fold) open(t *Target, inc *Incident, suspect Suspect) {
	since := suspect.Seen[0].Minute
	state := Degraded // or down, if that is not better for as many runs as an open one would need
	for _, v := range suspect.Seen[max(0, len(suspect.Seen)-f.need()):] {
		if v.State == Down {
			state = Down
		}
	}
	if inc != nil && (f.run.Minute.Sub(inc.Ended) <= f.sameWithin() || inc.Told.problem()) && !inc.Removed {
		inc.Ended, inc.Again = time.Time{}, since
		inc.Times++
	} else {
		f.next.Incidents = append(f.next.Incidents, Incident{
			ID: identify(digest(t.Name), since), Target: t.Name, Title: t.Title, Group: t.Group, URL: t.URL, Link: t.Link,
			Since: since, Unknown: suspect.Unknown,
		})
		inc = &f.next.Incidents[len(f.next.Incidents)-1]
	}
	inc.State, inc.Better, inc.Ups, inc.UpSince, inc.UpAfter = state, 0, 0, time.Time{}, time.Time{}
	for i, v := range suspect.Seen {
		if i > 0 && v.Minute.Sub(suspect.Seen[i-1].Minute) > gapIntervals*f.run.Interval {
			inc.gap(suspect.Seen[i-1].Minute, v.Minute)
		}
	}
	inc.Runs += failures(suspect.Seen)
	inc.Looked = f.run.Minute
	inc.because(t)
}

func (i *Incident) because(t *Target) {
	i.Reason, i.Detail, i.FirstByte = t.Reason, t.Detail, float64(t.FirstByte.Microseconds())/1000
}

func (i *Incident) gap(from, to time.Time) {
	i.Gaps = append(slices.Clone(i.Gaps), Span{from, to})
	i.Gaps = i.Gaps[max(0, len(i.Gaps)-maxGaps):]
}

// look takes a verdict over while the incident is open.
func (i *Incident) look(t *Target, run *Run, need int) {
	before := i.Looked
	nobody := run.Minute.Sub(before) > gapIntervals*run.Interval
	if nobody {
		i.gap(before, run.Minute)
	}
	i.Looked = run.Minute
	i.countUps(t, run, before)
	worse := t.State == Down && i.State == Degraded
	switch {
	case t.State == i.State || worse:
		i.State, i.Better = t.State, 0
		i.Runs++
		i.because(t)
	case t.State == Degraded: // it was down
		i.Runs++
		if i.Better++; i.Better >= need {
			i.State, i.Better = Degraded, 0
			i.because(t)
		}
	default:
		i.Better++
		if i.Ups >= need {
			i.Ended = i.UpSince
		}
	}
}

// lookAfter takes a verdict over after the incident's end.
func (i *Incident) lookAfter(t *Target, run *Run) {
	before := i.Looked
	i.Looked = run.Minute
	i.countUps(t, run, before)
}

// countUps counts the runs in a row that were up, and since when.
func (i *Incident) countUps(t *Target, run *Run, before time.Time) {
	if t.State != Up {
		i.Ups, i.UpSince, i.UpAfter = 0, time.Time{}, time.Time{}
		return
	}
	if i.Ups++; i.Ups == 1 {
		i.UpSince = run.Minute
		if run.Minute.Sub(before) > gapIntervals*run.Interval {
			i.UpAfter = before
		}
	}
}

func (i *Incident) remove(minute time.Time) { i.Ended, i.Removed = minute, true }

// missing counts the runs without a target, where the list was read and is not
// suddenly short, and removes those that are gone.
func (f *fold) missing() {
	if !f.run.Fresh || f.run.Partial {
		return
	}
	list := &f.next.List
	if n := f.run.Seen.Targets; 2*n < list.Targets {
		if list.Short.IsZero() {
			list.Short = f.run.Minute
		}
		if f.run.Minute.Sub(list.Short) < shortFor {
			return
		}
	}
	*list = List{Targets: f.run.Seen.Targets}
	for i := range f.next.Incidents {
		inc := &f.next.Incidents[i]
		if _, there := f.looked[inc.Target]; there || inc.State == Certificate || inc.Removed {
			continue
		}
		if inc.Missing++; inc.Missing >= removedAfter && (inc.Open() || inc.Told.problem()) {
			inc.remove(f.run.Minute)
		}
	}
	for name, suspect := range f.next.Suspects {
		if _, there := f.looked[name]; there {
			continue
		}
		if suspect.Missing++; suspect.Missing >= removedAfter {
			delete(f.next.Suspects, name)
			continue
		}
		f.next.Suspects[name] = suspect
	}
}

// forget drops incidents that have ended, are reported, and can't open again.
func (d *Document) forget(run *Run) {
	f := fold{run: run}
	pending := map[string]bool{}
	for i := range d.Outbox {
		pending[d.Outbox[i].Incident] = true
	}
	d.Incidents = slices.DeleteFunc(d.Incidents, func(inc Incident) bool {
		past := run.Minute.Sub(inc.Ended) > f.sameWithin()
		return !inc.Open() && !pending[inc.ID] && (inc.Removed || past) && !inc.Told.problem()
	})
}

// clone returns a copy whose lists and maps a fold may change.
func (d *Document) clone() *Document {
	c := *d
	c.Incidents = slices.Clone(d.Incidents)
	c.Outbox = slices.Clone(d.Outbox)
	c.Suspects = map[string]Suspect{}
	for name, s := range d.Suspects {
		s.Seen = slices.Clone(s.Seen)
		c.Suspects[name] = s
	}
	c.More = slices.Clone(d.More)
	c.Closed = slices.Clone(d.Closed)
	c.Today.Gaps = slices.Clone(d.Today.Gaps)
	c.Today.All = d.Today.All.clone()
	c.Today.Groups, c.Today.Targets = cloneCounts(d.Today.Groups), cloneCounts(d.Today.Targets)
	return &c
}

func cloneCounts(all map[string]*Counts) map[string]*Counts {
	c := make(map[string]*Counts, len(all))
	for name, counts := range all {
		if counts == nil { // null, which we do not write
			continue
		}
		own := counts.clone()
		c[name] = &own
	}
	return c
}

func (c Counts) clone() Counts {
	c.Sketch = slices.Clone(c.Sketch)
	return c
}
