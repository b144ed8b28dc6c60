package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/time/rate"

	"rollcall/internal/testnet"
)

func Example() {
	dns, err := testnet.NewResolver()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dns.Close()
	dns.Set("shop.example", testnet.Resolution{Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.7")}})

	resolver := New(Options{Server: dns.Addr().String(), Rate: 900})
	defer resolver.Close()
	answer, err := resolver.Lookup(context.Background(), "ip", "shop.example", 10*time.Second)
	fmt.Println(answer.Addrs, err)
	_, err = resolver.Lookup(context.Background(), "ip", "shoop.example", 10*time.Second)
	fmt.Println(strings.ReplaceAll(err.Error(), dns.Addr().String(), "SERVER"))
	// Output:
	// [192.0.2.7] <nil>
	// lookup shoop.example. on SERVER: no such host
}

// asking returns a Resolver that asks the server at addr, for both families,
// however late one of them is on a busy machine.
func asking(t *testing.T, addr netip.AddrPort) *Resolver {
	t.Helper()
	r := newResolver(Options{Server: addr.String()}, "ip")
	r.otherFamily = time.Minute
	t.Cleanup(r.Close)
	return r
}

// dns starts a resolver that knows some names.
func dns(t *testing.T) *testnet.Resolver {
	t.Helper()
	r, err := testnet.NewResolver()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	addrs := func(list ...string) (a testnet.Resolution) {
		for _, s := range list {
			a.Addresses = append(a.Addresses, netip.MustParseAddr(s))
		}
		return a
	}
	r.Set("four.example", addrs("192.0.2.1", "192.0.2.2"))
	r.Set("six.example", addrs("2001:db8::1"))
	r.Set("both.example", addrs("192.0.2.1", "2001:db8::1"))
	r.Set("mapped.example", addrs("::ffff:192.0.2.9"))
	r.Set("empty.example", testnet.Resolution{})
	r.Set("broken.example", testnet.Resolution{Failure: dnsmessage.RCodeServerFailure})
	r.Set("refused.example", testnet.Resolution{Failure: dnsmessage.RCodeRefused})
	r.Set("silent.example", testnet.Resolution{Silent: true})
	return r
}

func TestLookup(t *testing.T) {
	server := dns(t)
	r := asking(t, server.Addr())
	for _, test := range []struct {
		host string
		want []string
	}{
		{"four.example", []string{"192.0.2.1", "192.0.2.2"}},
		{"four.example.", []string{"192.0.2.1", "192.0.2.2"}},
		{"FOUR.Example", []string{"192.0.2.1", "192.0.2.2"}},
		{"six.example", []string{"2001:db8::1"}},
		{"both.example", []string{"192.0.2.1", "2001:db8::1"}},
		{"mapped.example", []string{"192.0.2.9"}},
	} {
		t.Run(test.host, func(t *testing.T) {
			got, err := r.Lookup(t.Context(), "ip", test.host, 10*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			var addrs []string
			for _, a := range got.Addrs {
				addrs = append(addrs, a.String())
			}
			slices.Sort(addrs) // the best one first depends on the machine's routes
			if !slices.Equal(addrs, test.want) {
				t.Errorf("got %v, want %v", addrs, test.want)
			}
			if got.Took <= 0 || got.Took > 5*time.Second {
				t.Errorf("took %v", got.Took)
			}
		})
	}
}

// No search list is tried: one question for each family.
func TestLookupAsksOnce(t *testing.T) {
	server := dns(t)
	r := asking(t, server.Addr())
	for _, host := range []string{"four.example", "nowhere.example", "single"} {
		r.Lookup(t.Context(), "ip", host, 10*time.Second)
		for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
			if n := server.Queries(host, kind); n != 1 {
				t.Errorf("%s: asked %d times for %v, want once", host, n, kind)
			}
		}
	}
}

// An error says what is wrong: the name, the server, or nothing at all.
func TestLookupErrors(t *testing.T) {
	t.Parallel()
	r := asking(t, dns(t).Addr())
	for _, test := range []struct {
		host                          string
		timeout                       time.Duration
		notFound, temporary, timedOut bool
	}{
		{"nowhere.example", 5 * time.Second, true, false, false},
		{"empty.example", 5 * time.Second, true, false, false},
		{"broken.example", 5 * time.Second, false, true, false},
		{"silent.example", 150 * time.Millisecond, false, true, true},
	} {
		t.Run(test.host, func(t *testing.T) {
			got, err := r.Lookup(t.Context(), "ip", test.host, test.timeout)
			e, ok := errors.AsType[*net.DNSError](err)
			if !ok || len(got.Addrs) > 0 {
				t.Fatalf("got %v, error %v", got.Addrs, err)
			}
			if e.IsNotFound != test.notFound || e.IsTimeout != test.timedOut || (e.IsTemporary || e.IsTimeout) != test.temporary {
				t.Errorf("not found %v, temporary %v, timeout %v: %v", e.IsNotFound, e.IsTemporary, e.IsTimeout, err)
			}
			if test.timedOut && got.Took != test.timeout {
				t.Errorf("took %v, want %v", got.Took, test.timeout)
			}
		})
	}
}

// REFUSED does not prove that the name does not exist.
func TestLookupRefused(t *testing.T) {
	r := asking(t, dns(t).Addr())
	_, err := r.Lookup(t.Context(), "ip", "refused.example", 10*time.Second)
	if e, ok := errors.AsType[*net.DNSError](err); !ok || e.IsNotFound {
		t.Errorf("error %v", err)
	}
}

// A server that is not there is no proof either.
func TestLookupNoServer(t *testing.T) {
	server, err := testnet.NewResolver()
	if err != nil {
		t.Fatal(err)
	}
	addr := server.Addr().String()
	server.Close()
	_, err = New(Options{Server: addr}).Lookup(t.Context(), "ip", "four.example", 10*time.Second)
	if e, ok := errors.AsType[*net.DNSError](err); !ok || e.IsNotFound {
		t.Errorf("error %v", err)
	}
}

func TestLookupCancelled(t *testing.T) {
	r := asking(t, dns(t).Addr())
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	began := time.Now()
	if _, err := r.Lookup(ctx, "ip", "silent.example", time.Minute); err == nil || time.Since(began) > 5*time.Second {
		t.Errorf("error %v after %v", err, time.Since(began))
	}
}

// Waiting for a turn is nothing that the resolver took.
func TestLookupTookLeavesOutTheWait(t *testing.T) {
	t.Parallel()
	server := dns(t)
	r := asking(t, server.Addr())
	r.pace = rate.NewLimiter(4, burst)
	began := time.Now()
	var took time.Duration
	for _, host := range []string{"four.example", "both.example"} {
		got, err := r.Lookup(t.Context(), "ip", host, 10*time.Second)
		if err != nil {
			t.Error(err)
		}
		took += got.Took
	}
	if waited := time.Since(began) - took; waited < 490*time.Millisecond {
		t.Errorf("two lookups at 4 packets a second waited %v, want 500ms", waited)
	}
}

func TestWaitTurn(t *testing.T) {
	const lookups = 100
	for _, test := range []struct {
		packets, burst int
		last           time.Duration // when the last lookup may begin
	}{
		{packets: 100, burst: 10, last: 1900 * time.Millisecond}, // (200 - 10) / 100
		{packets: 20, burst: 2, last: 9900 * time.Millisecond},
		{packets: 1000, burst: 200, last: 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := &Resolver{pace: rate.NewLimiter(rate.Limit(test.packets), test.burst)}
			began, last := time.Now(), make(chan time.Duration, lookups)
			for range lookups {
				go func() {
					if err := r.waitTurn(t.Context(), 2); err != nil {
						t.Error(err)
					}
					last <- time.Since(began)
				}()
			}
			var latest time.Duration
			for range lookups {
				latest = max(latest, <-last)
			}
			if got := latest.Round(time.Millisecond); got != test.last {
				t.Errorf("%d packets a second: the last of %d begins after %v, want %v", test.packets, lookups, got, test.last)
			}
		})
	}
}

// A caller whose time ends before its turn gets the context's cause, at the end,
// and frees its place.
func TestWaitTurnEnds(t *testing.T) {
	errOver := errors.New("the run is over")
	synctest.Test(t, func(t *testing.T) {
		r := newResolver(Options{}, "ip")
		r.pace = rate.NewLimiter(1, burst)
		began := time.Now()
		for range 2 {
			if err := r.waitTurn(t.Context(), 2); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithDeadlineCause(t.Context(), time.Now().Add(time.Second), errOver)
		defer cancel()
		if _, err := r.Lookup(ctx, "ip", "four.example", time.Minute); !errors.Is(err, errOver) {
			t.Errorf("error %v, want the context's cause", err)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("ended after %v, want 3s: 2 for the second turn and 1 for the context", took)
		}
		synctest.Wait()
		if err := r.waitTurn(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("the next turn came after %v, want 4s", took)
		}
	})
}

func TestNewPace(t *testing.T) {
	for _, test := range []struct {
		options Options
		burst   int // 0: unpaced
	}{
		{Options{Server: "10.0.0.2:53", Rate: 900}, 90},
		{Options{Server: "[fd00::2]:53", Rate: 900}, 90},
		{Options{Server: "resolver.internal:53", Rate: 900}, 90},
		{Options{Server: "10.0.0.2:53", Rate: 1}, burst},
		{Options{Server: "10.0.0.2:53", Rate: 0}, 0},
		{Options{Server: "127.0.0.1:5353", Rate: 900}, 0},
		{Options{Server: "127.0.0.53:53", Rate: 900}, 0},
		{Options{Server: "[::1]:53", Rate: 900}, 0},
	} {
		pace := New(test.options).pace
		if (pace == nil) != (test.burst == 0) {
			t.Errorf("%+v: paced %v", test.options, pace != nil)
		} else if pace != nil && (pace.Burst() != test.burst || pace.Limit() != rate.Limit(test.options.Rate)) {
			t.Errorf("%+v: limit %v, burst %d; want burst %d", test.options, pace.Limit(), pace.Burst(), test.burst)
		}
	}
}

// A resolver on this machine has no pace, the machine's own one neither.
func TestNewPaceOfTheMachinesServer(t *testing.T) {
	for text, want := range map[string]bool{"nameserver 127.0.0.53": true, "nameserver 192.0.2.53": false, "": false} {
		if got := isLoopback(readConfig(written(t, text)).servers); got != want {
			t.Errorf("%q: on loopback %v, want %v", text, got, want)
		}
	}
}
