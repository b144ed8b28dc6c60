package testnet

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	functionName = "rollcall"
	functionARN  = "arn:aws:lambda:eu-central-1:123456789012:function:" + functionName

	// MaxPayload is the number of bytes an event may have, and a result too:
	// Lambda's 6 MB for synchronous invocations, read as MiB.
	MaxPayload = 6 << 20
)

// ErrRuntimeClosed is the error of an invocation whose runtime was closed.
var ErrRuntimeClosed = errors.New("the runtime API is closed")

// A Result is how an invocation ended.
type Result struct {
	RequestID string
	Payload   []byte        // what the function returned; nil if it failed
	Duration  time.Duration // from the hand-over of the event to the result's last byte

	// ErrorType is empty if the function succeeded, else the type of the error
	// it returned, or one of Lambda's own: "Sandbox.Timedout",
	// "Function.ResponseSizeTooLarge", "Runtime.ExitError".
	ErrorType    string
	ErrorMessage string
}

// A Runtime is Lambda's runtime API for one function, and as much of the
// extensions API as asking for SIGTERM takes. It hands over events in the order
// of the invocations, several at once if several are asked for. It is safe for
// concurrent use.
type Runtime struct {
	server *Listener
	queue  chan *invocation

	mu      sync.Mutex
	open    map[string]*invocation // handed over and not finished, by request id
	initial *Result                // the error of the function's start
	failed  chan struct{}          // closed when initial is set

	ready  chan struct{} // closed when the function has asked for an event
	asking sync.Once
	asked  time.Time // when it did so first; written before ready is closed
}

type invocation struct {
	id      string
	event   []byte
	timeout time.Duration
	begun   time.Time // when the event was handed over; written before handed is closed
	handed  chan struct{}
	result  chan Result // buffered
}

// NewRuntime starts a runtime API on a free port of 127.0.0.1.
func NewRuntime() (*Runtime, error) {
	r := &Runtime{queue: make(chan *invocation), open: map[string]*invocation{}, failed: make(chan struct{}), ready: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", r.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", r.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", r.failure)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", r.initError)
	mux.HandleFunc("POST /2020-01-01/extension/register", register)
	mux.HandleFunc("GET /2020-01-01/extension/event/next", noResponse)
	var err error
	r.server, err = ServeWeb(mux, nil)
	return r, err
}

// Addr returns the host and port for AWS_LAMBDA_RUNTIME_API.
func (r *Runtime) Addr() string { return r.server.Addr().String() }

// Accepted returns how many TCP connections the API has accepted so far.
func (r *Runtime) Accepted() int { return int(r.server.accepted.Load()) }

// Close ends the server; open invocations end with ErrRuntimeClosed.
func (r *Runtime) Close() error { return r.server.Close() }

// Invoke queues an event and waits for its result. The timeout, in whole
// milliseconds, begins with the hand-over; a result after it comes too late and
// gives "Sandbox.Timedout". An error means that the function did not get the
// event, or that ctx or the runtime ended before the result.
func (r *Runtime) Invoke(ctx context.Context, event []byte, timeout time.Duration) (Result, error) {
	if len(event) > MaxPayload {
		return Result{}, fmt.Errorf("the event has %d bytes, more than %d", len(event), MaxPayload)
	}
	inv := &invocation{
		id: newID(), event: event, timeout: timeout,
		handed: make(chan struct{}), result: make(chan Result, 1),
	}
	select {
	case r.queue <- inv:
	case <-r.failed:
		return r.initialError(inv.id), nil
	case <-ctx.Done():
		return Result{}, context.Cause(ctx)
	case <-r.server.ctx.Done():
		return Result{}, ErrRuntimeClosed
	}
	defer r.forget(inv.id)
	return r.await(ctx, inv)
}

// await waits for the result of an invocation that left the queue.
func (r *Runtime) await(ctx context.Context, inv *invocation) (Result, error) {
	<-inv.handed
	timer := time.NewTimer(time.Until(inv.begun.Add(inv.timeout)))
	defer timer.Stop()
	select {
	case result := <-inv.result:
		return result, nil
	case <-timer.C:
		message := fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", inv.id, inv.timeout.Seconds())
		return Result{RequestID: inv.id, Duration: inv.timeout, ErrorType: "Sandbox.Timedout", ErrorMessage: message}, nil
	case <-ctx.Done():
	case <-r.server.ctx.Done():
	}
	select {
	case result := <-inv.result: // came first
		return result, nil
	default:
	}
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	return Result{}, ErrRuntimeClosed
}

