package cost

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"rollcall/internal/metric"
	"rollcall/internal/plan"
)

// urls is a plan of so many https URLs, each of its own host.
func urls(t testing.TB, n int) *plan.Plan {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "https://host%d.example.com\n", i+1)
	}
	p, err := plan.ParseLines(t.Context(), strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// each is the use that the command has by default.
func each(every time.Duration, profile metric.Profile) Use {
	return Use{Every: every, Profile: profile, Limit: 1000, Memory: 1769, Answer: 500 * time.Millisecond}
}

// The bills of these were worked by hand, with paper's help: a month of 730
// hours has 43,800 minutes. Amounts are in millionths of a dollar.
func TestBillsWorkedByHand(t *testing.T) {
	for _, test := range []struct {
		name    string
		targets int
		use     Use
		want    map[string]int64
	}{
		// 5 × 2 + 6 + 16 = 32 metrics; 3 requests a run; a run takes 2.976 ms (the
		// 840 places; look-ups take 5.555 ms) + 500 + 200 = 706 ms.
		{"five each minute", 5, each(time.Minute, metric.ProfileTarget), map[string]int64{
			"custom metrics":        9_600_000, // 32 × 0.30
			"PutMetricData":         1_314_000, // 43,800 × 3 = 131,400
			"logs taken in":         32_850,    // 43,800 × 1,500 B = 0.0657 GB
			"logs kept":             1_944,     // × 720/730 = 0.0648 GB-months
			"Lambda requests":       8_760,     // 43,800
			"Lambda compute, arm64": 712_275,   // 43,800 × 0.706 × 1769/1024 = 53,420.34 GB-s
			"Scheduler":             43_800,
			"data out":              29_565, // 43,800 × 5 × 1,500 B = 0.3285 GB
		}},
		// 22 metrics; 1,000 names at 900 a second bind: 1,111 + 700 = 1,811 ms.
		{"a thousand in group", 1000, each(time.Minute, metric.ProfileGroup), map[string]int64{
			"custom metrics":        6_600_000,
			"PutMetricData":         1_314_000,
			"logs taken in":         32_850,
			"logs kept":             1_944,
			"Lambda requests":       8_760,
			"Lambda compute, arm64": 1_827_096, // 43,800 × 1.811 × 1769/1024 = 137,031.51 GB-s
			"Scheduler":             43_800,
			"data out":              5_913_000, // 65.7 GB
		}},
		// 2,022 metrics, in 3 requests of up to 1,000 and 2 more.
		{"a thousand in target", 1000, each(time.Minute, metric.ProfileTarget), map[string]int64{
			"custom metrics":        606_600_000,
			"PutMetricData":         2_190_000, // 219,000
			"logs taken in":         32_850,
			"logs kept":             1_944,
			"Lambda requests":       8_760,
			"Lambda compute, arm64": 1_827_096,
			"Scheduler":             43_800,
			"data out":              5_913_000,
		}},
		// 100,000 names take 111,111 ms; + 700 = 111,811 ms.
		{"a hundred thousand in group", 100_000, each(time.Minute, metric.ProfileGroup), map[string]int64{
			"custom metrics":        6_600_000,
			"PutMetricData":         1_314_000,
			"logs taken in":         32_850,
			"logs kept":             1_944,
			"Lambda requests":       8_760,
			"Lambda compute, arm64": 112_804_760, // 43,800 × 111.811 × 1769/1024 = 8,460,314.71 GB-s
			"Scheduler":             43_800,
			"data out":              591_300_000, // 6,570 GB
		}},
		// One hour of 730: 22 × 2 / 730 … and what is by the month stays.
		{"five once a month", 5, each(730*time.Hour, metric.ProfileTarget), map[string]int64{
			"custom metrics":        13_151, // 32/730 × 0.30
			"PutMetricData":         30,
			"logs taken in":         1, // 0.75, rounded
			"Lambda compute, arm64": 16,
			"Scheduler":             1,
			"data out":              1, // 0.675
		}},
		// Nothing to check: the 9 metrics that a run has of itself.
		{"nothing", 0, each(time.Minute, metric.ProfileTarget), map[string]int64{
			"custom metrics":        2_700_000,
			"PutMetricData":         876_000, // 2 requests a run
			"logs taken in":         32_850,
			"logs kept":             1_944,
			"Lambda requests":       8_760,
			"Lambda compute, arm64": 201_778, // 43,800 × 0.2 × 1769/1024 = 15,133.24 GB-s
			"Scheduler":             43_800,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var sum int64
			bill := Estimate(urls(t, test.targets), test.use)
			for _, item := range bill.Items {
				if name := item.Name; name == priceAlarms.Item || name == priceDashboard.Item || name == priceComposite.Item {
					sum += millionths(item.USD)
					continue // as the template has them
				}
				if got := millionths(item.USD); got != test.want[item.Name] {
					t.Errorf("%s: %s %s are %d, want %d", item.Name, item.Quantity.FloatString(6), item.Unit, got, test.want[item.Name])
				}
				sum += test.want[item.Name]
			}
			if got := millionths(bill.USD); got < sum-6 || got > sum+6 { // each item was rounded
				t.Errorf("the sum is %d, want %d", got, sum)
			}
		})
	}
}

// millionths of a dollar, rounded half up.
func millionths(m Money) int64 {
	r := m.Times(big.NewRat(1_000_000, 1)).rat()
	n, _ := new(big.Int).SetString(r.FloatString(0), 10)
	return n.Int64()
}

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
		if got := priceMetrics.of(big.NewRat(test.metrics, 1)).String(); got != test.want {
			t.Errorf("%d metrics are %s, want %s", test.metrics, got, test.want)
		}
	}
	// Half a metric of each side of a border.
	if got := priceMetrics.of(big.NewRat(20_001, 2)).rat(); got.Cmp(big.NewRat(60_001, 20)) != 0 {
		t.Errorf("10,000.5 metrics are %s, want 3000.05", got.FloatString(6))
	}
}

