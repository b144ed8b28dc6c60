package metric

import (
	"fmt"
	"slices"
)

// A Profile says how many series a run publishes.
type Profile string

// The profiles, from the cheapest on. Each has all that the one before has.
const (
	ProfileGroup  Profile = "group"  // aggregates only: costs the same for ten targets and for 100,000
	ProfileTarget Profile = "target" // and two series a target
	ProfilePhases Profile = "phases" // and the phases and the certificate of each target: eight series
)

// ParseProfile reads a profile's name.
func ParseProfile(s string) (Profile, error) {
	if p := Profile(s); slices.Contains(everyProfile(), p) {
		return p, nil
	}
	return "", fmt.Errorf("%q is no profile of metrics: it must be group, target or phases", s)
}

// Profiles returns the profiles, the cheapest first.
func Profiles() []Profile { return everyProfile() }

func everyProfile() []Profile { return []Profile{ProfileGroup, ProfileTarget, ProfilePhases} }

// A Definition is one row of the table of metrics.
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
	rows := slices.Clone(table[:])
	for i := range rows {
		rows[i].Dimensions = slices.Clone(rows[i].Dimensions)
		rows[i].Profiles = slices.Clone(rows[i].Profiles)
	}
	return rows
}

// A row is the index of a metric in the table. No datum is made without one.
type row int

const (
	targetUp row = iota
	targetDuration
	targetDNS
	targetConnect
	targetTLS
	targetFirstByte
	targetTransfer
	targetCertificate
	sharedUp
	sharedDuration
	sharedCertificate
	sharedDegraded
	sharedDown
	sharedFlaky
	failures
	targetsChecked
	targetsNotChecked
	targetsWithoutMetrics
	runDuration
	scheduleDelay
	localDelay
	monitorHealthy
	metricsLost
	metricsByLog
	invalidEvent
	staleEvent
	runCompleted
	rows
)

// The names of dimensions; "" is the series over all.
const (
	byTarget = "Target"
	byGroup  = "Group"
	byReason = "Reason"
	overAll  = ""
)

// table is never changed; Table hands out copies.
var table = [rows]Definition{
	targetUp:          {"Up", None, perTarget(), alsoTarget(), "1 when the target is up or degraded, 0 when it is down"},
	targetDuration:    {"Duration", Milliseconds, perTarget(), alsoTarget(), "what the network and the target took for a complete answer"},
	targetDNS:         {"DNSTime", Milliseconds, perTarget(), onlyPhases(), "the look-up of a complete answer"},
	targetConnect:     {"ConnectTime", Milliseconds, perTarget(), onlyPhases(), "the TCP handshake of a complete answer"},
	targetTLS:         {"TLSTime", Milliseconds, perTarget(), onlyPhases(), "the TLS handshake of a complete answer"},
	targetFirstByte:   {"FirstByteTime", Milliseconds, perTarget(), onlyPhases(), "from the request written to the first byte of a complete answer"},
	targetTransfer:    {"TransferTime", Milliseconds, perTarget(), onlyPhases(), "from the first byte of a complete answer to its last"},
	targetCertificate: {"CertificateDaysLeft", None, perTarget(), onlyPhases(), "days until the target's certificate expires; negative when it has"},

	sharedUp:          {"Up", None, perGroup(), everyProfile(), "the distribution of Up over the targets"},
	sharedDuration:    {"Duration", Milliseconds, perGroup(), everyProfile(), "the distribution of Duration over the targets"},
	sharedCertificate: {"CertificateDaysLeft", None, perGroup(), everyProfile(), "the fewest days left of any target's certificate"},
	sharedDegraded:    {"Degraded", Count, perGroup(), everyProfile(), "how many targets are degraded: up, but a warn expression failed"},
	sharedDown:        {"Down", Count, perGroup(), everyProfile(), "how many targets are down"},
	sharedFlaky:       {"Flaky", Count, perGroup(), everyProfile(), "how many targets are up after a failed attempt"},
	failures:          {"Failures", Count, []string{byReason}, everyProfile(), "how many targets are down for that reason; only reasons that occurred"},

	targetsChecked:        {"TargetsChecked", Count, noDimension(), everyProfile(), "how many targets have a verdict"},
	targetsNotChecked:     {"TargetsNotChecked", Count, noDimension(), everyProfile(), "how many targets have none"},
	targetsWithoutMetrics: {"TargetsWithoutMetrics", Count, noDimension(), everyProfile(), "how many targets are beyond the limit of series and show in groups only"},
	runDuration:           {"RunDuration", Milliseconds, noDimension(), everyProfile(), "how long the run took"},
	scheduleDelay:         {"ScheduleDelay", Milliseconds, noDimension(), everyProfile(), "how long after its scheduled time the run started; absent without a schedule"},
	localDelay:            {"LocalDelay", Milliseconds, noDimension(), everyProfile(), "the distribution of what the monitor itself added to its checks"},
	monitorHealthy:        {"MonitorHealthy", None, noDimension(), everyProfile(), "1 when the monitor could do its work, 0 when not"},
	metricsLost:           {"MetricsLost", Count, noDimension(), everyProfile(), "how many datums neither CloudWatch nor the log took"},
	metricsByLog:          {"MetricsByLog", Count, noDimension(), everyProfile(), "how many datums went by the log, as CloudWatch did not take them"},

	invalidEvent: {"InvalidEvent", Count, noDimension(), nil, "1 when the event was invalid and nothing was checked"},
	staleEvent:   {"StaleEvent", Count, noDimension(), nil, "1 when the event came too late and nothing was checked"},
	runCompleted: {"RunCompleted", Count, noDimension(), everyProfile(), "1 when the run has come to its end; published last"},
}

func perTarget() []string   { return []string{byTarget} }
func perGroup() []string    { return []string{byGroup, overAll} }
func noDimension() []string { return []string{overAll} }

func alsoTarget() []Profile { return []Profile{ProfileTarget, ProfilePhases} }
func onlyPhases() []Profile { return []Profile{ProfilePhases} }
