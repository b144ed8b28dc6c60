package metric

import (
	"time"

	"rollcall/internal/check"
)

// A Run is what the run's own metrics are made of.
type Run struct {
	Profile Profile
	Limit   int // how many targets, from the first on, have metrics of their own

	Scheduled time.Time // zero: without a schedule
	Started   time.Time
	Duration  time.Duration

	Results   []check.Result   // of every target
	Healthy   bool             // no fault of the monitor's own
	Blind     bool             // the monitor has no network
	Quiet     func(i int) bool // whether a result's target is under maintenance; nil: none is
	Memory    *Memory          // of a run that is remembered; nil: it is not
	Delivered DeliveryStats    // so far
}

// A Memory is what became of the history and its messages in a run.
type Memory struct {
	Failed bool // the history was not written
	Untold int  // changes that have waited for more than ten minutes; negative: not known
	Lost   int  // messages that were refused as invalid
}

// upShare is the share of the targets with a verdict that are not down, those under
// maintenance left out; nothing where there is none, or no network.
func (r *Run) upShare() []float64 {
	up, all := 0, 0
	for i := range r.Results {
		if r.Blind || !r.Results[i].Checked() || r.Quiet != nil && r.Quiet(i) {
			continue
		}
		all++
		if r.Results[i].State != check.Down {
			up++
		}
	}
	if all == 0 {
		return nil
	}
	return []float64{float64(up) / float64(all)}
}

// Datums returns the run's own metrics, all at that time.
func (r *Run) Datums(at time.Time) []Datum {
	m := maker{at: at}
	for i := range table {
		if table[i].run == nil {
			continue
		}
		counts := map[float64]int{}
		for _, v := range table[i].run(r) {
			counts[v]++
		}
		m.distribution(&table[i], Dimension{}, counts)
	}
	return m.datums
}

func (r *Run) checked() (n int) {
	for i := range r.Results {
		if r.Results[i].Checked() {
			n++
		}
	}
	return n
}

func (r *Run) localDelays() (delays []float64) {
	for i := range r.Results {
		if r.Results[i].Checked() {
			delays = append(delays, rounded(milliseconds(r.Results[i].LocalDelay)))
		}
	}
	return delays
}

// Completed says that a run is complete. It is published after every other
// datum of the run is accounted for.
func Completed(at time.Time) Datum { return single(runCompleted, at) }

// Stale says that the event came too late to be worth a run.
func Stale(at time.Time) Datum { return single(staleEvent, at) }

// InvalidEvent says that the event was not valid.
func InvalidEvent(at time.Time) Datum { return single(invalidEvent, at) }

func single(name string, at time.Time) Datum {
	m := maker{at: at}
	for i := range table {
		if table[i].Name == name {
			m.plain(&table[i], Dimension{}, 1)
		}
	}
	return m.datums[0]
}
