package resolve

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"rollcall/internal/wire"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	// firstResend is how long a query waits before it is sent again, to the next
	// server if there is one; then twice as long, until it is given up.
	firstResend = time.Second

	attempts   = 2 // of a query at each server, where responses say nothing of the name
	maxAliases = 8 // that we ask for because a server did not follow them

	// otherFamily is how long addresses of one family wait for those of the
	// other (RFC 8305, 3).
	otherFamily = 50 * time.Millisecond
)

// resolve asks for l's name, as the search list completes it.
func (r *Resolver) resolve(l *lookup) outcome {
	names := []string{l.name}
	if !strings.HasSuffix(l.name, ".") {
		_, config := r.machine.current()
		names = config.complete(l.name)
	}
	types := recordTypes(l.network)
	resp := r.askFamilies(l, names[0], types)
	for _, name := range names[1:] {
		if resp.verdict == addresses || wire.Exhausted(resp.err) != "" || r.waitTurn(l.ctx, len(types)) != nil {
			break
		}
		next := r.askFamilies(l, name, types).after(resp)
		if next.verdict == denial && resp.verdict == failed { // the name before may exist
			next.verdict, next.err, next.temporary = failed, resp.err, resp.temporary
		}
		resp = next
	}
	o := outcome{at: time.Now(), ttl: resp.ttl}
	o.answer = Answer{Addrs: byPreference(resp.addrs), Took: resp.took, Gap: resp.gap, Stamped: resp.stamped}
	switch {
	case resp.verdict == denial:
		failure := l.failure("no such host")
		failure.IsNotFound = true
		o.err = failure
	case resp.verdict == failed && wire.Exhausted(resp.err) != "":
		o.err = resp.err
	case resp.verdict == failed:
		failure := l.failure(resp.err.Error())
		failure.IsTemporary = resp.temporary
		if op, ok := errors.AsType[*net.OpError](resp.err); ok && op.Op == "dial" && op.Net == "udp" {
			failure.UnwrapErr = op // nothing was sent: most often there is no route
		}
		o.err = failure
	}
	return o
}

// askFamilies asks for all types at once. When there are addresses of one
// family, the other has little time left.
func (r *Resolver) askFamilies(l *lookup, name string, types []dnsmessage.Type) response {
	if len(types) == 1 {
		return r.ask(l.ctx, l, name, types[0], 0)
	}
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	came := make(chan response, len(types))
	for _, kind := range types {
		go func() { came <- r.ask(ctx, l, name, kind, 0) }()
	}
	first := <-came
	if first.verdict == addresses {
		l.found.Store(true)
		defer time.AfterFunc(r.otherFamily, cancel).Stop()
	}
	return merge(first, <-came)
}

// A question is a name and a type to ask for, and when that was done.
type question struct {
	lookup *lookup
	name   dnsmessage.Name
	kind   dnsmessage.Type
	noEDNS bool // the server does not know EDNS

	sent  time.Time     // first, less what we lost
	gap   time.Duration // how uncertain sent is: it left between sent and sent + gap
	drops uint64        // of all sockets, when it was sent last

	came    chan response // in this round, as many as there are queries
	waiting atomic.Bool   // for the first
}

// ask asks one server after the other for the records of kind that name has,
// until one says something of the name. What is odd it leaves to Go's resolver.
// The caller has waited for the first packet's turn.
func (r *Resolver) ask(ctx context.Context, l *lookup, name string, kind dnsmessage.Type, aliases int) (resp response) {
	packed, err := dnsmessage.NewName(name)
	switch {
	case err != nil:
		return response{err: err}
	case strings.HasSuffix(name, ".onion."):
		return response{verdict: denial} // RFC 7686: DNS is not asked
	case len(l.servers) == 0:
		return r.askGo(ctx, l, name, kind)
	}
	q := &question{lookup: l, name: packed, kind: kind}
	for n := range attempts * len(l.servers) {
		if resp = r.roundTrip(ctx, q, n).timed(q); resp.verdict == truncated {
			resp = r.overTCP(ctx, q, resp.server).timed(q)
		}
		switch {
		case ctx.Err() != nil, wire.Exhausted(resp.err) != "", resp.verdict == addresses, resp.verdict == denial:
			return resp
		case resp.verdict == ednsRejected:
			q.noEDNS = true
		case resp.verdict == alias && aliases < maxAliases:
			if err := r.waitTurn(ctx, 1); err != nil {
				return response{err: err}
			}
			return r.ask(ctx, l, resp.target, kind, aliases+1).after(resp)
		case resp.verdict == odd && goTakes(name):
			return r.askGo(ctx, l, name, kind)
		}
		resp.verdict = failed
	}
	return resp
}

