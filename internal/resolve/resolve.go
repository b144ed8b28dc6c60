// Package resolve looks up host names: a stub resolver that sends thousands of
// queries through one socket, takes its times from the kernel, and keeps to a
// pace that a VPC's resolver can bear.
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
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/time/rate"
)

const (
	// outstanding bounds the queries that were sent within a second and have no
	// response: what comes at once must fit into the smallest buffer that a
	// system grants, which holds 256 small responses on Linux.
	outstanding = 200
	burst       = 2  // packets, at least: a lookup's
	ownSockets  = 16 // for TCP and for Go's resolver, which take a descriptor each

	linger = 10 * time.Second       // until an idle socket is closed
	grace  = 500 * time.Millisecond // for a lookup to read a response that came in time
	rounds = 3                      // of a lookup whose response we may have lost

	mostCached    = 1 << 14          // names, some 250 bytes each
	longestCached = time.Hour        // whatever a record allows
	longestDenial = 30 * time.Second // a name that appears is soon seen
)

var (
	// ErrInvalidName means that no DNS server can be asked for a name: it has an
	// empty label, one of more than 63 bytes, more than 253 bytes in all, a
	// character other than letters, digits, hyphens and underscores, or a number
	// as its last label.
	ErrInvalidName = errors.New("not a valid host name")

	errDropped = errors.New("responses of the resolver were lost on this machine")
)

// Options say which server to ask, and how.
type Options struct {
	Server string // host:port; "" means those of /etc/resolv.conf
	Rate   int    // query packets a second; 0 means no limit. A resolver on loopback has none
	Search bool   // complete names with the search list of /etc/resolv.conf, unless they end with a dot
}

// A Resolver looks up names. It may be used by many goroutines at once. It
// caches addresses for as long as their records allow, an hour at most, and
// denials for half a minute at most.
type Resolver struct {
	server      string
	search      bool
	network     string        // what "ip" means on this machine: ip, ip4 or ip6
	pace        *rate.Limiter // nil: unpaced
	slots       chan struct{} // one for each lookup whose queries are outstanding
	ownSockets  chan struct{} // one for each socket other than the shared ones
	machine     machine
	sockets     sockets
	otherFamily time.Duration // a test may wait longer

	mu      sync.Mutex
	lookups map[key]*lookup // under way
	cache   map[key]outcome
}

// A key is what lookups share: a name in lower case, with a dot at its end if
// it is complete, and the network whose addresses are asked for.
type key struct{ name, network string }

// An Answer is what a lookup found.
type Answer struct {
	Addrs []netip.Addr  // best first; empty with an error
	Took  time.Duration // from the query to the response; waiting for our turn left out

	Stamped bool          // Took ends when the kernel received the response
	Gap     time.Duration // how uncertain its begin is: the query left within that time
}

// New returns a Resolver. For the network "ip" it asks for IPv4 and IPv6
// addresses only where this machine has an address of that family now.
func New(options Options) *Resolver {
	return newResolver(options, reachable(net.InterfaceAddrs()))
}

func newResolver(options Options, network string) *Resolver {
	r := &Resolver{
		server: options.Server, search: options.Search, network: network,
		slots:      make(chan struct{}, outstanding/len(recordTypes(network))),
		ownSockets: make(chan struct{}, ownSockets), otherFamily: otherFamily,
		machine: machine{hostsFile: "/etc/hosts", resolvConf: "/etc/resolv.conf"},
		sockets: sockets{linger: linger},
		lookups: map[key]*lookup{}, cache: map[key]outcome{},
	}
	if options.Rate > 0 && !isLoopback(r.servers()) {
		r.pace = rate.NewLimiter(rate.Limit(options.Rate), max(options.Rate/10, burst))
	}
	return r
}

// Pace is how many names it looks up a second; 0 means no limit.
func (r *Resolver) Pace() int {
	if r.pace == nil {
		return 0
	}
	return max(1, int(r.pace.Limit())/len(recordTypes(r.network)))
}

