package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"rollcall/internal/check"
	"slices"
	"syscall"
	"time"
)

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

// connect dials the addresses that the guard lets through, one after the
// other, each family by itself and the second with a delay (Happy Eyeballs).
// At end, when ctx ends too, there is no time left for another.
func (p *Prober) connect(ctx context.Context, addrs []netip.AddrPort, end time.Time) dialed {
	allowed, why := p.allowed(addrs)
	if len(allowed) == 0 {
		return dialed{err: &verdict{reason: check.BlockedAddress, detail: why}}
	}
	first, second := byFamily(allowed)
	if len(second) == 0 {
		return p.dialEach(ctx, first, end)
	}
	return p.race(ctx, [2][]netip.AddrPort{first, second}, end)
}

// allowed keeps those of addrs that the guard lets through, in place.
func (p *Prober) allowed(addrs []netip.AddrPort) (allowed []netip.AddrPort, why string) {
	allowed = slices.DeleteFunc(addrs, func(addr netip.AddrPort) bool {
		reason := p.options.Guard.Check(addr)
		why = cmp.Or(reason, why)
		return reason != ""
	})
	return allowed, why
}

// byFamily splits addrs into those of the first one's family and the others.
func byFamily(addrs []netip.AddrPort) (first, second []netip.AddrPort) {
	for i, addr := range addrs {
		if addr.Addr().Is4() != addrs[0].Addr().Is4() {
			second = append(second, addr)
		} else if len(second) > 0 {
			first = append(first, addr)
		} else {
			first = addrs[: i+1 : i+1]
		}
	}
	return first, second
}

// race dials both families and waits for both: the loser's connection is
// closed before the winner's is handed out.
func (p *Prober) race(ctx context.Context, families [2][]netip.AddrPort, end time.Time) dialed {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan struct{})
	ended := make(chan int, 2)
	var results [2]dialed
	free := func() {} // the second's place, once the loser is closed
	defer func() { free() }()
	go func() {
		results[0] = p.dialEach(ctx, families[0], end)
		if results[0].err != nil {
			close(failed)
		}
		ended <- 0
	}()
	go func() {
		if free, results[1].err = p.headStart(ctx, failed); results[1].err == nil {
			results[1] = p.dialEach(ctx, families[1], end)
		}
		ended <- 1
	}()
	first := <-ended
	if results[first].err == nil {
		cancel()
	}
	<-ended
	return better(results, first)
}

// headStart waits until the second family may start: at once when the first has
// failed; when it is silent after a while, and there is a place. free gives the
// place back; it is never nil.
func (p *Prober) headStart(ctx context.Context, failed <-chan struct{}) (free func(), err error) {
	none := func() {}
	timer := time.NewTimer(fallbackDelay)
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

// better prefers the connection that was there first, and of two failures the
// first family's.
func better(results [2]dialed, first int) dialed {
	a, b := results[first], results[1-first]
	switch {
	case a.err == nil && b.err == nil:
		b.conn.Close()
		return a
	case a.err == nil:
		return a
	case b.err == nil:
		return b
	}
	return results[0]
}

// leastShare is the least time that one of several addresses gets.
const leastShare = 2 * time.Second

// dialEach dials one address after the other until one answers. Each gets its
// share of the time that is left, so that a silent one leaves some for the
// next.
func (p *Prober) dialEach(ctx context.Context, addrs []netip.AddrPort, end time.Time) dialed {
	var d dialed
	for i, addr := range addrs {
		if i == len(addrs)-1 {
			return p.dialOne(ctx, addr)
		}
		d = p.dialShare(ctx, addr, time.Until(end)/time.Duration(len(addrs)-i))
		if d.err == nil || ctx.Err() != nil {
			return d
		}
	}
	return d
}

func (p *Prober) dialShare(ctx context.Context, addr netip.AddrPort, share time.Duration) dialed {
	ctx, cancel := withTimeout(ctx, max(share, leastShare))
	defer cancel()
	return p.dialOne(ctx, addr)
}

// dialOne dials. It may be on a goroutine of its own, so its panic ends here.
func (p *Prober) dialOne(ctx context.Context, addr netip.AddrPort) (d dialed) {
	d.addr, d.began = addr.Addr(), time.Now()
	defer func() {
		if panicked := recover(); panicked != nil {
			d.err = &verdict{reason: check.Internal, detail: fmt.Sprintf("dialling panicked: %v", panicked)}
		}
	}()
	d.conn, d.err = p.options.Dial(ctx, addr)
	switch {
	case d.err == nil:
	case ctx.Err() != nil:
		d.err = errors.Join(context.Cause(ctx), d.err)
	case errors.Is(d.err, syscall.EADDRNOTAVAIL) && !routed(addr):
		d.err = &verdict{reason: check.Unreachable, detail: "this machine has no address of that family"}
	}
	return d
}

// routed reports whether this machine has an address to dial addr from. Where
// it has none the kernel says the same as when it has run out of ports.
func routed(addr netip.AddrPort) bool {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr)) // sends nothing
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
