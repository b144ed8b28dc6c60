package probe

import (
	"context"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/wire"
)

// A watch takes the readings of one exchange at the instants that count.
type watch struct {
	conn     *wire.Conn
	spoken   check.HTTPVersion // HTTP1 or HTTP2
	began    time.Time
	segments int   // that the first byte may have been merged of
	received int64 // bytes, before the request

	mu    sync.Mutex // HTTP/2 has a goroutine of its own
	first wire.Reading
	sent  func(*wire.Reading) // corrects when the request left; nil: the ledger knows
	seen  bool
}

func newWatch(conn *wire.Conn, spoken check.HTTPVersion) *watch {
	conn.CountSegments()
	return &watch{conn: conn, spoken: spoken, began: time.Now(), received: conn.Reading().Received}
}

// traced samples the clock of an answer over HTTP/2, synchronously, on the
// goroutine that reads: before it reads on, and the latest stamp moves.
func (w *watch) traced(ctx context.Context) context.Context {
	if w.spoken == check.HTTP1 {
		return ctx
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotFirstResponseByte: w.noteFirstByte,
		WroteHeaders:         w.wrote,
		WroteRequest:         func(httptrace.WroteRequestInfo) { w.wrote() },
	})
}

func (w *watch) noteFirstByte() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.first, w.seen = w.conn.Reading(), true
	if w.sent != nil {
		w.sent(&w.first)
	}
	w.segments = w.conn.Merged()
}

// wrote notes when a request left in HTTP/2, which has flushed it by then and
// writes other things before the answer comes. HTTP/1.1 has not, and does not.
func (w *watch) wrote() {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, gap := w.conn.Sent()
	w.sent = func(r *wire.Reading) { r.Sent, r.Gap = at, gap }
}

func (w *watch) firstByte() (r wire.Reading, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.first, w.seen
}

// tooLarge finds the real reason of a protocol error of HTTP/2, which is all
// that net/http says of headers without end: so many bytes that are no answer
// yet are headers. Packed as they are they may be fewer than maxHeaders.
func (w *watch) tooLarge(err error) error {
	if strings.Contains(err.Error(), "PROTOCOL_ERROR") && w.conn.Reading().Received-w.received > maxHeaders/2 {
		return headersTooLarge()
	}
	return err
}
