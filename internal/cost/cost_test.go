package cost

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"rollcall/internal/metric"
	"rollcall/internal/plan"
)

// urls is a plan of n https URLs, each of its own host.
func urls(t testing.TB, n int) *plan.Plan {
	t.Helper()
	p, err := plan.ParseURLs([]string{"https://example.com"}, plan.Inputs{})
	if err != nil {
		t.Fatal(err)
	}
	p.Targets = slices.Repeat(p.Targets, n)
	for i := range p.Targets {
		p.Targets[i].URL = fmt.Sprintf("https://host%d.example.com/", i)
	}
	return p
}

// each is the use that the command has by default.
func each(every time.Duration, profile metric.Profile) Use {
	return Use{Every: every, Profile: profile, Limit: 1000, Memory: 1769, ResponseTime: 500 * time.Millisecond}
}

// The bills of these were worked by hand, with paper's help: a month of 730
// hours has 43,800 minutes. Amounts are in millionths of a dollar. What the
// metrics cost follows from how many series package metric counts.
func TestBillsWorkedByHand(t *testing.T) {
	for _, test := range []struct {
		name    string
		targets int
		use     Use
		want    map[string]int64
	}{
		// 3 requests a run; a run takes 2.976 ms (the 840 places; lookups take
		// 5.555 ms) + 500 + 200 = 706 ms.
		{"five each minute", 5, each(time.Minute, metric.ProfileTarget), map[string]int64{
			"PutMetricData":         1_314_000, // 43,800 × 3 = 131,400
			"logs taken in":         32_850,    // 43,800 × 1,500 B = 0.0657 GB
			"logs kept":             1_944,     // × 720/730 = 0.0648 GB-months
			"Lambda requests":       8_764,     // 43,800, and 20 of the notify function
			"Lambda compute, arm64": 712_341,   // 43,800 × 0.706 × 1769/1024 = 53,420.34 GB-s, and 20 × 256/1024
			"Scheduler":             43_800,
			"data out":              29_565, // 43,800 × 5 × 1,500 B = 0.3285 GB
		}},
		// 1,000 names at 900 a second bind: 1,111 + 700 = 1,811 ms.
		{"a thousand in group", 1000, each(time.Minute, metric.ProfileGroup), map[string]int64{
			"PutMetricData":         1_314_000,
			"logs taken in":         32_850,
			"logs kept":             1_944,
			"Lambda requests":       8_764,
			"Lambda compute, arm64": 1_827_163, // 43,800 × 1.811 × 1769/1024 = 137,031.51 GB-s, and 5
			"Scheduler":             43_800,
			"data out":              5_913_000, // 65.7 GB
		}},
		// More than 2,000 metrics, in 3 requests of up to 1,000 and 2 more.
		{"a thousand in target", 1000, each(time.Minute, metric.ProfileTarget), map[string]int64{
			"PutMetricData":         2_190_000, // 219,000
			"logs taken in":         32_850,
			"logs kept":             1_944,
			"Lambda requests":       8_764,
			"Lambda compute, arm64": 1_827_163,
			"Scheduler":             43_800,
			"data out":              5_913_000,
		}},
		// 100,000 names take 111,111 ms; + 700 = 111,811 ms.
		{"a hundred thousand in group", 100_000, each(time.Minute, metric.ProfileGroup), map[string]int64{
			"PutMetricData":         1_314_000,
			"logs taken in":         32_850,
			"logs kept":             1_944,
			"Lambda requests":       8_764,
			"Lambda compute, arm64": 112_804_827, // 43,800 × 111.811 × 1769/1024 = 8,460,314.71 GB-s, and 5
			"Scheduler":             43_800,
			"data out":              591_300_000, // 6,570 GB
		}},
		// One run a month; what is by the month stays.
		{"five once a month", 5, each(730*time.Hour, metric.ProfileTarget), map[string]int64{
			"PutMetricData":         30,
			"logs taken in":         1,  // 0.75, rounded
			"Lambda requests":       4,  // 21
			"Lambda compute, arm64": 83, // 1.22 GB-s, and 5
			"Scheduler":             1,
			"data out":              1, // 0.675
		}},
		// Nothing to check: what a run says of itself.
		{"nothing", 0, each(time.Minute, metric.ProfileTarget), map[string]int64{
			"PutMetricData":         876_000, // 2 requests a run
			"logs taken in":         32_850,
			"logs kept":             1_944,
			"Lambda requests":       8_764,
			"Lambda compute, arm64": 201_844, // 43,800 × 0.2 × 1769/1024 = 15,133.24 GB-s, and 5
			"Scheduler":             43_800,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bill := Estimate(urls(t, test.targets), test.use)
			groups, hours := min(test.targets, 1), min(bill.Runs, hours)
			own := min(test.targets, test.use.Limit)
			// History and page are two PUTs a run; ten incidents are 20 messages to two topics,
			// with a PUT and a request to delete it from the queue each; 30 days are closed.
			test.want["S3 PUT requests"] = int64(math.Round((float64(bill.Runs)*2 + 20 + 30) * 5)) // 0.005 for 1,000
			test.want["S3 GET requests"] = 52                                                      // 100 new processes, 30 days
			test.want["SQS requests"] = 262_808                                                    // 657,020
			test.want["S3 storage"] = int64(math.Round(float64(50_000+400*test.targets) / 1e9 * 23_000))
			test.want["SNS messages"], test.want["SNS e-mails"] = 20, 400
			series := test.use.Profile.Count(metric.Census{Targets: own, Secure: own, Groups: groups, SecureGroups: groups})
			test.want["custom metrics"] = int64(math.Round(float64(series) * 300_000 * float64(hours) / 730))
			if series != bill.Series {
				t.Errorf("%d series, want %d", bill.Series, series)
			}
			var sum Money
			for _, item := range bill.Items {
				sum += item.USD
				if slices.Contains([]string{alarms.name, composites.name, dashboards.name}, item.Name) {
					continue // as the template has them
				}
				if got := millionths(item.USD); got != test.want[item.Name] {
					t.Errorf("%s: %s %s are %d, want %d", item.Name, item.Quantity, item.Unit, got, test.want[item.Name])
				}
			}
			if bill.USD != sum {
				t.Errorf("the sum is %d, want %d", bill.USD, sum)
			}
		})
	}
}

