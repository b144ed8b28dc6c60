package resolve

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"rollcall/internal/wire"

	"golang.org/x/net/dns/dnsmessage"
)

// largestResponse is how many bytes of a response we take by UDP (EDNS), as
// Go's resolver does: https://dnsflagday.net/2020.
const largestResponse = 1232

// A verdict is what one response says of a question.
type verdict int

const (
	failed       verdict = iota // nothing: err says why
	addresses                   // there are some
	denial                      // the name, or an address of that family, does not exist
	alias                       // the name is another's, which the server did not ask for
	truncated                   // the rest is to be had by TCP
	ednsRejected                // the server wants a query without EDNS
	odd                         // nothing that we understand: err says why
)

// A response is what was learnt from one, or why there is none.
type response struct {
	verdict   verdict
	addrs     []netip.Addr
	target    string        // of an alias, with a dot at its end
	ttl       time.Duration // how long addresses or a denial may be cached
	err       error
	temporary bool // what package net means by it: SERVFAIL and socket errors

	server  string
	now     time.Time     // when it was read
	lag     time.Duration // since the kernel received it
	took    time.Duration // from the question
	gap     time.Duration // how uncertain the question's time is
	stamped bool          // took ends when the kernel received it
}

// broken is a response that did not come because of err.
func broken(err error) response { return response{err: err, temporary: true, now: time.Now()} }

// after is a response that was asked for because of the one before.
func (resp response) after(before response) response {
	resp.took, resp.gap = before.took+resp.took, max(before.gap, resp.gap)
	resp.ttl, resp.stamped = min(before.ttl, resp.ttl), before.stamped && resp.stamped
	return resp
}

// merge makes one of the responses for two families. A denial proves nothing if
// nobody could tell about the other family, and addresses are not cached then,
// nor does it count how long the other was waited for.
func merge(a, b response) response {
	if a.verdict != addresses && (b.verdict == addresses || a.verdict == denial || wire.Exhausted(b.err) != "") {
		a, b = b, a
	}
	switch {
	case a.verdict == addresses && b.verdict == failed:
		a.ttl = 0
		return a
	case a.verdict == b.verdict:
		a.addrs, a.ttl = append(a.addrs, b.addrs...), min(a.ttl, b.ttl)
	}
	a.took, a.gap, a.stamped = max(a.took, b.took), max(a.gap, b.gap), a.stamped && b.stamped
	return a
}

// timed fills in how long the response took. The kernel's stamp is of the wall
// clock, which may be set at any time: a lag that can't be is ignored. Where the
// clock was set by more than a millisecond meanwhile, it is not a stamp either.
func (resp response) timed(q *question) response {
	if q.sent.IsZero() {
		return resp
	}
	resp.gap, resp.took = q.gap, resp.now.Sub(q.sent)
	if resp.lag > 0 && resp.lag <= resp.took {
		set := resp.now.Round(0).Sub(q.sent.Round(0)) - resp.took
		resp.took -= resp.lag
		resp.stamped = set.Abs() <= time.Millisecond
	}
	return resp
}

// pack returns q as a message (RFC 1035, 4.1; RFC 6891, 6.1).
func (q *question) pack(id uint16, edns bool) ([]byte, error) {
	b := dnsmessage.NewBuilder(make([]byte, 0, 128), dnsmessage.Header{ID: id, RecursionDesired: true})
	b.StartQuestions()
	if err := b.Question(dnsmessage.Question{Name: q.name, Type: q.kind, Class: dnsmessage.ClassINET}); err != nil {
		return nil, err
	}
	if edns {
		var header dnsmessage.ResourceHeader
		header.SetEDNS0(largestResponse, dnsmessage.RCodeSuccess, false)
		b.StartAdditionals()
		b.OPTResource(header, dnsmessage.OPTResource{})
	}
	return b.Finish()
}

// matches reports whether packet is a response to q. A server that rejects EDNS may
// repeat no question.
func (q *question) matches(packet []byte, edns bool) bool {
	var p dnsmessage.Parser
	header, err := p.Start(packet)
	if err != nil || !header.Response {
		return false
	}
	got, err := p.Question()
	if err == dnsmessage.ErrSectionDone {
		return edns && rejectsEDNS(header.RCode)
	}
	return err == nil && got.Type == q.kind && got.Class == dnsmessage.ClassINET && sameName(got.Name, q.name)
}

func rejectsEDNS(code dnsmessage.RCode) bool {
	return code == dnsmessage.RCodeFormatError || code == dnsmessage.RCodeNotImplemented
}

var (
	errMalformed = errors.New("the resolver's response is malformed")
	errLoop      = errors.New("the name is an alias of itself")
	errAliases   = errors.New("the name has too many aliases")
	errLame      = errors.New("the server does not resolve names for others")
)

