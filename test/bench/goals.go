package main

import (
	"fmt"

	"rollcall/internal/text"
)

// A Goal is what a figure has to be.
type Goal struct {
	What   string
	Figure float64
	Min    float64 // of the rounds
	Max    float64 // of the rounds
	Limit  float64
	AtMost bool // the figure may not be above the limit, else not below
	Unit   string
	Steady bool   // noise can't miss it
	Absent string // why there is no figure; "" if there is one
	Shown  bool   // a figure without a limit
}

func (g Goal) missed() bool {
	if g.Absent != "" || g.Shown {
		return false
	}
	if g.AtMost {
		return g.Figure > g.Limit
	}
	return g.Figure < g.Limit
}

// verdict is one word, or why there is none.
func (g Goal) verdict() string {
	switch {
	case g.Absent != "":
		return "not measured: " + g.Absent
	case g.Shown:
		return ""
	case g.missed():
		return "MISSED"
	}
	return "met"
}

// limit says what was asked for.
func (g Goal) limit() string {
	if g.Shown {
		return "no limit"
	}
	sign := "≥"
	if g.AtMost {
		sign = "≤"
	}
	return fmt.Sprintf("%s %s %s", sign, number(g.Limit), g.Unit)
}

// judge holds the figures against the goals.
func (f *Figures) judge() {
	f.Goals = nil
	if len(f.Trials) == 0 || len(f.Rounds) > 0 { // else that is what was asked for
		f.judgeRounds()
		f.judgeMany()
		f.judgeStarts()
	}
	f.judgeTrials()
}

// atMost and atLeast judge a figure of the rounds.
func (f *Figures) atMost(what string, limit float64, unit string, figure func(Round) (float64, bool)) {
	f.goal(Goal{What: what, Limit: limit, Unit: unit, AtMost: true}, over(f.Rounds, figure))
}

func (f *Figures) atLeast(what string, limit float64, unit string, figure func(Round) (float64, bool)) {
	f.goal(Goal{What: what, Limit: limit, Unit: unit}, over(f.Rounds, figure))
}

func (f *Figures) goal(g Goal, r Range) {
	if r.Rounds == 0 {
		g.Absent = "not run"
	}
	g.Figure, g.Min, g.Max = r.Median, r.Min, r.Max
	f.Goals = append(f.Goals, g)
}

func (f *Figures) judgeRounds() {
	f.atMost("CPU a check, by that of a bare handshake", 1.65, "×", ratio(nameRollcall, nameLimit, cpu))
	f.atMost("the same hosts again: CPU a check, by that of a bare handshake", 1.15, "×", ratio(nameAgain, nameLimit, cpu))
	f.atMost("CPU a check, by that of a plain Go pool", 0.75, "×", ratio(nameRollcall, namePool, cpu))
	f.atMost("the same hosts again: CPU a check, by that of a plain Go pool", 0.55, "×", ratio(nameAgain, namePool, cpu))
	f.atLeast("checks a second, by a plain Go pool's", 1.4, "×", ratio(nameRollcall, namePool, perSecond))
	f.atLeast("the same hosts again: checks a second, by a plain Go pool's", 2, "×", ratio(nameAgain, namePool, perSecond))
	f.goal(Goal{What: "checks a second, by aiohttp's with 900 workers", Unit: "×", Shown: true}, over(f.Rounds, ratio(nameRollcall, nameWorkers, perSecond)))
	failures := over(f.Rounds, ownFailures)
	failures.Median = failures.Max // one is one too many
	f.goal(Goal{What: "failures of our own making", AtMost: true, Steady: true}, failures)
	f.atMost("1,000 at once: first byte off by, p99", 0.1, "ms", figureOf(nameFull, percentile(first, p99)))
	f.atMost("1,000 at once: duration off by, p99", 0.2, "ms", figureOf(nameFull, percentile(duration, p99)))
	f.atMost("trickled bodies, those not unsure: off by, p99", 1, "ms", figureOf(nameTrickled, percentile(sure, p99)))
	beyond := func(o *Outcome) (float64, bool) { return o.Beyond, o.Duration != nil }
	f.atMost("1,000 at once: share further off than it says", 0.001, "", figureOf(nameFull, beyond))
	f.atMost("trickled bodies: share further off than it says", 0.001, "", figureOf(nameTrickled, beyond))
}

