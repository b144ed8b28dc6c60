package resolve

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// stopped returns r's socket, whose reader does nothing until resume.
func stopped(t *testing.T, r *Resolver, server string) (s *socket, resume func()) {
	t.Helper()
	r.sockets.mu.Lock()
	defer r.sockets.mu.Unlock()
	if len(r.sockets.open) == 0 {
		if err := r.sockets.dial(t.Context(), server, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	s = r.sockets.open[0]
	s.receiving.Lock()
	return s, s.receiving.Unlock
}

// What the kernel had in time is in time, and took as long as the kernel says.
func TestLookupWhileStopped(t *testing.T) {
	t.Parallel()
	server := dns(t)
	r := asking(t, server.Addr())
	if _, err := r.Lookup(t.Context(), "ip", "six.example", 10*time.Second); err != nil { // the kernel stamps now
		t.Fatal(err)
	}
	_, resume := stopped(t, r, server.Addr().String())
	time.AfterFunc(700*time.Millisecond, resume)
	began := time.Now()
	got, err := r.Lookup(t.Context(), "ip", "four.example", 500*time.Millisecond)
	if err != nil || !got.Stamped || got.Gap <= 0 {
		t.Errorf("%+v, error %v; want an answer that came in time by the kernel's clock", got, err)
	}
	if time.Since(began) < 700*time.Millisecond {
		t.Error("the reader was not stopped")
	}
}

// A family that is given up gets what the kernel has by then.
func TestRoundTripWhileStopped(t *testing.T) {
	t.Parallel()
	server := dns(t)
	r := asking(t, server.Addr())
	_, resume := stopped(t, r, server.Addr().String())
	time.AfterFunc(700*time.Millisecond, resume)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	q := asked("four.example.", dnsmessage.TypeA)
	q.lookup = &lookup{servers: []string{server.Addr().String()}}
	if resp := r.roundTrip(ctx, q, 0); resp.verdict != addresses {
		t.Errorf("%+v", resp)
	}
}

// An answer that came too late is too late.
func TestLookupLate(t *testing.T) {
	r := asking(t, dns(t).Addr())
	got, err := r.Lookup(t.Context(), "ip", "silent.example", 100*time.Millisecond)
	if err == nil || got.Took != 100*time.Millisecond {
		t.Errorf("took %v, error %v; want a timeout after exactly 100ms", got.Took, err)
	}
}

// What we dropped is not the server's failure: the query is sent again, and if
// that does not help the error is our own.
func TestLookupDropsOfOurs(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	t.Parallel()
	for _, lasting := range []bool{false, true} {
		server := wild(t)
		r := asking(t, server.Addr())
		s, resume := stopped(t, r, server.Addr().String())
		s.conn.SetReadBuffer(1) // the least that the kernel has
		time.AfterFunc(200*time.Millisecond, func() {
			if !lasting {
				s.conn.SetReadBuffer(receiveBuffer)
			}
			resume()
		})
		for i, err := range crowd(t, r, 40, always(600*time.Millisecond)) {
			if err != nil && (!lasting || !errors.Is(err, syscall.ENOBUFS)) {
				t.Errorf("host %d: %v", i, err)
			}
		}
		before := r.sockets.drops()
		if before == 0 {
			t.Error("nothing was dropped, so this shows nothing")
		}
		if r.Close(); r.sockets.drops() != before {
			t.Errorf("%d packets were dropped, %d after the socket is closed", before, r.sockets.drops())
		}
	}
}

// A time that was ours is not the server's.
func TestTookLeavesOutDrops(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	t.Parallel()
	server := wild(t)
	r := asking(t, server.Addr())
	s, resume := stopped(t, r, server.Addr().String())
	s.conn.SetReadBuffer(1)
	time.AfterFunc(200*time.Millisecond, func() { s.conn.SetReadBuffer(receiveBuffer); resume() })
	for i, err := range crowd(t, r, 40, always(10*time.Second)) {
		if err != nil {
			t.Errorf("host %d: %v", i, err)
		}
	}
	if s.drops() == 0 {
		t.Error("nothing was dropped, so this shows nothing")
	}
	for k, o := range r.cache {
		if o.answer.Took >= firstResend {
			t.Errorf("%v took %v, the second until it was asked again included", k, o.answer.Took)
		}
	}
}
