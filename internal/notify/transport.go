package notify

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// A Transport makes the requests of all services, each within ten seconds, and
// notes how the last one ended. It is http.DefaultTransport of a program that sends:
// most services use that.
type Transport struct {
	Base http.RoundTripper

	mu   sync.Mutex
	last *exchange // since forget; nil: there was none
}

// An exchange is how a request ended.
type exchange struct {
	host   string
	status int // 0: there was no response
	after  time.Duration
	err    error // without a URL: only http.Client adds that
	took   time.Duration
}

const requestTimeout = 10 * time.Second

// RoundTrip makes a request.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	began := time.Now()
	response, err := t.Base.RoundTrip(r.WithContext(ctx))
	e := &exchange{host: r.URL.Host, err: err, took: time.Since(began)}
	if err == nil {
		e.status, e.after = response.StatusCode, retryAfter(response.Header.Get("Retry-After"), time.Now())
		response.Body = &body{io.LimitReader(response.Body, maxResponse), response.Body, cancel}
	} else {
		cancel()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = e
	return response, err
}

// maxResponse is as much of a response as a service gets to read.
const maxResponse = 1 << 20

type body struct {
	io.Reader
	io.Closer
	cancel func()
}

func (b *body) Close() error {
	defer b.cancel()
	return b.Closer.Close()
}

// take returns how the last request ended, and forgets it.
func (t *Transport) take() *exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.last
	t.last = nil
	return e
}

// retryAfter reads the header of that name (RFC 9110, 10.2.3): seconds or an instant.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 86400)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
