package function_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rollcall/internal/testnet"
)

// Books are observations by series: "Duration Milliseconds Target=google.com"
// has its values in order, each as often as it occurred.
type books map[string][]float64

func (b books) add(metric, unit, dimension string, values ...float64) {
	series := strings.TrimSpace(metric + " " + unit + " " + dimension)
	b[series] = append(b[series], values...)
	slices.Sort(b[series])
}

// datums is how many datums the series need: one each, as long as no
// distribution has more than 150 distinct values.
func (b books) datums() int {
	n := 0
	for _, values := range b {
		n += (len(slices.Compact(slices.Clone(values))) + 149) / 150
	}
	return n
}

// expected works out from the results alone what the contract's table of
// metrics wants published: limit is how many targets have series of their own.
func (s *summary) expected(limit int) books {
	b := books{}
	groups := map[string][]result{}
	var all []result
	for i, r := range s.Results {
		if !r.checked() {
			continue
		}
		if i < limit {
			s.target(b, r)
		}
		all, groups[r.Group] = append(all, r), append(groups[r.Group], r)
	}
	if len(all) > 0 {
		s.aggregate(b, "", all)
	}
	for group, results := range groups {
		s.aggregate(b, "Group="+group, results)
	}
	s.failures(b, all)
	s.own(b, all, limit)
	return b
}

// target is what one target has for itself.
func (s *summary) target(b books, r result) {
	if s.Profile == "group" {
		return
	}
	by := "Target=" + r.Name
	if !s.VantageUnhealthy || r.State == "up" && !r.Flaky {
		b.add("Up", "None", by, up(r))
	}
	if r.complete() {
		b.add("Duration", "Milliseconds", by, r.Duration)
	}
	if s.Profile != "phases" {
		return
	}
	for phase, metric := range map[string]string{
		"dns": "DNSTime", "connect": "ConnectTime", "tls": "TLSTime", "firstByte": "FirstByteTime", "transfer": "TransferTime",
	} {
		if took, happened := r.Phases[phase]; happened && r.complete() {
			b.add(metric, "Milliseconds", by, took)
		}
	}
	if r.Certificate != nil {
		b.add("CertificateDaysLeft", "None", by, r.Certificate.DaysLeft)
	}
}

func up(r result) float64 {
	if r.State == "down" {
		return 0
	}
	return 1
}

