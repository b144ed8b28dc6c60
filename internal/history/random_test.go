package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// A world is targets whose states change by chance, from a fixed seed.
type world struct {
	random *rand.Rand
	states [12]State
	minute time.Time
}

func newWorld(seed uint64) *world {
	w := &world{random: rand.New(rand.NewPCG(seed, 1)), minute: start}
	for i := range w.states {
		w.states[i] = Up
	}
	return w
}

// next is another run: most targets are as they were; sometimes there is a gap, no
// network, a short list, a maintenance, a certificate.
func (w *world) next() *Run {
	chance := func(percent int) bool { return w.random.IntN(100) < percent }
	w.minute = w.minute.Add(time.Minute)
	if chance(1) {
		w.minute = w.minute.Add(time.Duration(w.random.IntN(300)) * time.Minute)
	}
	run := &Run{
		Minute: w.minute, Interval: time.Minute, Blind: chance(2), Fresh: !chance(3), Limit: 5, Certificate: 14,
		Alert: Alert{Runs: 2, Window: 3, Remind: 45 * time.Minute},
	}
	quiet := chance(5)
	for i := range w.states {
		if chance(4) {
			w.states[i] = []State{Up, Up, Up, Degraded, Down, NotChecked}[w.random.IntN(6)]
		}
		t := Target{Name: fmt.Sprint("t", i), Group: fmt.Sprint("g", i%3), State: w.states[i], Duration: time.Duration(w.random.IntN(1e9)), Maintenance: quiet && i%2 == 0}
		if i%4 == 0 {
			t.Fingerprint, t.DaysLeft = fmt.Sprint("abcdefabcdef", i%8), 20-float64(w.minute.Sub(start)/time.Hour)/10
			if t.DaysLeft < -2 || chance(1) {
				t.Fingerprint, t.DaysLeft = "fedcbafedcba", 90
			}
		}
		if !(i == 11 && w.minute.Hour()%5 == 0) {
			run.Targets = append(run.Targets, t)
		}
	}
	return run
}

// Folding is deterministic and idempotent, changes nothing of what it is given, and
// what is stored is what is known. What people know is what is so.
func TestRandomRuns(t *testing.T) {
	t.Parallel()
	seeds := uint64(8)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		w := newWorld(seed)
		var known *Document
		ids, last := map[string]string{}, map[string]Entry{}
		for step := range 400 {
			run := w.next()
			before := encoded(t, known)
			next, changes, outcome := Fold(known, run)
			if outcome != Folded {
				t.Fatalf("seed %d, step %d: %s", seed, step, outcome)
			}
			if after := encoded(t, known); !bytes.Equal(before, after) {
				t.Fatalf("seed %d, step %d: known was changed", seed, step)
			}
			var stored *Document
			if known != nil {
				var err error
				if err = json.Unmarshal(before, &stored); err != nil {
					t.Fatal(err)
				}
			}
			again, sameChanges, _ := Fold(stored, run)
			if !bytes.Equal(encoded(t, next), encoded(t, again)) || fmt.Sprint(changes) != fmt.Sprint(sameChanges) {
				t.Fatalf("seed %d, step %d: folded again from what was stored, it is something else:\n%s\n%s", seed, step, text(t, next), text(t, again))
			}
			if same, changes, outcome := Fold(next, run); outcome != Same || same != next || changes != nil {
				t.Fatalf("seed %d, step %d: the same run twice: %s", seed, step, outcome)
			}
			known = next
			claimed, entries, _ := known.Claim("r", run.Minute)
			for _, e := range entries {
				if old := last[e.Incident]; e.Seq <= old.Seq || e.State == old.State && !e.Reminder && e.Level == old.Level {
					t.Fatalf("seed %d, step %d: told %s again after %s of %s", seed, step, line(e.Change), line(old.Change), e.Incident)
				}
				last[e.Incident] = e
			}
			known = claimed.Settle("r", entries, nil, nil, run.Minute)
			if len(known.Outbox) > 0 {
				t.Fatalf("seed %d, step %d: %d entries are left", seed, step, len(known.Outbox))
			}
			open := map[string]bool{}
			for _, inc := range known.OpenIncidents() {
				key := inc.Target + "/" + inc.Group + "/" + inc.Fingerprint
				if open[key] {
					t.Fatalf("seed %d, step %d: two incidents of %s", seed, step, key)
				}
				open[key] = true
				if other, there := ids[inc.ID]; there && other != key {
					t.Fatalf("seed %d, step %d: %s is of %s and %s", seed, step, inc.ID, key, other)
				}
				ids[inc.ID] = key
				if !inc.Maintenance && inc.Told != inc.State {
					t.Fatalf("seed %d, step %d: %s is %s, people know %q", seed, step, inc.ID, inc.State, inc.Told)
				}
			}
		}
		w.states = newWorld(0).states
		for range 100 { // all is well again
			run := w.next()
			run.Blind, run.Fresh = false, true
			for i := range run.Targets {
				run.Targets[i].State, run.Targets[i].Maintenance = Up, false
				if run.Targets[i].Fingerprint != "" {
					run.Targets[i].Fingerprint, run.Targets[i].DaysLeft = "fedcbafedcba", 90
				}
			}
			known, _, _ = Fold(known, run)
			claimed, entries, _ := known.Claim("r", run.Minute)
			for _, e := range entries {
				last[e.Incident] = e
			}
			known = claimed.Settle("r", entries, nil, nil, run.Minute)
		}
		for id, e := range last {
			if e.State.problem() {
				t.Errorf("seed %d: the last that was reported of %s is %s", seed, id, line(e.Change))
			}
		}
		if n := len(known.Incidents) + len(known.Suspects) + len(known.Outbox); n > 0 {
			t.Errorf("seed %d: all is well, and there is still %s", seed, text(t, known))
		}
	}
}

func encoded(t *testing.T, d *Document) []byte {
	t.Helper()
	if d == nil {
		return nil
	}
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// What is known grows with what is down and with today, not with the past.
func TestBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(7)
	var known *Document
	var sizes []int
	steps := 3000
	if testing.Short() {
		steps = 1000
	}
	for step := range steps {
		run := w.next()
		run.Targets[0].Name = fmt.Sprint("new ", step%300) // lists change all the time
		known, _, _ = Fold(known, run)
		claimed, entries, _ := known.Claim("r", run.Minute)
		known = claimed.Settle("r", nil, entries, nil, run.Minute) // and no topic accepts anything
		if step%500 == 499 {
			sizes = append(sizes, len(encoded(t, known)))
		}
		known.Closed = nil
	}
	if first, last := sizes[0], sizes[len(sizes)-1]; last > 2*first+100_000 || len(known.Outbox) > maxOutbox || len(known.More) > maxMore {
		t.Errorf("%d bytes, %d entries", sizes, len(known.Outbox))
	}
}

// text is a document as it is kept, decompressed.
func text(t *testing.T, d *Document) string {
	t.Helper()
	data, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
