package faults

import (
	"errors"
	"net/netip"
	"os"
	"sync"
	"syscall"

	"rollcall/internal/testnet"
)

// backlogFaults lose packets on loopback, as only Linux does. A name of which
// every packet is lost is not among them: whoever dials all origins would wait
// for it. A [Backlog] is that.
func backlogFaults() []testnet.Server {
	return []testnet.Server{
		{Name: "half-dark", Description: "resolves to an IPv6 address where every SYN is lost, and to IPv4 where it responds",
			CounterpartOf: "refusing unreachable", Start: halfUnreachable},
	}
}

// halfUnreachable listens for IPv4, and clogs the same port of ::1. A machine without
// IPv6 has the IPv4 address only.
func halfUnreachable(n *testnet.Hosts, host string) (*testnet.Host, error) {
	var s *testnet.Host
	for range testnet.BindAttempts {
		var err error
		if s, err = testnet.OverHTTP(testnet.Send(testnet.OK))(n, host); err != nil {
			return nil, err
		}
		dark, err := newBacklog(netip.AddrPortFrom(netip.IPv6Loopback(), s.Origin.Addr.Port()))
		if err == nil {
			n.CloseLater(dark)
			s.DNS.Addresses = []netip.Addr{netip.IPv6Loopback(), testnet.Loopback()}
			return s, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return s, nil
}

// A Backlog is a listening socket of loopback with a full backlog: nothing
// accepts, and the kernel drops every further SYN. It exists on Linux only.
type Backlog struct {
	addr netip.AddrPort
	fd   int

	mu      sync.Mutex
	fillers []int // the connections that fill it
	drained bool
}

// NewBacklog returns a full Backlog at a free port of 127.0.0.1.
func NewBacklog() (*Backlog, error) { return newBacklog(netip.AddrPortFrom(testnet.Loopback(), 0)) }

func newBacklog(at netip.AddrPort) (*Backlog, error) {
	fd, err := socket(at)
	if err != nil {
		return nil, err
	}
	b := &Backlog{fd: fd}
	if err := b.fill(at); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// fill binds and makes as many connections as the kernel takes: one with a
// backlog of 0 (listen(2), sk_acceptq_is_full).
func (b *Backlog) fill(at netip.AddrPort) error {
	if err := syscall.Bind(b.fd, sockaddr(at)); err != nil {
		return os.NewSyscallError("bind", err)
	}
	if err := syscall.Listen(b.fd, 0); err != nil {
		return os.NewSyscallError("listen", err)
	}
	name, err := syscall.Getsockname(b.fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	b.addr = netip.AddrPortFrom(at.Addr(), portOf(name))
	filler, err := socket(at)
	if err != nil {
		return err
	}
	b.fillers = append(b.fillers, filler)
	return os.NewSyscallError("connect", syscall.Connect(filler, sockaddr(b.addr)))
}

// Addr returns where the Backlog listens.
func (b *Backlog) Addr() netip.AddrPort { return b.addr }

// Drain lets the kernel complete the connections that are tried from now on,
// and those whose SYN is sent again, as many as a usual backlog takes. Nobody
// accepts them.
func (b *Backlog) Drain() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.drained {
		return nil
	}
	b.drained = true
	return os.NewSyscallError("listen", syscall.Listen(b.fd, syscall.SOMAXCONN))
}

// Close ends the Backlog and its connections.
func (b *Backlog) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, filler := range b.fillers {
		syscall.Close(filler)
	}
	b.fillers = nil
	return os.NewSyscallError("close", syscall.Close(b.fd))
}

func socket(at netip.AddrPort) (int, error) {
	family := syscall.AF_INET
	if at.Addr().Is6() {
		family = syscall.AF_INET6
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	return fd, os.NewSyscallError("socket", err)
}

func sockaddr(at netip.AddrPort) syscall.Sockaddr {
	if at.Addr().Is6() {
		return &syscall.SockaddrInet6{Addr: at.Addr().As16(), Port: int(at.Port())}
	}
	return &syscall.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())}
}

func portOf(name syscall.Sockaddr) uint16 {
	switch a := name.(type) {
	case *syscall.SockaddrInet4:
		return uint16(a.Port)
	case *syscall.SockaddrInet6:
		return uint16(a.Port)
	}
	return 0
}
