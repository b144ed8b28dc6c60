// Package cost says what a plan costs a month, item by item, before anything
// is deployed: a calculation from a list of prices and from a few assumptions,
// all of which stand here and are shown with the result. It is pure.
//
// How many series a run publishes is package metric's to say.
package cost

import (
	"cmp"
	"slices"
	"time"

	"rollcall/internal/metric"
	"rollcall/internal/plan"
)

// What is assumed of a month and a run. checkCPU, bytesOut and logBytes were
// measured on loopback, the rest is a guess that a reader can judge;
// docs/cost.md repeats them.
const (
	hours      = 730                    // a month has, as AWS's own calculator has it
	gigabyte   = 1_000_000_000          // bytes
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
	Every        time.Duration // from one run to the next; > 0
	Profile      metric.Profile
	Limit        int           // how many targets, from the first on, have metrics of their own
	Memory       int           // MB; > 0
	X86          bool          // x86_64 instead of arm64
	VPC          bool          // out by a NAT gateway
	ResponseTime time.Duration // what a target takes to respond, on average
}

// Parts are what a stack has beside its function that costs by the month.
type Parts struct {
	Alarms     int // metrics that plain alarms look at
	Composites int
	Dashboards int
}

// Deployed is what template.yaml deploys by default; a test compares the two.
func Deployed() Parts { return Parts{Alarms: 16, Dashboards: 1} }

// A Bill is a month's.
type Bill struct {
	Name       string // of one of several ways to have targets watched
	Items      []Item
	USD        Money         // at list prices
	BeyondFree Money         // if the account's free allowance is all for this
	Targets    int           // that can be checked
	Series     int           // that a run publishes
	Runs       Quantity      // a month
	Duration   time.Duration // of a run, as assumed
	EMF        Money         // what the EMF fallback would cost more, if CloudWatch took no metrics all month
}

// An Item is one line of a bill.
type Item struct {
	Name            string
	Quantity        Quantity // a month
	Unit            string
	USD, BeyondFree Money // as a Bill's
}

func (b *Bill) add(p price, q Quantity) {
	i := Item{p.name, q, p.unit, p.of(q), p.of(max(q-p.free, 0))}
	b.Items = append(b.Items, i)
	b.USD += i.USD
	b.BeyondFree += i.BeyondFree
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
		https, own := t.URL.Scheme == "https", i < u.Limit
		w.checked++
		w.bodies += len(t.Body)
		hosts[t.URL.Hostname()], groups[t.Group] = true, true
		if https {
			secure[t.Group] = true
		}
		if own {
			w.census.Targets++
		}
		if own && https {
			w.census.Secure++
		}
	}
	w.hosts, w.census.Groups, w.census.SecureGroups = len(hosts), len(groups), len(secure)
	return w
}

// monthly is what a run has, in a month, in a unit that is so much of it.
func (w work) monthly(perRun, unit int) Quantity {
	return Quantity(hours*time.Hour) / Quantity(w.Every) * Quantity(perRun) / Quantity(unit)
}

// Estimate returns a month's bill of a plan, while nothing is down. Targets
// that can't be checked cost nothing.
func Estimate(p *plan.Plan, u Use) Bill { return workOf(p, u).bill("", Deployed()) }

func (w work) bill(name string, parts Parts) Bill {
	b := Bill{Name: name, Targets: w.checked, Series: w.Profile.Count(w.census), Runs: w.monthly(1, 1)}
	b.EMF = emf.of(w.monthly(b.Series*emfBytes, gigabyte))
	// A run falls into one hour, and a metric is billed for the hours in which it has data.
	b.add(metrics, min(b.Runs, hours)*Quantity(b.Series)/hours)
	// Full requests and a last one of targets and groups, one of what the run
	// says of itself, and one that it is complete.
	shared := b.Series - w.Profile.Count(metric.Census{})
	b.add(requests, w.monthly((shared+datums-1)/datums+2, 1))
	b.add(alarms, Quantity(parts.Alarms))
	b.add(composites, Quantity(parts.Composites))
	b.add(dashboards, Quantity(parts.Dashboards))
	logged := w.monthly(logBytes, gigabyte)
	b.add(logs, logged)
	b.add(logsKept, logged*retained/hours)
	b.add(emf, 0) // CloudWatch takes the metrics
	b.add(calls, b.Runs)
	b.Duration = overhead
	if n := time.Duration(w.checked); n > 0 { // what binds a run is the CPU, the places for checks, or the pace of lookups
		cpu := n * checkCPU * max(wholeCPU, time.Duration(w.Memory)) / time.Duration(w.Memory)
		slowest := max(cpu, n*w.ResponseTime/inFlight, time.Duration(w.hosts)*time.Second/dnsRate)
		b.Duration = (slowest + w.ResponseTime + overhead).Round(time.Millisecond)
	}
	compute := arm64
	if w.X86 {
		compute = x86
	}
	b.add(compute, w.monthly(int(b.Duration.Milliseconds())*w.Memory, 1000*1024))
	b.add(scheduler, b.Runs)
	sent := bytesOut*w.checked + w.bodies
	b.add(dataOut, w.monthly(sent, gigabyte))
	if w.VPC {
		b.add(natHours, hours)
		b.add(natData, w.monthly(sent+bytesIn*w.checked, gigabyte))
	}
	return b
}

// Profiles returns what each profile would cost, otherwise alike.
func Profiles(p *plan.Plan, u Use) (all []Bill) {
	for _, u.Profile = range metric.Profiles() {
		all = append(all, workOf(p, u).bill(string(u.Profile), Deployed()))
	}
	return all
}

// Paging returns the cheapest form in which each target pages by itself.
func Paging(p *plan.Plan, u Use) Bill {
	u.Limit = len(p.Targets) // who has no metrics can't page
	u.Profile = metric.ProfileTarget
	w := workOf(p, u)
	var forms []Bill
	if w.checked <= manySeries {
		b := w.bill("profile target, one Metrics Insights alarm over all targets", Deployed())
		b.add(insights, Quantity(w.checked))
		forms = append(forms, b)
	}
	each := Deployed()
	each.Alarms += w.checked
	forms = append(forms, w.bill("profile target, an alarm a target", each))
	w.Profile = metric.ProfileGroup
	w.census.Groups, w.census.SecureGroups = w.checked, w.census.Secure
	if w.checked == 1 { // the stack's own alarm will do
		forms = append(forms, w.bill("profile group, the alarm there is: there is one target only", Deployed()))
	} else if 1 < w.checked && w.checked <= mostGroups {
		forms = append(forms, w.bill("profile group, a group and an alarm a target", each))
	}
	return slices.MinFunc(forms, func(a, b Bill) int { return cmp.Compare(a.USD, b.USD) })
}

// Elsewhere returns what AWS's own services cost for the same targets:
// Synthetics at the same interval, without the Lambda runs, storage and logs
// that it bills besides; Route 53, which knows 10 and 30 seconds only, with its
// options for https and for latency.
func Elsewhere(p *plan.Plan, u Use) []Bill {
	u.Limit = len(p.Targets)
	w := workOf(p, u)
	canaries := Bill{Name: "CloudWatch Synthetics, a canary a URL"}
	canaries.add(synthetics, w.monthly(w.checked, 1))
	checks := Bill{Name: "Route 53 health checks, every 30 s"}
	checks.add(route53, Quantity(w.checked))
	checks.add(route53Options, Quantity(w.checked+w.census.Secure))
	return []Bill{canaries, checks}
}
