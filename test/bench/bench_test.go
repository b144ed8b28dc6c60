package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/test/meter"

	"rollcall/test/bench/peer"
)

// TestMain lets the test's program be the launcher that the bench's is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == launchCommand {
		fmt.Fprintln(os.Stderr, launch(os.Args[2:]))
		os.Exit(exitBroken)
	}
	os.Exit(m.Run())
}

const millisecond = time.Millisecond

func checkOf(host string, duration, first time.Duration) reported {
	return reported{Check: peer.Check{URL: "https://" + host + ":1/", Duration: duration, First: first}}
}

func TestWhatAClientSaysIsHeldAgainstTheTruth(t *testing.T) {
	waits := map[string]meter.Wait{
		"a": {Requests: 1, DNS: 1 * millisecond, TLS: 2 * millisecond, First: 200 * millisecond, Body: 7 * millisecond},
		"b": {Requests: 1, First: 200 * millisecond},
		"c": {Requests: 1, First: 200 * millisecond, Uncertainty: 2 * maxUncertainty},
		"d": {Requests: 2, First: 200 * millisecond},
		"e": {Requests: 1, First: 200 * millisecond},
	}
	late := checkOf("b", 230*millisecond, 0)
	late.process, late.unsure, late.uncertainty = 300*millisecond, true, 20*millisecond
	failed := checkOf("e", 500*millisecond, 0)
	failed.Failure = "timeout"
	checks := []reported{checkOf("a", 211*millisecond, 195*millisecond), late, checkOf("c", 900*millisecond, 0), checkOf("d", 900*millisecond, 0), failed, {}}
	var o Outcome
	o.compare(checks, waits)
	want := Outcome{
		Compared: 2, Unclear: 1, Unsure: 0.5, Beyond: 0.5, MeanChecks: 220.5,
		First: &Spread{5, 5, 5}, Duration: &Spread{1, 30, 30}, Process: &Spread{100, 100, 100}, Sure: &Spread{5, 5, 5},
	}
	if !reflect.DeepEqual(o, want) {
		t.Errorf("the outcome is %+v, want %+v", o, want)
	}
}

func TestSpreadsAreByNearestRank(t *testing.T) {
	var off []time.Duration
	for i := range 200 {
		off = append(off, time.Duration(200-i)*millisecond)
	}
	if got := spread(off); *got != (Spread{100, 198, 200}) {
		t.Errorf("spread = %+v", got)
	}
	if got := spread(nil); got != nil {
		t.Errorf("the spread of nothing is %+v", got)
	}
}

func TestFailuresAreCountedByTheirReason(t *testing.T) {
	o := Outcome{Checks: 5}
	open := reported{Check: peer.Check{Failure: "dial tcp 127.0.0.1:1: socket: too many open files"}}
	python := reported{Check: peer.Check{Failure: "ClientConnectorError: [Errno 24] Too many open files"}}
	o.fail([]reported{open, python, {Check: peer.Check{Failure: "503"}}, {}})
	want := []Reason{{2, "too many open files"}, {1, "503"}, {1, "no line in its output"}}
	if o.Failures != 4 || !slices.Equal(o.Reasons, want) {
		t.Errorf("%d failures: %v, want 4: %v", o.Failures, o.Reasons, want)
	}
	o.took(usage{Wall: 2 * time.Second, CPU: 10 * millisecond, Peak: 50e6})
	if o.PerSecond != 0.5 || o.CPU != 2 || o.Peak != 50 || o.Seconds != 2 {
		t.Errorf("the outcome is %+v", o)
	}
}

