package publish

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"rollcall/internal/metric"
	"rollcall/internal/pause"
)

const (
	attemptTimeout = 3 * time.Second // one request; CloudWatch mostly responds within 100 ms
	maxAttempts    = 8               // some 5 s of pauses on average
	firstPause     = 100 * time.Millisecond
	longestPause   = 3200 * time.Millisecond

	// hopeless is how many datums CloudWatch refuses, before it has accepted
	// a single one, until we conclude that the fault is not in the datums.
	hopeless = 25
)

// Errors of ours that stand for CloudWatch's.
var (
	errCut    = errors.New("the time for publishing ended")
	errBehind = errors.New("CloudWatch takes metrics more slowly than they come")
)

// A stop is why a session makes no more requests.
type stop struct {
	reason string
	advice string // what to do; "" if nothing is wrong
	cause  error  // may be nil
}

// Error says why, and what it was that showed it.
func (s *stop) Error() string {
	if s.cause == nil {
		return s.reason
	}
	return fmt.Sprintf("%s: %v", s.reason, s.cause)
}

// Unwrap returns what showed it.
func (s *stop) Unwrap() error { return s.cause }

// deliver sends a batch until each of its datums is accounted for.
func (s *Session) deliver(ctx context.Context, b batch) {
	s.sending <- struct{}{} // for a moment: the requests before it end with their contexts
	err := s.send(ctx, &b)
	<-s.sending
	c, _ := classify(err)
	switch {
	case err == nil:
		s.mu.Lock()
		s.stats.Accepted += b.size()
		s.mu.Unlock()
	case c == invalid && b.size() == 1:
		s.drop(b.datums[0], err)
	case c == invalid:
		first, second := b.divided(err)
		s.deliver(ctx, first)
		s.deliver(ctx, second)
	default:
		if c == ended && beforeRequest(err) { // the time ended in the search for credentials
			c = unready
		}
		if why := s.stopFor(c, err); why != nil {
			s.halt(why)
			err = why
		}
		s.fallBack(b, err)
	}
}

// send makes requests until a response is final, or no more are to be made, and
// returns the error of the last.
func (s *Session) send(ctx context.Context, b *batch) error {
	var last error
	for n := 1; ; n++ {
		s.mu.Lock()
		stopped := s.stopped
		s.mu.Unlock()
		switch {
		case stopped != nil:
			return after(last, stopped)
		case s.limiter.Wait(ctx) != nil:
			return after(last, errCut)
		}
		last = s.request(ctx, b, n > 1)
		if c, _ := classify(last); last == nil || c != retryable || n == s.attempts() {
			return last
		}
		pause.For(ctx, s.to.jitter(min(firstPause<<(n-1), longestPause))) // full jitter, doubling
	}
}

// attempts is how many requests are made with a batch: one where CloudWatch is
// as silent as in the last session.
func (s *Session) attempts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hushed && !s.heard {
		return 1
	}
	return maxAttempts
}

// after returns err with the last response, if there was any.
func after(last, err error) error {
	if last == nil {
		return err
	}
	return fmt.Errorf("%w; the last response: %w", err, last)
}

// request makes one request.
func (s *Session) request(ctx context.Context, b *batch, retry bool) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	var t trace
	began := time.Now()
	_, err := s.to.Client(t.follow(ctx), b.input(s.to.Namespace))

	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Requests++
	if err == nil || statusOf(err) > 0 {
		s.heard = true
	} else {
		s.waited = max(s.waited, time.Since(began))
	}
	if retry {
		s.stats.Retries++
	}
	if err != nil && !b.unclear && t.mayHaveArrived(err) {
		b.unclear = true
		s.stats.Unclear += b.size()
	}
	return err
}

// A trace knows whether a request has been sent. Its hooks can run after the
// call has ended.
type trace struct{ started, sent atomic.Bool }

func (t *trace) follow(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { // requests for credentials come before
			t.started.Store(true)
			t.sent.Store(false)
		},
		WroteHeaders: func() { t.sent.Store(true) },
	})
}

