package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// Figures are all that was measured; bench.json holds them.
type Figures struct {
	Machine Machine
	Rounds  []Round   // of the table
	Truth   []Outcome // of the plot: one client with one number of checks at once each
	Many    *Many
	Starts  *Starts
	Sizes   []Size
	Trials  []Trial // by the number of their URLs
	Tallies *Tallies
	Goals   []Goal
}

// A Round is each client once, in one go: what is compared is compared inside
// a round.
type Round struct{ Outcomes []Outcome }

// of returns a client's outcome, nil if it is not there.
func (r Round) of(name string) *Outcome {
	for i, o := range r.Outcomes {
		if o.Client == name {
			return &r.Outcomes[i]
		}
	}
	return nil
}

// load reads the figures that were saved; none is not an error.
func load(path string) (*Figures, error) {
	f := &Figures{}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, f); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return f, nil
}

func (f *Figures) save(path string) error {
	text, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// A Range is a figure of several rounds. The zero Range is of none.
type Range struct {
	Median, Min, Max float64
	Rounds           int
}

// over gathers what a figure was in the rounds that have it.
func over(rounds []Round, figure func(Round) (float64, bool)) Range {
	var all []float64
	for _, round := range rounds {
		if v, ok := figure(round); ok {
			all = append(all, v)
		}
	}
	return rangeOf(all)
}

func rangeOf(all []float64) Range {
	if len(all) == 0 {
		return Range{}
	}
	sorted := slices.Sorted(slices.Values(all))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + sorted[middle]) / 2
	}
	return Range{median, sorted[0], sorted[len(sorted)-1], len(sorted)}
}

// of is the figure of one client.
func figureOf(name string, figure func(*Outcome) (float64, bool)) func(Round) (float64, bool) {
	return func(r Round) (float64, bool) {
		o := r.of(name)
		if o == nil {
			return 0, false
		}
		return figure(o)
	}
}

// ratio is one client's figure in terms of another's, in the same round.
func ratio(name, to string, figure func(*Outcome) float64) func(Round) (float64, bool) {
	return func(r Round) (float64, bool) {
		a, b := r.of(name), r.of(to)
		if a == nil || b == nil || figure(b) == 0 {
			return 0, false
		}
		return figure(a) / figure(b), true
	}
}

func cpu(o *Outcome) float64       { return o.CPU }
func perSecond(o *Outcome) float64 { return o.PerSecond }

// percentile is a figure of a spread that may be absent.
func percentile(of func(*Outcome) *Spread, figure func(*Spread) float64) func(*Outcome) (float64, bool) {
	return func(o *Outcome) (float64, bool) {
		s := of(o)
		if s == nil {
			return 0, false
		}
		return figure(s), true
	}
}

func first(o *Outcome) *Spread    { return o.First }
func duration(o *Outcome) *Spread { return o.Duration }
func sure(o *Outcome) *Spread     { return o.Sure }
func p50(s *Spread) float64       { return s.P50 }
func p99(s *Spread) float64       { return s.P99 }

// clientsIn are the clients of all rounds, in the order of their coming.
func clientsIn(rounds []Round) []string {
	var all []string
	for _, round := range rounds {
		for _, o := range round.Outcomes {
			if !slices.Contains(all, o.Client) {
				all = append(all, o.Client)
			}
		}
	}
	return all
}

// latest is a client's outcome in the last round that has it.
func latest(rounds []Round, name string) (o *Outcome) {
	for _, round := range rounds {
		o = cmp.Or(round.of(name), o)
	}
	return o
}
