// Package cost says what a plan costs a month, item by item, before anything
// is deployed: a calculation from a list of prices and from a few assumptions,
// all of which stand here and are shown with the result. It is pure.
//
// How many series a run publishes is package metric's to say.
package cost

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"rollcall/internal/metric"
	"rollcall/internal/plan"
	"rollcall/internal/weburl"
)

// What is assumed of a month and a run. checkCPU, bytesOut, logBytes and downBytes
// were measured on loopback, the rest is a guess that a reader can judge;
// docs/cost.md repeats them. What a run takes is assumed in run.go.
const (
	hours      = 730           // a month has, as AWS's own calculator has it
	gigabyte   = 1_000_000_000 // bytes
	inFlight   = 840           // checks at once, of 1,024 descriptors
	bytesOut   = 1500          // a check sends: handshakes and request, without a body
	bytesIn    = 20_000        // a check receives
	logBytes   = 1500          // a run logs: its summary, and Lambda's own three lines
	downBytes  = 900           // a target that is not up logs
	logDays    = 30            // for which logs are kept, by default
	emfBytes   = 300           // a datum in the log
	datums     = 1000          // a request
	manySeries = 500           // that one Metrics Insights alarm sees
	mostGroups = 50            // that a plan may have

	incidents  = 10      // a month, by default, with two messages each
	stateBytes = 50_000  // of history and page together, and
	stateEach  = 400     // bytes more a target
	processes  = 100     // a month: each reads the history once
	days       = 30      // a month: each is read and written once when it is over
	notifyMB   = 256     // of the notify function's memory
	notifySecs = 1       // that it takes for a message, or to send it to a service
	freshReads = 12      // an hour: a secret's value is kept for five minutes
	polls      = 657_000 // requests a month of a function that reads a queue: five at once, each of 20 s
	tallyBytes = 20_000  // of a part, kept for two days
	childMB    = 64      // of memory that Step Functions bills an express execution for, at least
	steps      = 5       // transitions of a run in parts
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

	Targets int // as if the plan had as many, like its own; 0: its own
	Down    int // targets that fail at once, in each run
	Hang    int // targets that use up their timeout, in each run

	Stack     *Parts // what is deployed beside the function; nil: Deployed()
	LogDays   int    // for which logs are kept; 0: 30
	NoHistory bool   // runs are not remembered, and send no messages
	Incidents int    // a month; 0: 10; negative: none
	Notify    bool   // to a chat or a pager, too
	Secrets   int    // of Secrets Manager that references read

	Split       int // the list is checked in as many parts; 0: in one run
	Concurrency int // parts at once; 0: 5
}

// Parts are what a stack has beside its function that costs by the month.
type Parts struct {
	Alarms     int // metrics that plain alarms look at
	Composites int
	Dashboards int
}

// Deployed is what template.yaml deploys by default; a test compares the two.
func Deployed() Parts { return Parts{Alarms: 21, Composites: 1, Dashboards: 1} }

// A Bill is a month's.
type Bill struct {
	Name       string // of one of several ways to have targets watched
	Items      []Item
	USD        Money         // at list prices
	BeyondFree Money         // if the account's free allowance is all for this
	Targets    int           // that can be checked
	Series     int           // that a run publishes
	Runs       Quantity      // a month
	Duration   time.Duration // of a run, or of a part of one, as assumed
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
	bodies  int           // bytes of all request bodies
	longest time.Duration // that a target hangs, with its confirmations
}

