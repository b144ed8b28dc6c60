package metric

import (
	"fmt"
	"math"
	"slices"
	"time"

	"rollcall/internal/check"
)

// A Profile says how many series a run publishes.
type Profile string

// The profiles, from the cheapest on. Each has all that the one before has.
const (
	ProfileGroup  Profile = "group"  // aggregates only: costs the same for ten targets and for 100,000
	ProfileTarget Profile = "target" // and Up and Duration of each target
	ProfilePhases Profile = "phases" // and the phases and the certificate of each target
)

// Profiles returns the profiles, the cheapest first.
func Profiles() []Profile { return []Profile{ProfileGroup, ProfileTarget, ProfilePhases} }

// ParseProfile reads a profile's name.
func ParseProfile(s string) (Profile, error) {
	if p := Profile(s); slices.Contains(Profiles(), p) {
		return p, nil
	}
	return "", fmt.Errorf("%q is not a profile of metrics: use group, target or phases", s)
}

// A Definition says what a metric is.
type Definition struct {
	Name string
	Unit Unit

	// Dimensions holds one entry for each kind of series: the name of its
	// one dimension, or "" for the series over all, which has none.
	Dimensions []string

	// Profiles publish the metric in every run. It is nil for what a run
	// publishes instead of everything else.
	Profiles []Profile

	Meaning string // one line
}

// Table returns every metric of Rollcall, in the order of the documentation.
// A name stands in two rows where profiles differ by dimension.
func Table() []Definition {
	var all []Definition
	for _, r := range table {
		d := r.Definition
		d.Dimensions, d.Profiles = slices.Clone(d.Dimensions), slices.Clone(d.Profiles)
		all = append(all, d)
	}
	return all
}

// The names of dimensions; "" is the series over all.
const (
	byTarget = "Target"
	byGroup  = "Group"
	byReason = "Reason"
	overAll  = ""
)

// A row is a metric and where its values come from. A row is all that a new
// metric takes.
type row struct {
	Definition

	// value is what a result that was checked contributes, if anything; fold
	// makes one series of what many contribute. Both or, by target, value alone.
	value func(*check.Result) (float64, bool)
	fold  fold

	// run is what a run says of itself: a value, or the values of a
	// distribution; none: nothing.
	run func(*Run) Distribution

	verdict bool // it judges targets, and is left out when the monitor has no network
	secure  bool // only targets with https have it
	checks  bool // a run has it only if a target was checked
}