// Rounds that meet every goal, for tests to spoil.
func flawless() *Figures {
	round := func() Round {
		row := func(name string, cpu, rate float64) Outcome {
			return Outcome{Client: name, Checks: 10, Compared: 10, CPU: cpu, PerSecond: rate, First: &Spread{0.01, 0.05, 1}, Duration: &Spread{0.03, 0.1, 9}, Sure: &Spread{0.1, 0.9, 9}}
		}
		return Round{[]Outcome{
			row(nameLimit, 0.3, 3000), row(nameRollcall, 0.45, 2200), row(nameAgain, 0.33, 2500), row(nameFull, 0.45, 2500), row(namePool, 0.9, 1000),
			row(nameWorkers, 1.8, 500), row(nameTrickled, 0.4, 2000),
		}}
	}
	r := func(v float64) Range { return once(v) }
	return &Figures{
		Rounds: []Round{round(), round(), round()},
		Many:   &Many{Outcome{Checks: 100_000, CPU: 0.47, Seconds: 41, Peak: 200}, Outcome{CPU: 0.45}, 40},
		Starts: &Starts{Function: r(5), Plainest: r(4.5), Help: r(7), CurlHelp: r(8), Check: r(9), CurlCheck: r(10), Zip: 5},
		Trials: []Trial{
			{URLs: 10_000, Parts: 4, InTurn: Passage{10_000, 7, 6, 60}, Piped: Passage{10_000, 6, 7, 0}, Sum: Passage{10_000, 0.1, 0.1, 20}, Ratio: r(1.01)},
			{URLs: 1_000_000, Parts: 100, InTurn: Passage{1_000_000, 700, 620, 60}, Piped: Passage{1_000_000, 600, 700, 0}, Sum: Passage{1_000_000, 1, 1, 90}, Ratio: r(1.02)},
		},
		Tallies: &Tallies{1000, 10_000, Passage{10_000_000, 6, 5, 390}, Passage{10_000_000, 8, 7, 390}},
	}
}

func verdicts(f *Figures) (missed, absent []string) {
	f.judge()
	for _, g := range f.Goals {
		if g.missed() {
			missed = append(missed, g.What)
		}
		if g.Absent != "" {
			absent = append(absent, g.What)
		}
	}
	return missed, absent
}

func TestGoalsAreMet(t *testing.T) {
	if missed, absent := verdicts(flawless()); missed != nil || absent != nil {
		t.Errorf("missed: %q, absent: %q", missed, absent)
	}
}

func TestGoalsAreMissed(t *testing.T) {
	each := func(name string, spoil func(*Outcome)) func(*Figures) {
		return func(f *Figures) {
			for _, round := range f.Rounds[:2] { // so that the median is one of them
				spoil(round.of(name))
			}
		}
	}
	tests := []struct {
		spoil func(*Figures)
		want  []string
	}{
		{func(f *Figures) { f.Trials[1].Ratio = once(1.04) }, []string{"1,000,000 URLs in parts: CPU a check, by one invocation's"}},
		{func(f *Figures) { f.Trials[1].InTurn.CPU = 700 }, []string{"CPU a check of 1,000,000 URLs, by that of 10,000"}},
		{func(f *Figures) { f.Tallies.Few.Seconds, f.Tallies.All.Peak = 11, 600 }, []string{"a sum of 1,000 × 10,000, 1 % down: time", "a sum of 1,000 × 10,000, all down: memory"}},
		{each(nameRollcall, func(o *Outcome) { o.CPU = 0.6 }), []string{"CPU a check, by that of a bare handshake"}},
		{each(nameAgain, func(o *Outcome) { o.CPU = 0.4 }), []string{"the same hosts again: CPU a check, by that of a bare handshake"}},
		{each(namePool, func(o *Outcome) { o.CPU = 0.5 }), []string{"CPU a check, by that of a plain Go pool", "the same hosts again: CPU a check, by that of a plain Go pool"}},
		{each(nameWorkers, func(o *Outcome) { o.PerSecond = 3000 }), nil}, // a figure without a limit
		{each(nameRollcall, func(o *Outcome) { o.PerSecond = 1300 }), []string{"checks a second, by a plain Go pool's"}},
		{each(nameAgain, func(o *Outcome) { o.PerSecond = 1900 }), []string{"the same hosts again: checks a second, by a plain Go pool's"}},
		{each(nameRollcall, func(o *Outcome) { o.Failures = 1 }), []string{"failures of our own making"}},
		{func(f *Figures) { f.Rounds[0].of(nameFull).Failures = 1 }, []string{"failures of our own making"}},
		{each(nameFull, func(o *Outcome) { o.First = &Spread{0.2, 2, 2} }), []string{"1,000 at once: first byte off by, p99"}},
		{each(nameFull, func(o *Outcome) { o.Duration = &Spread{0, 6, 6} }), []string{"1,000 at once: duration off by, p99"}},
		{each(nameTrickled, func(o *Outcome) { o.Sure = &Spread{0, 7, 7} }), []string{"trickled bodies, those not unsure: off by, p99"}},
		{each(nameFull, func(o *Outcome) { o.Beyond = 0.002 }), []string{"1,000 at once: share further off than it says"}},
		{each(nameTrickled, func(o *Outcome) { o.Beyond = 0.002 }), []string{"trickled bodies: share further off than it says"}},
		{func(f *Figures) { f.Many.Failures = 1 }, []string{"100,000 hosts: failures of our own making"}},
		{func(f *Figures) { f.Many.Peak = 221 }, []string{"100,000 hosts: peak of memory"}},
		{func(f *Figures) { f.Many.Seconds = 49 }, []string{"100,000 hosts: time, by what CPU and waiting allow"}},
		{func(f *Figures) { f.Many.CPU = 0.5 }, []string{"100,000 hosts: CPU a check, by that with 1,000"}},
		{func(f *Figures) { f.Starts.Function = once(7) }, []string{"cold start, by the plainest function's"}},
		{func(f *Figures) { f.Starts.Zip = 9.1 }, []string{"the function's package, arm64"}},
		{func(f *Figures) { f.Starts.Help = once(8.1) }, []string{"rollcall --help, by curl --help"}},
		{func(f *Figures) { f.Starts.Check = once(10.1) }, []string{"rollcall check of one URL, by curl's"}},
	}
	for _, tt := range tests {
		f := flawless()
		tt.spoil(f)
		if missed, absent := verdicts(f); !slices.Equal(missed, tt.want) || absent != nil {
			t.Errorf("missed: %q, want %q; absent: %q", missed, tt.want, absent)
		}
	}
}