// millionths of a dollar, rounded half up.
func millionths(m Money) int64 { return int64(m+500) / 1000 }

func TestTiers(t *testing.T) {
	for _, test := range []struct {
		metrics int64
		want    string
	}{
		{0, "0.00"}, {1, "0.30"}, {10_000, "3,000.00"}, {10_001, "3,000.10"},
		{200_000, "22,000.00"},     // 3,000 + 190,000 × 0.10
		{250_000, "27,000.00"},     // 3,000 + 24,000
		{1_000_000, "64,500.00"},   // 27,000 + 750,000 × 0.05
		{2_000_000, "84,500.00"},   // 64,500 + 1,000,000 × 0.02
		{10_000_000, "244,500.00"}, // 64,500 + 9,000,000 × 0.02
	} {
		if got := metrics.of(Quantity(test.metrics)).String(); got != test.want {
			t.Errorf("%d metrics are %s, want %s", test.metrics, got, test.want)
		}
	}
	// Half a metric of each side of a border.
	if got := metrics.of(10_000.5).String(); got != "3,000.05" {
		t.Errorf("10,000.5 metrics are %s, want 3,000.05", got)
	}
}

func TestBeyondFree(t *testing.T) {
	for _, test := range []struct {
		price    price
		quantity int64
		want     string
	}{
		{metrics, 9, "0.00"}, {metrics, 10, "0.00"}, {metrics, 32, "6.60"},
		{scheduler, 14_000_000, "0.00"}, {scheduler, 15_000_000, "1.00"},
		{dataOut, 6570, "582.30"}, {dashboards, 4, "3.00"}, {natHours, 1, "0.05"},
	} {
		var b Bill
		b.add(test.price, Quantity(test.quantity))
		if got := b.BeyondFree.String(); got != test.want {
			t.Errorf("%d %s are %s beyond what is free, want %s", test.quantity, test.price.unit, got, test.want)
		}
	}
}

