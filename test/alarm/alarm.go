// Package alarm evaluates the alarms of a stack as CloudWatch does: what fires
// when, and who is notified, from datums and the minutes at which they arrive. It
// knows metric alarms (single metrics, percentiles, metric math, Metrics
// Insights with contributors), composite alarms with a suppressor, and mute
// rules. A property, function or query that it does not know is an error: an
// alarm is judged whole or not at all.
//
// The rules are those of the CloudWatch User Guide, "Configuring how CloudWatch
// alarms treat missing data", "Percentile-based alarms and low data samples",
// "Create a composite alarm" and "Alarm mute rules", read in November 2026.
package alarm

import (
	"slices"
	"time"
)

// A State is an alarm's, or a contributor's.
type State string

// The states. Every alarm begins with InsufficientData.
const (
	OK               State = "OK"
	Alarm            State = "ALARM"
	InsufficientData State = "INSUFFICIENT_DATA"
)

// A Datum is what CloudWatch got: an observation or a distribution.
type Datum struct {
	Namespace, Metric, Unit string
	Dimensions              map[string]string // nil: none
	Time                    time.Time
	Values, Counts          []float64 // as long as each other
}

// A Notice is one performing of an alarm's actions; a Change one of its state.
type (
	Notice struct {
		Time        time.Time
		Alarm       string // its logical id
		Contributor string // the values of GROUP BY; "" for the alarm itself
		State       State
	}
	Change struct {
		Notice
		From State
	}
)

// rangeBeyond is how many periods beyond its evaluation periods an alarm looks
// at. The guide names no number: its examples have five for three, and dead
// man's switches fire up to two periods late.
const rangeBeyond = 2

// A metricAlarm is one AWS::CloudWatch::Alarm.
type metricAlarm struct {
	source    source
	period    int // seconds
	n, m      int // M of N
	breaches  func(float64) bool
	treat     string // missing, ignore, breaching or notBreaching
	ignoreFew bool   // the state stays where a percentile has too few samples
	warmUp    time.Duration
	warm      bool // it has warmed up, which it does once
}

// warmedUp tells whether an alarm is evaluated this long after it was made: at
// the end of its warm-up, or as soon as all its periods have data.
//
// Source: CloudWatch User Guide, "Alarm warm-up period", November 2026.
func (a *metricAlarm) warmedUp(points []point, age time.Duration) bool {
	full := len(points) >= a.n && !slices.ContainsFunc(points[:a.n], func(p point) bool { return !p.known })
	a.warm = a.warm || full || age >= a.warmUp
	return a.warm
}

// A point is one period of a series, newest first in a list of them.
type point struct {
	known bool
	value float64
	few   bool // a percentile of too few samples to mean much
}

// decide returns the state that follows from the points of the evaluation
// range. It is the guide's table: real points first, the newest n of them;
// where there are fewer, the missing ones count as the alarm says, and only as
// few times as they have to.
func (a *metricAlarm) decide(points []point, now State) State {
	v := a.view(points)
	missing := a.n - v.breaching - v.fine
	switch {
	case v.few && a.ignoreFew:
		return now
	case v.breaching >= a.m, a.treat == "breaching" && v.breaching+missing >= a.m:
		return Alarm
	case v.fine > 0, a.treat == "breaching", a.treat == "notBreaching":
		return OK
	case a.treat == "ignore":
		return now
	case v.breaching == 0:
		return InsufficientData
	case v.oldest >= a.m: // one that breached and was not contradicted since
		return Alarm
	}
	return now
}

// A view is what an alarm sees of a series.
type view struct {
	breaching, fine int
	oldest          int // how many periods ago the oldest breach was, from 1
	few             bool
}

func (a *metricAlarm) view(points []point) view {
	var v view
	for i, p := range points {
		if !p.known || v.breaching+v.fine == a.n {
			continue
		}
		v.few = v.few || p.few
		if a.breaches(p.value) {
			v.breaching++
			v.oldest = i + 1
		} else {
			v.fine++
		}
	}
	return v
}
