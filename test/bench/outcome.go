package main

import (
	"cmp"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"rollcall/test/meter"

	"rollcall/test/bench/peer"
)

// An Outcome is what one client did in one run.
type Outcome struct {
	Client   string
	InFlight int // as it was set; 0: its own choice
	Held     int // the most requests that the origins held for it at once
	Checks   int // that it was asked for
	Failures int // of its own making: every origin was up
	Reasons  []Reason

	Seconds    float64 // from its start to its last result
	PerSecond  float64 // checks that did not fail
	CPU        float64 // ms a check, the process's start included
	Peak       float64 // MB resident
	Origins    float64 // share of their core that the origins, their resolver and the bench took
	Unclear    int     // checks whose truth is not known to half a millisecond; they are left out below
	Compared   int     // checks of which the client has a duration that can be compared with the truth
	MeanChecks float64 // ms that a check lasted by the client's account

	First    *Spread // error of its first byte
	Duration *Spread // error of its duration
	Process  *Spread // error of the duration by Rollcall's process's clock
	Unsure   float64 // share of the results that say of themselves that they are
	Sure     *Spread // error of duration or first byte, whichever is more, of those that are not unsure
	Beyond   float64 // share of the results that are further off than they say they can be
}

// A Reason is how often a client failed for one.
type Reason struct {
	Count int
	Text  string
}

// A Spread is a distribution of the errors of a client's numbers, in ms, by
// nearest rank.
type Spread struct{ P50, P99, Max float64 }

// A reported is what a client reports of one host.
type reported struct {
	peer.Check
	process time.Duration // its duration by the process's clock, if it reports both
	unsure  bool

	uncertainty time.Duration // by its own account; 0: it has none
	connect     time.Duration // of its duration: what loopback took, which no origin can know
}

// maxUncertainty is how uncertain a truth may be to be compared with.
const maxUncertainty = 500 * time.Microsecond

// compare fills in the errors of the client.
func (o *Outcome) compare(checks []reported, waits map[string]meter.Wait) {
	var first, whole, process, sure []time.Duration
	var unsure, beyond int
	var lasted time.Duration
	for _, c := range checks {
		w, ok := waits[hostOf(c.URL)]
		switch {
		case c.Failure != "" || !ok || w.Requests != 1:
			continue
		case w.Uncertainty > maxUncertainty:
			o.Unclear++
			continue
		}
		lasted += c.Duration
		off := w.Off(c.Duration)
		whole = append(whole, off)
		most := off
		if c.First > 0 {
			first = append(first, (c.First - w.First).Abs())
			most = max(off, (c.First - w.First).Abs())
		}
		if c.process > 0 {
			process = append(process, w.Off(c.process))
		}
		if c.uncertainty > 0 && w.Off(c.Duration-c.connect) > c.uncertainty+w.Uncertainty {
			beyond++
		}
		if c.unsure {
			unsure++
		} else {
			sure = append(sure, most)
		}
	}
	o.First, o.Duration, o.Process, o.Sure = spread(first), spread(whole), spread(process), spread(sure)
	if o.Compared = len(whole); o.Compared > 0 {
		o.Unsure, o.Beyond = float64(unsure)/float64(o.Compared), float64(beyond)/float64(o.Compared)
		o.MeanChecks = ms(lasted) / float64(o.Compared)
	}
}

// spread is nil of nothing.
func spread(off []time.Duration) *Spread {
	if len(off) == 0 {
		return nil
	}
	slices.Sort(off)
	rank := func(share float64) float64 { return ms(off[int(math.Ceil(share*float64(len(off))))-1]) }
	return &Spread{rank(0.5), rank(0.99), ms(off[len(off)-1])}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// fail counts the failures of the checks, and those that are missing.
func (o *Outcome) fail(checks []reported) {
	counts := map[string]int{}
	for _, c := range checks {
		if c.Failure != "" {
			counts[shorten(c.Failure)]++
			o.Failures++
		}
	}
	if missing := o.Checks - len(checks); missing > 0 {
		o.Failures += missing
		counts["no line in its output"] += missing
	}
	for _, text := range slices.Sorted(maps.Keys(counts)) {
		o.Reasons = append(o.Reasons, Reason{counts[text], text})
	}
	slices.SortStableFunc(o.Reasons, func(a, b Reason) int { return cmp.Compare(b.Count, a.Count) })
}

// shorten makes the failures of different hosts the same.
func shorten(text string) string {
	kinds := []struct{ has, is string }{
		{"Too many open files", "too many open files"}, {"too many open files", "too many open files"},
		{"no such host", "no such host"}, {"Timeout", "timeout"}, {"timeout", "timeout"},
	}
	for _, k := range kinds {
		if strings.Contains(text, k.has) {
			return k.is
		}
	}
	return text
}

// hostOf is the host of a URL, "" if there is none.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// took notes what the process took.
func (o *Outcome) took(u usage) {
	o.Seconds = u.Wall.Seconds()
	o.PerSecond = float64(o.Checks-o.Failures) / u.Wall.Seconds()
	o.CPU = ms(u.CPU) / float64(o.Checks)
	o.Peak = float64(u.Peak) / 1e6
}