func TestAmountsAsTheyAreShown(t *testing.T) {
	for amount, want := range map[Money]string{
		0: "0.00", 1: "<0.01", 4_999_999: "<0.01", 5_000_000: "0.01", 999_994_999_999: "999.99", 999_995_000_000: "1,000.00", 1_234_567_800_000_000: "1,234,567.80",
	} {
		if got := cents(amount); got != want {
			t.Errorf("%d is shown as %s, want %s", amount, got, want)
		}
	}
	for quantity, want := range map[Quantity]string{
		0: "0", 1e-9: "<0.001", 0.00049: "<0.001", 0.0005: "0.001", 0.3285: "0.329", 1: "1", 1.5: "1.5", 99.9994: "99.999", 100.4: "100", 43_800: "43,800",
	} {
		if got := quantity.String(); got != want {
			t.Errorf("%v is shown as %s, want %s", float64(quantity), got, want)
		}
	}
}

func TestWhatIsMoreThanNothingIsShown(t *testing.T) {
	for _, item := range Estimate(urls(t, 1), each(10_000*time.Hour, metric.ProfileTarget)).Items {
		if (item.Quantity > 0) != (item.USD > 0) || item.Quantity == 0 && item.Name != composites.name && item.Name != emf.name {
			t.Errorf("%s: %s %s are %s", item.Name, item.Quantity, item.Unit, cents(item.USD))
		}
	}
}

func TestPagingIsTheCheapest(t *testing.T) {
	for _, test := range []struct {
		targets int
		want    string
	}{
		{1, "profile group, the alarm there is: there is one target only"},
		{2, "profile target, one Metrics Insights alarm over all targets"},
		{500, "profile target, one Metrics Insights alarm over all targets"},
		{501, "profile target, an alarm a target"}, // one Metrics Insights alarm sees 500
		{5000, "profile target, an alarm a target"},
		{0, "profile target, one Metrics Insights alarm over all targets"},
	} {
		p, use := urls(t, test.targets), each(time.Minute, metric.ProfilePhases)
		got := Paging(p, use)
		if got.Name != test.want {
			t.Errorf("%d targets: %s, want %s", test.targets, got.Name, test.want)
		}
		// The metrics of all targets and an alarm's price each, beside what is there anyway.
		use.Limit, use.Profile = test.targets, metric.ProfileTarget
		if want := Estimate(p, use).USD + 100_000_000*Money(test.targets); test.targets != 1 && got.USD != want {
			t.Errorf("%d targets: %s, want %s", test.targets, got.USD, want)
		}
	}
}

func TestElsewhere(t *testing.T) {
	// 43,800 runs × 5 × 0.0012; 5 × (0.75 + 2 for https + 2 for latency); one canary
	// for all five; 5 × (0.50 + 1 + 1).
	for i, want := range []string{"262.80", "23.75", "52.56", "12.50"} {
		if got := Elsewhere(urls(t, 5), each(time.Minute, metric.ProfileTarget))[i]; got.USD.String() != want {
			t.Errorf("%s is %s, want %s", got.Name, got.USD, want)
		}
	}
}

func TestNetworkOfAVPC(t *testing.T) {
	use := each(time.Minute, metric.ProfileGroup)
	without := Estimate(urls(t, 10), use)
	use.VPC = true
	// 730 × (0.045 + 0.005), and 43,800 × (10 × 21,500 + 54,000 B of history and page)
	// = 11.7822 GB × 0.045.
	if got := millionths(Estimate(urls(t, 10), use).USD) - millionths(without.USD); got < 37_030_198 || got > 37_030_200 {
		t.Errorf("a VPC costs %d more, want 37,030,199", got)
	}
}

