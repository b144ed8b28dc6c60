package metric

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of CloudWatch's PutMetricData (API reference, MetricDatum and
// Dimension), except maxDimension: ours, the length a target's name may have.
const (
	maxValues    = 150 // distinct values a datum
	maxDimension = 255 // bytes of a dimension's value; CloudWatch takes 1,024
	maxExponent  = 360 // values lie within ±2^360
)

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

// dimensionValue returns s as CloudWatch takes it: printable ASCII, not
// blank, no ':' in front, at most maxDimension bytes. Whatever had to be
// changed ends in a hash of the original, so that two names stay two series.
func dimensionValue(s string) string {
	safe := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '_'
		}
		return r
	}, s)
	if strings.HasPrefix(safe, ":") || strings.TrimSpace(safe) == "" {
		safe = "_" + safe
	}
	if safe == s && len(s) <= maxDimension {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	hash := fmt.Sprintf("#%x", sum[:4])
	return safe[:min(len(safe), maxDimension-len(hash))] + hash
}

// milliseconds is never negative: a clock that was set back measures nothing. It
// is exact to the microsecond, as the summary is, so that the two agree.
func milliseconds(d time.Duration) float64 {
	return float64(max(d, 0).Round(time.Microsecond)/time.Microsecond) / 1000
}

// rounded returns v with three significant digits, so that a distribution has
// few enough values to be one datum mostly and is at most 0.5 % off.
func rounded(v float64) float64 {
	var digits [32]byte
	r, err := strconv.ParseFloat(string(strconv.AppendFloat(digits[:0], v, 'e', 2, 64)), 64)
	if err != nil {
		return v // unreachable: a formatted number parses
	}
	return r
}
