package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/nettest"
)

// pair returns a Conn over loopback TCP, dialed as probes dial, and the other
// side's connection.
func pair(t *testing.T) (*Conn, *net.TCPConn) {
	t.Helper()
	warm(t)
	near, far, err := connect(Control)
	if err != nil {
		t.Fatal(err)
	}
	conn := New(near)
	closeLater(t, conn, far)
	return conn, far
}

// closeLater closes the connections when the test ends, or after 10 s: a test
// that hangs in one of them fails.
func closeLater(t *testing.T, conns ...io.Closer) {
	t.Helper()
	end := func() {
		for _, c := range conns {
			c.Close()
		}
	}
	watchdog := time.AfterFunc(10*time.Second, end)
	t.Cleanup(func() { watchdog.Stop(); end() })
}

// warm waits until the kernel stamps what comes, where it can: it begins a
// little after the first socket has asked for it.
func warm(t *testing.T) {
	t.Helper()
	asking, err := Warm()
	if err != nil {
		t.Fatal(err)
	}
	if asking == nil {
		return
	}
	t.Cleanup(func() { asking.Close() })
	for end := time.Now().Add(5 * time.Second); !stamps(t); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("the kernel does not stamp what comes")
		}
	}
}

// stamps reports whether a fresh connection gets a stamp.
func stamps(t *testing.T) bool {
	t.Helper()
	near, far, err := connect(Control)
	if err != nil {
		t.Fatal(err)
	}
	conn := New(near)
	closeLater(t, conn, far)
	send(t, far, "hello")
	receive(t, conn, "hello")
	return conn.Reading().Stamped
}

// connect makes both ends of a TCP connection.
func connect(control func(network, address string, c syscall.RawConn) error) (near net.Conn, far *net.TCPConn, err error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer listener.Close()
	dialer := net.Dialer{Control: control}
	if near, err = dialer.DialContext(context.Background(), "tcp4", listener.Addr().String()); err != nil {
		return nil, nil, err
	}
	accepted, err := listener.Accept()
	if err != nil {
		near.Close()
		return nil, nil, err
	}
	return near, accepted.(*net.TCPConn), nil
}

func send(t *testing.T, to io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(to, text); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, from io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(from, got); err != nil || string(got) != want {
		t.Fatalf("read %q (%v), want %q", got, err, want)
	}
}

// What net.Conn says, in x/net's own words.
func TestConnIsANetConn(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		near, far, err := connect(Control)
		if err != nil {
			return nil, nil, nil, err
		}
		a, b := New(near), New(far)
		end := func() { a.Close(); b.Close() }
		watchdog := time.AfterFunc(10*time.Second, end) // of a test that hangs
		return a, b, func() { watchdog.Stop(); end() }, nil
	})
}

// Nothing of a *net.TCPConn shows through that would walk around the stamps.
func TestConnHidesWhatItIsOver(t *testing.T) {
	var conn any = New(&net.TCPConn{})
	if _, ok := conn.(io.ReaderFrom); ok {
		t.Error("Conn has ReadFrom")
	}
	if _, ok := conn.(io.WriterTo); ok {
		t.Error("Conn has WriteTo")
	}
	if _, ok := conn.(syscall.Conn); ok {
		t.Error("Conn has SyscallConn")
	}
}

// Errors are those of package net, so that whoever classifies them need not
// know of this package. The end of what they send is io.EOF itself.
func TestConnErrors(t *testing.T) {
	tests := []struct {
		name  string
		cause func(t *testing.T, near *Conn, far *net.TCPConn)
		want  error
	}{
		{"reset", func(t *testing.T, _ *Conn, far *net.TCPConn) { far.SetLinger(0); far.Close() }, syscall.ECONNRESET},
		{"deadline", func(t *testing.T, near *Conn, _ *net.TCPConn) { near.SetDeadline(time.Now()) }, os.ErrDeadlineExceeded},
		{"read deadline", func(t *testing.T, near *Conn, _ *net.TCPConn) { near.SetReadDeadline(time.Now()) }, os.ErrDeadlineExceeded},
		{"closed", func(t *testing.T, near *Conn, _ *net.TCPConn) { near.Close() }, net.ErrClosed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			near, far := pair(t)
			failed := make(chan error)
			go func() {
				n, err := near.Read(make([]byte, 8))
				if n != 0 {
					err = fmt.Errorf("%d bytes and %w", n, err)
				}
				failed <- err
			}()
			tt.cause(t, near, far)
			err := <-failed
			op, ok := err.(*net.OpError)
			if !ok || !errors.Is(err, tt.want) || op.Op != "read" || op.Net != "tcp" || op.Addr == nil || op.Source == nil {
				t.Fatalf("Read = %#v (%v), want a *net.OpError of %v", err, err, tt.want)
			}
			if timeout := tt.want == os.ErrDeadlineExceeded; op.Timeout() != timeout {
				t.Errorf("Timeout() = %v, want %v", op.Timeout(), timeout)
			}
		})
	}
}

func TestConnReadsToTheEnd(t *testing.T) {
	near, far := pair(t)
	send(t, far, "the last words")
	far.Close()
	receive(t, near, "the last words")
	for range 2 {
		if n, err := near.Read(make([]byte, 8)); n != 0 || err != io.EOF {
			t.Errorf("Read = %d, %v, want io.EOF", n, err)
		}
	}
}

// A read of no bytes reads none.
func TestConnReadsNothing(t *testing.T) {
	near, far := pair(t)
	send(t, far, "hello")
	arrived(t, near, 1)
	if n, err := near.Read(nil); n != 0 || err != nil {
		t.Fatalf("Read(nil) = %d, %v, want nothing", n, err)
	}
	receive(t, near, "hello")
}

