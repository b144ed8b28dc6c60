package wire

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Where time is exact, so is the beat: nothing is late.
func TestPulseOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pulse
		p.Enter()
		began := time.Now()
		time.Sleep(3 * time.Second)
		if got := p.Worst(began, time.Now()); got != 0 {
			t.Errorf("Worst = %v, want 0", got)
		}
		p.Leave()
	})
}

// It beats from the first that enters to the last that leaves, and again
// later; synctest fails where a goroutine is left.
func TestPulseBeatsWhileSomebodyIsInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pulse
		felt := func() time.Time {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.felt
		}
		for range 2 {
			p.Enter()
			p.Enter()
			p.Leave()
			time.Sleep(time.Second)
			synctest.Wait()
			if age := time.Since(felt()); age >= beat {
				t.Errorf("with one inside the last beat is %v old", age)
			}
			p.Leave()
			last := felt()
			time.Sleep(time.Second)
			if felt() != last {
				t.Error("it beats with nobody inside")
			}
		}
	})
}

func TestPulseManyAtOnce(t *testing.T) {
	var p Pulse
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			p.Enter()
			defer p.Leave()
			p.Worst(time.Now(), time.Now())
		})
	}
	group.Wait()
	if p.inside != 0 {
		t.Errorf("%d are inside, want none", p.inside)
	}
}

// felt is a pulse that was felt at the epoch and then at these instants, in
// milliseconds.
func feltAt(instants ...float64) *Pulse {
	p := &Pulse{epoch: at(0), felt: at(0)}
	for _, ms := range instants {
		p.feel(at(ms))
	}
	return p
}

func TestPulseRemembersLateness(t *testing.T) {
	const (
		free = 3.0            // a beat and its slack, in milliseconds
		span = 100 * 512.0    // what is remembered
		long = 2 * 100 * 512. // more than that
	)
	tests := []struct {
		name     string
		p        *Pulse
		from, to float64
		want     float64
	}{
		{"in time", feltAt(2, 4, 6), 0, 6, 0},
		{"within the slack", feltAt(3, 6), 0, 6, 0},
		{"one late beat", feltAt(2, 52), 0, 52, 50 - free},
		{"the worst of two", feltAt(30, 80, 82), 0, 82, 50 - free},
		{"the one to come", feltAt(2), 0, 45, 43 - free},
		{"the one to come is not the worst", feltAt(60, 62), 0, 72, 60 - free},
		{"long before", feltAt(52, 400), 600, 600, 200 - free},
		{"in the bucket before, and over", feltAt(52, 54, 56, 58, 60, 200), 300, 202, 0},
		{"spans every bucket of its time", feltAt(350), 120, 180, 350 - free},
		{"from before the epoch", feltAt(52), -500, 52, 52 - free},
		{"longer than is remembered", feltAt(long), long - 50, long, long - free},
		{"forgotten by now", forgotten(long), 0, long, 0},
		{"just remembered", forgotten(span - 200), 0, span - 200, 47},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.p.Worst(at(tt.from), at(tt.to))
			if want := time.Duration(tt.want * float64(time.Millisecond)); got != want {
				t.Errorf("Worst = %v, want %v", got, want)
			}
		})
	}
}

// What connections tell counts like a late beat; what was in time does not.
func TestPulseTold(t *testing.T) {
	p := feltAt(2, 4, 6)
	p.note(at(150), 40*time.Millisecond)
	p.note(at(160), -time.Hour)
	p.note(at(170), 0)
	if got := p.Worst(at(120), at(150)); got < 40*time.Millisecond {
		t.Errorf("Worst = %v, want what was told", got)
	}
	p.felt = at(250)
	if got := p.Worst(at(200), at(250)); got != 0 {
		t.Errorf("Worst = %v later, want 0", got)
	}
}

// forgotten is a pulse that was 47 ms late at its start and on time from then
// to an instant.
func forgotten(until float64) *Pulse {
	p := feltAt(50)
	for ms := 52.0; ms <= until; ms += 2 {
		p.feel(at(ms))
	}
	return p
}

// Who leaves waits for the beat that ends, not for one that somebody else has
// begun meanwhile.
func TestPulseLeaveDoesNotWaitForWhoComes(t *testing.T) {
	for round := range 200 {
		var p Pulse
		var group sync.WaitGroup
		p.Enter()
		stay := make(chan struct{})
		group.Go(func() {
			for outside := false; !outside; {
				p.mu.Lock()
				outside = p.inside == 0
				p.mu.Unlock()
			}
			p.Enter()
			<-stay
			p.Leave()
		})
		left := make(chan struct{})
		group.Go(func() { p.Leave(); close(left) })
		select {
		case <-left:
		case <-time.After(5 * time.Second):
			t.Errorf("round %d: Leave waits for who came later", round)
		}
		close(stay)
		group.Wait()
		if t.Failed() {
			return
		}
	}
}
