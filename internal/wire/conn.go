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
// no *net.TCPConn: its promoted ReadFrom, WriteTo and SyscallConn would bypass
// the stamps.
//
// Its deadline is the other side's: what the kernel had received by then is
// delivered however late it is read, and the time for which we ourselves kept
// the other side waiting moves the deadline on.
type Conn struct {
	conn net.Conn
	raw  syscall.RawConn // nil: no kernel stamps
	tcpInfo
	// Lateness, if set before the first Read, learns how late each read is.
	Lateness *Lateness

	reading sync.Mutex // held while a read is on; guards into, got and receive
	into    []byte
	got     received
	waited  bool                  // the read found nothing at first
	receive func(fd uintptr) bool // bound once for all reads

	mu       sync.Mutex // guards what follows
	timing   timing
	deadline time.Time
	failed   error // what ended it
	aside    bool  // see Aside
	inside   int   // reads and writes under way
	entered  time.Time
	written  int // bytes
	segments segments
}

// New returns a Conn over conn. Kernel stamps are used if conn is a
// *net.TCPConn that was dialed with [Control].
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

// Read reads as net.Conn says and notes when the bytes arrived.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil // x/sys/unix would take a byte all the same
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	c.mu.Lock()
	c.enter(time.Now())
	c.mu.Unlock()
	got := c.receiveInto(p)
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leave(now, c.ours(got, now))
	if got.n > 0 {
		late := c.timing.bytesRead(got, now)
		if c.Lateness != nil {
			c.Lateness.report(late)
		}
		if c.segments.counting {
			c.segments.afterRead(c.Segments(), c.waited)
		}
	}
	c.fail(got.err)
	return got.n, got.err
}

func (c *Conn) receiveInto(p []byte) received {
	if c.raw == nil {
		n, err := c.conn.Read(p)
		return received{n: n, err: err}
	}
	c.into, c.waited = p, false
	defer func() { c.into = nil }()
	err := c.raw.Read(c.receive)
	if errors.Is(err, os.ErrDeadlineExceeded) && c.receivedInTime() {
		err = nil
	}
	if err == nil {
		err = c.got.err
	}
	switch {
	case err != nil:
		return received{err: c.readError(err)}
	case c.got.n == 0:
		return received{err: io.EOF}
	}
	return c.got
}

// receivedInTime reads once without waiting, and reports whether what it read
// came before the deadline. When that one's timer fires in a busy process, the
// response may have been there. Without a stamp nobody knows.
func (c *Conn) receivedInTime() bool {
	if c.raw.Control(func(fd uintptr) { c.receive(fd) }) != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.got.stamp > 0 && c.got.stamp <= c.deadline.UnixNano()
}

// readError makes err look as one of package net does, so that whoever
// classifies it need not know of this package.
func (c *Conn) readError(err error) error {
	if inner, ok := errors.AsType[*net.OpError](err); ok {
		err = inner.Err
	}
	if errno, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError("recvmsg", errno)
	}
	return &net.OpError{Op: "read", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// Write writes as net.Conn says and notes when the bytes were handed over. The
// deadline moves by the time for which the other side waited for us.
func (c *Conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	began, aside := time.Now(), c.aside
	c.enter(began)
	var late time.Duration
	if !aside {
		late = c.timing.writeBegins(began)
	}
	if late >= time.Millisecond && !c.deadline.IsZero() { // less is not worth setting the timer
		c.deadline = c.deadline.Add(late)
		c.conn.SetDeadline(c.deadline)
	}
	c.mu.Unlock()
	n, err := c.conn.Write(p)
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.written += len(p); c.written > smallWrites {
		c.leave(now, 0)
	} else {
		c.leave(now, now.Sub(began))
	}
	if !aside {
		c.timing.writeEnds(now)
	}
	c.fail(err)
	return n, err
}

// smallWrites is how many bytes a connection takes without waiting for the
// other side: what Linux starts a send buffer with (tcp_wmem). A write of them
// that takes long has been kept from running by this machine.
const smallWrites = 16 << 10

// enter begins a read or a write, and leave ends it, of whose time the latest
// ours was our own. While there is one the other side is at work, or the way to
// it. c.mu is held.
func (c *Conn) enter(now time.Time) {
	if c.inside++; c.inside == 1 {
		c.entered = now
	}
}

func (c *Conn) leave(now time.Time, ours time.Duration) {
	if c.inside--; c.inside == 0 {
		c.timing.theirs += max(0, now.Sub(c.entered)-ours)
	}
}

// ours is how long a read that ended now had been able to: since what it got
// came, or since the deadline. Without a stamp nobody knows.
func (c *Conn) ours(got received, now time.Time) time.Duration {
	switch {
	case got.stamp > 0:
		return max(0, time.Duration(now.UnixNano()-got.stamp))
	case errors.Is(got.err, os.ErrDeadlineExceeded) && !c.deadline.IsZero():
		return max(0, now.Sub(c.deadline))
	}
	return 0
}

// Aside tells whether what is written from now on is beside what the other side
// has to respond to: acknowledgments. It is in no reading, and moves no deadline.
func (c *Conn) Aside(is bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.aside = is
}

// fail notes the first failure: the kernel reports a reset once, and what
// follows looks like an orderly end. c.mu is held.
func (c *Conn) fail(err error) {
	if c.failed == nil && !errors.Is(err, net.ErrClosed) {
		c.failed = err
	}
}

// Err returns what a read or write failed with first, io.EOF too, unless it was
// our own Close that ended it. Parsers above may report something else: a
// malformed line, where its end never came.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// Reading returns what the connection's clock shows.
func (c *Conn) Reading() Reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.timing.reading()
	if c.inside > 0 {
		r.Theirs += time.Since(c.entered)
	}
	return r
}

// SetDeadline sets the instant until which the other side's bytes count.
func (c *Conn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return c.conn.SetDeadline(t)
}

// Deadline returns the instant until which the other side's bytes count, as far
// as that is known by now.
func (c *Conn) Deadline() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deadline
}

// SetReadDeadline is for the users above, who only ever cut a read short.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

// SetWriteDeadline never goes beyond the connection's deadline: crypto/tls
// asks for five seconds to send close_notify in.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.deadline.IsZero() && (t.IsZero() || t.After(c.deadline)) {
		t = c.deadline
	}
	return c.conn.SetWriteDeadline(t)
}

// Close closes the connection.
func (c *Conn) Close() error { return c.conn.Close() }

// LocalAddr returns our address.
func (c *Conn) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// RemoteAddr returns the other side's address.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// received is what one recvmsg brought.
type received struct {
	n     int
	stamp int64 // CLOCK_REALTIME nanoseconds; 0: none came
	err   error
}

// Exhausted names what this machine ran out of, if that is why a socket failed;
// else "".
func Exhausted(err error) string {
	switch {
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "file descriptors"
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EADDRINUSE):
		return "local ports"
	case errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM):
		return "memory"
	}
	return ""
}
