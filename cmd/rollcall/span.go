package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A span is a duration as people type it: 30s, 1m30s, 1d, and 5 for five
// seconds. It is not zero, which is what a flag has that was not given.
type span time.Duration

// UnmarshalText reads a span.
func (s *span) UnmarshalText(text []byte) error {
	written := strings.TrimSpace(string(text))
	if seconds, err := strconv.ParseFloat(written, 64); err == nil {
		written = strconv.FormatFloat(seconds, 'f', -1, 64) + "s"
	}
	var total time.Duration
	if days, rest, ok := strings.Cut(written, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		const most = 36500
		if err != nil || !(n >= 0 && n <= most) { // NaN is neither
			return invalidSpan(text)
		}
		total, written = time.Duration(n*float64(24*time.Hour)), rest
	}
	if written != "" || total == 0 {
		d, err := time.ParseDuration(written)
		if err != nil {
			return invalidSpan(text)
		}
		total += d
	}
	if total == 0 {
		return fmt.Errorf("invalid duration %q: must be more than 0", text)
	}
	*s = span(total)
	return nil
}

func invalidSpan(text []byte) error {
	return fmt.Errorf("invalid duration %q (for example 5s, 2m, 1h30m or 1d)", text)
}

// String writes the span as it may be typed.
func (s span) String() string { return time.Duration(s).String() }

// A count is a number of at least 1. It is not zero, which is what a flag has that
// was not given.
type count int

// UnmarshalText reads a count.
func (c *count) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n < 1 {
		return fmt.Errorf("invalid number %q: must be a whole number of at least 1", text)
	}
	*c = count(n)
	return nil
}
