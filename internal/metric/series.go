package metric

import (
	"time"

	"rollcall/internal/check"
)

// Series returns what the target's own series get from its result, all at
// that time. It is nil for the profile group, and for what was not checked:
// a target that nobody looked at has no data.
//
// Up is there for every verdict. Latency is there for a complete answer only,
// whatever its status: the time to a refusal or a time-out says nothing of
// the target's speed. The certificate counts whether or not it was accepted.
func (p Profile) Series(r *check.Result, at time.Time) []Datum {
	if !r.Checked() || p != ProfileTarget && p != ProfilePhases {
		return nil
	}
	m := maker{at: at}
	m.add(targetUp, byTarget, r.Name, up(r))
	if d, ok := latency(r, r.Duration); ok {
		m.add(targetDuration, byTarget, r.Name, d)
	}
	if p == ProfilePhases {
		m.phases(r)
	}
	return m.datums
}

func (m *maker) phases(r *check.Result) {
	for _, phase := range [...]struct {
		row  row
		took time.Duration
	}{
		{targetDNS, r.Phases.DNS},
		{targetConnect, r.Phases.Connect},
		{targetTLS, r.Phases.TLS},
		{targetFirstByte, r.Phases.FirstByte},
		{targetTransfer, r.Phases.Transfer},
	} {
		if d, ok := latency(r, phase.took); ok {
			m.add(phase.row, byTarget, r.Name, d)
		}
	}
	if r.Certificate != nil {
		m.add(targetCertificate, byTarget, r.Name, r.Certificate.DaysLeft)
	}
}

// up is the value of Up for a result that was checked.
func up(r *check.Result) float64 {
	if r.State == check.Down {
		return 0
	}
	return 1
}

// latency returns d in milliseconds if it means something.
func latency(r *check.Result, d time.Duration) (float64, bool) {
	return milliseconds(d), r.Complete && d != check.Absent
}
