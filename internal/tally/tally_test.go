package tally

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/history"
	"rollcall/internal/metric"
	"rollcall/internal/plan"
	"rollcall/internal/sweep"
)

var started = time.Date(2026, 11, 30, 6, 8, 0, 0, time.UTC)

// invent returns results of every kind.
func invent(random *rand.Rand, n int) []check.Result {
	results := make([]check.Result, n)
	for i := range results {
		r := &results[i]
		*r = check.Result{
			Name: fmt.Sprint("target ", i), Group: fmt.Sprint("group ", random.IntN(4)), URL: fmt.Sprintf("https://%d.example.com/", i),
			Attempts: 1, Started: started, Status: 200, Clock: check.Clock(random.IntN(2)), Complete: true,
			Duration: time.Duration(random.IntN(1e6)) * time.Microsecond, LocalDelay: time.Duration(random.IntN(5000)) * time.Microsecond,
		}
		switch random.IntN(10) {
		case 0:
			r.State, r.Reason, r.Status = check.Down, check.Status, 500+random.IntN(4)
		case 1:
			r.State, r.Reason, r.Complete = check.Down, check.Timeout, false
		case 2:
			r.State, r.Reason = check.Degraded, check.Expectation
		case 3:
			*r = check.Unprobed(&check.Target{Name: r.Name, Group: r.Group, RedactedURL: r.URL}, check.Unstarted, "")
		case 4:
			r.Flaky, r.Attempts = true, 2
		}
		if r.Checked() && random.IntN(2) == 0 {
			r.Certificate = &check.Certificate{Subject: "CN=example", NotAfter: started, DaysLeft: float64(random.IntN(9000)) / 100}
		}
	}
	return results
}

// split returns the tallies of a run's parts, each as it is after it was written
// and read.
func split(t *testing.T, results []check.Result, of int, limits Limits) []*Tally {
	t.Helper()
	var parts []*Tally
	for index := range of {
		var own []check.Result
		var claims []plan.Claim
		for i := index; i < len(results); i += of {
			own = append(own, results[i])
			claims = append(claims, plan.Claim{Name: uint64(i + 1), Check: uint64(i) * 7})
		}
		part := New("run", plan.Part{Index: index, Of: of}, "version", "1.0.0", "group")
		part.limits = limits
		part.Started, part.Ended = started.Add(time.Duration(index)*time.Second), started.Add(time.Duration(2*index+1)*time.Second)
		part.Network, part.Published = sweep.Network{Hosts: len(own), Heard: index, Canary: index % 2}, metric.DeliveryStats{Datums: index, Accepted: index}
		part.Take(own, claims, false, map[string]bool{"group 1": true})
		part.History = history.See(rememberedOf(own), known, index, of)
		part.History.Tags = []string{"tag"}
		part.Warn([]string{"one", "two"})
		run := &history.Run{Limit: len(results) / 20}
		for i := range own {
			run.Targets = append(run.Targets, history.Target{Name: own[i].Name, Group: own[i].Group, State: history.State(own[i].State.String()), Duration: own[i].Duration})
		}
		part.History = history.See(run, map[string]bool{"target 17": true, "target 170": true}, index, of)
		parts = append(parts, again(t, part))
	}
	return parts
}

// known are the targets that the history names.
var known = map[string]bool{"target 3": true, "target 7": true, "target 200": true}

// rememberedOf are results as the history gets them.
func rememberedOf(results []check.Result) *history.Run {
	run := &history.Run{Minute: started, Interval: time.Minute, Limit: 20, Certificate: 14}
	for i := range results {
		r := &results[i]
		t := history.Target{Name: r.Name, Group: r.Group, State: history.State(r.State.String()), Reason: r.Reason.String(), Maintenance: r.Group == "group 1"}
		if r.Complete {
			t.Duration = r.Duration
		}
		if c := r.Certificate; c != nil {
			t.Fingerprint, t.Subject, t.NotAfter, t.DaysLeft = fmt.Sprintf("%04d", int(c.DaysLeft)%7), c.Subject, c.NotAfter, c.DaysLeft
		}
		run.Targets = append(run.Targets, t)
	}
	return run
}