// table is never changed; Table hands out copies.
var table = []row{
	{Definition: Definition{"Up", None, perTarget(), withTargets(), "1 when the target is up or degraded, 0 when it is down"}, value: up, verdict: true},
	{Definition: Definition{"Duration", Milliseconds, perTarget(), withTargets(), "what the network and the target took for a complete response"}, value: latency},
	{Definition: Definition{"DNSTime", Milliseconds, perTarget(), withPhases(), "the lookup of a complete response"},
		value: func(r *check.Result) (float64, bool) { return taken(r, r.Phases.DNS) }},
	{Definition: Definition{"ConnectTime", Milliseconds, perTarget(), withPhases(), "the TCP handshake of a complete response"},
		value: func(r *check.Result) (float64, bool) { return taken(r, r.Phases.Connect) }},
	{Definition: Definition{"TLSTime", Milliseconds, perTarget(), withPhases(), "the TLS handshake of a complete response"},
		value: func(r *check.Result) (float64, bool) { return taken(r, r.Phases.TLS) }, secure: true},
	{Definition: Definition{"FirstByteTime", Milliseconds, perTarget(), withPhases(), "from the request written to the first byte of a complete response"},
		value: func(r *check.Result) (float64, bool) { return taken(r, r.Phases.FirstByte) }},
	{Definition: Definition{"TransferTime", Milliseconds, perTarget(), withPhases(), "from the first byte of a complete response to its last"},
		value: func(r *check.Result) (float64, bool) { return taken(r, r.Phases.Transfer) }},
	{Definition: Definition{"CertificateDaysLeft", None, perTarget(), withPhases(), "days until the target's certificate expires; negative when it has"}, value: daysLeft, secure: true},

	{Definition: Definition{"Up", None, perGroup(), Profiles(), "the distribution of Up over the targets"}, value: up, fold: distribution, verdict: true},
	{Definition: Definition{"Duration", Milliseconds, perGroup(), Profiles(), "the distribution of Duration over the targets"}, value: latency, fold: distribution},
	{Definition: Definition{"CertificateDaysLeft", None, perGroup(), Profiles(), "the fewest days left of any target's certificate"}, value: daysLeft, fold: fewest, secure: true},
	{Definition: Definition{"Degraded", Count, perGroup(), Profiles(), "how many targets are degraded: up, but a warn expression failed"},
		value: func(r *check.Result) (float64, bool) { return number(r.State == check.Degraded), true }, fold: sum, verdict: true},
	{Definition: Definition{"Down", Count, perGroup(), Profiles(), "how many targets are down"},
		value: func(r *check.Result) (float64, bool) { return number(r.State == check.Down), true }, fold: sum, verdict: true},
	{Definition: Definition{"Flaky", Count, perGroup(), Profiles(), "how many targets are up after a failed attempt"},
		value: func(r *check.Result) (float64, bool) { return number(r.Flaky), true }, fold: sum, verdict: true},
	{Definition: Definition{"Failures", Count, []string{byReason}, Profiles(), "how many targets are down for that reason; only reasons that occurred"},
		value: func(r *check.Result) (float64, bool) { return 1, r.State == check.Down }, fold: sum, verdict: true},

	{Definition: Definition{"TargetsChecked", Count, perRun(), Profiles(), "how many targets have a verdict"},
		run: func(r *Run) Distribution { return one(float64(r.Checked)) }},
	{Definition: Definition{"TargetsNotChecked", Count, perRun(), Profiles(), "how many targets have none"},
		run: func(r *Run) Distribution { return one(float64(r.Targets - r.Checked)) }},
	{Definition: Definition{"TargetsWithoutMetrics", Count, perRun(), Profiles(), "how many targets are beyond the limit of series and show in groups only"},
		run: func(r *Run) Distribution {
			if r.Profile == ProfileGroup {
				return one(0)
			}
			return one(float64(max(0, r.Targets-r.Limit)))
		}},
	{Definition: Definition{"RunDuration", Milliseconds, perRun(), Profiles(), "how long the run took"},
		run: func(r *Run) Distribution { return one(milliseconds(r.Duration)) }},
	{Definition: Definition{"ScheduleDelay", Milliseconds, perRun(), Profiles(), "how long after its scheduled time the run started; absent without a schedule"},
		run: func(r *Run) Distribution {
			if r.Scheduled.IsZero() {
				return nil
			}
			return one(milliseconds(r.Started.Sub(r.Scheduled)))
		}},
	{Definition: Definition{"LocalDelay", Milliseconds, perRun(), Profiles(), "the distribution of what the monitor itself added to its checks"},
		run: func(r *Run) Distribution { return r.Delays }, checks: true},
	{Definition: Definition{"MonitorHealthy", None, perRun(), Profiles(), "1 when the monitor could do its work, 0 when not"},
		run: func(r *Run) Distribution { return one(number(r.Healthy)) }},
	{Definition: Definition{"MetricsLost", Count, perRun(), Profiles(), "how many datums neither CloudWatch nor the log took"},
		run: func(r *Run) Distribution { return one(float64(r.Delivered.Lost)) }},
	{Definition: Definition{"MetricsByLog", Count, perRun(), Profiles(), "how many datums fell back to EMF in the log, as CloudWatch did not take them"},
		run: func(r *Run) Distribution { return one(float64(r.Delivered.EMF)) }},

	{Definition: Definition{"UpShare", None, perRun(), Profiles(), "the share of all targets with a verdict that are up or degraded, those under maintenance left out"},
		run: (*Run).upShare, checks: true},
	{Definition: Definition{"HistoryFailed", None, perRun(), Profiles(), "1 when what is known could not be read or written, 0 when it was; only of runs that are remembered"},
		run: remembered(func(m *Memory) float64 { return number(m.Failed) })},
	{Definition: Definition{"MessagesUntold", Count, perRun(), Profiles(), "how many changes have waited for more than ten minutes to be told; only of runs that are remembered"},
		run: remembered(func(m *Memory) float64 { return float64(m.Untold) })},
	{Definition: Definition{"MessagesLost", Count, perRun(), Profiles(), "how many messages were refused as invalid, also in the plainest form; only of runs that are remembered"},
		run: remembered(func(m *Memory) float64 { return float64(m.Lost) })},

	{Definition: Definition{invalidEvent, Count, perRun(), nil, "1 when the event was invalid and no targets were checked"}},
	{Definition: Definition{staleEvent, Count, perRun(), nil, "1 when the event came too late and no targets were checked"}},
	{Definition: Definition{runCompleted, Count, perRun(), Profiles(), "1 when the run is complete; published last"}},
}

