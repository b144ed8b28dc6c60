package resolve

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/time/rate"

	"rollcall/internal/testnet"
	"rollcall/internal/wire"
)

// A script is a DNS server by UDP that says what a test wants, and notes what it
// was asked.
type script struct {
	addr netip.AddrPort

	mu    sync.Mutex
	asked []string // name and type
}

// scripted starts a server. reply makes a response of the query, whose header,
// question and id are right already; it returns false for silence.
func scripted(t *testing.T, reply func(query dnsmessage.Message, response *dnsmessage.Message) bool) *script {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s := &script{addr: conn.LocalAddr().(*net.UDPAddr).AddrPort()}
	done := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			var query dnsmessage.Message
			if query.Unpack(buf[:n]) != nil {
				continue
			}
			s.mu.Lock()
			s.asked = append(s.asked, query.Questions[0].Name.String()+" "+strings.TrimPrefix(query.Questions[0].Type.String(), "Type"))
			s.mu.Unlock()
			response := dnsmessage.Message{
				Header:    dnsmessage.Header{ID: query.ID, Response: true, RecursionAvailable: true},
				Questions: query.Questions,
			}
			if !reply(query, &response) {
				continue
			}
			if packed, err := response.Pack(); err == nil {
				conn.WriteToUDPAddrPort(packed, from)
			}
		}
	}()
	return s
}

func (s *script) queries() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.asked, ", ")
}

// says gives response the records that answer its question.
func says(response *dnsmessage.Message, records ...dnsmessage.Resource) bool {
	response.Answers = records
	return true
}

// onlyA returns a Resolver of a machine without IPv6.
func onlyA(t *testing.T, s *script) *Resolver {
	t.Helper()
	r := newResolver(Options{Server: s.addr.String()}, "ip4")
	t.Cleanup(r.Close)
	return r
}

// A server that does not know EDNS is asked without.
func TestLookupWithoutEDNS(t *testing.T) {
	for name, reject := range map[string]func(*dnsmessage.Message){
		"format error":             func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeFormatError },
		"not implemented":          func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeNotImplemented },
		"a header and no question": func(m *dnsmessage.Message) { m.RCode, m.Questions = dnsmessage.RCodeFormatError, nil },
	} {
		s := scripted(t, func(query dnsmessage.Message, response *dnsmessage.Message) bool {
			if len(query.Additionals) > 0 {
				reject(response)
				return true
			}
			return says(response, ip4("one.example.", 60))
		})
		got, err := onlyA(t, s).Lookup(t.Context(), "ip", "one.example", 10*time.Second)
		if err != nil || texts(got.Addrs) != "192.0.2.1" {
			t.Errorf("%s: %+v, error %v", name, got, err)
		}
		if q := s.queries(); q != "one.example. A, one.example. A" {
			t.Errorf("%s: asked for %s, want it twice", name, q)
		}
	}
}

// With addresses of one family, the other is not waited for; it took as long as
// those that came.
func TestLookupSilentFamily(t *testing.T) {
	for _, silent := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
		s := scripted(t, func(query dnsmessage.Message, response *dnsmessage.Message) bool {
			switch kind := query.Questions[0].Type; {
			case kind == silent:
				return false
			case kind == dnsmessage.TypeA:
				return says(response, ip4("one.example.", 60))
			default:
				return says(response, resource("one.example.", 60, kind, &dnsmessage.AAAAResource{AAAA: [16]byte{0: 0x20, 1: 1, 15: 1}}))
			}
		})
		r := asking(t, s.addr)
		r.otherFamily = otherFamily
		began := time.Now()
		got, err := r.Lookup(t.Context(), "ip", "one.example", 10*time.Second)
		if err != nil || len(got.Addrs) != 1 || got.Took+otherFamily > time.Since(began) {
			t.Errorf("no %v: %+v, error %v", silent, got, err)
		}
		if len(r.cache) != 0 {
			t.Errorf("no %v: half an answer is cached", silent)
		}
	}
}

// At the end of the time addresses of one family are enough.
func TestLookupSilentFamilyAtTheEnd(t *testing.T) {
	t.Parallel()
	s := scripted(t, func(query dnsmessage.Message, response *dnsmessage.Message) bool {
		return query.Questions[0].Type == dnsmessage.TypeA && says(response, ip4("one.example.", 60))
	})
	r := asking(t, s.addr)
	r.otherFamily = 800 * time.Millisecond
	if _, err := r.Lookup(t.Context(), "ip", "one.example", 500*time.Millisecond); err != nil {
		t.Error(err)
	}
}

