package resolve

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"rollcall/internal/testnet"
)

// What the shortcut can't say, Go's resolver does, of the answers that have
// come: nothing is asked for twice.
func TestShortcutAsksOnce(t *testing.T) {
	server := dns(t)
	server.Set("sixes.example", testnet.Resolution{Addresses: []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")}})
	r := asking(t, server.Addr())
	for host, direct := range map[string]bool{
		"four.example": true, "six.example": true, "mapped.example": true,
		"both.example": false, "sixes.example": false, "empty.example": false, "nowhere.example": false,
	} {
		f := newFlight(t.Context(), host)
		f.turn = r.turn
		f.prepaid.Store(2)
		if _, ok := r.directly(f); ok != direct {
			t.Errorf("%s: told directly %v, want %v", host, ok, direct)
		}
		f.dismiss()
	}
	for _, host := range []string{"four.example", "both.example", "sixes.example", "empty.example", "nowhere.example"} {
		before := server.Queries(host, dnsmessage.TypeA) + server.Queries(host, dnsmessage.TypeAAAA)
		r.Lookup(t.Context(), host, 5*time.Second)
		if n := server.Queries(host, dnsmessage.TypeA) + server.Queries(host, dnsmessage.TypeAAAA) - before; n != 2 {
			t.Errorf("%s: asked %d times, want twice, once a family", host, n)
		}
	}
	for _, s := range r.sockets.open {
		if n := len(s.waiting); n != 0 {
			t.Errorf("%d queries wait still", n)
		}
	}
}

// An answer that comes after Go's resolver has taken over is the first
// question's, and its time counts from that.
func TestShortcutLateAnswer(t *testing.T) {
	t.Parallel()
	const late = firstResend + 300*time.Millisecond
	server := lying(t, func(_ int, _ dnsmessage.Question, answer []byte) [][]byte {
		time.Sleep(late)
		return [][]byte{answer}
	})
	r := newResolver(Options{Server: server.Addr().String()}, "ip4")
	t.Cleanup(r.Close)
	r.shortcut.learn(server.Addr().String())
	got, err := r.Lookup(t.Context(), "four.example", 5*time.Second)
	if err != nil || len(got.Addrs) != 2 || got.Took < late || got.Took > late+firstResend/2 {
		t.Errorf("%v after %v, %v; want two addresses after %v", got.Addrs, got.Took, err, late)
	}
}

// It asks whom Go's resolver asked lately, and nobody for what the hosts file has.
func TestShortcutTo(t *testing.T) {
	var s shortcut
	if _, ok := s.to("one.example"); ok {
		t.Error("it asks before it knows whom")
	}
	s.learn("192.0.2.53:53")
	if address, ok := s.to("one.example"); !ok || address != "192.0.2.53:53" {
		t.Errorf("it asks %s, %v", address, ok)
	}
	s.local["one.example"] = struct{}{}
	if _, ok := s.to("one.example"); ok {
		t.Error("it asks for a name of the hosts file")
	}
	s.learnt = s.learnt.Add(-relearn)
	if _, ok := s.to("two.example"); ok {
		t.Error("it asks whom Go's resolver may no longer ask")
	}
	s.learn("192.0.2.53:53")
	if _, ok := s.to("two.example"); !ok {
		t.Error("it has not learnt anew")
	}
}

func TestHostsFile(t *testing.T) {
	file := t.TempDir() + "/hosts"
	if err := os.WriteFile(file, []byte("# names\n127.0.0.1 localhost LocalHost.Example. # me.example\n\n::1\tsix.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	names := hostsFile(file)
	for _, name := range []string{"localhost", "localhost.example", "six.example"} {
		if _, ok := names[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	if _, ok := names["me.example"]; ok {
		t.Error("a comment is taken for a name")
	}
	if names := hostsFile(file + "/not"); len(names) != 0 {
		t.Errorf("no file has %v", names)
	}
}

func TestOrdinary(t *testing.T) {
	for host, want := range map[string]bool{
		"one.example": true, "a-b.c1.example": true, "xn--nxasmq6b.example": true, strings.Repeat("a.", 123) + "example": true,
		"example": false, "": false, ".example": false, "one.": false, "a..example": false, "1.2.3": false, "under_score.example": false,
		"-a.example": false, "a-.example": false, "a b.example": false, "UPPER.example": false, "printer.local": false, "hidden.onion": false,
		strings.Repeat("a.", 124) + "example": false, "é.example": false,
	} {
		if got := ordinary(host); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
}

// The question is what a parser that no one here wrote makes of it.
func TestPack(t *testing.T) {
	var m dnsmessage.Message
	if err := m.Unpack(pack("one.two.example", dnsmessage.TypeAAAA)); err != nil {
		t.Fatal(err)
	}
	want := dnsmessage.Question{Name: dnsmessage.MustNewName("one.two.example."), Type: dnsmessage.TypeAAAA, Class: dnsmessage.ClassINET}
	if !m.RecursionDesired || m.Response || len(m.Questions) != 1 || m.Questions[0] != want || len(m.Additionals) != 1 {
		t.Errorf("%+v", m)
	}
	if h := m.Additionals[0].Header; h.Type != dnsmessage.TypeOPT || h.Class != largestAnswer || h.TTL != 0 {
		t.Errorf("EDNS is %+v", h)
	}
	if message := pack(strings.Repeat("a", 64)+".example", dnsmessage.TypeA); message != nil {
		t.Errorf("a label of 64 is packed: %q", message)
	}
}

// What leaves nothing to judge is told, anything else is not.
func TestPlain(t *testing.T) {
	answer := func(change func(*dnsmessage.Message)) []byte {
		return message(t, func(m *dnsmessage.Message) {
			m.Answers = []dnsmessage.Resource{alias(60), record4(60)}
			change(m)
		})
	}
	for _, test := range []struct {
		name   string
		change func(*dnsmessage.Message)
		ok     bool
		addrs  int
	}{
		{"an address", func(*dnsmessage.Message) {}, true, 1},
		{"EDNS", func(m *dnsmessage.Message) { m.Additionals = []dnsmessage.Resource{edns(0)} }, true, 1},
		{"an authority", func(m *dnsmessage.Message) { m.Authorities = []dnsmessage.Resource{soa(60, 60)} }, true, 1},
		{"no address", func(m *dnsmessage.Message) { m.Answers = nil }, true, 0},
		{"no address and no recursion", func(m *dnsmessage.Message) { m.Answers, m.RecursionAvailable = nil, false }, false, 0},
		{"an extended code", func(m *dnsmessage.Message) { m.Additionals = []dnsmessage.Resource{edns(16)} }, false, 0},
		{"a failure", func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeServerFailure }, false, 0},
		{"no such name", func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeNameError }, false, 0},
		{"truncated", func(m *dnsmessage.Message) { m.Truncated = true }, false, 0},
		{"two questions", func(m *dnsmessage.Message) { m.Questions = append(m.Questions, m.Questions[0]) }, false, 0},
		{"another record", func(m *dnsmessage.Message) { m.Answers = append(m.Answers, soa(60, 60)) }, false, 0},
	} {
		addrs, ok := plain(answer(test.change), dnsmessage.TypeA)
		if ok != test.ok || ok && len(addrs) != test.addrs {
			t.Errorf("%s: %v, %v; want %d, %v", test.name, addrs, ok, test.addrs, test.ok)
		}
	}
	whole := answer(func(*dnsmessage.Message) {})
	for n := range whole {
		if addrs, ok := plain(whole[:n], dnsmessage.TypeA); ok {
			t.Errorf("%d bytes of it: %v", n, addrs)
		}
	}
}

func TestInOrder(t *testing.T) {
	parse := func(list string) (addrs []netip.Addr) {
		for a := range strings.FieldsSeq(list) {
			addrs = append(addrs, netip.MustParseAddr(a))
		}
		return addrs
	}
	for list, want := range map[string]bool{
		"": false, "192.0.2.1": true, "2001:db8::1": true, "192.0.2.1 10.0.0.1": true,
		"192.0.2.1 2001:db8::1": false, "2001:db8::1 2001:db8::2": false, "192.0.2.1 169.254.0.1": false, "127.0.0.1 192.0.2.1": false,
	} {
		if got := inOrder(parse(list)); got != want {
			t.Errorf("%s: %v, want %v", list, got, want)
		}
	}
}
