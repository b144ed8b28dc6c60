package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
)

var at = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// checked is a complete answer with every phase and a certificate.
func checked(name string, reason check.Reason) *check.Result {
	phases := check.Phases{
		DNS: 1 * time.Millisecond, Connect: 2 * time.Millisecond, TLS: 3 * time.Millisecond,
		FirstByte: 4 * time.Millisecond, Transfer: 2500 * time.Microsecond,
	}
	return &check.Result{
		Name: name, Group: "shop", State: reason.State(), Reason: reason, Attempts: 1,
		Duration: phases.Sum(), Phases: phases, Complete: true,
		Certificate: &check.Certificate{DaysLeft: 61.4},
	}
}

// with returns r after a change.
func with(r *check.Result, change func(*check.Result)) *check.Result {
	change(r)
	return r
}

// lines writes datums one a line: metric, dimension, unit, value×count.
func lines(datums []Datum) []string {
	var out []string
	for _, d := range datums {
		var b strings.Builder
		b.WriteString(d.Metric)
		for _, dim := range d.Dimensions {
			fmt.Fprintf(&b, " %s=%s", dim.Name, dim.Value)
		}
		b.WriteString(" " + string(d.Unit))
		for i, v := range d.Values {
			fmt.Fprintf(&b, " %v×%v", v, d.Counts[i])
		}
		out = append(out, b.String())
	}
	return out
}

func equal(t *testing.T, got []Datum, want ...string) {
	t.Helper()
	if !slices.Equal(lines(got), want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(lines(got), "\n  "), strings.Join(want, "\n  "))
	}
}

func TestSeries(t *testing.T) {
	timeout := with(checked("api", check.Timeout), func(r *check.Result) {
		r.Complete, r.Phase, r.Phases.Transfer = false, check.FirstByte, check.Absent
	})
	expired := with(checked("api", check.TLSExpired), func(r *check.Result) {
		r.Complete, r.Certificate.DaysLeft = false, -3.5
	})
	plain := with(checked("api", check.OK), func(r *check.Result) {
		r.Certificate, r.Phases.TLS, r.Phases.DNS = nil, check.Absent, check.Absent
	})
	degraded := with(checked("api", check.Expectation), func(r *check.Result) { r.State = check.Degraded })
	open := with(checked("api", check.Deadline), func(r *check.Result) { r.Complete = false })
	for name, test := range map[string]struct {
		profile Profile
		result  *check.Result
		want    []string
	}{
		"group":             {ProfileGroup, checked("api", check.OK), nil},
		"no profile":        {"", checked("api", check.OK), nil},
		"not checked":       {ProfilePhases, open, nil},
		"invalid target":    {ProfileTarget, &check.Result{Name: "api", Reason: check.InvalidTarget}, nil},
		"up":                {ProfileTarget, checked("api", check.OK), []string{"Up Target=api None 1×1", "Duration Target=api Milliseconds 12.5×1"}},
		"degraded is up":    {ProfileTarget, degraded, []string{"Up Target=api None 1×1", "Duration Target=api Milliseconds 12.5×1"}},
		"wrong status":      {ProfileTarget, checked("api", check.Status), []string{"Up Target=api None 0×1", "Duration Target=api Milliseconds 12.5×1"}},
		"time-out":          {ProfileTarget, timeout, []string{"Up Target=api None 0×1"}},
		"phases, time-out":  {ProfilePhases, timeout, []string{"Up Target=api None 0×1", "CertificateDaysLeft Target=api None 61.4×1"}},
		"phases, expired":   {ProfilePhases, expired, []string{"Up Target=api None 0×1", "CertificateDaysLeft Target=api None -3.5×1"}},
		"phases, plaintext": {ProfilePhases, plain, []string{"Up Target=api None 1×1", "Duration Target=api Milliseconds 12.5×1", "ConnectTime Target=api Milliseconds 2×1", "FirstByteTime Target=api Milliseconds 4×1", "TransferTime Target=api Milliseconds 2.5×1"}},
		"phases": {ProfilePhases, checked("api", check.OK), []string{
			"Up Target=api None 1×1", "Duration Target=api Milliseconds 12.5×1", "DNSTime Target=api Milliseconds 1×1",
			"ConnectTime Target=api Milliseconds 2×1", "TLSTime Target=api Milliseconds 3×1", "FirstByteTime Target=api Milliseconds 4×1",
			"TransferTime Target=api Milliseconds 2.5×1", "CertificateDaysLeft Target=api None 61.4×1"}},
	} {
		t.Run(name, func(t *testing.T) { equal(t, test.profile.Series(test.result, at), test.want...) })
	}
}