// Close closes the sockets and ends the lookups that wait. It need not be
// called, as idle sockets are closed after some seconds; a Resolver that was
// closed may be used again.
func (r *Resolver) Close() {
	r.mu.Lock()
	for _, l := range r.lookups {
		l.cancel()
	}
	r.mu.Unlock()
	r.sockets.close()
}

// recordTypes are what is asked for in a network, as package net names it.
func recordTypes(network string) []dnsmessage.Type {
	switch network {
	case "ip4":
		return []dnsmessage.Type{dnsmessage.TypeA}
	case "ip6":
		return []dnsmessage.Type{dnsmessage.TypeAAAA}
	}
	return []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA}
}

// servers are those to ask, as host:port.
func (r *Resolver) servers() []string {
	if r.server != "" {
		return []string{r.server}
	}
	_, config := r.machine.current()
	return config.servers
}

// Lookup returns the addresses of host in network, which is ip, ip4 or ip6. It
// waits for its turn first, then at most timeout for the response. A host is
// asked for once at a time: those who come while others wait for it get the same
// answer with that lookup's Took, and their timeouts count from its beginning.
//
// Errors are ErrInvalidName, those of package net, the context's cause, that of
// a socket which we could not have, and ENOBUFS where this machine has lost
// responses.
func (r *Resolver) Lookup(ctx context.Context, network, host string, timeout time.Duration) (Answer, error) {
	began := time.Now()
	k := key{strings.ToLower(host), network}
	if !validName(k.name) {
		return Answer{}, fmt.Errorf("%q: %w", host, ErrInvalidName)
	}
	if addrs := r.machine.localAddresses(strings.TrimSuffix(k.name, "."), network); len(addrs) > 0 {
		return Answer{Addrs: addrs, Took: time.Since(began)}, nil
	}
	if !r.search && !strings.HasSuffix(k.name, ".") {
		k.name += "."
	}
	if network == "ip" {
		k.network = r.network
	}
	for range rounds {
		o := r.share(ctx, k, timeout)
		if o.err != errDropped {
			o.answer.Addrs = slices.Clone(o.answer.Addrs)
			return o.answer, o.err
		}
	}
	return Answer{}, fmt.Errorf("%w: %w", errDropped, syscall.ENOBUFS)
}

// validName reports whether a server can be asked for name. Underscores, and
// hyphens at either end of a label, are in use.
func validName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if len(name) > 253 {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
		last = label
	}
	return strings.Trim(last, "0123456789") != ""
}

// A lookup is under way for any number of callers. Its context ends when nobody
// waits for it any more.
type lookup struct {
	key
	ctx     context.Context
	cancel  context.CancelFunc
	waiters int // under Resolver.mu

	asking  chan struct{} // closed when our turn has come; what follows is set by then
	began   time.Time
	servers []string      // none: Go's resolver has to find them
	drops   uint64        // of all sockets
	done    chan struct{} // closed at the end, after asking
	outcome               // set by then

	unanswered atomic.Int32 // queries without a response
	found      atomic.Bool  // addresses of one family
}

// share returns what is cached of k, or the outcome of the lookup that is under
// way or begins now. One that is older than timeout already can't help.
func (r *Resolver) share(ctx context.Context, k key, timeout time.Duration) outcome {
	r.mu.Lock()
	if o, ok := r.cache[k]; ok && elapsed(o.at, time.Now()) < o.ttl {
		r.mu.Unlock()
		return o
	}
	l := r.lookups[k]
	if l == nil || closed(l.asking) && time.Since(l.began) >= timeout {
		l = &lookup{key: k, asking: make(chan struct{}), done: make(chan struct{})}
		l.ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
		r.lookups[k] = l
		go r.run(l)
	}
	l.waiters++
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if l.waiters--; l.waiters == 0 {
			r.end(l)
		}
	}()
	return r.wait(ctx, l, timeout)
}

