package resolve

import (
	"errors"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// A shortcut asks the server that Go's resolver would ask, without it: its
// goroutines, contexts and timers are a seventh of a check's CPU. It may only say
// yes: an answer that leaves anything to judge is handed to Go's resolver,
// which asks for nothing a second time.
type shortcut struct {
	mu      sync.Mutex
	address string              // of the server that Go's resolver asked last; "" before
	learnt  time.Time           // when Go's resolver looked at its files
	local   map[string]struct{} // names that the hosts file has, which it asks nobody for
}

// relearn is how often Go's resolver looks at its files, and so do we at it.
const relearn = 5 * time.Second

// learn notes whom Go's resolver asks.
func (s *shortcut) learn(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.address = address
	if now := time.Now(); now.Sub(s.learnt) >= relearn {
		s.learnt, s.local = now, hostsFile("/etc/hosts")
	}
}

// to returns the server to ask for host. Not ok: Go's resolver has to say.
func (s *shortcut) to(host string) (address string, ok bool) {
	if !ordinary(host) {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, local := s.local[host]
	return s.address, s.address != "" && time.Since(s.learnt) < relearn && !local
}

// ordinary reports whether nobody has rules of their own for host: it is of
// letters, digits and hyphens, its last label of letters only, and it is no
// name that systems keep from the DNS.
func ordinary(host string) bool {
	const longest = 253 // RFC 1035, less the dot at the end
	dot := strings.LastIndexByte(host, '.')
	top := host[dot+1:]
	if len(host) > longest || dot < 1 || top == "" || top == "local" || top == "onion" || strings.Trim(top, "abcdefghijklmnopqrstuvwxyz") != "" {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

// directly asks for f's host and returns its addresses if the answers say
// nothing else. Otherwise its questions stay open, for Go's resolver to adopt.
func (r *Resolver) directly(f *flight) (addrs []netip.Addr, ok bool) {
	address, ok := r.shortcut.to(f.host)
	if !ok {
		return nil, false
	}
	var asked []*query
	for _, kind := range r.kinds {
		q, err := r.askEarly(f, address, kind)
		if err != nil {
			return nil, false
		}
		asked = append(asked, q)
	}
	return f.plainly(asked)
}

func (r *Resolver) askEarly(f *flight, address string, kind dnsmessage.Type) (*query, error) {
	message := pack(f.host, kind)
	q, err := r.query(f.ctx, f, address)
	if err != nil {
		return nil, err
	}
	if err := q.ask(f.ctx, message); err != nil {
		q.close()
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.early = append(f.early, q)
	return q, nil
}

// plainly waits for the answers, but no longer than until they are asked for
// again.
func (f *flight) plainly(asked []*query) (addrs []netip.Addr, ok bool) {
	patience := time.NewTimer(firstResend)
	defer patience.Stop()
	for _, q := range asked {
		select {
		case reply := <-q.came:
			q.came <- reply // for who adopts it
			found, ok := plain(reply.packet, q.question.Type)
			if !ok {
				return nil, false
			}
			addrs = append(addrs, found...)
		case <-patience.C:
			return nil, false
		case <-f.ctx.Done():
			return nil, false
		}
	}
	return addrs, inOrder(addrs)
}

// inOrder reports whether addrs are some, and stay as they are where Go's
// resolver sorts them (RFC 6724): one, or all of IPv4 and of the same scope.
func inOrder(addrs []netip.Addr) bool {
	for _, addr := range addrs {
		if len(addrs) > 1 && !(addr.Is4() && addr.IsGlobalUnicast()) {
			return false
		}
	}
	return len(addrs) > 0
}

// pack is the question as Go's resolver asks it (RFC 1035, 4.1; RFC 6891, 6.1),
// but for its id. Where a label is too long there is none.
func pack(host string, kind dnsmessage.Type) []byte {
	const recursion, internet, edns = 1, byte(dnsmessage.ClassINET), byte(dnsmessage.TypeOPT)
	message := []byte{0, 0, recursion, 0, 0, 1, 0, 0, 0, 0, 0, 1} // one question, one record beside it
	for label := range strings.SplitSeq(host, ".") {
		if len(label) > 63 {
			return nil
		}
		message = append(append(message, byte(len(label))), label...)
	}
	message = append(message, 0, 0, byte(kind), 0, internet)
	return append(message, 0, 0, edns, largestAnswer>>8, largestAnswer&0xff, 0, 0, 0, 0, 0, 0)
}

// plain reads the addresses of kind in an answer, maybe none, if there is
// nothing in it that Go's resolver could judge in another way.
func plain(packet []byte, kind dnsmessage.Type) (addrs []netip.Addr, ok bool) {
	var p dnsmessage.Parser
	header, err := p.Start(packet)
	if err != nil || header.Truncated || header.RCode != dnsmessage.RCodeSuccess {
		return nil, false
	}
	if _, err := p.Question(); err != nil || p.SkipQuestion() != dnsmessage.ErrSectionDone {
		return nil, false
	}
	addrs, err = addressesIn(&p, kind)
	if err != nil || extended(&p) {
		return nil, false
	}
	return addrs, len(addrs) > 0 || header.RecursionAvailable
}

// addressesIn reads all answers, which are addresses of kind or the aliases
// that lead to them.
func addressesIn(p *dnsmessage.Parser, kind dnsmessage.Type) (addrs []netip.Addr, err error) {
	for {
		h, err := p.AnswerHeader()
		switch {
		case err == dnsmessage.ErrSectionDone:
			return addrs, nil
		case err != nil:
			return nil, err
		case h.Type == dnsmessage.TypeCNAME:
			err = p.SkipAnswer()
		case h.Type == kind:
			var addr netip.Addr
			addr, err = addressIn(p, h)
			addrs = append(addrs, addr)
		default:
			err = errKind
		}
		if err != nil {
			return nil, err
		}
	}
}

var (
	errKind   = errors.New("an answer of another kind")
	errLength = errors.New("an address of another length")
)

// addressIn reads an answer of type A or AAAA. Parsers take any length of it, and
// then lose their way.
func addressIn(p *dnsmessage.Parser, h dnsmessage.ResourceHeader) (netip.Addr, error) {
	switch {
	case h.Type == dnsmessage.TypeA && h.Length == 4:
		a, err := p.AResource()
		return netip.AddrFrom4(a.A), err
	case h.Type == dnsmessage.TypeAAAA && h.Length == 16:
		a, err := p.AAAAResource()
		return netip.AddrFrom16(a.AAAA).Unmap(), err
	}
	return netip.Addr{}, errLength
}

// extended reports whether what follows the answers may make another code of
// success (EDNS).
func extended(p *dnsmessage.Parser) bool {
	if p.SkipAllAuthorities() != nil {
		return true
	}
	for {
		h, err := p.AdditionalHeader()
		if err == dnsmessage.ErrSectionDone {
			return false
		}
		if err != nil || h.Type == dnsmessage.TypeOPT && h.ExtendedRCode(dnsmessage.RCodeSuccess) != dnsmessage.RCodeSuccess || p.SkipAdditional() != nil {
			return true
		}
	}
}
