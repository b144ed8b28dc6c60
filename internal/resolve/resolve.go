// Package resolve turns names into addresses: Go's own resolver, with a server
// of the operator's choice and a pace that a VPC's resolver can bear.
package resolve

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/time/rate"
)

// queriesALookup: one for IPv4 and one for IPv6.
const queriesALookup = 2

// Options say whom to ask and how fast.
type Options struct {
	Server string // host:port; "" is what /etc/resolv.conf says
	Rate   int    // query packets a second; 0: as fast as they come. A loopback resolver is never paced
}

// A Resolver looks names up. It may be used by many goroutines at once.
type Resolver struct {
	server string
	pace   *rate.Limiter // nil: unpaced
}

// An Answer is what a look-up gave.
type Answer struct {
	Addrs []netip.Addr  // best first; empty with an error
	Took  time.Duration // waiting for our turn left out
}

// New returns a Resolver.
func New(options Options) *Resolver {
	r := &Resolver{server: options.Server}
	if options.Rate > 0 && !loopback(options.Server) {
		r.pace = rate.NewLimiter(rate.Limit(options.Rate), max(options.Rate/10, queriesALookup))
	}
	return r
}

// Lookup returns the addresses of host. It waits for its turn first, then at
// most timeout for the answer. Errors are those of package net, or the
// context's cause, or that of a socket we could not have.
func (r *Resolver) Lookup(ctx context.Context, host string, timeout time.Duration) (Answer, error) {
	if err := r.turn(ctx); err != nil {
		return Answer{}, err
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	addrs, err := r.ask(ctx, strings.TrimSuffix(host, ".")+".")
	return Answer{addrs, time.Since(began)}, err
}

// turn waits until a look-up may be made. Where that would take longer than ctx
// lasts, it waits for ctx's end, whose cause says more than rate.Limiter's own
// error, which comes at once.
func (r *Resolver) turn(ctx context.Context) error {
	if r.pace == nil {
		return nil
	}
	place := r.pace.ReserveN(time.Now(), queriesALookup)
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
// from the server's: Go's resolver calls both "no such host".
func (r *Resolver) ask(ctx context.Context, host string) ([]netip.Addr, error) {
	var own socketError
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if r.server != "" {
			address = r.server
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		own.note(err)
		return conn, err
	}}
	addrs, err := resolver.LookupNetIP(ctx, "ip", host)
	if err != nil && own.get() != nil {
		return nil, own.get()
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok && r.server != "" {
		e.Server = r.server // net knows /etc/resolv.conf's only
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, err
}

// A socketError remembers that we ran out of descriptors or ports. Look-ups of
// the two families dial at once.
type socketError struct {
	mu  sync.Mutex
	err error
}

func (s *socketError) note(err error) {
	for _, exhausted := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS} {
		if errors.Is(err, exhausted) {
			s.mu.Lock()
			s.err = err
			s.mu.Unlock()
		}
	}
}

func (s *socketError) get() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// loopback reports whether server, or the first of /etc/resolv.conf where it
// is "", is on this machine.
func loopback(server string) bool {
	host := configured()
	if server != "" {
		host, _, _ = net.SplitHostPort(server)
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func configured() string {
	file, err := os.Open("/etc/resolv.conf")
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if f := strings.Fields(lines.Text()); len(f) > 1 && f[0] == "nameserver" {
			return f[1]
		}
	}
	return ""
}
