package cost

import (
	"math/big"
	"time"

	"rollcall/internal/metric"
	"rollcall/internal/plan"
)

// Parts are what a stack has beside its function that costs by the month.
type Parts struct {
	Alarms     int // metrics that plain alarms look at
	Composites int
	Dashboards int
}

// Deployed is what template.yaml deploys by default.
func Deployed() Parts { return Parts{Alarms: 16, Dashboards: 1} }

// An Item is one line of a bill.
type Item struct {
	Name       string
	Quantity   *big.Rat // a month
	Unit       string
	USD        Money // at list prices
	BeyondFree Money // if the account's free allowance is all for this
}

// A Bill is a month's.
type Bill struct {
	Items      []Item
	USD        Money
	BeyondFree Money
	Series     int           // that a run publishes
	Runs       *big.Rat      // a month
	Duration   time.Duration // of a run, as assumed
	ByLog      Money         // what EMF would cost more, if CloudWatch took no metrics all month
}

// Estimate returns a month's bill of a plan, while nothing is down. Targets
// that can't be checked cost nothing.
func Estimate(p *plan.Plan, u Use) Bill { return workOf(p, u).bill(Deployed()) }

func (w work) bill(parts Parts) Bill {
	b := Bill{Series: int(w.series()), Runs: w.runs(), Duration: w.duration()}
	b.ByLog = priceEMF.of(w.gigabytes(w.series() * emfBytes))
	b.add(priceMetrics, w.metricMonths())
	b.add(priceRequests, w.monthly(w.requests()))
	b.add(priceAlarms, whole(parts.Alarms))
	b.add(priceComposite, whole(parts.Composites))
	b.add(priceDashboard, whole(parts.Dashboards))
	logged := w.gigabytes(logBytes)
	b.add(priceLogs, logged)
	b.add(priceLogsKept, product(logged, big.NewRat(retained, hours)))
	b.add(priceEMF, new(big.Rat)) // CloudWatch takes the metrics
	b.add(priceCalls, w.runs())
	b.add(w.processor(), w.gigabyteSeconds())
	b.add(priceScheduler, w.runs())
	b.add(priceOut, w.gigabytes(w.sent()))
	if w.VPC {
		b.add(priceNATHours, whole(hours))
		b.add(priceNATData, w.gigabytes(w.sent()+w.received()))
	}
	return b
}

func (w work) processor() *Price {
	if w.X86 {
		return priceX86
	}
	return priceARM
}

func (b *Bill) add(p *Price, quantity *big.Rat) {
	item := Item{p.Item, quantity, p.Unit, p.of(quantity), p.beyondFree(quantity)}
	b.Items = append(b.Items, item)
	b.USD = b.USD.Plus(item.USD)
	b.BeyondFree = b.BeyondFree.Plus(item.BeyondFree)
}

// An Option is another way to have targets watched.
type Option struct {
	Name       string
	USD        Money
	BeyondFree Money
}

// Profiles returns what each profile would cost, otherwise alike.
func Profiles(p *plan.Plan, u Use) []Option {
	var all []Option
	for _, profile := range metric.Profiles() {
		u.Profile = profile
		b := Estimate(p, u)
		all = append(all, Option{string(profile), b.USD, b.BeyondFree})
	}
	return all
}

// Paging returns the cheapest form in which each target pages by itself.
func Paging(p *plan.Plan, u Use) Option {
	u.Limit = len(p.Targets) // who has no metrics can't page
	u.Profile = metric.ProfileTarget
	w := workOf(p, u)
	best := pagingByInsights(w)
	for _, o := range []Option{pagingByAlarms(w), pagingByGroups(w)} {
		if o.Name != "" && (best.Name == "" || o.USD.Cmp(best.USD) < 0) {
			best = o
		}
	}
	return best
}

// pagingByInsights is one Metrics Insights alarm over the metric Up of every
// target; no option where it would not see all of them.
func pagingByInsights(w work) Option {
	if w.checked > manySeries {
		return Option{}
	}
	b := w.bill(Deployed())
	b.add(priceInsights, whole(w.checked))
	return Option{"profile target, one Metrics Insights alarm over all targets", b.USD, b.BeyondFree}
}

// pagingByAlarms is an alarm a target.
func pagingByAlarms(w work) Option {
	parts := Deployed()
	parts.Alarms += w.checked
	b := w.bill(parts)
	return Option{"profile target, an alarm a target", b.USD, b.BeyondFree}
}

// pagingByGroups is a group and an alarm a target; the stack's own alarm will do
// for a single one. No option where there are more targets than groups may be.
func pagingByGroups(w work) Option {
	if w.checked > mostGroups || w.checked == 0 {
		return Option{}
	}
	w.Profile = metric.ProfileGroup
	w.census.Groups, w.census.SecureGroups = w.checked, w.census.Secure
	parts, name := Deployed(), "profile group, the alarm there is: there is one target only"
	if w.checked > 1 {
		parts.Alarms += w.checked
		name = "profile group, a group and an alarm a target"
	}
	b := w.bill(parts)
	return Option{name, b.USD, b.BeyondFree}
}

// Elsewhere returns what AWS's own services cost for the same targets:
// Synthetics at the same interval, without the Lambda runs, storage and logs
// that it bills besides; Route 53, which knows 10 and 30 seconds only, with its
// options for https and for latency.
func Elsewhere(p *plan.Plan, u Use) []Option {
	w := workOf(p, u)
	secure := 0
	for i := range p.Targets {
		if t := &p.Targets[i]; t.Invalid == "" && t.URL.Scheme == "https" {
			secure++
		}
	}
	var synthetics, route53 Bill
	synthetics.add(priceSynthetics, w.monthly(int64(w.checked)))
	route53.add(priceRoute53, whole(w.checked))
	route53.add(priceRoute53TLS, whole(w.checked+secure))
	return []Option{
		{"CloudWatch Synthetics, a canary a URL", synthetics.USD, synthetics.BeyondFree},
		{"Route 53 health checks, every 30 s", route53.USD, route53.BeyondFree},
	}
}
