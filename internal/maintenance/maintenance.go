// Package maintenance says whether an instant is under maintenance: within a
// window that happens once, or again and again by a cron expression in a time
// zone. It is pure, and reads no clock; time zones are the time package's.
package maintenance

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The bounds of a window's length. Those of a window that repeats are
// CloudWatch's of a mute rule.
const (
	MinLength = time.Minute
	MaxLength = 15 * 24 * time.Hour
)

// A Window is a time of maintenance. The zero value is never.
type Window struct {
	once   Span // of a window that happens once
	cron   *cron
	text   string // the cron expression
	length time.Duration
	zone   *time.Location
}

// A Span is the time from From until Until, which is not part of it.
type Span struct{ From, Until time.Time }

// Once returns the window from an instant until another.
func Once(from, until time.Time) (Window, error) {
	if !until.After(from) {
		return Window{}, errors.New("the end is not after the beginning")
	}
	return Window{once: Span{from.UTC(), until.UTC()}}, nil
}

// Repeated returns a window that begins whenever expression says so on the
// clocks of zone, and lasts for length of elapsed time.
//
// The expression has five fields, minute, hour, day of the month, month and day
// of the week, as cron has them: numbers, lists, ranges and steps, names
// (JAN, SUN), 0 or 7 for Sunday; where both days are given, either is enough. Of
// AWS's forms it may have ? for any day, L for the last day of the month, and
// MON#2 for the second Monday. It may stand in "cron(…)".
//
// A time that the clocks skip is as long after the hour before as it says: 02:30
// is 03:30 where 02:00 is 03:00. Of a time that comes twice the first one counts, or
// both where the expression is for every hour.
func Repeated(expression string, length time.Duration, zone *time.Location) (Window, error) {
	if length < MinLength || length > MaxLength {
		return Window{}, fmt.Errorf("a window of %s is out of range (1m to 360h)", length)
	}
	c, err := parseCron(expression)
	if err != nil {
		return Window{}, err
	}
	return Window{cron: c, text: expression, length: length, zone: zone}, nil
}

// Zone returns the time zone of a name of the IANA data base; "" is UTC.
func Zone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || strings.EqualFold(name, "local") {
		return nil, fmt.Errorf("unknown time zone %.64q (for example UTC or Europe/Berlin)", name)
	}
	return zone, nil
}

// String returns the window as a person writes it.
func (w Window) String() string {
	if w.cron == nil {
		return w.once.From.Format(time.RFC3339) + " to " + w.once.Until.Format(time.RFC3339)
	}
	return fmt.Sprintf("%s for %s (%s)", w.text, w.length, w.zone)
}

// At returns the span of the window that has an instant within, if there is
// one: of a window that begins again before it ends, the latest.
func (w Window) At(instant time.Time) (Span, bool) {
	if w.cron == nil {
		return w.once, !instant.Before(w.once.From) && instant.Before(w.once.Until)
	}
	from, found := w.cron.last(instant.In(w.zone), w.length)
	if !found {
		return Span{}, false
	}
	return Span{from.UTC(), from.Add(w.length).UTC()}, true
}

// At returns the span of all windows that has an instant within, the one that
// ends last, and whether there is one.
func At(windows []Window, instant time.Time) (Span, bool) {
	var latest Span
	under := false
	for _, w := range windows {
		if span, within := w.At(instant); within && (!under || span.Until.After(latest.Until)) {
			latest, under = span, true
		}
	}
	return latest, under
}
