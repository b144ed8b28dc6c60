// Package resolve turns names into addresses: Go's own resolver, thousands of
// look-ups at once through one socket, with a server of the operator's choice
// and a pace that a VPC's resolver can bear.
package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/time/rate"
)

const (
	// outstanding bounds the questions that were asked within a second and
	// not answered: what comes at once must fit into the smallest buffer that
	// a system grants, which holds 256 small answers on Linux.
	outstanding = 200
	burst       = 2 // packets, at least: a look-up's

	linger = 10 * time.Second       // until an idle socket is closed
	grace  = 500 * time.Millisecond // for Go's resolver to read an answer that came in time
	rounds = 3                      // of a look-up whose answer we may have lost
)

// Options say whom to ask and how fast.
type Options struct {
	Server string // host:port; "" is what /etc/resolv.conf says
	Rate   int    // query packets a second; 0: as fast as they come. A loopback resolver is never paced
}

// A Resolver looks names up. It may be used by many goroutines at once. It
// remembers answers for as long as they allow, an hour at most, and denials for
// half a minute at most.
type Resolver struct {
	server  string
	network string            // ip, ip4 or ip6
	kinds   []dnsmessage.Type // the questions of a look-up there
	pace    *rate.Limiter     // nil: unpaced
	slots   chan struct{}     // one for each look-up that is outstanding
	streams chan struct{}     // one for each connection by TCP
	linger  time.Duration

	mu      sync.Mutex
	flights map[string]*flight // by host
	memory  memory

	shortcut shortcut
	sockets  sockets
}

// An Answer is what a look-up gave.
type Answer struct {
	Addrs []netip.Addr  // best first; empty with an error
	Took  time.Duration // from the question to the answer; waiting for our turn left out

	Stamped bool          // Took ends when the kernel received the answer
	Gap     time.Duration // how unsure its begin is: the question left within that time
}

// New returns a Resolver. It asks for IPv4 and IPv6 addresses only where this
// machine has an address of that family now.
func New(options Options) *Resolver {
	return newResolver(options, reachable(net.InterfaceAddrs()))
}

func newResolver(options Options, network string) *Resolver {
	r := &Resolver{
		server: options.Server, network: network, kinds: kinds(network), linger: linger,
		streams: make(chan struct{}, streams), flights: map[string]*flight{}, memory: memory{},
		sockets: sockets{open: map[string]*socket{}},
	}
	r.slots = make(chan struct{}, outstanding/len(r.kinds))
	if options.Rate > 0 && !loopback(options.Server) {
		r.pace = rate.NewLimiter(rate.Limit(options.Rate), max(options.Rate/10, burst))
	}
	return r
}

// Pace is how many names it looks up a second; 0: as many as there are.
func (r *Resolver) Pace() int {
	if r.pace == nil {
		return 0
	}
	return max(1, int(r.pace.Limit())/len(r.kinds))
}

// Close ends what a Resolver holds: its socket, and the look-ups that wait. It
// need not be called, as an idle socket is closed after some seconds; a
// Resolver that was closed may be used again.
func (r *Resolver) Close() {
	r.mu.Lock()
	for _, f := range r.flights {
		f.cancel()
	}
	r.mu.Unlock()
	r.sockets.close()
}

// Lookup returns the addresses of host. It waits for its turn first, then at
// most timeout for the answer. A host is asked for once at a time: who comes
// while others wait for it gets the same answer, that look-up's Took, and the
// time-out counts from that look-up's beginning. Errors are those of package
// net, or the context's cause, or that of a socket we could not have; where
// this machine has lost answers, ENOBUFS.
func (r *Resolver) Lookup(ctx context.Context, host string, timeout time.Duration) (Answer, error) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for range rounds {
		o, known := r.recall(host)
		if !known {
			o = r.wait(ctx, r.join(ctx, host, timeout), timeout)
		}
		if o.err != errDropped {
			o.answer.Addrs = slices.Clone(o.answer.Addrs)
			return o.answer, o.err
		}
	}
	return Answer{}, fmt.Errorf("%w: %w", errDropped, syscall.ENOBUFS)
}

func (r *Resolver) recall(host string) (outcome, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.memory.recall(host, time.Now())
}

// join returns the look-up of host that is under way, or starts one. One that
// is older than timeout already is no help.
func (r *Resolver) join(ctx context.Context, host string, timeout time.Duration) *flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.flights[host]
	if f == nil || f.age() >= timeout {
		f = newFlight(ctx, host)
		f.turn = r.turn
		r.flights[host] = f
		go r.fly(f)
	}
	f.waiters++
	return f
}

// leave ends a look-up that nobody waits for.
func (r *Resolver) leave(f *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.waiters--; f.waiters == 0 {
		f.cancel()
		r.forget(f)
	}
}

func (r *Resolver) forget(f *flight) {
	if r.flights[f.host] == f {
		delete(r.flights, f.host)
	}
}

