// Package metric turns results into datums: every metric's name, unit and
// dimensions are here and nowhere else. It is pure: it neither reads a clock
// nor sends anything.
package metric

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Datum is one observation, or one distribution of them, that CloudWatch
// can take as it is: its values are finite, its dimensions printable ASCII of
// bounded length. It is made once and never changed.
type Datum struct {
	Metric     string
	Unit       Unit
	Dimensions []Dimension // at most one today; nil is the metric over all
	Time       time.Time

	// Values and Counts are as long as each other and not empty: one value
	// with count 1 is a plain observation. At most 150.
	Values []float64
	Counts []float64
}

// A Dimension names the series of a metric.
type Dimension struct {
	Name, Value string
}

// A Unit is one of CloudWatch's.
type Unit string

// The units in use.
const (
	None         Unit = "None"
	Count        Unit = "Count"
	Milliseconds Unit = "Milliseconds"
)

// CheckNamespace says what CloudWatch would not take about a namespace (API
// reference of PutMetricData): the predicate of a sentence about it.
func CheckNamespace(s string) error {
	switch {
	case strings.TrimSpace(s) == "":
		return errors.New("is blank")
	case len(s) > 255:
		return fmt.Errorf("has %d characters and may have 255", len(s))
	case strings.HasPrefix(s, "AWS/"), strings.HasPrefix(s, ":"):
		return fmt.Errorf("%q begins with AWS/ or a colon, which AWS reserves", s)
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }):
		return fmt.Errorf("%q has characters that are not printable ASCII", s)
	}
	return nil
}
