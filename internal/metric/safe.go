package metric

import (
	"crypto/sha256"
	"fmt"
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

// maker makes the datums of one run: all carry its time, and no value or
// dimension gets past it that CloudWatch would refuse.
type maker struct {
	at     time.Time
	datums []Datum
}

// add makes a plain observation. A value that is no number is unknown, and
// gives none.
func (m *maker) add(r row, by, of string, value float64) {
	if v, ok := bounded(value); ok {
		m.datum(r, dimensions(by, of), []float64{v}, []float64{1})
	}
}

// distribution makes as many datums of values and their counts as are needed,
// in the order of the values.
func (m *maker) distribution(r row, by, of string, counts map[float64]int) {
	values := make([]float64, 0, len(counts))
	for v := range counts {
		values = append(values, v)
	}
	slices.Sort(values)
	series := dimensions(by, of)
	for part := range slices.Chunk(values, maxValues) {
		weights := make([]float64, len(part))
		for i, v := range part {
			weights[i] = float64(counts[v])
		}
		m.datum(r, series, part, weights)
	}
}

func (m *maker) datum(r row, series []Dimension, values, counts []float64) {
	m.datums = append(m.datums, Datum{
		Metric:     table[r].Name,
		Unit:       table[r].Unit,
		Dimensions: series,
		Time:       m.at,
		Values:     values,
		Counts:     counts,
	})
}

func dimensions(by, of string) []Dimension {
	if by == overAll {
		return nil
	}
	return []Dimension{{Name: by, Value: dimensionValue(of)}}
}

// dimensionValue returns s as CloudWatch takes it: printable ASCII, not
// blank, no ':' in front, at most maxDimension bytes. Whatever had to be
// changed ends in a hash of the original, so that two names stay two series.
func dimensionValue(s string) string {
	safe := strings.Map(orUnderscore, s)
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

func orUnderscore(r rune) rune {
	if r < ' ' || r > '~' {
		return '_'
	}
	return r
}

// bounded returns v, brought within CloudWatch's range; false for NaN.
func bounded(v float64) (float64, bool) {
	limit := math.Ldexp(1, maxExponent)
	return max(-limit, min(v, limit)), !math.IsNaN(v)
}

// milliseconds is never negative: a clock that was set back is no duration. It
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