// Only the family that is wanted is asked for.
func TestLookupNetwork(t *testing.T) {
	server := dns(t)
	r := asking(t, server.Addr())
	for network, want := range map[string]string{"ip4": "192.0.2.1", "ip6": "2001:db8::1"} {
		if got, err := r.Lookup(t.Context(), network, "both.example", 10*time.Second); err != nil || texts(got.Addrs) != want {
			t.Errorf("%s: %v, error %v, want %s", network, got.Addrs, err, want)
		}
	}
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
		if n := server.Queries("both.example", kind); n != 1 {
			t.Errorf("asked for %v %d times, want once", kind, n)
		}
	}
}

// An alias that the server does not follow is asked for.
func TestLookupAlias(t *testing.T) {
	s := scripted(t, func(query dnsmessage.Message, response *dnsmessage.Message) bool {
		switch query.Questions[0].Name.String() {
		case "www.example.":
			return says(response, cname("www.example.", "cdn.example.", 5))
		case "cdn.example.":
			return says(response, cname("cdn.example.", "one.example.", 60))
		case "one.example.":
			return says(response, ip4("one.example.", 60))
		case "a.example.":
			return says(response, cname("a.example.", "b.example.", 60))
		}
		return says(response, cname("b.example.", "a.example.", 60))
	})
	r := onlyA(t, s)
	got, err := r.Lookup(t.Context(), "ip", "www.example", 10*time.Second)
	if err != nil || texts(got.Addrs) != "192.0.2.1" || got.Took <= 0 {
		t.Errorf("%+v, error %v", got, err)
	}
	if q := s.queries(); q != "www.example. A, cdn.example. A, one.example. A" {
		t.Errorf("asked for %s", q)
	}
	if o := r.cache[key{"www.example.", "ip4"}]; o.ttl != 5*time.Second {
		t.Errorf("cached for %v, want the alias's five seconds", o.ttl)
	}
	_, err = r.Lookup(t.Context(), "ip", "a.example", 10*time.Second)
	if e, ok := errors.AsType[*net.DNSError](err); !ok || e.IsNotFound || !strings.Contains(e.Err, "alias") {
		t.Errorf("a circle: error %v", err)
	}
}

// Nothing that can't be had by TCP is a denial, and the error says what to open.
func TestLookupNoTCP(t *testing.T) {
	s := scripted(t, func(_ dnsmessage.Message, response *dnsmessage.Message) bool {
		response.Truncated = true
		return true
	})
	_, err := onlyA(t, s).Lookup(t.Context(), "ip", "one.example", 10*time.Second)
	if e, ok := errors.AsType[*net.DNSError](err); !ok || e.IsNotFound || e.IsTimeout || !strings.Contains(e.Err, "TCP failed") {
		t.Errorf("error %v", err)
	}
}

// What we do not understand Go's resolver decides, where it can.
func TestLookupLeavesOddToGo(t *testing.T) {
	s := scripted(t, func(_ dnsmessage.Message, response *dnsmessage.Message) bool {
		return says(response, ip4("other.example.", 60))
	})
	r := onlyA(t, s)
	got, err := r.Lookup(t.Context(), "ip", "one.example", 10*time.Second)
	if err != nil || texts(got.Addrs) != "192.0.2.1" || got.Stamped || len(r.cache) > 0 {
		t.Errorf("%+v, error %v, want what Go's resolver takes, which nobody timed", got, err)
	}
	_, err = r.Lookup(t.Context(), "ip", "one-.example", 10*time.Second)
	if e, ok := errors.AsType[*net.DNSError](err); !ok || e.IsNotFound {
		t.Errorf("a name that Go does not take: error %v", err)
	}
	if q := s.queries(); q != "one.example. A, one.example. A, one-.example. A, one-.example. A" {
		t.Errorf("asked for %s", q)
	}
	if len(r.ownSockets) != 0 {
		t.Errorf("%d sockets are taken", len(r.ownSockets))
	}
}

// Each packet takes its turn: those that are sent again, and those of the
// search list.
func TestEveryPacketIsPaced(t *testing.T) {
	server := dns(t)
	r := searching(t, server.Addr(), "search a.example b.example")
	for host, want := range map[string]float64{"four.example.": 1, "broken.example.": 2, "nobody": 3} {
		r.pace = rate.NewLimiter(1e-9, 10)
		r.Lookup(t.Context(), "ip", host, 10*time.Second)
		if got := 10 - r.pace.Tokens(); got < want-0.01 || got > want+0.01 {
			t.Errorf("%s: %v turns, want %v", host, got, want)
		}
	}
}

