// Package publish sends datums to CloudWatch: by PutMetricData, and what that
// does not take in the embedded metric format (EMF) of the log. A datum goes
// one way only, is accounted for in [metric.DeliveryStats], and an invalid one
// holds up no other.
package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
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

	backlog = 48              // full batches that wait for a sender: some 12 MB, a second of the rate
	addWait = 2 * time.Second // how long Add waits for places in the backlog, in all
)

// A Client takes datums; NewClient returns one. It must pass its context
// to net/http, whose trace says whether a request without a response had been
// sent. As it is a function, the linker keeps none of CloudWatch's other operations.
type Client func(context.Context, *cloudwatch.PutMetricDataInput, ...func(*cloudwatch.Options)) (*cloudwatch.PutMetricDataOutput, error)

// NewClient returns a client that makes one attempt a call, as a session does the
// retrying. With no endpoint the AWS variables decide.
func NewClient(cfg aws.Config, endpoint string) Client {
	client := cloudwatch.NewFromConfig(cfg, func(o *cloudwatch.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
		o.Retryer = aws.NopRetryer{}
	})
	return client.PutMetricData
}

// A Publisher says where datums go.
type Publisher struct {
	Client    Client       // makes one attempt a call; nil: nothing goes to CloudWatch
	Namespace string       // of every metric
	EMF       io.Writer    // takes a line of EMF a call, from several goroutines; nil: what CloudWatch does not take is lost
	Log       *slog.Logger // nil: silent

	// Silence is what one session of a process leaves to the next; nil: nothing.
	Silence *Silence

	jitter func(time.Duration) time.Duration // at most what it is given; nil is random
}

// A Silence is whether CloudWatch was silent in the last session: it let a
// request wait and responded to none. The next session then asks once. A run
// that waits until its deadline, every minute, is billed for all of that.
type Silence struct{ last atomic.Bool }

// leastSilence is how long a request has to wait in vain for that.
const leastSilence = time.Second

// A Session publishes the datums of one run.
type Session struct {
	to      Publisher       // Log and jitter are never nil
	ctx     context.Context // of the run; what waits for the next Flush is sent in it
	limiter *rate.Limiter
	sending chan struct{} // a place for each request at once
	places  chan struct{} // a place for each full batch in the backlog or being sent

	mu      sync.Mutex
	heard   bool          // CloudWatch has responded to a request
	waited  time.Duration // the longest that a request waited in vain
	hushed  bool          // CloudWatch was silent in the last session
	pending batch         // not yet full
	wave    *wave
	addWait time.Duration // that Add may still wait
	stopped *stop         // why no request is made any more; nil while they are
	warned  bool          // the log says that metrics do not go to CloudWatch
	invalid int           // datums that CloudWatch refused as such
	cause   error         // of the last loss
	stats   metric.DeliveryStats
}

// A wave is what is added between two Flushes. The first of the two begins it,
// the second waits for it and ends its context in time.
type wave struct {
	ctx     context.Context // of its requests
	cancel  context.CancelFunc
	batches sync.WaitGroup // that are not yet accounted for
}

// Begin starts a session: what one run publishes. The caller must Close it.
// When ctx ends, so do the session's requests, and the rest falls back to EMF.
func (p *Publisher) Begin(ctx context.Context) *Session {
	s := &Session{
		to: *p, ctx: ctx, addWait: addWait,
		limiter: rate.NewLimiter(requestsPerSecond, burst),
		sending: make(chan struct{}, senders),
		places:  make(chan struct{}, senders+backlog),
	}
	s.hushed = p.Silence != nil && p.Silence.last.Load()
	s.newWave()
	if s.to.Log == nil {
		s.to.Log = slog.New(slog.DiscardHandler)
	}
	if s.to.jitter == nil {
		s.to.jitter = func(limit time.Duration) time.Duration { return rand.N(limit + 1) }
	}
	if err := metric.CheckNamespace(s.to.Namespace); err != nil {
		s.to.EMF = nil // CloudWatch reads the log by the same rules
		s.halt(&stop{reason: "the namespace " + err.Error(), advice: "Use another one in ROLLCALL_NAMESPACE."})
	} else if s.to.Client == nil {
		s.stopped = &stop{reason: "there is no client for CloudWatch"}
	}
	return s
}

