package sweep

import (
	"maps"
	"slices"
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
			w.queue.mu.Lock()
			underWay := slices.Collect(maps.Keys(w.queue.begun))
			w.queue.mu.Unlock()
			for _, a := range underWay {
				w.lookAt(a, now, inTime)
			}
			due = time.Now().Add(look)
		}
	}()
	return func() { close(end); <-ended }
}

// lookAt gives an attempt up if it should have ended before some looks: by its
// ceiling, which makes it Timeout, or by the end of the run, Deadline.
func (w *sweep) lookAt(a *attempt, now time.Time, inTime bool) {
	w.queue.mu.Lock()
	end := w.queue.closedAt
	w.queue.mu.Unlock()
	t := &w.targets[a.i]
	reason, took, detail := check.Deadline, now.Sub(a.began), "the run ended before the response came"
	if ceiling := a.Ceiling(); !ceiling.IsZero() && (end.IsZero() || !end.Before(ceiling)) {
		end = ceiling
		reason, took, detail = check.Timeout, t.Timeout, "check did not end within "+t.Timeout.String()
	}
	if end.IsZero() || now.Before(end.Add(look)) {
		a.looks, a.inTime = 0, 0
		return
	}
	if !a.isOverdue(inTime) || !w.queue.end(a) {
		return
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
	w.queue.leave(a)
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