// end ends l. r is locked.
func (r *Resolver) end(l *lookup) {
	l.cancel()
	if r.lookups[l.key] == l {
		delete(r.lookups, l.key)
	}
}

// wait returns l's outcome, or what it means to have none within timeout.
func (r *Resolver) wait(ctx context.Context, l *lookup, timeout time.Duration) outcome {
	select {
	case <-l.asking:
	case <-ctx.Done():
		return outcome{err: context.Cause(ctx)}
	}
	ctx, cancel := context.WithDeadline(ctx, l.began.Add(timeout))
	defer cancel()
	select {
	case <-l.done:
	case <-ctx.Done():
	}
	deadline, _ := ctx.Deadline()
	timeout = deadline.Sub(l.began)
	dropped := false
	if !closed(l.done) && ctx.Err() == context.DeadlineExceeded {
		dropped = r.catchUp(l)
	}
	switch {
	case closed(l.done) && l.answer.Took <= timeout:
		return l.outcome
	case ctx.Err() == context.Canceled:
		failure := l.failure("operation was canceled")
		failure.UnwrapErr = context.Canceled
		return outcome{answer: Answer{Took: time.Since(l.began)}, err: failure}
	case dropped:
		return outcome{err: errDropped}
	}
	failure := l.failure("i/o timeout")
	failure.UnwrapErr, failure.IsTimeout, failure.IsTemporary = context.DeadlineExceeded, true, true
	return outcome{answer: Answer{Took: timeout}, err: failure}
}

func (l *lookup) failure(text string) *net.DNSError {
	e := &net.DNSError{Err: text, Name: l.name}
	if len(l.servers) > 0 {
		e.Server = l.servers[0]
	}
	return e
}

// catchUp lets a late process read what the kernel received in time: if that
// is all that l needs, it waits for l to end. It reports whether we may have
// lost a response.
func (r *Resolver) catchUp(l *lookup) (dropped bool) {
	r.sockets.drain()
	if l.unanswered.Load() == 0 || l.found.Load() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-l.done:
		case <-timer.C:
		}
	}
	return r.sockets.drops() != l.drops
}

// run does a lookup. It holds one of the slots until its queries have responses
// or are old: those that nobody answers must not keep others waiting.
func (r *Resolver) run(l *lookup) {
	var o outcome
	select {
	case r.slots <- struct{}{}:
		release := sync.OnceFunc(func() { <-r.slots })
		defer release()
		o.err = r.waitTurn(l.ctx, len(recordTypes(l.network)))
		defer time.AfterFunc(firstResend, release).Stop()
	case <-l.ctx.Done():
		o.err = context.Cause(l.ctx)
	}
	l.servers, l.drops, l.began = r.servers(), r.sockets.drops(), time.Now()
	close(l.asking)
	if o.err == nil {
		o = r.resolve(l)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	l.outcome = o
	close(l.done)
	r.end(l)
	if o.ttl <= 0 {
		return
	}
	if _, known := r.cache[l.key]; !known && len(r.cache) >= mostCached {
		for other := range r.cache { // in no order
			delete(r.cache, other)
			break
		}
	}
	r.cache[l.key] = o
}

// waitTurn waits until packets may be sent. Where that would take longer than
// ctx lasts, it waits for ctx's end, whose cause says more than rate.Limiter's
// own error, which comes at once.
func (r *Resolver) waitTurn(ctx context.Context, packets int) error {
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

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// An outcome is what a lookup came to.
type outcome struct {
	answer Answer
	err    error
	ttl    time.Duration // from at; 0: not to be cached
	at     time.Time
}

// elapsed is the time from then to now. A machine that was frozen in between
// may have stopped either clock: the one that says it is later is believed.
func elapsed(then, now time.Time) time.Duration {
	return max(now.Sub(then), now.Round(0).Sub(then.Round(0)))
}