func TestBeyondFree(t *testing.T) {
	for _, test := range []struct {
		price    *Price
		quantity int64
		want     string
	}{
		{priceMetrics, 9, "0.00"}, {priceMetrics, 10, "0.00"}, {priceMetrics, 32, "6.60"},
		{priceScheduler, 14_000_000, "0.00"}, {priceScheduler, 15_000_000, "1.00"},
		{priceOut, 6570, "582.30"}, {priceDashboard, 4, "3.00"}, {priceNATHours, 1, "0.05"},
	} {
		if got := test.price.beyondFree(big.NewRat(test.quantity, 1)).String(); got != test.want {
			t.Errorf("%d %s are %s beyond what is free, want %s", test.quantity, test.price.Unit, got, test.want)
		}
	}
}

func TestMoneyIsExact(t *testing.T) {
	third := usd("1").Times(big.NewRat(1, 3))
	if got := third.Plus(third).Plus(third); got.Cmp(usd("1.00")) != 0 {
		t.Errorf("three thirds are %s", got.rat())
	}
	for text, want := range map[string]string{
		"0": "0.00", "0.005": "0.01", "0.00499999": "0.00", "999.995": "1,000.00", "1234567.8": "1,234,567.80",
	} {
		if got := usd(text).String(); got != want {
			t.Errorf("%s is shown as %s, want %s", text, got, want)
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
		if want := Estimate(p, use).USD.Plus(usd("0.10").Times(whole(test.targets))); test.targets != 1 && got.USD.Cmp(want) != 0 {
			t.Errorf("%d targets: %s, want %s", test.targets, got.USD, want)
		}
	}
}

func TestElsewhere(t *testing.T) {
	// 43,800 runs × 5 × 0.0012; 5 × (0.75 + 2 for https + 2 for latency).
	for i, want := range []string{"262.80", "23.75"} {
		if got := Elsewhere(urls(t, 5), each(time.Minute, metric.ProfileTarget))[i]; got.USD.String() != want {
			t.Errorf("%s is %s, want %s", got.Name, got.USD, want)
		}
	}
}

func TestNetworkOfAVPC(t *testing.T) {
	use := each(time.Minute, metric.ProfileGroup)
	without := Estimate(urls(t, 10), use)
	use.VPC = true
	// 730 × 0.045, and 43,800 × 10 × 21,500 B = 9.417 GB × 0.045.
	if got := millionths(Estimate(urls(t, 10), use).USD) - millionths(without.USD); got < 33_273_764 || got > 33_273_766 {
		t.Errorf("a VPC costs %d more, want 33,273,765", got)
	}
}

func TestWhatCannotBeCheckedCostsNothing(t *testing.T) {
	p, err := plan.ParseURLs([]string{"https://example.com", "ftp://example.com"})
	if err != nil {
		t.Fatal(err)
	}
	use := each(time.Minute, metric.ProfilePhases)
	if got, want := Estimate(p, use).USD, Estimate(urls(t, 1), use).USD; got.Cmp(want) != 0 {
		t.Errorf("one target that can be checked and one that can't are %s, want %s", got, want)
	}
}

func TestProfilesGrow(t *testing.T) {
	all := Profiles(urls(t, 3), each(time.Hour, metric.ProfileTarget))
	if len(all) != 3 || all[0].USD.Cmp(all[1].USD) >= 0 || all[1].USD.Cmp(all[2].USD) >= 0 {
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
