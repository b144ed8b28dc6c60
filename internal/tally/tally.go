// Package tally has what one part of a run found out, in a form that adds up:
// the tallies of all parts, in any order, are exactly that of one run over the
// whole list. It is pure. docs/parts.md is the format.
package tally

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/history"
	"rollcall/internal/metric"
	"rollcall/internal/plan"
	"rollcall/internal/sweep"
)

// Version is that of the documents that this package writes.
const Version = 1

// Limits bound what a tally lists of results. What is beyond them is counted.
type Limits struct {
	Full int // results with all that they have
	All  int // results in all, those beyond Full without details
}

// The limits of a part, and of a sum of up to 1,000 parts.
var (
	OfPart = Limits{200, 5_000}
	OfSum  = Limits{5_000, 50_000}
)

// RenewalDays: a certificate that expires within that number of days is listed,
// even if its target is up.
const RenewalDays = 14

// mostWarnings is how many warnings of a part are kept.
const mostWarnings = 5

// A Tally is what one or several parts of a run found out.
type Tally struct {
	Version  int    `json:"version"`
	Rollcall string `json:"rollcall"` // the program's version
	Run      string `json:"run"`
	Of       int    `json:"of"`    // how many parts the run has
	Parts    []int  `json:"parts"` // which are in here, ascending from 0
	List     string `json:"list"`  // the version of the list that was read
	Profile  string `json:"profile"`

	Started time.Time `json:"started"` // of the first part, in UTC, to the millisecond
	Ended   time.Time `json:"ended"`   // of the last part

	Network   sweep.Network        `json:"network"`   // what the parts saw of it
	Published metric.DeliveryStats `json:"published"` // by the parts

	Blind     int      `json:"blind"`     // parts that had no network: none of their targets is down
	Unhealthy int      `json:"unhealthy"` // parts that could not do all of their work
	Warnings  []string `json:"warnings"`  // each with its part, in order; five a part

	Targets    int `json:"targets"` // the sum of the next four
	Up         int `json:"up"`
	Degraded   int `json:"degraded"`
	Down       int `json:"down"`
	NotChecked int `json:"notChecked"`
	Flaky      int `json:"flaky"`
	Kernel     int `json:"kernel"`  // results that the kernel's clock measured
	Process    int `json:"process"` // that the process's clock measured

	Counted int `json:"counted"` // that have a verdict and are not under maintenance
	NotDown int `json:"notDown"` // of those counted

	LocalDelay metric.Distribution `json:"localDelay"` // milliseconds
	MaxDelay   check.Milliseconds  `json:"maxDelay"`
	Rollup     metric.Rollup       `json:"metrics"`
	Problems   []Problem           `json:"problems"` // all that are not up, by what they have in common
	Results    []Result            `json:"-"`        // what needs attention, the most urgent first, within limits

	Names Names `json:"-"`     // of a part: those that were derived from URLs
	Twice int   `json:"twice"` // targets that are in two parts, as the list has their URLs twice

	History *history.Seen `json:"history,omitzero"` // what it needs of the targets; nil: nothing is remembered

	limits Limits
	known  *index  // of a sum: the names of its parts
	last   *Result // of a sum with as many results as it may have: all that is behind this one is left out
	room   int     // how many looks it may have before they are cut again

	lastLook  int // of a sum whose looks are full: failures behind that place are left out
	fullLooks bool
}

// A Problem is how many targets have the same state, reason and, where that is the
// reason, status.
type Problem struct {
	State   check.State  `json:"state"`
	Reason  check.Reason `json:"reason"`
	Status  int          `json:"status,omitzero"`
	Targets int          `json:"targets"`
}

// A Result is one that needs attention: it is not up, or its certificate expires
// soon.
type Result struct {
	At int `json:"at"` // the place in the list, from 0; those that are left out of the list do not count
	check.Result
}

