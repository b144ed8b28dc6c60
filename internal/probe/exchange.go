package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/wire"
)

// maxHeaders bounds an answer's headers.
const maxHeaders = 256 << 10

// A hop is one request of a check: the first, or what a redirect asks for.
type hop struct {
	url    *url.URL
	method string
	host   string      // "" is the URL's
	header http.Header // never changed once the hop is made
	body   string
	tls    check.TLSSettings
	count  int // redirects followed to get here
}

// encodings are what we decode ourselves.
var encodings = []string{"gzip, deflate"}

func (p *Prober) firstHop(t *check.Target) *hop {
	header := make(http.Header, len(t.Header)+4)
	maps.Copy(header, t.Header)
	introduce(header, t.UserAgent, p.own)
	if _, set := header["Accept-Encoding"]; !set {
		header["Accept-Encoding"] = encodings
	}
	host := header.Get("Host") // is no header in net/http
	delete(header, "Host")
	return &hop{url: t.URL, method: t.Method, host: host, header: header, body: t.Body, tls: t.TLS}
}

// request is the hop as net/http wants it.
func (h *hop) request(ctx context.Context) *http.Request {
	req := &http.Request{
		Method: h.method, URL: h.url, Host: h.host, Header: h.header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		ContentLength: int64(len(h.body)), Body: http.NoBody,
	}
	if h.body != "" {
		req.Body = readCloser{strings.NewReader(h.body)}
	}
	return req.WithContext(ctx)
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// connKey is the context key under which a check hands its connection to the
// transport.
type connKey struct{}

// protocolNames are what is offered by ALPN.
var protocolNames = [...][]string{
	check.HTTP1:   nil, // a server that knows no ALPN speaks it
	check.HTTP2:   {"h2"},
	check.AnyHTTP: {"h2", "http/1.1"},
}

// newHTTP2 returns the transport of all checks over HTTP/2. It holds no
// connection: NewClientConn pools nothing, and takes what the context brings,
// on the caller's goroutine, with its TLS already spoken. Proxy stays nil, or
// HTTPS_PROXY would walk around the guard.
func newHTTP2() *http.Transport {
	hand := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return ctx.Value(connKey{}).(net.Conn), nil
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Transport{
		DialContext:            hand,
		DialTLSContext:         hand,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeaders,
		Protocols:              protocols,
	}
}

// An answer is what came back on one connection.
type answer struct {
	status int
	url    *url.URL // asked for
	header http.Header
	body   body
	next   *hop // the redirect to follow; nil: this answer counts
}

// exchange sends the hop's request and reads the answer to its end.
func (a *attempt) exchange(ctx context.Context, l link, h *hop) (ans *answer, err error) {
	a.phase = check.FirstByte
	spoken, err := a.spoken(l)
	if err != nil {
		return nil, err
	}
	w := newWatch(l.wire, spoken)
	begin := &beginning{Conn: l.top, spoken: spoken}
	talk, err := a.converse(ctx, begin, w, h.url)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.wire.Close() // first, so that nobody waits for the rest of a body
		}
		l.wire.Hold(spoken == check.HTTP1 && h.body == "" && !a.res.BodyTruncated) // nobody else writes, and all is read
		talk.Close()                                                               // says goodbye, as TLS wants it, unless that is too late
	}()
	resp, err := talk.RoundTrip(h.request(w.traced(ctx)))
	a.noteStamps(l.wire.Reading())
	if err != nil {
		err = cmp.Or(l.wire.Err(), err) // net/http blames a line whose end never came
		a.unanswered(w, err)
		return nil, a.clientCertificate(begin.strange(w.tooLarge(err)))
	}
	return a.finish(w, h, resp)
}

// A conversation is one request and its answer.
type conversation interface {
	http.RoundTripper
	io.Closer
}

func (a *attempt) converse(ctx context.Context, conn *beginning, w *watch, u *url.URL) (conversation, error) {
	if conn.spoken == check.HTTP1 {
		return newHTTP1(conn, w.noteFirstByte), nil
	}
	return a.p.http2.NewClientConn(context.WithValue(ctx, connKey{}, conn), u.Scheme, net.JoinHostPort(u.Hostname(), "0"))
}

// spoken is the version that both sides agreed on.
func (a *attempt) spoken(l link) (check.HTTPVersion, error) {
	secure, ok := l.top.(*tls.Conn)
	switch {
	case !ok:
		return a.t.HTTP % check.AnyHTTP, nil // without TLS nothing is negotiated
	case secure.ConnectionState().NegotiatedProtocol == "h2":
		return check.HTTP2, nil
	case a.t.HTTP == check.HTTP2:
		return check.HTTP1, noHTTP2()
	}
	return check.HTTP1, nil
}

