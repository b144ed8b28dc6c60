package sweep

import (
	"time"

	"rollcall/internal/check"
)

const (
	// grace is how long an attempt may take beyond its ceiling, or the run's end:
	// two looks at it, each in its time.
	grace = 2 * look
	look  = 50 * time.Millisecond
	// mostLooks bounds how long a process is waited for that is never in time.
	mostLooks = 40
)

// watch looks at the attempts again and again, and gives up those that do not end,
// until stop is called. Their goroutines are left behind.
func (w *sweep) watch() (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		timer := time.NewTimer(look)
		defer timer.Stop()
		for due := time.Now().Add(look); ; timer.Reset(look) {
			select {
			case <-end:
				return
			case <-timer.C:
			}
			now := time.Now()
			// Who looks late is of a process that was kept from running, and the attempts with it.
			inTime := now.Sub(due) < look
			attempts, over := w.queue.underWay()
			for _, a := range attempts {
				w.lookAt(a, now, over, inTime)
			}
			due = time.Now().Add(look)
		}
	}()
	return func() { close(end); <-ended }
}

// underWay returns the attempts that have begun and not ended, and when the run's
// time was over.
func (q *queue) underWay() (all []*attempt, over time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	all = make([]*attempt, 0, len(q.begun))
	for a := range q.begun {
		all = append(all, a)
	}
	return all, q.closedAt
}

// lookAt gives an attempt up if it should have ended before some looks: by its
// ceiling, which makes it Timeout, or by the end of the run (zero: it goes on),
// Deadline.
func (w *sweep) lookAt(a *attempt, now, end time.Time, inTime bool) {
	reason := check.Deadline
	if ceiling := a.Ceiling(); !ceiling.IsZero() && (end.IsZero() || !end.Before(ceiling)) {
		end, reason = ceiling, check.Timeout
	}
	if end.IsZero() || now.Before(end.Add(look)) {
		a.looks, a.inTime = 0, 0
		return
	}
	if !a.isOverdue(inTime) || !w.queue.end(a) {
		return
	}
	t, took, detail := &w.targets[a.i], now.Sub(a.began), "the run ended before the response came"
	if reason == check.Timeout {
		took, detail = t.Timeout, "check did not end within "+t.Timeout.String()
	}
	w.queue.stuck.Add(1)
	w.mu.Lock()
	if w.left++; w.left == 1 {
		w.first = t.Name
	}
	w.mu.Unlock()
	res := check.Unprobed(t, reason, detail)
	res.Attempts, res.Started, res.Phase = 1, a.began.UTC(), check.FirstByte
	res.Phases.FirstByte, res.Duration = took, took
	w.record(a.i, &res)
	go w.makeAttempts(w.queue.next(a)) // in its place
}

// isOverdue counts a look at an attempt that should have ended, and reports whether
// it is given up.
func (a *attempt) isOverdue(inTime bool) bool {
	a.looks++
	if inTime {
		a.inTime++
	}
	return a.inTime >= int(grace/look) || a.looks >= mostLooks
}