// New returns the tally of one part. rollcall is the program's version.
func New(run string, part plan.Part, list plan.Version, rollcall, profile string) *Tally {
	return &Tally{
		Version: Version, Rollcall: rollcall, Run: run, Of: part.Of, Parts: []int{part.Index}, List: string(list), Profile: profile,
		LocalDelay: metric.Distribution{}, limits: OfPart,
	}
}

// Take takes over what the part found out: its results, the names that it derived,
// and whether it had no network. quiet has the groups that are under maintenance. It
// is called once.
func (t *Tally) Take(results []check.Result, claims []plan.Claim, blind bool, quiet map[string]bool) {
	t.Targets = len(results)
	for i := range results {
		r := &results[i]
		t.Rollup.Add(r)
		if r.Checked() {
			t.LocalDelay.AddTime(r.LocalDelay)
			t.MaxDelay = max(t.MaxDelay, check.Milliseconds(r.LocalDelay))
			if r.Clock == check.KernelClock {
				t.Kernel++
			} else {
				t.Process++
			}
			if !blind && !quiet[r.Group] {
				t.Counted++
				if r.State != check.Down {
					t.NotDown++
				}
			}
		}
		if r.Flaky {
			t.Flaky++
		}
		own := *r
		if blind && own.State == check.Down {
			own.State = check.NotChecked
		}
		switch own.State {
		case check.Up:
			t.Up++
		case check.Degraded:
			t.Degraded++
		case check.Down:
			t.Down++
		case check.NotChecked:
			t.NotChecked++
		}
		if own.State != check.Up {
			t.Problems = append(t.Problems, problemOf(&own, 1))
		}
		if own.State != check.Up || own.Certificate != nil && own.Certificate.DaysLeft < RenewalDays {
			t.Results = append(t.Results, Result{i*t.Of + t.Parts[0], own})
		}
	}
	if blind {
		t.Blind = 1
		t.Rollup.Unjudge()
	}
	t.Names = newNames(claims)
	t.fold()
	t.cut()
}

// Warn keeps a part's warnings.
func (t *Tally) Warn(warnings []string) {
	for _, w := range warnings[:min(len(warnings), mostWarnings)] {
		t.Warnings = append(t.Warnings, fmt.Sprintf("part %s: %s", name(t.Parts[0], t.Of), w))
	}
	if more := len(warnings) - mostWarnings; more > 0 {
		t.Warnings[mostWarnings-1] += fmt.Sprintf(" (and %d more warnings)", more)
	}
}

// Sum returns a tally that others can be added to, within the limits. It is not
// that of a run until there is one.
func Sum(l Limits) *Tally { return &Tally{limits: l} }

// SumOf returns one for the parts of a run that is known; an empty list is any.
func SumOf(run string, of int, list plan.Version, l Limits) *Tally {
	return &Tally{Run: run, Of: of, List: string(list), limits: l}
}

// A RefusedError says why a tally can't be added to others.
type RefusedError struct{ Reason string }

// Error returns the reason.
func (e *RefusedError) Error() string { return e.Reason }

func refused(format string, args ...any) error { return &RefusedError{fmt.Sprintf(format, args...)} }

