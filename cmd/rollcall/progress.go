package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/plan"
	"rollcall/internal/report"
	"rollcall/internal/text"
)

const (
	redrawInterval = 125 * time.Millisecond // on a terminal
	lineInterval   = 10 * time.Second       // elsewhere: a line now and then

	slowAfter = 2 * time.Second // a check that takes longer is named
)

// A progress shows on standard error how far a run has come, in a line that is
// drawn again and again. Whatever else goes to standard error during a run is
// written through it.
type progress struct {
	out  io.Writer
	look report.Look
	live bool // the line can be redrawn

	mu       sync.Mutex
	started  time.Time
	total    int
	done     int
	down     int
	degraded int
	open     map[*check.Target]time.Time // when each check started
	retries  map[*check.Target]int       // of targets that will be checked again: how often they have been
	drawn    bool
}

func newProgress(sys system) *progress {
	look := sys.look(sys.err)
	return &progress{out: sys.err, look: look, live: look.Width > 0 && !sys.dumb()}
}

// Write writes a line of the log to standard error, in place of the progress.
func (p *progress) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	_, err := io.WriteString(p.out, text.Inert(string(line)))
	return len(line), err
}

// follow shows the progress of the run that m is about to begin, until stop.
func (p *progress) follow(m *monitor.Monitor, plan *plan.Plan) (stop func()) {
	p.mu.Lock()
	p.started, p.total, p.done, p.down, p.degraded = time.Now(), len(plan.Targets), 0, 0, 0
	p.open, p.retries = map[*check.Target]time.Time{}, map[*check.Target]int{}
	p.mu.Unlock()
	probe := m.Sweeper.Probe
	m.Sweeper.Probe = func(ctx context.Context, t *check.Target) check.Result {
		p.checkStarted(t)
		defer p.checkEnded(t)
		r := probe(ctx, t)
		p.count(t, &r)
		return r
	}
	ended, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		p.draw(ended)
	}()
	return func() {
		close(ended)
		<-over
		m.Sweeper.Probe = probe
	}
}

func (p *progress) checkStarted(t *check.Target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[t] = time.Now()
}

// checkEnded is called after a panic too.
func (p *progress) checkEnded(t *check.Target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, t)
}

// count counts a result as the sweep will: a retryable failure counts once it has
// been confirmed.
func (p *progress) count(t *check.Target, r *check.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Exhausted || r.Short > 0 {
		return // the sweep checks it again
	}
	retried, again := p.retries[t]
	if again {
		retried++
	}
	if r.Retryable() && retried < t.Retries {
		p.retries[t] = retried
		return
	}
	delete(p.retries, t)
	p.done++
	switch {
	case r.State == check.Down, again && !r.Checked(): // the first verdict stays
		p.down++
	case r.State == check.Degraded:
		p.degraded++
	}
}

// draw shows the progress until ended is closed, and leaves an empty line.
func (p *progress) draw(ended <-chan struct{}) {
	every := lineInterval
	if p.live {
		every = redrawInterval
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ended:
			p.mu.Lock()
			p.erase()
			p.mu.Unlock()
			return
		case <-ticker.C:
			p.redraw()
		}
	}
}

func (p *progress) redraw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.state().Line(p.look)
	if !p.live {
		fmt.Fprintln(p.out, "rollcall:", line)
		return
	}
	p.erase()
	io.WriteString(p.out, line)
	p.drawn = true
}

// erase needs the lock.
func (p *progress) erase() {
	if p.drawn {
		io.WriteString(p.out, "\r\x1b[K")
		p.drawn = false
	}
}

// state needs the lock.
func (p *progress) state() report.Progress {
	s := report.Progress{
		Total: p.total, Done: min(p.done, p.total), Down: p.down, Degraded: p.degraded, Confirming: len(p.retries), Elapsed: time.Since(p.started),
	}
	for t, started := range p.open {
		took := time.Since(started)
		if took < slowAfter {
			continue
		}
		s.Slow++
		if took > s.Waiting {
			s.Waiting, s.Slowest = took, t.Name
		}
	}
	return s
}
