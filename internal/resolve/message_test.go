package resolve

import (
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func asked(name string, kind dnsmessage.Type) *question {
	return &question{name: dnsmessage.MustNewName(name), kind: kind}
}

// message packs a response to a question for an IPv4 address of one.example.
func message(t testing.TB, change func(*dnsmessage.Message)) []byte {
	t.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 1, Response: true, RecursionAvailable: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("one.example."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	change(&m)
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func resource(owner string, ttl uint32, kind dnsmessage.Type, body dnsmessage.ResourceBody) dnsmessage.Resource {
	header := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(owner), Type: kind, Class: dnsmessage.ClassINET, TTL: ttl}
	return dnsmessage.Resource{Header: header, Body: body}
}

func ip4(owner string, ttl uint32) dnsmessage.Resource {
	return resource(owner, ttl, dnsmessage.TypeA, &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}})
}

func cname(owner, target string, ttl uint32) dnsmessage.Resource {
	return resource(owner, ttl, dnsmessage.TypeCNAME, &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(target)})
}

func soa(ttl, least uint32) dnsmessage.Resource {
	name := dnsmessage.MustNewName("example.")
	return resource("example.", ttl, dnsmessage.TypeSOA, &dnsmessage.SOAResource{NS: name, MBox: name, MinTTL: least})
}

// edns carries the upper part of a response's code.
func edns(code dnsmessage.RCode) dnsmessage.Resource {
	var header dnsmessage.ResourceHeader
	header.SetEDNS0(largestResponse, code, false)
	return dnsmessage.Resource{Header: header, Body: &dnsmessage.OPTResource{}}
}

func TestParse(t *testing.T) {
	type records = []dnsmessage.Resource
	const one, two, three = "one.example.", "two.example.", "three.example."
	for _, test := range []struct {
		name    string
		change  func(*dnsmessage.Message)
		want    verdict
		ttl     time.Duration
		address bool
	}{
		{"an address", func(m *dnsmessage.Message) { m.Answers = records{ip4("ONE.example.", 60)} }, addresses, time.Minute, true},
		{"the least time to live", func(m *dnsmessage.Message) { m.Answers = records{cname(one, two, 20), ip4(two, 60), ip4(two, 90)} }, addresses, 20 * time.Second, true},
		{"none", func(m *dnsmessage.Message) { m.Answers = records{ip4(one, 0)} }, addresses, 0, true},
		{"a year", func(m *dnsmessage.Message) { m.Answers = records{ip4(one, 365*24*3600)} }, addresses, time.Hour, true},
		{"the topmost bit", func(m *dnsmessage.Message) { m.Answers = records{ip4(one, 1<<31)} }, addresses, 0, true},
		{"EDNS", func(m *dnsmessage.Message) { m.Answers, m.Additionals = records{ip4(one, 60)}, records{edns(0)} }, addresses, time.Minute, true},
		{"aliases out of order", func(m *dnsmessage.Message) {
			m.Answers = records{ip4(three, 60), cname(two, three, 60), cname(one, two, 60)}
		}, addresses, time.Minute, true},
		{"an alias of nothing", func(m *dnsmessage.Message) {
			m.Answers, m.Authorities = records{cname(one, two, 5)}, records{soa(60, 60)}
		}, denial, 5 * time.Second, false},
		{"an alias and no more", func(m *dnsmessage.Message) { m.Answers = records{cname(one, two, 5)} }, alias, 5 * time.Second, false},
		{"an alias and an address of another name", func(m *dnsmessage.Message) { m.Answers = records{cname(one, two, 5), ip4(three, 60)} }, alias, 5 * time.Second, false},
		{"an alias of itself", func(m *dnsmessage.Message) { m.Answers = records{cname(one, two, 5), cname(two, one, 5)} }, failed, 0, false},
		{"an address of another name", func(m *dnsmessage.Message) { m.Answers = records{ip4(two, 60)} }, odd, 0, false},
		{"no address", func(m *dnsmessage.Message) { m.Authorities = records{soa(10, 60)} }, denial, 10 * time.Second, false},
		{"no address and no zone", func(m *dnsmessage.Message) {}, denial, 0, false},
		{"no address and no recursion", func(m *dnsmessage.Message) { m.RecursionAvailable = false }, failed, 0, false},
		{"no name", func(m *dnsmessage.Message) { m.RCode, m.Authorities = dnsmessage.RCodeNameError, records{soa(60, 20)} }, denial, 20 * time.Second, false},
		{"no name for a day", func(m *dnsmessage.Message) {
			m.RCode, m.Authorities = dnsmessage.RCodeNameError, records{soa(86400, 86400)}
		}, denial, 30 * time.Second, false},
		{"no name, no zone", func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeNameError }, denial, 0, false},
		{"no name, another record first", func(m *dnsmessage.Message) {
			m.RCode, m.Authorities = dnsmessage.RCodeNameError, records{ip4(one, 60), soa(9, 9)}
		}, denial, 9 * time.Second, false},
		{"a failure", func(m *dnsmessage.Message) {
			m.RCode, m.Authorities = dnsmessage.RCodeServerFailure, records{soa(60, 60)}
		}, failed, 0, false},
		{"a refusal", func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeRefused }, failed, 0, false},
		{"an extended code", func(m *dnsmessage.Message) { m.Answers, m.Additionals = records{ip4(one, 60)}, records{edns(16)} }, failed, 0, false},
		{"EDNS rejected", func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeFormatError }, ednsRejected, 0, false},
		{"truncated", func(m *dnsmessage.Message) { m.Truncated, m.Answers = true, records{ip4(one, 60)} }, truncated, 0, false},
		{"two questions", func(m *dnsmessage.Message) { m.Questions = append(m.Questions, m.Questions[0]) }, odd, 0, false},
	} {
		got := parse(message(t, test.change), asked(one, dnsmessage.TypeA), true, false)
		if got.verdict != test.want || got.ttl != test.ttl || (len(got.addrs) > 0) != test.address {
			t.Errorf("%s: %+v, want verdict %v for %v", test.name, got, test.want, test.ttl)
		}
		if (got.err == nil) != (got.verdict == addresses || got.verdict == denial) {
			t.Errorf("%s: error %v", test.name, got.err)
		}
	}
}

