package probe

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"rollcall/internal/check"
	"rollcall/internal/weburl"
	"rollcall/internal/wire"
)

// askedOver2 checks a target over HTTP/2 at a server of net/http, whose handler
// says what came.
func askedOver2(t *testing.T, conf *http.HTTP2Config, h http.HandlerFunc, change func(*check.Settings)) check.Result {
	t.Helper()
	return overTCP(t, func(c net.Conn) { serveHTTP2(c, conf, h) }, "/p?q=1", change)
}

// serveHTTP2 lets net/http serve HTTP/2 on one connection, until its end.
func serveHTTP2(c net.Conn, conf *http.HTTP2Config, h http.Handler) {
	s := &http.Server{Handler: h, HTTP2: conf, Protocols: new(http.Protocols)}
	s.Protocols.SetUnencryptedHTTP2(true)
	l := oneConn{make(chan net.Conn, 1), c.LocalAddr()}
	l.conns <- c
	s.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(l.conns)
		}
	}
	s.Serve(l)
}

// A oneConn is a listener that accepts one connection.
type oneConn struct {
	conns chan net.Conn
	addr  net.Addr
}

func (l oneConn) Accept() (net.Conn, error) {
	if c, ok := <-l.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (l oneConn) Close() error   { return nil }
func (l oneConn) Addr() net.Addr { return l.addr }

// overTCP checks a path over HTTP/2 at a server that serves one connection: a pipe
// has no room for what neither side waits for.
func overTCP(t *testing.T, serve func(net.Conn), path string, change func(*check.Settings)) check.Result {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			defer c.Close()
			serve(c)
		}
	}()
	return proberFor(t, nil).Probe(t.Context(), target("http://"+l.Addr().String()+path, func(s *check.Settings) { s.HTTP = check.HTTP2 }, change))
}

// TestHTTP2Request looks at what reaches the server.
func TestHTTP2Request(t *testing.T) {
	long := strings.Repeat("long ", 10_000) // three frames of headers
	got := make(chan *http.Request, 1)
	res := askedOver2(t, nil, func(_ http.ResponseWriter, r *http.Request) { got <- r }, func(s *check.Settings) {
		s.Header = http.Header{
			"Host": {"b.example"}, "X-Two": {"1", "2"}, "X-Long": {long}, "Cookie": {"a=1; b=2"},
			"Connection": {"close"}, "Keep-Alive": {"5"}, "Transfer-Encoding": {"identity"}, "Upgrade": {"h3"}, "Proxy-Connection": {"x"}, "Te": {"gzip"}, "Content-Length": {"7"},
		}
	})
	if res.State != check.Up || res.HTTP != "2" {
		t.Fatalf("%v: %s", res.Reason, res.Detail)
	}
	r := <-got
	if r.Method != "GET" || r.Host != "b.example" || r.RequestURI != "/p?q=1" || r.ContentLength != 0 {
		t.Errorf("%s %s of %s, %d bytes", r.Method, r.RequestURI, r.Host, r.ContentLength)
	}
	want := http.Header{
		"X-Two": {"1", "2"}, "X-Long": {long}, "Cookie": {"a=1; b=2"}, "User-Agent": {"rollcall/test"}, "Accept": {"*/*"},
		"Accept-Encoding": r.Header["Accept-Encoding"],
	}
	if fmt.Sprint(r.Header) != fmt.Sprint(want) {
		t.Errorf("headers %.300s, want %.300s", fmt.Sprint(r.Header), fmt.Sprint(want))
	}
}

// TestHTTP2Upload: a request of any size arrives whole, through windows of any
// size, and one that nobody reads has its response all the same.
func TestHTTP2Upload(t *testing.T) {
	narrow := &http.HTTP2Config{MaxReceiveBufferPerStream: firstWindow, MaxReceiveBufferPerConnection: firstWindow}
	for _, test := range []struct {
		name string
		conf *http.HTTP2Config
		size int
		read bool
	}{
		{"one byte", nil, 1, true}, {"a window", nil, firstWindow, true}, {"one byte more", nil, firstWindow + 1, true},
		{"large", nil, 3 << 20, true}, {"large, through a keyhole", narrow, 1 << 20, true},
		{"unread", narrow, 3 << 20, false},
	} {
		var seen [2]atomic.Int64 // by the server: the length that was announced, and what came
		res := askedOver2(t, test.conf, func(w http.ResponseWriter, r *http.Request) {
			seen[0].Store(r.ContentLength)
			if test.read {
				n, _ := io.Copy(io.Discard, r.Body)
				seen[1].Store(n)
			}
			io.WriteString(w, "ok")
		}, func(s *check.Settings) { s.Method, s.Body = "POST", strings.Repeat("x", test.size) })
		announced, sum := seen[0].Load(), seen[1].Load()
		if res.State != check.Up || test.read && sum != int64(test.size) || announced != int64(test.size) || res.BytesBody != 2 {
			t.Errorf("%s: %v (%s), %d bytes of %d came, announced as %d", test.name, res.Reason, res.Detail, sum, test.size, announced)
		}
	}
}

