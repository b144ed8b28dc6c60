package stage

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// http2Rogues speak HTTP/2, or what they take for it.
func http2Rogues() []rogue {
	return []rogue{
		{name: "h2-ok", description: "HTTP/2 and HTTP/1.1 by ALPN", start: h2Page,
			beside: "h2-goaway h2-goaway-first h2-refused-stream h2-reset h2-reset-body h2-truncated h2-hanging h2-silent h2-endless-headers h2-garbage h2-closing h2-http11 h2-absent"},
		{name: "h2-raw-ok", description: "HTTP/2 and no other by ALPN", beside: "h2-goaway h2-reset h2-truncated", start: overHTTP2(h2Answers)},
		{name: "h2-absent", description: "HTTP/1.1 without ALPN, for those who want HTTP/2",
			start: secured(func() *tls.Config { return new(tls.Config) })},
		{name: "h2-http11", description: "agrees on HTTP/2 and speaks HTTP/1.1", start: overALPN(h2SaysHTTP1)},
		{name: "h2-garbage", description: "agrees on HTTP/2 and speaks no HTTP", start: overALPN(says(strings.Repeat("this is no HTTP/2. ", 8)))},
		{name: "h2-silent", description: "agrees on HTTP/2 and says nothing", start: overALPN(hang)},
		{name: "h2-closing", description: "agrees on HTTP/2 and closes", start: overALPN(leave)},
		{name: "h2-hanging", description: "takes the request over HTTP/2 and never answers", start: overHTTP2((*h2Caller).drain)},
		{name: "h2-goaway", description: "takes the request over HTTP/2 and goes away",
			start: overHTTP2(func(c *h2Caller) { c.WriteGoAway(0, http2.ErrCodeInternal, []byte("going away")) })},
		{name: "h2-goaway-first", description: "goes away over HTTP/2 before it has seen a request", start: overALPN(h2GoesFirst)},
		{name: "h2-goaway-ok", description: "answers over HTTP/2 and then goes away, as a server that shuts down",
			beside: "h2-goaway", start: overHTTP2(h2AnswersAndGoes)},
		{name: "h2-refused-stream", description: "refuses the request's stream, and ends",
			start: overHTTP2(func(c *h2Caller) { c.WriteRSTStream(c.stream, http2.ErrCodeRefusedStream) })},
		{name: "h2-reset", description: "resets the stream after the headers", start: overHTTP2(func(c *h2Caller) {
			c.head(false, ":status", "200")
			c.WriteRSTStream(c.stream, http2.ErrCodeInternal)
			c.drain()
		})},
		{name: "h2-reset-body", description: "resets the stream within the body", start: overHTTP2(func(c *h2Caller) {
			c.head(false, ":status", "200", "content-length", "1000")
			c.WriteData(c.stream, false, []byte("only this much"))
			c.WriteRSTStream(c.stream, http2.ErrCodeInternal)
			c.drain()
		})},
		{name: "h2-truncated", description: "ends the stream before the length that it announced", start: overHTTP2(func(c *h2Caller) {
			c.head(false, ":status", "200", "content-length", "1000")
			c.WriteData(c.stream, true, []byte("only this much"))
			c.drain()
		})},
		{name: "h2-endless-headers", description: "sends headers over HTTP/2 without end", start: overHTTP2(h2EndlessHeaders)},
	}
}

// An h2Caller is a client whose request has come over HTTP/2.
type h2Caller struct {
	*caller
	*http2.Framer
	stream uint32 // of the request
}

// overALPN agrees on HTTP/2 whatever comes, and lets a act.
func overALPN(a act) starter {
	return func(n *internet, host string) (*site, error) {
		config := &tls.Config{GetCertificate: n.sound(host), NextProtos: []string{http2.NextProtoTLS}}
		return overTCP(func(ctx context.Context, c *caller) {
			c.SetReadDeadline(time.Now().Add(patience))
			secure := tls.Server(c.Conn, config)
			c.Conn = secure
			if err := secure.HandshakeContext(ctx); err == nil {
				a(ctx, c)
			}
		})(n, host)
	}
}

// overHTTP2 lets answer act on every request that comes over HTTP/2.
func overHTTP2(answer func(*h2Caller)) starter {
	return overALPN(func(_ context.Context, c *caller) {
		preface := make([]byte, len(http2.ClientPreface))
		if _, err := io.ReadFull(c, preface); err != nil || string(preface) != http2.ClientPreface {
			return
		}
		h := &h2Caller{caller: c, Framer: http2.NewFramer(c, c)}
		if h.WriteSettings() != nil {
			return
		}
		for {
			frame, err := h.ReadFrame()
			if err != nil {
				return
			}
			if headers, ok := frame.(*http2.HeadersFrame); ok {
				h.stream = headers.StreamID
				answer(h)
				return
			}
		}
	})
}

// h2Page is net/http's own HTTP/2, and HTTP/1.1 for those who want that.
func h2Page(n *internet, host string) (*site, error) {
	return owned(n.serve(page{name: host}, &tls.Config{GetCertificate: n.sound(host)}))
}

// head writes the answer's headers, which come in pairs of name and value.
func (h *h2Caller) head(end bool, pairs ...string) {
	h.WriteHeaders(http2.HeadersFrameParam{StreamID: h.stream, BlockFragment: packed(pairs...), EndHeaders: true, EndStream: end})
}

// drain reads until the client goes away.
func (h *h2Caller) drain() {
	h.SetReadDeadline(time.Time{})
	io.Copy(io.Discard, h.Conn)
}

// packed is headers as HPACK has them (RFC 7541).
func packed(pairs ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(pairs); i += 2 {
		e.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]}) // a bytes.Buffer takes everything
	}
	return b.Bytes()
}

func h2Answers(h *h2Caller) {
	h.WriteSettingsAck()
	h.head(false, ":status", "200", "content-type", "text/plain", "content-length", "2")
	h.WriteData(h.stream, true, []byte("ok"))
	h.drain()
}

func h2AnswersAndGoes(h *h2Caller) {
	h.head(false, ":status", "200", "content-length", "2")
	h.WriteGoAway(h.stream, http2.ErrCodeNo, nil)
	h.WriteData(h.stream, true, []byte("ok"))
	h.drain()
}

func h2GoesFirst(_ context.Context, c *caller) {
	h := h2Caller{caller: c, Framer: http2.NewFramer(c, c)}
	h.WriteSettings()
	h.WriteGoAway(0, http2.ErrCodeNo, nil)
}

// h2EndlessHeaders sends fields in frames that never say that they are the
// last (the CONTINUATION flood).
func h2EndlessHeaders(h *h2Caller) {
	h.WriteHeaders(http2.HeadersFrameParam{StreamID: h.stream, BlockFragment: packed(":status", "200")})
	field := packed("x-endless", strings.Repeat("x", 8<<10))
	for h.WriteContinuation(h.stream, false, field) == nil {
	}
}

// h2SaysHTTP1 is a server whose ALPN promises too much.
func h2SaysHTTP1(ctx context.Context, c *caller) {
	then(afterHello(says("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")), hang)(ctx, c)
}
