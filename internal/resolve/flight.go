package resolve

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// errDropped is the end of a look-up whose answer we may have lost ourselves.
var errDropped = errors.New("answers of the resolver were lost on this machine")

// A flight is one look-up, which any number of callers wait for. Its context
// ends when nobody does any more.
type flight struct {
	host    string
	ctx     context.Context
	cancel  context.CancelFunc
	waiters int // under Resolver.mu

	asking  chan struct{} // closed when our turn has come
	began   time.Time     // set by then
	done    chan struct{} // closed at the end, after asking
	outcome               // set by then

	turn    func(context.Context, int) error
	prepaid atomic.Int32 // packets that the turn included
	own     socketError

	mu      sync.Mutex
	records map[dnsmessage.Type]*record
	open    map[*query]struct{} // asked and not answered
	early   []*query            // asked before Go's resolver was
	streams int                 // open ones
	dropped bool                // a query ended without the answer that we may have lost
}

// A record is what became of the questions of one family.
type record struct {
	sent    time.Time     // first, less what we lost
	gap     time.Duration // how unsure sent is: it left between sent and sent + gap
	verdict verdict
	replied bool          // whatever the verdict
	took    time.Duration // until the reply
	stamped bool          // by the kernel
	ttl     time.Duration // of the verdict
}

// An arrival is when a packet came: lag before now.
type arrival struct {
	now time.Time
	lag time.Duration
}

// since returns how long after sent the packet came. The kernel's stamp is of
// the wall clock, which may be set at any time: a lag that can't be is none.
// Where it was set by more than a millisecond meanwhile, it is no stamp either.
func (a arrival) since(sent time.Time) (took time.Duration, stamped bool) {
	whole := a.now.Sub(sent)
	if a.lag < 0 || a.lag > whole {
		return whole, false
	}
	set := a.now.Round(0).Sub(sent.Round(0)) - whole
	return whole - a.lag, a.lag > 0 && set.Abs() <= time.Millisecond
}

func newFlight(ctx context.Context, host string) *flight {
	f := &flight{
		host: host, asking: make(chan struct{}), done: make(chan struct{}),
		records: map[dnsmessage.Type]*record{}, open: map[*query]struct{}{},
	}
	f.ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return f
}

// fare waits until one more packet may be sent.
func (f *flight) fare(ctx context.Context) error {
	if f.prepaid.Add(-1) >= 0 {
		return nil
	}
	return f.turn(ctx, 1)
}

// asked notes that the question of kind is sent now, maybe again: then what
// was said before is no answer, and the time still counts from the first.
func (f *flight) asked(kind dnsmessage.Type) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := record{sent: time.Now()}
	if r := f.records[kind]; r != nil {
		now.sent, now.gap = r.sent, r.gap
	}
	f.records[kind] = &now
}

// askedAnew notes that the question of kind is sent now, and that the time
// until now was lost by us.
func (f *flight) askedAnew(kind dnsmessage.Type) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.records[kind]; r != nil {
		r.sent, r.gap = time.Now(), 0
	}
}

// left notes that the question of kind, which was asked last, has left.
func (f *flight) left(kind dnsmessage.Type) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.records[kind]; r != nil && r.gap == 0 {
		r.gap = time.Since(r.sent)
	}
}

// adopt hands the early query of kind over, once.
func (f *flight) adopt(kind dnsmessage.Type) *query {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.early, func(q *query) bool { return q.question.Type == kind })
	if i < 0 {
		return nil
	}
	q := f.early[i]
	f.early = slices.Delete(f.early, i, i+1)
	return q
}

// dismiss ends the early queries that nobody adopted.
func (f *flight) dismiss() {
	f.mu.Lock()
	early := f.early
	f.early = nil
	f.mu.Unlock()
	for _, q := range early {
		q.close()
	}
}

// expects notes that q is about to wait.
func (f *flight) expects(q *query) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open[q] = struct{}{}
}

// told notes an answer to the question of kind, by q or by a stream.
func (f *flight) told(kind dnsmessage.Type, message []byte, at arrival) {
	v, ttl := judge(message, kind)
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.records[kind]; r != nil {
		r.verdict, r.ttl, r.replied = v, ttl, true
		r.took, r.stamped = at.since(r.sent)
	}
}

// settled notes that q waits no more.
func (f *flight) settled(q *query) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, q)
}

// unanswered notes that q was given up.
func (f *flight) unanswered(q *query) {
	lost := q.lost()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dropped = f.dropped || lost
}

// waiting reports whether an answer is still to come, and whether one may have
// been lost by us.
func (f *flight) waiting() (any, lost bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	lost = f.dropped
	for q := range f.open {
		lost = lost || q.lost()
	}
	return len(f.open)+f.streams > 0, lost
}

// conclude makes the outcome of what Go's resolver returned. It took until the
// last answer came, or until now if one did not.
func (f *flight) conclude(addrs []netip.Addr, err error) outcome {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := outcome{answer: Answer{Addrs: addrs}, at: time.Now(), err: err}
	elapsed := o.at.Sub(f.began)
	certain := f.own.get() == nil
	o.answer.Stamped = len(f.records) > 0
	for _, r := range f.records {
		took := elapsed
		if r.replied {
			took = r.took
		}
		o.answer.Took, o.answer.Gap = max(o.answer.Took, took), max(o.answer.Gap, r.gap)
		o.answer.Stamped = o.answer.Stamped && r.replied && r.stamped
		certain = certain && r.verdict != unknown
	}
	if len(f.records) == 0 {
		o.answer.Took = elapsed // a file told us, or nobody did
	}
	if certain {
		o.ttl = f.lifetime(err)
	} else {
		o.err = f.doubt(err)
	}
	return o
}

// lifetime is for how long the answers together may be remembered: addresses as
// long as those that have them say, a denial as long as all do.
func (f *flight) lifetime(err error) time.Duration {
	wanted := address
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		wanted = denial
	} else if err != nil {
		return 0
	}
	var lives []time.Duration
	for _, r := range f.records {
		if r.verdict == wanted {
			lives = append(lives, r.ttl)
		}
	}
	if len(lives) == 0 || wanted == denial && len(lives) < len(f.records) {
		return 0
	}
	return slices.Min(lives)
}

// doubt corrects an error that says more than is known: what we ran out of is
// no answer, what we lost is no silence, and that a name has no address of one
// family says nothing if nobody could tell of the other.
func (f *flight) doubt(err error) error {
	e, ok := errors.AsType[*net.DNSError](err)
	switch {
	case err == nil:
		return nil
	case f.own.get() != nil:
		return f.own.get()
	case ok && e.IsTimeout && f.dropped:
		return errDropped
	case ok && e.IsNotFound && len(f.records) > 0:
		return &net.DNSError{Err: "server misbehaving", Name: e.Name, Server: e.Server, IsTemporary: true}
	}
	return err
}

// A socketError remembers that we ran out of descriptors or ports. Look-ups of
// the two families dial at once.
type socketError struct {
	mu  sync.Mutex
	err error
}

// note returns err, and remembers it if it is our own.
func (s *socketError) note(err error) error {
	for _, exhausted := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, exhausted) {
			s.mu.Lock()
			s.err = err
			s.mu.Unlock()
		}
	}
	return err
}

func (s *socketError) get() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// age is how long ago the questions were asked; 0 before.
func (f *flight) age() time.Duration {
	if !closed(f.asking) {
		return 0
	}
	return time.Since(f.began)
}
