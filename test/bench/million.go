package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/testnet"
)

// A Trial is a list that was checked in parts, and added up.
type Trial struct {
	URLs, Parts, Down int
	InTurn            Passage // one part after the other
	Piped             Passage // by xargs, four processes at a time
	Sum               Passage // of the tallies
	Whole             Passage // one invocation, of at most manyURLs
	Ratio             Range   // CPU a check, in parts by that of one invocation; of rounds
}

// A Passage is what it took to check a list, or to add it up.
type Passage struct {
	Checks  int
	Seconds float64
	CPU     float64 // seconds
	Peak    float64 // MB, of the largest process; 0: unknown
}

// Tallies are what it takes to add up a thousand parts of ten thousand targets.
type Tallies struct {
	Parts, Targets int // of each part
	Few, All       Passage
}

const (
	partURLs    = 10_000  // targets of a part
	leastParts  = 4       // so that four processes have work
	wholeURLs   = 100_000 // of one invocation
	pipeline    = 4       // processes at a time
	faultyEvery = 1000    // hosts of which each of the faults has one
)

// lapse is a fault that some hosts of a list have, and how it is reported.
type lapse struct {
	server string // of the test network
	at     int    // in each faultyEvery
	reason check.Reason
}

// lapses are reported at once: a confirmation would wait.
var lapses = []lapse{
	{"status-404", 137, check.Status}, {"expired", 377, check.TLSExpired}, {"wrong-name", 613, check.TLSHostname}, {"nxdomain", 859, check.DNSNotFound},
}

func lapseOf(i int) *lapse {
	n := slices.IndexFunc(lapses, func(l lapse) bool { return l.at == i%faultyEvery })
	if n < 0 {
		return nil
	}
	return &lapses[n]
}

// lapsed are the servers of the faults, each for all hosts below its name.
func lapsed() []testnet.Server {
	var all []testnet.Server
	for _, s := range testnet.Faults() {
		if slices.ContainsFunc(lapses, func(l lapse) bool { return l.server == s.Name }) {
			s.Name = "*." + s.Name
			all = append(all, s)
		}
	}
	return all
}

// million checks lists in parts, and holds what they add up to against the truth.
func (r *rig) million(ctx context.Context, f *Figures) error {
	for _, n := range r.urls {
		t, err := r.trial(ctx, n)
		if err != nil {
			return fmt.Errorf("%d URLs in parts: %w", n, err)
		}
		f.Trials = append(slices.DeleteFunc(f.Trials, func(o Trial) bool { return o.URLs == n }), *t)
	}
	slices.SortFunc(f.Trials, func(a, b Trial) int { return cmp.Compare(a.URLs, b.URLs) })
	if r.tallies == 0 {
		return nil
	}
	f.Tallies = &Tallies{Parts: r.tallies, Targets: partURLs}
	for failing, into := range map[int]*Passage{100: &f.Tallies.Few, 1: &f.Tallies.All} {
		r.say("%d tallies of %d targets, one in %d down", r.tallies, partURLs, failing)
		dir, err := os.MkdirTemp(r.dir, "tallies-")
		if err != nil {
			return err
		}
		if err := writeTallies(dir, r.tallies, partURLs, failing); err != nil {
			return err
		}
		if _, *into, err = r.sum(ctx, dir); err != nil {
			return err
		}
	}
	return nil
}

// trial checks a list of n URLs in parts, one after the other and in a pipeline, and as
// a whole.
func (r *rig) trial(ctx context.Context, n int) (*Trial, error) {
	t := &Trial{URLs: n, Parts: min(max(n/partURLs, leastParts), 1000)}
	for i := range n {
		if lapseOf(i) != nil {
			t.Down++
		}
	}
	list, err := r.list("list.txt.gz", n)
	if err != nil {
		return nil, err
	}
	whole := list
	if n > wholeURLs {
		if whole, err = r.list("whole.txt.gz", wholeURLs); err != nil {
			return nil, err
		}
	}
	var ratios []float64
	for round := range r.rounds {
		r.say("%d URLs in one invocation, round %d", min(n, wholeURLs), round+1)
		one, err := r.run(ctx, min(n, wholeURLs), r.program(), "check", whole, "--json", "--output", filepath.Join(r.dir, "whole.json"), "--timeout", clientTimeout.String())
		if err != nil {
			return nil, err
		}
		r.say("%d URLs in %d parts, round %d", n, t.Parts, round+1)
		dir := filepath.Join(r.dir, "in-turn")
		parts := Passage{}
		began := time.Now()
		for k := range t.Parts {
			p, err := r.run(ctx, n, r.program(), append([]string{"check"}, part(list, fmt.Sprintf("%d/%d", k+1, t.Parts), dir)...)...)
			if err != nil {
				return nil, err
			}
			parts = Passage{n, 0, parts.CPU + p.CPU, max(parts.Peak, p.Peak)}
		}
		parts.Seconds = time.Since(began).Seconds()
		if t.Sum, err = r.verify(ctx, dir, n, t.Down); err != nil {
			return nil, err
		}
		t.Whole, t.InTurn = one, parts
		ratios = append(ratios, parts.CPU/float64(n)/(one.CPU/float64(one.Checks)))
		if n > wholeURLs {
			break // it takes long enough
		}
	}
	t.Ratio = rangeOf(ratios)
	r.say("%d URLs in %d parts, %d at a time", n, t.Parts, pipeline)
	dir := filepath.Join(r.dir, "piped")
	command := fmt.Sprintf(`seq %d | xargs -P %d -I K "$@" --part K/%[1]d`, t.Parts, pipeline)
	if t.Piped, err = r.run(ctx, n, "sh", append([]string{"-c", command, "sh", r.program(), "check"}, part(list, "", dir)...)...); err != nil {
		return nil, err
	}
	t.Piped.Peak = 0 // of the shell
	_, err = r.verify(ctx, dir, n, t.Down)
	return t, err
}