func (s *Session) newWave() {
	s.wave = &wave{}
	s.wave.ctx, s.wave.cancel = context.WithCancel(s.ctx)
}

// Add hands datums over. Full batches are sent in the background. It waits only
// while CloudWatch is far behind, two seconds a session in all; then what has
// no place falls back to EMF. It may be called from several goroutines, but not
// after Close.
func (s *Session) Add(datums ...metric.Datum) {
	for _, d := range datums {
		s.mu.Lock()
		s.stats.Datums++
		w, full := s.wave, batch{}
		if !s.pending.hasRoom(d) {
			full, s.pending = s.pending, batch{}
			w.batches.Add(1)
		}
		s.pending.append(d)
		s.mu.Unlock()
		if full.size() > 0 {
			s.enqueue(w, full)
		}
	}
}

// enqueue sends a full batch in the background when it has a place.
func (s *Session) enqueue(w *wave, b batch) {
	select {
	case s.places <- struct{}{}:
	default:
		s.mu.Lock()
		wait := s.addWait
		s.mu.Unlock()
		began := time.Now()
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case s.places <- struct{}{}:
		case <-timer.C:
			s.fallBack(b, errBehind)
			w.batches.Done()
			b = batch{}
		}
		s.mu.Lock()
		s.addWait = max(s.addWait-time.Since(began), 0)
		s.mu.Unlock()
	}
	if b.size() > 0 {
		go func() {
			defer w.batches.Done()
			defer func() { <-s.places }()
			s.deliver(w.ctx, b)
		}()
	}
}

// Flush sends what is left, and returns when every datum added so far has
// been accepted, written as EMF, or counted as lost. Requests end early
// enough before ctx's deadline for the rest to be written as EMF in time: by
// a quarter of the time left, at most by 250 ms. One call at a time.
func (s *Session) Flush(ctx context.Context) metric.DeliveryStats {
	if deadline, ok := ctx.Deadline(); ok {
		early := min(time.Until(deadline)/4, 250*time.Millisecond)
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-early))
		defer cancel()
	}
	s.mu.Lock()
	w, last := s.wave, s.pending
	s.pending = batch{}
	s.newWave()
	s.mu.Unlock()

	defer w.cancel()
	defer context.AfterFunc(ctx, w.cancel)()
	if ctx.Err() != nil {
		w.cancel() // now, not when AfterFunc comes to it: nothing more is sent
	}
	if last.size() > 0 {
		s.deliver(w.ctx, last)
	}
	w.batches.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Close ends the session and waits for its goroutines. What was not flushed
// falls back to EMF. A second call does nothing.
func (s *Session) Close() {
	ended, cancel := context.WithCancel(s.ctx)
	cancel()
	s.Flush(ended)
	s.wave.cancel()
	if s.to.Silence != nil && (s.heard || s.waited >= leastSilence) {
		s.to.Silence.last.Store(!s.heard)
	}
}

// Err returns a *PublishError if a datum that was not refused as invalid went
// neither way so far.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stats.Lost == s.invalid {
		return nil
	}
	return &PublishError{Datums: s.stats.Datums, Lost: s.stats.Lost - s.invalid, Cause: s.cause}
}

// A PublishError says that datums, though valid, went neither way.
type PublishError struct {
	Datums int   // that were to be published
	Lost   int   // of those; none was refused as invalid
	Cause  error // the last one
}

// Error says how many are lost, why, and what to do.
func (e *PublishError) Error() string {
	advice := "The alarms did not see them: make sure that this does not happen in every run."
	if s := (*stop)(nil); errors.As(e.Cause, &s) && s.advice != "" {
		advice = s.advice
	} else if errors.Is(e.Cause, errCut) {
		advice = "Give the run more time to publish: a longer timeout or ROLLCALL_RESERVE."
	}
	return fmt.Sprintf("%d of %d metrics reached neither CloudWatch nor the log: %v. %s", e.Lost, e.Datums, e.Cause, advice)
}

// Unwrap returns the cause.
func (e *PublishError) Unwrap() error { return e.Cause }
