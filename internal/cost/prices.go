package cost

import (
	"math/big"
	"slices"
)

// Region is the one whose prices are known here, and Dated is when.
const (
	Region = "us-east-1"
	Dated  = "November 2026"
)

// A Price is one row of the price list.
type Price struct {
	Item  string // what is billed: "custom metrics"
	Unit  string // its unit, in the plural: "metric-months"
	Tiers []Tier // from the first unit on; the last has no end
	// Free is what an account has free each month, for all that it does; 0: none.
	Free int64
	// Source says where the price is from.
	Source string
}

// A Tier is a price up to a quantity.
type Tier struct {
	UpTo int64  // units, counted from 0; 0: without end
	USD  string // for so many units as Per says, exactly as the list writes it
	Per  int64
}

// Where a price is from. Nobody here has read it off AWS's own pages: the
// machines that this was written on reach none of them.
const (
	secondHand = "a list made in 2026, second-hand"
	remembered = "from memory, not looked up"
)

// The rows of the list.
var (
	priceMetrics    = &Price{"custom metrics", "metric-months", []Tier{{10_000, "0.30", 1}, {250_000, "0.10", 1}, {1_000_000, "0.05", 1}, {0, "0.02", 1}}, 10, secondHand}
	priceRequests   = &Price{"PutMetricData", "requests", flat("0.01", 1000), 1_000_000, secondHand}
	priceAlarms     = &Price{"alarms", "metrics looked at", flat("0.10", 1), 10, secondHand}
	priceComposite  = &Price{"composite alarms", "alarms", flat("0.50", 1), 0, secondHand}
	priceInsights   = &Price{"Metrics Insights alarms", "metrics analysed", flat("0.10", 1), 0, secondHand}
	priceDashboard  = &Price{"dashboard", "dashboards", flat("3", 1), 3, secondHand}
	priceLogs       = &Price{"logs taken in", "GB", flat("0.50", 1), 5, secondHand}
	priceEMF        = &Price{"metrics by the log (EMF)", "GB", flat("0.50", 1), 0, secondHand}
	priceLogsKept   = &Price{"logs kept", "GB-months", flat("0.03", 1), 5, secondHand}
	priceCalls      = &Price{"Lambda requests", "requests", flat("0.20", 1_000_000), 1_000_000, secondHand}
	priceARM        = &Price{"Lambda compute, arm64", "GB-seconds", flat("0.0000133334", 1), 400_000, secondHand}
	priceX86        = &Price{"Lambda compute, x86_64", "GB-seconds", flat("0.0000166667", 1), 400_000, secondHand}
	priceScheduler  = &Price{"Scheduler", "invocations", flat("1.00", 1_000_000), 14_000_000, secondHand}
	priceOut        = &Price{"data out", "GB", flat("0.09", 1), 100, secondHand}
	priceNATHours   = &Price{"NAT gateway", "hours", flat("0.045", 1), 0, remembered}
	priceNATData    = &Price{"data through the NAT gateway", "GB", flat("0.045", 1), 0, secondHand}
	priceSynthetics = &Price{"CloudWatch Synthetics", "canary runs", flat("0.0012", 1), 100, secondHand}
	priceRoute53    = &Price{"Route 53 health check", "checks", flat("0.75", 1), 0, secondHand}
	priceRoute53TLS = &Price{"Route 53 options", "options", flat("2", 1), 0, remembered}
)

func flat(usd string, per int64) []Tier { return []Tier{{0, usd, per}} }

// Prices returns the list.
func Prices() []Price {
	var list []Price
	for _, p := range []*Price{
		priceMetrics, priceRequests, priceAlarms, priceComposite, priceInsights, priceDashboard, priceLogs, priceEMF,
		priceLogsKept, priceCalls, priceARM, priceX86, priceScheduler, priceOut, priceNATHours, priceNATData,
		priceSynthetics, priceRoute53, priceRoute53TLS,
	} {
		row := *p
		row.Tiers = slices.Clone(p.Tiers)
		list = append(list, row)
	}
	return list
}

// of is the price of a quantity. Each tier takes what lies between the one
// before and its own end.
func (p *Price) of(quantity *big.Rat) Money {
	var total Money
	from := new(big.Rat)
	for _, t := range p.Tiers {
		to := quantity
		if end := big.NewRat(t.UpTo, 1); t.UpTo > 0 && end.Cmp(quantity) < 0 {
			to = end
		}
		if within := new(big.Rat).Sub(to, from); within.Sign() > 0 {
			total = total.Plus(usd(t.USD).Times(within.Mul(within, big.NewRat(1, t.Per))))
		}
		from = to
	}
	return total
}

// beyondFree is what of a quantity the account's allowance leaves to pay, if
// nothing else uses it.
func (p *Price) beyondFree(quantity *big.Rat) Money {
	rest := new(big.Rat).Sub(quantity, big.NewRat(p.Free, 1))
	if rest.Sign() <= 0 {
		return Money{}
	}
	return p.of(rest)
}
