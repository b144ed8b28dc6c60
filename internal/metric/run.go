package metric

import (
	"time"

	"rollcall/internal/check"
)

// A Run is what a run has to say of itself.
type Run struct {
	Checked        int // targets that have a verdict
	NotChecked     int // targets that have none
	WithoutMetrics int // targets beyond the limit of series

	Duration      time.Duration
	ScheduleDelay time.Duration // check.Absent without a schedule; less than 0 counts as 0

	LocalDelays []time.Duration // one for each target that was checked, in any order
	Healthy     bool            // no fault of the monitor's own
	Lost        int             // datums that went neither way
	ByLog       int             // datums that went by the log
}

// Datums returns the run's own metrics, all at that time.
func (r Run) Datums(at time.Time) []Datum {
	m := maker{at: at}
	m.count(targetsChecked, r.Checked)
	m.count(targetsNotChecked, r.NotChecked)
	m.count(targetsWithoutMetrics, r.WithoutMetrics)
	m.add(runDuration, overAll, "", milliseconds(r.Duration))
	if r.ScheduleDelay != check.Absent {
		m.add(scheduleDelay, overAll, "", milliseconds(r.ScheduleDelay))
	}
	delays := map[float64]int{}
	for _, d := range r.LocalDelays {
		delays[rounded(milliseconds(d))]++
	}
	m.distribution(localDelay, overAll, "", delays)
	healthy := 0.0
	if r.Healthy {
		healthy = 1
	}
	m.add(monitorHealthy, overAll, "", healthy)
	m.count(metricsLost, r.Lost)
	m.count(metricsByLog, r.ByLog)
	return m.datums
}

func (m *maker) count(r row, n int) { m.add(r, overAll, "", float64(n)) }

// Completed says that a run has come to its end. It is published after every
// other datum of the run has gone its way.
func Completed(at time.Time) Datum { return once(runCompleted, at) }

// Stale says that the event came too late to be worth a run.
func Stale(at time.Time) Datum { return once(staleEvent, at) }

// InvalidEvent says that the event was no valid one.
func InvalidEvent(at time.Time) Datum { return once(invalidEvent, at) }

func once(r row, at time.Time) Datum {
	m := maker{at: at}
	m.count(r, 1)
	return m.datums[0]
}
