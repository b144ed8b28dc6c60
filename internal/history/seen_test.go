package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// parts returns what the parts of a run saw, each as it is after it was written and
// read, in any order.
func parts(t *testing.T, random *rand.Rand, run *Run, known *Document, of int) []*Seen {
	t.Helper()
	var all []*Seen
	for index := range of {
		own := *run
		own.Targets = nil
		for i := index; i < len(run.Targets); i += of {
			own.Targets = append(own.Targets, run.Targets[i])
		}
		text, err := json.Marshal(See(&own, known.Names(), index, of))
		if err != nil {
			t.Fatal(err)
		}
		part := &Seen{}
		if err := json.Unmarshal(text, part); err != nil {
			t.Fatal(err)
		}
		all = append(all, part)
	}
	random.Shuffle(of, func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// sum adds up what parts saw, in any order and grouped in any way.
func sum(random *rand.Rand, all []*Seen) *Seen {
	all = slices.Clone(all)
	for len(all) > 1 {
		i, j := random.IntN(len(all)-1), len(all)-1
		pair := &Seen{}
		pair.Add(all[i])
		pair.Add(all[j])
		pair.Cut(1000)
		all[i], all = pair, all[:j]
	}
	return all[0]
}

// Whatever the number of parts and their order: a run folded from what they saw is
// the one run, to the last byte of what is known.
func TestPartsAreFoldedAsOneRun(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		w := newWorld(seed)
		var known *Document
		for step := range 300 {
			run := w.next()
			run.Certificate = 21 // those of some targets
			if known == nil {
				known = &Document{}
			}
			want, _, _ := Fold(known, run)
			inParts := *run
			inParts.Targets, inParts.Seen = nil, sum(w.random, parts(t, w.random, run, known, 1+w.random.IntN(15)))
			got, _, _ := Fold(known, &inParts)
			if !bytes.Equal(encoded(t, got), encoded(t, want)) {
				t.Fatalf("seed %d, step %d: in parts it is\n%s\nnot\n%s", seed, step, text(t, got), text(t, want))
			}
			claimed, entries, _ := want.Claim("r", run.Minute)
			known = claimed.Settle("r", entries, nil, nil, run.Minute)
		}
	}
}

// Of targets whose part is missing nothing changes: no incident of theirs ends or
// grows, and none is removed. One that ends was seen up.
func TestMissingPartsSayNothing(t *testing.T) {
	t.Parallel()
	ended := 0
	for seed := range uint64(8) {
		w := newWorld(seed)
		known := &Document{}
		for step := range 300 {
			run := w.next()
			run.Certificate = 21 // those of some targets
			seen := parts(t, w.random, run, known, 6)
			inParts := *run
			inParts.Targets, inParts.Partial = nil, true
			inParts.Seen = sum(w.random, seen[:1+w.random.IntN(5)])
			states := map[string]State{}
			for _, l := range inParts.Seen.Looked {
				states[l.Name] = l.State
			}
			next, _, _ := Fold(known, &inParts)
			before := map[string]Incident{}
			for _, inc := range known.Incidents {
				before[inc.ID] = inc
			}
			for _, inc := range next.Incidents {
				old, there := before[inc.ID]
				if !there {
					continue
				}
				if inc.State == Certificate {
					for _, name := range old.Targets {
						if _, named := states[name]; !named && inc.Ups > old.Ups {
							t.Fatalf("seed %d, step %d: nobody looked at %s, and its certificate was renewed: %+v", seed, step, name, inc)
						}
					}
					continue
				}
				looked := states[inc.Target] == Up || states[inc.Target] == Degraded || states[inc.Target] == Down
				if !looked && (inc.Runs != old.Runs || inc.Looked != old.Looked || inc.Ups != old.Ups || inc.State != old.State || inc.Missing != old.Missing) {
					t.Fatalf("seed %d, step %d: nobody looked, and\n%+v\nis\n%+v", seed, step, old, inc)
				}
				if old.Open() && !inc.Open() {
					if ended++; states[inc.Target] != Up || inc.Removed {
						t.Fatalf("seed %d, step %d: it ended, and %q was seen: %+v", seed, step, states[inc.Target], inc)
					}
				}
			}
			claimed, entries, _ := next.Claim("r", run.Minute)
			known = claimed.Settle("r", entries, nil, nil, run.Minute)
		}
	}
	if ended == 0 {
		t.Error("no incident ended")
	}
}

// What is beyond the limits is the same, whatever was added first; what is known
// stays, and all that is left out is counted.
func TestCut(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		run := &Run{Minute: start, Interval: time.Minute, Certificate: 14, Limit: random.IntN(4)}
		known := map[string]bool{}
		for i := range 60 {
			run.Targets = append(run.Targets, Target{Name: fmt.Sprint("t", i), Group: fmt.Sprint("g", i%3), State: []State{Up, Down, Degraded}[random.IntN(3)], Fingerprint: fmt.Sprint("f", random.IntN(9)), DaysLeft: 3})
			if random.IntN(6) == 0 {
				known[fmt.Sprint("t", i)] = true
			}
		}
		most := random.IntN(25)
		whole := See(run, known, 0, 1)
		failed := 0
		for _, l := range whole.Looked {
			if l.failed() && !l.Known && !l.Own {
				failed++
			}
		}
		whole.Cut(most)
		sum := &Seen{}
		for _, index := range random.Perm(5) {
			own := *run
			own.Targets = nil
			for i := index; i < len(run.Targets); i += 5 {
				own.Targets = append(own.Targets, run.Targets[i])
			}
			part := See(&own, known, index, 5)
			part.Cut(most)
			sum.Add(part)
			sum.Cut(most)
		}
		got, _ := json.Marshal(sum)
		want, _ := json.Marshal(whole)
		if !bytes.Equal(got, want) {
			t.Fatalf("in parts it is\n%s\nnot\n%s", got, want)
		}
		left, certificates := 0, 0
		for _, l := range sum.Looked {
			if !l.Known && !l.Own {
				left++
			}
		}
		for _, c := range sum.Certificates {
			certificates += c.Count
		}
		if left+sum.LeftLooks != failed || certificates+sum.LeftCertificates != 60 {
			t.Fatalf("%d and %d of %d failures, certificates of %d and %d targets", left, sum.LeftLooks, failed, certificates, sum.LeftCertificates)
		}
	}
}

// A URL that the list has twice, in two parts, is one target: the first of them.
func TestTwiceInTheList(t *testing.T) {
	run := &Run{Minute: start, Interval: time.Minute, Fresh: true, Alert: Alert{Runs: 1, Window: 1}, Targets: []Target{{Name: "a", Group: "g", State: Down}}}
	known, _, _ := Fold(nil, run)
	for minute, want := range []int{1, 0} { // it takes two runs to close
		run.Minute = run.Minute.Add(time.Minute)
		run.Targets[0].State = Up
		inParts := *run
		inParts.Targets, inParts.Seen = nil, See(run, known.Names(), 1, 2)
		inParts.Seen.Add(See(run, known.Names(), 0, 2))
		known, _, _ = Fold(known, &inParts)
		if open := len(known.OpenIncidents()); open != want {
			t.Errorf("after %d runs %d are open", minute+1, open)
		}
	}
}
