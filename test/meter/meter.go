// Package meter has a web server for measurements, which knows by the kernel's
// clock how long it kept each client waiting.
package meter

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"rollcall/internal/pause"
	"rollcall/internal/testnet"
)

// A Meter is an origin for measurements. It responds over HTTPS for every name
// below one domain, each with a certificate of its own, holds each request for
// a while, and knows by the kernel's clock how long each host kept its client
// waiting: what a client reports beyond that is the client's own.
//
// It does not use net/http, to be quick and to know the time of every write: it
// speaks HTTP/1.1, responds to every request with a short page, and sends no
// session tickets.
type Meter struct {
	domain    string
	options   Options
	authority *testnet.Authority
	resolver  *testnet.Resolver
	server    *testnet.Listener
	config    *tls.Config
	open      testnet.Tasks // connections

	mu    sync.Mutex
	waits map[string]Wait // by host
	held  int             // requests without a response so far
	most  int             // the largest held since Take
}

// Options say how long a Meter holds its responses.
type Options struct {
	Hold time.Duration // from a request's arrival to its response
	// Trickle is from the response's head to the end of its body, which comes in
	// pieces. 0: head and body leave together.
	Trickle time.Duration
}

// A Wait is how long a host kept its client waiting since the last Take: from
// the kernel's receiving of a request to the writing of the response.
type Wait struct {
	Handshakes int // connections whose handshake was completed
	Requests   int // requests with a response

	DNS   time.Duration // by the test network's resolver; 0 without a query
	TLS   time.Duration // all flights of the handshake
	First time.Duration // from the request to the response's head
	Body  time.Duration // from the head to the body's last piece

	// OtherFamily is what of DNS passed after the addresses, or before they were
	// asked for. A client may not have waited for it.
	OtherFamily time.Duration

	// Uncertainty is the longest that a write took: the bytes left at some
	// instant of it.
	Uncertainty time.Duration
}

// Sum is the whole time for which the client had to wait.
func (w Wait) Sum() time.Duration { return w.DNS + w.TLS + w.First + w.Body }

// Off is by how much a duration differs from the truth: from that of a client that
// waited for both families of addresses, or for one, whichever is closer.
func (w Wait) Off(d time.Duration) time.Duration {
	return min((d - w.Sum()).Abs(), (d - w.Sum() + w.OtherFamily).Abs())
}

// New starts an origin for measurements for all names below a domain. It
// ends with the test network.
func New(s *testnet.Net, domain string, o Options) (*Meter, error) {
	m := &Meter{
		domain: testnet.Canonical(domain), options: o, authority: s.Authority, resolver: s.Resolver,
		waits: map[string]Wait{},
	}
	m.config = &tls.Config{SessionTicketsDisabled: true, NextProtos: []string{"http/1.1"}, GetCertificate: m.certificate}
	var err error
	if m.server, err = s.Hosts.Keep(testnet.ServeRaw(m.serve)); err != nil {
		return nil, fmt.Errorf("starting the meter of %s: %w", domain, err)
	}
	if err := testnet.StampSocket(m.server.Listener.(*net.TCPListener)); err != nil {
		return nil, fmt.Errorf("turning on the kernel's stamps: %w", err)
	}
	name := "*." + m.domain
	s.Hosts.Add(&testnet.Host{
		Origin: testnet.Origin{Name: name, Description: "measures its clients", Scheme: "https", Addr: m.server.Addr()},
		Own:    m.server, DNS: testnet.AtLoopback(),
	})
	s.Resolver.Set(name, testnet.AtLoopback())
	return m, nil
}

// Host returns the nth host's name, n >= 0.
func (m *Meter) Host(n int) string { return fmt.Sprintf("h%d.%s", n, m.domain) }

// Port returns the port of all hosts.
func (m *Meter) Port() uint16 { return m.server.Addr().Port() }

// Prepare makes the certificates of the first n hosts, so that no client has
// to wait for them.
func (m *Meter) Prepare(n int) error {
	for i := range n {
		if _, err := m.authority.Leaf(m.Host(i), testnet.Valid); err != nil {
			return err
		}
	}
	return nil
}

// Take waits until every connection has ended, and returns and forgets how
// long each host has kept its clients waiting, and how many requests were held
// at once. Of several requests to a host the last one counts.
func (m *Meter) Take() (waits map[string]Wait, most int) {
	m.open.Wait()
	dnsWaits := m.resolver.TakeWaits()
	m.mu.Lock()
	defer m.mu.Unlock()
	waits, most = m.waits, m.most
	m.waits, m.most = map[string]Wait{}, 0
	for host, wait := range waits {
		dns := dnsWaits[host]
		wait.DNS, wait.OtherFamily = dns.Longest, dns.Longest-dns.Addresses
		wait.Uncertainty = max(wait.Uncertainty, dns.Uncertainty)
		waits[host] = wait
	}
	return waits, most
}

