package metric

import (
	"crypto/sha256"
	"fmt"
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