// Add adds the tally of other parts up with this one, in any order. The error is a
// *RefusedError, and nothing is changed: they are of another run, another list or
// another number of parts, have a part in common, or two of their targets have one
// name.
func (t *Tally) Add(other *Tally) error {
	if len(t.Parts) == 0 {
		*t = Tally{
			Version: Version, Rollcall: other.Rollcall, Run: cmp.Or(t.Run, other.Run), Of: cmp.Or(t.Of, other.Of), List: cmp.Or(t.List, other.List),
			Profile: other.Profile, Started: other.Started, LocalDelay: metric.Distribution{}, limits: t.limits,
		}
	}
	switch {
	case other.Run != t.Run:
		return refused("it is of the run %q, and others are of %q", other.Run, t.Run)
	case other.Of != t.Of:
		return refused("it is one of %d parts, and others are of %d", other.Of, t.Of)
	case other.List != t.List:
		return refused("its list was another one (%s; that of other parts is %s): check all parts of the same file", short(other.List), short(t.List))
	case other.Rollcall != t.Rollcall:
		return refused("it was checked by Rollcall %s, and others by %s: use one version for all parts", other.Rollcall, t.Rollcall)
	case other.Profile != t.Profile:
		return refused("it has the metrics of the profile %s, and others of %s", other.Profile, t.Profile)
	}
	for _, part := range other.Parts {
		if _, found := slices.BinarySearch(t.Parts, part); found {
			return refused("the part %s is there twice", name(part, t.Of))
		}
	}
	if t.Targets+other.Targets > maxTargets {
		return refused("it is one too many: a list has at most %d targets", maxTargets)
	}
	if t.known == nil {
		t.known = newIndex(t.Of * len(other.Names)) // parts have about as many
		t.known.add(t.Names)
	}
	twice, clash := t.known.find(other.Names)
	if clash {
		return refused("two URLs of the list have one derived name (rollcall validate says which): give one of them a name")
	}
	t.Twice += other.Twice + twice
	t.known.add(other.Names)
	t.Parts = append(t.Parts, other.Parts...)
	slices.Sort(t.Parts)
	if other.Started.Before(t.Started) {
		t.Started = other.Started
	}
	if other.Ended.After(t.Ended) {
		t.Ended = other.Ended
	}
	t.Network.Add(other.Network)
	t.Published.Add(other.Published)
	t.Blind += other.Blind
	t.Unhealthy += other.Unhealthy
	t.Warnings = append(t.Warnings, other.Warnings...)
	slices.Sort(t.Warnings)
	t.Targets += other.Targets
	t.Up += other.Up
	t.Degraded += other.Degraded
	t.Down += other.Down
	t.NotChecked += other.NotChecked
	t.Flaky += other.Flaky
	t.Kernel += other.Kernel
	t.Process += other.Process
	t.Counted += other.Counted
	t.NotDown += other.NotDown
	t.LocalDelay.Merge(other.LocalDelay)
	t.MaxDelay = max(t.MaxDelay, other.MaxDelay)
	t.Rollup.Merge(&other.Rollup)
	t.Problems = append(t.Problems, other.Problems...)
	t.fold()
	t.Results = append(t.Results, other.Results...)
	if other.History != nil {
		if t.History == nil {
			t.History = &history.Seen{}
		}
		t.History.Add(other.History)
	}
	if len(t.Results) > t.limits.All+t.limits.All/2 || t.History != nil && len(t.History.Looked) > t.room { // sorting all at each addition would be slow
		t.cut()
	}
	return nil
}

// Missing returns which parts of the run are not there, ascending from 0.
func (t *Tally) Missing() []int {
	var missing []int
	for i := range t.Of {
		if _, found := slices.BinarySearch(t.Parts, i); !found {
			missing = append(missing, i)
		}
	}
	return missing
}

// Sightless reports whether the run had no network: none of its parts did, or most of
// the targets can't be reached, and no part could reach a canary.
func (t *Tally) Sightless() bool {
	return t.Blind > 0 && (t.Blind == len(t.Parts) || t.Network.Missing())
}

// Unblind makes what parts without a network found of their targets again what they
// found: of a run that has no network all results are as found, and none counts.
func (t *Tally) Unblind() {
	lost := func(s check.State, r check.Reason) bool { return s == check.NotChecked && r.State() == check.Down }
	for i := range t.Problems {
		if p := &t.Problems[i]; lost(p.State, p.Reason) {
			p.State = check.Down
			t.Down += p.Targets
			t.NotChecked -= p.Targets
		}
	}
	t.fold()
	for i := range t.Results {
		if r := &t.Results[i].Result; lost(r.State, r.Reason) {
			r.State = check.Down
		}
	}
	t.cut()
}

