package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/guard"
	"rollcall/internal/weburl"
	"rollcall/internal/wire"
)

// A connection is one to a hop's host, and what is spoken over it.
type connection struct {
	wire              *wire.Conn
	top               net.Conn    // wire itself, or TLS over it
	stop              func() bool // ends the watch over the run, whose end closes the connection
	certificateWanted bool        // the server asked for a client certificate
	certificateSent   bool        // and got one

	began  time.Time
	before wire.Span // what the phases of connections before it took
}

// explain adds to an error what classify has to know of the handshake.
func (c *connection) explain(e exchangeError) error {
	e.certificateWanted, e.certificateSent = c.certificateWanted, c.certificateSent
	return &e
}

func (c *connection) close() {
	c.stop()
	c.wire.Close()
}

// connect connects to one of addrs that the guard lets through: each family by itself
// and the second with a delay (Happy Eyeballs).
func (a *attempt) connect(ctx context.Context, h *hop, addrs []netip.Addr) (*connection, error) {
	var candidates []netip.AddrPort
	for _, addr := range addrs {
		if addr = addr.Unmap(); a.t.IP.Allows(addr) {
			candidates = append(candidates, netip.AddrPortFrom(addr, weburl.Port(h.url)))
		}
	}
	if len(candidates) == 0 {
		return nil, &verdict{reason: check.DNSNotFound, detail: fmt.Sprintf("no %s address for %s", a.t.IP, h.url.Hostname())}
	}

	a.res.Local = !slices.ContainsFunc(candidates, func(addr netip.AddrPort) bool { return !local(addr.Addr()) })
	a.time.phase = check.Connect
	allowing := a.p.options.Guard
	if a.t.Typed { // redirects lead to no other private addresses than the typed host has
		if h.count == 0 {
			for _, candidate := range candidates {
				a.typed = append(a.typed, candidate.Addr())
			}
		}
		allowing = allowing.Also(a.typed)
	}
	first, second, blocked := candidates[:0], []netip.AddrPort(nil), "" // by family
	for _, addr := range candidates {
		switch reason := allowing.Check(addr); {
		case reason != "":
			blocked = reason
		case len(first) == 0 || addr.Addr().Is4() == first[0].Addr().Is4():
			first = append(first, addr)
		default:
			second = append(second, addr)
		}
	}
	if len(first) == 0 {
		return nil, &verdict{reason: check.BlockedAddress, detail: blocked}
	}

	began, left := time.Now(), a.time.left(a.t.Timeout)
	end := began.Add(left)
	latest := end.Add(longestGrace)
	a.sweep.SetCeiling(func() time.Time { return latest })
	dialing, cancel := withTimeout(ctx, left)
	defer cancel()
	var d dialed
	if len(second) == 0 {
		d = a.p.dialEach(dialing, first, end)
	} else {
		d = a.p.race(dialing, first, second, end)
	}
	took := time.Since(began)
	span := wire.Span{Kernel: took, Process: took}
	if d.err != nil {
		if _, ours := errors.AsType[*verdict](d.err); !ours {
			a.time.record(check.Connect, span, a.time.lateness(began))
		}
		return nil, d.err
	}
	a.res.IP = d.addr
	if public := (guard.Guard{}).Check(netip.AddrPortFrom(d.addr, weburl.Port(h.url))) == ""; public {
		a.typed = nil // a redirect from there leads to no private address
	}
	conn := wire.New(d.conn)
	conn.Lateness = &a.p.lateness
	if rtt, ok := conn.RoundTrip(); ok { // the kernel's, plus what others before the winner took
		span.Kernel = min(took, d.began.Sub(began)+rtt)
		a.time.record(check.Connect, span, leastUncertainty)
	} else {
		a.time.record(check.Connect, span, a.time.lateness(began))
	}
	conn.SetDeadline(time.Now().Add(a.time.left(a.t.Timeout)))
	a.sweep.SetCeiling(conn.Deadline)

	// The run's end sends no close_notify: a server that gets one may still respond.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	return &connection{wire: conn, top: conn, stop: stop, began: time.Now(), before: a.time.spoken()}, nil
}

