package faults

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"rollcall/internal/testnet"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// packedFaults have a body in Brotli or zstd, soundly, badly or with malice. It
// matters to those who read it.
func packedFaults() []testnet.Server {
	const window2G = "\x28\xb5\x2f\xfd\x00\xa8\x09\x00\x00x" // a frame of one byte (RFC 8878, 3.1.1)
	zeros := func() string { return strings.Repeat("\x00", 16<<20) }
	return []testnet.Server{
		counterpart("br-corrupt br-not", encoded("br", "its body is sound Brotli", "br", brotlied)),
		counterpart("br-corrupt", encoded("br-padded", "has garbage after its Brotli", "br", func() string { return brotlied() + "this is garbage" })),
		encoded("br-corrupt", "its Brotli is corrupt", "br", damaged(brotlied)),
		encoded("br-not", "says Brotli and has plain text", "br", prose),
		counterpart("br-not", encoded("br-bomb", "a body of 16 MiB in some bytes of Brotli", "br",
			func() string { return compressed(zeros(), brotliWriter) })),
		counterpart("zstd-corrupt zstd-window", encoded("zstd", "its body is sound zstd", "zstd", func() string { return compressed(prose(), zstdWriter) })),
		encoded("zstd-corrupt", "its zstd is corrupt", "zstd", damaged(func() string { return compressed(prose(), zstdWriter) })),
		encoded("zstd-window", "its zstd wants a window of 2 GiB", "zstd", func() string { return window2G }),
		counterpart("zstd-window", encoded("zstd-bomb", "a body of 16 MiB in a few kB of zstd", "zstd", func() string { return compressed(zeros(), zstdWriter) })),
		encoded("gzip-four-times", "its body is gzip within gzip, four times", "gzip, gzip, gzip, gzip", func() string { return zip(zip(zip(gzipped()))) }),
		counterpart("gzip-four-times", encoded("gzip-three-times", "its body is gzip within gzip, three times", "gzip, gzip\r\nContent-Encoding: gzip",
			func() string { return zip(zip(gzipped())) })),
		counterpart("gzip-four-times", encoded("gzip-of-nothings", "100,000 empty members of gzip, as gzip", "gzip, gzip",
			func() string { return zip(strings.Repeat(zip(""), 100_000)) })),
		counterpart("gzip-not", encoded("encoding-blank", "has a blank encoding beside gzip", "\r\nContent-Encoding: gzip", gzipped)),
	}
}

func brotlied() string { return compressed(prose(), brotliWriter) }

func brotliWriter(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) }

func zstdWriter(w io.Writer) io.WriteCloser {
	z, _ := zstd.NewWriter(w) // fails for options that do not exist
	return z
}

// cookieFaults set cookies and redirect to themselves: well, in a circle, or
// without end.
func cookieFaults() []testnet.Server {
	var sessions atomic.Int64
	return []testnet.Server{
		{Name: "cookie-wall", Description: "sets a cookie, redirects to itself, and lets in who brings it",
			CounterpartOf: "redirect-loop cookie-circle cookie-sessions", Start: testnet.Shared(func(w http.ResponseWriter, r *http.Request) {
				if _, err := r.Cookie("seen"); err == nil {
					testnet.Respond(w, http.StatusOK, "welcome")
					return
				}
				again(w, "seen=1; Path=/; HttpOnly")
			})},
		{Name: "cookie-circle", Description: "sets the same cookie and redirects to itself, always",
			Start: testnet.Shared(func(w http.ResponseWriter, _ *http.Request) { again(w, "seen=1; Path=/") })},
		{Name: "cookie-sessions", Description: "sets another cookie each time and redirects to itself",
			Start: testnet.Shared(func(w http.ResponseWriter, _ *http.Request) {
				again(w, fmt.Sprintf("session=%d; Path=/", sessions.Add(1)))
			})},
		{Name: "cookies-ten-thousand", Description: "sets 10,000 cookies with its redirect", Start: testnet.Shared(manyCookies(10_000))},
		{Name: "cookies-900", Description: "sets 900 cookies with its redirect",
			CounterpartOf: "cookies-ten-thousand cookie-circle", Start: testnet.Shared(manyCookies(900))},
	}
}

func again(w http.ResponseWriter, cookie string) {
	w.Header().Add("Set-Cookie", cookie)
	w.Header().Set("Location", "/")
	testnet.Respond(w, http.StatusFound, "again")
}

// shruggedFaults have a head that no standard knows and every browser reads, or
// a body that has no end by its nature.
func shruggedFaults() []testnet.Server {
	const chunks = "2\r\nok\r\n0\r\n\r\n"
	ok := func(name, beside, description, lines, body string) testnet.Server {
		return testnet.Server{Name: name, Description: description, CounterpartOf: beside,
			Start: testnet.OverHTTP(testnet.Send(testnet.Head + lines + "Connection: close\r\n\r\n" + body))}
	}
	return []testnet.Server{
		ok("transfer-identity", "bad-transfer-encoding", "has the transfer encoding identity", "Transfer-Encoding: identity\r\n", "ok"),
		ok("transfer-empty", "bad-transfer-encoding", "has an empty transfer encoding", "Transfer-Encoding:\r\nContent-Length: 2\r\n", "ok"),
		ok("chunked-twice", "bad-transfer-encoding bad-chunk", "says chunked twice, and is it once", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunks),
		ok("length-list", "two-lengths", "says its length twice in one line", "Content-Length: 2, 2\r\n", "ok"),
		{Name: "header-blank-first", Description: "its first header begins with a blank", CounterpartOf: "header-control",
			Start: testnet.OverHTTP(testnet.Send(testnet.StatusLine + " X-First: x\r\nContent-Length: 2\r\n\r\nok"))},
		ok("header-blank-colon", "header-control", "has a blank before a colon", "Content-Length : 2\r\n", "ok"),
		ok("header-bell", "header-control", "has a bell in a header", "X-Bell: \a\r\nContent-Length: 2\r\n", "ok"),
		{Name: "event-stream", Description: "sends an event every 100 ms without end",
			Start: testnet.OverHTTP(testnet.Sequence(testnet.Send(testnet.StatusLine+"Content-Type: text/event-stream\r\n\r\n"), testnet.Repeat("data: 1\n\n", 100*time.Millisecond)))},
		{Name: "event-stream-ok", Description: "sends an event and ends", CounterpartOf: "event-stream",
			Start: testnet.OverHTTP(func(_ context.Context, c *testnet.Client) {
				io.WriteString(c, testnet.StatusLine+"Content-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: 1\n\n")
			})},
	}
}

// manyCookies sets n cookies and redirects to itself, until one comes back.
func manyCookies(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") != "" {
			testnet.Respond(w, http.StatusOK, "enough")
			return
		}
		for i := range n {
			w.Header().Add("Set-Cookie", fmt.Sprint("c", i, "=x"))
		}
		again(w, "c=x")
	}
}
