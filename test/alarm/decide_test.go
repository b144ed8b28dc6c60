package alarm

import (
	"strings"
	"testing"
)

// pointsOf reads a row of the guide's tables, oldest first: X breaches, 0 does
// not, - is missing, ? breaches with too few samples.
func pointsOf(row string) []point {
	fields := strings.Fields(row)
	points := make([]point, len(fields))
	for i, f := range fields {
		p := &points[len(fields)-1-i]
		switch f {
		case "X":
			*p = point{known: true, value: 1}
		case "?":
			*p = point{known: true, value: 1, few: true}
		case "0":
			*p = point{known: true}
		}
	}
	return points
}

// The rows and the results are those of the CloudWatch User Guide ("How alarm
// state is evaluated when data is missing"), three periods each; "" retains
// the state.
func TestTheGuidesTables(t *testing.T) {
	tests := []struct {
		m                                        int
		row                                      string
		missing, ignore, breaching, notBreaching State
	}{
		{3, "0 - X - X", OK, OK, OK, OK},
		{3, "0 - - - -", OK, OK, OK, OK},
		{3, "- - - - -", InsufficientData, "", Alarm, OK},
		{3, "0 X X - X", Alarm, Alarm, Alarm, Alarm},
		{3, "- - X - -", Alarm, "", Alarm, OK},
		{2, "0 - X - X", Alarm, Alarm, Alarm, Alarm},
		{2, "0 0 X 0 X", Alarm, Alarm, Alarm, Alarm},
		{2, "0 - X - -", OK, OK, Alarm, OK},
		{2, "- - - - 0", OK, OK, Alarm, OK},
		{2, "- - - X -", Alarm, "", Alarm, OK},
		{3, "- - - - X", "", "", Alarm, OK}, // "avoiding premature transitions"
	}
	for _, tt := range tests {
		for treat, want := range map[string]State{"missing": tt.missing, "ignore": tt.ignore, "breaching": tt.breaching, "notBreaching": tt.notBreaching} {
			for _, now := range []State{OK, Alarm, InsufficientData} {
				a := &metricAlarm{n: 3, m: tt.m, treat: treat, breaches: func(v float64) bool { return v > 0 }}
				expected := want
				if want == "" {
					expected = now
				}
				if got := a.decide(pointsOf(tt.row), now); got != expected {
					t.Errorf("%d of 3, %s, %s, now %s: %s, want %s", tt.m, tt.row, treat, now, got, expected)
				}
			}
		}
	}
}

func TestFewSamplesKeepTheState(t *testing.T) {
	for _, tt := range []struct {
		row    string
		ignore bool
		want   State
	}{
		{"? ?", false, Alarm},
		{"? ?", true, OK},
		{"X ?", true, OK},
		{"? X X", true, Alarm}, // the one with few is beyond the two looked at
	} {
		a := &metricAlarm{n: 2, m: 2, treat: "missing", ignoreFew: tt.ignore, breaches: func(v float64) bool { return v > 0 }}
		if got := a.decide(pointsOf(tt.row), OK); got != tt.want {
			t.Errorf("%s, ignore %v: %s, want %s", tt.row, tt.ignore, got, tt.want)
		}
	}
}

func TestStatistics(t *testing.T) {
	observations := []observation{{30, 1}, {10, 98}, {20, 1}} // 100 samples
	for name, want := range map[string]float64{
		"Average": 10.3, "SampleCount": 100, "Sum": 1030, "Minimum": 10, "Maximum": 30, "p50": 10, "p98": 10, "p99": 20, "p99.9": 30,
	} {
		stat, err := parseStatistic(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := stat(observations); got.value != want || !got.known {
			t.Errorf("%s = %v, want %v", name, got.value, want)
		}
	}
	for _, name := range []string{"", "p0", "p100", "tm90", "IQM", "P95", "average"} {
		if _, err := parseStatistic(name); err == nil {
			t.Errorf("the statistic %q is taken", name)
		}
	}
}

// p95 needs 200 samples, p50 20, p10 100.
func TestFewSamples(t *testing.T) {
	for _, tt := range []struct {
		p     float64
		count float64
		few   bool
	}{{0.95, 199, true}, {0.95, 200, false}, {0.5, 19, true}, {0.5, 20, false}, {0.1, 99, true}, {0.1, 100, false}} {
		if got := percentile([]observation{{1, tt.count}}, tt.p).few; got != tt.few {
			t.Errorf("p%v of %v samples: few %v", 100*tt.p, tt.count, got)
		}
	}
}
