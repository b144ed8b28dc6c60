package testnet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func newRuntime(t *testing.T) *Runtime {
	t.Helper()
	r, err := NewRuntime()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// handedEvent is an event as a function gets it.
type handedEvent struct {
	id, event string
	header    http.Header
}

func nextEvent(t *testing.T, r *Runtime) handedEvent {
	t.Helper()
	res, err := http.Get("http://" + r.Addr() + "/2018-06-01/runtime/invocation/next")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	event, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("next: %d (%v)", res.StatusCode, err)
	}
	return handedEvent{res.Header.Get("Lambda-Runtime-Aws-Request-Id"), string(event), res.Header}
}

// postTo posts to the runtime API and returns the status.
func postTo(t *testing.T, r *Runtime, path string, body io.Reader) int {
	t.Helper()
	res, err := http.Post("http://"+r.Addr()+"/2018-06-01/runtime/"+path, "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// invoke asks in the background.
func invoke(t *testing.T, r *Runtime, event string, timeout time.Duration) <-chan Result {
	results := make(chan Result, 1)
	go func() {
		a, err := r.Invoke(t.Context(), []byte(event), timeout)
		if err != nil {
			t.Errorf("Invoke(%s): %v", event, err)
		}
		results <- a
	}()
	return results
}

func TestRuntimeHandsOverAndTakesBack(t *testing.T) {
	r := newRuntime(t)
	results := invoke(t, r, `{"a":1}`, time.Minute)
	before := time.Now()
	got := nextEvent(t, r)
	deadline, err := strconv.ParseInt(got.header.Get("Lambda-Runtime-Deadline-Ms"), 10, 64)
	if left := time.UnixMilli(deadline).Sub(before); err != nil || left < 59*time.Second || left > 61*time.Second {
		t.Errorf("the deadline is in %v (%v), want a minute", left, err)
	}
	if arn := got.header.Get("Lambda-Runtime-Invoked-Function-Arn"); !strings.HasPrefix(arn, "arn:aws:lambda:") {
		t.Errorf("the function's ARN is %q", arn)
	}
	if trace := got.header.Get("Lambda-Runtime-Trace-Id"); !strings.HasPrefix(trace, "Root=1-") || !strings.HasSuffix(trace, ";Sampled=0") {
		t.Errorf("the trace is %q", trace)
	}
	if got.event != `{"a":1}` || len(got.id) != 36 {
		t.Errorf("handed over %q with id %q", got.event, got.id)
	}
	if status := postTo(t, r, "invocation/"+got.id+"/response", strings.NewReader("done")); status != 202 {
		t.Errorf("the response gets %d, want 202", status)
	}
	a := <-results
	if string(a.Payload) != "done" || a.ErrorType != "" || a.RequestID != got.id || a.Duration <= 0 {
		t.Errorf("Invoke = %+v", a)
	}
	if status := postTo(t, r, "invocation/"+got.id+"/response", strings.NewReader("again")); status != 400 {
		t.Errorf("a second response gets %d, want 400", status)
	}
}

func TestRuntimeFailures(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", MaxPayload+1)
	tests := []struct {
		name, path, body   string
		status             int
		errorType, message string
	}{
		{"error", "/error", `{"errorMessage":"no event","errorType":"InvalidEventError"}`, 202, "InvalidEventError", "no event"},
		{"unreadable error", "/error", `no JSON`, 202, "Runtime.Unknown", ""},
		{"too large", "/response", large, 413, "Function.ResponseSizeTooLarge", "exceeded"},
		{"just fits", "/response", large[1:], 202, "", ""},
	}
	r := newRuntime(t)
	for _, test := range tests {
		results := invoke(t, r, "{}", time.Minute)
		id := nextEvent(t, r).id
		if status := postTo(t, r, "invocation/"+id+test.path, strings.NewReader(test.body)); status != test.status {
			t.Errorf("%s: %d, want %d", test.name, status, test.status)
		}
		a := <-results
		if a.ErrorType != test.errorType || !strings.Contains(a.ErrorMessage, test.message) {
			t.Errorf("%s: %s: %s, want %s: %s", test.name, a.ErrorType, a.ErrorMessage, test.errorType, test.message)
		}
	}
}

func TestRuntimeTimesOut(t *testing.T) {
	r := newRuntime(t)
	results := invoke(t, r, "{}", 20*time.Millisecond)
	id := nextEvent(t, r).id
	if a := <-results; a.ErrorType != "Sandbox.Timedout" || a.Duration != 20*time.Millisecond || a.RequestID != id {
		t.Errorf("Invoke = %+v", a)
	}
	if status := postTo(t, r, "invocation/"+id+"/response", strings.NewReader("late")); status != 400 {
		t.Errorf("the late response gets %d, want 400", status)
	}
}

func TestRuntimeServesSeveralAtOnce(t *testing.T) {
	const n = 20
	r := newRuntime(t)
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			got := nextEvent(t, r)
			postTo(t, r, "invocation/"+got.id+"/response", strings.NewReader("re: "+got.event))
		})
	}
	for i := range n {
		group.Go(func() {
			event := strconv.Itoa(i)
			if a, err := r.Invoke(t.Context(), []byte(event), time.Minute); err != nil || string(a.Payload) != "re: "+event {
				t.Errorf("Invoke(%s) = %q (%v)", event, a.Payload, err)
			}
		})
	}
	group.Wait()
	if len(r.open) != 0 {
		t.Errorf("%d invocations are still open", len(r.open))
	}
}

func TestRuntimeInitError(t *testing.T) {
	r := newRuntime(t)
	waiting := invoke(t, r, "{}", time.Minute)
	for range 2 {
		if status := postTo(t, r, "init/error", strings.NewReader(`{"errorType":"Config","errorMessage":"bad"}`)); status != 202 {
			t.Errorf("the error gets %d", status)
		}
	}
	for _, a := range []Result{<-waiting, <-invoke(t, r, "{}", time.Minute)} {
		if a.ErrorType != "Config" || a.ErrorMessage != "bad" || a.RequestID == "" {
			t.Errorf("Invoke = %+v", a)
		}
	}
}

func TestRuntimeInvokeErrors(t *testing.T) {
	r := newRuntime(t)
	if _, err := r.Invoke(t.Context(), bytes.Repeat([]byte("x"), MaxPayload+1), time.Minute); err == nil {
		t.Error("an event of more than 6 MiB is taken")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.ErrNoProgress)
	if _, err := r.Invoke(ctx, nil, time.Minute); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a cancelled Invoke returns %v", err)
	}
	r.Close()
	if _, err := r.Invoke(t.Context(), nil, time.Minute); !errors.Is(err, ErrRuntimeClosed) {
		t.Errorf("after Close Invoke returns %v", err)
	}
}