func rollup(results ...*check.Result) *Rollup {
	var ro Rollup
	for _, r := range results {
		ro.Add(r)
	}
	return &ro
}

func someResults() []*check.Result {
	blog := func(r *check.Result) { r.Group = "blog" }
	return []*check.Result{
		checked("a", check.OK),
		with(checked("b", check.OK), func(r *check.Result) { r.Duration = 12503 * time.Microsecond; r.Flaky = true }),
		with(checked("c", check.Status), func(r *check.Result) { r.Duration = 431 * time.Millisecond; r.Certificate.DaysLeft = 2 }),
		with(checked("d", check.Expectation), func(r *check.Result) { r.State = check.Degraded }),
		with(checked("e", check.Timeout), func(r *check.Result) { r.Complete = false; blog(r) }),
		with(checked("f", check.Unstarted), func(r *check.Result) { r.Complete = false; r.Group = "nobody" }),
	}
}

func TestRollup(t *testing.T) {
	equal(t, rollup(someResults()...).Datums(at, false),
		"Up None 0×2 1×3",
		"Duration Milliseconds 12.5×3 431×1",
		"CertificateDaysLeft None 2×1",
		"Degraded Count 1×1", "Down Count 2×1", "Flaky Count 1×1",
		"Up Group=blog None 0×1",
		"CertificateDaysLeft Group=blog None 61.4×1",
		"Degraded Group=blog Count 0×1", "Down Group=blog Count 1×1", "Flaky Group=blog Count 0×1",
		"Up Group=shop None 0×1 1×3",
		"Duration Group=shop Milliseconds 12.5×3 431×1",
		"CertificateDaysLeft Group=shop None 2×1",
		"Degraded Group=shop Count 1×1", "Down Group=shop Count 1×1", "Flaky Group=shop Count 1×1",
		"Failures Reason=timeout Count 1×1", "Failures Reason=status Count 1×1",
	)
}

func TestRollupOfAVantagePointAtFault(t *testing.T) {
	equal(t, rollup(someResults()...).Datums(at, true),
		"Duration Milliseconds 12.5×3 431×1",
		"CertificateDaysLeft None 2×1",
		"CertificateDaysLeft Group=blog None 61.4×1",
		"Duration Group=shop Milliseconds 12.5×3 431×1",
		"CertificateDaysLeft Group=shop None 2×1",
	)
}

func TestRollupWithoutAVerdict(t *testing.T) {
	equal(t, rollup().Datums(at, false))
	equal(t, rollup(&check.Result{Name: "a", Group: "g", Reason: check.Internal}).Datums(at, false))
}

func TestRun(t *testing.T) {
	run := Run{
		Checked: 5, NotChecked: 2, WithoutMetrics: 1, Duration: 812400 * time.Microsecond, ScheduleDelay: 3 * time.Second,
		LocalDelays: []time.Duration{300 * time.Microsecond, 300400 * time.Nanosecond, 0}, Healthy: true, Lost: 3, ByLog: 4,
	}
	equal(t, run.Datums(at),
		"TargetsChecked Count 5×1", "TargetsNotChecked Count 2×1", "TargetsWithoutMetrics Count 1×1",
		"RunDuration Milliseconds 812.4×1", "ScheduleDelay Milliseconds 3000×1", "LocalDelay Milliseconds 0×1 0.3×2",
		"MonitorHealthy None 1×1", "MetricsLost Count 3×1", "MetricsByLog Count 4×1",
	)
	equal(t, Run{ScheduleDelay: check.Absent, Duration: -time.Second}.Datums(at),
		"TargetsChecked Count 0×1", "TargetsNotChecked Count 0×1", "TargetsWithoutMetrics Count 0×1",
		"RunDuration Milliseconds 0×1", "MonitorHealthy None 0×1", "MetricsLost Count 0×1", "MetricsByLog Count 0×1",
	)
	equal(t, []Datum{Completed(at), Stale(at), InvalidEvent(at)},
		"RunCompleted Count 1×1", "StaleEvent Count 1×1", "InvalidEvent Count 1×1")
}