// arrived waits until the kernel has received a number of segments.
func arrived(t *testing.T, conn *Conn, segments int) {
	t.Helper()
	if !stamping {
		time.Sleep(20 * time.Millisecond)
		return
	}
	for end := time.Now().Add(5 * time.Second); conn.Segments() < segments; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d segments have arrived, want %d", conn.Segments(), segments)
		}
	}
}

func TestConnCounts(t *testing.T) {
	near, far := pair(t)
	if r := near.Reading(); r != (Reading{}) {
		t.Errorf("before anything happened: %+v", r)
	}
	send(t, near, "request")
	receive(t, far, "request")
	sent := near.Reading()
	near.Aside(true)
	send(t, near, "ack")
	near.Aside(false)
	if r := near.Reading(); r != sent {
		t.Errorf("after a write that is beside it all: %+v, want %+v", r, sent)
	}
	receive(t, far, "ack")
	send(t, far, "response")
	receive(t, near, "res")
	receive(t, near, "ponse")
	r := near.Reading()
	if r.Received != 8 || r.Waited.Process <= 0 || r.Arrived.Process().Before(r.Sent.Process()) || r.Gap <= 0 {
		t.Errorf("Reading = %+v", r)
	}
}

// Over what is not TCP there is the process's clock only.
func TestConnWithoutStamps(t *testing.T) {
	near, far, err := connect(Control)
	if err != nil {
		t.Fatal(err)
	}
	conn := New(struct{ net.Conn }{near})
	closeLater(t, conn, far)
	send(t, conn, "request")
	receive(t, far, "request")
	send(t, far, "response")
	receive(t, conn, "response")
	r := conn.Reading()
	if r.Stamped || r.Received != 8 || (r.Waited.Kernel-r.Waited.Process).Abs() > time.Millisecond {
		t.Errorf("Reading = %+v", r)
	}
	if rtt, ok := conn.RoundTrip(); ok || conn.Segments() != 0 {
		t.Errorf("RoundTrip = %v, Segments = %d, want neither", rtt, conn.Segments())
	}
}

// The time for which we keep them waiting is theirs again.
func TestDeadlineMovesByWhatWeKeptThem(t *testing.T) {
	near, far := pair(t)
	const kept = 40 * time.Millisecond
	deadline := time.Now().Add(time.Hour)
	near.SetDeadline(deadline)
	send(t, near, "request")
	receive(t, far, "request")
	began := time.Now()
	send(t, far, "response")
	receive(t, near, "response")
	time.Sleep(kept)
	send(t, near, "another")
	took := time.Since(began)
	if moved := near.deadline.Sub(deadline); moved < kept || moved > took {
		t.Errorf("the deadline moved by %v, want between %v and %v", moved, kept, took)
	}
	moved := near.deadline
	send(t, near, "and more")
	if near.deadline != moved {
		t.Errorf("a second write moved it by %v", near.deadline.Sub(moved))
	}
}

func TestNoDeadlineStaysNone(t *testing.T) {
	near, far := pair(t)
	send(t, near, "request")
	receive(t, far, "request")
	send(t, far, "response")
	receive(t, near, "response")
	time.Sleep(5 * time.Millisecond)
	send(t, near, "another")
	if !near.deadline.IsZero() {
		t.Errorf("the deadline is %v, want none", near.deadline)
	}
}

// A write deadline beyond the connection's is the connection's: who does not
// read delays us no longer than that.
func TestWriteDeadlineIsNotBeyondTheConnections(t *testing.T) {
	soon, late := time.Now().Add(30*time.Millisecond), time.Now().Add(time.Hour)
	for _, tt := range []struct {
		name        string
		conn, write time.Time
	}{
		{"none", soon, time.Time{}},
		{"later", soon, late},
		{"earlier", late, soon},
		{"earlier than none", time.Time{}, soon},
	} {
		t.Run(tt.name, func(t *testing.T) {
			near, _ := pair(t)
			near.SetDeadline(tt.conn)
			near.SetWriteDeadline(tt.write)
			_, err := near.Write(make([]byte, 64<<20)) // more than both ends' buffers
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("Write = %v, want the deadline", err)
			}
		})
	}
}

// Err is what failed first, of reads and writes, except our own Close.
func TestErr(t *testing.T) {
	read := func(c *Conn) { c.Read(make([]byte, 1)) }
	for _, tt := range []struct {
		name string
		then func(near *Conn, far *net.TCPConn)
		want error
	}{
		{"nothing", func(*Conn, *net.TCPConn) {}, nil},
		{"the end", func(near *Conn, far *net.TCPConn) { far.Close(); read(near) }, io.EOF},
		{"a reset, and the end after it", func(near *Conn, far *net.TCPConn) {
			far.SetLinger(0)
			far.Close()
			read(near)
			read(near)
		}, syscall.ECONNRESET},
		{"a write", func(near *Conn, far *net.TCPConn) {
			near.SetDeadline(time.Now().Add(-time.Second))
			near.Write([]byte("too late"))
		}, os.ErrDeadlineExceeded},
		{"our own end", func(near *Conn, _ *net.TCPConn) { near.Close(); read(near); near.Write([]byte("x")) }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			near, far := pair(t)
			tt.then(near, far)
			if got := near.Err(); !errors.Is(got, tt.want) {
				t.Errorf("Err = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestExhausted(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)}, "file descriptors"},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.ENFILE)}, "file descriptors"},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)}, "local ports"},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.ENOBUFS)}, "memory"},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, ""},
		{io.EOF, ""},
		{nil, ""},
	} {
		if got := Exhausted(test.err); got != test.want {
			t.Errorf("%v: exhausted %q, want %q", test.err, got, test.want)
		}
	}
}