func (r *Runtime) initialError(id string) Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	result := *r.initial
	result.RequestID = id
	return result
}

func (r *Runtime) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, id)
}

// next is the long poll for an event.
func (r *Runtime) next(w http.ResponseWriter, req *http.Request) {
	r.asking.Do(func() {
		r.asked = time.Now()
		close(r.ready)
	})
	var inv *invocation
	select {
	case inv = <-r.queue:
	case <-req.Context().Done():
		panic(http.ErrAbortHandler)
	}
	now := time.Now()
	inv.begun = now
	r.mu.Lock()
	r.open[inv.id] = inv
	r.mu.Unlock()
	close(inv.handed)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(now.Add(inv.timeout).UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", functionARN)
	h.Set("Lambda-Runtime-Trace-Id", fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", now.Unix(), randomHex(12), randomHex(8)))
	w.Write(inv.event)
}

// response takes what the function returned, if it is not too large.
func (r *Runtime) response(w http.ResponseWriter, req *http.Request) {
	payload, err := io.ReadAll(io.LimitReader(req.Body, MaxPayload+1))
	switch {
	case err != nil:
		panic(http.ErrAbortHandler)
	case len(payload) > MaxPayload:
		message := fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", MaxPayload)
		if r.finish(w, req, Result{ErrorType: "Function.ResponseSizeTooLarge", ErrorMessage: message}) {
			status(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge")
		}
	case r.finish(w, req, Result{Payload: payload}):
		status(w, http.StatusAccepted, "OK")
	}
}

// failure takes the error that the function returned.
func (r *Runtime) failure(w http.ResponseWriter, req *http.Request) {
	if r.finish(w, req, readFailure(req)) {
		status(w, http.StatusAccepted, "OK")
	}
}

// initError takes the error of a function that could not start; every
// invocation from now on gets it.
func (r *Runtime) initError(w http.ResponseWriter, req *http.Request) {
	failure := readFailure(req)
	r.mu.Lock()
	if r.initial == nil {
		r.initial = &failure
		close(r.failed)
	}
	r.mu.Unlock()
	status(w, http.StatusAccepted, "OK")
}

// finish ends the invocation that a request names. One that is not open, or
// finished already, is the function's mistake.
func (r *Runtime) finish(w http.ResponseWriter, req *http.Request, result Result) bool {
	id := req.PathValue("id")
	r.mu.Lock()
	inv, ok := r.open[id]
	delete(r.open, id)
	r.mu.Unlock()
	if !ok {
		status(w, http.StatusBadRequest, "InvalidRequestID")
		return false
	}
	result.RequestID, result.Duration = inv.id, time.Since(inv.begun)
	inv.result <- result
	return true
}

// readFailure reads an error as the runtime API has it.
func readFailure(req *http.Request) Result {
	var body struct {
		ErrorMessage string `json:"errorMessage"`
		ErrorType    string `json:"errorType"`
	}
	json.NewDecoder(io.LimitReader(req.Body, MaxPayload)).Decode(&body)
	if body.ErrorType == "" {
		body.ErrorType = "Runtime.Unknown"
	}
	if named := req.Header.Get("Lambda-Runtime-Function-Error-Type"); named != "" {
		body.ErrorType = named
	}
	return Result{ErrorType: body.ErrorType, ErrorMessage: body.ErrorMessage}
}

// register takes an extension; aws-lambda-go registers one to be sent SIGTERM.
func register(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Lambda-Extension-Identifier", newID())
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{
		"functionName": functionName, "functionVersion": "$LATEST", "handler": handlerName,
	})
}

// status responds to the function's process.
func status(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(map[string]string{"status": text})
}

// newID makes an identifier in the form of a UUID.
func newID() string {
	s := randomHex(16)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// randomHex returns n random bytes as hexadecimal digits.
func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}