// goTakes reports whether Go's resolver asks for name: it refuses hyphens at
// either end of a label.
func goTakes(name string) bool {
	return !strings.Contains("."+name, ".-") && !strings.Contains(name, "-.")
}

// roundTrip sends q to the nth server, then to the next if it stays silent, and
// so on. It returns what comes first.
func (r *Resolver) roundTrip(ctx context.Context, q *question, n int) response {
	servers := q.lookup.servers
	queries := make([]*query, len(servers))
	q.came = make(chan response, len(servers))
	q.lookup.unanswered.Add(1)
	q.waiting.Store(true)
	defer q.settle()
	for wait := firstResend; ; wait *= 2 {
		if !q.sent.IsZero() {
			if err := r.waitTurn(ctx, 1); err != nil {
				return broken(err)
			}
		}
		i := n % len(servers)
		n++
		if queries[i] == nil {
			var err error
			if queries[i], err = r.sockets.query(ctx, servers[i], q); err != nil {
				return broken(err)
			}
			defer queries[i].close()
		}
		if q.sent.IsZero() {
			q.sent, q.drops = time.Now(), q.lookup.drops
		} else if drops := r.sockets.drops(); drops != q.drops {
			q.sent, q.gap, q.drops = time.Now(), 0, drops // the time until now was lost by us
		}
		if err := queries[i].send(); err != nil {
			return broken(err)
		}
		if q.gap == 0 {
			q.gap = time.Since(q.sent)
		}
		select {
		case resp := <-q.came:
			return resp
		case <-time.After(wait):
		case <-ctx.Done():
			r.sockets.drain() // what the kernel has received by now came in time
			select {
			case resp := <-q.came:
				return resp
			default:
				return broken(ctx.Err())
			}
		}
	}
}

// settle notes that q has a response, or waits no more.
func (q *question) settle() {
	if q.waiting.Swap(false) {
		q.lookup.unanswered.Add(-1)
	}
}

// overTCP asks for what does not fit into a packet.
func (r *Resolver) overTCP(ctx context.Context, q *question, server string) response {
	q.lookup.unanswered.Add(1)
	defer q.lookup.unanswered.Add(-1)
	packet, err := r.exchangeTCP(ctx, q, server)
	if err != nil {
		return broken(fmt.Errorf("the response is too long for UDP, and TCP failed: %w", err))
	}
	resp := parse(packet, q, !q.noEDNS, true)
	resp.now = time.Now()
	return resp
}

func (r *Resolver) exchangeTCP(ctx context.Context, q *question, server string) ([]byte, error) {
	if err := r.takeSocket(ctx); err != nil {
		return nil, err
	}
	defer func() { <-r.ownSockets }()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })()
	message, err := q.pack(newID(), !q.noEDNS)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...)); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	packet := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, packet); err != nil {
		return nil, err
	}
	if !q.matches(packet, !q.noEDNS) || !bytes.Equal(packet[:2], message[:2]) {
		return nil, errors.New("the response is to another query")
	}
	return packet, nil
}

// takeSocket waits until one more socket of a query's own may be opened.
func (r *Resolver) takeSocket(ctx context.Context) error {
	select {
	case r.ownSockets <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// askGo leaves a question to Go's resolver, which asks again.
func (r *Resolver) askGo(ctx context.Context, l *lookup, name string, kind dnsmessage.Type) response {
	l.unanswered.Add(1)
	defer l.unanswered.Add(-1)
	if err := r.takeSocket(ctx); err != nil {
		return response{err: err}
	}
	defer func() { <-r.ownSockets }()
	var own atomic.Pointer[error]
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if r.server != "" {
			address = r.server
		}
		if err := r.waitTurn(ctx, 1); err != nil {
			return nil, err
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if wire.Exhausted(err) != "" {
			own.Store(&err) // Go's resolver calls that "no such host"
		}
		return conn, err
	}}
	network := "ip4"
	if kind == dnsmessage.TypeAAAA {
		network = "ip6"
	}
	began := time.Now()
	addrs, err := resolver.LookupNetIP(ctx, network, name)
	resp := response{verdict: addresses, took: time.Since(began)}
	for _, addr := range addrs {
		resp.addrs = append(resp.addrs, addr.Unmap())
	}
	e, _ := errors.AsType[*net.DNSError](err)
	switch {
	case own.Load() != nil:
		return response{err: *own.Load()}
	case e != nil && e.IsNotFound:
		resp.verdict = denial
	case e != nil:
		resp.verdict, resp.err, resp.temporary = failed, errors.New(e.Err), e.IsTemporary
	case err != nil:
		resp.verdict, resp.err = failed, err
	}
	return resp
}
