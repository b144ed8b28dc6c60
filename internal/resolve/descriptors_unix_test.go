//go:build unix

package resolve

import (
	"errors"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Out of descriptors, we can't ask. That is not an answer of the resolver's.
func TestLookupOutOfDescriptors(t *testing.T) {
	server := dns(t)
	if _, err := asking(t, server.Addr()).Lookup(t.Context(), "ip", "four.example", 10*time.Second); err != nil {
		t.Fatal(err)
	}
	r := asking(t, server.Addr()) // it has no socket yet
	_, err := withDescriptors(t, 1, func() (Answer, error) {
		return r.Lookup(t.Context(), "ip", "four.example", 10*time.Second)
	})
	if _, wrong := errors.AsType[*net.DNSError](err); wrong || !errors.Is(err, syscall.EMFILE) {
		t.Errorf("error %v, want too many open files", err)
	}
	if _, err := r.Lookup(t.Context(), "ip", "four.example", 10*time.Second); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	_, err = withDescriptors(t, 1, func() (Answer, error) {
		return r.Lookup(t.Context(), "ip", "both.example", 10*time.Second)
	})
	if err != nil {
		t.Errorf("with a socket that is open already: %v", err)
	}
}

// A thousand at once need one socket.
func TestLookupCrowd(t *testing.T) {
	r := asking(t, wild(t).Addr())
	_, err := withDescriptors(t, 64, func() (Answer, error) {
		return Answer{}, errors.Join(crowd(t, r, 1000, always(10*time.Second))...)
	})
	if err != nil {
		t.Error(err)
	}
	if n := len(r.cache); n != 1000 {
		t.Errorf("%d answers remembered, want 1,000", n)
	}
	for end := time.Now().Add(5 * time.Second); len(r.slots) > 0 && time.Now().Before(end); { // freed right after the lookup ends
		runtime.Gosched()
	}
	if len(r.lookups) > 0 || len(r.slots) > 0 {
		t.Errorf("%d lookups are left, %d slots taken", len(r.lookups), len(r.slots))
	}
}

// Out of descriptors, Go's resolver can't ask either: that is not a denial.
func TestAskGoOutOfDescriptors(t *testing.T) {
	s := scripted(t, func(_ dnsmessage.Message, response *dnsmessage.Message) bool {
		return says(response, ip4("other.example.", 60))
	})
	r := onlyA(t, s)
	if _, err := r.Lookup(t.Context(), "ip", "one.example", 10*time.Second); err != nil {
		t.Fatal(err)
	}
	_, err := withDescriptors(t, 1, func() (Answer, error) { return r.Lookup(t.Context(), "ip", "two.example", 10*time.Second) })
	if !errors.Is(err, syscall.EMFILE) {
		t.Errorf("error %v, want too many open files", err)
	}
}

// withDescriptors does f under a limit of n descriptors.
func withDescriptors(t *testing.T, n uint64, f func() (Answer, error)) (Answer, error) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Skip(err)
	}
	scarce := before
	scarce.Cur = n
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &scarce); err != nil {
		t.Skip(err)
	}
	answer, err := f()
	if e := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); e != nil {
		t.Fatal(e)
	}
	return answer, err
}
