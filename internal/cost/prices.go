package cost

import (
	"fmt"
	"math"
	"strconv"

	"rollcall/internal/text"
)

// Region is the one whose prices are known here, and Dated is when.
const (
	Region = "us-east-1"
	Dated  = "November 2026"
)

// A price is one row of the list.
type price struct {
	name, unit string   // "custom metrics", by "metric-months"
	tiers      []tier   // from the first unit on; the last has no end
	free       Quantity // units that an account has free each month, for all that it does
	source     string
}

// A tier is a price up to a quantity.
type tier struct {
	upTo     Quantity // units, counted from 0; 0: without end
	usd, per float64
}

// Where a price is from. Nobody here has read it off AWS's own pages.
const (
	secondHand = "a list made in 2026, second-hand"
	remembered = "from memory, not looked up"
)

// The rows of the list, which are never changed.
var (
	metrics        = price{"custom metrics", "metric-months", []tier{{10_000, 0.30, 1}, {250_000, 0.10, 1}, {1_000_000, 0.05, 1}, {0, 0.02, 1}}, 10, secondHand}
	requests       = price{"PutMetricData", "requests", flat(0.01, 1000), 1_000_000, secondHand}
	alarms         = price{"alarms", "metrics looked at", flat(0.10, 1), 10, secondHand}
	composites     = price{"composite alarms", "alarms", flat(0.50, 1), 0, secondHand}
	insights       = price{"Metrics Insights alarms", "metrics analysed", flat(0.10, 1), 0, secondHand}
	dashboards     = price{"dashboard", "dashboards", flat(3, 1), 3, secondHand}
	logs           = price{"logs taken in", "GB", flat(0.50, 1), 5, secondHand}
	emf            = price{"metrics in the log (EMF)", "GB", flat(0.50, 1), 0, secondHand}
	logsKept       = price{"logs kept", "GB-months", flat(0.03, 1), 5, secondHand}
	calls          = price{"Lambda requests", "requests", flat(0.20, 1_000_000), 1_000_000, secondHand}
	arm64          = price{"Lambda compute, arm64", "GB-seconds", flat(0.0000133334, 1), 400_000, secondHand}
	x86            = price{"Lambda compute, x86_64", "GB-seconds", flat(0.0000166667, 1), 400_000, secondHand}
	scheduler      = price{"Scheduler", "invocations", flat(1.00, 1_000_000), 14_000_000, secondHand}
	dataOut        = price{"data out", "GB", []tier{{10_240, 0.09, 1}, {51_200, 0.085, 1}, {153_600, 0.07, 1}, {0, 0.05, 1}}, 100, secondHand + "; beyond 10 TB from memory"}
	natHours       = price{"NAT gateway", "hours", flat(0.045, 1), 0, secondHand}
	ipv4           = price{"public IPv4 of the NAT gateway", "hours", flat(0.005, 1), 0, secondHand}
	natData        = price{"data through the NAT gateway", "GB", flat(0.045, 1), 0, secondHand}
	synthetics     = price{"CloudWatch Synthetics", "canary runs", flat(0.0012, 1), 100, secondHand}
	route53        = price{"Route 53 health check", "checks", flat(0.75, 1), 0, secondHand}
	route53Options = price{"Route 53 options", "options", flat(2, 1), 0, remembered}
	route53AWS     = price{"Route 53 health check, in AWS", "checks", flat(0.50, 1), 50, remembered}
	optionsAWS     = price{"Route 53 options, in AWS", "options", flat(1, 1), 0, remembered}

	puts        = price{"S3 PUT requests", "requests", flat(0.005, 1000), 0, remembered}
	gets        = price{"S3 GET requests", "requests", flat(0.0004, 1000), 0, remembered}
	objects     = price{"S3 storage", "GB-months", flat(0.023, 1), 0, remembered}
	topics      = price{"SNS messages", "messages", flat(0.50, 1_000_000), 1_000_000, remembered}
	mails       = price{"SNS e-mails", "e-mails", flat(2, 100_000), 1_000, remembered}
	queues      = price{"SQS requests", "requests", flat(0.40, 1_000_000), 1_000_000, remembered}
	secrets     = price{"Secrets Manager", "secrets", flat(0.40, 1), 0, remembered}
	secretReads = price{"Secrets Manager requests", "requests", flat(0.05, 10_000), 0, remembered}
	transitions = price{"Step Functions transitions", "transitions", flat(0.025, 1000), 4_000, secondHand}
	children    = price{"Step Functions, express", "requests", flat(1.00, 1_000_000), 0, remembered}
	childTime   = price{"Step Functions, express time", "GB-seconds", []tier{{3_600_000, 0.00001667, 1}, {18_000_000, 0.00000833, 1}, {0, 0.00000456, 1}}, 0, remembered}
)

func flat(usd, per float64) []tier { return []tier{{0, usd, per}} }

// of is the price of a quantity. Each tier takes what lies between the one
// before and its own end.
func (p price) of(q Quantity) (total Money) {
	var from Quantity
	for _, t := range p.tiers {
		to := q
		if t.upTo > 0 {
			to = min(q, t.upTo)
		}
		total += Money(math.Round(float64(max(to-from, 0)) * t.usd / t.per * 1e9))
		from = to
	}
	return total
}

// A Money is an amount of billionths of a US dollar.
type Money int64

// String rounds to the cent, half up: "1,234.50".
func (m Money) String() string {
	cents := (m + 5_000_000) / 10_000_000
	return text.Thousands(fmt.Sprintf("%d.%02d", cents/100, cents%100))
}

// cents shows what is less than half a cent as more than nothing.
func cents(m Money) string {
	if 0 < m && m < 5_000_000 {
		return "<0.01"
	}
	return m.String()
}

// A Quantity is a number of units: of hours, gigabytes, requests.
type Quantity float64

// String is whole if there are more than 100, else it has at most three
// decimals, rounded half up.
func (q Quantity) String() string {
	const tie = 1e-6 // 328.5 may be a little less
	switch {
	case q > 100:
		return text.Count(int(q + 0.5 + tie))
	case 0 < q && q < 0.0005:
		return "<0.001"
	}
	return strconv.FormatFloat(math.Floor(float64(q)*1000+0.5+tie)/1000, 'f', -1, 64)
}
