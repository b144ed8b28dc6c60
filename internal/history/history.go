// Package history folds the results of a run into what was known before: which
// targets are down since when, what is to be told of it, and how each day went.
// It is pure: it reads no clock and no network, so that the same known and the
// same run always give the same. docs/history.md is the format that it keeps.
package history

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// A State is what a target, or an incident, is in.
type State string

// The states. NotChecked says nothing of a target. Certificate is that of an
// incident about a certificate; Removed that of an incident whose target is no
// longer in the list.
const (
	Up          State = "up"
	Degraded    State = "degraded"
	Down        State = "down"
	NotChecked  State = "not_checked"
	Certificate State = "certificate"
	Removed     State = "removed"
)

// problem reports whether a state is one that people are to be told of; the
// other states end one.
func (s State) problem() bool { return s == Degraded || s == Down || s == Certificate }

// told reports whether a state is one that messages tell.
func (s State) told() bool { return s.problem() || s == Up || s == Removed }

// An Alert says when an incident of a target opens: Runs of the last Window runs
// that checked it failed. The zero value is the Run's.
type Alert struct {
	Runs   int           `json:"runs,omitzero"`
	Window int           `json:"window,omitzero"`
	Remind time.Duration `json:"remind,omitzero"` // told again that long after it was reported last; 0: never
	Off    bool          `json:"off,omitzero"`    // no incidents
}

// A Run is what one run found out.
type Run struct {
	Minute      time.Time         // for which it was scheduled
	Interval    time.Duration     // between runs, at least a minute
	Blind       bool              // the monitor had no network: nothing is known of any target
	Fresh       bool              // the list was read for this run: a target that is not in it was removed
	Targets     []Target          // all of the list, in its order; names are unique
	Seen        *Seen             // in place of Targets: the sum of what parts of the list saw
	Totals      Counts            // with Seen: the states of all targets
	Partial     bool              // of a target that is not in Seen nothing is known
	Limit       int               // how many targets, the first of the list, have days of their own
	Alert       Alert             // of targets that have none
	Titles      map[string]string // what people call groups, by name, if not by that
	Certificate int               // days before it expires at which a certificate is reported; 0: never
}

// A Target is one of a run, and what the run found out of it.
type Target struct {
	Name  string `json:"name"`
	Title string `json:"title,omitzero"`
	Group string `json:"group"`
	URL   string `json:"url,omitzero"`
	Link  string `json:"link,omitzero"`

	State     State         `json:"state"` // Up, Degraded, Down or NotChecked
	Reason    string        `json:"reason,omitzero"`
	Detail    string        `json:"detail,omitzero"`
	Duration  time.Duration `json:"duration,omitzero"`  // of a complete response; 0: there was none
	FirstByte time.Duration `json:"firstByte,omitzero"` // 0: there was none

	Alert       Alert `json:"alert,omitzero"`
	Maintenance bool  `json:"maintenance,omitzero"` // planned for this minute: nothing is reported

	Fingerprint string    `json:"fingerprint,omitzero"` // of the certificate, in hex; "": none was seen
	Subject     string    `json:"subject,omitzero"`
	NotAfter    time.Time `json:"notAfter,omitzero"`
	DaysLeft    float64   `json:"daysLeft,omitzero"`
}

// A Document is what is known. A nil one, or one without a Minute, knows nothing.
type Document struct {
	Version int       `json:"version"`
	Stack   string    `json:"stack,omitzero"`  // whose it is
	Writer  string    `json:"writer,omitzero"` // the run and write that it is of
	Minute  time.Time `json:"minute,omitzero"` // of the newest run that was folded
	Begun   time.Time `json:"begun,omitzero"`  // of the first one
	Again   bool      `json:"again,omitzero"`  // what was known before could not be read
	Older   int       `json:"older,omitzero"`  // runs that came after a newer one, and were ignored

	List      List               `json:"list"`
	Incidents []Incident         `json:"incidents"`      // open, or ended a short time ago; in the order in which they opened
	Suspects  map[string]Suspect `json:"suspects"`       // by target: what failed and has no incident
	Seq       int64              `json:"seq"`            // of the newest entry that there ever was
	Outbox    []Entry            `json:"outbox"`         // what is to be told, the oldest first
	More      []More             `json:"more,omitempty"` // what had no room in it
	Today     Day                `json:"today"`
	Closed    []Day              `json:"closed,omitempty"` // days that are over and not in the other object yet
}

