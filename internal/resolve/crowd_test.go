package resolve

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"rollcall/internal/testnet"
)

// crowd looks up n hosts at once and returns their errors.
func crowd(t *testing.T, r *Resolver, n int, timeout func(i int) time.Duration) []error {
	t.Helper()
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { _, errs[i] = r.Lookup(t.Context(), "ip", fmt.Sprintf("host-%d.wild.example", i), timeout(i)) })
	}
	all.Wait()
	return errs
}

func always(d time.Duration) func(int) time.Duration { return func(int) time.Duration { return d } }

func wild(t *testing.T) *testnet.Resolver {
	server := dns(t)
	server.Set("*.wild.example", testnet.Resolution{Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.3")}})
	return server
}

// A server that says nothing, or nonsense, of half the names harms no others.
func TestLookupCrowdOfHalves(t *testing.T) {
	answers := map[string]func([]byte) [][]byte{}
	for _, l := range lies() {
		answers[l.name] = l.tamper
	}
	answers["nothing"] = func([]byte) [][]byte { return nil }
	for _, bad := range []string{"nothing", "wrong ids", "wrong questions", "garbage"} {
		t.Run(bad, func(t *testing.T) {
			t.Parallel()
			server, err := wild(t).Tamper(func(_ int, q dnsmessage.Question, answer []byte) [][]byte {
				if oddHost(q.Name.String()) {
					return answers[bad](answer)
				}
				return [][]byte{answer}
			})
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			for i, err := range crowd(t, asking(t, server.Addr()), 60, func(i int) time.Duration {
				return []time.Duration{10 * time.Second, 300 * time.Millisecond}[i%2]
			}) {
				e, _ := errors.AsType[*net.DNSError](err)
				if i%2 == 0 && err != nil || i%2 == 1 && (e == nil || !e.IsTimeout) {
					t.Errorf("host %d: error %v", i, err)
				}
			}
		})
	}
}

// oddHost reports whether the number of a host of crowd is.
func oddHost(name string) bool {
	label, _, _ := strings.Cut(name, ".")
	return strings.ContainsAny(label[len(label)-1:], "13579")
}

// Those that nobody answers hold no place for long.
func TestLookupSilentOnesMakeRoom(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	t.Parallel()
	r := asking(t, dns(t).Addr())
	r.slots = make(chan struct{}, 1)
	silent := make(chan error, 1)
	go func() {
		_, err := r.Lookup(t.Context(), "ip", "silent.example", time.Minute)
		silent <- err
	}()
	for len(r.slots) == 0 {
		runtime.Gosched()
	}
	if _, err := r.Lookup(t.Context(), "ip", "four.example", 10*time.Second); err != nil {
		t.Error(err)
	}
	select {
	case err := <-silent:
		t.Errorf("the silent one made room by its end: %v", err)
	default:
	}
	r.Close()
	<-silent
}

// Each host is asked for once, however many wait, and they hear the same.
func TestLookupOnce(t *testing.T) {
	server := dns(t)
	r := asking(t, server.Addr())
	var all sync.WaitGroup
	took := make([]time.Duration, 50)
	for i := range took {
		all.Go(func() {
			got, err := r.Lookup(t.Context(), "ip", []string{"both.example", "Both.Example."}[i%2], 10*time.Second)
			if err != nil || len(got.Addrs) != 2 {
				t.Errorf("got %v, error %v", got.Addrs, err)
			}
			took[i] = got.Took
			clear(got.Addrs) // everyone has his own
		})
	}
	all.Wait()
	for _, d := range took {
		if d != took[0] {
			t.Errorf("took %v and %v, want that lookup's time for all", took[0], d)
		}
	}
	if n := server.Queries("both.example", dnsmessage.TypeA); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

// A caller that leaves takes the answer from no other, and a failure is not cached.
func TestLookupFailsAgain(t *testing.T) {
	t.Parallel()
	server := dns(t)
	r := asking(t, server.Addr())
	for range 2 {
		if _, err := r.Lookup(t.Context(), "ip", "broken.example", 10*time.Second); err == nil {
			t.Error("no error")
		}
		if _, err := r.Lookup(t.Context(), "ip", "silent.example", 50*time.Millisecond); err == nil {
			t.Error("no error")
		}
	}
	if n := server.Queries("silent.example", dnsmessage.TypeA); n != 2 {
		t.Errorf("asked %d times for the silent name, want twice", n)
	}
	if n := server.Queries("broken.example", dnsmessage.TypeA); n != 4 {
		t.Errorf("asked %d times for the broken name, want four times, each lookup twice", n)
	}
	if len(r.cache)+len(r.lookups) != 0 {
		t.Errorf("%d remembered, %d under way, want none", len(r.cache), len(r.lookups))
	}
}

// One family is one question.
func TestLookupOneFamily(t *testing.T) {
	server := dns(t)
	for network, want := range map[string]string{"ip4": "192.0.2.1", "ip6": "2001:db8::1"} {
		r := newResolver(Options{Server: server.Addr().String()}, network)
		defer r.Close()
		got, err := r.Lookup(t.Context(), "ip", "both.example", 10*time.Second)
		if err != nil || len(got.Addrs) != 1 || got.Addrs[0].String() != want {
			t.Errorf("%s: got %v, error %v, want %s", network, got.Addrs, err, want)
		}
	}
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
		if n := server.Queries("both.example", kind); n != 1 {
			t.Errorf("asked %d times for %v, want once", n, kind)
		}
	}
}

// An idle Resolver holds nothing, whether it was closed or not.
func TestResolverLeavesNothing(t *testing.T) {
	server := wild(t)
	before := runtime.NumGoroutine()
	for _, idle := range []time.Duration{time.Minute, 20 * time.Millisecond} {
		r := newResolver(Options{Server: server.Addr().String()}, "ip")
		r.sockets.linger = idle
		for range 2 {
			if _, err := r.Lookup(t.Context(), "ip", "four.example", 10*time.Second); err != nil {
				t.Error(err)
			}
			if _, err := r.Lookup(t.Context(), "ip", "silent.example", 30*time.Millisecond); err == nil {
				t.Error("an answer came of a silent name")
			}
			if idle == time.Minute {
				r.Close()
			}
		}
		for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before || r.held() > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("closed after %v idle: %d goroutines of %d and %d sockets are left", idle, runtime.NumGoroutine(), before, r.held())
			}
		}
	}
}

// Close ends the lookups that wait.
func TestCloseEndsLookups(t *testing.T) {
	r := asking(t, dns(t).Addr())
	ended := make(chan error, 1)
	go func() {
		_, err := r.Lookup(t.Context(), "ip", "silent.example", time.Minute)
		ended <- err
	}()
	for r.underWay() == 0 {
		runtime.Gosched()
	}
	r.Close()
	if err := <-ended; err == nil {
		t.Error("no error")
	}
}

func (r *Resolver) underWay() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.lookups)
}

func (r *Resolver) held() int {
	r.sockets.mu.Lock()
	defer r.sockets.mu.Unlock()
	return len(r.sockets.open)
}
