package probe

import (
	"net/netip"

	"rollcall/internal/check"
)

// A leg is a hop of an attempt that has ended, with what the phases of all hops
// had taken by then.
type leg struct {
	check.Leg
	time timeline
}

// endLeg notes a hop that ended with err, where legs are wanted.
func (a *attempt) endLeg(h *hop, err error) {
	if !a.p.options.Legs {
		return
	}
	l := leg{check.Leg{URL: a.t.RedactedURL}, a.time}
	if h.count > 0 {
		l.URL = a.shownURL(h.url)
	}
	if err == nil {
		l.IP, l.HTTP, l.Status = a.res.IP, a.res.HTTP, a.res.Status
		if a.hostHidden() {
			l.IP = netip.Addr{}
		}
	}
	a.legs = append(a.legs, l)
}

// fillLegs puts the legs into the result, unless there is only one. Their phases
// add up to the result's.
func (a *attempt) fillLegs() {
	var before check.Phases // the sum of the legs before
	for i, l := range a.legs {
		sum := a.res.Phases
		if last := i == len(a.legs)-1; !last {
			sum = l.time.measured(a.res.Clock)
		}
		l.Phases = check.NoPhases()
		for phase := check.DNS; phase <= check.Transfer; phase++ {
			if took := *sum.At(phase) - *before.At(phase); *sum.At(phase) != check.Absent && took > 0 {
				*l.Phases.At(phase) = took
				*before.At(phase) += took
			}
		}
		if len(a.legs) > 1 {
			a.res.Legs = append(a.res.Legs, l.Leg)
		}
	}
}
