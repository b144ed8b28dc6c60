package wire

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// unseen is what a Lateness says of a process that was never late.
const unseen = tick + tickSlack

// An event is how late something was done at an instant.
type event struct{ at, late time.Duration }

func TestLateness(t *testing.T) {
	const ms = time.Millisecond
	many := []event{}
	for i := range time.Duration(maxPeaks + 50) {
		many = append(many, event{i * ms, time.Second - i*ms})
	}
	for _, tt := range []struct {
		name   string
		events []event
		since  time.Duration // asked at the last event
		want   time.Duration
	}{
		{"never late", nil, 0, unseen},
		{"within the slack", []event{{5 * ms, tickSlack}}, 0, unseen},
		{"late once", []event{{50 * ms, 40 * ms}}, 0, tick + 40*ms},
		{"late just then", []event{{50 * ms, 40 * ms}}, 50 * ms, tick + 40*ms},
		{"late before", []event{{50 * ms, 40 * ms}, {60 * ms, 0}}, 50*ms + 1, unseen},
		{"the higher before the lower", []event{{50 * ms, 40 * ms}, {60 * ms, 20 * ms}}, 0, tick + 40*ms},
		{"the lower before the higher", []event{{50 * ms, 20 * ms}, {60 * ms, 40 * ms}}, 0, tick + 40*ms},
		{"the higher is too old", []event{{50 * ms, 40 * ms}, {60 * ms, 20 * ms}}, 55 * ms, tick + 20*ms},
		{"the higher of those after", []event{{50 * ms, 40 * ms}, {60 * ms, 10 * ms}, {70 * ms, 20 * ms}}, 55 * ms, tick + 20*ms},
		{"as high again", []event{{50 * ms, 40 * ms}, {60 * ms, 40 * ms}}, 55 * ms, tick + 40*ms},
		{"more than are remembered: the first", many, 0, tick + time.Second},
		{"more than are remembered: the last", many, many[len(many)-1].at, tick + many[maxPeaks-1].late},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l Lateness
				l.Start()
				defer l.Stop()
				began := time.Now()
				for _, e := range tt.events {
					time.Sleep(time.Until(began.Add(e.at)))
					l.report(e.late)
				}
				if got := l.Since(began.Add(tt.since)); got != tt.want {
					t.Errorf("Since = %v, want %v", got, tt.want)
				}
				if len(l.peaks) > maxPeaks || tt.want == unseen && tt.since == 0 && len(l.peaks) > 0 {
					t.Errorf("%d peaks are remembered, want at most %d, and none of what is on time", len(l.peaks), maxPeaks)
				}
			})
		})
	}
}

// A timer that runs late is seen when it runs, and before it does.
func TestLatenessOfTheTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Lateness
		l.Start()
		defer l.Stop()
		began := time.Now()
		l.timer.Stop() // as if the process had stopped
		time.Sleep(50 * time.Millisecond)
		l.Start() // by a second user, who does not hide it from the first
		defer l.Stop()
		const want = 50 * time.Millisecond // the tick is added for what came before it was due
		if got := l.Since(began); got != want {
			t.Errorf("Since = %v before the timer runs, want %v", got, want)
		}
		l.run()
		time.Sleep(time.Second)
		if got := l.Since(began); got != want {
			t.Errorf("Since = %v after the timer has run, want %v", got, want)
		}
		if got := l.Since(began.Add(50*time.Millisecond + 1)); got != unseen {
			t.Errorf("Since = %v later, want %v", got, unseen)
		}
	})
}

// The timer runs from the first Start to the last Stop, each time.
func TestLatenessRunsWhileItIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Lateness
		due := func() time.Time {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.due
		}
		for range 2 {
			l.Start()
			l.Start()
			l.Stop()
			time.Sleep(time.Second + time.Microsecond)
			if until := time.Until(due()); until <= 0 || until > tick {
				t.Errorf("in use, the timer is due in %v", until)
			}
			l.report(time.Minute)
			l.Stop()
			l.run() // as if it had fired while it was stopped
			last := due()
			time.Sleep(time.Second)
			if due() != last {
				t.Error("the timer runs though nobody uses it")
			}
			if l.peaks != nil {
				t.Errorf("%v is remembered though nobody uses it", l.peaks)
			}
		}
	})
}

// Many at once; the race detector looks.
func TestLatenessManyAtOnce(t *testing.T) {
	var l Lateness
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			l.Start()
			defer l.Stop()
			l.report(time.Second)
			if got := l.Since(time.Now().Add(-time.Minute)); got < time.Second {
				t.Errorf("Since = %v, want at least a second", got)
			}
		})
	}
	group.Wait()
	if l.users != 0 {
		t.Errorf("%d users are left, want none", l.users)
	}
}