func (m *Meter) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return m.authority.Leaf(cmp.Or(testnet.Canonical(hello.ServerName), testnet.Loopback().String()), testnet.Valid)
}

// serve serves one connection.
func (m *Meter) serve(ctx context.Context, conn net.Conn) {
	m.open.Begin()
	defer m.open.End()
	timed := &timedConn{TCPConn: conn.(*net.TCPConn)}
	secure := tls.Server(timed, m.config)
	if secure.HandshakeContext(ctx) != nil {
		return // a client that closes here has measured nothing
	}
	host := testnet.Canonical(secure.ConnectionState().ServerName)
	m.note(host, func(w *Wait) {
		*w = Wait{Handshakes: w.Handshakes + 1, Requests: w.Requests, TLS: timed.waited, Uncertainty: timed.uncertainty}
	})
	buf := make([]byte, 4<<10)
	for m.request(secure, buf) == nil {
		if m.respond(ctx, host, secure, timed) != nil {
			return
		}
	}
}

var endOfHead = []byte("\r\n\r\n")

// request reads the head of a request, which has no body.
func (m *Meter) request(conn net.Conn, buf []byte) error {
	for n := 0; n < len(buf); {
		got, err := conn.Read(buf[n:])
		if err != nil {
			return err
		}
		n += got
		if bytes.HasSuffix(buf[:n], endOfHead) {
			return nil
		}
	}
	return errors.New("the request's head is too long")
}

const (
	pieces    = 4 // of a body that trickles
	piece     = "It was measured.\n"
	meterHead = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
)

// respond holds a request and responds to it.
func (m *Meter) respond(ctx context.Context, host string, secure net.Conn, timed *timedConn) error {
	arrived := timed.received
	m.enter()
	defer m.leave()
	if !pause.For(ctx, time.Until(arrived.Add(m.options.Hold))) {
		return context.Cause(ctx)
	}
	head := fmt.Sprintf(meterHead, pieces*len(piece))
	if m.options.Trickle == 0 {
		for range pieces {
			head += piece
		}
	}
	timed.uncertainty = 0
	if _, err := io.WriteString(secure, head); err != nil {
		return err
	}
	headed := timed.written
	if err := m.trickle(ctx, secure, headed); err != nil {
		return err
	}
	m.note(host, func(w *Wait) {
		w.Requests++
		w.First, w.Body = headed.Sub(arrived), timed.written.Sub(headed)
		w.Uncertainty = max(w.Uncertainty, timed.uncertainty)
	})
	return nil
}

// trickle sends the body behind a head that left before, if it is to come so.
func (m *Meter) trickle(ctx context.Context, secure net.Conn, headed time.Time) error {
	if m.options.Trickle == 0 {
		return nil
	}
	for i := range pieces {
		if !pause.For(ctx, time.Until(headed.Add(m.options.Trickle*time.Duration(i+1)/pieces))) {
			return context.Cause(ctx)
		}
		if _, err := io.WriteString(secure, piece); err != nil {
			return err
		}
	}
	return nil
}

func (m *Meter) note(host string, change func(*Wait)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.waits[host]
	change(&w)
	m.waits[host] = w
}

func (m *Meter) enter() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held++
	m.most = max(m.most, m.held)
}

func (m *Meter) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held--
}

// A timedConn knows when the kernel received what it read last, and when it
// began to write last. One goroutine uses it.
type timedConn struct {
	*net.TCPConn
	received    time.Time
	written     time.Time
	wroteLast   bool          // the last operation was a write
	waited      time.Duration // from what was read to what was written next, summed up
	uncertainty time.Duration // the longest that a write took
}

// Read notes when the kernel received the bytes.
func (c *timedConn) Read(p []byte) (int, error) {
	n, at, err := receive(c.TCPConn, p)
	if n > 0 {
		c.received, c.wroteLast = at, false
	}
	return n, err
}

// Write notes when it began and how long it took.
func (c *timedConn) Write(p []byte) (int, error) {
	c.written = testnet.WallClock()
	n, err := c.TCPConn.Write(p)
	c.uncertainty = max(c.uncertainty, testnet.WallClock().Sub(c.written))
	if !c.wroteLast && !c.received.IsZero() {
		c.waited += c.written.Sub(c.received)
	}
	c.wroteLast = true
	return n, err
}
