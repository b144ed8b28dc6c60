package metric

import (
	"maps"
	"math"
	"slices"
	"time"

	"rollcall/internal/check"
)

// Series returns what the target's own series get from its result, all at
// that time. It is nil for the profile group, and for what was not checked:
// a target that nobody checked has no data. When the monitor has no network,
// Up is left out.
func (p Profile) Series(r *check.Result, at time.Time, vantageUnhealthy bool) []Datum {
	if !r.Checked() {
		return nil
	}
	m := maker{at: at}
	for i := range table {
		row := &table[i]
		if row.Dimensions[0] != byTarget || !slices.Contains(row.Profiles, p) || row.verdict && vantageUnhealthy {
			continue
		}
		if v, ok := row.value(r); ok {
			m.plain(row, Dimension{byTarget, r.Name}, v)
		}
	}
	return m.datums
}

// maker makes the datums of one run: all carry its time, and it keeps out every
// value and every dimension that CloudWatch would refuse.
type maker struct {
	at     time.Time
	datums []Datum
}

// plain makes a plain observation. A value that is not a number is unknown, and
// makes none.
func (m *maker) plain(r *row, series Dimension, v float64) {
	m.distribution(r, series, map[float64]int{v: 1})
}

// distribution makes as many datums of values and their counts as are needed,
// in the order of the values.
func (m *maker) distribution(r *row, series Dimension, counts map[float64]int) {
	limit := math.Ldexp(1, maxExponent)
	bounded := make(map[float64]int, len(counts))
	for v, n := range counts {
		if !math.IsNaN(v) {
			bounded[max(-limit, min(v, limit))] += n
		}
	}
	var dimensions []Dimension
	if series.Name != overAll {
		dimensions = []Dimension{{series.Name, dimensionValue(series.Value)}}
	}
	for part := range slices.Chunk(slices.Sorted(maps.Keys(bounded)), maxValues) {
		weights := make([]float64, len(part))
		for i, v := range part {
			weights[i] = float64(bounded[v])
		}
		m.datums = append(m.datums, Datum{r.Name, r.Unit, dimensions, m.at, part, weights})
	}
}

// A Rollup gathers results into the aggregates: over all, by group, and by
// reason. The zero value is ready. It is for one goroutine.
type Rollup struct {
	all     aggregate
	groups  map[string]aggregate
	reasons map[check.Reason]aggregate
}

// Add takes one result into account. A result that was not checked has no
// verdict and does not count.
func (ro *Rollup) Add(r *check.Result) {
	if !r.Checked() {
		return
	}
	ro.make()
	group := ro.groups[r.Group]
	if group == nil {
		group = make(aggregate, len(table))
		ro.groups[r.Group] = group
	}
	for i := range table {
		row := &table[i]
		if row.fold == nil {
			continue
		}
		v, ok := row.value(r)
		switch {
		case !ok:
		case row.Dimensions[0] == byReason:
			if ro.reasons[r.Reason] == nil {
				ro.reasons[r.Reason] = make(aggregate, len(table))
			}
			ro.reasons[r.Reason].add(i, v)
		default:
			ro.all.add(i, v)
			group.add(i, v)
		}
	}
}

// Datums returns the aggregates of what was added, all at that time, first
// those over all, then those by group in the order of their names, then the
// failures in the order of the reasons.
//
// A count is 0 where there is a verdict and nothing to count. A group without a
// single verdict has no datum at all, and neither has the whole when nothing
// was checked: what is unknown is absent, never 0. When the monitor has no
// network, what judges targets is left out; the rest is true all the same.
func (ro *Rollup) Datums(at time.Time, vantageUnhealthy bool) []Datum {
	m := maker{at: at}
	publish := func(a aggregate, series Dimension) {
		for i, f := range a {
			switch {
			case f.n == 0, table[i].verdict && vantageUnhealthy:
			case f.counts != nil:
				m.distribution(&table[i], series, f.counts)
			default:
				m.plain(&table[i], series, f.value)
			}
		}
	}
	publish(ro.all, Dimension{})
	for _, group := range slices.Sorted(maps.Keys(ro.groups)) {
		publish(ro.groups[group], Dimension{byGroup, group})
	}
	for _, reason := range slices.Sorted(maps.Keys(ro.reasons)) {
		publish(ro.reasons[reason], Dimension{byReason, reason.String()})
	}
	return m.datums
}

// An aggregate has for each row of the table what the results come to.
type aggregate []folded

func (a aggregate) add(row int, v float64) {
	table[row].fold(&a[row], v)
	a[row].n++
}

// A folded is what the values of many results come to: a value, or a
// distribution of rounded ones.
type folded struct {
	n      int // values so far
	value  float64
	counts Distribution // how often each occurred
}

// A fold takes a value into account.
type fold func(f *folded, v float64)

func distribution(f *folded, v float64) {
	if f.counts == nil {
		f.counts = Distribution{}
	}
	f.counts.Add(v)
}

func sum(f *folded, v float64) { f.value += v }

func fewest(f *folded, v float64) {
	if f.n == 0 || v < f.value {
		f.value = v
	}
}
