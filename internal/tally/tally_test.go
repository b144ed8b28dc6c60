package tally

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/metric"
	"rollcall/internal/plan"
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
			claims = append(claims, plan.Claim{Name: uint64(i), Check: uint64(i) * 7})
		}
		part := New("run", plan.Part{Index: index, Of: of}, "version", "1.0.0", "group")
		part.limits = limits
		part.Started, part.Ended = started.Add(time.Duration(index)*time.Second), started.Add(time.Duration(2*index+1)*time.Second)
		part.Take(own, claims, false, nil)
		part.Warn([]string{"one", "two"})
		parts = append(parts, again(t, part))
	}
	return parts
}

func again(t *testing.T, part *Tally) *Tally {
	t.Helper()
	var file bytes.Buffer
	if err := part.Encode(&file); err != nil {
		t.Fatal(err)
	}
	read, err := Decode(&file)
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
	}
	text, err := json.MarshalIndent(&own, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Whatever the number of parts, the order in which they are added and how they are
// grouped: the sum is the tally of one run over the whole list, to the last count, and
// so are the metrics. A part that comes again is refused, and changes nothing.
func TestPartsAddUpToOneRun(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 12 {
		results := invent(random, random.IntN(400))
		limits := Limits{random.IntN(20), 20 + random.IntN(200)}
		whole := split(t, results, 1, limits)[0]
		parts := split(t, results, 1+random.IntN(25), limits)
		inOrder := Sum(limits)
		for _, p := range parts {
			if err := inOrder.Add(p); err != nil {
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
}

// difference is the first line that differs.
func difference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d: %s, not %s", i+1, a[i], b[i])
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
		"the part 1/4 is there twice":                                                                        func(p *Tally) { p.Parts = []int{0} },
		"two URLs of the list have one derived name (rollcall validate says which): give one of them a name": func(p *Tally) { p.Names = Names{1: 11} },
	} {
		sum := Sum(OfSum)
		if err := sum.Add(part(func(p *Tally) { p.Parts, p.Names = []int{0}, Names{1: 10} })); err != nil {
			t.Fatal(err)
		}
		before := encoded(t, sum, true)
		if err := sum.Add(part(change)); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
		if encoded(t, sum, true) != before {
			t.Errorf("%s: the sum was changed", want)
		}
		if err := sum.Add(part(func(p *Tally) { p.Names = Names{1: 10} })); err != nil || sum.Twice != 1 {
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
		"later":    {whole(func(p *Tally) { p.Version = 2 }), "it is of version 2, which a later Rollcall wrote; this one knows 1"},
		"no part":  {whole(func(p *Tally) { p.Parts = nil }), "it is not a tally: it has no version and no parts"},
		"no run":   {whole(func(p *Tally) { p.Run = "" }), "it is not a tally: it has no run, or not 1 to 1000 parts"},
		"index":    {whole(func(p *Tally) { p.Parts = []int{4} }), "it is not a tally: its parts must ascend from 0 to 3"},
		"counts":   {whole(func(p *Tally) { p.Up = 1 }), "it is not a tally: its counts don't add up"},
		"problems": {whole(func(p *Tally) { p.Problems = nil }), "it is not a tally: its counts don't add up"},
	} {
		if _, err := Decode(strings.NewReader(test[0])); err == nil || err.Error() != test[1] {
			t.Errorf("%s: error %v, want %s", name, err, test[1])
		}
	}
	if _, err := Decode(strings.NewReader(good)); err != nil {
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
	p.Take([]check.Result{{Name: "a", Group: "g", State: check.Down, Reason: check.Timeout}}, []plan.Claim{{Name: 1, Check: 2}}, false, nil)
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	accepted := 0
	for range 500 {
		damaged := bytes.Clone(text)
		damaged[random.IntN(len(damaged))] = "0123456789,[]{}\"-e."[random.IntN(19)]
		var file bytes.Buffer
		compress(&file, damaged)
		read, err := Decode(&file)
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