// mayHaveArrived reports whether the datums may have arrived in spite of err.
// Without a trace that is so unless there was no connection.
func (t *trace) mayHaveArrived(err error) bool {
	if _, noResponse := classify(err); !noResponse {
		return false
	}
	if t.started.Load() {
		return t.sent.Load()
	}
	return !neverConnected(err)
}

// drop counts the one datum that CloudWatch refuses as lost.
func (s *Session) drop(d metric.Datum, err error) {
	var dimensions []string
	for _, dim := range d.Dimensions {
		dimensions = append(dimensions, dim.Name+"="+dim.Value)
	}
	s.to.Log.Error("CloudWatch refuses a metric as invalid; it is dropped", "metric", d.Metric, "dimension", strings.Join(dimensions, ","), "reason", err.Error())
	s.mu.Lock()
	s.invalid++
	s.stats.Lost++
	allRefused := s.invalid >= hopeless && s.stats.Accepted == 0
	s.mu.Unlock()
	if allRefused {
		s.halt(&stop{
			reason: fmt.Sprintf("CloudWatch refuses every metric of the namespace %q as invalid", s.to.Namespace),
			advice: "Check the namespace (ROLLCALL_NAMESPACE) and this machine's clock.",
			cause:  err,
		})
	}
}

// stopFor says why no more requests are to be made after err; nil: they are.
func (s *Session) stopFor(c class, err error) *stop {
	switch c {
	case denied:
		return &stop{
			reason: fmt.Sprintf("CloudWatch denies access to the namespace %q", s.to.Namespace),
			advice: fmt.Sprintf("Allow the role the action cloudwatch:PutMetricData on the resource \"*\", with the condition key cloudwatch:namespace equal to %q.", s.to.Namespace),
			cause:  err,
		}
	case badIdentity:
		return &stop{reason: "CloudWatch does not accept the credentials", advice: "Renew them.", cause: err}
	case unready:
		return &stop{
			reason: "no request to CloudWatch can be made",
			advice: "Set AWS_REGION, and credentials: the function's role, AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
			cause:  err,
		}
	case notCloudWatch:
		return &stop{
			reason: "the endpoint does not respond as CloudWatch does",
			advice: "Check ROLLCALL_CLOUDWATCH_ENDPOINT and the AWS_ENDPOINT_URL variables.",
			cause:  err,
		}
	}
	// After all attempts of a batch in vain the next need not make as many again.
	s.mu.Lock()
	defer s.mu.Unlock()
	if c == ended || s.stats.Accepted > 0 {
		return nil
	}
	reason := fmt.Sprintf("CloudWatch took nothing in %d attempts", maxAttempts)
	if s.hushed && !s.heard {
		reason = "CloudWatch did not respond in the last run, nor in one attempt of this"
	}
	return &stop{
		reason: reason,
		advice: "Check whether it can be reached from here: in a VPC that takes an endpoint for it or a NAT gateway.",
		cause:  err,
	}
}

// halt ends the session's requests and says so, the first time.
func (s *Session) halt(why *stop) {
	s.mu.Lock()
	first := s.stopped == nil
	if first {
		s.stopped = why
	}
	s.mu.Unlock()
	if first {
		s.to.Log.Error(why.Error() + "; " + s.otherwise() + ". " + why.advice)
	}
}

// otherwise says what becomes of metrics that CloudWatch does not take.
func (s *Session) otherwise() string {
	if s.to.EMF == nil {
		return "the metrics are lost"
	}
	return "the metrics fall back to EMF in the log"
}

// fallBack writes a batch as EMF, or counts it as lost. It says once why, unless
// a stop said so.
func (s *Session) fallBack(b batch, why error) {
	_, said := errors.AsType[*stop](why)
	s.mu.Lock()
	said, s.warned = said || s.warned, s.warned || !said
	s.mu.Unlock()
	if !said {
		s.to.Log.Warn("CloudWatch did not take metrics; "+s.otherwise(), "reason", why.Error())
	}
	lost := b.size()
	if s.to.EMF != nil {
		var err error
		if lost, err = writeEMF(s.to.EMF, s.to.Namespace, b.datums); err != nil {
			why = fmt.Errorf("writing EMF: %w (CloudWatch: %w)", err, why)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.EMF += b.size() - lost
	s.stats.Lost += lost
	if lost > 0 {
		s.cause = why
	}
}
