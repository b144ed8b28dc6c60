package metric

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
)

var at = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// checked is a complete response with every phase and a certificate.
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

var update = flag.Bool("update", false, "write testdata/datums.txt again")

// TestDatums compares what results of many kinds give with testdata/datums.txt.
// After a change of the table: go test ./internal/metric -update, and read what
// has changed.
func TestDatums(t *testing.T) {
	const golden = "testdata/datums.txt"
	var b strings.Builder
	for _, c := range cases() {
		for _, profile := range Profiles() {
			fmt.Fprintf(&b, "# %s, profile %s\n%s\n", c.name, profile, strings.Join(lines(profile.Series(c.result, at, false)), "\n"))
		}
	}
	fmt.Fprintf(&b, "# no network, profile phases\n%s\n", strings.Join(lines(ProfilePhases.Series(checked("api", check.Status), at, true)), "\n"))
	fmt.Fprintf(&b, "# over all, by group, by reason\n%s\n", strings.Join(lines(rollup(someResults()...).Datums(at, false)), "\n"))
	fmt.Fprintf(&b, "# the same without a network\n%s\n", strings.Join(lines(rollup(someResults()...).Datums(at, true)), "\n"))
	run := Run{Profile: ProfileTarget, Limit: 4, Started: at.Add(3 * time.Second), Scheduled: at, Duration: 812400 * time.Microsecond, Healthy: true, Delivered: DeliveryStats{Lost: 3, EMF: 4}, Memory: &Memory{Failed: true, Untold: 7, Lost: 2}}
	for i, r := range someResults() {
		r.LocalDelay = []time.Duration{300 * time.Microsecond, 300400 * time.Nanosecond, 0}[i%3]
		run.Take(r, i == 4) // it is down
	}
	fmt.Fprintf(&b, "# a run\n%s\n", strings.Join(lines(run.Datums(at)), "\n"))
	run.Blind, run.Memory = true, nil
	fmt.Fprintf(&b, "# a run without a network that is not remembered\n%s\n", strings.Join(lines(run.Datums(at)), "\n"))
	fmt.Fprintf(&b, "# a run of nothing\n%s\n", strings.Join(lines((&Run{Profile: ProfileGroup, Duration: -time.Second}).Datums(at)), "\n"))
	fmt.Fprintf(&b, "# by themselves\n%s\n# series\n", strings.Join(lines([]Datum{Completed(at), Stale(at), InvalidEvent(at)}), "\n"))
	for _, profile := range Profiles() {
		fmt.Fprintf(&b, "%s: 5 targets with https %d, with http %d, none %d\n", profile,
			profile.Count(Census{Targets: 5, Secure: 5, Groups: 1, SecureGroups: 1}), profile.Count(Census{Targets: 5, Groups: 1}), profile.Count(Census{}))
	}
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	got, wanted := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(got), len(wanted)) {
		if got[i] != wanted[i] {
			t.Fatalf("%s:%d: got %q, want %q (go test ./internal/metric -update writes it)", golden, i+1, got[i], wanted[i])
		}
	}
	if len(got) != len(wanted) {
		t.Errorf("%s has %d lines, want %d", golden, len(wanted), len(got))
	}
}

// A case is a result of one kind.
type kind struct {
	name   string
	result *check.Result
}

func cases() []kind {
	return []kind{
		{"up", checked("api", check.OK)},
		{"degraded", with(checked("api", check.Expectation), func(r *check.Result) { r.State = check.Degraded })},
		{"wrong status", checked("api", check.Status)},
		{"timeout", with(checked("api", check.Timeout), func(r *check.Result) {
			r.Complete, r.Phase, r.Phases.Transfer = false, check.FirstByte, check.Absent
		})},
		{"expired", with(checked("api", check.TLSExpired), func(r *check.Result) { r.Complete, r.Certificate.DaysLeft = false, -3.5 })},
		{"plaintext", with(checked("api", check.OK), func(r *check.Result) {
			r.Certificate, r.Phases.TLS, r.Phases.DNS = nil, check.Absent, check.Absent
		})},
		{"not checked", with(checked("api", check.Deadline), func(r *check.Result) { r.Complete = false })},
		{"invalid target", &check.Result{Name: "api", Reason: check.InvalidTarget}},
	}
}

func equal(t *testing.T, got []Datum, want ...string) {
	t.Helper()
	if !slices.Equal(lines(got), want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(lines(got), "\n  "), strings.Join(want, "\n  "))
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

func TestRollupWithoutAVerdict(t *testing.T) {
	equal(t, rollup().Datums(at, false))
	equal(t, rollup(&check.Result{Name: "a", Group: "g", Reason: check.Internal}).Datums(at, false))
}

// TestGroupsAddUp: what is counted over all is the sum of what is counted by
// group, for each metric of the table that counts.
func TestGroupsAddUp(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		var results []*check.Result
		for range random.IntN(30) {
			r := arbitrary(random)
			r.Group = fmt.Sprint("group ", random.IntN(3))
			results = append(results, r)
		}
		totals := map[string]map[string]float64{}
		for _, d := range rollup(results...).Datums(at, false) {
			by := overAll
			if d.Dimensions != nil {
				by = d.Dimensions[0].Name
			}
			if totals[d.Metric] == nil {
				totals[d.Metric] = map[string]float64{}
			}
			for i, n := range d.Counts {
				if d.Unit == Count {
					totals[d.Metric][by] += d.Values[i]
				} else if d.Metric != "CertificateDaysLeft" {
					totals[d.Metric][by] += n
				}
			}
		}
		for metric, by := range totals {
			if by[overAll] != by[byGroup] && by[byReason] == 0 {
				t.Fatalf("%s: %v over all and %v by group", metric, by[overAll], by[byGroup])
			}
		}
		if totals["Failures"][byReason] != totals["Down"][overAll] {
			t.Fatalf("%v failures and %v down", totals["Failures"], totals["Down"])
		}
	}
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

// TestWhatIsNotANumberIsUnknown: no datum has it, alone or among others.
func TestWhatIsNotANumberIsUnknown(t *testing.T) {
	m := maker{at: at}
	m.plain(&table[0], Dimension{}, math.NaN())
	m.distribution(&table[0], Dimension{}, map[float64]int{math.NaN(): 2, 1: 1, math.Inf(1): 1})
	equal(t, m.datums, fmt.Sprintf("Up None 1×1 %v×1", math.Ldexp(1, 360)))
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
	for _, want := range Profiles() {
		if got, err := ParseProfile(string(want)); got != want || err != nil {
			t.Errorf("ParseProfile(%q) = %q, %v", want, got, err)
		}
	}
	for _, bad := range []string{"", "Target", "all", " target"} {
		_, err := ParseProfile(bad)
		want := fmt.Sprintf("%q is not a profile of metrics: use group, target or phases", bad)
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
	for _, profile := range Profiles() {
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
	run := Run{Scheduled: at, Started: at.Add(time.Second), Memory: &Memory{}}
	var all []Datum
	for _, r := range results {
		all = append(all, profile.Series(r, at, false)...)
		ro.Add(r)
		run.Take(r, false)
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
			return "a value that is not printable ASCII"
		}
	}
	return ""
}
