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

	Targets int          // how many there are
	Checked int          // how many have a verdict
	Delays  Distribution // of those, LocalDelay in milliseconds
	Counted int          // of those with a verdict, how many are not under maintenance
	NotDown int          // of those counted

	Healthy   bool          // no fault of the monitor's own
	Blind     bool          // the monitor has no network
	Memory    *Memory       // of a run that is remembered; nil: it is not
	Delivered DeliveryStats // so far
}

// A Memory is what became of the history and its messages in a run.
type Memory struct {
	Failed bool // the history was not written
	Untold int  // changes that have waited for more than ten minutes; negative: not known
	Lost   int  // messages that were refused as invalid
}

// Take counts the result of one target; quiet: it is under maintenance.
func (r *Run) Take(res *check.Result, quiet bool) {
	r.Targets++
	if !res.Checked() {
		return
	}
	r.Checked++
	if r.Delays == nil {
		r.Delays = Distribution{}
	}
	r.Delays.AddTime(res.LocalDelay)
	if !quiet {
		r.Counted++
		if res.State != check.Down {
			r.NotDown++
		}
	}
}

// upShare is the share of the targets with a verdict that are not down, those under
// maintenance left out; nothing where there is none, or no network.
func (r *Run) upShare() Distribution {
	if r.Blind || r.Counted == 0 {
		return nil
	}
	return one(float64(r.NotDown) / float64(r.Counted))
}

// Datums returns the run's own metrics, all at that time.
func (r *Run) Datums(at time.Time) []Datum {
	m := maker{at: at}
	for i := range table {
		if table[i].run == nil {
			continue
		}
		m.distribution(&table[i], Dimension{}, table[i].run(r))
	}
	return m.datums
}

// one is a single value.
func one(v float64) Distribution { return Distribution{v: 1} }

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
