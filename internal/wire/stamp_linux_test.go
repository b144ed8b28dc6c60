package wire

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// However late bytes are read, they are of the instant at which they came.
func TestStampsAreOfTheArrival(t *testing.T) {
	near, far := pair(t)
	const lay = 50 * time.Millisecond
	send(t, near, "question")
	receive(t, far, "question")
	before := time.Now()
	send(t, far, "answer")
	after := time.Now()
	time.Sleep(lay)
	receive(t, near, "answer")
	r := near.Reading()
	if !r.Stamped || r.Late < lay || r.Waited.Process < lay {
		t.Errorf("Reading = %+v, want it to have lain for %v", r, lay)
	}
	// Loopback delivers within the sender's call. The kernel's clock may be
	// a tick of its fine part off.
	const tick = 100 * time.Microsecond
	if at := time.Unix(0, r.Arrived.kernel); at.Before(before.Add(-tick)) || at.After(after.Add(tick)) {
		t.Errorf("stamped %v, sent between %v and %v", at, before, after)
	}
}

// A pulse learns how late reads are.
func TestReadsTellThePulse(t *testing.T) {
	near, far := pair(t)
	var p Pulse
	p.Enter()
	defer p.Leave()
	near.Tell(&p)
	began := time.Now()
	send(t, far, "answer")
	time.Sleep(50 * time.Millisecond)
	receive(t, near, "answer")
	if got := p.Worst(began, time.Now()); got < 45*time.Millisecond {
		t.Errorf("Worst = %v, want the 50 ms that the answer lay there", got)
	}
}

func TestStampsAreWanted(t *testing.T) {
	warm(t)
	near, far, err := connect(nil) // without Control
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	conn := New(near)
	defer conn.Close()
	send(t, far, "hello")
	receive(t, conn, "hello")
	if r := conn.Reading(); r.Stamped || r.Received != 5 || r.Arrived.kernel == 0 {
		t.Errorf("Reading = %+v, want no stamp and the process's clock instead", r)
	}
}

func TestRoundTripAndSegments(t *testing.T) {
	near, far := pair(t)
	if rtt, ok := near.RoundTrip(); !ok || rtt <= 0 || rtt > time.Second {
		t.Errorf("RoundTrip = %v, %v", rtt, ok)
	}
	if n := near.Segments(); n != 0 {
		t.Errorf("%d segments before anything was sent", n)
	}
	far.SetNoDelay(true)
	for want := 1; want <= 3; want++ {
		send(t, far, "segment")
		receive(t, near, "segment")
		if n := near.Segments(); n != want {
			t.Errorf("%d segments, want %d", n, want)
		}
	}
}

// What came in time counts, also when the deadline has passed before it is
// read; what came later does not.
func TestDeadlineIsTheOtherSides(t *testing.T) {
	near, far := pair(t)
	near.SetDeadline(time.Now().Add(30 * time.Millisecond))
	send(t, far, "in time")
	arrived(t, near, 1)
	time.Sleep(50 * time.Millisecond)
	receive(t, near, "in ")
	receive(t, near, "time")
	send(t, far, "too late")
	arrived(t, near, 2)
	n, err := near.Read(make([]byte, 8))
	if op, ok := err.(*net.OpError); n != 0 || !ok || !op.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read = %d, %v, want a time-out", n, err)
	}
}

func TestStampIn(t *testing.T) {
	stamp := func(level, kind int32, sec, nsec int64) []byte {
		b := binary.NativeEndian.AppendUint64(nil, 32)
		b = binary.NativeEndian.AppendUint32(b, uint32(level))
		b = binary.NativeEndian.AppendUint32(b, uint32(kind))
		b = binary.NativeEndian.AppendUint64(b, uint64(sec))
		return binary.NativeEndian.AppendUint64(b, uint64(nsec))
	}
	good := stamp(unix.SOL_SOCKET, unix.SCM_TIMESTAMPNS, 1_700_000_000, 5)
	other := stamp(unix.SOL_IP, unix.IP_TTL, 64, 0)
	tests := []struct {
		name string
		oob  []byte
		want int64
	}{
		{"nothing", nil, 0},
		{"a stamp", good, 1_700_000_000_000_000_005},
		{"something else", other, 0},
		{"behind something else", append(append([]byte{}, other...), good...), 1_700_000_000_000_000_005},
		{"cut short", good[:24], 0},
		{"less than a header", good[:10], 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if unix.SizeofCmsghdr != 16 {
				t.Skip("laid out for 64 bits")
			}
			if got := stampIn(tt.oob); got != tt.want {
				t.Errorf("stampIn = %d, want %d", got, tt.want)
			}
		})
	}
}

// What is held leaves with what is written next, in one packet, or before it is
// waited for, or with the connection's end; never is it lost.
func TestHold(t *testing.T) {
	near, far := pair(t)
	other := New(far) // counts what arrives
	near.Hold(true)
	send(t, near, "hello ")
	near.Hold(false)
	far.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := far.Read(make([]byte, 1)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read = %d, %v before there was a second write", n, err)
	}
	far.SetReadDeadline(time.Time{})
	send(t, near, "world")
	receive(t, far, "hello world")
	if n := other.Segments(); n != 1 {
		t.Errorf("both came in %d segments, want 1", n)
	}

	near.Hold(true)
	send(t, near, "who ")
	send(t, near, "is there")
	asked := make([]byte, len("who is there"))
	answered := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(far, asked)
		far.Write([]byte("me"))
		answered <- err
	}()
	receive(t, near, "me")
	if err := <-answered; err != nil || string(asked) != "who is there" {
		t.Errorf("asked %q, %v", asked, err)
	}

	before := other.Segments()
	send(t, near, "goodbye")
	near.SetWriteDeadline(time.Now()) // as crypto/tls does
	near.Close()
	receive(t, far, "goodbye")
	if _, err := far.Read(make([]byte, 1)); err != io.EOF || other.Segments() != before+1 {
		t.Errorf("after goodbye came %v, in %d segments; want the end, and 1", err, other.Segments()-before)
	}
}

// What was held before the last write leaves even where the end is a reset, and
// nothing is taken to be held once the connection is closed.
func TestHeldIsSentBeforeAReset(t *testing.T) {
	near, far := pair(t)
	send(t, far, "never read")
	near.Hold(true)
	send(t, near, "alert")
	near.Hold(false)
	for end := time.Now().Add(5 * time.Second); near.Segments() == 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	near.Close()
	receive(t, far, "alert")
	if _, err := far.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("then came %v, want a reset", err)
	}

	near, _ = pair(t)
	near.Hold(true)
	near.Close()
	if _, err := near.Write([]byte("late")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after Close = %v", err)
	}
}
