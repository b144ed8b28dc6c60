package text

import (
	"slices"
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	const ms = time.Millisecond
	for d, want := range map[time.Duration]string{
		0: "0 ms", 40 * time.Microsecond: "0 ms", 60 * time.Microsecond: "0.1 ms", 5 * ms: "5 ms", 5300 * time.Microsecond: "5.3 ms",
		42840 * time.Microsecond: "42.8 ms", 99960 * time.Microsecond: "100 ms", 142800 * time.Microsecond: "143 ms", 999400 * time.Microsecond: "999 ms",
		999600 * time.Microsecond: "1 s", 1907500 * time.Microsecond: "1.9 s", 10 * time.Second: "10 s", 22462600 * time.Microsecond: "22.5 s",
		119 * time.Second: "119 s", 119960 * ms: "2 min", 138 * time.Second: "2 min 18 s", 3 * time.Hour: "180 min", -5 * ms: "-5 ms",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestScale(t *testing.T) {
	const ms = time.Millisecond
	hundred := slices.Repeat([]time.Duration{90 * ms}, 100)
	for _, test := range []struct {
		sorted []time.Duration
		want   time.Duration
	}{
		{nil, time.Second},
		{[]time.Duration{0}, ms},
		{[]time.Duration{ms}, ms},
		{[]time.Duration{1001 * time.Microsecond}, 1500 * time.Microsecond},
		{[]time.Duration{90 * ms, 200 * ms}, 200 * ms},
		{[]time.Duration{90 * ms, 201 * ms}, 300 * ms},
		{append(slices.Clone(hundred), 10*time.Second), 300 * ms},
		{append(slices.Clone(hundred), 220*ms), 300 * ms},
	} {
		if got := Scale(test.sorted); got != test.want {
			t.Errorf("Scale(… %v) = %v, want %v", test.sorted[max(0, len(test.sorted)-1):], got, test.want)
		}
	}
}
