package cost

import (
	"math/big"
	"time"

	"rollcall/internal/metric"
	"rollcall/internal/plan"
)

// hours are in a month, as AWS's own calculator has it.
const hours = 730

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
	Limit   int           // the first so many targets have metrics of their own
	Memory  int           // MB; > 0
	X86     bool          // x86_64 instead of arm64
	VPC     bool          // out by a NAT gateway
	Answer  time.Duration // what a target takes to answer, on average
}

// work is what a plan gives a run to do.
type work struct {
	Use
	census  metric.Census
	checked int // targets that are no invalid_target
	hosts   int
	bodies  int64 // bytes of all request bodies
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
		w.bodies += int64(len(t.Body))
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

// runs are how many there are in a month.
func (w work) runs() *big.Rat { return big.NewRat(int64(hours*time.Hour), int64(w.Every)) }

// monthly is so many a run, in a month.
func (w work) monthly(perRun int64) *big.Rat { return product(w.runs(), big.NewRat(perRun, 1)) }

// gigabytes is so many bytes a run, in a month. A GB is 10⁹ bytes.
func (w work) gigabytes(perRun int64) *big.Rat { return product(w.runs(), big.NewRat(perRun, 1e9)) }

func (w work) series() int64 { return int64(w.Profile.Count(w.census)) }

// metricMonths is what the series are billed for: the hours in which they have
// data. A run falls into one hour.
func (w work) metricMonths() *big.Rat {
	inUse := w.runs()
	if all := big.NewRat(hours, 1); inUse.Cmp(all) > 0 {
		inUse = all
	}
	return product(inUse, big.NewRat(w.series(), hours))
}

// requests are how many PutMetricData a run makes: full ones and a last one of
// the targets and groups, then one of what the run says of itself, then one
// that it has ended.
func (w work) requests() int64 {
	const itself = 2
	nothing := int64(w.Profile.Count(metric.Census{}))
	return (w.series()-nothing+datums-1)/datums + itself
}

// Duration is what a run takes: as long as what binds it, which is the CPU, the
// places for checks, or the pace of look-ups.
func (w work) duration() time.Duration {
	n := time.Duration(w.checked)
	if n == 0 {
		return overhead
	}
	cpu := n * checkCPU * max(wholeCPU, time.Duration(w.Memory)) / time.Duration(w.Memory)
	lookups := time.Duration(w.hosts) * time.Second / dnsRate
	return (max(cpu, n*w.Answer/inFlight, lookups) + w.Answer + overhead).Round(time.Millisecond)
}

// gigabyteSeconds is what Lambda bills a month's runs for.
func (w work) gigabyteSeconds() *big.Rat {
	return product(w.runs(), big.NewRat(w.duration().Milliseconds()*int64(w.Memory), 1000*1024))
}

func (w work) sent() int64     { return bytesOut*int64(w.checked) + w.bodies }
func (w work) received() int64 { return bytesIn * int64(w.checked) }

func product(a, b *big.Rat) *big.Rat { return new(big.Rat).Mul(a, b) }

func whole(n int) *big.Rat { return big.NewRat(int64(n), 1) }