// aggregate is what a group has, or all groups together.
func (s *summary) aggregate(b books, by string, results []result) {
	var degraded, down, flaky float64
	fewest := math.Inf(1)
	for _, r := range results {
		if r.complete() {
			b.add("Duration", "Milliseconds", by, significant(r.Duration))
		}
		if r.Certificate != nil {
			fewest = min(fewest, r.Certificate.DaysLeft)
		}
		degraded += one(r.State == "degraded")
		down += one(r.State == "down")
		flaky += one(r.Flaky)
		if !s.VantageUnhealthy {
			b.add("Up", "None", by, up(r))
		}
	}
	if !math.IsInf(fewest, 1) {
		b.add("CertificateDaysLeft", "None", by, fewest)
	}
	if s.VantageUnhealthy {
		return
	}
	b.add("Degraded", "Count", by, degraded)
	b.add("Down", "Count", by, down)
	b.add("Flaky", "Count", by, flaky)
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// significant keeps three digits, as distributions do.
func significant(v float64) float64 {
	kept, _ := strconv.ParseFloat(fmt.Sprintf("%.3g", v), 64)
	return kept
}

func (s *summary) failures(b books, checked []result) {
	reasons := map[string]float64{}
	for _, r := range checked {
		if r.State == "down" && !s.VantageUnhealthy {
			reasons[r.Reason]++
		}
	}
	for reason, n := range reasons {
		b.add("Failures", "Count", "Reason="+reason, n)
	}
}

// own is what the run says of itself. What went by the log is known before
// these datums go, so they are not in it.
func (s *summary) own(b books, checked []result, limit int) {
	var delays []float64
	for _, r := range checked {
		delays = append(delays, significant(r.LocalDelay))
	}
	if len(delays) > 0 {
		b.add("LocalDelay", "Milliseconds", "", delays...)
	}
	without := max(0, len(s.Results)-limit)
	if s.Profile == "group" {
		without = 0
	}
	byLog := 0
	if s.Published.EMF > 0 {
		byLog = b.datums() - datumsOf(b, "LocalDelay")
	}
	b.add("TargetsChecked", "Count", "", float64(len(checked)))
	b.add("TargetsNotChecked", "Count", "", float64(len(s.Results)-len(checked)))
	b.add("TargetsWithoutMetrics", "Count", "", float64(without))
	b.add("RunDuration", "Milliseconds", "", s.Duration)
	if !s.Scheduled.IsZero() {
		b.add("ScheduleDelay", "Milliseconds", "", float64(s.Started.Sub(s.Scheduled))/1e6)
	}
	b.add("MonitorHealthy", "None", "", one(s.Healthy))
	b.add("MetricsLost", "Count", "", 0)
	b.add("MetricsByLog", "Count", "", float64(byLog))
	b.add("RunCompleted", "Count", "", 1)
}

func datumsOf(b books, metric string) int {
	of := maps.Clone(b)
	maps.DeleteFunc(of, func(series string, _ []float64) bool { return !strings.HasPrefix(series, metric+" ") })
	return of.datums()
}

// differences are the lines in which two books differ.
func (b books) differences(want books) []string {
	var found []string
	for _, series := range slices.Sorted(maps.Keys(want)) {
		if _, ok := b[series]; !ok {
			found = append(found, fmt.Sprintf("%s is missing, want %v", series, want[series]))
		}
	}
	for _, series := range slices.Sorted(maps.Keys(b)) {
		switch values, ok := want[series]; {
		case !ok:
			found = append(found, fmt.Sprintf("%s = %v, want none", series, b[series]))
		case !slices.EqualFunc(b[series], values, closeBy(series)):
			found = append(found, fmt.Sprintf("%s = %v, want %v", series, b[series], values))
		}
	}
	return found
}

// closeBy compares as exactly as the summary tells: durations are the same
// numbers there.
func closeBy(series string) func(got, want float64) bool {
	metric, _, _ := strings.Cut(series, " ")
	off := map[string]float64{
		"CertificateDaysLeft": 0.005, // two decimals there
		"ScheduleDelay":       0.5,   // the start is told to the millisecond
	}[metric] + 1e-9
	return func(got, want float64) bool {
		if metric == "RunDuration" { // so far, when it was sent
			return got > 0 && got <= want
		}
		return math.Abs(got-want) <= off
	}
}

// accepted are the books of what CloudWatch has accepted, and its number.
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
			b.add(d.Metric, d.Unit, by, d.Value)
		}
		for i, v := range d.Values {
			b.add(d.Metric, d.Unit, by, slices.Repeat([]float64{v}, int(d.Counts[i]))...)
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

// A play is an event, how it is run, and what it is there to show.
type play struct {
	name    string
	event   string
	env     []string
	limit   int // targets with series of their own
	shows   func(*summary) bool
	timeout time.Duration // 0: the rig's
}

// plays are runs of every kind, in the three profiles.
func plays(t *testing.T) []play {
	now := time.Now().UTC().Format(time.RFC3339)
	mixed := func(s *summary) bool { return s.Up > 3 && s.Down > 10 && s.Healthy }
	all := func(s *summary) bool { return s.Up == s.Targets && s.Healthy }
	return []play{
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
		{"a blind vantage point", blind(), []string{"ROLLCALL_CANARY=https://canary.nowhere.test"}, 1000,
			func(s *summary) bool { return s.VantageUnhealthy && !s.Healthy && s.Up == 1 && s.Down == 5 }, 0},
	}
}

// blind is an event of six hosts, of which only one can be seen.
func blind() string {
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

// perform plays it on a stage that misbehaves as told, and sees that the
// summary's own counts are right.
func (p play) perform(t *testing.T, fault func(int) testnet.Fault, env ...string) (*rig, *summary) {
	t.Helper()
	r := newRig(t, testnet.Options{Handlers: map[string]http.Handler{"second-time.stage.test": secondTime()}}, append(p.env, env...)...)
	r.CloudWatch.Misbehave(fault)
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
	for _, p := range plays(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			r, s := p.perform(t, nil)
			datums := r.CloudWatch.Accepted()
			want := s.expected(p.limit)
			for _, line := range accepted(t, datums, s).differences(want) {
				t.Error(line)
			}
			if n := want.datums(); len(datums) != n || s.Published.Accepted != n || s.Published.Datums != n {
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
	for _, p := range plays(t) {
		if p.name == "demo" || p.name == "flaky and invalid" {
			continue // long, and nothing in them that the log would tell in another way
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			r, s := p.perform(t, denied)
			byLogOnly(t, r, s, p.limit)
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		p := plays(t)[0]
		p.timeout = 3 * time.Second // of which not much is left for trying again
		r, s := p.perform(t, nil, "ROLLCALL_CLOUDWATCH_ENDPOINT="+nobody(t))
		byLogOnly(t, r, s, p.limit)
	})
}

// nobody is an endpoint where nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	st, err := testnet.Start(testnet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	o, ok := st.Origin("refusing.stage.test")
	if !ok {
		t.Fatal("the stage has nothing that refuses")
	}
	return "http://" + o.Addr.String()
}

// byLogOnly compares the log's metrics with the results.
func byLogOnly(t *testing.T, r *rig, s *summary, limit int) {
	t.Helper()
	want := s.expected(limit)
	got := books{}
	for _, line := range emfLines(t, r) {
		line.enter(t, got, s)
	}
	for _, line := range got.differences(want) {
		t.Error(line)
	}
	if n := want.datums(); s.Published.EMF != n || s.Published.Datums != n {
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
			t.Fatalf("standard output has a line that is no JSON: %s", text)
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

// enter books a line's metrics as CloudWatch reads them.
func (l emfLine) enter(t *testing.T, b books, s *summary) {
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
			b.add(m.Name, m.Unit, by, l.numbers(t, m.Name)...)
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