func workOf(p *plan.Plan, u Use) work {
	w := work{Use: u}
	hosts, groups, secure := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i := range p.Targets {
		t := &p.Targets[i]
		if t.Invalid != "" {
			continue
		}
		https, own := strings.HasPrefix(t.URL, "https:"), i < u.Limit
		w.checked++
		w.bodies += len(t.Body)
		w.longest = max(w.longest, time.Duration(1+t.Retries)*t.Timeout+time.Duration(t.Retries)*confirmation)
		hosts[weburl.Hostname(t.URL)], groups[t.Group] = true, true
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
	if u.Targets > 0 && w.checked > 0 {
		scaled := func(n int) int { return int(math.Round(float64(n) * float64(u.Targets) / float64(w.checked))) }
		w.hosts, w.bodies = scaled(w.hosts), scaled(w.bodies)
		w.census.Targets, w.census.Secure = min(scaled(w.census.Targets), u.Limit), min(scaled(w.census.Secure), u.Limit)
		w.checked = u.Targets
	}
	w.Down = min(w.Down, w.checked)
	w.Hang = min(w.Hang, w.checked-w.Down)
	return w
}

// monthly is what a run has, in a month, in a unit that is so much of it.
func (w work) monthly(perRun, unit int) Quantity {
	return Quantity(hours*time.Hour) / Quantity(w.Every) * Quantity(perRun) / Quantity(unit)
}

// Estimate returns a month's bill of a plan. Targets that can't be checked cost
// nothing.
func Estimate(p *plan.Plan, u Use) Bill { return workOf(p, u).bill("", u.stack()) }

func (u Use) stack() Parts {
	if u.Stack != nil {
		return *u.Stack
	}
	return Deployed()
}

func (w work) bill(name string, parts Parts) Bill {
	b := Bill{Name: name, Targets: w.checked, Series: w.Profile.Count(w.census), Runs: w.monthly(1, 1)}
	// Full requests and a last one of targets and groups, one of what the run
	// says of itself, and one that it is complete.
	shared := b.Series - w.Profile.Count(metric.Census{})
	published, invocations := (shared+datums-1)/datums+2, 1
	if w.Split > 0 {
		invocations = w.Split + 2 // the first step and the last
	}
	if w.Split > 0 && w.census.Targets > 0 && w.Profile != metric.ProfileGroup {
		published += w.Split // each part has the series of its targets
	}
	for _, failing := range []int{w.Down, w.Hang} {
		b.Series += min(failing, 1) // of its reason
	}
	b.EMF = emf.of(w.monthly(b.Series*emfBytes, gigabyte))
	// A run falls into one hour, and a metric is billed for the hours in which it has data.
	b.add(metrics, min(b.Runs, hours)*Quantity(b.Series)/hours)
	b.add(requests, w.monthly(published, 1))
	b.add(alarms, Quantity(parts.Alarms))
	b.add(composites, Quantity(parts.Composites))
	b.add(dashboards, Quantity(parts.Dashboards))
	logged := w.monthly(invocations*logBytes+(w.Down+w.Hang)*downBytes, gigabyte)
	b.add(logs, logged)
	b.add(logsKept, logged*Quantity(cmp.Or(w.LogDays, logDays)*24)/hours)
	b.add(emf, 0) // CloudWatch takes the metrics
	messages := Quantity(0)
	if !w.NoHistory {
		messages = Quantity(2 * max(0, cmp.Or(w.Incidents, incidents)))
	}
	notified := messages // of the notify function: by the topic
	if w.Notify {
		notified += messages // and for the service
	}
	b.add(calls, w.monthly(invocations, 1)+notified)
	compute := arm64
	if w.X86 {
		compute = x86
	}
	b.Duration = w.duration()
	computed := max(1, w.Split) * int(b.Duration.Milliseconds())
	if w.Split > 0 {
		computed += int((firstStep + w.sum()).Milliseconds())
	}
	b.add(compute, w.monthly(computed*w.Memory, 1000*1024)+notified*notifySecs*notifyMB/1024)
	b.add(scheduler, b.Runs)
	stored := w.addState(&b, messages)
	sent := bytesOut*(w.checked+w.Down+w.Hang) + w.bodies
	b.add(dataOut, w.monthly(sent, gigabyte))
	if w.VPC {
		b.add(natHours, hours)
		b.add(ipv4, hours)
		b.add(natData, w.monthly(sent+bytesIn*w.checked+stored, gigabyte))
	}
	return b
}

// addState adds what remembering, telling and parts cost. It returns the bytes a
// run that go to S3, which cost nothing where no NAT gateway is on the way.
func (w work) addState(b *Bill, messages Quantity) (stored int) {
	var put, get, kept Quantity // requests, requests and bytes
	if !w.NoHistory {
		stored = stateBytes + stateEach*w.checked
		put, get, kept = w.monthly(2, 1)+messages+days, processes+days, Quantity(stored) // a message is one more write
	}
	if w.Split > 0 {
		put += w.monthly(w.Split+2, 1)   // a tally each, the claims of both ends
		get += w.monthly(3*w.Split+2, 1) // list and history by each part, each tally by the sum
		kept += Quantity(w.Split*tallyBytes) * Quantity(48*time.Hour) / Quantity(w.Every)
		stored += w.Split * tallyBytes
	}
	if put > 0 {
		b.add(puts, put)
		b.add(gets, get)
		b.add(objects, kept/gigabyte)
	}
	if messages > 0 {
		b.add(topics, 2*messages) // people's and that of the groups
		b.add(mails, messages)
	}
	if !w.NoHistory {
		each := Quantity(1) // the topic's is deleted
		if w.Notify {
			each += 2 // one for the service is sent and deleted
		}
		b.add(queues, polls+each*messages)
	}
	if w.Secrets > 0 {
		b.add(secrets, Quantity(w.Secrets))
		b.add(secretReads, min(b.Runs, hours*freshReads)*Quantity(w.Secrets))
	}
	if w.Split > 0 {
		b.add(transitions, w.monthly(steps, 1))
		b.add(children, w.monthly(w.Split, 1))
		b.add(childTime, w.monthly(w.Split*int(w.duration().Milliseconds())*childMB, 1000*1024))
	}
	return stored
}

// Profiles returns what each profile would cost, otherwise alike.
func Profiles(p *plan.Plan, u Use) (all []Bill) {
	for _, u.Profile = range metric.Profiles() {
		all = append(all, workOf(p, u).bill(string(u.Profile), u.stack()))
	}
	return all
}

// Failures returns how much more one target costs that is down all month: one that
// fails at once, and the one of the plan that can hang for longest.
func Failures(p *plan.Plan, u Use) []Bill {
	now := workOf(p, u)
	down, hang := u, u
	down.Down++
	hang.Hang++
	var all []Bill
	for _, more := range []struct {
		name string
		use  Use
	}{
		{"one target fails at once in every run", down},
		{fmt.Sprintf("one target hangs in every run, for %s with its confirmations", Interval(now.longest)), hang},
	} {
		b, before := workOf(p, more.use).bill(more.name, u.stack()), now.bill("", u.stack())
		all = append(all, Bill{Name: more.name, USD: b.USD - before.USD, BeyondFree: b.BeyondFree - before.BeyondFree, Duration: b.Duration})
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
		b := w.bill("profile target, one Metrics Insights alarm over all targets", u.stack())
		b.add(insights, Quantity(w.checked))
		forms = append(forms, b)
	}
	each := u.stack()
	each.Alarms += w.checked
	forms = append(forms, w.bill("profile target, an alarm a target", each))
	w.Profile = metric.ProfileGroup
	w.census.Groups, w.census.SecureGroups = w.checked, w.census.Secure
	if w.checked == 1 { // the stack's own alarm will do
		forms = append(forms, w.bill("profile group, the alarm there is: there is one target only", u.stack()))
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
	const ofCanary = 10 // URLs that a canary of the blueprint for several checks can have
	u.Limit = max(len(p.Targets), u.Targets)
	w := workOf(p, u)
	canaries := Bill{Name: "CloudWatch Synthetics, a canary a URL"}
	canaries.add(synthetics, w.monthly(w.checked, 1))
	multi := Bill{Name: "CloudWatch Synthetics, ten URLs a canary"}
	multi.add(synthetics, w.monthly((w.checked+ofCanary-1)/ofCanary, 1))
	checks := Bill{Name: "Route 53 health checks, every 30 s"}
	checks.add(route53, Quantity(w.checked))
	checks.add(route53Options, Quantity(w.checked+w.census.Secure))
	own := Bill{Name: "Route 53 health checks, every 30 s, if all URLs are in AWS"}
	own.add(route53AWS, Quantity(w.checked))
	own.add(optionsAWS, Quantity(w.checked+w.census.Secure))
	return []Bill{canaries, checks, multi, own}
}
