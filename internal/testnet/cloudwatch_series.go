package testnet

import (
	"cmp"
	"slices"
)

// A Series names a metric as CloudWatch tells them apart: the order of the
// dimensions is of no meaning.
type Series struct {
	Namespace, Metric string
	Dimensions        []Dimension
}

func (s Series) holds(d Datum) bool {
	return d.Namespace == s.Namespace && d.Metric == s.Metric &&
		slices.Equal(dimensionNames(s.Dimensions), dimensionNames(d.Dimensions))
}

// observations calls yield with every accepted observation of a series and how
// often it stands there. known is false if some are known by statistics alone.
func (c *CloudWatch) observations(s Series, yield func(value, count float64)) (known bool) {
	known = true
	for _, d := range c.Accepted() {
		if !s.holds(d) {
			continue
		}
		switch set := d.Statistics; {
		case set == nil && d.Values == nil:
			yield(d.Value, 1)
		case set == nil:
			for i, v := range d.Values {
				yield(v, d.Counts[i])
			}
		case set.Minimum == set.Maximum:
			yield(set.Minimum, set.SampleCount)
		default:
			known = false
		}
	}
	return known
}

// Percentile returns the p-th percentile, 0 < p <= 100, of all that was
// accepted of a series: the smallest observation that at least p of a hundred
// do not exceed (nearest rank; how the real one interpolates is not
// documented). As with the real one there is none of Statistics whose minimum
// is not their maximum, nor of nothing.
func (c *CloudWatch) Percentile(s Series, p float64) (value float64, ok bool) {
	type weighed struct{ value, count float64 }
	var all []weighed
	total := 0.0
	known := c.observations(s, func(v, n float64) {
		all, total = append(all, weighed{v, n}), total+n
	})
	if !known || len(all) == 0 {
		return 0, false
	}
	slices.SortFunc(all, func(a, b weighed) int { return cmp.Compare(a.value, b.value) })
	below := 0.0
	for _, w := range all {
		if below += w.count; below*100 >= p*total {
			return w.value, true
		}
	}
	return all[len(all)-1].value, true
}

// SampleCount returns how many observations of a series were accepted.
func (c *CloudWatch) SampleCount(s Series) float64 {
	n := 0.0
	for _, d := range c.Accepted() {
		switch {
		case !s.holds(d):
		case d.Statistics != nil:
			n += d.Statistics.SampleCount
		case d.Values == nil:
			n++
		default:
			for _, count := range d.Counts {
				n += count
			}
		}
	}
	return n
}
