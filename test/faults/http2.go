package faults

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"strings"
	"time"

	"rollcall/internal/testnet"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// http2Faults speak HTTP/2, or what they take for it.
func http2Faults() []testnet.Server {
	return []testnet.Server{
		{Name: "h2-ok", Description: "HTTP/2 and HTTP/1.1 by ALPN", Start: h2Page,
			CounterpartOf: "h2-goaway h2-goaway-first h2-refused-stream h2-reset h2-reset-body h2-truncated h2-hanging h2-silent h2-endless-headers h2-garbage h2-closing h2-http11 h2-absent"},
		{Name: "h2-raw-ok", Description: "HTTP/2 and no other by ALPN", CounterpartOf: "h2-goaway h2-reset h2-truncated", Start: overHTTP2(h2Respond)},
		{Name: "h2-absent", Description: "HTTP/1.1 without ALPN, for those who want HTTP/2",
			Start: testnet.WithTLS(func() *tls.Config { return new(tls.Config) })},
		{Name: "h2-http11", Description: "agrees on HTTP/2 and speaks HTTP/1.1", Start: overALPN(h2SpeakHTTP1)},
		{Name: "h2-garbage", Description: "agrees on HTTP/2 and does not speak HTTP", Start: overALPN(testnet.Send(strings.Repeat("this is not HTTP/2. ", 8)))},
		{Name: "h2-silent", Description: "agrees on HTTP/2 and says nothing", Start: overALPN(testnet.Hang)},
		{Name: "h2-closing", Description: "agrees on HTTP/2 and closes", Start: overALPN(testnet.CloseConn)},
		{Name: "h2-hanging", Description: "takes the request over HTTP/2 and never responds", Start: overHTTP2((*h2Client).drain)},
		{Name: "h2-goaway", Description: "takes the request over HTTP/2 and goes away",
			Start: overHTTP2(func(c *h2Client) { c.WriteGoAway(0, http2.ErrCodeInternal, []byte("going away")) })},
		{Name: "h2-goaway-first", Description: "goes away over HTTP/2 before it has seen a request", Start: overALPN(h2GoAwayFirst)},
		{Name: "h2-goaway-ok", Description: "responds over HTTP/2 and then goes away, as a server that shuts down",
			CounterpartOf: "h2-goaway", Start: overHTTP2(h2RespondAndGoAway)},
		{Name: "h2-refused-stream", Description: "refuses the request's stream, and ends",
			Start: overHTTP2(func(c *h2Client) { c.WriteRSTStream(c.stream, http2.ErrCodeRefusedStream) })},
		{Name: "h2-reset", Description: "resets the stream after the headers", Start: overHTTP2(func(c *h2Client) {
			c.head(false, ":status", "200")
			c.WriteRSTStream(c.stream, http2.ErrCodeInternal)
			c.drain()
		})},
		{Name: "h2-reset-body", Description: "resets the stream within the body", Start: overHTTP2(func(c *h2Client) {
			c.head(false, ":status", "200", "content-length", "1000")
			c.WriteData(c.stream, false, []byte("only this much"))
			c.WriteRSTStream(c.stream, http2.ErrCodeInternal)
			c.drain()
		})},
		{Name: "h2-truncated", Description: "ends the stream before the length that it announced", Start: overHTTP2(func(c *h2Client) {
			c.head(false, ":status", "200", "content-length", "1000")
			c.WriteData(c.stream, true, []byte("only this much"))
			c.drain()
		})},
		{Name: "h2-endless-headers", Description: "sends headers over HTTP/2 without end", Start: overHTTP2(h2EndlessHeaders)},
	}
}

// An h2Client is a client whose request has come over HTTP/2.
type h2Client struct {
	*testnet.Client
	*http2.Framer
	stream uint32 // of the request
}

// overALPN agrees on HTTP/2 whatever comes, and lets a handle the connection.
func overALPN(a testnet.ConnHandler) testnet.Starter { return agreeing(a, a, http2.NextProtoTLS) }

// agreeing agrees on one of protocols, and lets h2 act where that is HTTP/2, else
// other.
func agreeing(h2, other testnet.ConnHandler, protocols ...string) testnet.Starter {
	return func(n *testnet.Hosts, host string) (*testnet.Host, error) {
		config := &tls.Config{GetCertificate: n.Certificate(host), NextProtos: protocols}
		return testnet.OverTCP(func(ctx context.Context, c *testnet.Client) {
			c.SetReadDeadline(time.Now().Add(testnet.RequestTimeout))
			secure := tls.Server(c.Conn, config)
			c.Conn = secure
			if err := secure.HandshakeContext(ctx); err != nil {
				return
			}
			if secure.ConnectionState().NegotiatedProtocol == http2.NextProtoTLS {
				h2(ctx, c)
			} else {
				other(ctx, c)
			}
		})(n, host)
	}
}

// overHTTP2 calls respond for the first request that comes over HTTP/2.
func overHTTP2(respond func(*h2Client)) testnet.Starter { return overALPN(inHTTP2(respond)) }

func inHTTP2(respond func(*h2Client)) testnet.ConnHandler {
	return func(_ context.Context, c *testnet.Client) {
		preface := make([]byte, len(http2.ClientPreface))
		if _, err := io.ReadFull(c, preface); err != nil || string(preface) != http2.ClientPreface {
			return
		}
		h := &h2Client{Client: c, Framer: http2.NewFramer(c, c)}
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
				respond(h)
				return
			}
		}
	}
}

// h2Page is net/http's own HTTP/2, and HTTP/1.1 for those who want that.
func h2Page(n *testnet.Hosts, host string) (*testnet.Host, error) {
	return testnet.OwnListener(n.Serve(testnet.Page{Name: host}, &tls.Config{GetCertificate: n.Certificate(host)}))
}

// head writes the response's headers, which come in pairs of name and value.
func (h *h2Client) head(end bool, pairs ...string) {
	h.WriteHeaders(http2.HeadersFrameParam{StreamID: h.stream, BlockFragment: packed(pairs...), EndHeaders: true, EndStream: end})
}

// drain reads until the client goes away.
func (h *h2Client) drain() {
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

func h2Respond(h *h2Client) {
	h.WriteSettingsAck()
	h.head(false, ":status", "200", "content-type", "text/plain", "content-length", "2")
	h.WriteData(h.stream, true, []byte("ok"))
	h.drain()
}

func h2RespondAndGoAway(h *h2Client) {
	h.head(false, ":status", "200", "content-length", "2")
	h.WriteGoAway(h.stream, http2.ErrCodeNo, nil)
	h.WriteData(h.stream, true, []byte("ok"))
	h.drain()
}

func h2GoAwayFirst(_ context.Context, c *testnet.Client) {
	h := h2Client{Client: c, Framer: http2.NewFramer(c, c)}
	h.WriteSettings()
	h.WriteGoAway(0, http2.ErrCodeNo, nil)
}

// h2EndlessHeaders sends fields in frames that never say that they are the
// last (the CONTINUATION flood).
func h2EndlessHeaders(h *h2Client) {
	h.WriteHeaders(http2.HeadersFrameParam{StreamID: h.stream, BlockFragment: packed(":status", "200")})
	field := packed("x-endless", strings.Repeat("x", 8<<10))
	for h.WriteContinuation(h.stream, false, field) == nil {
	}
}

// h2SpeakHTTP1 is a server whose ALPN promises too much.
func h2SpeakHTTP1(ctx context.Context, c *testnet.Client) {
	testnet.Sequence(afterHello(testnet.Send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")), testnet.Hang)(ctx, c)
}
