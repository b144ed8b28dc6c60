package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"rollcall/internal/monitor"
)

// A handler is what Lambda invokes, several times at once if it is told to.
type handler struct {
	monitor *monitor.Monitor
	broken  error // why nothing can be done; nil: all is well
	log     *slog.Logger
	stopped chan struct{}
	running sync.WaitGroup // entered while entry is held
	entry   sync.Mutex
}

// Invoke takes an event as it came and returns the summary. The errors that
// leave it are named for operators: InvalidEventError, PublishError and
// ConfigError.
func (h *handler) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	h.entry.Lock()
	h.running.Add(1)
	h.entry.Unlock()
	defer h.running.Done()
	id := ""
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		id = lc.AwsRequestID
	}
	if h.broken != nil {
		h.log.Error("the function is not set up", "requestId", id, "error", h.broken.Error())
		return nil, h.broken
	}
	summary, err := h.monitor.Run(ctx, id, event)
	if err != nil {
		return nil, err
	}
	return summary.Encode(maxAnswer)
}

// stop ends what runs, which then publishes what it has, and the process. It
// is called once, when Lambda takes the machine away.
func (h *handler) stop(exit func(code int)) {
	close(h.stopped)
	h.entry.Lock() // nobody enters any more
	h.running.Wait()
	time.Sleep(stopGrace)
	exit(0)
}
