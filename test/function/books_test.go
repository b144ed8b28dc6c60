package function_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/metric"
	"rollcall/internal/monitor"
	"rollcall/internal/testnet"
)

// Books are observations by series: "Duration Milliseconds Target=google.com"
// has its values in order, each as often as it occurred.
type books map[string][]float64

func (b books) enter(metric, unit, dimension string, values ...float64) {
	series := strings.TrimSpace(metric + " " + unit + " " + dimension)
	b[series] = append(b[series], values...)
	slices.Sort(b[series])
}

// expected are the books of what package metric makes of the results that the
// summary has, and their number of datums: what is tested here is that each of
// them arrives, as it is, and once. limit is how many targets have series of
// their own.
func (s *summary) expected(t *testing.T, limit int) (books, int) {
	t.Helper()
	var m monitor.Summary
	if err := json.Unmarshal(s.raw, &m); err != nil {
		t.Fatal(err)
	}
	profile := metric.Profile(m.Profile)
	var datums []metric.Datum
	var rollup metric.Rollup
	for i := range m.Results {
		r := &m.Results[i]
		r.Complete = slices.Contains([]check.Reason{check.OK, check.Status, check.Expectation}, r.Reason)
		rollup.Add(r)
		if i < limit {
			left := r.State == check.Up && !r.Flaky // while the sweep went on
			datums = append(datums, profile.Series(r, m.Started, m.VantageUnhealthy && !left)...)
		}
	}
	datums = append(datums, rollup.Datums(m.Started, m.VantageUnhealthy)...)
	run := metric.Run{
		Profile: profile, Limit: limit, Healthy: m.Healthy,
		Scheduled: m.Scheduled, Started: m.Started, Duration: time.Duration(m.Duration), Blind: m.VantageUnhealthy,
	}
	for i := range m.Results {
		run.Take(&m.Results[i], false)
	}
	if s.Published.EMF > 0 {
		run.Delivered.EMF = len(datums) // so far
	}
	datums = append(append(datums, run.Datums(m.Started)...), metric.Completed(m.Started))
	b := books{}
	for _, d := range datums {
		by := ""
		for _, dim := range d.Dimensions {
			by = dim.Name + "=" + dim.Value
		}
		for i, v := range d.Values {
			b.enter(d.Metric, string(d.Unit), by, slices.Repeat([]float64{v}, int(d.Counts[i]))...)
		}
	}
	return b, len(datums)
}

// differences are the lines in which two books differ. Values are as exact as
// the summary has them.
func (b books) differences(want books) []string {
	var found []string
	for _, series := range slices.Sorted(maps.Keys(want)) {
		if _, ok := b[series]; !ok {
			found = append(found, fmt.Sprintf("%s is missing, want %v", series, want[series]))
		}
	}
	for _, series := range slices.Sorted(maps.Keys(b)) {
		equal := func(got, want float64) bool { return math.Abs(got-want) < 0.0051 } // certificates have two decimals
		switch {
		case strings.HasPrefix(series, "ScheduleDelay"): // the start is to the millisecond
			equal = func(got, want float64) bool { return math.Abs(got-want) <= 0.51 }
		case strings.HasPrefix(series, "RunDuration"): // so far, when it was sent
			equal = func(got, want float64) bool { return got > 0 && got <= want }
		}
		if values, ok := want[series]; !ok {
			found = append(found, fmt.Sprintf("%s = %v, want none", series, b[series]))
		} else if !slices.EqualFunc(b[series], values, equal) {
			found = append(found, fmt.Sprintf("%s = %v, want %v", series, b[series], values))
		}
	}
	return found
}