// ownFailures are those of all of Rollcall's runs.
func ownFailures(r Round) (sum float64, ok bool) {
	for _, name := range []string{nameRollcall, nameAgain, nameFull, nameTrickled} {
		if o := r.of(name); o != nil {
			sum, ok = sum+float64(o.Failures), true
		}
	}
	return sum, ok
}

// once is the range of what was measured once.
func once(v float64) Range { return Range{v, v, v, 1} }

// per is the range of a ratio that was measured once, or of none.
func per(a, b float64) Range {
	if b == 0 {
		return Range{}
	}
	return once(a / b)
}

func (f *Figures) judgeMany() {
	var failures, peak, wall, more Range
	hosts := "100,000"
	if m := f.Many; m != nil {
		hosts = text.Count(m.Checks)
		failures, peak, wall, more = once(float64(m.Failures)), once(m.Peak), per(m.Seconds, m.Bound), per(m.CPU, m.Few.CPU)
	}
	f.goal(Goal{What: hosts + " hosts: failures of our own making", AtMost: true, Steady: true}, failures)
	f.goal(Goal{What: hosts + " hosts: peak of memory", Limit: 220, Unit: "MB", AtMost: true}, peak)
	f.goal(Goal{What: hosts + " hosts: time, by what CPU and waiting allow", Limit: 1.2, Unit: "×", AtMost: true}, wall)
	f.goal(Goal{What: hosts + " hosts: CPU a check, by that with 1,000", Limit: 1.1, Unit: "×", AtMost: true}, more)
}

func (f *Figures) judgeStarts() {
	var cold, zip, help, check Range
	if s := f.Starts; s != nil {
		cold, zip = per(s.Function.Median, s.Plainest.Median), once(s.Zip)
		help, check = per(s.Help.Median, s.CurlHelp.Median), per(s.Check.Median, s.CurlCheck.Median)
	}
	f.goal(Goal{What: "cold start, by the plainest function's", Limit: 1.5, Unit: "×", AtMost: true}, cold)
	f.goal(Goal{What: "the function's package, arm64", Limit: 9, Unit: "MB", AtMost: true, Steady: true}, zip)
	f.goal(Goal{What: "rollcall --help, by curl --help", Limit: 1, Unit: "×", AtMost: true}, help)
	f.goal(Goal{What: "rollcall check of one URL, by curl's", Limit: 1, Unit: "×", AtMost: true}, check)
}

func (f *Figures) judgeTrials() {
	for _, t := range f.Trials {
		f.goal(Goal{What: text.Count(t.URLs) + " URLs in parts: CPU a check, by one invocation's", Limit: 1.03, Unit: "×", AtMost: true, Shown: t.URLs/t.Parts < partURLs}, t.Ratio) // small parts have more starts
	}
	if n := len(f.Trials) - 1; n > 0 {
		least, most := f.Trials[0], f.Trials[n]
		f.goal(Goal{What: fmt.Sprintf("CPU a check of %s URLs, by that of %s", text.Count(most.URLs), text.Count(least.URLs)), Limit: 1.1, Unit: "×", AtMost: true},
			per(most.InTurn.CPU/float64(most.URLs), least.InTurn.CPU/float64(least.URLs)))
	}
	if t := f.Tallies; t != nil {
		for i, p := range []Passage{t.Few, t.All} {
			what := fmt.Sprintf("a sum of %s × %s, %s: ", text.Count(t.Parts), text.Count(t.Targets), []string{"1 % down", "all down"}[i])
			f.goal(Goal{What: what + "time", Limit: 10, Unit: "s", AtMost: true}, once(p.Seconds))
			f.goal(Goal{What: what + "memory", Limit: 512, Unit: "MB", AtMost: true}, once(p.Peak))
		}
	}
}
