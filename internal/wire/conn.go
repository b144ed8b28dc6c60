package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// A Conn is a net.Conn that remembers when bytes left and arrived. It embeds
// no *net.TCPConn: its promoted ReadFrom, WriteTo and SyscallConn would walk
// around the stamps.
//
// Its deadline is the other side's: what the kernel had received by then is
// delivered however late it is read, and the time for which we ourselves kept
// the other side waiting moves the deadline on.
type Conn struct {
	conn net.Conn
	raw  syscall.RawConn // nil: no kernel stamps
	tcpInfo
	pulse *Pulse // nil: nobody wants to know how late reads are

	reading sync.Mutex // held while a read is on; guards into, got and receive
	into    []byte
	got     received
	waited  bool                  // the read found nothing at first
	receive func(fd uintptr) bool // bound once for all reads

	mu       sync.Mutex // guards what follows
	ledger   ledger
	deadline time.Time
	failed   error // what ended it
	segments segments
	holding  bool
	held     []byte // written, and not yet sent
}

// New returns a Conn over conn. Kernel stamps are used if conn is a
// *net.TCPConn that was dialled with [Control].
func New(conn net.Conn) *Conn {
	c := &Conn{conn: conn}
	if tcp, ok := conn.(*net.TCPConn); ok && stamping {
		c.raw, _ = tcp.SyscallConn()
	}
	c.bind()
	c.receive = func(fd uintptr) bool {
		c.got = recvmsg(fd, c.into)
		c.waited = c.waited || c.got.err == syscall.EAGAIN
		return c.got.err != syscall.EAGAIN
	}
	return c
}

// Tell lets p know how late each read is, before the first.
func (c *Conn) Tell(p *Pulse) { c.pulse = p }

// Read reads as net.Conn says and notes when the bytes arrived.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil // x/sys/unix would take a byte all the same
	}
	if held := c.takeHeld(); held != nil {
		if _, err := c.send(held); err != nil {
			return 0, err
		}
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	got := c.read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if got.n > 0 {
		now := time.Now()
		if late := c.ledger.read(got, now); c.pulse != nil {
			c.pulse.note(now, late-beatSlack)
		}
		c.segments.read(c, c.waited)
	}
	c.fail(got.err)
	return got.n, got.err
}

// fail notes the first failure: a reset is told once, and what follows it looks
// like an orderly end. c.mu is held.
func (c *Conn) fail(err error) {
	if c.failed == nil && !errors.Is(err, net.ErrClosed) {
		c.failed = err
	}
}

// Err returns what a read or write failed with first, io.EOF too, unless it was
// our own Close that ended it. Parsers above may say something else: that a line
// makes no sense, where its end never came.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

func (c *Conn) read(p []byte) received {
	if c.raw == nil {
		n, err := c.conn.Read(p)
		return received{n: n, err: err}
	}
	c.into, c.waited = p, false
	defer func() { c.into = nil }()
	err := c.raw.Read(c.receive)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return c.drain()
	}
	if err == nil {
		err = c.got.err
	}
	return c.got.finish(len(p), c.opError("read", err))
}

// drain reads once without waiting. When the deadline's timer fires in a busy
// process, the answer may have been there in time.
func (c *Conn) drain() received {
	late := c.opError("read", os.ErrDeadlineExceeded)
	if c.raw.Control(func(fd uintptr) { c.receive(fd) }) != nil || c.got.err != nil {
		return received{err: late}
	}
	c.mu.Lock()
	inTime := c.got.stamp > 0 && c.got.stamp <= c.deadline.UnixNano() // without a stamp nobody knows
	c.mu.Unlock()
	if !inTime {
		return received{err: late}
	}
	return c.got.finish(len(c.into), nil)
}

// Write writes as net.Conn says and notes when the bytes were handed over.
func (c *Conn) Write(p []byte) (int, error) {
	if c.hold(p) {
		return len(p), nil
	}
	held := c.takeHeld()
	if held == nil {
		return c.send(p)
	}
	n, err := c.send(append(held, p...))
	return max(0, n-len(held)), err
}

func (c *Conn) send(p []byte) (int, error) {
	before := time.Now()
	c.mu.Lock()
	late := c.ledger.begin(before)
	c.mu.Unlock()
	c.extend(late)
	n, err := c.conn.Write(p)
	after := time.Now()
	c.mu.Lock()
	c.ledger.end(after)
	c.fail(err)
	c.mu.Unlock()
	return n, err
}

// extend moves the deadline by the time for which the other side waited for
// us. Below a millisecond it isn't worth the timer.
func (c *Conn) extend(late time.Duration) {
	if late < time.Millisecond {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deadline.IsZero() {
		return
	}
	c.deadline = c.deadline.Add(late)
	c.conn.SetDeadline(c.deadline)
}

// Reading returns the state of the connection's clock.
func (c *Conn) Reading() Reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ledger.reading()
}

// Sent returns when the latest flight of ours began to leave, and how unsure
// that is.
func (c *Conn) Sent() (Instant, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ledger.latest()
}

// SetDeadline sets the instant until which the other side's bytes count.
func (c *Conn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return c.conn.SetDeadline(t)
}

// SetReadDeadline is for the users above, who only ever cut a read short.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

// SetWriteDeadline never goes beyond the connection's deadline: crypto/tls
// asks for five seconds to say goodbye in.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.deadline.IsZero() && (t.IsZero() || t.After(c.deadline)) {
		t = c.deadline
	}
	return c.conn.SetWriteDeadline(t)
}

// Close closes the connection. Whether what was held arrives, nobody learns.
func (c *Conn) Close() error {
	c.mu.Lock()
	held, last := c.held, c.holding
	c.held, c.holding = nil, false
	c.mu.Unlock()
	if held != nil {
		c.raw.Control(func(fd uintptr) { sendLast(fd, held, last) }) // crypto/tls has let the deadline pass
	}
	return c.conn.Close()
}

// LocalAddr returns our address.
func (c *Conn) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// RemoteAddr returns the other side's address.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// opError makes err look as one of package net does, so that whoever
// classifies it need not know of this package.
func (c *Conn) opError(op string, err error) error {
	if err == nil {
		return nil
	}
	if inner, ok := errors.AsType[*net.OpError](err); ok {
		err = inner.Err
	}
	if errno, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError("recvmsg", errno)
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// received is what one recvmsg brought.
type received struct {
	n     int
	stamp int64 // CLOCK_REALTIME nanoseconds; 0: none came
	err   error
}

// finish turns the kernel's way of saying "the end" into Go's.
func (r received) finish(asked int, err error) received {
	switch {
	case err != nil:
		return received{err: err}
	case r.n == 0 && asked > 0:
		return received{err: io.EOF}
	}
	return received{n: r.n, stamp: r.stamp}
}
