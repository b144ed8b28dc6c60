package wire

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// However late bytes are read, they are of the instant at which they came.
func TestStampsAreOfTheArrival(t *testing.T) {
	near, far := pair(t)
	const lay = 50 * time.Millisecond
	send(t, near, "request")
	receive(t, far, "request")
	before := time.Now()
	send(t, far, "response")
	after := time.Now()
	time.Sleep(lay)
	receive(t, near, "response")
	r := near.Reading()
	if !r.Stamped || r.Waited.Process < lay {
		t.Errorf("Reading = %+v, want it to have lain for %v", r, lay)
	}
	// Loopback delivers within the sender's call. The kernel's clock may be
	// a tick of its fine part off.
	const tick = 100 * time.Microsecond
	if at := time.Unix(0, r.Arrived.kernel); at.Before(before.Add(-tick)) || at.After(after.Add(tick)) {
		t.Errorf("stamped %v, sent between %v and %v", at, before, after)
	}
}

// A Lateness learns how late reads are.
func TestReadsReportLateness(t *testing.T) {
	near, far := pair(t)
	var l Lateness
	l.Start()
	defer l.Stop()
	near.Lateness = &l
	began := time.Now()
	send(t, far, "response")
	time.Sleep(50 * time.Millisecond)
	receive(t, near, "response")
	if got := l.Since(began); got < 45*time.Millisecond {
		t.Errorf("Since = %v, want the 50 ms that the response lay there", got)
	}
}

func TestStampsAreWanted(t *testing.T) {
	warm(t)
	near, far, err := connect(nil) // without Control
	if err != nil {
		t.Fatal(err)
	}
	conn := New(near)
	closeLater(t, conn, far)
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
		t.Errorf("Read = %d, %v, want a timeout", n, err)
	}
}

// Whether bytes without a stamp came in time is not known: they did not.
func TestDeadlineWithoutStamps(t *testing.T) {
	near, far, err := connect(nil) // without Control
	if err != nil {
		t.Fatal(err)
	}
	conn := New(near)
	closeLater(t, conn, far)
	send(t, far, "in time")
	arrived(t, conn, 1)
	conn.SetDeadline(time.Now())
	if n, err := conn.Read(make([]byte, 8)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read = %d, %v, want a timeout", n, err)
	}
}

// A slowRaw does something when a read has found nothing, before it waits.
type slowRaw struct {
	syscall.RawConn
	nothing func()
}

func (r slowRaw) Read(f func(fd uintptr) bool) error {
	return r.RawConn.Read(func(fd uintptr) bool {
		done := f(fd)
		if !done {
			r.nothing()
		}
		return done
	})
}

// Merged is of the reads since the last one that had to wait.
func TestMerged(t *testing.T) {
	for _, tt := range []struct {
		name  string
		reads string // each: how many segments it takes, or w for one that has to wait
		want  int
	}{
		{"nothing", "", 0},
		{"one", "1", 1},
		{"two in one read", "2", 2},
		{"two, then one", "21", 2},
		{"one, then two", "12", 2},
		{"two, then one that waits", "2w", 1},
		{"one that waits, two, and one", "w21", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			near, far := pair(t)
			near.raw = slowRaw{near.raw, func() { far.Write([]byte("x")) }}
			near.CountSegments()
			came := 0
			for _, read := range tt.reads {
				segments := int(read - '0')
				if read == 'w' {
					came, segments = came+1, 0
				}
				for range segments {
					send(t, far, "x")
					came++
					arrived(t, near, came)
				}
				if n, err := near.Read(make([]byte, 8)); n != max(1, segments) || err != nil {
					t.Fatalf("Read = %d, %v", n, err)
				}
			}
			if got := near.Merged(); got != tt.want {
				t.Errorf("Merged = %d, want %d", got, tt.want)
			}
			send(t, far, "x")
			near.Read(make([]byte, 8))
			if got := near.Merged(); got != tt.want {
				t.Errorf("Merged = %d after the counting has ended, want %d", got, tt.want)
			}
		})
	}
}

func TestStamp(t *testing.T) {
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
			got, ok := Stamp(tt.oob)
			if ok != (tt.want != 0) || ok && got.UnixNano() != tt.want {
				t.Errorf("Stamp = %v, %v, want %d", got, ok, tt.want)
			}
		})
	}
}
