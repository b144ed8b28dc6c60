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

// pair returns a Conn over loopback TCP, dialled as probes dial, and the other
// side's connection.
func pair(t *testing.T) (*Conn, *net.TCPConn) {
	t.Helper()
	warm(t)
	near, far, err := connect(Control)
	if err != nil {
		t.Fatal(err)
	}
	conn := New(near)
	t.Cleanup(func() { conn.Close(); far.Close() })
	return conn, far
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
	defer conn.Close()
	defer far.Close()
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
		return a, b, func() { a.Close(); b.Close() }, nil
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

// A read for nothing takes nothing.
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
	send(t, near, "question")
	receive(t, far, "question")
	send(t, far, "answer")
	receive(t, near, "ans")
	receive(t, near, "wer")
	r := near.Reading()
	if r.Received != 6 || r.Waited.Process <= 0 || r.Arrived.Process().Before(r.Sent.Process()) || r.Gap <= 0 {
		t.Errorf("Reading = %+v", r)
	}
}

// Over what is not TCP there is the process's clock only.
func TestConnWithoutStamps(t *testing.T) {
	near, far, err := connect(Control)
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	conn := New(struct{ net.Conn }{near})
	defer conn.Close()
	send(t, conn, "question")
	receive(t, far, "question")
	send(t, far, "answer")
	receive(t, conn, "answer")
	r := conn.Reading()
	if r.Stamped || r.Received != 6 || r.Late != 0 || (r.Waited.Kernel-r.Waited.Process).Abs() > time.Millisecond {
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
	send(t, near, "question")
	receive(t, far, "question")
	began := time.Now()
	send(t, far, "answer")
	receive(t, near, "answer")
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
	send(t, near, "question")
	receive(t, far, "question")
	send(t, far, "answer")
	receive(t, near, "answer")
	time.Sleep(5 * time.Millisecond)
	send(t, near, "another")
	if !near.deadline.IsZero() {
		t.Errorf("the deadline is %v, want none", near.deadline)
	}
}

// A write deadline beyond the connection's is the connection's: who does not
// read holds us no longer than that.
func TestWriteDeadlineIsNotBeyondTheConnections(t *testing.T) {
	for name, beyond := range map[string]time.Time{"none": {}, "later": time.Now().Add(time.Hour)} {
		t.Run(name, func(t *testing.T) {
			near, _ := pair(t)
			near.SetDeadline(time.Now().Add(30 * time.Millisecond))
			near.SetWriteDeadline(beyond)
			began := time.Now()
			_, err := near.Write(make([]byte, 64<<20)) // more than both ends' buffers
			if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took > 10*time.Second {
				t.Errorf("Write = %v after %v, want the deadline", err, took)
			}
		})
	}
}
