package resolve

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// message packs an answer to a question for an address of one.example.
func message(t testing.TB, change func(*dnsmessage.Message)) []byte {
	t.Helper()
	name := dnsmessage.MustNewName("one.example.")
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 1, Response: true, RecursionAvailable: true},
		Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	change(&m)
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func record4(ttl uint32) dnsmessage.Resource {
	name := dnsmessage.MustNewName("one.example.")
	header := dnsmessage.ResourceHeader{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: ttl}
	return dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}}
}

func alias(ttl uint32) dnsmessage.Resource {
	name := dnsmessage.MustNewName("one.example.")
	header := dnsmessage.ResourceHeader{Name: name, Type: dnsmessage.TypeCNAME, Class: dnsmessage.ClassINET, TTL: ttl}
	return dnsmessage.Resource{Header: header, Body: &dnsmessage.CNAMEResource{CNAME: name}}
}

func soa(ttl, least uint32) dnsmessage.Resource {
	name := dnsmessage.MustNewName("example.")
	header := dnsmessage.ResourceHeader{Name: name, Type: dnsmessage.TypeSOA, Class: dnsmessage.ClassINET, TTL: ttl}
	return dnsmessage.Resource{Header: header, Body: &dnsmessage.SOAResource{NS: name, MBox: name, MinTTL: least}}
}

// edns carries the upper part of an answer's code.
func edns(code dnsmessage.RCode) dnsmessage.Resource {
	var header dnsmessage.ResourceHeader
	header.SetEDNS0(largestAnswer, code, false)
	return dnsmessage.Resource{Header: header, Body: &dnsmessage.OPTResource{}}
}

func TestJudge(t *testing.T) {
	for _, test := range []struct {
		name                 string
		code                 dnsmessage.RCode
		truncated            bool
		answers, authorities []dnsmessage.Resource
		want                 verdict
		ttl                  time.Duration
	}{
		{"an address", 0, false, []dnsmessage.Resource{record4(60)}, nil, address, time.Minute},
		{"the least time to live", 0, false, []dnsmessage.Resource{alias(20), record4(60), record4(90)}, nil, address, 20 * time.Second},
		{"none", 0, false, []dnsmessage.Resource{record4(0)}, nil, address, 0},
		{"a year", 0, false, []dnsmessage.Resource{record4(365 * 24 * 3600)}, nil, address, time.Hour},
		{"the topmost bit", 0, false, []dnsmessage.Resource{record4(1 << 31)}, nil, address, 0},
		{"an alias of nothing", 0, false, []dnsmessage.Resource{alias(5)}, []dnsmessage.Resource{soa(60, 60)}, denial, 5 * time.Second},
		{"no address", 0, false, nil, []dnsmessage.Resource{soa(10, 60)}, denial, 10 * time.Second},
		{"no name", dnsmessage.RCodeNameError, false, nil, []dnsmessage.Resource{soa(60, 20)}, denial, 20 * time.Second},
		{"no name for a day", dnsmessage.RCodeNameError, false, nil, []dnsmessage.Resource{soa(86400, 86400)}, denial, 30 * time.Second},
		{"no name, no zone", dnsmessage.RCodeNameError, false, nil, nil, denial, 0},
		{"no name, another record first", dnsmessage.RCodeNameError, false, nil, []dnsmessage.Resource{record4(60), soa(9, 9)}, denial, 9 * time.Second},
		{"a failure", dnsmessage.RCodeServerFailure, false, nil, []dnsmessage.Resource{soa(60, 60)}, unknown, 0},
		{"a refusal", dnsmessage.RCodeRefused, false, nil, nil, unknown, 0},
		{"truncated", 0, true, []dnsmessage.Resource{record4(60)}, nil, unknown, 0},
	} {
		packed := message(t, func(m *dnsmessage.Message) {
			m.RCode, m.Truncated, m.Answers, m.Authorities = test.code, test.truncated, test.answers, test.authorities
		})
		if got, ttl := judge(packed, dnsmessage.TypeA); got != test.want || ttl != test.ttl {
			t.Errorf("%s: %v for %v, want %v for %v", test.name, got, ttl, test.want, test.ttl)
		}
	}
}

// What can't be read to its end says nothing.
func TestJudgeCutOff(t *testing.T) {
	whole := message(t, func(m *dnsmessage.Message) { m.Answers = []dnsmessage.Resource{record4(60), record4(60)} })
	for n := range whole {
		if got, ttl := judge(whole[:n], dnsmessage.TypeA); got != unknown || ttl != 0 {
			t.Errorf("%d bytes: %v for %v, want unknown", n, got, ttl)
		}
	}
}

