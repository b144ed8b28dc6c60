package publish

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"rollcall/internal/metric"
)

const (
	attemptTimeout = 3 * time.Second // one request; CloudWatch mostly answers within 100 ms
	maxAttempts    = 8               // some 5 s of pauses on average
	firstPause     = 100 * time.Millisecond
	longestPause   = 3200 * time.Millisecond

	// hopeless is how many datums CloudWatch refuses, before it has accepted
	// a single one, until we think that the fault is not in the datums.
	hopeless = 25
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

// deliver sends a batch until it is known which way each datum went.
func (s *Session) deliver(b batch) {
	err := s.send(&b)
	if err == nil {
		s.accept(b)
		return
	}
	c, _ := classify(err)
	switch {
	case c == invalid && b.size() == 1:
		s.refuse(b, err)
	case c == invalid:
		first, second := b.divided(err)
		s.deliver(first)
		s.deliver(second)
	default:
		if c == ended && beforeRequest(err) { // the time ended in the search for credentials
			c = unready
		}
		why := s.stopFor(c, err)
		if why == nil && s.fruitless(err) {
			why = &stop{
				reason: fmt.Sprintf("CloudWatch took nothing in %d attempts", maxAttempts),
				advice: "See whether it can be reached from here: in a VPC that takes an endpoint for it or a NAT gateway.",
				cause:  err,
			}
		}
		if why != nil {
			s.halt(why)
			err = why
		}
		s.fallBack(b, err)
	}
}

// fruitless reports whether a batch has spent all its attempts and none has
// been accepted: the next batch need not spend as many again.
func (s *Session) fruitless(err error) bool {
	if _, stopped := errors.AsType[*stop](err); stopped || errors.Is(err, errCut) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tally.Accepted == 0
}

// send makes requests until one is answered for good, or no more are to be
// made, and returns what it came to.
func (s *Session) send(b *batch) error {
	var last error
	for n := 1; n <= maxAttempts; n++ {
		network, err := s.permit()
		if err != nil {
			return after(last, err)
		}
		last = s.request(network, b, n)
		if last == nil {
			return nil
		}
		if c, _ := classify(last); c != passing || n == maxAttempts {
			return last
		}
		s.pause(network, n)
	}
	return last
}

// after returns err with what was answered last, if anything was.
func after(last, err error) error {
	if last == nil {
		return err
	}
	return fmt.Errorf("%w; the last answer: %w", err, last)
}

// permit waits for a request's turn.
func (s *Session) permit() (network context.Context, err error) {
	s.mu.Lock()
	network, stopped := s.network, s.stopped
	s.mu.Unlock()
	if stopped != nil {
		return nil, stopped
	}
	if err := s.limiter.Wait(network); err != nil {
		return nil, errCut
	}
	return network, nil
}

// request makes one request; n counts those with this batch.
func (s *Session) request(network context.Context, b *batch, n int) error {
	s.mu.Lock()
	s.tally.Requests++
	if n > 1 {
		s.tally.Retries++
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(network, attemptTimeout)
	defer cancel()
	var t trace
	_, err := s.to.Client.PutMetricData(t.follow(ctx), b.input(s.to.Namespace))
	if err != nil && !b.unclear && t.mayHaveArrived(err) {
		b.unclear = true
		s.mu.Lock()
		s.tally.Unclear += b.size()
		s.mu.Unlock()
	}
	return err
}

// pause waits before attempt n+1: full jitter, doubling.
func (s *Session) pause(network context.Context, n int) {
	timer := time.NewTimer(s.to.jitter(min(firstPause<<(n-1), longestPause)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-network.Done():
	}
}

func fullJitter(limit time.Duration) time.Duration { return rand.N(limit + 1) }

// A trace knows whether a request has left. Its hooks can run after the call
// has ended.
type trace struct{ asked, left atomic.Bool }

func (t *trace) follow(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { // look-ups of credentials go before
			t.asked.Store(true)
			t.left.Store(false)
		},
		WroteHeaders: func() { t.left.Store(true) },
	})
}

// mayHaveArrived reports whether the datums may have arrived in spite of err.
// Without a trace only what certainly never left has not.
func (t *trace) mayHaveArrived(err error) bool {
	if _, silent := classify(err); !silent {
		return false
	}
	if t.asked.Load() {
		return t.left.Load()
	}
	return !neverConnected(err)
}

func (s *Session) accept(b batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tally.Accepted += b.size()
	s.settle(b.size())
}

// refuse drops the one datum that CloudWatch refuses.
func (s *Session) refuse(b batch, err error) {
	d := b.datums[0]
	s.to.Log.Error("CloudWatch refuses a metric as invalid; it is dropped", "metric", d.Metric, "dimension", dimension(d), "reason", err.Error())
	s.mu.Lock()
	s.invalid++
	s.tally.Lost++
	allRefused := s.invalid >= hopeless && s.tally.Accepted == 0
	s.settle(1)
	s.mu.Unlock()
	if allRefused {
		s.halt(&stop{
			reason: fmt.Sprintf("CloudWatch refuses every metric of the namespace %q as invalid", s.to.Namespace),
			advice: "Check the namespace (ROLLCALL_NAMESPACE) and this machine's clock.",
			cause:  err,
		})
	}
}

// dimension returns d's dimension as people read it.
func dimension(d metric.Datum) string {
	var parts []string
	for _, dim := range d.Dimensions {
		parts = append(parts, dim.Name+"="+dim.Value)
	}
	return strings.Join(parts, ",")
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
	case misdirected:
		return &stop{
			reason: "the endpoint does not answer as CloudWatch does",
			advice: "Check ROLLCALL_CLOUDWATCH_ENDPOINT and the AWS_ENDPOINT_URL variables.",
			cause:  err,
		}
	}
	return nil
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
	return "the metrics go by the log (EMF)"
}

// fallBack sends a batch the other way, or counts it as lost.
func (s *Session) fallBack(b batch, why error) {
	s.warn(why)
	lost := b.size()
	if s.to.EMF != nil {
		var err error
		if lost, err = writeEMF(s.to.EMF, s.to.Namespace, b.datums); err != nil {
			why = fmt.Errorf("writing EMF: %w (CloudWatch: %w)", err, why)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tally.EMF += b.size() - lost
	s.tally.Lost += lost
	if lost > 0 {
		s.cause = why
	}
	s.settle(b.size())
}

// warn says once why metrics do not go to CloudWatch, unless a stop said so.
func (s *Session) warn(why error) {
	var stopped *stop
	if errors.As(why, &stopped) {
		return
	}
	s.mu.Lock()
	first := !s.warned
	s.warned = true
	s.mu.Unlock()
	if first {
		s.to.Log.Warn("CloudWatch did not take metrics; "+s.otherwise(), "reason", why.Error())
	}
}

// settle counts datums whose way is known. s.mu is held.
func (s *Session) settle(n int) {
	s.open -= n
	if s.open == 0 {
		s.settled.Broadcast()
	}
}
