package alarm

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A mute is an AWS::CloudWatch::AlarmMuteRule: windows in which the actions of
// some alarms wait. What they would have done is done at the window's end, if
// the state is still the same.
type mute struct {
	alarms      []string
	starts      func(local time.Time) bool // in the minute of that time
	length      time.Duration
	zone        *time.Location
	from, until time.Time // zero: unbounded
}

// longestMute is the longest window there is (API reference, Schedule).
const longestMute = 15 * 24 * time.Hour

func readMute(id string, values map[string]any) (*mute, error) {
	var faults []error
	p := read(values, &faults)
	p.ignore("Name", "Description", "Tags")
	m := &mute{from: p.time("StartDate"), until: p.time("ExpireDate")}
	targets := p.child("MuteTargets")
	for _, name := range targets.list("AlarmNames") {
		text, _ := name.(string)
		m.alarms = append(m.alarms, text)
	}
	targets.finish()
	rule := p.child("Rule")
	schedule := rule.child("Schedule")
	m.readSchedule(schedule)
	schedule.finish()
	rule.finish()
	p.finish()
	if len(faults) > 0 {
		return nil, fmt.Errorf("%s: %w", id, errors.Join(faults...))
	}
	return m, nil
}

// time reads a date as CloudFormation takes it here: to the minute, in UTC.
func (p *properties) time(name string) time.Time {
	text := p.text(name)
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse("2006-01-02T15:04", text)
	if err != nil {
		p.fault("%s is %q, no time such as 2006-01-02T15:04", name, text)
	}
	return at
}

func (m *mute) readSchedule(p *properties) {
	var err error
	if m.zone, err = time.LoadLocation(cmpOr(p.text("Timezone"), "UTC")); err != nil {
		p.fault("Timezone: %w", err)
	}
	if m.length, err = parseISODuration(p.text("Duration")); err != nil {
		p.fault("Duration: %w", err)
	}
	if m.starts, err = parseMoments(p.text("Expression")); err != nil {
		p.fault("Expression: %w", err)
	}
}

// covers reports whether the rule holds at a time.
func (m *mute) covers(now time.Time) bool {
	for back := time.Duration(0); back < m.length; back += time.Minute {
		start := now.Add(-back)
		inside := (m.from.IsZero() || !start.Before(m.from)) && (m.until.IsZero() || start.Before(m.until))
		if inside && m.starts(start.In(m.zone)) {
			return true
		}
	}
	return false
}

var isoDuration = regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?$`)

func parseISODuration(text string) (time.Duration, error) {
	parts := isoDuration.FindStringSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf("%q is not a duration such as PT2H", text)
	}
	var d time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute} {
		n, _ := strconv.Atoi(parts[i+1])
		d += time.Duration(n) * unit
	}
	if d < time.Minute || d > longestMute {
		return 0, fmt.Errorf("%q is not between PT1M and P15D", text)
	}
	return d, nil
}

var moments = regexp.MustCompile(`^(cron|at)\((.+)\)$`)

// parseMoments reads cron(minute hour day month weekday) or at(time).
func parseMoments(text string) (func(time.Time) bool, error) {
	parts := moments.FindStringSubmatch(text)
	if parts == nil {
		return nil, fmt.Errorf("%q is neither cron(…) nor at(…)", text)
	}
	if parts[1] == "at" {
		at, err := time.Parse("2006-01-02T15:04", parts[2])
		return func(t time.Time) bool { return t.Format("2006-01-02T15:04") == at.Format("2006-01-02T15:04") }, err
	}
	fields := strings.Fields(parts[2])
	if len(fields) != 5 {
		return nil, fmt.Errorf("%q has %d fields, cron has five here", text, len(fields))
	}
	bounds := [...][2]int{{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}}
	var sets [5][]int
	for i, field := range fields {
		var err error
		if sets[i], err = parseField(field, bounds[i]); err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
	}
	return func(t time.Time) bool { return matches(sets, fields, t) }, nil
}

// matches follows cron: where both days are given, either is enough.
func matches(sets [5][]int, fields []string, t time.Time) bool {
	has := slices.Contains[[]int]
	weekday := has(sets[4], int(t.Weekday())) || t.Weekday() == time.Sunday && has(sets[4], 7)
	day := has(sets[2], t.Day())
	days := day && weekday
	if fields[2] != "*" && fields[4] != "*" {
		days = day || weekday
	}
	return has(sets[0], t.Minute()) && has(sets[1], t.Hour()) && has(sets[3], int(t.Month())) && days
}

var fieldPart = regexp.MustCompile(`^(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?$`)

// parseField reads one field of cron: *, numbers and names, ranges, steps,
// lists.
func parseField(field string, bounds [2]int) ([]int, error) {
	var all []int
	for part := range strings.SplitSeq(field, ",") {
		p := fieldPart.FindStringSubmatch(part)
		if p == nil {
			return nil, fmt.Errorf("%q is not known here", part)
		}
		low, high, step := bounds[0], bounds[1], 1
		if p[1] != "" {
			low = numeral(p[1])
			if high = low; p[2] != "" {
				high = numeral(p[2])
			}
		}
		if p[3] != "" {
			step, _ = strconv.Atoi(p[3])
		}
		if low < bounds[0] || high > bounds[1] || low > high || step < 1 {
			return nil, fmt.Errorf("%q is out of range (%d to %d)", part, bounds[0], bounds[1])
		}
		for n := low; n <= high; n += step {
			all = append(all, n)
		}
	}
	return all, nil
}

// numeral reads a number, or the name of a month or a weekday; -1: neither.
func numeral(text string) int {
	weekdays := []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
	monthNames := []string{"", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	upper := strings.ToUpper(text)
	return max(slices.Index(weekdays, upper), slices.Index(monthNames, upper))
}
