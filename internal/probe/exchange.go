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

// exchange sends the hop's request over c, reads the response, and closes c. The body
// is not read where a redirect is followed.
func (a *attempt) exchange(c *connection, h *hop) (resp *response, err error) {
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
	defer func() {
		a.time.settle(c, c.wire.Reading())
		if resp == nil {
			c.wire.Close() // first, so that nobody waits for the rest of a body
		}
		conn.Close()
	}()
	r, err := conn.roundTrip(h)
	a.warn(o.warnings)
	if _, judged := errors.AsType[*verdict](err); err != nil && !judged && !alerted(err) {
		err = cmp.Or(c.wire.Err(), err) // net/http blames a line whose end never came
	}
	head := c.wire.Reading()
	a.time.recordHead(c, o, head, err)
	switch {
	case err != nil:
		return nil, c.explain(exchangeError{error: err, version: version, start: string(o.start)})
	case version == check.HTTP1 && r.ProtoMajor != 1:
		return nil, &verdict{reason: check.BadResponse, detail: "response claims to be " + r.Proto}
	case r.StatusCode < 100:
		return nil, &verdict{reason: check.BadResponse, detail: "response has an invalid status: " + r.Status}
	}
	a.res.Status, a.res.HTTP = r.StatusCode, strings.TrimPrefix(r.Proto, "HTTP/")
	if r.ProtoMajor >= 2 {
		a.res.HTTP = strconv.Itoa(r.ProtoMajor)
	}
	next, broken := h.redirect(r, a.t.Redirects)
	if next != nil {
		return &response{next: next}, nil
	}
	if broken != nil && broken.reason != check.RedirectInvalid {
		return nil, broken
	}

	began := time.Now()
	b := body{share: a.share}
	err = b.read(r, a.t.MaxBody, useOf(a.t.Settings), false)
	last := c.wire.Reading()
	a.time.noteStamps(last)
	a.time.recordUntil(err, check.Transfer, last.Arrived.Since(head.Arrived), began)
	if last.Received-o.first.Received > largeTransfer {
		a.time.uncertainty += a.time.lateness(began)
	}
	a.res.BytesWire, a.res.BytesBody, a.res.BodyTruncated = b.wire, b.size, b.truncated
	a.res.Complete = err == nil
	a.noteShort(b)
	if err != nil {
		return nil, &exchangeError{error: err, inBody: true, live: live(r)}
	}
	return &response{url: h.url, header: r.Header, body: b, broken: broken}, nil
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
	warnings []string     // what was wrong with a head that was read all the same
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
