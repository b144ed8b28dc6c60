package sweep

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"rollcall/internal/check"
)

const (
	// grace is how long a check may take beyond its ceiling, or the run's end:
	// two looks at it, each in its time.
	grace = 2 * look
	look  = 50 * time.Millisecond
	// mostLooks bounds how long a process is waited for that is never in time.
	mostLooks = 40

	// maxStuck is how many checks may be left behind before no more are begun over
	// HTTP/2, of which more is asked than of HTTP/1.1.
	maxStuck = 64
)

// A hand does checks on a goroutine of its own, one after the other. Whatever a
// check does there, nobody has to wait for it: a hand that does not come back is
// left behind. That they are few, and the same ones all the time, spares each
// check a new stack.
type hand struct {
	orders  chan func() check.Result
	results chan check.Result
	mu      sync.Mutex
	left    bool   // behind
	back    func() // called when it comes back after all
}

func newHand() *hand {
	h := &hand{orders: make(chan func() check.Result), results: make(chan check.Result, 1)}
	go func() {
		for do := range h.orders {
			h.results <- do()
			h.mu.Lock()
			left := h.left
			h.mu.Unlock()
			if left {
				h.back()
				return
			}
		}
	}()
	return h
}

// leave leaves a hand behind, unless it has come back by now. back is called
// when it does.
func (h *hand) leave(back func()) (res check.Result, left bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case res := <-h.results:
		return res, false
	default:
		h.left, h.back = true, back
		return check.Result{}, true
	}
}

// attend lets a hand do a check, and returns its result. A check is given up that
// has not ended some time after its ceiling, which is at first its timeout from
// now, or after ctx has, whichever is first: overdue is Timeout then, or Deadline.
func (h *hand) attend(ctx context.Context, timeout time.Duration, probe func(context.Context) check.Result) (res check.Result, overdue check.Reason) {
	within, ceiling := check.WithCeiling(ctx)
	if timeout > 0 {
		end := time.Now().Add(timeout)
		ceiling.Set(func() time.Time { return end })
	}
	h.orders <- func() check.Result { return probe(within) }
	due := time.Now().Add(max(timeout, time.Second) + look)
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	ended := ctx.Done()
	for late := (lookout{}); ; timer.Reset(time.Until(due)) {
		select {
		case res := <-h.results:
			return res, check.OK
		case <-ended:
			ended = nil
			if end := ceiling.At(); end.IsZero() || time.Now().Before(end) {
				overdue, due, late = check.Deadline, time.Now().Add(look), lookout{}
			}
			continue
		case <-timer.C:
		}
		now, end := time.Now(), ceiling.At()
		switch {
		case overdue == check.Deadline:
		case end.IsZero():
			due = now.Add(time.Second)
			continue
		case now.Before(end):
			due, late = end.Add(look), lookout{}
			continue
		}
		if late.isEnough(now.Sub(due)) {
			return check.Result{}, cmp.Or(overdue, check.Timeout)
		}
		due = now.Add(look)
	}
}

// A lookout looks at a check that is overdue.
type lookout struct {
	looks  int
	inTime int // of them
}

// isEnough notes a look that came some time after it was due, and reports
// whether the check is given up. Who looks late is of a process that was kept from
// running, and the check with it.
func (l *lookout) isEnough(late time.Duration) bool {
	l.looks++
	if late < look {
		l.inTime++
	}
	return l.inTime >= int(grace/look) || l.looks >= mostLooks
}

// watched checks target t on a hand of the round's. Who has to be left behind
// counts against the checks in flight until it comes back.
func (r *round) watched(ctx context.Context, t *check.Target) check.Result {
	settings := cmp.Or(t.Settings, &check.Settings{}) // an invalid target has none
	if settings.HTTP != check.HTTP1 && r.stuck.Load() >= maxStuck {
		return check.Unprobed(t, check.Unstarted, fmt.Sprintf("%d checks have not ended, and are waited for before more are begun over HTTP/2", maxStuck))
	}
	h := r.takeHand()
	began := time.Now()
	res, overdue := h.attend(ctx, settings.Timeout, func(ctx context.Context) (res check.Result) {
		defer func() {
			if p := recover(); p != nil {
				r.sweeper.Log.Error("a check panicked", "name", t.Name, "panic", p, "stack", string(debug.Stack()))
				res = check.Unprobed(t, check.Internal, "the check failed within Rollcall; its log has the stack")
			}
		}()
		return r.sweeper.Probe(ctx, t)
	})
	if overdue != check.OK {
		var left bool
		if res, left = h.leave(r.cameBack); left {
			r.leftBehind(t)
			return abandoned(t, overdue, settings.Timeout, began)
		}
	}
	r.giveHand(h)
	return res
}

// abandoned is the result of a check that was given up.
func abandoned(t *check.Target, overdue check.Reason, timeout time.Duration, began time.Time) check.Result {
	took, detail := timeout, "check did not end within "+timeout.String()
	if overdue == check.Deadline {
		took, detail = time.Since(began), "the run ended before the response came"
	}
	res := check.Unprobed(t, overdue, detail)
	res.Attempts, res.Started, res.Phase = 1, began.UTC(), check.FirstByte
	res.Phases.FirstByte, res.Duration = took, took
	return res
}

// hands are those of a round, and what it has left behind.
type hands struct {
	mu    sync.Mutex
	idle  []*hand
	stuck *atomic.Int64 // left behind by all rounds of the process
	lost  int           // by this one
	first string        // the first target of those
}

func (r *round) takeHand() *hand {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.idle); n > 0 {
		h := r.idle[n-1]
		r.idle = r.idle[:n-1]
		return h
	}
	return newHand()
}

func (r *round) giveHand(h *hand) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = append(r.idle, h)
}

func (r *round) leftBehind(t *check.Target) {
	r.mu.Lock()
	if r.lost++; r.lost == 1 {
		r.first = t.Name
	}
	r.mu.Unlock()
	r.stuck.Add(1)
	r.queue.lose(1)
}

func (r *round) cameBack() {
	r.stuck.Add(-1)
	r.queue.lose(-1)
}

// dismiss ends the hands, and says what was left behind.
func (r *round) dismiss() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.idle {
		close(h.orders)
	}
	r.idle = nil
	if r.lost > 0 {
		r.sweeper.Log.Error("checks did not end and were left behind", "checks", r.lost, "first", r.first, "still", r.stuck.Load())
	}
}
