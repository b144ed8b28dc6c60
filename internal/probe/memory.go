package probe

import (
	"fmt"
	"math"
	"strings"
	"sync/atomic"

	"rollcall/internal/check"
	"rollcall/internal/wire"
)

// A memory is what all checks in flight may hold together of responses. Who gets
// no more gives back what it has: nobody waits here, so nobody waits for ever.
type memory struct {
	limit int64 // bytes
	held  atomic.Int64
}

func newMemory(limit int64) *memory {
	if limit <= 0 {
		limit = math.MaxInt64
	}
	return &memory{limit: limit}
}

// everybodys is what each check may hold of its response without asking: it is
// part of what the number of checks in flight reckons with.
const everybodys = 64 << 10

// A share is what one check holds of the memory.
type share struct {
	of    *memory
	alone bool  // nobody else holds any: what does not fit is left out
	used  int64 // by the check
	taken int64 // for it, beyond what every check takes
	short int64 // how much it would have had to hold; 0: it never got too little
}

// begin takes what every check in flight takes.
func (m *memory) begin(alone bool) *share {
	m.held.Add(check.InFlight)
	return &share{of: m, alone: alone}
}

// end gives everything back.
func (s *share) end() { s.of.held.Add(-check.InFlight - s.taken) }

// errShort is of a check that got too little memory.
var errShort = &verdict{reason: check.Internal, detail: "too little memory for the response"}

// hold counts n bytes more that the check holds from now on. The error
// is errShort.
func (s *share) hold(n int64) error {
	s.used += n
	missing := s.used - everybodys - s.taken
	if missing <= 0 {
		return nil
	}
	missing += everybodys // so that few have to ask often
	if s.of.held.Add(missing) > s.of.limit {
		s.of.held.Add(-missing)
		s.short, s.used = max(s.short, s.used), s.used-n
		return errShort
	}
	s.taken += missing
	return nil
}

// drop counts n bytes that the check holds no longer.
func (s *share) drop(n int64) {
	s.used -= n
	if spare := s.taken - max(0, s.used-everybodys); spare > 0 {
		s.taken -= spare
		s.of.held.Add(-spare)
	}
}

// What is held of a response's head, beside its bytes, for each line.
const (
	headFactor = 2   // the text, and the strings made of it
	fieldBytes = 200 // in a map of lists
)

// headWeight is what n bytes of a head take, with its lines.
func headWeight(n, lines int) int64 { return int64(headFactor*n + fieldBytes*lines) }

// maxFields bounds the number of a response's headers.
const maxFields = 1000

// certificateFactor is what crypto/tls and crypto/x509 hold of a handshake's
// bytes: the message, and what is read of it.
const certificateFactor = 3

// A handshake is the connection below TLS, whose first bytes crypto/tls keeps.
type handshake struct {
	*wire.Conn
	share *share // nil: the handshake is over
}

// Read reads of the connection. The error may be errShort.
func (h *handshake) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	if h.share == nil {
		return n, err
	}
	if short := h.share.hold(int64(certificateFactor * n)); short != nil {
		return 0, short
	}
	return n, err
}

// A growing text is what is kept of a body, as bytes arrive and the share allows.
type growing struct {
	strings.Builder
	share *share
	full  bool // there was no memory for more
}

// Write adds to the text. The error is errShort.
func (t *growing) Write(p []byte) (int, error) {
	if old := t.Cap(); old-t.Len() < len(p) {
		if err := t.share.hold(int64(2*old + len(p))); err != nil {
			t.full = true
			return 0, err
		}
		t.Grow(len(p)) // to as much as that, and the old one is garbage
		t.share.drop(int64(old))
	}
	return t.Builder.Write(p)
}

// decodedSize is at most how much memory a text takes as JSON once it is
// decoded, with the copy that it is decoded from. Measured with Go 1.26: {} takes 64
// bytes in a list, an object of one 350, and a text of commas five times its
// size.
func decodedSize(text string) int64 {
	empty := strings.Count(text, "{}")
	others := strings.Count(text, "{") - empty
	items := empty + strings.Count(text, ",") + strings.Count(text, "[") + strings.Count(text, ":")
	return int64(2*len(text) + 350*others + 48*items)
}

// shortage is how much memory the check should have at its next try; 0: it had
// enough. The text is not known to its end, so its bound counts, and its JSON is
// taken for an ordinary one.
func (a *attempt) shortage() int64 {
	if a.share.short == 0 || a.share.alone {
		return 0
	}
	need := a.share.short
	switch {
	case a.t.Reads("json"):
		need = max(need, (textFactor+jsonFactor)*a.t.MaxBody)
	case a.t.Reads("body"):
		need = max(need, textFactor*a.t.MaxBody)
	}
	return need + maxHeaders
}

const (
	textFactor = 3 // of its length: the text while it grows
	jsonFactor = 8 // ordinary JSON, see decodedSize
)

// noteShort warns where a body did not fit into memory.
func (a *attempt) noteShort(b body) {
	if b.short && a.share.alone {
		a.warnOfMemory("the body takes", textFactor*a.t.MaxBody)
	}
}

// warnOfMemory says that something did not fit, and how much would.
func (a *attempt) warnOfMemory(what string, need int64) {
	const megabyte = 1_000_000
	a.warn([]string{fmt.Sprintf("%s up to %d MB of memory, of which there are %d: raise the function's memory, or lower maxBody",
		what, (need+megabyte-1)/megabyte, a.p.memory.limit/megabyte)})
}
