package wire

import (
	"sync"
	"time"
)

const (
	beat        = 2 * time.Millisecond   // how often the pulse is felt
	beatSlack   = time.Millisecond       // Go waits for the kernel in whole milliseconds
	pulseBucket = 100 * time.Millisecond // one remembered maximum
	pulseSpan   = 512                    // buckets: 51 s
)

// A Pulse knows how late this process was lately: a goroutine sleeps for two
// milliseconds again and again and notes how much longer it took; and
// connections tell how long what they read had been there, which is longer
// where timers are seen to before sockets. What no stamp can tell (a look-up, a
// stamp of merged segments) is as unsure as the process was late meanwhile. It
// beats only while somebody is inside. The zero value is ready; Worst is asked
// from within.
type Pulse struct {
	mu     sync.Mutex
	epoch  time.Time // buckets are counted from here
	felt   time.Time // when it was felt last
	inside int
	stop   chan struct{}
	done   chan struct{}       // one a beat: who leaves does not wait for the next one's
	worst  [pulseSpan]lateness // a ring
}

type lateness struct {
	bucket int64 // which pulseBucket of monotonic time; tells a slot's old use from its new
	late   time.Duration
}

// Enter starts the pulse unless it beats. Each Enter wants a Leave.
func (p *Pulse) Enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inside++
	if p.inside > 1 {
		return
	}
	p.felt = time.Now()
	if p.epoch.IsZero() {
		p.epoch = p.felt
	}
	p.stop, p.done = make(chan struct{}), make(chan struct{})
	go p.run(p.stop, p.done)
}

// Leave ends the pulse when the last one leaves; it then has ended.
func (p *Pulse) Leave() {
	p.mu.Lock()
	p.inside--
	last, stop, done := p.inside == 0, p.stop, p.done
	p.mu.Unlock()
	if last {
		close(stop)
		<-done
	}
}

func (p *Pulse) run(stop, done chan struct{}) {
	defer close(done)
	timer := time.NewTimer(beat)
	defer timer.Stop()
	for {
		select {
		case <-stop:
			return
		case <-timer.C:
		}
		p.feel(time.Now())
		timer.Reset(beat)
	}
}

// feel notes a beat.
func (p *Pulse) feel(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	late := p.overdue(now)
	p.felt = now
	if late > 0 {
		p.file(now, late)
	}
}

// note notes that what should have been seen to late before now is so now.
func (p *Pulse) note(now time.Time, late time.Duration) {
	if late > 0 {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.file(now, late)
	}
}

// file files a lateness under every bucket that it spans. p.mu is held.
func (p *Pulse) file(now time.Time, late time.Duration) {
	last := p.bucket(now)
	for b := max(p.bucket(now.Add(-late)), last-pulseSpan+1); b <= last; b++ {
		slot := &p.worst[b%pulseSpan]
		if slot.bucket != b {
			*slot = lateness{bucket: b}
		}
		slot.late = max(slot.late, late)
	}
}

// overdue is how late the next beat is at the instant now.
func (p *Pulse) overdue(now time.Time) time.Duration {
	return now.Sub(p.felt) - beat - beatSlack
}

func (p *Pulse) bucket(t time.Time) int64 { return max(0, int64(t.Sub(p.epoch)/pulseBucket)) }

// Unfelt is how late the process can be without the pulse's knowing: between two
// beats, and by the slack.
const Unfelt = beat + beatSlack

// Worst is how late the process was at most between from and to, as far as it
// remembers (51 s), but for Unfelt. The beat that is still to come counts.
func (p *Pulse) Worst(from, to time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	worst := max(0, p.overdue(to))
	last := p.bucket(to)
	for b := max(p.bucket(from), last-pulseSpan+1); b <= last; b++ {
		if slot := p.worst[b%pulseSpan]; slot.bucket == b {
			worst = max(worst, slot.late)
		}
	}
	return worst
}