func headersTooLarge() error {
	return &verdict{reason: check.HeadersTooLarge, detail: tooManyHeaders}
}

func noHTTP2() error {
	return &verdict{reason: check.BadResponse, detail: notHTTP2}
}

// clientCertificate finds the real reason of a refusal: a TLS 1.3 server says
// only at the first read that it wanted a certificate.
func (a *attempt) clientCertificate(err error) error {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || !a.wanted || op.Op != "remote error" {
		return err
	}
	a.phase = check.TLS
	return wantsCertificate()
}

// unanswered measures what there was of an answer without a status. A reset
// has no stamp: its time is the process's.
func (a *attempt) unanswered(w *watch, err error) {
	first, some := w.firstByte()
	if some {
		a.add(check.FirstByte, first.Arrived.Since(first.Sent))
		a.uncertainty += first.Gap + a.merged(w, first)
		a.phase = check.Transfer
		a.endPhase(check.Transfer, w.conn.Reading().Arrived.Since(first.Arrived), err, first.Arrived.Process())
		return
	}
	a.endPhase(check.FirstByte, wire.Span{}, err, w.began)
}

// endPhase adds a phase that ended with err: as long as stamped unless the
// connection's own end, which has no stamp, ended it.
func (a *attempt) endPhase(phase check.Phase, stamped wire.Span, err error, began time.Time) {
	if err != nil && ended(err) {
		took := time.Since(began)
		stamped = wire.Span{Kernel: took, Process: took}
		a.uncertainty += a.lateSince(began)
	}
	a.add(phase, stamped)
}

// finish reads what follows the headers, unless the answer sends us on.
func (a *attempt) finish(w *watch, h *hop, resp *http.Response) (*answer, error) {
	first, _ := w.firstByte()
	a.add(check.FirstByte, first.Arrived.Since(first.Sent))
	a.uncertainty += first.Gap + a.merged(w, first)
	a.phase = check.Transfer
	if w.spoken == check.HTTP1 && resp.ProtoMajor != 1 {
		return nil, &verdict{reason: check.BadResponse, detail: "answer claims to be " + resp.Proto}
	}
	if resp.StatusCode < 100 {
		return nil, &verdict{reason: check.BadResponse, detail: "answer has a status that is none: " + resp.Status}
	}
	a.inBody = true
	a.res.Status, a.res.HTTP = resp.StatusCode, version(resp)
	ans := &answer{status: resp.StatusCode, url: h.url, header: resp.Header}
	next, err := a.redirect(h, resp)
	v, _ := errors.AsType[*verdict](err)
	switch {
	case next != nil:
		a.inBody = false
		ans.next = next
		return ans, nil
	case v != nil && v.reason != check.RedirectInvalid:
		return nil, v
	}
	if err := a.transfer(w, ans, resp); err != nil {
		return nil, err
	}
	if v != nil && !a.asExpected(ans) {
		a.res.Complete = false
		return nil, v
	}
	return ans, nil
}

// version is the protocol that the answer came in.
func version(resp *http.Response) string {
	if resp.ProtoMajor >= 2 {
		return strconv.Itoa(resp.ProtoMajor)
	}
	return strings.TrimPrefix(resp.Proto, "HTTP/")
}

// merged is how far off the first byte can be where the kernel merged
// segments: it keeps the last one's stamp, so a body that trickles behind its
// head is taken for it by a reader who is late.
func (a *attempt) merged(w *watch, first wire.Reading) time.Duration {
	if w.segments < 2 {
		return 0
	}
	return min(a.lateSince(w.began), first.Arrived.Since(first.Sent).Kernel)
}

// largeTransfer is the smallest receive buffer that Linux starts with, less
// what it keeps for itself: more than that, and a late reader stops the sender.
const largeTransfer = 64 << 10

// transfer reads the body and measures it.
func (a *attempt) transfer(w *watch, ans *answer, resp *http.Response) error {
	began := time.Now()
	var err error
	ans.body, err = readBody(resp, a.t.MaxBody, a.t.Reads("body") || a.t.Reads("json"))
	first, _ := w.firstByte()
	last := w.conn.Reading()
	a.noteStamps(last)
	a.res.BytesWire, a.res.BytesBody, a.res.BodyTruncated = ans.body.wire, ans.body.size, ans.body.truncated
	a.res.Complete = err == nil
	a.endPhase(check.Transfer, last.Arrived.Since(first.Arrived), err, began)
	if last.Received-first.Received > largeTransfer || w.spoken == check.HTTP2 { // whose connection is read on, and may have moved the last stamp
		a.uncertainty += a.lateSince(began)
	}
	return err
}
