package maintenance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A cron is when windows begin: sets of the numbers that each field allows, and
// what AWS has beside numbers.
type cron struct {
	minutes, hours, days, months, weekdays uint64

	lastDay   bool     // of the month, L
	nth       [][2]int // weekday and which of the month, MON#2
	everyDay  bool     // the day of the month says nothing, and so
	everyWeek bool     // the day of the week
	everyHour bool
}

var (
	monthNames   = strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")
	weekdayNames = strings.Fields("SUN MON TUE WED THU FRI SAT")
)

// parseCron reads the five fields of an expression.
func parseCron(text string) (*cron, error) {
	inner := text
	if within, ok := strings.CutPrefix(text, "cron("); ok {
		inner = strings.TrimSuffix(within, ")")
	}
	fields := strings.Fields(strings.ToUpper(inner))
	if len(fields) != 5 {
		return nil, fmt.Errorf("%.64q has %d fields, not 5 (minute, hour, day of the month, month, day of the week: for example 0 2 * * SUN)", text, len(fields))
	}
	c := &cron{everyHour: fields[1] == "*"}
	c.everyDay = strings.HasPrefix(fields[2], "*") || fields[2] == "?"
	c.everyWeek = strings.HasPrefix(fields[4], "*") || fields[4] == "?"
	for i, f := range []struct {
		name        string
		least, most int
		names       []string
		set         *uint64
	}{
		{"minute", 0, 59, nil, &c.minutes},
		{"hour", 0, 23, nil, &c.hours},
		{"day of the month", 1, 31, nil, &c.days},
		{"month", 1, 12, monthNames, &c.months},
		{"day of the week", 0, 7, weekdayNames, &c.weekdays},
	} {
		for part := range strings.SplitSeq(fields[i], ",") {
			switch weekday, which, numbered := strings.Cut(part, "#"); {
			case part == "?" && (i == 2 || i == 4):
				part = "*"
			case part == "L" && i == 2:
				c.lastDay = true
				continue
			case numbered && i == 4:
				day, known := number(weekday, f.least, f.most, f.names)
				n, err := strconv.Atoi(which)
				if !known || err != nil || n < 1 || n > 5 {
					return nil, fmt.Errorf("invalid %s %.32q (for example MON#2 for the second Monday)", f.name, part)
				}
				c.nth = append(c.nth, [2]int{day % 7, n})
				continue
			}
			set, err := parsePart(part, f.least, f.most, f.names)
			if err != nil {
				return nil, fmt.Errorf("invalid %s %.32q: %w", f.name, part, err)
			}
			*f.set |= set
		}
	}
	c.weekdays |= c.weekdays >> 7 // 7 is Sunday, too
	return c, nil
}

// parsePart reads *, a number or a range, with or without a step.
func parsePart(part string, least, most int, names []string) (uint64, error) {
	what, by, stepped := strings.Cut(part, "/")
	first, last, ranged := strings.Cut(what, "-")
	from, until, known := least, most, true
	if what != "*" {
		from, known = number(first, least, most, names)
		switch {
		case ranged:
			var too bool
			until, too = number(last, least, most, names)
			known = known && too
		case !stepped:
			until = from
		}
	}
	step, err := 1, error(nil)
	if stepped {
		step, err = strconv.Atoi(by)
	}
	switch {
	case !known && names != nil:
		return 0, fmt.Errorf("not a number from %d to %d or one of %s", least, most, strings.Join(names, ", "))
	case !known:
		return 0, fmt.Errorf("not a number from %d to %d", least, most)
	case until < from:
		return 0, fmt.Errorf("the range ends before it begins")
	case err != nil || step < 1:
		return 0, fmt.Errorf("the step is not a number above 0")
	}
	var set uint64
	for n := from; n <= until; n += step {
		set |= 1 << n
	}
	return set, nil
}

// number reads a number or a name.
func number(text string, least, most int, names []string) (int, bool) {
	if i := slices.Index(names, text); i >= 0 {
		return i + least, true // months begin with 1, weekdays with 0
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= least && n <= most && text[0] != '+'
}

// last returns the latest beginning at or before an instant, whose location
// says which clocks are meant, and less than length before it.
func (c *cron) last(instant time.Time, length time.Duration) (time.Time, bool) {
	year, month, date := instant.Date()
	for back := -1; back <= int(length/(24*time.Hour))+2; back++ { // a day at both ends, for the clocks that change
		day := time.Date(year, month, date-back, 0, 0, 0, 0, time.UTC)
		if !c.onDay(day) {
			continue
		}
		latest, found := time.Time{}, false
		for hour := 23; hour >= 0; hour-- {
			for minute := 59; minute >= 0; minute-- {
				if c.hours>>hour&1 == 0 || c.minutes>>minute&1 == 0 {
					continue
				}
				clock := day.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
				for _, begins := range c.instants(clock, instant.Location()) {
					if !begins.After(instant) && instant.Sub(begins) < length && begins.After(latest) {
						latest, found = begins, true
					}
				}
			}
		}
		if found {
			return latest, true
		}
	}
	return time.Time{}, false
}

// onDay reports whether windows begin on a day.
func (c *cron) onDay(day time.Time) bool {
	weekday, date := int(day.Weekday()), day.Day()
	ofMonth := c.days>>date&1 == 1 || c.lastDay && day.AddDate(0, 0, 1).Day() == 1
	ofWeek := c.weekdays>>weekday&1 == 1 || slices.Contains(c.nth, [2]int{weekday, (date + 6) / 7})
	if c.months>>int(day.Month())&1 == 0 {
		return false
	}
	if !c.everyDay && !c.everyWeek {
		return ofMonth || ofWeek
	}
	return ofMonth && ofWeek
}

// instants returns when the clocks of a zone show what clock is in UTC: the
// first of two such times, or both where windows begin every hour. Of a time that
// is skipped it is when the clocks would show it, had they not been changed.
func (c *cron) instants(clock time.Time, zone *time.Location) []time.Time {
	var shown []time.Time
	const day = 24 * time.Hour
	for _, near := range [...]time.Duration{-day, day} {
		_, offset := clock.Add(near).In(zone).Zone()
		instant := clock.Add(-time.Duration(offset) * time.Second)
		_, then := instant.In(zone).Zone()
		if then == offset && (len(shown) == 0 || c.everyHour && !instant.Equal(shown[0])) {
			shown = append(shown, instant)
		}
	}
	if len(shown) == 0 {
		_, before := clock.Add(-day).In(zone).Zone()
		shown = append(shown, clock.Add(-time.Duration(before)*time.Second))
	}
	return shown
}