// shared is what carriers and private networks share (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// local reports whether an address can be reached without the internet: one of
// this machine or of a private network.
func local(addr netip.Addr) bool {
	return addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() || shared.Contains(addr)
}

const longestGrace = 20 * time.Millisecond

// withTimeout returns a context that ends with errTimeout after d. A timer that
// fires late fires in a busy process, whose poller may hold the response
// already: it gets as long again, at most longestGrace, to hand it over.
func withTimeout(ctx context.Context, d time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	end := time.Now().Add(d)
	done := make(chan struct{})
	timer := time.AfterFunc(d, func() {
		defer close(done)
		if late := time.Since(end); late > time.Millisecond {
			select {
			case <-time.After(min(late, longestGrace)):
			case <-ctx.Done():
			}
		}
		cancel(errTimeout)
	})
	return ctx, func() {
		cancel(context.Canceled)
		if !timer.Stop() {
			<-done
		}
	}
}

// fallbackDelay is what the second address family waits for the first, as
// RFC 8305 recommends at most and package net does.
const fallbackDelay = 300 * time.Millisecond

// A dialed is a connection and when the dial that made it began, which is
// later than the phase's begin if others had to fail first.
type dialed struct {
	conn  net.Conn
	addr  netip.Addr
	began time.Time
	err   error
}

// race dials both families and waits for both: the loser's connection is
// closed before the winner's is handed out. Of two connections the one that was
// there first wins, of two failures the first family's.
func (p *Prober) race(ctx context.Context, first, second []netip.AddrPort, end time.Time) dialed {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan struct{})
	ended := make(chan int, 2)
	var results [2]dialed
	free := func() {} // the second's place, once the loser is closed
	defer func() { free() }()
	go func() {
		results[0] = p.dialEach(ctx, first, end)
		if results[0].err != nil {
			close(failed)
		}
		ended <- 0
	}()
	go func() {
		if free, results[1].err = p.headStart(ctx, failed, end); results[1].err == nil {
			results[1] = p.dialEach(ctx, second, end)
		}
		ended <- 1
	}()
	winner := <-ended
	if results[winner].err == nil {
		cancel()
	}
	<-ended
	a, b := results[winner], results[1-winner]
	switch {
	case a.err == nil && b.err == nil:
		b.conn.Close()
		return a
	case a.err == nil:
		return a
	case b.err == nil:
		return b
	}
	if unrouted(results[0].err) { // which says nothing about the server
		return results[1]
	}
	return results[0]
}

// headStart waits until the second family may start: at once when the first has
// failed; when it is silent after a while, at most half of the time until end,
// and there is a place. free gives the place back; it is never nil.
func (p *Prober) headStart(ctx context.Context, failed <-chan struct{}, end time.Time) (free func(), err error) {
	none := func() {}
	timer := time.NewTimer(min(fallbackDelay, time.Until(end)/2))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return none, context.Cause(ctx)
	case <-failed:
		return none, nil
	case <-timer.C:
	}
	if p.seconds == nil {
		return none, nil
	}
	select {
	case <-ctx.Done():
		return none, context.Cause(ctx)
	case <-failed:
		return none, nil
	case p.seconds <- struct{}{}:
		return func() { <-p.seconds }, nil
	}
}

// leastShare is what one of several addresses gets even if its share is less, as
// long as that leaves leastLeft for the others.
const (
	leastShare = 2 * time.Second
	leastLeft  = time.Second
)

// dialEach dials one address after the other until one accepts. Each gets its
// share of the time that is left, so that a silent one leaves some for the
// next. Of several failures the last one counts that says something about the
// server. At end, when ctx ends too, there is no time left for another. It may be on
// a goroutine of its own, so a panic ends here.
func (p *Prober) dialEach(ctx context.Context, addrs []netip.AddrPort, end time.Time) (d dialed) {
	defer func() {
		if panicked := recover(); panicked != nil {
			d.err = &verdict{reason: check.Internal, detail: fmt.Sprintf("dialing panicked: %v", panicked)}
		}
	}()
	for i, addr := range addrs {
		left := time.Until(end)
		within, cancel := ctx, func() {}
		if waiting := time.Duration(len(addrs) - i); waiting > 1 {
			within, cancel = withTimeout(ctx, max(left/waiting, min(leastShare, left-leastLeft)))
		}
		next := dialed{addr: addr.Addr(), began: time.Now()}
		next.conn, next.err = p.options.Dial(within, addr)
		switch {
		case next.err == nil:
		case within.Err() != nil:
			next.err = errors.Join(context.Cause(within), next.err)
		case noRoute(next.err) && !addr.Addr().IsMulticast() && !p.routed(addr.Addr()):
			next.err = &verdict{reason: check.Internal, detail: fmt.Sprintf("this machine has no route to %s", addr.Addr()), unrouted: true}
		}
		cancel()
		if i == 0 || !unrouted(next.err) {
			d = next
		}
		if d.err == nil || ctx.Err() != nil {
			return d
		}
	}
	return d
}