// An answer is kept as long as it may be; one that took too long for those who
// come later is not theirs, and a lookup that is too old is not waited for.
func TestShare(t *testing.T) {
	server := dns(t)
	r := onlyA(t, &script{addr: server.Addr()})
	k := key{"four.example.", "ip4"}
	for ttl, want := range map[time.Duration]string{2 * time.Minute: "192.0.2.9", time.Minute: "192.0.2.1 192.0.2.2"} {
		r.cache[k] = outcome{answer: Answer{Addrs: addrsOf("192.0.2.9")}, ttl: ttl, at: time.Now().Add(-time.Minute)}
		if got, err := r.Lookup(t.Context(), "ip", "four.example", 10*time.Second); err != nil || texts(got.Addrs) != want {
			t.Errorf("cached for %v a minute ago: %v, error %v, want %s", ttl, got.Addrs, err, want)
		}
	}
	delete(r.cache, k)
	old := &lookup{key: k, cancel: func() {}, asking: make(chan struct{}), done: make(chan struct{}), began: time.Now().Add(-time.Minute)}
	close(old.asking)
	r.lookups[k] = old
	if _, err := r.Lookup(t.Context(), "ip", "four.example", 10*time.Second); err != nil {
		t.Errorf("a lookup that is too old: %v", err)
	}
	old.answer.Took = 50 * time.Second
	close(old.done)
	o := r.wait(t.Context(), old, 10*time.Second)
	if e, ok := errors.AsType[*net.DNSError](o.err); !ok || !e.IsTimeout || o.answer.Took != 10*time.Second {
		t.Errorf("what took 50 seconds: %+v, want a timeout after 10", o)
	}
}

