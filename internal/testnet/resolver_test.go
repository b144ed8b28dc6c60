package testnet

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func newResolver(t *testing.T) *Resolver {
	t.Helper()
	r, err := NewResolver()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func addresses(texts ...string) []netip.Addr {
	var all []netip.Addr
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

func TestResolverResponds(t *testing.T) {
	r := newResolver(t)
	r.Set("Both.Example.", Resolution{Addresses: addresses("127.0.0.1", "::1")})
	r.Set("*.wild.example", Resolution{Addresses: addresses("127.0.0.2")})
	r.Set("own.wild.example", Resolution{Addresses: addresses("127.0.0.3")})
	tests := []struct {
		name string
		want []netip.Addr // nil: not found
	}{
		{"both.example.", addresses("127.0.0.1", "::1")},
		{"BOTH.EXAMPLE.", addresses("127.0.0.1", "::1")},
		{"x.wild.example.", addresses("127.0.0.2")},
		{"x.y.wild.example.", addresses("127.0.0.2")},
		{"own.wild.example.", addresses("127.0.0.3")},
		{"wild.example.", nil},
		{"example.", nil},
	}
	for _, network := range []string{"udp", "tcp"} {
		for _, test := range tests {
			got, err := r.Client(network).LookupNetIP(t.Context(), "ip", test.name)
			slices.SortFunc(got, netip.Addr.Compare)
			if !slices.Equal(got, test.want) || (err == nil) != (test.want != nil) {
				t.Errorf("%s: %s resolves to %v (%v), want %v", network, test.name, got, err, test.want)
			}
		}
	}
	if got := r.Queries("both.example", dnsmessage.TypeAAAA); got != 4 {
		t.Errorf("AAAA of both.example was asked %d times, want 4", got)
	}
	if got := r.Queries("both.example", dnsmessage.TypeMX); got != 0 {
		t.Errorf("MX of both.example was asked %d times, want 0", got)
	}
}

// ask sends one query by UDP and returns the response.
func ask(t *testing.T, r *Resolver, m dnsmessage.Message) dnsmessage.Message {
	t.Helper()
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Write(packed); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 65535)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	var got dnsmessage.Message
	if err := got.Unpack(buf[:n]); err != nil {
		t.Fatal(err)
	}
	return got
}

func question(name string, kind dnsmessage.Type) dnsmessage.Message {
	return dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}},
	}
}

func TestResolverMessages(t *testing.T) {
	r := newResolver(t)
	r.Set("short.example", Resolution{Addresses: addresses("127.0.0.1"), TTL: 3 * time.Second})
	r.Set("long.example", Resolution{Addresses: addresses("127.0.0.1")})
	r.Set("broken.example", Resolution{Failure: dnsmessage.RCodeServerFailure, Addresses: addresses("127.0.0.1")})
	tests := []struct {
		name             string
		kind             dnsmessage.Type
		code             dnsmessage.RCode
		records, denials int
		ttl              uint32
	}{
		{"Short.example.", dnsmessage.TypeA, dnsmessage.RCodeSuccess, 1, 0, 3},
		{"long.example.", dnsmessage.TypeA, dnsmessage.RCodeSuccess, 1, 0, 60},
		{"long.example.", dnsmessage.TypeAAAA, dnsmessage.RCodeSuccess, 0, 1, 0},
		{"broken.example.", dnsmessage.TypeA, dnsmessage.RCodeServerFailure, 0, 0, 0},
		{"other.example.", dnsmessage.TypeA, dnsmessage.RCodeNameError, 0, 1, 0},
	}
	for _, test := range tests {
		got := ask(t, r, question(test.name, test.kind))
		if got.ID != 7 || !got.Response || got.RCode != test.code || len(got.Answers) != test.records || len(got.Authorities) != test.denials {
			t.Errorf("%s %v: %v", test.name, test.kind, got.GoString())
			continue
		}
		if q := got.Questions[0].Name.String(); q != test.name {
			t.Errorf("the question comes back as %s, want %s", q, test.name)
		}
		if test.records > 0 && got.Answers[0].Header.TTL != test.ttl {
			t.Errorf("%s lives %d s, want %d", test.name, got.Answers[0].Header.TTL, test.ttl)
		}
	}
}

func TestResolverTruncates(t *testing.T) {
	r := newResolver(t)
	many := make([]netip.Addr, 60) // 60 × 16 bytes
	for i := range many {
		many[i] = netip.AddrFrom4([4]byte{127, 0, 1, byte(i)})
	}
	r.Set("many.example", Resolution{Addresses: many})
	plain := question("many.example.", dnsmessage.TypeA)
	if got := ask(t, r, plain); !got.Truncated || len(got.Answers) != 0 {
		t.Errorf("without EDNS %d DNS answers come (truncated %v), want none", len(got.Answers), got.Truncated)
	}
	large := plain
	var header dnsmessage.ResourceHeader
	header.SetEDNS0(1232, dnsmessage.RCodeSuccess, false)
	large.Additionals = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.OPTResource{}}}
	if got := ask(t, r, large); got.Truncated || len(got.Answers) != 60 {
		t.Errorf("with EDNS %d DNS answers come (truncated %v), want 60", len(got.Answers), got.Truncated)
	}
}

// TestResolverSurvivesGarbage sends what is not a query, and a query after it.
func TestResolverSurvivesGarbage(t *testing.T) {
	r := newResolver(t)
	r.Set("good.example", Resolution{Addresses: addresses("127.0.0.1")})
	response := question("good.example.", dnsmessage.TypeA)
	response.Response = true
	packed, err := response.Pack()
	if err != nil {
		t.Fatal(err)
	}
	corpus := [][]byte{{}, {0}, []byte("no DNS at all"), make([]byte, 12), packed, packed[:20]}
	for _, bad := range corpus {
		udp, err := net.Dial("udp", r.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		udp.Write(bad)
		udp.Close()
		tcp, err := net.Dial("tcp", r.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		tcp.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(bad))), bad...))
		tcp.Close()
	}
	if got := ask(t, r, question("good.example.", dnsmessage.TypeA)); len(got.Answers) != 1 {
		t.Errorf("after garbage the response is %v", got.GoString())
	}
}
