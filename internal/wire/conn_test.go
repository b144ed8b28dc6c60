package wire

import (
	"context"
	"errors"
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
	warm, err := Warm()
	if err != nil {
		t.Fatal(err)
	}
	if warm != nil {
		t.Cleanup(func() { warm.Close() })
	}
	near, far, err := connect(Control)
	if err != nil {
		t.Fatal(err)
	}
	conn := New(near)
	t.Cleanup(func() { conn.Close(); far.Close() })
	return conn, far
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

// What net.Conn says, in x/net's own words: but for stopping and going on,
// which no probe does.
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

var _ = []any{errors.Is, os.ErrDeadlineExceeded, runtime.GOOS, time.Now}