func TestWhatCannotBeCheckedCostsNothing(t *testing.T) {
	p, err := plan.ParseURLs([]string{"https://example.com", "ftp://example.com"}, plan.Inputs{})
	if err != nil {
		t.Fatal(err)
	}
	use := each(time.Minute, metric.ProfilePhases)
	if got, want := Estimate(p, use).USD, Estimate(urls(t, 1), use).USD; got != want {
		t.Errorf("one target that can be checked and one that can't are %s, want %s", got, want)
	}
}

func TestProfilesGrow(t *testing.T) {
	all := Profiles(urls(t, 3), each(time.Hour, metric.ProfileTarget))
	if len(all) != 3 || all[0].USD >= all[1].USD || all[1].USD >= all[2].USD {
		t.Errorf("%+v: want three, each more than the one before", all)
	}
}

func TestInterval(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Minute: "1m", 90 * time.Second: "1m30s", 10 * time.Minute: "10m", time.Hour: "1h", 730 * time.Hour: "730h",
		time.Hour + time.Minute: "1h1m", 500 * time.Millisecond: "500ms", 20 * time.Hour: "20h",
	} {
		if got := Interval(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}

// What is down costs time, a line of the log in each run, and a metric.
func TestFailures(t *testing.T) {
	p, use := urls(t, 40), each(time.Minute, metric.ProfileTarget)
	for i := range p.Targets {
		settings := *p.Targets[i].Settings
		settings.Timeout = 10 * time.Second
		p.Targets[i].Settings = &settings
	}
	all := Failures(p, use)
	up := Estimate(p, use)
	// 40 up take 44 + 500 + 200 ms = 744 ms. One that fails takes 3 s and a response more,
	// one that hangs 2 × 10 + 3 s and the run's own 200 ms.
	for i, want := range []struct {
		took time.Duration
		usd  string
	}{
		{4244 * time.Millisecond, "3.86"},   // 43,800 × 3.5 × 1769/1024 × 0.0000133334 = 3.53; the metric 0.30, its line 0.02
		{23200 * time.Millisecond, "22.98"}, // 43,800 × 22.456 × … = 22.66
	} {
		if all[i].Duration != want.took || all[i].USD.String() != want.usd {
			t.Errorf("%s: %s more for runs of %s, want %s for %s", all[i].Name, all[i].USD, all[i].Duration, want.usd, want.took)
		}
	}
	if want := "one target hangs in every run, for 23s with its confirmations"; all[1].Name != want {
		t.Errorf("%q, want %q", all[1].Name, want)
	}
	use.Hang = 3
	if got := Estimate(p, use); got.Duration != 23200*time.Millisecond || got.Series != up.Series+1 {
		t.Errorf("three that hang: %s, %d metrics", got.Duration, got.Series)
	}
	use.Hang, use.Down = 100, 100 // more than there are
	if got := Estimate(p, use); got.Targets != 40 || got.Series != up.Series+1 {
		t.Errorf("all down: %d targets, %d metrics", got.Targets, got.Series)
	}
	p.Targets[0].Timeout = 10 * time.Minute // the run ends before
	if got := Failures(p, each(time.Minute, metric.ProfileTarget))[1].Duration; got != 50*time.Second {
		t.Errorf("a run with a target that hangs for 20 minutes takes %s, want 50s", got)
	}
}

func TestOptionsOfTheStack(t *testing.T) {
	p, use := urls(t, 5), each(time.Minute, metric.ProfileTarget)
	before := Estimate(p, use)
	item := func(b Bill, name string) string {
		for _, i := range b.Items {
			if i.Name == name {
				return i.Quantity.String()
			}
		}
		return "none"
	}
	use.Stack, use.LogDays, use.NoHistory = &Parts{Alarms: 3}, 365, true
	bare := Estimate(p, use)
	for name, want := range map[string]string{"alarms": "3", "dashboard": "0", "logs kept": "0.788", "S3 PUT requests": "none", "SNS messages": "none", "SQS requests": "none", "Lambda requests": "43,800"} {
		if got := item(bare, name); got != want {
			t.Errorf("%s: %s, want %s (%s before)", name, got, want, item(before, name))
		}
	}
	use = each(time.Minute, metric.ProfileTarget)
	use.Notify, use.Incidents = true, 100
	notify := Estimate(p, use)
	// 200 messages to two topics, each taken by the function twice; a queue that is read
	// all month, into which each is put once more.
	for name, want := range map[string]string{"SNS messages": "400", "Lambda requests": "44,200", "SQS requests": "657,600", "Secrets Manager": "none"} {
		if got := item(notify, name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	use.Secrets = 2
	if got := item(Estimate(p, use), "Secrets Manager") + ", " + item(Estimate(p, use), "Secrets Manager requests"); got != "2, 17,520" { // 12 an hour each
		t.Errorf("two secrets: %s", got)
	}
}

// A million URLs every five minutes in a hundred parts, worked by hand.
func TestParts(t *testing.T) {
	p, use := urls(t, 10), each(5*time.Minute, metric.ProfileGroup)
	use.Targets, use.Split, use.Concurrency = 1_000_000, 100, 20
	bill := Estimate(p, use)
	// 10,000 names at 900 a second, a response, the run's own and a million lines:
	// 11,111 + 500 + 200 + 600 ms.
	if want := 12411 * time.Millisecond; bill.Duration != want {
		t.Errorf("a part takes %s, want %s", bill.Duration, want)
	}
	want := map[string]int64{ // 8,760 runs
		"PutMetricData":                262_800,       // 3 a run
		"Lambda requests":              178_704,       // 102 a run
		"Lambda compute, arm64":        250_855_892,   // 8,760 × (100 × 12.411 + 1 + 1.2 s) × 1769/1024 = 18,814,099 GB-s
		"S3 PUT requests":              4_555_200,     // 104 a run: tallies, two claims, history and page
		"data out":                     1_168_100_000, // 13,140 GB: 10,240 × 0.09 + 2,900 × 0.085
		"Step Functions transitions":   1_095_000,     // 43,800
		"Step Functions, express":      876_000,       // 876,000
		"Step Functions, express time": 11_327_000,    // 876,000 × 12.411 s × 64/1024 = 679,502 GB-s
	}
	for _, i := range bill.Items {
		if usd, ok := want[i.Name]; ok && max(millionths(i.USD)-usd, usd-millionths(i.USD)) > usd/1000 {
			t.Errorf("%s: %s %s are %d, want %d", i.Name, i.Quantity, i.Unit, millionths(i.USD), usd)
		}
	}
	if err := Fit(p, use); err != nil { // 5 waves of 12.4 s
		t.Error(err)
	}
	for _, test := range []struct {
		change func(*Use)
		want   string
	}{
		{func(u *Use) { u.Concurrency = 5 }, "a run takes 4m10s (20 waves of 12.411s): longer than the interval of 5m less a minute; --concurrency 6 would do"},
		{func(u *Use) { u.Every = time.Minute }, "a run takes 1m4s (5 waves of 12.411s): longer than the interval of 1m less a minute, however many parts run at once: use a longer interval"},
		{func(u *Use) { u.Split = 4 }, "a part takes 4m39.078s, longer than the 4m that it may take: use more parts, or more memory"},
		{func(u *Use) { u.Split = 1001 }, "1,001 parts are more than a run can have (1,000)"},
		{func(u *Use) { u.VPC, u.Concurrency = true, 50 }, "a part takes 9m16.856s, longer than the 4m that it may take: use more parts, or more memory"},
	} {
		changed := use
		test.change(&changed)
		if err := Fit(p, changed); err == nil || err.Error() != test.want {
			t.Errorf("got  %v\nwant %s", err, test.want)
		}
	}
	use.Split = 0
	if err := Fit(p, use); err != nil {
		t.Errorf("without parts: %v", err)
	}
}