// What was not measured is neither met nor missed.
func TestAbsentPeersAreNotCountedAsWon(t *testing.T) {
	f := flawless()
	for i, round := range f.Rounds {
		f.Rounds[i].Outcomes = slices.DeleteFunc(round.Outcomes, func(o Outcome) bool { return o.Client == nameWorkers })
	}
	missed, absent := verdicts(f)
	if missed != nil || !slices.Equal(absent, []string{"checks a second, by aiohttp's with 900 workers"}) {
		t.Errorf("missed: %q, absent: %q", missed, absent)
	}
	if missed, absent := verdicts(&Figures{}); missed != nil || len(absent) != 21 {
		t.Errorf("of nothing, missed: %q, absent: %q", missed, absent)
	}
}

func TestMachineSaysWhatToHoldAgainstIt(t *testing.T) {
	m := Machine{Cores: 1, Descriptors: 1024, Load: 3, Stolen: 0.05, Missing: []string{"curl"}}
	for i, want := range []string{"fewer than 2 cores", "1024 descriptors", "load was 3.0", "5.0 %", "not installed: curl"} {
		if got := m.warnings(); len(got) != 5 || !strings.Contains(got[i], want) {
			t.Errorf("the warnings are %q, want %q among them", got, want)
		}
	}
	if got := (Machine{Cores: 2, Descriptors: 20_000, Load: 0.1}).warnings(); got != nil {
		t.Errorf("a good machine has the warnings %q", got)
	}
}

func TestMissingPeersAreLeftOut(t *testing.T) {
	s, err := parse([]string{"-python", "/nowhere/python"})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", t.TempDir())
	m := describe(t.Context(), s)
	var left []string
	for _, c := range (&rig{}).clients() {
		if !m.lacks(c.name) {
			left = append(left, c.name)
		}
	}
	if want := []string{nameLimit, nameRollcall, nameAgain, nameFull, namePool}; !slices.Equal(left, want) || len(m.warnings()) < 3 {
		t.Errorf("without anything installed %q run, want %q; the warnings are %q", left, want, m.warnings())
	}
}

func TestWrongFlagsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-parts", "all"}, {"-hosts", "0"}, {"-rounds", "-1"}, {"more"}, {"-hosts", "x"}} {
		if s, err := parse(args); err == nil {
			t.Errorf("parse(%q) = %+v", args, s)
		}
	}
}