func (r *rig) program() string { return filepath.Join(r.bin, "rollcall") }

// part are the arguments that check a part of a list; k "": without which.
func part(list, k, dir string) []string {
	args := []string{list, "--run", "trial", "--tally", dir, "--json", "--output", os.DevNull, "--timeout", clientTimeout.String()}
	if k != "" {
		args = append(args, "--part", k)
	}
	return args
}

// list writes a list of n URLs, each at a host of its own.
func (r *rig) list(name string, n int) (string, error) {
	var text bytes.Buffer
	z := gzip.NewWriter(&text)
	for i := range n {
		if l := lapseOf(i); l != nil {
			url := fmt.Sprintf("https://h%d.%s.stage.test/", i, l.server)
			if ported, ok := r.testnet.Ported(url); ok {
				url = ported
			}
			fmt.Fprintln(z, url)
			continue
		}
		fmt.Fprintf(z, "https://%s:%d/\n", r.plain.Host(i), r.plain.Port())
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return r.write(name, text.String())
}

// run runs a program to its end, in which targets may be down.
func (r *rig) run(ctx context.Context, checks int, program string, args ...string) (Passage, error) {
	const someFailed = 123 // of xargs(1)
	p, err := r.start(ctx, nil, program, args...)
	if err != nil {
		return Passage{}, err
	}
	u, err := p.wait(0, 1, someFailed)
	r.plain.Take() // or it would keep all
	return Passage{checks, u.Wall.Seconds(), u.CPU.Seconds(), float64(u.Peak) / 1e6}, err
}

// sum adds the tallies of a directory up by the program.
func (r *rig) sum(ctx context.Context, dir string, flags ...string) (*monitor.Summary, Passage, error) {
	var out bytes.Buffer
	p, err := r.start(ctx, &out, r.program(), append([]string{"sum", dir, "--json"}, flags...)...)
	if err != nil {
		return nil, Passage{}, err
	}
	u, err := p.wait(0, 1)
	if err != nil {
		return nil, Passage{}, err
	}
	s := &monitor.Summary{}
	if err := json.Unmarshal(out.Bytes(), s); err != nil {
		return nil, Passage{}, err
	}
	return s, Passage{s.Targets, u.Wall.Seconds(), u.CPU.Seconds(), float64(u.Peak) / 1e6}, os.RemoveAll(dir)
}

// verify adds the parts up, and holds each verdict and what CloudWatch got against the
// truth.
func (r *rig) verify(ctx context.Context, dir string, n, down int) (Passage, error) {
	before := len(r.testnet.CloudWatch.Accepted())
	s, p, err := r.sum(ctx, dir, "--publish")
	if err != nil {
		return p, err
	}
	reasons, seen := map[check.Reason]int{}, map[int]bool{}
	wrong := ""
	for i := range s.Results {
		res, at := &s.Results[i], 0
		fmt.Sscanf(res.URL, "https://h%d.", &at)
		if l := lapseOf(at); l == nil || seen[at] || res.State != check.Down || res.Reason != l.reason {
			wrong = res.URL + " among them"
		}
		seen[at] = true
		reasons[res.Reason]++
	}
	if wrong != "" || s.Targets != n || s.Up != n-down || s.Down != down || len(s.Results) != down || !s.Healthy || len(s.Warnings) > 0 {
		return p, fmt.Errorf("the sum has %d targets, %d up, %d down (%v, wrongly %q), healthy %v, warnings %q; %d of %d are down", s.Targets, s.Up, s.Down, reasons, wrong, s.Healthy, s.Warnings, down, n)
	}
	want := map[string]float64{"Up 0": float64(down), "Up 1": float64(n - down), "Down " + strconv.Itoa(down): 1}
	for reason, count := range reasons {
		want[fmt.Sprintf("Failures %s %d", reason, count)] = 1
	}
	got := map[string]float64{}
	for _, d := range r.testnet.CloudWatch.Accepted()[before:] {
		what := d.Metric
		switch {
		case len(d.Dimensions) > 0 && d.Dimensions[0].Name == "Reason":
			what += " " + d.Dimensions[0].Value
		case len(d.Dimensions) > 0 || what != "Up" && what != "Down":
			continue
		}
		if d.Values == nil {
			d.Values, d.Counts = []float64{d.Value}, []float64{1}
		}
		for i, v := range d.Values {
			got[fmt.Sprintf("%s %v", what, v)] += d.Counts[i]
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return p, fmt.Errorf("CloudWatch got %v, not %v", got, want)
	}
	return p, nil
}
