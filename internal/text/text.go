// Package text writes numbers as people read them, and finds percentiles: what
// several packages need in the same form.
package text

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Thousands puts commas between the thousands of a decimal number: "-1234567.5"
// becomes "-1,234,567.5".
func Thousands(number string) string {
	whole, fraction := number, ""
	if point := strings.IndexByte(number, '.'); point >= 0 {
		whole, fraction = number[:point], number[point:]
	}
	digits := strings.TrimPrefix(whole, "-")
	sign := whole[:len(whole)-len(digits)]
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits + fraction
}

// Count writes a whole number with commas between its thousands.
func Count(n int) string { return Thousands(strconv.Itoa(n)) }

// Plural writes how many there are: "1 target", "2,000 targets". The noun is
// one that takes an s.
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Count(n) + " " + noun + "s"
}

// Milliseconds writes a duration in milliseconds with a fixed number of
// decimals and without the unit: "1234.5".
func Milliseconds(d time.Duration, decimals int) string {
	return strconv.FormatFloat(d.Seconds()*1000, 'f', decimals, 64)
}

// Percentile returns the nearest-rank percentile: the smallest value that at
// least percent of a hundred of the values do not exceed. The values are sorted
// in ascending order; there is at least one.
func Percentile[T any](sorted []T, percent int) T {
	return sorted[max((len(sorted)*percent+99)/100, 1)-1]
}

// Pattern returns a function that returns a regular expression, compiled when it is
// first wanted: all of ours would make each start of a program a millisecond longer.
func Pattern(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