func TestCurlsLinesAreRead(t *testing.T) {
	checks, err := parseCurl("https://a:1/\t200\t\t0.210500\t0.009000\t0.210000\nhttps://b:1/\t000\tConnection timed out\t60\t0\t0\nhttps://c:1/\t503\t\t1\t0\t1\n")
	if err != nil || len(checks) != 3 {
		t.Fatalf("%+v, %v", checks, err)
	}
	if c := checks[0]; c.Failure != "" || c.Duration != 210500*time.Microsecond || c.First != 201*millisecond {
		t.Errorf("the first check is %+v", c)
	}
	if checks[1].Failure != "Connection timed out" || checks[2].Failure != "503" {
		t.Errorf("the others are %+v", checks[1:])
	}
	for _, text := range []string{"https://a:1/\t200\n", "https://a:1/\t200\t\tx\t0\t0\n"} {
		if _, err := parseCurl(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func TestExporterResponsesAreRead(t *testing.T) {
	const text = "# HELP probe_success x\nprobe_success 1\nprobe_duration_seconds 0.2105\nprobe_http_duration_seconds{phase=\"processing\"} 0.201\nprobe_http_status_code 200\n"
	if c := readProbe(peer.Check{URL: "u"}, strings.NewReader(text)); c != (peer.Check{URL: "u", Duration: 210500 * time.Microsecond, First: 201 * millisecond}) {
		t.Errorf("the check is %+v", c)
	}
	if c := readProbe(peer.Check{}, strings.NewReader("probe_success 0\nprobe_http_status_code 503\n")); c.Failure != "status 503" {
		t.Errorf("the check is %+v", c)
	}
}

func TestSummariesAreRead(t *testing.T) {
	const text = `{"targets": 3, "up": 2, "down": 1, "results": [
		{"name": "a", "url": "https://a:1/", "state": "up", "reason": "ok", "duration": 210.5, "phases": {"firstByte": 201}, "localDelay": 9.5, "clock": "kernel", "uncertainty": 0.25, "unsure": true},
		{"name": "b", "url": "https://b:1/", "state": "down", "reason": "timeout", "detail": "none", "duration": 1, "clock": "kernel"}]}`
	checks, err := readSummary([]byte(text), 3)
	if err != nil || len(checks) != 3 {
		t.Fatalf("%+v, %v", checks, err)
	}
	if c := checks[0]; c.First != 201*millisecond || c.process != 220*millisecond || !c.unsure || c.uncertainty != 250*time.Microsecond || c.Failure != "" {
		t.Errorf("the first check is %+v", c)
	}
	if checks[1].Failure != "timeout: none" || checks[2] != (reported{}) {
		t.Errorf("the others are %+v", checks[1:])
	}
	if _, err := readSummary([]byte(text), 4); err == nil {
		t.Error("a summary of too few targets is read")
	}
}

func TestRanges(t *testing.T) {
	if got := rangeOf([]float64{3, 1, 2}); got != (Range{2, 1, 3, 3}) {
		t.Errorf("of three: %+v", got)
	}
	if got := rangeOf([]float64{4, 1, 2, 3}); got.Median != 2.5 {
		t.Errorf("of four: %+v", got)
	}
	for v, want := range map[float64]string{0: "0", 0.04321: "0.043", 1.2345: "1.23", 12.345: "12.3", 2330.4: "2,330", 1e6: "1,000,000", 7: "7"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
}

func TestFiguresAreReadAsWritten(t *testing.T) {
	want := flawless()
	want.judge()
	path := filepath.Join(t.TempDir(), "bench.json")
	if err := want.save(path); err != nil {
		t.Fatal(err)
	}
	if got, err := load(path); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read again they are %+v, %v", got, err)
	}
	if got, err := load(path + "x"); err != nil || len(got.Rounds) > 0 {
		t.Errorf("without a file they are %+v, %v", got, err)
	}
}

// A figure that can't be written must not lose the others.
func TestFiguresHaveNoInfinities(t *testing.T) {
	f := &Figures{Rounds: []Round{{[]Outcome{{Client: nameRollcall, CPU: 1}, {Client: nameLimit}}}}, Starts: &Starts{}, Many: &Many{}}
	f.judge()
	for _, g := range f.Goals {
		if math.IsNaN(g.Figure) || math.IsInf(g.Figure, 0) {
			t.Errorf("%s: %v", g.What, g.Figure)
		}
	}
}

// The plot is well-formed, names each line that has points, and stays inside
// its picture.
func TestPlot(t *testing.T) {
	outcomes := []Outcome{
		{Client: nameRollcall, InFlight: 10, Duration: &Spread{0.001, 0.01, 1}, Process: &Spread{1, 2, 3}},
		{Client: nameRollcall, InFlight: 1000, Duration: &Spread{0.03, 0.1, 1}, Process: &Spread{60, 120, 200}},
		{Client: nameWorkers, InFlight: 900, Duration: &Spread{1280, 99_999, 99_999}},
		{Client: namePool, InFlight: 450},
	}
	drawn(t, plotTruth(outcomes), map[string]bool{"by the kernel's clock": true, "aiohttp": true, "1,000 at once: 60 / 120 ms": true, "plain Go pool": false})
	for _, off := range []float64{0, 1e-9, 1, 1e9} {
		if at := upward.at(off); at < plotTop || at > plotBottom {
			t.Errorf("%v ms are at %v", off, at)
		}
	}
}

// drawn verifies that a picture is well-formed, and has those texts or not.
func drawn(t *testing.T, picture []byte, texts map[string]bool) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(string(picture)))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	texts["NaN"], texts["Inf"] = false, false
	for text, want := range texts {
		escaped := strings.ReplaceAll(text, "'", "&#39;")
		if strings.Contains(string(picture), escaped) != want {
			t.Errorf("the plot has %q: %v", text, !want)
		}
	}
}

func TestGrowth(t *testing.T) {
	trials := flawless().Trials
	for n := 1; n <= len(trials); n++ {
		drawn(t, plotGrowth(trials[:n]), map[string]bool{"10,000 URLs: 7 s": n == 1, "1,000,000 URLs: 700 s": n == 2, "rollcall sum": true})
	}
}

// Of each thousand hosts some have a fault, and each fault has a server.
func TestLapses(t *testing.T) {
	if len(lapsed()) != len(lapses) || lapseOf(1137) == nil || lapseOf(1137).server != "status-404" || lapseOf(1138) != nil {
		t.Errorf("%d servers for %d faults", len(lapsed()), len(lapses))
	}
}

func TestPackageIsWeighed(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "bootstrap")
	if err := os.WriteFile(program, make([]byte, 10e6), 0o644); err != nil {
		t.Fatal(err)
	}
	if size, err := zipped(program, t.TempDir()); err != nil || size <= 0 || size > 0.1 {
		t.Errorf("10 MB of zeros are %v MB: %v", size, err)
	}
	if _, err := zipped(program, filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a folder that is not there is packed")
	}
}