// By TCP there is no more to be had: what is truncated is what there is.
func TestParseTruncatedOverTCP(t *testing.T) {
	packed := message(t, func(m *dnsmessage.Message) {
		m.Truncated, m.Answers = true, []dnsmessage.Resource{ip4("one.example.", 60)}
	})
	if got := parse(packed, asked("one.example.", dnsmessage.TypeA), true, true); got.verdict != addresses {
		t.Errorf("%+v", got)
	}
}

// What can't be read to its end says nothing.
func TestParseCutOff(t *testing.T) {
	whole := message(t, func(m *dnsmessage.Message) {
		m.Answers = []dnsmessage.Resource{ip4("one.example.", 60), ip4("one.example.", 60)}
	})
	for n := range whole {
		if got := parse(whole[:n], asked("one.example.", dnsmessage.TypeA), true, false); got.verdict != odd {
			t.Errorf("%d bytes: %+v, want odd", n, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(message(f, func(m *dnsmessage.Message) {
		m.Answers = []dnsmessage.Resource{cname("one.example.", "two.example.", 20), ip4("two.example.", 60)}
	}))
	f.Add(message(f, func(m *dnsmessage.Message) { m.Authorities = []dnsmessage.Resource{soa(60, 60)} }))
	f.Fuzz(func(t *testing.T, packet []byte) {
		got := parse(packet, asked("one.example.", dnsmessage.TypeA), true, false)
		if got.ttl < 0 || got.ttl > longestCached || got.verdict == denial && got.ttl > longestDenial ||
			(got.verdict == addresses) != (len(got.addrs) > 0) || (got.err == nil) != (got.verdict == addresses || got.verdict == denial) {
			t.Errorf("%+v", got)
		}
	})
}

// The question is what a parser that no one here wrote makes of it.
func TestPack(t *testing.T) {
	q := asked("one.two.example.", dnsmessage.TypeAAAA)
	for _, edns := range []bool{false, true} {
		packed, err := q.pack(7, edns)
		var m dnsmessage.Message
		if err != nil || m.Unpack(packed) != nil {
			t.Fatal(err)
		}
		want := dnsmessage.Question{Name: q.name, Type: q.kind, Class: dnsmessage.ClassINET}
		if m.ID != 7 || !m.RecursionDesired || m.Response || len(m.Questions) != 1 || m.Questions[0] != want {
			t.Errorf("%+v", m)
		}
		if edns != (len(m.Additionals) == 1) {
			t.Errorf("EDNS %v: %+v", edns, m.Additionals)
		}
		for _, extra := range m.Additionals {
			if h := extra.Header; h.Type != dnsmessage.TypeOPT || h.Class != largestResponse || h.TTL != 0 {
				t.Errorf("EDNS is %+v", h)
			}
		}
	}
}

// A response belongs to its question; only one that rejects EDNS may repeat none.
func TestMatches(t *testing.T) {
	q := asked("ONE.example.", dnsmessage.TypeA)
	for _, test := range []struct {
		name   string
		change func(*dnsmessage.Message)
		want   bool
	}{
		{"ours", func(*dnsmessage.Message) {}, true},
		{"a query", func(m *dnsmessage.Message) { m.Response = false }, false},
		{"another type", func(m *dnsmessage.Message) { m.Questions[0].Type = dnsmessage.TypeAAAA }, false},
		{"another class", func(m *dnsmessage.Message) { m.Questions[0].Class = dnsmessage.ClassCHAOS }, false},
		{"another name", func(m *dnsmessage.Message) { m.Questions[0].Name = dnsmessage.MustNewName("two.example.") }, false},
		{"no question", func(m *dnsmessage.Message) { m.Questions = nil }, false},
		{"no question, EDNS rejected", func(m *dnsmessage.Message) { m.Questions, m.RCode = nil, dnsmessage.RCodeFormatError }, true},
	} {
		if got := q.matches(message(t, test.change), true); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	if q.matches(message(t, func(m *dnsmessage.Message) { m.Questions, m.RCode = nil, dnsmessage.RCodeFormatError }), false) {
		t.Error("EDNS is rejected that was not there")
	}
}

func TestTimed(t *testing.T) {
	now := time.Now()
	sent := now.Add(-100 * time.Millisecond)
	for lag, want := range map[time.Duration]time.Duration{
		0: 100 * time.Millisecond, 30 * time.Millisecond: 70 * time.Millisecond,
		-time.Hour: 100 * time.Millisecond, time.Hour: 100 * time.Millisecond, // the clock was set
	} {
		got := response{now: now, lag: lag}.timed(&question{sent: sent})
		if got.took != want || got.stamped != (want < 100*time.Millisecond) {
			t.Errorf("lag %v: %v, want %v", lag, got.took, want)
		}
	}
}

// A machine that slept has a monotonic clock that did not go on.
func TestElapsedAfterSleep(t *testing.T) {
	now := time.Now()
	if got := elapsed(now, now.Round(0).Add(time.Minute)); got != time.Minute {
		t.Errorf("%v, want the wall clock's minute", got)
	}
}

// An id that was given out again is not the first owner's to give back.
func TestCloseOnlyOnce(t *testing.T) {
	s := &socket{waiting: map[uint16]*query{}}
	first := s.register(asked("one.example.", dnsmessage.TypeA))
	first.close()
	if len(s.waiting) != 0 {
		t.Error("the id is still taken")
	}
	second := &query{socket: s, id: first.id}
	s.waiting[first.id] = second
	if first.close(); s.waiting[first.id] != second {
		t.Error("the id was taken from its second owner")
	}
}

// Ids are not to be guessed, and nobody gets one that is taken.
func TestRegister(t *testing.T) {
	s := &socket{waiting: map[uint16]*query{}}
	steps := map[uint16]int{}
	var last uint16
	for range 1000 {
		q := s.register(&question{})
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
