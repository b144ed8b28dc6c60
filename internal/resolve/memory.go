package resolve

import (
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	longestMemory   = time.Hour        // whatever an answer allows
	longestDenial   = 30 * time.Second // a name that appears is soon seen
	rememberedHosts = 1 << 14          // some 250 bytes each
)

// An outcome is what a look-up came to.
type outcome struct {
	answer Answer
	err    error
	ttl    time.Duration // from at; 0: not to be remembered
	at     time.Time
}

// fresh reports whether o may still be told at now. A machine that was frozen
// in between may have stopped either clock: the one that says it is later is
// believed.
func (o outcome) fresh(now time.Time) bool {
	return max(now.Sub(o.at), now.Round(0).Sub(o.at.Round(0))) < o.ttl
}

// A memory holds outcomes by host for as long as they allow. The zero memory
// is not ready: make it with make.
type memory map[string]outcome

// keep remembers o if it may be. A full memory forgets another first: one that
// is over, if there is one among a few.
func (m memory) keep(host string, o outcome) {
	if o.ttl <= 0 {
		return
	}
	if _, known := m[host]; !known && len(m) >= rememberedHosts {
		m.forgetOne(o.at)
	}
	m[host] = o
}

func (m memory) forgetOne(now time.Time) {
	const among = 8
	n, victim := 0, ""
	for host, o := range m { // in no order
		victim = host
		if n++; n == among || !o.fresh(now) {
			break
		}
	}
	delete(m, victim)
}

// recall returns what is known of host at now.
func (m memory) recall(host string, now time.Time) (outcome, bool) {
	o, ok := m[host]
	if ok && !o.fresh(now) {
		delete(m, host)
		return outcome{}, false
	}
	return o, ok
}

// A verdict is what one answer says of one question.
type verdict int

const (
	unknown verdict = iota // no answer, one that is no answer, or a failure
	address
	denial // the name, or an address of that family, does not exist
)

// judge reads what a message says of the question of kind in it, and for how
// long that may be remembered.
func judge(message []byte, kind dnsmessage.Type) (verdict, time.Duration) {
	var p dnsmessage.Parser
	header, err := p.Start(message)
	if err != nil || header.Truncated || p.SkipAllQuestions() != nil {
		return unknown, 0
	}
	if header.RCode != dnsmessage.RCodeSuccess && header.RCode != dnsmessage.RCodeNameError {
		return unknown, 0
	}
	found, ttl, ok := answers(&p, kind)
	switch {
	case !ok:
		return unknown, 0
	case found && header.RCode == dnsmessage.RCodeSuccess:
		return address, ttl
	}
	return denial, min(ttl, denialTTL(&p), longestDenial)
}

// answers reads the answer section: whether there is a record of kind, and the
// least time to live. Not ok: it can't be read.
func answers(p *dnsmessage.Parser, kind dnsmessage.Type) (found bool, ttl time.Duration, ok bool) {
	ttl = longestMemory
	for {
		h, err := p.AnswerHeader()
		if err == dnsmessage.ErrSectionDone {
			return found, ttl, true
		}
		if err != nil || p.SkipAnswer() != nil {
			return false, 0, false
		}
		found, ttl = found || h.Type == kind, min(ttl, seconds(h.TTL))
	}
}

// denialTTL is how long the zone lets a denial be remembered (RFC 2308, 5): 0
// where it does not say.
func denialTTL(p *dnsmessage.Parser) time.Duration {
	for {
		h, err := p.AuthorityHeader()
		if err != nil {
			return 0
		}
		if h.Type == dnsmessage.TypeSOA {
			soa, err := p.SOAResource()
			if err != nil {
				return 0
			}
			return min(seconds(h.TTL), seconds(soa.MinTTL))
		}
		if p.SkipAuthority() != nil {
			return 0
		}
	}
}

// seconds reads a time to live. The topmost bit set means 0 (RFC 2181, 8).
func seconds(ttl uint32) time.Duration {
	if ttl > 1<<31-1 {
		return 0
	}
	return time.Duration(ttl) * time.Second
}
