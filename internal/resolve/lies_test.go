package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"rollcall/internal/testnet"
)

// lying starts a server that does to its answers what tamper says.
func lying(t *testing.T, tamper testnet.Tamper) *testnet.Tampered {
	t.Helper()
	server := dns(t)
	many := make([]netip.Addr, 120) // 120 × 16 bytes: no packet takes them
	for i := range many {
		many[i] = netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
	}
	server.Set("many.example", testnet.Resolution{Addresses: many})
	l, err := server.Tamper(tamper)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// A lie is what comes by UDP in place of an answer.
type lie struct {
	name   string
	tamper func(answer []byte) [][]byte
}

// extendedCode has success made into another code by EDNS (RFC 6891, 6.1.3).
func extendedCode(answer []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(answer) != nil {
		return answer
	}
	m.Additionals = []dnsmessage.Resource{edns(16)}
	changed, err := m.Pack()
	if err != nil {
		return answer
	}
	return changed
}

func lies() []lie {
	one := func(change func([]byte) []byte) func([]byte) [][]byte {
		return func(a []byte) [][]byte { return [][]byte{change(a)} }
	}
	before := func(change func([]byte) []byte) func([]byte) [][]byte {
		return func(a []byte) [][]byte { return [][]byte{change(a), a} }
	}
	garbage := func([]byte) []byte { return []byte("no DNS at all") }
	same := func(a []byte) []byte { return a }
	return []lie{
		{"the truth", one(same)},
		{"the truth twice", before(same)},
		{"wrong ids", one(testnet.WrongID)},
		{"wrong questions", one(testnet.WrongQuestion)},
		{"wrong names", one(testnet.OtherName)},
		{"questions", one(testnet.NoResponse)},
		{"garbage", one(garbage)},
		{"an empty packet", one(func([]byte) []byte { return nil })},
		{"a header", one(func(a []byte) []byte { return a[:12] })},
		{"a wrong id first", before(testnet.WrongID)},
		{"a wrong question first", before(testnet.WrongQuestion)},
		{"a wrong name first", before(testnet.OtherName)},
		{"a question first", before(testnet.NoResponse)},
		{"garbage first", before(garbage)},
		{"answers cut off", one(testnet.Shortened)},
		{"truncated", one(testnet.Truncated)},
		{"an extended code", one(extendedCode)},
		{"aliases", one(func(a []byte) []byte { return testnet.Aliased(a, 5) })},
	}
}

// said is what matters of a look-up's end.
type said struct {
	addrs                         string
	notFound, temporary, timedOut bool
}

func saying(addrs []netip.Addr, err error) said {
	var texts []string
	for _, a := range addrs {
		texts = append(texts, a.Unmap().String())
	}
	slices.Sort(texts)
	s := said{addrs: fmt.Sprint(texts)}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		s.notFound, s.temporary, s.timedOut = e.IsNotFound, e.IsTemporary, e.IsTimeout
	} else if err != nil {
		s.addrs = err.Error()
	}
	return s
}

// alone asks as Go's resolver does without us.
func alone(ctx context.Context, server netip.AddrPort, host string, timeout time.Duration) ([]netip.Addr, error) {
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.String())
	}}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return r.LookupNetIP(ctx, "ip", host+".")
}

// Whatever comes, the verdict is that of Go's resolver alone, by the shortcut
// and without.
func TestLookupAsGoDoes(t *testing.T) {
	hosts := []string{
		"four.example", "FOUR.example", "six.example", "both.example", "mapped.example", "many.example",
		"nowhere.example", "empty.example", "broken.example", "refused.example", "silent.example",
		"localhost", "single", "a..b.example", "under_score.example", "xn--nxasmq6b.example", "host.onion",
	}
	for _, l := range lies() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			server := lying(t, func(_ int, _ dnsmessage.Question, answer []byte) [][]byte { return l.tamper(answer) })
			var all sync.WaitGroup
			for _, r := range []*Resolver{asking(t, server.Addr()), unlearnt(t, server.Addr())} {
				for _, host := range hosts {
					all.Go(func() { compare(t, r, server.Addr(), host) })
				}
			}
			all.Wait()
		})
	}
}

// compare asks both of us at the same time.
func compare(t *testing.T, r *Resolver, server netip.AddrPort, host string) {
	const timeout = 300 * time.Millisecond
	want := make(chan said, 1)
	go func() { want <- saying(alone(t.Context(), server, host, timeout)) }()
	answer, err := r.Lookup(t.Context(), host, timeout)
	if got, want := saying(answer.Addrs, err), <-want; got != want {
		t.Errorf("%s: got %+v, want %+v (%v)", host, got, want, err)
	}
}

// Half the answers lost, or those of half the names: no one else notices.
func TestLookupHalf(t *testing.T) {
	t.Parallel()
	first := func(nth int, _ dnsmessage.Question, answer []byte) [][]byte {
		if nth == 1 {
			return nil
		}
		return [][]byte{answer}
	}
	r := asking(t, lying(t, first).Addr())
	got, err := r.Lookup(t.Context(), "both.example", 5*time.Second)
	if err != nil || len(got.Addrs) != 2 {
		t.Errorf("got %v, error %v, want two addresses once the question is sent again", got.Addrs, err)
	}
	if got.Took < firstResend || got.Took > 2*firstResend {
		t.Errorf("took %v, want the second that the loss cost, and little more", got.Took)
	}
}

// That A has no answer to give and AAAA no address is no proof that there is none.
func TestLookupDoubts(t *testing.T) {
	server := lying(t, func(_ int, q dnsmessage.Question, answer []byte) [][]byte {
		if q.Type == dnsmessage.TypeA {
			return [][]byte{testnet.Failed(answer, dnsmessage.RCodeServerFailure)}
		}
		return [][]byte{answer}
	})
	r := asking(t, server.Addr())
	_, err := r.Lookup(t.Context(), "four.example", 5*time.Second)
	if e, ok := errors.AsType[*net.DNSError](err); !ok || e.IsNotFound || !e.IsTemporary {
		t.Errorf("error %v, want a temporary one", err)
	}
	got, err := r.Lookup(t.Context(), "both.example", 5*time.Second)
	if err != nil || len(got.Addrs) != 1 {
		t.Errorf("got %v, error %v, want the IPv6 address", got.Addrs, err)
	}
	if n := len(r.memory); n != 0 {
		t.Errorf("%d answers are remembered, want none of those in doubt", n)
	}
}
