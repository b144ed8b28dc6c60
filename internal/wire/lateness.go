package wire

import (
	"sync"
	"time"
)

const (
	tick      = 2 * time.Millisecond
	tickSlack = time.Millisecond // Go waits for the kernel in whole milliseconds
	maxPeaks  = 256
)

// A Lateness knows how late this process was to do what was due. A timer notes
// every 2 ms how late it runs, and connections report how long what they read
// had been there. What no stamp says (the end of a lookup, when each of merged
// segments came) is as uncertain as the process was late meanwhile. The zero
// value is ready.
type Lateness struct {
	mu    sync.Mutex
	users int
	timer *time.Timer
	due   time.Time // when the timer runs next
	peaks []peak    // in order of time, each higher than all after it
}

type peak struct {
	at   time.Time
	late time.Duration
}

// Start starts the timer unless it runs. Each Start wants a Stop.
func (l *Lateness) Start() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users++; l.users == 1 {
		l.due = time.Now().Add(tick)
		l.timer = time.AfterFunc(tick, l.run)
	}
}

// Stop ends what Start began. The last one stops the timer, which runs once
// more, and everything is forgotten.
func (l *Lateness) Stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users--; l.users == 0 {
		l.peaks = nil
	}
}

func (l *Lateness) run() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users > 0 {
		l.note(time.Since(l.due))
		l.due = time.Now().Add(tick)
		l.timer.Reset(tick)
	}
}

// report notes how late something is done now.
func (l *Lateness) report(late time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(late)
}

func (l *Lateness) note(late time.Duration) {
	if late <= tickSlack {
		return
	}
	n := len(l.peaks)
	for n > 0 && l.peaks[n-1].late <= late {
		n--
	}
	if n == maxPeaks { // the one before lasts longer instead: rather too late than too early
		n--
		late = l.peaks[n].late
	}
	l.peaks = append(l.peaks[:n], peak{time.Now(), late})
}

// Since returns how late the process may have been since then: at least the
// 3 ms that the timer cannot see. The Lateness must have been started by then.
func (l *Lateness) Since(then time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	late := time.Since(l.due) // unless the timer is still to run
	for _, p := range l.peaks {
		if !p.at.Before(then) {
			late = max(late, p.late)
			break
		}
	}
	return tick + max(tickSlack, late)
}