// What a reader sees: the warnings first, every client, what was left out, and
// the goals.
func TestEverythingIsShown(t *testing.T) {
	f := flawless()
	f.Machine = Machine{Processor: "A processor", Cores: 1, Load: -1, Descriptors: 20_000}
	o := f.Rounds[2].of(nameRollcall)
	o.Checks, o.Failures, o.Unclear, o.Compared, o.Process = 2000, 4, 3, 1000, &Spread{60, 120, 130}
	o.Reasons = []Reason{{4, "timeout"}, {3, "a"}, {2, "b"}, {1, "c"}}
	f.Sizes = []Size{{Outcome{Seconds: 1.5}, 512, 0.29}}
	f.judge()
	var out strings.Builder
	show(&out, f)
	at := 0
	for _, want := range []string{
		"A processor", "! fewer than 2 cores", "2,000 hosts; medians of 3 rounds", nameLimit, nameRollcall, "4 of 2,020", "2,500",
		nameLimit + ": a sample of 10 hosts.", nameRollcall + ": 4 × timeout", "and 1 more kinds of failure", "60 / 120 ms off",
		"uncertain: " + nameRollcall + " 3.", "no room for all: " + nameRollcall + " 993",
		"100,000 hosts in one invocation", "cold start", "512", "CPU a check, by that of a bare handshake", "met",
	} {
		found := strings.Index(out.String()[at:], want)
		if found < 0 {
			t.Fatalf("%q is not shown, or not there, in\n%s", want, out.String())
		}
		at += found
	}
}