// wait returns f's outcome, or what it is to have none within timeout.
func (r *Resolver) wait(ctx context.Context, f *flight, timeout time.Duration) outcome {
	defer r.leave(f)
	select {
	case <-f.asking:
	case <-ctx.Done():
		return outcome{err: context.Cause(ctx)}
	}
	ctx, cancel := context.WithDeadline(ctx, f.began.Add(timeout))
	defer cancel()
	select {
	case <-f.done:
	case <-ctx.Done():
	}
	deadline, _ := ctx.Deadline()
	limit := deadline.Sub(f.began)
	lost := false
	if !closed(f.done) && ctx.Err() == context.DeadlineExceeded {
		lost = r.settle(f)
	}
	switch {
	case closed(f.done) && f.answer.Took <= limit:
		return f.outcome
	case ctx.Err() == context.Canceled:
		return outcome{answer: Answer{Took: time.Since(f.began)}, err: r.ended(f.host, ctx.Err())}
	case lost:
		return outcome{err: errDropped}
	}
	return outcome{answer: Answer{Took: limit}, err: r.ended(f.host, context.DeadlineExceeded)}
}

// settle lets a late process catch up with what the kernel received in time:
// if that answers all questions, it waits for Go's resolver to read it. It
// reports whether we may have lost an answer.
func (r *Resolver) settle(f *flight) (lost bool) {
	r.sockets.drain()
	waiting, lost := f.waiting()
	if waiting {
		return lost
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-f.done:
	case <-timer.C:
	}
	return lost
}

// ended is what package net says of a context's end.
func (r *Resolver) ended(host string, err error) error {
	e := &net.DNSError{UnwrapErr: err, Err: "operation was canceled", Name: host + ".", Server: r.server}
	if err == context.DeadlineExceeded {
		e.Err, e.IsTimeout, e.IsTemporary = "i/o timeout", true, true
	}
	return e
}

// fly does a look-up. It holds one of the slots until its questions are
// answered or old: those that nobody answers must not keep the others waiting.
func (r *Resolver) fly(f *flight) {
	defer f.cancel()
	var err error
	select {
	case r.slots <- struct{}{}:
		free := sync.OnceFunc(func() { <-r.slots })
		defer free()
		err = r.turn(f.ctx, len(r.kinds))
		defer time.AfterFunc(firstResend, free).Stop()
	case <-f.ctx.Done():
		err = context.Cause(f.ctx)
	}
	f.prepaid.Store(int32(len(r.kinds)))
	f.began = time.Now()
	close(f.asking)
	if err != nil {
		r.land(f, outcome{err: err})
		return
	}
	r.land(f, f.conclude(r.ask(f)))
}

// land ends f and remembers its outcome for as long as that allows.
func (r *Resolver) land(f *flight, o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.outcome = o
	close(f.done)
	r.forget(f)
	r.memory.keep(f.host, o)
}

// turn waits until packets may be sent. Where that would take longer than ctx
// lasts, it waits for ctx's end, whose cause says more than rate.Limiter's own
// error, which comes at once.
func (r *Resolver) turn(ctx context.Context, packets int) error {
	if r.pace == nil {
		return nil
	}
	place := r.pace.ReserveN(time.Now(), packets)
	timer := time.NewTimer(place.Delay())
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		place.Cancel()
		return context.Cause(ctx)
	}
}

// ask uses a net.Resolver of its own, so that a socket's failure can be told
// from the server's: Go's resolver calls both "no such host". The dot at the
// name's end keeps it from trying a search list.
func (r *Resolver) ask(f *flight) ([]netip.Addr, error) {
	defer f.dismiss()
	if addrs, ok := r.directly(f); ok {
		return addrs, nil
	}
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if r.server != "" {
			address = r.server
		}
		if err := f.ctx.Err(); err != nil {
			return nil, err // Go's resolver learns of it a little later
		}
		if strings.HasPrefix(network, "tcp") {
			return r.stream(ctx, f, address)
		}
		r.shortcut.learn(address)
		return r.voice(ctx, f, address)
	}}
	addrs, err := resolver.LookupNetIP(f.ctx, r.network, f.host+".")
	if _, ok := errors.AsType[*net.AddrError](err); ok {
		// /etc/hosts has the other family only; that is no question asked.
		addrs, err = resolver.LookupNetIP(f.ctx, "ip", f.host+".")
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok && r.server != "" {
		e.Server = r.server // net knows /etc/resolv.conf's only
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, err
}

// query returns one that nothing has been asked with.
func (r *Resolver) query(ctx context.Context, f *flight, address string) (*query, error) {
	for {
		s, err := r.sockets.to(ctx, address, r.linger)
		if err != nil {
			return nil, f.own.note(err)
		}
		q := &query{socket: s, flight: f, came: make(chan reply, 1)}
		if s.enter(q) {
			return q, nil
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