// The metrics that are published by themselves.
const (
	invalidEvent = "InvalidEvent"
	staleEvent   = "StaleEvent"
	runCompleted = "RunCompleted"
)

func perTarget() []string { return []string{byTarget} }
func perGroup() []string  { return []string{byGroup, overAll} }
func perRun() []string    { return []string{overAll} }

func withTargets() []Profile { return []Profile{ProfileTarget, ProfilePhases} }
func withPhases() []Profile  { return []Profile{ProfilePhases} }

// remembered is a value of a run that is remembered.
func remembered(value func(*Memory) float64) func(*Run) Distribution {
	return func(r *Run) Distribution {
		if r.Memory == nil {
			return nil
		}
		if v := value(r.Memory); v >= 0 { // else it is not known
			return one(v)
		}
		return nil
	}
}

// up is the value of Up for a result that was checked.
func up(r *check.Result) (float64, bool) { return number(r.State != check.Down), true }

// latency is there for a complete response only, whatever its status: the time
// to a refusal or a timeout says nothing of the target's speed.
func latency(r *check.Result) (float64, bool) { return taken(r, r.Duration) }

func taken(r *check.Result, d time.Duration) (float64, bool) {
	return milliseconds(d), r.Complete && d != check.Absent
}

// daysLeft counts whether or not the certificate was accepted.
func daysLeft(r *check.Result) (float64, bool) {
	if r.Certificate == nil || math.IsNaN(r.Certificate.DaysLeft) {
		return 0, false
	}
	return r.Certificate.DaysLeft, true
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// A Census says what a run has series of.
type Census struct {
	Targets      int // that are checked and have metrics of their own
	Secure       int // of those, which have an https URL
	Groups       int // that have a target which is checked
	SecureGroups int // of those, which have one with an https URL
	Reasons      int // for which something is down
}

// Count returns how many series a run that a schedule started publishes, if
// every target gives a complete response. What is redirected from http to https
// counts as http: it has two series more in the profile phases.
func (p Profile) Count(c Census) int {
	total := 0
	for i := range table {
		r := &table[i]
		if !slices.Contains(r.Profiles, p) {
			continue
		}
		targets, groups := c.Targets, c.Groups
		if r.secure {
			targets, groups = c.Secure, c.SecureGroups
		}
		for _, dimension := range r.Dimensions {
			switch {
			case dimension == byTarget:
				total += targets
			case dimension == byGroup:
				total += groups
			case dimension == byReason:
				total += c.Reasons
			case r.value != nil || r.checks:
				total += min(groups, 1)
			default:
				total++
			}
		}
	}
	return total
}
