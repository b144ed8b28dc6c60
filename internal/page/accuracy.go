package page

import (
	"fmt"
	"time"

	"rollcall/internal/text"
)

// An accuracy is how the durations were measured, and how far they can be
// trusted.
type accuracy struct {
	Clock       string // a sentence
	Measured    int    // results that have a duration
	Unsure      int
	Uncertainty []quantile // of durations
	Delay       []quantile // the monitor's own, which no duration has in it
}

// A quantile is a figure of a distribution.
type quantile struct {
	Label string
	Value string // milliseconds
}

// Accuracy is nil if nothing was measured.
func (v *view) Accuracy() *accuracy {
	sorted := v.durations.uncertainty
	if len(sorted) == 0 {
		return nil
	}
	a := &accuracy{Measured: len(sorted), Unsure: v.durations.unsure}
	a.Uncertainty = quantiles(text.Percentile(sorted, 50), text.Percentile(sorted, 99), sorted[len(sorted)-1])
	if d := v.LocalDelay; d != nil {
		a.Delay = quantiles(time.Duration(d.P50), time.Duration(d.P99), time.Duration(d.Max))
	}
	switch kernel, process := v.Clock.Kernel, v.Clock.Process; {
	case process == 0:
		a.Clock = "All of them were measured by the kernel’s clock: a phase ends when the kernel received the response, however late this program read it."
	case kernel == 0:
		a.Clock = "All of them were measured by this program’s own clock, which counts its own lateness as the target’s: the kernel’s clock was not available."
	default:
		a.Clock = fmt.Sprintf("%s were measured by the kernel’s clock, which ends a phase when the kernel received the response; %s by this program’s own, "+
			"which counts its own lateness as the target’s (where a connection failed, there is no other).", text.Count(kernel), text.Count(process))
	}
	return a
}

func quantiles(p50, p99, longest time.Duration) []quantile {
	return []quantile{{"p50", text.Milliseconds(p50, 2)}, {"p99", text.Milliseconds(p99, 2)}, {"max", text.Milliseconds(longest, 2)}}
}
