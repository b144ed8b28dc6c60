package page

import (
	"fmt"
	"time"
)

// A truth is how the durations were measured, and how far they can be trusted.
type truth struct {
	Clock       string // a sentence
	Measured    int    // results that have a duration
	Unsure      int
	Uncertainty []quantile // how far off durations can be
	Delay       []quantile // what the monitor itself added
}

// A quantile is a figure of a distribution.
type quantile struct {
	Label string
	Value string // milliseconds
}

// Truth is nil if nothing was measured.
func (v *view) Truth() *truth {
	sorted := v.measure.uncertainty
	if len(sorted) == 0 {
		return nil
	}
	t := &truth{Clock: clockSentence(v.Clock.Kernel, v.Clock.Process), Measured: len(sorted), Unsure: v.measure.unsure}
	t.Uncertainty = quantiles(percentile(sorted, 50), percentile(sorted, 99), sorted[len(sorted)-1])
	if d := v.LocalDelay; d != nil {
		t.Delay = quantiles(time.Duration(d.P50), time.Duration(d.P99), time.Duration(d.Max))
	}
	return t
}

func quantiles(p50, p99, longest time.Duration) []quantile {
	return []quantile{{"p50", fine(p50)}, {"p99", fine(p99)}, {"max", fine(longest)}}
}

// clockSentence says which clocks there were.
func clockSentence(kernel, process int) string {
	switch {
	case process == 0:
		return "All of them were measured by the kernel’s clock: a phase ends when the kernel received the answer, however late this program got round to reading it."
	case kernel == 0:
		return "All of them were measured by this program’s own clock, which counts its own lateness as the target’s: the kernel’s clock was not to be had."
	}
	return fmt.Sprintf("%s were measured by the kernel’s clock, which ends a phase when the kernel received the answer; %s by this program’s own, "+
		"which counts its own lateness as the target’s (where a connection failed, there is no other).", count(kernel), count(process))
}
