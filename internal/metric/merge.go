package metric

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"rollcall/internal/check"
)

// A Distribution counts values that are rounded to three digits. Those of parts
// add up to that of the whole, whatever the order. In JSON it is [value, count,
// value, count…], ascending.
type Distribution map[float64]int

// Add counts a value.
func (d Distribution) Add(v float64) { d[rounded(v)]++ }

// AddTime counts a duration, in milliseconds.
func (d Distribution) AddTime(t time.Duration) { d.Add(milliseconds(t)) }

// Merge adds another distribution up with this one.
func (d Distribution) Merge(other Distribution) {
	for v, n := range other {
		d[v] += n
	}
}

// Percentile returns the nearest rank; 0 where nothing was counted.
func (d Distribution) Percentile(percent int) float64 {
	total := 0
	for _, n := range d {
		total += n
	}
	rank := max((total*percent+99)/100, 1)
	for _, v := range slices.Sorted(maps.Keys(d)) {
		if rank -= d[v]; rank <= 0 {
			return v
		}
	}
	return 0
}

// MarshalJSON writes values and counts in one list. A value that is not finite,
// which JSON has no form for, is bounded as in a datum.
func (d Distribution) MarshalJSON() ([]byte, error) {
	flat := make([]float64, 0, 2*len(d))
	limit := math.Ldexp(1, maxExponent)
	for _, v := range slices.Sorted(maps.Keys(d)) {
		if !math.IsNaN(v) {
			flat = append(flat, max(-limit, min(v, limit)), float64(d[v]))
		}
	}
	return json.Marshal(flat)
}

// UnmarshalJSON reads what MarshalJSON wrote. It does so without encoding/json, which
// took most of the time of adding a thousand parts up.
func (d *Distribution) UnmarshalJSON(data []byte) error {
	wrong := errors.New("not a distribution: each value must have a count")
	inner, begins := bytes.CutPrefix(data, []byte("["))
	inner, ends := bytes.CutSuffix(inner, []byte("]"))
	if !begins || !ends {
		return wrong
	}
	*d = make(Distribution, bytes.Count(inner, []byte(","))/2+1)
	for len(bytes.TrimSpace(inner)) > 0 {
		var pair [2]float64
		for i := range pair {
			var number []byte
			number, inner, _ = bytes.Cut(inner, []byte(","))
			v, err := strconv.ParseFloat(string(bytes.TrimSpace(number)), 64)
			if err != nil || !isValue(v) {
				return wrong
			}
			pair[i] = v
		}
		if !isCount(pair[1]) {
			return wrong
		}
		(*d)[pair[0]] += int(pair[1])
	}
	return nil
}

// isValue reports whether a datum may have the value, which no sum of a thousand
// makes infinite.
func isValue(v float64) bool { return math.Abs(v) <= math.Ldexp(1, maxExponent) }

// isCount reports whether a number of JSON can be a count: 2^40 targets are more
// than anyone has.
func isCount(n float64) bool { return n >= 1 && n <= 1<<40 && n == math.Trunc(n) }

// Merge adds another rollup up with this one, which is then that of both their
// results.
func (ro *Rollup) Merge(other *Rollup) {
	if other.all == nil {
		return
	}
	ro.make()
	ro.all.merge(other.all)
	for group, a := range other.groups {
		if ro.groups[group] == nil {
			ro.groups[group] = make(aggregate, len(table))
		}
		ro.groups[group].merge(a)
	}
	for reason, a := range other.reasons {
		if ro.reasons[reason] == nil {
			ro.reasons[reason] = make(aggregate, len(table))
		}
		ro.reasons[reason].merge(a)
	}
}

// Unjudge leaves out what judges targets: the results are of a monitor without a
// network.
func (ro *Rollup) Unjudge() {
	unjudge := func(a aggregate) {
		for i := range a {
			if table[i].verdict {
				a[i] = folded{}
			}
		}
	}
	unjudge(ro.all)
	for _, a := range ro.groups {
		unjudge(a)
	}
	clear(ro.reasons)
}

func (ro *Rollup) make() {
	if ro.all == nil {
		ro.all, ro.groups, ro.reasons = make(aggregate, len(table)), map[string]aggregate{}, map[check.Reason]aggregate{}
	}
}

func (a aggregate) merge(other aggregate) {
	for i, f := range other {
		switch {
		case f.n == 0:
			continue
		case f.counts == nil:
			table[i].fold(&a[i], f.value) // a sum of sums, the fewest of the fewest
		case a[i].counts == nil:
			a[i].counts = maps.Clone(f.counts)
		default:
			a[i].counts.Merge(f.counts)
		}
		a[i].n += f.n
	}
}

// maxGroups is how many groups a rollup in JSON may have: many more than an event.
const maxGroups = 1000

// rollupJSON is a rollup in JSON. What is over all is the sum of the groups.
type rollupJSON struct {
	Groups   map[string]map[string]json.RawMessage `json:"groups"`   // by group and metric
	Failures map[check.Reason]float64              `json:"failures"` // by reason
}

// MarshalJSON writes the aggregates by group and metric, and the failures by
// reason.
func (ro *Rollup) MarshalJSON() ([]byte, error) {
	j := rollupJSON{map[string]map[string]json.RawMessage{}, map[check.Reason]float64{}}
	for group, a := range ro.groups {
		metrics := map[string]json.RawMessage{}
		for i, f := range a {
			var err error
			switch {
			case f.n == 0:
			case f.counts != nil:
				metrics[table[i].Name], err = f.counts.MarshalJSON()
			default:
				metrics[table[i].Name], err = json.Marshal(f.value)
			}
			if err != nil {
				return nil, err
			}
		}
		j.Groups[group] = metrics
	}
	for reason, a := range ro.reasons {
		for _, f := range a {
			if f.n > 0 {
				j.Failures[reason] = f.value
			}
		}
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (ro *Rollup) UnmarshalJSON(data []byte) error {
	var j rollupJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	if len(j.Groups) > maxGroups {
		return fmt.Errorf("more than %d groups", maxGroups)
	}
	*ro = Rollup{}
	for group, metrics := range j.Groups {
		ro.make()
		a := make(aggregate, len(table))
		for name, raw := range metrics {
			i := folds(name, byGroup)
			if i < 0 {
				return fmt.Errorf("%q is not a metric of groups", name)
			}
			probe := folded{}
			if table[i].fold(&probe, 0); probe.counts == nil {
				a[i].n = 1
				if err := json.Unmarshal(raw, &a[i].value); err != nil || !isValue(a[i].value) || string(raw) == "null" {
					return fmt.Errorf("%s is not a value of %s", raw[:min(len(raw), 20)], name)
				}
				continue
			}
			if err := json.Unmarshal(raw, &a[i].counts); err != nil {
				return err
			}
			for _, n := range a[i].counts {
				a[i].n += n
			}
		}
		ro.groups[group] = a
		ro.all.merge(a)
	}
	for reason, n := range j.Failures {
		if !isCount(n) || ro.all == nil {
			return fmt.Errorf("invalid number of failures %v", n)
		}
		i := folds("Failures", byReason)
		a := make(aggregate, len(table))
		a[i] = folded{n: int(n), value: n}
		ro.reasons[reason] = a
	}
	return nil
}

// folds returns the row of a metric that is aggregated by that dimension; -1: there
// is none.
func folds(name, by string) int {
	return slices.IndexFunc(table, func(r row) bool { return r.fold != nil && r.Name == name && r.Dimensions[0] == by })
}