func FuzzJudge(f *testing.F) {
	f.Add(message(f, func(m *dnsmessage.Message) { m.Answers = []dnsmessage.Resource{alias(20), record4(60)} }))
	f.Add(message(f, func(m *dnsmessage.Message) { m.Authorities = []dnsmessage.Resource{soa(60, 60)} }))
	f.Fuzz(func(t *testing.T, packet []byte) {
		got, ttl := judge(packet, dnsmessage.TypeA)
		if ttl < 0 || ttl > longestMemory || got == unknown && ttl != 0 || got == denial && ttl > longestDenial {
			t.Errorf("%v for %v", got, ttl)
		}
		if addrs, ok := plain(packet, dnsmessage.TypeA); ok && (len(addrs) > 0) != (got == address) {
			t.Errorf("plainly %v, judged %v", addrs, got)
		}
	})
}

func TestMemory(t *testing.T) {
	m, now := memory{}, time.Now()
	m.keep("a", outcome{at: now, ttl: time.Minute})
	m.keep("never", outcome{at: now})
	for _, test := range []struct {
		host  string
		after time.Duration
		want  bool
	}{
		{"never", 0, false}, {"other", 0, false},
		{"a", 0, true}, {"a", 59 * time.Second, true}, {"a", time.Minute, false}, {"a", 0, false},
	} {
		if _, ok := m.recall(test.host, now.Add(test.after)); ok != test.want {
			t.Errorf("%s after %v: known %v, want %v", test.host, test.after, ok, test.want)
		}
	}
}

// A machine that slept has a monotonic clock that did not go on.
func TestMemoryAfterSleep(t *testing.T) {
	now := time.Now()
	o := outcome{at: now, ttl: time.Minute}
	if !o.fresh(now.Round(0).Add(59*time.Second)) || o.fresh(now.Round(0).Add(61*time.Second)) {
		t.Error("the wall clock is not believed")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	m, now := memory{}, time.Now()
	for i := range rememberedHosts + 500 {
		m.keep(fmt.Sprint(i), outcome{at: now, ttl: time.Minute})
	}
	if len(m) != rememberedHosts {
		t.Errorf("%d hosts remembered, want %d", len(m), rememberedHosts)
	}
	m.keep("new", outcome{at: now, ttl: time.Minute})
	if _, ok := m.recall("new", now); !ok {
		t.Error("a full memory keeps nothing new")
	}
}

func TestReachable(t *testing.T) {
	for _, test := range []struct {
		addrs []string
		want  string
	}{
		{nil, "ip4"},
		{[]string{"127.0.0.1/8", "::1/128"}, "ip4"},
		{[]string{"127.0.0.1/8", "10.0.0.4/24", "fe80::1/64"}, "ip4"},
		{[]string{"169.254.0.1/16", "fd00::2/64"}, "ip6"},
		{[]string{"2001:db8::2/64", "fe80::1/64"}, "ip6"},
		{[]string{"192.0.2.2/24", "2001:db8::2/64"}, "ip"},
	} {
		var addrs []net.Addr
		for _, text := range test.addrs {
			prefix := netip.MustParsePrefix(text)
			bits := prefix.Addr().BitLen()
			addrs = append(addrs, &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), bits)})
		}
		if got := reachable(addrs, nil); got != test.want {
			t.Errorf("%v: %s, want %s", test.addrs, got, test.want)
		}
	}
	if got := reachable(nil, errors.New("too many open files")); got != "ip" {
		t.Errorf("where nobody can tell: %s, want ip", got)
	}
}

// An id that was given out again is not the first owner's to give back.
func TestLeaveOnlyOnce(t *testing.T) {
	s := &socket{waiting: map[uint16]*query{}}
	first, second := &query{socket: s}, &query{socket: s}
	s.enter(first)
	if !s.leave(first) {
		t.Error("the owner does not have its id")
	}
	second.id = first.id
	s.waiting[first.id] = second
	if s.leave(first) || !s.holds(second) {
		t.Error("the id was taken from its second owner")
	}
}

// Ids are not to be guessed, and nobody gets one that is taken.
func TestEnter(t *testing.T) {
	s := &socket{waiting: map[uint16]*query{}}
	steps := map[uint16]int{}
	var last uint16
	for range 1000 {
		q := &query{socket: s}
		s.enter(q)
		steps[q.id-last]++
		last = q.id
	}
	if len(s.waiting) != 1000 {
		t.Errorf("%d ids for 1,000 queries", len(s.waiting))
	}
	if len(steps) < 900 {
		t.Errorf("only %d distances between 1,000 ids", len(steps))
	}
}

func TestArrival(t *testing.T) {
	now := time.Now()
	sent := now.Add(-100 * time.Millisecond)
	for lag, want := range map[time.Duration]time.Duration{
		0: 100 * time.Millisecond, 30 * time.Millisecond: 70 * time.Millisecond,
		-time.Hour: 100 * time.Millisecond, time.Hour: 100 * time.Millisecond, // the clock was set
	} {
		if got, _ := (arrival{now, lag}).since(sent); got != want {
			t.Errorf("lag %v: %v, want %v", lag, got, want)
		}
	}
}