// parse reads what a response, which has q's question, says of it.
func parse(packet []byte, q *question, edns, overTCP bool) response {
	var m dnsmessage.Message
	err := m.Unpack(packet)
	switch {
	case rejectsEDNS(m.RCode) && edns:
		return response{verdict: ednsRejected, err: codeError(m.RCode)}
	case m.Truncated && !overTCP:
		return response{verdict: truncated, err: errMalformed}
	case err != nil || len(m.Questions) != 1:
		return response{verdict: odd, err: errMalformed}
	}
	ttl := longestCached
	for _, rec := range m.Answers {
		ttl = min(ttl, seconds(rec.Header.TTL))
	}
	denialTTL, hasSOA := denialTTL(&m)
	denied := response{verdict: denial, ttl: min(ttl, denialTTL, longestDenial)}
	code := fullCode(&m)
	switch {
	case code == dnsmessage.RCodeNameError:
		return denied
	case code != dnsmessage.RCodeSuccess:
		return response{err: codeError(code), temporary: code == dnsmessage.RCodeServerFailure}
	case len(m.Answers)+len(m.Additionals) == 0 && !m.Authoritative && !m.RecursionAvailable:
		return response{err: errLame}
	}
	addrs, end, err := follow(m.Answers, q)
	switch {
	case err != nil:
		return response{err: err}
	case len(addrs) > 0:
		return response{verdict: addresses, addrs: addrs, ttl: ttl}
	case !sameName(end, q.name) && !hasSOA:
		return response{verdict: alias, target: end.String(), ttl: ttl, err: errAliases}
	case slices.ContainsFunc(m.Answers, func(rec dnsmessage.Resource) bool { return rec.Header.Type == q.kind }):
		return response{verdict: odd, err: errMalformed} // addresses of another name
	}
	return denied
}

// denialTTL is how long the zone lets a denial be cached (RFC 2308, 5).
func denialTTL(m *dnsmessage.Message) (ttl time.Duration, known bool) {
	for _, rec := range m.Authorities {
		if soa, ok := rec.Body.(*dnsmessage.SOAResource); ok {
			return min(seconds(rec.Header.TTL), seconds(soa.MinTTL)), true
		}
	}
	return 0, false
}

// fullCode is m's code, of which EDNS has the upper part.
func fullCode(m *dnsmessage.Message) dnsmessage.RCode {
	for _, extra := range m.Additionals {
		if extra.Header.Type == dnsmessage.TypeOPT {
			return extra.Header.ExtendedRCode(m.RCode)
		}
	}
	return m.RCode
}

// follow returns the addresses of q's type at the end of the aliases that q's
// name has, in whatever order the records are, and the name there.
func follow(records []dnsmessage.Resource, q *question) (addrs []netip.Addr, end dnsmessage.Name, err error) {
	end = q.name
	for range len(records) + 1 {
		var next dnsmessage.Name
		for _, rec := range records {
			if !sameName(rec.Header.Name, end) {
				continue
			}
			switch body := rec.Body.(type) {
			case *dnsmessage.CNAMEResource:
				next = body.CNAME
			case *dnsmessage.AResource:
				if q.kind == dnsmessage.TypeA {
					addrs = append(addrs, netip.AddrFrom4(body.A))
				}
			case *dnsmessage.AAAAResource:
				if q.kind == dnsmessage.TypeAAAA {
					addrs = append(addrs, netip.AddrFrom16(body.AAAA).Unmap())
				}
			}
		}
		if len(addrs) > 0 || next.Length == 0 {
			return addrs, end, nil
		}
		end = next
	}
	return nil, end, errLoop
}

// sameName compares as DNS does: case does not matter (RFC 4343).
func sameName(a, b dnsmessage.Name) bool {
	return bytes.EqualFold(a.Data[:a.Length], b.Data[:b.Length])
}

// codeError names a response's code as the field does.
func codeError(code dnsmessage.RCode) error {
	names := map[dnsmessage.RCode]string{
		dnsmessage.RCodeFormatError: "FORMERR", dnsmessage.RCodeServerFailure: "SERVFAIL",
		dnsmessage.RCodeNotImplemented: "NOTIMP", dnsmessage.RCodeRefused: "REFUSED",
	}
	if name, ok := names[code]; ok {
		return errors.New(name)
	}
	return fmt.Errorf("response code %d", code)
}

// seconds reads a time to live. The topmost bit set means 0 (RFC 2181, 8).
func seconds(ttl uint32) time.Duration {
	if ttl > 1<<31-1 {
		return 0
	}
	return time.Duration(ttl) * time.Second
}
