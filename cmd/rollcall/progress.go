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
)

const (
	// redrawn often enough to look alive: at 8 times a second it costs nothing
	// that can be measured.
	redrawn = 125 * time.Millisecond
	// Where there is no terminal a line says now and then that the run goes
	// on, and none in a run that is short.
	repeated = 10 * time.Second

	slowAfter = 2 * time.Second // a check that is open for longer is named
)

// A progress shows on standard error how far a run has come, in a line that is
// drawn over again. What else belongs there is written through it.
type progress struct {
	out  io.Writer
	look report.Look
	live bool // the line can be drawn over

	mu      sync.Mutex
	began   time.Time
	total   int
	done    int
	down    int
	warned  int                         // degraded
	open    map[*check.Target]time.Time // since when
	waiting map[*check.Target]int       // how often confirmed, of those that will be again
	drawn   bool
}

func newProgress(sys system) *progress {
	look := sys.look(sys.err)
	return &progress{out: sys.err, look: look, live: look.Width > 0 && !sys.dumb()}
}

// Write writes what belongs on standard error beside the line.
func (p *progress) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	return p.out.Write(text)
}

// follow shows the progress of the run that m is about to begin, until stop.
func (p *progress) follow(m *monitor.Monitor, plan *plan.Plan) (stop func()) {
	p.mu.Lock()
	p.began, p.total, p.done, p.down, p.warned = time.Now(), len(plan.Targets), 0, 0, 0
	p.open, p.waiting = map[*check.Target]time.Time{}, map[*check.Target]int{}
	p.mu.Unlock()
	probe := m.Sweeper.Probe
	m.Sweeper.Probe = func(ctx context.Context, t *check.Target) check.Result {
		p.begin(t)
		defer p.leave(t)
		r := probe(ctx, t)
		p.end(t, &r)
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

func (p *progress) begin(t *check.Target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[t] = time.Now()
}

// leave is called for what has panicked too.
func (p *progress) leave(t *check.Target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, t)
}

// end counts a result as the sweep will: one that may pass has its verdict
// when it has been confirmed.
func (p *progress) end(t *check.Target, r *check.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Exhausted {
		return // the sweep begins it anew
	}
	confirmed, again := p.waiting[t]
	if again {
		confirmed++
	}
	if r.Retryable() && confirmed < t.Retries {
		p.waiting[t] = confirmed
		return
	}
	delete(p.waiting, t)
	p.done++
	switch {
	case r.State == check.Down, again && !r.Checked(): // the first verdict stays
		p.down++
	case r.State == check.Degraded:
		p.warned++
	}
}

// draw shows how far it is until ended is closed, and leaves an empty line.
func (p *progress) draw(ended <-chan struct{}) {
	every := repeated
	if p.live {
		every = redrawn
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
	text := p.state().Line(p.look)
	if !p.live {
		fmt.Fprintln(p.out, "rollcall:", text)
		return
	}
	p.erase()
	io.WriteString(p.out, text)
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
		Total: p.total, Done: p.done, Down: p.down, Degraded: p.warned, Confirming: len(p.waiting), Elapsed: time.Since(p.began),
	}
	for t, began := range p.open {
		took := time.Since(began)
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
