//go:build unix

package resolve

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
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