// The cache has an end.
func TestCacheIsBounded(t *testing.T) {
	server := wild(t)
	r := onlyA(t, &script{addr: server.Addr()})
	for i := range mostCached {
		r.cache[key{fmt.Sprint(i), "ip4"}] = outcome{at: time.Now(), ttl: time.Minute}
	}
	if _, err := r.Lookup(t.Context(), "ip", "a.wild.example", 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.cache[key{"a.wild.example.", "ip4"}]; !ok || len(r.cache) != mostCached {
		t.Errorf("%d names are cached, want %d and the last among them: %v", len(r.cache), mostCached, ok)
	}
}

// A refusal belongs to those who sent before.
func TestFailExcept(t *testing.T) {
	s := &socket{waiting: map[uint16]*query{}}
	ask := func() *question {
		return &question{lookup: &lookup{}, came: make(chan response, 1)}
	}
	before, now := ask(), ask()
	s.register(before)
	s.fail(s.register(now), syscall.ECONNREFUSED)
	if len(before.came) != 1 || len(now.came) != 0 || len(s.waiting) != 1 {
		t.Errorf("%d and %d failures, want one of the query before", len(before.came), len(now.came))
	}
}

// Names that are none are not asked for, nor what is kept from DNS.
func TestLookupAsksNobody(t *testing.T) {
	server := dns(t)
	r := asking(t, server.Addr())
	for _, host := range []string{"a..example", "1.2.3", "a b.example"} {
		if _, err := r.Lookup(t.Context(), "ip", host, 10*time.Second); !errors.Is(err, ErrInvalidName) {
			t.Errorf("%s: error %v", host, err)
		}
	}
	_, err := r.Lookup(t.Context(), "ip", "hidden.onion", 10*time.Second)
	if e, ok := errors.AsType[*net.DNSError](err); !ok || !e.IsNotFound {
		t.Errorf("error %v", err)
	}
	if len(r.sockets.open) != 0 {
		t.Error("a server was asked")
	}
}

// searching returns a Resolver with a search list.
func searching(t *testing.T, server netip.AddrPort, list string) *Resolver {
	t.Helper()
	r := newResolver(Options{Server: server.String(), Search: true}, "ip4")
	t.Cleanup(r.Close)
	r.machine.resolvConf = written(t, list)
	return r
}

// Short names are completed, names with a dot at the end are not.
func TestLookupSearch(t *testing.T) {
	server := dns(t)
	one := testnet.Resolution{Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
	server.Set("grafana.corp.example", one)
	server.Set("grafana.monitoring.lab.example", one)
	server.Set("doubtful.corp.example", testnet.Resolution{Failure: dnsmessage.RCodeServerFailure})
	r := searching(t, server.Addr(), "search corp.example lab.example\noptions ndots:2")
	for _, host := range []string{"grafana", "Grafana.Monitoring", "grafana.corp.example", "four.example"} {
		if got, err := r.Lookup(t.Context(), "ip", host, 10*time.Second); err != nil || len(got.Addrs) == 0 {
			t.Errorf("%s: error %v", host, err)
		}
	}
	if n := server.Queries("grafana", dnsmessage.TypeA); n != 0 {
		t.Errorf("the short name itself was asked for %d times", n)
	}
	for host, notFound := range map[string]bool{"grafana.": true, "nobody": true, "doubtful": false} {
		_, err := r.Lookup(t.Context(), "ip", host, 10*time.Second)
		e, ok := errors.AsType[*net.DNSError](err)
		if !ok || e.IsNotFound != notFound || e.Name != host {
			t.Errorf("%s: error %v, want not found %v", host, err, notFound)
		}
	}
	if _, err := asking(t, server.Addr()).Lookup(t.Context(), "ip", "grafana", 10*time.Second); err == nil {
		t.Error("a name is completed though nobody wants that")
	}
}

// A server that fails or is not there gives way to the next.
func TestLookupNextServer(t *testing.T) {
	failing := scripted(t, func(_ dnsmessage.Message, response *dnsmessage.Message) bool {
		response.RCode = dnsmessage.RCodeServerFailure
		return true
	})
	good := dns(t)
	for _, first := range []string{failing.addr.String(), "127.0.0.1:1"} {
		r := newResolver(Options{}, "ip4")
		defer r.Close()
		r.machine.read = time.Now().Add(time.Hour) // not to be read again
		r.machine.config = config{servers: []string{first, good.Addr().String()}}
		if got, err := r.Lookup(t.Context(), "ip", "four.example.", 10*time.Second); err != nil || len(got.Addrs) != 2 {
			t.Errorf("after %s: %v, error %v", first, got.Addrs, err)
		}
	}
}

// A silent server gives way to the next after a second.
func TestLookupSilentServer(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	t.Parallel()
	silent := scripted(t, func(dnsmessage.Message, *dnsmessage.Message) bool { return false })
	r := newResolver(Options{}, "ip4")
	defer r.Close()
	r.machine.read = time.Now().Add(time.Hour)
	r.machine.config = config{servers: []string{silent.addr.String(), dns(t).Addr().String()}}
	got, err := r.Lookup(t.Context(), "ip", "four.example.", 10*time.Second)
	if err != nil || len(got.Addrs) != 2 || got.Took < firstResend {
		t.Errorf("%+v, error %v", got, err)
	}
}

// A socket is not used for ever: its port would be known some day.
func TestSocketsChangePorts(t *testing.T) {
	server := wild(t)
	r := onlyA(t, &script{addr: server.Addr()})
	ports := map[string]bool{}
	for i, host := range []string{"a.wild.example", "b.wild.example", "c.wild.example"} {
		if i == 2 {
			r.sockets.open[0].opened = time.Now().Add(-longestUse)
		}
		if _, err := r.Lookup(t.Context(), "ip", host, 10*time.Second); err != nil {
			t.Fatal(err)
		}
		ports[r.sockets.open[len(r.sockets.open)-1].conn.LocalAddr().String()] = true
	}
	if len(ports) != 2 || r.held() != 2 {
		t.Errorf("%d ports, %d sockets, want one for two lookups and a new one for the third", len(ports), r.held())
	}
	old := r.sockets.open[0]
	if r.sockets.closeIdle(old) || !r.sockets.closeIdle(old) || r.held() != 1 || r.sockets.open[0] == old {
		t.Error("the old socket is not closed when it is idle")
	}
}

// What two families come to together.
func TestMerge(t *testing.T) {
	some := response{verdict: addresses, addrs: addrsOf("192.0.2.1"), ttl: time.Minute, took: 10, stamped: true}
	more := response{verdict: addresses, addrs: addrsOf("2001:db8::1"), ttl: time.Second, took: 20, stamped: true}
	no := response{verdict: denial, ttl: 2 * time.Second, took: 30, stamped: true}
	lost := response{err: errors.New("server failure"), took: 40}
	own := response{err: syscall.EMFILE, took: 50}
	for _, test := range []struct {
		name    string
		a, b    response
		verdict verdict
		addrs   int
		ttl     time.Duration
		took    time.Duration
		stamped bool
	}{
		{"both", some, more, addresses, 2, time.Second, 20, true},
		{"one and none", some, no, addresses, 1, time.Minute, 30, true},
		{"one and nobody knows", some, lost, addresses, 1, 0, 10, true},
		{"none", no, no, denial, 0, 2 * time.Second, 30, true},
		{"none and nobody knows", no, lost, failed, 0, 0, 40, false},
		{"ours and the server's", lost, own, failed, 0, 0, 50, false},
	} {
		for _, got := range []response{merge(test.a, test.b), merge(test.b, test.a)} {
			if got.verdict != test.verdict || len(got.addrs) != test.addrs || got.ttl != test.ttl || got.took != test.took || got.stamped != test.stamped {
				t.Errorf("%s: %+v", test.name, got)
			}
			if test.name == "ours and the server's" && wire.Exhausted(got.err) == "" {
				t.Errorf("our own error is hidden by %v", got.err)
			}
		}
	}
}
