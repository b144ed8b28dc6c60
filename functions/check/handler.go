package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"rollcall/internal/monitor"
)

// A handler is what Lambda invokes, several times at once if it is configured so.
type handler struct {
	monitor *monitor.Monitor
	broken  error // why no invocation can be served; nil: they can
	log     *slog.Logger
	cancel  func() // ends the monitor's Stopping context
	tune    func() // sets the garbage collector, once; nil: it is as it should be

	libraries *libraryLog // what they say; nil: nobody listens

	// running is locked for reading by each invocation, and for writing by
	// stop, which so waits for those that run and keeps others from starting.
	running sync.RWMutex
}

// Invoke runs the checks of an event and returns the summary, or does another step
// of a run in parts. The types of its errors are named for operators:
// InvalidEventError, PublishError, StepError and ConfigError.
func (h *handler) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	h.running.RLock()
	defer h.running.RUnlock()
	defer h.libraries.endRun()
	id := ""
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		id = lc.AwsRequestID
	}
	if h.tune != nil {
		h.tune()
	}
	if h.broken != nil {
		h.log.Error("the function is not set up", "requestId", id, "error", h.broken.Error())
		return nil, h.broken
	}
	return h.monitor.Respond(ctx, id, event, maxResponse)
}

// stop ends the invocations that run, which publish what they have, and then
// the process. It is called once, on SIGTERM.
func (h *handler) stop(exit func(code int)) {
	h.cancel()
	h.running.Lock() // never unlocked: the process ends
	time.Sleep(stopGrace)
	exit(0)
}