// Version is that of the documents that this package writes.
const Version = 1

// A List says how long the last list was that was believed.
type List struct {
	Targets int       `json:"targets"`
	Short   time.Time `json:"short,omitzero"` // since when lists have less than half of that
}

// A Span is a time in which nothing was looked at.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// An Incident is a problem of one target, or of one certificate in one group.
type Incident struct {
	ID     string `json:"id"` // permanent
	Target string `json:"target,omitzero"`
	Title  string `json:"title,omitzero"`
	Group  string `json:"group"`
	URL    string `json:"url,omitzero"`
	Link   string `json:"link,omitzero"`

	State     State   `json:"state"` // Down, Degraded or Certificate; while it is open
	Reason    string  `json:"reason,omitzero"`
	Detail    string  `json:"detail,omitzero"`
	FirstByte float64 `json:"firstByte,omitzero"` // milliseconds

	Since   time.Time `json:"since"`            // the first failure that counted
	Unknown bool      `json:"unknown,omitzero"` // it may have begun before Since
	Again   time.Time `json:"again,omitzero"`   // the first failure that counted since it was up last, where it was
	Times   int       `json:"times,omitzero"`   // how often it opened again
	Runs    int       `json:"runs"`             // that failed
	Gaps    []Span    `json:"gaps,omitempty"`   // times without a look at it, the newest maxGaps
	Looked  time.Time `json:"looked"`           // at it, last
	Better  int       `json:"better,omitzero"`  // runs in a row that were better than State
	Ups     int       `json:"ups,omitzero"`     // runs in a row that were up
	UpSince time.Time `json:"upSince,omitzero"` // the first of them
	UpAfter time.Time `json:"upAfter,omitzero"` // it was up since UpSince or earlier, but not before that
	Ended   time.Time `json:"ended,omitzero"`   // zero: it is open
	Missing int       `json:"missing,omitzero"` // runs in a row whose list did not have it
	Removed bool      `json:"removed,omitzero"` // what ended it

	Told        State     `json:"told,omitzero"`   // what people were notified of last, which the topic accepted
	ToldAt      time.Time `json:"toldAt,omitzero"` // when
	ToldLevel   int       `json:"toldLevel,omitzero"`
	ToldSeq     int64     `json:"toldSeq,omitzero"`
	Maintenance bool      `json:"maintenance,omitzero"` // something was not told because of one

	// Of certificates.
	Fingerprint string    `json:"fingerprint,omitzero"`
	Subject     string    `json:"subject,omitzero"`
	NotAfter    time.Time `json:"notAfter,omitzero"`
	Level       int       `json:"level,omitzero"` // the lowest of the thresholds, in days, that it is below
	Targets     []string  `json:"targets,omitempty"`
	Count       int       `json:"count,omitzero"` // of targets that showed it last, of whom Targets has the first
}

// Open reports whether the incident has not ended.
func (i *Incident) Open() bool { return i.Ended.IsZero() }

// A Suspect is a target that has failed, but not often enough.
type Suspect struct {
	Seen    []Verdict `json:"seen"`             // the oldest first, the first a failure
	Missing int       `json:"missing,omitzero"` // runs in a row whose list did not have it
	Unknown bool      `json:"unknown,omitzero"` // it may have failed before
}

// A Verdict is what one run saw of a target.
type Verdict struct {
	Minute time.Time `json:"minute"`
	State  State     `json:"state"`
}

const (
	maxGaps      = 10
	maxNames     = 20   // targets that an incident about a certificate names
	maxOutbox    = 1000 // entries; the others are a count for each group
	maxAhead     = 5 * time.Minute
	gapIntervals = 3 // nobody looks for more than that many intervals: a gap
	removedAfter = 3 // runs without it
	shortFor     = 24 * time.Hour
)

// identify returns an incident's id: a hash's first twelve digits and its minute.
func identify(digits string, first time.Time) string {
	return digits[:12] + "-" + first.UTC().Format("20060102T1504Z")
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// OpenIncidents returns those that are open, in the order in which they opened.
func (d *Document) OpenIncidents() []Incident {
	var open []Incident
	for i := range d.Incidents {
		if d.Incidents[i].Open() {
			open = append(open, d.Incidents[i])
		}
	}
	return open
}