// TestTheSummaryAddsUp holds the datums that CloudWatch accepted against the
// summary's own counts, without package metric.
func TestTheSummaryAddsUp(t *testing.T) {
	r := newRig(t, testnet.Options{})
	s := r.run(t, shippedEvent(t, "demo.json", map[string]any{"metrics": "phases"}))
	sums, observations := map[string]float64{}, map[string]int{}
	for series, values := range accepted(t, r.CloudWatch.Accepted(), s) {
		name, rest, _ := strings.Cut(series, " ")
		_, by, _ := strings.Cut(rest, " ")
		by, _, _ = strings.Cut(by, "=")
		for _, v := range values {
			sums[name+" "+by] += v
			observations[name+" "+by]++
		}
	}
	checked := s.Targets - s.NotChecked
	for _, by := range []string{"", "Group", "Target"} {
		if up := int(sums["Up "+by]); up != s.Up+s.Degraded || observations["Up "+by] != checked {
			t.Errorf("%d of %d are up by %q, want %d of %d", up, observations["Up "+by], by, s.Up+s.Degraded, checked)
		}
	}
	for _, by := range []string{"", "Group"} {
		if sums["Down "+by] != float64(s.Down) || sums["Degraded "+by] != float64(s.Degraded) || sums["Flaky "+by] != float64(s.Flaky) {
			t.Errorf("%v down, %v degraded, %v flaky by %q, want %+v", sums["Down "+by], sums["Degraded "+by], sums["Flaky "+by], by, s)
		}
	}
	if sums["Failures Reason"] != float64(s.Down) || sums["TargetsChecked "] != float64(checked) || sums["TargetsNotChecked "] != float64(s.NotChecked) {
		t.Errorf("%v failures, %v checked, %v not", sums["Failures Reason"], sums["TargetsChecked "], sums["TargetsNotChecked "])
	}
	if n := observations["LocalDelay "]; n != checked {
		t.Errorf("%d local delays of %d", n, checked)
	}
	for _, d := range r.CloudWatch.Accepted() {
		known := slices.ContainsFunc(metric.Table(), func(row metric.Definition) bool {
			by := ""
			if len(d.Dimensions) > 0 {
				by = d.Dimensions[0].Name
			}
			return row.Name == d.Metric && string(row.Unit) == d.Unit && slices.Contains(row.Dimensions, by)
		})
		if !known {
			t.Errorf("%s in %s is not in the table", d.Metric, d.Unit)
		}
	}
}

// accepted are the books of what CloudWatch has accepted.
func accepted(t *testing.T, datums []testnet.Datum, s *summary) books {
	t.Helper()
	b := books{}
	for _, d := range datums {
		sameTime(t, d.Metric, d.Timestamp, s)
		if d.Namespace != "Rollcall" || len(d.Dimensions) > 1 {
			t.Errorf("%s is in %q with %v", d.Metric, d.Namespace, d.Dimensions)
		}
		by := ""
		for _, dim := range d.Dimensions {
			by = dim.Name + "=" + dim.Value
		}
		if d.Values == nil {
			b.enter(d.Metric, d.Unit, by, d.Value)
		}
		for i, v := range d.Values {
			b.enter(d.Metric, d.Unit, by, slices.Repeat([]float64{v}, int(d.Counts[i]))...)
		}
	}
	return b
}

// sameTime: the scheduled minute, else the run's start.
func sameTime(t *testing.T, metric string, at time.Time, s *summary) {
	t.Helper()
	if want := s.Scheduled.Truncate(time.Minute); !s.Scheduled.IsZero() && !at.Equal(want) {
		t.Errorf("%s is of %v, want the scheduled minute %v", metric, at, want)
	}
	if off := at.Sub(s.Started).Abs(); s.Scheduled.IsZero() && off > time.Millisecond {
		t.Errorf("%s is of %v, want the run's start %v", metric, at, s.Started)
	}
}

// A runCase is an event, how it is run, and what it has to show.
type runCase struct {
	name    string
	event   string
	env     []string
	limit   int // targets with series of their own
	shows   func(*summary) bool
	timeout time.Duration // 0: the rig's
}

