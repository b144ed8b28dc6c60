package probe

import (
	"cmp"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/redact"
	"rollcall/internal/wire"
)

// A response is what came back on one connection.
type response struct {
	url    *url.URL // that was asked for
	header http.Header
	body
	next   *hop     // the redirect to follow; nil: this response counts
	broken *verdict // why a redirect can't be followed; nil: there is none
	noJSON bool     // there is no memory for the body's
}

// A speaker is a connection for one request and its response. It does all its
// reading on its caller's goroutine, so that the connection's deadline and its
// end are the speaker's too.
type speaker interface {
	// roundTrip sends a hop's request and reads the head of its response, whose
	// body has to be read before Close.
	roundTrip(*hop) (*http.Response, error)
	// Close closes the connection; TLS sends its close_notify.
	Close() error
}

// exchange sends the hop's request over c, reads the response and closes c.
func (a *attempt) exchange(c *connection, h *hop) (*response, error) {
	a.time.phase = check.FirstByte
	version := a.t.HTTP % check.AnyHTTP // without TLS nothing is negotiated
	if secure, ok := c.top.(*tls.Conn); ok {
		version = check.HTTP1
		if secure.ConnectionState().NegotiatedProtocol == "h2" {
			version = check.HTTP2
		} else if a.t.HTTP == check.HTTP2 {
			return nil, &verdict{reason: check.BadResponse, detail: notHTTP2}
		}
	}
	c.wire.CountSegments()
	o := &observer{Conn: c.top, wire: c.wire, share: a.share, version: version, began: time.Now()}
	var conn speaker
	if version == check.HTTP2 {
		conn = newHTTP2(o)
	} else {
		conn = newHTTP1(o)
	}
	sent, err := conn.roundTrip(h)
	if one, ok := conn.(*http1); ok {
		a.warn(one.warnings)
	}
	resp, err := a.read(o, c, h, sent, err)
	a.time.settle(c, c.wire.Reading())
	if err != nil {
		c.wire.Close() // first, so that nobody waits for the rest of a body
	}
	conn.Close()
	return resp, err
}

// read measures a response and reads its body, unless a redirect is followed.
// failed is why there is none.
func (a *attempt) read(o *observer, c *connection, h *hop, r *http.Response, failed error) (*response, error) {
	a.time.noteStamps(c.wire.Reading())
	first := o.first
	if o.seen {
		span := first.Arrived.Since(first.Sent)
		uncertainty := first.Gap
		if o.segments > 1 {
			// The kernel keeps the last stamp of the segments that it merges: a body that trickles
			// behind its head is taken for it by a reader who is late.
			uncertainty += min(a.time.lateness(o.began), span.Kernel)
		}
		a.time.record(check.FirstByte, span, uncertainty)
		a.time.settle(c, first) // a long request that was taken slowly
		a.time.phase = check.Transfer
	}
	if failed != nil {
		err := failed
		if _, judged := errors.AsType[*verdict](failed); !judged && !alerted(failed) {
			err = cmp.Or(c.wire.Err(), failed) // net/http blames a line whose end never came
		}
		if o.seen {
			a.time.recordUntil(err, check.Transfer, c.wire.Reading().Arrived.Since(first.Arrived), first.Arrived.Process())
		} else { // a reset has no stamp: its time is the process's
			r := c.wire.Reading()
			a.time.recordUntil(err, check.FirstByte, r.Arrived.Since(r.Sent), o.began)
		}
		return nil, c.explain(o.explain(err))
	}
	head := c.wire.Reading()
	a.time.record(check.Transfer, head.Arrived.Since(first.Arrived), 0) // so far, which is all of a redirect
	if o.version == check.HTTP1 && r.ProtoMajor != 1 {
		return nil, &verdict{reason: check.BadResponse, detail: "response claims to be " + r.Proto}
	}
	if r.StatusCode < 100 {
		return nil, &verdict{reason: check.BadResponse, detail: "response has an invalid status: " + r.Status}
	}
	a.res.Status, a.res.HTTP = r.StatusCode, strings.TrimPrefix(r.Proto, "HTTP/")
	if r.ProtoMajor >= 2 {
		a.res.HTTP = strconv.Itoa(r.ProtoMajor)
	}
	resp := &response{url: h.url, header: r.Header}
	next, broken := h.redirect(r, a.t.Redirects)
	if next != nil {
		resp.next = next
		return resp, nil
	}
	if broken != nil && broken.reason != check.RedirectInvalid {
		return nil, broken
	}
	resp.broken = broken

	began := time.Now()
	b, err := readBody(r, a.t.MaxBody, useOf(a.t.Settings), a.share)
	last := c.wire.Reading()
	a.time.noteStamps(last)
	a.time.recordUntil(err, check.Transfer, last.Arrived.Since(head.Arrived), began)
	if last.Received-first.Received > largeTransfer {
		a.time.uncertainty += a.time.lateness(began)
	}
	a.res.BytesWire, a.res.BytesBody, a.res.BodyTruncated = b.wire, b.size, b.truncated
	a.res.Complete = err == nil
	resp.body = b
	a.noteShort(resp)
	if err != nil {
		return nil, &exchangeError{error: err, inBody: true, live: live(r)}
	}
	return resp, nil
}

// largeTransfer is the smallest receive buffer that Linux starts with, less
// what it keeps for itself: more than that, and a late reader stops the sender.
const largeTransfer = 64 << 10

// An observer is the connection of one exchange. It takes the readings of the
// clocks at the instants that count, and keeps how the response began.
type observer struct {
	net.Conn // what HTTP is spoken over: the wire, or TLS
	wire     *wire.Conn
	share    *share
	version  check.HTTPVersion // HTTP1 or HTTP2
	began    time.Time

	start    []byte       // of the response, as much as is shown
	first    wire.Reading // when its first byte had been read, and no more than that read brought
	segments int          // that the first byte may have been merged of
	seen     bool         // first and segments are set
}

// Read notes the first bytes.
func (o *observer) Read(p []byte) (int, error) {
	n, err := o.Conn.Read(p)
	if room := redact.MaxServer - len(o.start); room > 0 {
		o.start = append(o.start, p[:min(n, room)]...)
	}
	return n, err
}

func (o *observer) noteFirstByte() {
	o.first, o.segments, o.seen = o.wire.Reading(), o.wire.Merged(), true
}

// explain adds to an error without a response what classify has to know.
func (o *observer) explain(err error) exchangeError {
	return exchangeError{error: err, version: o.version, start: string(o.start)}
}
