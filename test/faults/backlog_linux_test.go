package faults

import (
	"errors"
	"net"
	"testing"
	"time"
)

// TestBacklogDrains shows a SYN that is lost: the kernel sends it again after a
// second (RFC 6298, 2.1), and then there is room.
func TestBacklogDrains(t *testing.T) {
	t.Parallel()
	b, err := NewBacklog()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	began := time.Now()
	_, err = net.DialTimeout("tcp", b.Addr().String(), 50*time.Millisecond)
	if e, ok := errors.AsType[net.Error](err); !ok || !e.Timeout() {
		t.Fatalf("a dial to a full backlog says %v, want a timeout", err)
	}
	dialed := make(chan error)
	go func() {
		conn, err := net.DialTimeout("tcp", b.Addr().String(), ample)
		if err == nil {
			conn.Close()
		}
		dialed <- err
	}()
	time.AfterFunc(200*time.Millisecond, func() { b.Drain() })
	if err := <-dialed; err != nil || time.Since(began) < time.Second {
		t.Errorf("the dial ended after %v (%v), want success after a second", time.Since(began), err)
	}
}