func TestDistributionsAreCutAt150Values(t *testing.T) {
	var ro Rollup
	for i := range 400 {
		ro.Add(with(checked("a", check.OK), func(r *check.Result) { r.Duration = time.Duration(100+i) * time.Millisecond }))
	}
	var sizes []int
	last := -1.0
	for _, d := range ro.Datums(at, false) {
		if d.Metric != "Duration" || d.Dimensions != nil {
			continue
		}
		sizes = append(sizes, len(d.Values))
		for _, v := range d.Values {
			if v <= last {
				t.Fatalf("%v after %v: the values are not in order", v, last)
			}
			last = v
		}
	}
	if want := []int{150, 150, 100}; !slices.Equal(sizes, want) {
		t.Errorf("datums of %v values, want %v", sizes, want)
	}
}

func TestDistributionsHaveThreeDigits(t *testing.T) {
	for _, test := range []struct{ got, want float64 }{
		{rounded(0), 0}, {rounded(12.345), 12.3}, {rounded(12.35), 12.3}, {rounded(99.96), 100},
		{rounded(1234567), 1.23e6}, {rounded(0.0012345), 0.00123},
	} {
		if test.got != test.want {
			t.Errorf("rounded = %v, want %v", test.got, test.want)
		}
	}
}

func TestDimensionValue(t *testing.T) {
	long := strings.Repeat("a", 300)
	for _, test := range []struct{ in, want string }{
		{"shop.example.com/health", "shop.example.com/health"},
		{"two words", "two words"},
		{long[:255], long[:255]},
		{"", "_#e3b0c442"},
		{"  ", "_  #6c179f21"},
		{":colon", "_:colon#2a457c51"},
		{"café", "caf_#850f7dc4"},
		{"tab\there", "tab_here#5b876593"},
		{"\xff\xfe", "__#b3d510ef"},
		{long, long[:246] + "#9835fa6b"},
	} {
		got := dimensionValue(test.in)
		if got != test.want {
			t.Errorf("dimensionValue(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

func TestDimensionValuesNeverCollide(t *testing.T) {
	seen := map[string]string{}
	long := strings.Repeat("x", 255)
	for _, s := range []string{"", " ", "_", "é", "è", "_é", ":", "_:", "::", long, long + "1", long + "2", long + "é", "\xff", "\xfe"} {
		got := dimensionValue(s)
		if other, ok := seen[got]; ok {
			t.Errorf("%q and %q are both %q", s, other, got)
		}
		seen[got] = s
	}
}

func TestParseProfile(t *testing.T) {
	for _, want := range everyProfile() {
		if got, err := ParseProfile(string(want)); got != want || err != nil {
			t.Errorf("ParseProfile(%q) = %q, %v", want, got, err)
		}
	}
	for _, bad := range []string{"", "Target", "all", " target"} {
		_, err := ParseProfile(bad)
		want := fmt.Sprintf("%q is no profile of metrics: it must be group, target or phases", bad)
		if err == nil || err.Error() != want {
			t.Errorf("ParseProfile(%q): %v, want %s", bad, err, want)
		}
	}
}

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for i, d := range Table() {
		if d.Name == "" || d.Unit == "" || d.Meaning == "" || len(d.Dimensions) == 0 {
			t.Errorf("row %d is not whole: %+v", i, d)
		}
		for _, by := range d.Dimensions {
			if seen[d.Name+"/"+by] {
				t.Errorf("%s by %q stands twice", d.Name, by)
			}
			seen[d.Name+"/"+by] = true
			if slices.ContainsFunc(Table(), func(o Definition) bool { return o.Name == by }) {
				t.Errorf("%q names a dimension and a metric: a line of EMF can't hold both", by)
			}
		}
	}
	Table()[0].Dimensions[0] = "changed"
	if got := Table()[0].Dimensions[0]; got != "Target" {
		t.Errorf("a caller changed the table: %q", got)
	}
}

// TestTableIsWhatIsPublished compares the table with the datums of a run in
// which everything occurs.
func TestTableIsWhatIsPublished(t *testing.T) {
	for _, profile := range everyProfile() {
		want := map[string]bool{}
		for _, d := range Table() {
			for _, by := range d.Dimensions {
				if slices.Contains(d.Profiles, profile) {
					want[d.Name+"/"+by+"/"+string(d.Unit)] = true
				}
			}
		}
		got := map[string]bool{}
		for _, d := range everything(profile, someResults()) {
			by := ""
			if len(d.Dimensions) > 0 {
				by = d.Dimensions[0].Name
			}
			got[d.Metric+"/"+by+"/"+string(d.Unit)] = true
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: published %v, the table has %v", profile, got, want)
		}
	}
}

func everything(profile Profile, results []*check.Result) []Datum {
	var ro Rollup
	run := Run{ScheduleDelay: time.Second}
	var all []Datum
	for _, r := range results {
		all = append(all, profile.Series(r, at)...)
		ro.Add(r)
		run.LocalDelays = append(run.LocalDelays, r.LocalDelay)
	}
	all = append(all, ro.Datums(at, false)...)
	all = append(all, run.Datums(at)...)
	return append(all, Completed(at))
}

// TestWhateverTheResultEveryDatumIsWithinCloudWatchsLimits is a property:
// CloudWatch takes every datum that this package makes.
func TestWhateverTheResultEveryDatumIsWithinCloudWatchsLimits(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		results := make([]*check.Result, random.IntN(40))
		for i := range results {
			results[i] = arbitrary(random)
		}
		for _, d := range everything(ProfilePhases, results) {
			if problem := refused(d); problem != "" {
				t.Fatalf("%+v: %s", d, problem)
			}
		}
	}
}

func arbitrary(random *rand.Rand) *check.Result {
	text := func() string {
		b := make([]byte, random.IntN(6)*random.IntN(80))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return string(b)
	}
	duration := func() time.Duration {
		odd := [...]time.Duration{0, -1, check.Absent, math.MaxInt64, math.MinInt64 + 1}
		if i := random.IntN(12); i < len(odd) {
			return odd[i]
		}
		return time.Duration(random.Int64N(int64(time.Minute)))
	}
	r := &check.Result{
		Name: text(), Group: text(), State: check.State(random.IntN(4)), Reason: check.Reasons()[random.IntN(len(check.Reasons()))],
		Flaky: random.IntN(2) == 0, Complete: random.IntN(3) > 0, Duration: duration(), LocalDelay: duration(),
		Phases: check.Phases{DNS: duration(), Connect: duration(), TLS: duration(), FirstByte: duration(), Transfer: duration()},
	}
	if random.IntN(2) == 0 {
		odd := [...]float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, 0, 61.4, -1}
		r.Certificate = &check.Certificate{DaysLeft: odd[random.IntN(len(odd))]}
	}
	return r
}

// refused says why CloudWatch would not take d, by its documented limits.
func refused(d Datum) string {
	switch {
	case d.Metric == "" || d.Unit == "" || !d.Time.Equal(at):
		return "no metric, unit or time"
	case len(d.Values) == 0 || len(d.Values) > 150 || len(d.Values) != len(d.Counts):
		return "a wrong number of values"
	case len(d.Dimensions) > 1:
		return "more than one dimension"
	}
	for i, v := range d.Values {
		if math.IsNaN(v) || math.Abs(v) > math.Ldexp(1, 360) || d.Counts[i] < 1 || d.Counts[i] != math.Trunc(d.Counts[i]) {
			return fmt.Sprintf("value %v, count %v", v, d.Counts[i])
		}
		if d.Unit == Milliseconds && v < 0 {
			return "a negative duration"
		}
	}
	for _, dim := range d.Dimensions {
		if len(dim.Value) > 255 || strings.TrimSpace(dim.Value) == "" || strings.HasPrefix(dim.Value, ":") {
			return "a value of the wrong length or beginning"
		}
		if strings.ContainsFunc(dim.Value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return "a value that is no printable ASCII"
		}
	}
	return ""
}