func again(t *testing.T, part *Tally) *Tally {
	t.Helper()
	return againFor(t, part, nil)
}

func againFor(t *testing.T, part, sum *Tally) *Tally {
	t.Helper()
	var file bytes.Buffer
	if err := part.Encode(&file); err != nil {
		t.Fatal(err)
	}
	read, err := Decode(&file, sum)
	if err != nil {
		t.Fatal(err)
	}
	read.limits = part.limits
	return read
}

// encoded is a tally to compare, without what names its parts.
func encoded(t *testing.T, sum *Tally, withParts bool) string {
	t.Helper()
	sum.cut()
	own := *sum
	if !withParts {
		own.Parts, own.Of, own.Warnings, own.Started, own.Ended = nil, 0, nil, time.Time{}, time.Time{}
		own.Network, own.Published = sweep.Network{}, metric.DeliveryStats{}
	}
	return strings.ReplaceAll(decompressed(t, &own), ",", ",\n")
}

// Whatever the number of parts, the order in which they are added and how they are
// grouped: the sum is the tally of one run over the whole list, to the last count, and
// so are the metrics. A part that comes again is refused, and changes nothing.
func TestPartsAddUpToOneRun(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	skipped, skippedLooks := 0, 0
	for round := range 12 {
		results := invent(random, random.IntN(400))
		limits := Limits{random.IntN(20), 20 + random.IntN(200)}
		whole := split(t, results, 1, limits)[0]
		parts := split(t, results, 1+random.IntN(25), limits)
		inOrder := Sum(limits)
		for _, p := range parts {
			needed := againFor(t, p, inOrder)
			skipped += len(p.Results) - len(needed.Results)
			skippedLooks += len(p.History.Looked) - len(needed.History.Looked)
			if err := inOrder.Add(needed); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := encoded(t, inOrder, false), encoded(t, whole, false); got != want {
			t.Fatalf("round %d: the sum of %d parts is not one run:\n%s", round, len(parts), difference(got, want))
		}

		// Sums of sums, in another order, through files; one comes again.
		sums := slices.Clone(parts)
		for len(sums) > 1 {
			random.Shuffle(len(sums), func(i, j int) { sums[i], sums[j] = sums[j], sums[i] })
			pair := Sum(limits)
			for _, p := range []*Tally{sums[0], sums[1]} {
				if err := pair.Add(p); err != nil {
					t.Fatal(err)
				}
			}
			if err := pair.Add(sums[random.IntN(2)]); err == nil || !strings.HasSuffix(err.Error(), "is there twice") {
				t.Fatalf("a part twice: error %v", err)
			}
			sums = append(sums[2:], again(t, pair))
		}
		if got, want := encoded(t, sums[0], true), encoded(t, inOrder, true); got != want {
			t.Fatalf("round %d: another order gives another sum:\n%s", round, difference(got, want))
		}

		var rollup metric.Rollup
		delays := metric.Distribution{}
		for i := range results {
			rollup.Add(&results[i])
			if results[i].Checked() {
				delays.AddTime(results[i].LocalDelay)
			}
		}
		if got, want := fmt.Sprint(sums[0].Rollup.Datums(started, false)), fmt.Sprint(rollup.Datums(started, false)); got != want {
			t.Fatalf("round %d: the metrics are\n%s\nnot\n%s", round, got, want)
		}
		if got, want := fmt.Sprint(sums[0].LocalDelay), fmt.Sprint(delays); got != want {
			t.Fatalf("round %d: the delays are %s, not %s", round, got, want)
		}
		run := metric.Run{}
		for i := range results {
			run.Take(&results[i], results[i].Group == "group 1")
		}
		if sum := sums[0]; run.Counted != sum.Counted || run.NotDown != sum.NotDown || run.Targets != sum.Targets || run.Checked != sum.Targets-sum.NotChecked {
			t.Fatalf("round %d: %d of %d are not down, as a run %d of %d", round, sum.NotDown, sum.Counted, run.NotDown, run.Counted)
		}
		listed, left := sums[0].Listed()
		failed := 0
		for _, r := range listed {
			if r.State != check.Up {
				failed++
			}
		}
		for _, p := range left {
			failed += p.Targets
		}
		if want := sums[0].Targets - sums[0].Up; failed != want {
			t.Fatalf("round %d: %d are listed or said to be left out, of %d", round, failed, want)
		}
	}
	if skipped == 0 || skippedLooks == 0 {
		t.Errorf("%d results and %d looks were skipped", skipped, skippedLooks)
	}
}

func decompressed(t *testing.T, sum *Tally) string {
	t.Helper()
	var file bytes.Buffer
	if err := sum.Encode(&file); err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// difference is the first line that differs.
func difference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d: %.100s, not %.100s", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("%d lines, not %d", len(a), len(b))
}

func TestRefusedTallies(t *testing.T) {
	part := func(change func(*Tally)) *Tally {
		p := New("run", plan.Part{Index: 1, Of: 4}, "version", "1.0.0", "group")
		p.Take([]check.Result{{Name: "b", State: check.Up}}, []plan.Claim{{Name: 2, Check: 20}}, false, nil)
		change(p)
		return p
	}
	for want, change := range map[string]func(*Tally){
		`it is of the run "other", and others are of "run"`:                                                  func(p *Tally) { p.Run = "other" },
		"it is one of 5 parts, and others are of 4":                                                          func(p *Tally) { p.Of = 5 },
		"its list was another one (new; that of other parts is version): check all parts of the same file":   func(p *Tally) { p.List = "new" },
		"it was checked by Rollcall 2.0.0, and others by 1.0.0: use one version for all parts":               func(p *Tally) { p.Rollcall = "2.0.0" },
		"it has the metrics of the profile target, and others of group":                                      func(p *Tally) { p.Profile = "target" },
		"it is one too many: a list has at most 10000000 targets":                                            func(p *Tally) { p.Targets = maxTargets },
		"the part 1/4 is there twice":                                                                        func(p *Tally) { p.Parts = []int{0} },
		"two URLs of the list have one derived name (rollcall validate says which): give one of them a name": func(p *Tally) { p.Names = Names{{Name: 1, Check: 11}} },
	} {
		sum := Sum(OfSum)
		if err := sum.Add(part(func(p *Tally) { p.Parts, p.Names = []int{0}, Names{{Name: 1, Check: 10}} })); err != nil {
			t.Fatal(err)
		}
		before := encoded(t, sum, true)
		if err := sum.Add(part(change)); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
		if encoded(t, sum, true) != before {
			t.Errorf("%s: the sum was changed", want)
		}
		if err := sum.Add(part(func(p *Tally) { p.Names = Names{{Name: 1, Check: 10}} })); err != nil || sum.Twice != 1 {
			t.Errorf("a URL twice: error %v, counted %d times", err, sum.Twice)
		}
	}
}

// A part without a network has no verdicts: nothing of it is down, and what it
// measured stays.
func TestPartWithoutNetwork(t *testing.T) {
	results := []check.Result{
		{Name: "a", Group: "g", State: check.Down, Reason: check.Timeout},
		{Name: "b", Group: "g", State: check.Up, Complete: true, Duration: time.Second},
	}
	sum := Sum(OfSum)
	for index, blind := range []bool{true, false} {
		part := New("run", plan.Part{Index: index, Of: 2}, "version", "1.0.0", "group")
		part.Take(results, nil, blind, nil)
		if err := sum.Add(again(t, part)); err != nil {
			t.Fatal(err)
		}
	}
	if sum.Blind != 1 || sum.Down != 1 || sum.NotChecked != 1 || sum.Up != 2 {
		t.Errorf("%d without a network, %d down, %d not checked, %d up", sum.Blind, sum.Down, sum.NotChecked, sum.Up)
	}
	got := map[string]string{}
	for _, d := range sum.Rollup.Datums(started, false) {
		if d.Dimensions == nil || d.Dimensions[0].Name == "Reason" {
			got[d.Metric] = fmt.Sprint(d.Values, d.Counts)
		}
	}
	for metric, want := range map[string]string{"Up": "[0 1] [1 1]", "Down": "[1] [1]", "Failures": "[1] [1]", "Duration": "[1000] [2]"} {
		if got[metric] != want {
			t.Errorf("%s is %s, want %s", metric, got[metric], want)
		}
	}
}

// If most targets can't be reached, and no part could reach a canary, the run had no
// network: what its parts found is as found, and counts for nothing. If one could, or
// most can be reached, only those parts had none.
func TestRunWithoutNetwork(t *testing.T) {
	lost := []check.Result{{Name: "a", Group: "g", State: check.Down, Reason: check.Timeout}, {Name: "b", Group: "g", State: check.NotChecked, Reason: check.Unstarted}}
	for _, test := range []struct {
		name    string
		network sweep.Network // of the other part
		blind   bool          // the other part
		want    bool
	}{
		{"both have none", sweep.Network{Hosts: 9, Unreachable: 9, Canary: 1, Failed: 1}, true, true},
		{"most can't be reached", sweep.Network{Hosts: 9, Unreachable: 3}, false, true},
		{"most can be reached", sweep.Network{Hosts: 30, Unreachable: 3}, false, false},
		{"one canary can be reached", sweep.Network{Hosts: 9, Unreachable: 9, Canary: 1}, false, false},
	} {
		sum := Sum(OfSum)
		for index, blind := range []bool{true, test.blind} {
			part := New("run", plan.Part{Index: index, Of: 2}, "version", "1.0.0", "group")
			part.Network = []sweep.Network{{Hosts: 9, Unreachable: 8, Canary: 1, Failed: 1}, test.network}[index]
			part.Take(lost, nil, blind, nil)
			if err := sum.Add(again(t, part)); err != nil {
				t.Fatal(err)
			}
		}
		if sum.Sightless() != test.want {
			t.Errorf("%s: no network %t", test.name, sum.Sightless())
		}
		if sum.Unblind(); sum.Down != 2 || sum.NotChecked != 2 || len(sum.Problems) != 2 || sum.Results[1].State != check.Down {
			t.Errorf("%s: %d down, %d not checked, %v", test.name, sum.Down, sum.NotChecked, sum.Problems)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	whole := func(change func(*Tally)) string {
		p := New("run", plan.Part{Index: 1, Of: 4}, "version", "1.0.0", "group")
		p.Take([]check.Result{{Name: "a", Group: "g", State: check.Down, Reason: check.Timeout}}, nil, false, nil)
		change(p)
		var file bytes.Buffer
		if err := p.Encode(&file); err != nil {
			t.Fatal(err)
		}
		return file.String()
	}
	good := whole(func(*Tally) {})
	for name, test := range map[string][2]string{
		"text":     {"https://example.com\n", "it is not a tally: gzip: invalid header"},
		"empty":    {"", "it is not a tally: EOF"},
		"cut off":  {good[:len(good)/2], "it can't be decompressed: unexpected EOF"},
		"later":    {whole(func(p *Tally) { p.Version = 2 }), "a later Rollcall wrote it: it is of version 2, and this one knows 1"},
		"no part":  {whole(func(p *Tally) { p.Parts = nil }), "it is not a tally: it has no version and no parts"},
		"no run":   {whole(func(p *Tally) { p.Run = "" }), "it is not a tally: it has no run, or not 1 to 1000 parts"},
		"index":    {whole(func(p *Tally) { p.Parts = []int{4} }), "it is not a tally: its parts must ascend from 0 to 3"},
		"counts":   {whole(func(p *Tally) { p.Up = 1 }), "it is not a tally: its counts don't add up"},
		"flaky":    {whole(func(p *Tally) { p.Flaky = 2 }), "it is not a tally: its counts don't add up"},
		"clocks":   {whole(func(p *Tally) { p.Kernel, p.Process = 1, 1 }), "it is not a tally: its counts don't add up"},
		"counted":  {whole(func(p *Tally) { p.Counted = 2 }), "it is not a tally: its counts don't add up"},
		"not down": {whole(func(p *Tally) { p.Counted, p.NotDown = 0, 1 }), "it is not a tally: its counts don't add up"},
		"twice":    {whole(func(p *Tally) { p.Twice = 2 }), "it is not a tally: its counts don't add up"},
		"blind":    {whole(func(p *Tally) { p.Blind = 2 }), "it is not a tally: its counts don't add up"},
		"unable":   {whole(func(p *Tally) { p.Blind, p.Unhealthy = 1, 1 }), "it is not a tally: its counts don't add up"},
		"hosts":    {whole(func(p *Tally) { p.Network.Unreachable = -1 }), "it is not a tally: its counts don't add up"},
		"lost":     {whole(func(p *Tally) { p.Published.Lost = -1 }), "it is not a tally: its counts don't add up"},
		"accepted": {whole(func(p *Tally) { p.Published.Accepted = 1<<40 + 1 }), "it is not a tally: its counts don't add up"},
		"delay":    {whole(func(p *Tally) { p.MaxDelay = check.Milliseconds(-time.Second) }), "it is not a tally: its counts don't add up"},
		"ended":    {whole(func(p *Tally) { p.Started, p.Ended = time.Unix(60, 0), time.Unix(59, 0) }), "it is not a tally: it ended before it began"},
		"problems": {whole(func(p *Tally) { p.Problems = nil }), "it is not a tally: its counts don't add up"},
	} {
		if _, err := Decode(strings.NewReader(test[0]), nil); err == nil || err.Error() != test[1] {
			t.Errorf("%s: error %v, want %s", name, err, test[1])
		}
	}
	if _, err := Decode(strings.NewReader(good), nil); err != nil {
		t.Error(err)
	}
}

func TestRanges(t *testing.T) {
	for want, parts := range map[string][]int{"": nil, "3": {2}, "1, 2": {0, 1}, "1 to 3, 7, 9, 10": {0, 1, 2, 6, 8, 9}} {
		if got := Ranges(parts); got != want {
			t.Errorf("Ranges(%v) = %q, want %q", parts, got, want)
		}
	}
}

// What may have happened to a file never makes Decode panic, and what it accepts can
// be added up and written.
func TestDamagedTallies(t *testing.T) {
	p := New("run", plan.Part{Index: 1, Of: 4}, "version", "1.0.0", "group")
	results := []check.Result{{Name: "a", Group: "g", State: check.Down, Reason: check.Timeout}}
	p.Take(results, []plan.Claim{{Name: 1, Check: 2}}, false, nil)
	p.History = history.See(rememberedOf(results), nil, 1, 4)
	text := []byte(decompressed(t, p))
	random := rand.New(rand.NewPCG(3, 4))
	accepted := 0
	for range 500 {
		damaged := bytes.Clone(text)
		damaged[random.IntN(len(damaged))] = "0123456789,[]{}\"-e."[random.IntN(19)]
		var file bytes.Buffer
		compress(&file, damaged)
		read, err := Decode(&file, nil)
		if err != nil {
			continue
		}
		accepted++
		sum := Sum(OfSum)
		if err := sum.Add(read); err != nil {
			t.Fatal(err)
		}
		sum.Listed()
		again(t, sum)
	}
	if accepted == 0 || accepted == 500 {
		t.Errorf("%d of 500 are accepted", accepted)
	}
}

func compress(b *bytes.Buffer, text []byte) {
	z := gzip.NewWriter(b)
	z.Write(text)
	z.Close()
}

// Whoever wrote a tally: what can't be one is refused in words, and in bounded memory.
func TestHostileTallies(t *testing.T) {
	p := New("run", plan.Part{Index: 1, Of: 4}, "version", "1.0.0", "group")
	p.Take([]check.Result{
		{Name: "a", Group: "g", State: check.Down, Reason: check.Timeout}, {Name: "b", Group: "g", State: check.Down, Reason: check.Timeout},
		{Name: "c", Group: "g", State: check.Up, Complete: true, Duration: time.Second},
	}, []plan.Claim{{Name: 1, Check: 2}, {Name: 3, Check: 4}}, false, nil)
	p.History = &history.Seen{Targets: 3, Groups: map[string]*history.Counts{"g": {Up: 1}}}
	good := decompressed(t, p)
	lines := strings.SplitAfter(good, "\n")
	with := func(old, put string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("there is no %s in %s", old, good)
		}
		return strings.Replace(good, old, put, 1)
	}
	long := strings.Repeat("x", 1<<20)
	for want, text := range map[string]string{
		`it is not a tally: its targets can't be a number 1e+30`:                                   with(`"targets":3`, `"targets":1e+30`),
		`it is not a tally: its counts don't add up`:                                               with(`"flaky":0`, `"flaky":10000001`),
		`it is not a tally: its first line is not JSON`:                                            strings.Repeat("[", 20_000) + "\n",
		`it is not a tally: its parts must ascend from 0 to 3`:                                     with(`"parts":[1]`, `"parts":[null,null]`),
		`it is not a tally: it has no version and no parts`:                                        "null\n" + lines[1],
		`it is not a tally: it has "targets" twice`:                                                with(`"targets":3`, `"targets":3,"Targ\u0065ts":3`),
		`it is not a tally: it has "g" twice`:                                                      with(`"groups":{`, `"groups":{"g":{},`),
		`it is not a tally: a list of it has more than 200000 values`:                              with(`"problems":[`, `"problems":[`+strings.Repeat("{},", 200_000)),
		`it is not a tally: more than 1000 groups`:                                                 with(`"groups":{`, `"groups":{`+manyGroups(2000)),
		`it is not a tally: not a distribution: each value must have a count`:                      with(`"localDelay":[`, `"localDelay":[1e200,1,`),
		`it is not a tally: null is not a value of Down`:                                           with(`"Down":2`, `"Down":null`),
		`it is not a tally: its warnings can't be a number`:                                        with(`"warnings":[]`, `"warnings":[7]`),
		`it is not a tally: what it has for the history is not of its targets`:                     with(`{"up":1}`, `{"up":-1}`),
		`it is not a tally: not a sketch: buckets of durations must ascend, each with a count`:     with(`{"up":1}`, `{"sketch":[99999,1]}`),
		`it is not a tally: its second line is not the names`:                                      lines[0] + lines[2] + lines[3],
		`it is not a tally: its names are not hashes of sixteen bytes, at most one of each target`: lines[0] + `"AAAA"` + "\n",
		`it is not a tally: its names do not ascend`:                                               lines[0] + `"` + base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\"\n",
		`it is not a tally: its last line has no end`:                                              strings.TrimSuffix(good, "\n"),
		`it is not a tally: its result 1 is not one`:                                               lines[0] + lines[1] + "null\n",
		`it is not a tally: its results are not in order`:                                          lines[0] + lines[1] + lines[3] + lines[2],
		`it is not a tally: its results are others than those that it counts`:                      with(`"reason":"timeout","attempts"`, `"reason":"dns_not_found","attempts"`),
		`it is not a tally: it has more results than targets`:                                      good + `{"at":9,"result":{"name":"z","state":"up","reason":"ok"}}` + "\n" + lines[3],
		`it is not a tally: its look 1 is not one`:                                                 good + `{"look":{"at":-1,"name":"a"}}` + "\n",
		`it is not a tally: it has more looks than targets, or than any tally`:                     good + strings.Repeat(`{"look":{"at":1,"name":"a"}}`+"\n", 4),
		`it is not a tally: a line of it has more than 1 MiB`:                                      good + long + "\n",
		`it is not a tally: it has more than 64 MiB`:                                               strings.Repeat(long, 64) + "\n",
	} {
		var file bytes.Buffer
		compress(&file, []byte(text))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(&file, nil)
		runtime.ReadMemStats(&after)
		if err == nil || err.Error() != want {
			t.Errorf("error %.200v, want %s", err, want)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 6*MaxDocument {
			t.Errorf("%s: it took %d MB", want, took>>20)
		}
	}
}

func manyGroups(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%d":{},`, i)
	}
	return b.String()
}
