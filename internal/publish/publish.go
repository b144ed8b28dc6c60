// Package publish brings datums to CloudWatch: by PutMetricData, and what
// that does not take by the embedded metric format (EMF) of the log. A datum
// goes one way only, is accounted for in a [Tally], and one that is at fault
// holds up no other.
//
// It is the only package that speaks to an AWS service.
package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"golang.org/x/time/rate"

	"rollcall/internal/metric"
)

const (
	senders = 4 // requests at once

	// The account may make 500 requests a second in a Region (CloudWatch's
	// quotas), and they are everybody's. A session stays below 50: a burst
	// and a second's worth of the rate are 49.
	requestsPerSecond = 45
	burst             = senders

	backlog  = 48              // full batches that wait for a sender: some 12 MB, a second of the rate
	patience = 2 * time.Second // how long Add waits for places in the backlog, in all

	// gzipFrom is the size in bytes from which a hand-made client
	// compresses: what config.LoadDefaultConfig sets.
	gzipFrom = 10 * 1024
)

// A Client is what takes datums. It must hand its context on to net/http,
// whose trace tells whether a request that got no answer had left.
type Client interface {
	PutMetricData(context.Context, *cloudwatch.PutMetricDataInput, ...func(*cloudwatch.Options)) (*cloudwatch.PutMetricDataOutput, error)
}

// NewClient returns a client for CloudWatch that makes one attempt a call, as
// a Session does the retrying. With no endpoint the AWS variables decide.
func NewClient(cfg aws.Config, endpoint string) *cloudwatch.Client {
	return cloudwatch.NewFromConfig(cfg, func(o *cloudwatch.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
		o.Retryer = aws.NopRetryer{}
		if len(cfg.ConfigSources) == 0 && o.RequestMinCompressSizeBytes == 0 {
			o.RequestMinCompressSizeBytes = gzipFrom
		}
	})
}

// A Publisher says where datums go.
type Publisher struct {
	Client    Client       // nil: nothing goes to CloudWatch
	Namespace string       // of every metric
	EMF       io.Writer    // takes a line of EMF a call, from several goroutines; nil: what CloudWatch does not take is lost
	Log       *slog.Logger // nil: silent

	jitter func(time.Duration) time.Duration // at most what it is given; nil is random
}

// Begin starts a session: what one run publishes. The caller must Close it.
// When ctx ends, so do the session's requests, and the rest goes by EMF.
func (p *Publisher) Begin(ctx context.Context) *Session {
	s := &Session{
		to:       *p,
		base:     ctx,
		limiter:  rate.NewLimiter(requestsPerSecond, burst),
		queue:    make(chan batch, backlog),
		patience: patience,
	}
	s.settled.L = &s.mu
	if s.to.Log == nil {
		s.to.Log = slog.New(slog.DiscardHandler)
	}
	if s.to.jitter == nil {
		s.to.jitter = fullJitter
	}
	s.check()
	s.renew()
	for range senders {
		s.senders.Go(func() {
			for b := range s.queue {
				s.deliver(b)
			}
		})
	}
	return s
}

// check stops a session that can't publish from the start.
func (s *Session) check() {
	if err := metric.CheckNamespace(s.to.Namespace); err != nil {
		s.to.EMF = nil // the log would be read with the same rules
		s.halt(&stop{reason: "the namespace " + err.Error(), advice: "Name another one in ROLLCALL_NAMESPACE."})
	} else if s.to.Client == nil {
		s.stopped = &stop{reason: "no client for CloudWatch"}
	}
}

// A Tally is what became of a session's datums so far. After a Flush, Datums
// is the sum of Accepted, EMF and Lost.
type Tally = metric.DeliveryStats

// A PublishError says that datums, though valid, went neither way.
type PublishError struct {
	Datums int   // that were to be published
	Lost   int   // of those; none was refused as invalid
	Cause  error // the last one
}