// runCases are runs of every kind, in the three profiles.
func runCases(t *testing.T) []runCase {
	now := time.Now().UTC().Format(time.RFC3339)
	mixed := func(s *summary) bool { return s.Up > 3 && s.Down > 10 && s.Healthy }
	all := func(s *summary) bool { return s.Up == s.Targets && s.Healthy }
	return []runCase{
		{"gafam", shippedEvent(t, "gafam.json", nil), nil, 1000, all, 0},
		{"gafam in groups", shippedEvent(t, "gafam.json", map[string]any{"metrics": "group", "scheduled": now}), nil, 1000, all, 0},
		{"gafam in phases", shippedEvent(t, "gafam.json", nil), []string{"ROLLCALL_METRICS=phases"}, 1000, all, 0},
		{"gafam beyond the limit", shippedEvent(t, "gafam.json", nil), []string{"ROLLCALL_TARGET_LIMIT=2"}, 2, all, 0},
		{"demo", shippedEvent(t, "demo.json", nil), nil, 1000, mixed, 0},
		{"demo in phases", shippedEvent(t, "demo.json", map[string]any{"metrics": "phases", "scheduled": now}), nil, 1000, mixed, 0},
		{"one at a time", shippedEvent(t, "gafam.json", nil), []string{"ROLLCALL_IN_FLIGHT=1"}, 1000, all, 0},
		{"nothing to check", `{"urls": []}`, nil, 1000, all, 0},
		{"flaky and invalid", `{"urls": ["https://second-time.stage.test", "ftp://no.stage.test", "https://good.stage.test"]}`, nil, 1000,
			func(s *summary) bool { return s.Flaky == 1 && s.Up == 2 && s.NotChecked == 1 }, 0},
		{"no network", noNetwork(), []string{"ROLLCALL_CANARY=https://canary.nowhere.test"}, 1000,
			func(s *summary) bool { return s.VantageUnhealthy && !s.Healthy && s.Up == 1 && s.Down == 5 }, 0},
	}
}

// noNetwork is an event of six hosts, of which only one resolves.
func noNetwork() string {
	urls := []string{"https://good.stage.test"}
	for i := range 5 {
		urls = append(urls, fmt.Sprintf("https://host-%d.nowhere.test", i))
	}
	return eventOf(map[string]any{"urls": urls})
}

// secondTime fails at first.
func secondTime() http.Handler {
	var asked atomic.Int32
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
}

// check runs it on a test network whose CloudWatch has a fault, and checks the
// summary's own counts.
func (p runCase) check(t *testing.T, fault func(int) testnet.Fault, env ...string) (*rig, *summary) {
	t.Helper()
	r := newRig(t, testnet.Options{Handlers: map[string]http.Handler{"second-time.stage.test": secondTime()}}, append(p.env, env...)...)
	r.CloudWatch.SetFault(fault)
	if p.timeout > 0 {
		r.timeout = p.timeout
	}
	s := r.run(t, p.event)
	r.function.Stop() // then all of its output is here
	if !p.shows(s) {
		t.Errorf("the run does not show what it is for: %s", s.raw)
	}
	if pub := s.Published; pub.Datums != pub.Accepted+pub.EMF+pub.Lost || pub.Lost > 0 || pub.Unclear > 0 {
		t.Errorf("published %+v", pub)
	}
	return r, s
}

func TestCloudWatchAcceptsWhatTheResultsSay(t *testing.T) {
	for _, p := range runCases(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			r, s := p.check(t, nil)
			datums := r.CloudWatch.Accepted()
			want, n := s.expected(t, p.limit)
			for _, line := range accepted(t, datums, s).differences(want) {
				t.Error(line)
			}
			if len(datums) != n || s.Published.Accepted != n || s.Published.Datums != n {
				t.Errorf("%d datums were accepted and %+v published, want %d", len(datums), s.Published, n)
			}
			if last := datums[len(datums)-1].Metric; last != "RunCompleted" {
				t.Errorf("the last datum is %s, want RunCompleted", last)
			}
			if lines := emfLines(t, r); len(lines) > 0 {
				t.Errorf("%d lines of EMF beside what CloudWatch took", len(lines))
			}
		})
	}
}

