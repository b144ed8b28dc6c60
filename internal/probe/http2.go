package probe

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"

	"rollcall/internal/check"
	"rollcall/internal/wire"
)

// protocolNames are what is offered by ALPN.
var protocolNames = [...][]string{
	check.HTTP1:   nil, // a server that knows no ALPN speaks it
	check.HTTP2:   {"h2"},
	check.AnyHTTP: {"h2", "http/1.1"},
}

// connKey is the context key under which a check hands its connection to the
// transport.
type connKey struct{}

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

// traced samples the clock of a response over HTTP/2, synchronously, on the
// goroutine that reads: before it reads on, and the latest stamp moves. It notes
// when the request left, too: HTTP/2 has flushed it by then and writes other
// things before the response comes. HTTP/1.1 has not, and does not.
func (o *observer) traced(ctx context.Context) context.Context {
	noteSent := func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		at, gap := o.wire.Sent()
		o.sent = func(r *wire.Reading) { r.Sent, r.Gap = at, gap }
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotFirstResponseByte: o.noteFirstByte,
		WroteHeaders:         noteSent,
		WroteRequest:         func(httptrace.WroteRequestInfo) { noteSent() },
	})
}