// Error says how many are lost, why, and what to do.
func (e *PublishError) Error() string {
	advice := "The alarms did not see them: see that this does not happen in every run."
	if s := (*stop)(nil); errors.As(e.Cause, &s) && s.advice != "" {
		advice = s.advice
	} else if errors.Is(e.Cause, errCut) {
		advice = "Give the run more time to publish: a longer time-out or ROLLCALL_RESERVE."
	}
	return fmt.Sprintf("%d of %d metrics reached neither CloudWatch nor the log: %v. %s", e.Lost, e.Datums, e.Cause, advice)
}

// Unwrap returns the cause.
func (e *PublishError) Unwrap() error { return e.Cause }

// A Session publishes the datums of one run.
type Session struct {
	to      Publisher // Log and jitter are never nil
	base    context.Context
	limiter *rate.Limiter
	queue   chan batch
	senders sync.WaitGroup
	closing sync.Once

	mu       sync.Mutex
	settled  sync.Cond // no datum is open
	open     int       // datums added whose way is not yet known
	pending  batch
	patience time.Duration      // left for Add to wait with
	network  context.Context    // requests may be made
	cut      context.CancelFunc // ends network
	stopped  *stop              // why no request is made any more; nil while they are
	warned   bool               // the log says that metrics do not go to CloudWatch
	invalid  int                // datums refused as such
	cause    error              // of the last loss
	tally    Tally
}

// Err returns a *PublishError if a datum that was not refused as invalid went
// neither way so far.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tally.Lost == s.invalid {
		return nil
	}
	return &PublishError{Datums: s.tally.Datums, Lost: s.tally.Lost - s.invalid, Cause: s.cause}
}

// Add hands datums over. Full batches leave in the background. It waits only
// while CloudWatch is far behind, two seconds a session in all; then what has
// no place goes by EMF. It may be called from several goroutines, but not
// after Close.
func (s *Session) Add(datums ...metric.Datum) {
	for _, d := range datums {
		if full := s.collect(d); full.size() > 0 {
			s.enqueue(full)
		}
	}
}

// collect puts d into the pending batch, and returns a batch that is full.
func (s *Session) collect(d metric.Datum) (full batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	s.tally.Datums++
	if !s.pending.hasRoom(d) {
		full, s.pending = s.pending, batch{}
	}
	s.pending.add(d)
	return full
}

func (s *Session) enqueue(b batch) {
	select {
	case s.queue <- b:
		return
	default:
	}
	s.mu.Lock()
	left := s.patience
	s.mu.Unlock()
	began := time.Now()
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case s.queue <- b:
	case <-timer.C:
		s.fallBack(b, errBehind)
	}
	s.mu.Lock()
	s.patience = max(s.patience-time.Since(began), 0)
	s.mu.Unlock()
}

// Flush sends what is left, and returns when every datum added so far has
// been accepted, written as EMF, or counted as lost. Requests end early
// enough before ctx's deadline for the rest to be written as EMF in time: by
// a quarter of the time left, at most by 250 ms. One call at a time.
func (s *Session) Flush(ctx context.Context) Tally {
	defer s.limit(ctx)()
	if b := s.take(); b.size() > 0 {
		s.queue <- b // never for long: at the latest when the network is cut, the senders drain it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.open > 0 {
		s.settled.Wait()
	}
	return s.tally
}

func (s *Session) take() batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.pending
	s.pending = batch{}
	return b
}

// limit ends the session's requests in time for ctx, until the function that
// it returns is called.
func (s *Session) limit(ctx context.Context) (release func()) {
	cut := s.renew()
	watch := context.AfterFunc(ctx, cut)
	timer := func() bool { return true }
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		timer = time.AfterFunc(left-min(left/4, 250*time.Millisecond), cut).Stop
	}
	return func() {
		watch()
		timer()
		s.renew()
	}
}

// renew allows requests again after they were cut off, unless the session's
// own context has ended. It returns what cuts them off.
func (s *Session) renew() context.CancelFunc {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.network == nil || s.network.Err() != nil {
		s.network, s.cut = context.WithCancel(s.base)
	}
	return s.cut
}

// Close ends the session and waits for its goroutines. What was not flushed
// goes by EMF. A second call does nothing.
func (s *Session) Close() {
	s.closing.Do(func() {
		s.renew()()
		if b := s.take(); b.size() > 0 {
			s.queue <- b
		}
		close(s.queue)
		s.senders.Wait()
	})
}
