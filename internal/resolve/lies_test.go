package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
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
	silent bool // there is no response in it
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

// cutOff is a response whose records, if it has some, end too early.
func cutOff(answer []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(answer) == nil && len(m.Answers) > 0 {
		return testnet.Shortened(answer)
	}
	return answer
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
		{"the truth", false, one(same)},
		{"the truth twice", false, before(same)},
		{"wrong ids", true, one(testnet.WrongID)},
		{"wrong questions", true, one(testnet.WrongQuestion)},
		{"wrong names", true, one(testnet.OtherName)},
		{"questions", true, one(testnet.NoResponse)},
		{"garbage", true, one(garbage)},
		{"an empty packet", true, one(func([]byte) []byte { return nil })},
		{"a header", true, one(func(a []byte) []byte { return a[:12] })},
		{"a wrong id first", false, before(testnet.WrongID)},
		{"a wrong question first", false, before(testnet.WrongQuestion)},
		{"a wrong name first", false, before(testnet.OtherName)},
		{"a question first", false, before(testnet.NoResponse)},
		{"garbage first", false, before(garbage)},
		{"answers cut off", false, one(cutOff)},
		{"truncated", false, one(testnet.Truncated)},
		{"an extended code", false, one(extendedCode)},
		{"aliases", false, one(func(a []byte) []byte { return testnet.Aliased(a, 5) })},
	}
}

// A result is what matters of a lookup's end.
type result struct {
	addrs                         string
	notFound, temporary, timedOut bool
}

func resultOf(addrs []netip.Addr, err error) result {
	var texts []string
	for _, a := range addrs {
		texts = append(texts, a.Unmap().String())
	}
	slices.Sort(texts)
	s := result{addrs: fmt.Sprint(texts)}
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

// Whatever a server responds, the verdict is that of Go's resolver.
func TestLookupAsGoDoes(t *testing.T) {
	hosts := []string{
		"four.example", "FOUR.example", "six.example", "both.example", "mapped.example", "many.example", "nowhere.example", "empty.example",
		"broken.example", "refused.example", "single", "under_score.example", "xn--nxasmq6b.example",
	}
	for _, l := range lies() {
		if l.silent {
			continue
		}
		t.Run(l.name, func(t *testing.T) {
			server := lying(t, func(_ int, _ dnsmessage.Question, answer []byte) [][]byte { return l.tamper(answer) })
			r := asking(t, server.Addr())
			for _, host := range hosts {
				const timeout = 10 * time.Second
				want := resultOf(alone(t.Context(), server.Addr(), host, timeout))
				answer, err := r.Lookup(t.Context(), "ip", host, timeout)
				if got := resultOf(answer.Addrs, err); got != want {
					t.Errorf("%s: got %+v, want %+v (%v)", host, got, want, err)
				}
			}
		})
	}
}

// What does not belong to the question is not a response, and the wait goes on.
func TestLookupIgnoresForgeries(t *testing.T) {
	for _, l := range lies() {
		if !l.silent {
			continue
		}
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			server := lying(t, func(_ int, _ dnsmessage.Question, answer []byte) [][]byte { return l.tamper(answer) })
			_, err := asking(t, server.Addr()).Lookup(t.Context(), "ip", "four.example", 100*time.Millisecond)
			if e, ok := errors.AsType[*net.DNSError](err); !ok || !e.IsTimeout {
				t.Errorf("error %v, want a timeout", err)
			}
		})
	}
}

// Half the answers lost, or those of half the names: no one else notices.
func TestLookupHalf(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	t.Parallel()
	first := func(nth int, _ dnsmessage.Question, answer []byte) [][]byte {
		if nth == 1 {
			return nil
		}
		return [][]byte{answer}
	}
	r := asking(t, lying(t, first).Addr())
	got, err := r.Lookup(t.Context(), "ip", "both.example", 10*time.Second)
	if err != nil || len(got.Addrs) != 2 {
		t.Errorf("got %v, error %v, want two addresses once the question is sent again", got.Addrs, err)
	}
	if got.Took < firstResend {
		t.Errorf("took %v, less than the second that the loss cost", got.Took)
	}
}

// A failure for A and a denial for AAAA together prove nothing.
func TestLookupDoubts(t *testing.T) {
	server := lying(t, func(_ int, q dnsmessage.Question, answer []byte) [][]byte {
		if q.Type == dnsmessage.TypeA {
			return [][]byte{testnet.Failed(answer, dnsmessage.RCodeServerFailure)}
		}
		return [][]byte{answer}
	})
	r := asking(t, server.Addr())
	_, err := r.Lookup(t.Context(), "ip", "four.example", 10*time.Second)
	if e, ok := errors.AsType[*net.DNSError](err); !ok || e.IsNotFound || !e.IsTemporary {
		t.Errorf("error %v, want a temporary one", err)
	}
	got, err := r.Lookup(t.Context(), "ip", "both.example", 10*time.Second)
	if err != nil || len(got.Addrs) != 1 {
		t.Errorf("got %v, error %v, want the IPv6 address", got.Addrs, err)
	}
	if n := len(r.cache); n != 0 {
		t.Errorf("%d answers are remembered, want none of those in doubt", n)
	}
}
