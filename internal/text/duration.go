package text

import (
	"strconv"
	"strings"
	"time"
)

// Duration writes a duration as people say it: "0.4 ms", "43 ms", "1.9 s",
// "2 min 18 s". What is shorter than half a tenth of a millisecond is "0 ms".
func Duration(d time.Duration) string {
	switch rounded := d.Round(100 * time.Microsecond); {
	case d < 0:
		return "-" + Duration(-d)
	case rounded < 100*time.Millisecond:
		return short(rounded.Seconds()*1000) + " ms"
	case d.Round(time.Millisecond) < time.Second:
		return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + " ms"
	}
	if rounded := d.Round(100 * time.Millisecond); rounded < 2*time.Minute {
		return short(rounded.Seconds()) + " s"
	}
	d = d.Round(time.Second)
	minutes := Count(int(d/time.Minute)) + " min"
	if seconds := d % time.Minute / time.Second; seconds > 0 {
		return minutes + " " + strconv.Itoa(int(seconds)) + " s"
	}
	return minutes
}

// short is a number with one decimal, or none where that is 0.
func short(n float64) string { return strings.TrimSuffix(strconv.FormatFloat(n, 'f', 1, 64), ".0") }

// Scale is what a bar of full width stands for: a round number that is as long
// as the longest of the sorted durations, unless that is more than three times
// as long as three quarters of them; a second if there are none.
func Scale(sorted []time.Duration) time.Duration {
	if len(sorted) == 0 {
		return time.Second
	}
	longest := min(sorted[len(sorted)-1], 3*Percentile(sorted, 75))
	for unit := time.Millisecond; ; unit *= 10 {
		for _, tenths := range []time.Duration{10, 15, 20, 30, 40, 50, 60, 80} {
			if scale := unit / 10 * tenths; scale >= longest {
				return scale
			}
		}
	}
}
