package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/sweep"
)

// On SIGTERM the invocations that run stop their checks and respond; then the
// process ends, and no other invocation starts.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopping, cancel := context.WithCancel(t.Context())
		h := &handler{cancel: cancel, log: slog.New(slog.DiscardHandler), monitor: &monitor.Monitor{
			Stopping: stopping,
			Sweeper: sweep.Sweeper{InFlight: 1, Probe: func(ctx context.Context, to *check.Target) check.Result {
				<-ctx.Done()
				if !errors.Is(context.Cause(ctx), check.ErrBudget) {
					t.Errorf("the check ended with %v", context.Cause(ctx))
				}
				return check.Unprobed(to, check.Deadline, "stopped")
			}},
		}}
		event := []byte(`{"urls": ["https://a.example"]}`)
		began := time.Now()
		var invocations sync.WaitGroup
		for range 2 {
			invocations.Go(func() {
				response, err := h.Invoke(t.Context(), event)
				if err != nil || !strings.Contains(string(response), `"reason":"deadline"`) || time.Since(began) != time.Second {
					t.Errorf("after %v: %s, error %v", time.Since(began), response, err)
				}
			})
		}
		time.Sleep(time.Second)
		exited := -1
		h.stop(func(code int) { exited = code })
		if took := time.Since(began); exited != 0 || took != time.Second+stopGrace {
			t.Errorf("exit code %d after %v", exited, took)
		}
		invocations.Wait()
		if h.running.TryRLock() {
			t.Error("another invocation can start")
		}
	})
}

// A function that could not be set up responds to each invocation with the
// reason.
func TestInvokeBroken(t *testing.T) {
	broken := errors.New("ROLLCALL_RESERVE: invalid")
	h := &handler{broken: broken, log: slog.New(slog.DiscardHandler)}
	for range 2 {
		if response, err := h.Invoke(t.Context(), []byte(`{}`)); response != nil || !errors.Is(err, broken) {
			t.Errorf("%s, error %v", response, err)
		}
	}
}