// TestHTTP2WithoutBody: what has no body by its nature may name a length.
func TestHTTP2WithoutBody(t *testing.T) {
	for _, test := range []struct {
		method string
		status int
		fields []string
		want   check.Reason
	}{
		{"HEAD", 200, []string{"content-length", "5"}, check.OK},
		{"GET", 304, []string{"content-length", "5"}, check.Status},
		{"GET", 204, nil, check.OK},
		{"GET", 200, []string{"content-length", "0"}, check.OK},
		{"GET", 200, []string{"content-length", "5", "content-length", "6"}, check.OK}, // which says nothing
		{"GET", 200, []string{"content-length", "5", "content-length", "5"}, check.BodyTruncated},
		{"GET", 200, []string{"content-length", "5"}, check.BodyTruncated},
	} {
		res := overTCP(t, speakingHTTP2(func(f *http2.Framer) {
			headersEnding(f, append([]string{":status", fmt.Sprint(test.status)}, test.fields...)...)
		}), "/", func(s *check.Settings) { s.Method = test.method })
		if res.Reason != test.want || res.Status != test.status || res.Complete != (test.want != check.BodyTruncated) {
			t.Errorf("%s, %d, %q: %v (%s), want %v", test.method, test.status, test.fields, res.Reason, res.Detail, test.want)
		}
	}
}

// headersEnding writes headers that end the response.
func headersEnding(f *http2.Framer, fields ...string) {
	f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block(fields...), EndHeaders: true, EndStream: true})
}

// TestHTTP2BoundsHeaders: 256 KiB of them as RFC 9113 counts, all heads of a
// response together, however they are packed.
func TestHTTP2BoundsHeaders(t *testing.T) {
	value := strings.Repeat("x", 1000)
	for name, test := range map[string]struct {
		respond func(*http2.Framer)
		want    check.Reason
	}{
		"many interim responses": {func(f *http2.Framer) {
			for range 300 {
				headers(f, ":status", "103", "x", value)
			}
			headersEnding(f, ":status", "200")
		}, check.HeadersTooLarge},
		"some interim responses": {func(f *http2.Framer) {
			for range 200 {
				headers(f, ":status", "103", "x", value)
			}
			headersEnding(f, ":status", "200")
		}, check.OK},
		"one field, again and again, in a byte each": {func(f *http2.Framer) {
			b := block(":status", "200", "x", value)
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: append(b, strings.Repeat("\xbe", 1000)...), EndHeaders: true, EndStream: true})
		}, check.HeadersTooLarge},
		"trailers": {func(f *http2.Framer) {
			headers(f, ":status", "200")
			for range 2 { // the second is too many anyway
				var fields []string
				for range 400 {
					fields = append(fields, "x", value)
				}
				headers(f, fields...)
			}
		}, check.HeadersTooLarge},
		"a block that says nothing": {func(f *http2.Framer) {
			nothing := []byte(strings.Repeat("\x20", 16<<10)) // sets the size of a table to 0, again and again
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: nothing, EndStream: true})
			for range 20 {
				f.WriteContinuation(1, false, nothing)
			}
			f.WriteContinuation(1, true, block(":status", "200"))
		}, check.HeadersTooLarge},
		"empty continuations": {func(f *http2.Framer) {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block(":status", "200")})
			for range maxFrames + 1 {
				f.WriteContinuation(1, false, nil)
			}
		}, check.HeadersTooLarge},
	} {
		res := overTCP(t, speakingHTTP2(test.respond), "/", func(*check.Settings) {})
		if res.Reason != test.want {
			t.Errorf("%s: %v (%s), want %v", name, res.Reason, res.Detail, test.want)
		}
	}
}

// TestHTTP2AcksAreNotRequests: what a server wants acknowledged while it takes its
// time does not make its first byte faster.
func TestHTTP2AcksAreNotRequests(t *testing.T) {
	const hold = 50 * time.Millisecond
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		speakingHTTP2(func(f *http2.Framer) {
			time.Sleep(hold)
			f.WritePing(false, [8]byte{})
			for frame, err := f.ReadFrame(); err == nil; frame, err = f.ReadFrame() {
				if ping, ok := frame.(*http2.PingFrame); ok && ping.IsAck() {
					break
				}
			}
			time.Sleep(hold)
			headersEnding(f, ":status", "200")
		})(c)
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	w := wire.New(conn)
	defer w.Close()
	o := &observer{Conn: w, wire: w, share: &share{of: &memory{limit: 1 << 30}, taken: check.InFlight}}
	if resp, err := newHTTP2(o).roundTrip(&hop{method: "GET", url: weburl.Parsed("http://a.example/")}); err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	if span := o.first.Arrived.Since(o.first.Sent); span.Process < 2*hold {
		t.Errorf("the first byte came after %v, want at least %v", span.Process, 2*hold)
	}
}