func TestTheLogHasWhatCloudWatchRefuses(t *testing.T) {
	denied := testnet.Always(testnet.Fault{Mode: testnet.AccessDenied})
	for _, p := range runCases(t) {
		if p.name == "demo" || p.name == "flaky and invalid" {
			continue // long, and nothing in them that the log would have in another way
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			r, s := p.check(t, denied)
			byLogOnly(t, r, s, p.limit)
		})
	}
	t.Run("nothing listens", func(t *testing.T) {
		t.Parallel()
		p := runCases(t)[0]
		p.timeout = 3 * time.Second // of which not much is left for trying again
		r, s := p.check(t, nil, "ROLLCALL_CLOUDWATCH_ENDPOINT="+refusedEndpoint(t))
		byLogOnly(t, r, s, p.limit)
	})
}

// refusedEndpoint is an endpoint where nothing listens.
func refusedEndpoint(t *testing.T) string {
	t.Helper()
	tn, err := testnet.Start(testnet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tn.Close() })
	o, ok := tn.Origin("refusing.stage.test")
	if !ok {
		t.Fatal("the test network has no server that refuses")
	}
	return "http://" + o.Addr.String()
}

// byLogOnly compares the log's metrics with the results.
func byLogOnly(t *testing.T, r *rig, s *summary, limit int) {
	t.Helper()
	want, n := s.expected(t, limit)
	got := books{}
	for _, line := range emfLines(t, r) {
		line.enterInto(t, got, s)
	}
	for _, line := range got.differences(want) {
		t.Error(line)
	}
	if s.Published.EMF != n || s.Published.Datums != n {
		t.Errorf("published %+v, want %d by EMF", s.Published, n)
	}
	if taken := r.CloudWatch.Accepted(); len(taken) > 0 {
		t.Errorf("CloudWatch accepted %d datums", len(taken))
	}
}

// An emfLine is one document of the embedded metric format.
type emfLine struct {
	AWS struct {
		Timestamp         int64
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name, Unit string }
		}
	} `json:"_aws"`
	members map[string]json.RawMessage
}

// emfLines are the documents on the function's standard output so far.
func emfLines(t *testing.T, r *rig) []emfLine {
	t.Helper()
	var lines []emfLine
	for _, text := range r.function.Stdout() {
		var l emfLine
		if err := json.Unmarshal([]byte(text), &l.members); err != nil {
			t.Fatalf("standard output has a line that is not JSON: %s", text)
		}
		if _, ok := l.members["_aws"]; !ok {
			continue
		}
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if len(text) > 256<<10 {
			t.Errorf("a line of EMF has %d bytes", len(text))
		}
		lines = append(lines, l)
	}
	return lines
}

// enterInto books a line's metrics as CloudWatch reads them.
func (l emfLine) enterInto(t *testing.T, b books, s *summary) {
	t.Helper()
	for _, directive := range l.AWS.CloudWatchMetrics {
		if directive.Namespace != "Rollcall" || len(directive.Dimensions) != 1 {
			t.Errorf("EMF in %q with dimensions %v", directive.Namespace, directive.Dimensions)
			continue
		}
		by := ""
		for _, name := range directive.Dimensions[0] {
			by = name + "=" + l.text(t, name)
		}
		for _, m := range directive.Metrics {
			sameTime(t, m.Name, time.UnixMilli(l.AWS.Timestamp), s)
			b.enter(m.Name, m.Unit, by, l.numbers(t, m.Name)...)
		}
	}
}

func (l emfLine) text(t *testing.T, name string) (text string) {
	t.Helper()
	if err := json.Unmarshal(l.members[name], &text); err != nil {
		t.Errorf("%s is %s: %v", name, l.members[name], err)
	}
	return text
}

// numbers reads a number or an array of at most 100 of them.
func (l emfLine) numbers(t *testing.T, name string) []float64 {
	t.Helper()
	var number float64
	if json.Unmarshal(l.members[name], &number) == nil {
		return []float64{number}
	}
	var several []float64
	if err := json.Unmarshal(l.members[name], &several); err != nil || len(several) > 100 {
		t.Errorf("%s has %d values: %v", name, len(several), err)
	}
	return several
}