func unrouted(err error) bool {
	v, ok := errors.AsType[*verdict](err)
	return ok && v.unrouted
}

// noRoute reports whether an error may say that this machine has no route, or
// no address to dial from. It may as well say that a router has none, or that
// there is no port left.
func noRoute(err error) bool {
	return errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.EADDRNOTAVAIL)
}

// secure speaks TLS over c, offering protocols and groups; nil are none and Go's.
func (a *attempt) secure(c *connection, h *hop, protocols []string, groups []tls.CurveID) error {
	a.time.phase = check.TLS
	a.res.TLSUnverified = a.res.TLSUnverified || h.tls.InsecureSkipVerify
	var first *x509.Certificate // to expire of verified chains
	config := &tls.Config{
		NextProtos: protocols, CurvePreferences: groups,
		RootCAs:            a.p.options.RootCAs,
		ServerName:         cmp.Or(h.tls.ServerName, h.url.Hostname()),
		MinVersion:         cmp.Or(h.tls.MinVersion, tls.VersionTLS12),
		InsecureSkipVerify: h.tls.InsecureSkipVerify,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c.certificateWanted = true
			if h.tls.Client == nil {
				return new(tls.Certificate), nil
			}
			c.certificateSent = true
			return h.tls.Client, nil
		},
		Renegotiation: tls.RenegotiateOnceAsClient, // for a page that wants to know who asks
	}
	if h.tls.LegacyCiphers || config.MinVersion < tls.VersionTLS12 {
		config.CipherSuites = legacyCiphers
	}
	// Where p.trust verifies the server's certificates in the place of crypto/tls:
	// InsecureSkipVerify leaves out what VerifyConnection then does, with the same error
	// and the same alert.
	if !config.InsecureSkipVerify && a.p.trust != nil {
		config.InsecureSkipVerify = true
		config.VerifyConnection = func(state tls.ConnectionState) (err error) {
			first, err = a.p.trust.Verify(state.PeerCertificates, config.ServerName, time.Now())
			if err != nil {
				return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
			}
			return nil
		}
	}
	began := time.Now()
	hello := &handshake{Conn: c.wire, share: a.share}
	client := tls.Client(hello, config)
	err := client.Handshake()
	hello.share = nil
	c.top = client
	r := c.wire.Reading()
	a.time.noteStamps(r)
	a.time.recordUntil(err, check.TLS, r.Waited, began)
	a.time.uncertainty += r.WaitGap
	a.time.settle(c, r)
	a.noteCertificate(client, first, h, err)
	if a.p.rootless && untrusted(err) {
		return &verdict{reason: check.Internal, detail: "this machine has no root certificates to verify the server's with (SSL_CERT_FILE, SSL_CERT_DIR)"}
	}
	if err != nil {
		return c.explain(exchangeError{error: err})
	}
	return nil
}

// legacyCiphers are all that crypto/tls speaks but RC4: beside its own choice
// those with an exchange of keys by RSA, 3DES, and CBC with SHA-256.
var legacyCiphers = func() (all []uint16) {
	for _, c := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if !strings.Contains(c.Name, "_RC4_") {
			all = append(all, c.ID)
		}
	}
	return all
}()

// alerted reports whether err is an alert of the server.
func alerted(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "remote error"
}

// untrusted reports whether a handshake failed for lack of a root.
func untrusted(err error) bool {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, none := errors.AsType[x509.SystemRootsError](err)
	return unknown || none
}
