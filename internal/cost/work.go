package cost

import (
	"time"

	"rollcall/internal/metric"
	"rollcall/internal/plan"
)

const (
	hours    = 730           // in a month, as AWS's own calculator has it
	gigabyte = 1_000_000_000 // bytes
)

// What is assumed of a run. The first three were measured on loopback, the
// rest is a guess that a reader can judge; docs/cost.md repeats them.
const (
	checkCPU   = 500 * time.Microsecond // of one whole virtual CPU, a check
	bytesOut   = 1500                   // a check sends: handshakes and request, without a body
	logBytes   = 1500                   // a run logs while nothing is down: its summary, and Lambda's own three lines
	bytesIn    = 20_000                 // a check receives
	overhead   = 200 * time.Millisecond // a run takes beside its checks, mostly to publish
	emfBytes   = 300                    // a datum in the log
	inFlight   = 840                    // checks at once, of 1,024 descriptors
	dnsRate    = 900                    // names a second
	wholeCPU   = 1769                   // MB of memory that are one virtual CPU
	datums     = 1000                   // a request
	retained   = 30 * 24                // hours for which logs are kept
	manySeries = 500                    // that one Metrics Insights alarm sees
	mostGroups = 50                     // that a plan may have
)

// A Use says how a plan is to be run.
type Use struct {
	Every   time.Duration // from one run to the next; > 0
	Profile metric.Profile
	Limit   int           // how many targets, from the first on, have metrics of their own
	Memory  int           // MB; > 0
	X86     bool          // x86_64 instead of arm64
	VPC     bool          // out by a NAT gateway
	Answer  time.Duration // what a target takes to respond, on average
}

// work is what a plan gives a run to do.
type work struct {
	Use
	census  metric.Census
	checked int // targets that are no invalid_target
	hosts   int
	bodies  int // bytes of all request bodies
}

func workOf(p *plan.Plan, u Use) work {
	w := work{Use: u}
	hosts, groups, secure := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i := range p.Targets {
		t := &p.Targets[i]
		if t.Invalid != "" {
			continue
		}
		w.checked++
		w.bodies += len(t.Body)
		hosts[t.URL.Hostname()], groups[t.Group] = true, true
		tls := t.URL.Scheme == "https"
		if tls {
			secure[t.Group] = true
		}
		if i < u.Limit {
			w.census.Targets++
			if tls {
				w.census.Secure++
			}
		}
	}
	w.hosts, w.census.Groups, w.census.SecureGroups = len(hosts), len(groups), len(secure)
	return w
}

// monthly is what a run has, in a month, in a unit that is so much of it.
func (w work) monthly(perRun, unit int) Quantity {
	return Quantity(hours*time.Hour) / Quantity(w.Every) * Quantity(perRun) / Quantity(unit)
}

// requests are how many PutMetricData a run makes: full ones and a last one of
// the targets and groups, then one of what the run says of itself, then one
// that it has ended.
func (w work) requests(series int) int {
	const itself = 2
	return (series-w.Profile.Count(metric.Census{})+datums-1)/datums + itself
}

// duration is what a run takes: as long as what binds it, which is the CPU, the
// places for checks, or the pace of lookups.
func (w work) duration() time.Duration {
	n := time.Duration(w.checked)
	if n == 0 {
		return overhead
	}
	cpu := n * checkCPU * max(wholeCPU, time.Duration(w.Memory)) / time.Duration(w.Memory)
	lookups := time.Duration(w.hosts) * time.Second / dnsRate
	return (max(cpu, n*w.Answer/inFlight, lookups) + w.Answer + overhead).Round(time.Millisecond)
}