// Listed returns the results that need attention, the most urgent first, and how
// many others are not up, by what they have in common.
func (t *Tally) Listed() (results []Result, left []Problem) {
	t.cut()
	kinds := slices.Clone(t.Problems)
	for i := range t.Results {
		if r := &t.Results[i].Result; r.State != check.Up {
			kinds = append(kinds, problemOf(r, -1))
		}
	}
	return t.Results, folded(kinds)
}

// Ranges puts parts into words, counted from 1, such as "3, 7 to 9".
func Ranges(parts []int) string {
	var words []string
	for i := 0; i < len(parts); {
		j := i
		for j+1 < len(parts) && parts[j+1] == parts[j]+1 {
			j++
		}
		switch {
		case j == i:
			words = append(words, fmt.Sprint(parts[i]+1))
		case j == i+1:
			words = append(words, fmt.Sprint(parts[i]+1), fmt.Sprint(parts[j]+1))
		default:
			words = append(words, fmt.Sprintf("%d to %d", parts[i]+1, parts[j]+1))
		}
		i = j + 1
	}
	return strings.Join(words, ", ")
}

// name is what people call a part: "3/100" is the third.
func name(index, of int) string { return fmt.Sprintf("%d/%d", index+1, of) }

func short(version string) string {
	if version == "" {
		return "unknown"
	}
	return version[:min(len(version), 12)]
}

// urgency is the order of results: what is down first. Those that are up stand last.
var urgency = [...]int{check.Down: 0, check.Degraded: 1, check.NotChecked: 2, check.Up: 3}

// cut sorts the results by urgency and place, and leaves out what is beyond the
// limits. As it takes the first ones of a total order, it does not matter in how
// many steps they were added.
func (t *Tally) cut() {
	slices.SortFunc(t.Results, func(a, b Result) int { return a.compare(&b) })
	if len(t.Results) >= t.limits.All {
		t.Results = slices.Delete(t.Results, t.limits.All, len(t.Results))
		t.last = &Result{t.Results[t.limits.All-1].At, check.Result{State: t.Results[t.limits.All-1].State}}
	}
	if t.History != nil {
		t.lastLook, t.fullLooks = t.History.Cut(t.limits.All)
		t.room = len(t.History.Looked) + t.limits.All/2
	}
	for i := t.limits.Full; i < len(t.Results); i++ {
		r := &t.Results[i].Result
		*r = check.Result{Name: r.Name, Group: r.Group, URL: r.URL, State: r.State, Reason: r.Reason, Status: r.Status, Phases: check.NoPhases()}
	}
}

// compare is the order of results, which no two of a list share.
func (r *Result) compare(o *Result) int {
	return cmp.Or(cmp.Compare(urgency[r.State], urgency[o.State]), cmp.Compare(r.At, o.At))
}

// kind is what those have in common that a problem counts.
func (p Problem) kind() Problem {
	p.Targets = 0
	return p
}

func problemOf(r *check.Result, targets int) Problem {
	p := Problem{r.State, r.Reason, 0, targets}
	if r.Reason == check.Status {
		p.Status = r.Status
	}
	return p
}

// fold adds up the problems of one kind.
func (t *Tally) fold() { t.Problems = folded(t.Problems) }

// folded returns the problems with those of one kind added up, the most urgent
// first, without what comes to nothing.
func folded(problems []Problem) []Problem {
	kinds := map[Problem]int{}
	for _, p := range problems {
		kinds[p.kind()] += p.Targets
	}
	all := []Problem{}
	for p, n := range kinds {
		if p.Targets = n; n != 0 {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(urgency[a.State], urgency[b.State]), cmp.Compare(b.Targets, a.Targets),
			strings.Compare(a.Reason.String(), b.Reason.String()), cmp.Compare(a.Status, b.Status))
	})
	return all
}
