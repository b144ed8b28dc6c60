package hostile

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"rollcall/internal/pause"
	"rollcall/internal/testnet"
	"rollcall/test/faults"
)

// A kind is servers that attack the same thing.
type kind struct {
	name     string
	servers  []testnet.Server
	settings map[string]any // of their targets
}

// crowds are the worst servers, by what they are after.
func crowds() []kind {
	return []kind{
		{name: "headers", servers: named("endless-headers endless-header many-headers 1xx-flood 1xx-drip large-headers")},
		{name: "JSON, compressed", servers: []testnet.Server{
			jsonBomb("gzip", func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }),
			jsonBomb("br", func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) }),
			jsonBomb("zstd", func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z }),
		}, settings: map[string]any{"expect": []string{"json == nil || len(json) > 3"}, "headers": map[string]string{"Accept-Encoding": "gzip, br, zstd"}}},
		{name: "text, compressed", servers: named("gzip-bomb br-bomb zstd-bomb zstd-window gzip-of-nothings gzip-bomb-small gzip-four-times"),
			settings: map[string]any{"expect": []string{"body contains 'nothing of it'"}}},
		{name: "redirects", servers: named("dribbling-redirects hinting-redirects late-refusals redirect-loop redirect-loop-two")},
		{name: "HTTP/2", servers: named("h2-window-overflow h2-settings-overflow h2-unknown-flood h2-ping-flood h2-settings-flood h2-empty-flood h2-1xx-flood " +
			"h2-endless-headers h2-hanging h2-garbage"), settings: map[string]any{"http": "2"}},
		{name: "cookies", servers: named("cookies-ten-thousand cookie-sessions cookie-circle cookies-900")},
		{name: "patterns", servers: []testnet.Server{{Name: "crowd-prose", Start: page("text/plain", strings.Repeat("error ", 170_000))}},
			settings: map[string]any{"expect": []string{"body matches 'error.{0,500}fatal'"}}},
		{name: "TLS records", servers: append(tlsAbusers(), named("tls-hanging tls-hanging-midway tls-garbage tls-undecipherable")...)},
		{name: "bodies without end", servers: named("endless-body endless-chunks endless-chunk-extension dripping body-hanging event-stream"),
			settings: map[string]any{"expect": []string{"body endsWith 'the end'"}}},
	}
}

// named are faulty servers by their names, each for any number of hosts.
func named(names string) (found []testnet.Server) {
	all := slices.Concat(testnet.Faults(), faults.Servers())
	for name := range strings.FieldsSeq(names) {
		i := slices.IndexFunc(all, func(s testnet.Server) bool { return s.Name == name })
		if i < 0 {
			panic("there is no server " + name)
		}
		s := all[i]
		s.Name = "crowd-" + name
		found = append(found, s)
	}
	return found
}

// jsonBomb is a megabyte of empty objects, which is tens of megabytes once it is decoded,
// in a few kilobytes.
func jsonBomb(encoding string, by func(io.Writer) io.WriteCloser) testnet.Server {
	var b bytes.Buffer
	w := by(&b)
	io.WriteString(w, "["+strings.Repeat("{},", 349_000)+"{}]") // a bytes.Buffer takes everything
	w.Close()
	return testnet.Server{Name: "crowd-json-" + encoding, Start: page("application/json\r\nContent-Encoding: "+encoding, b.String())}
}

// page responds with a body.
func page(contentType, body string) testnet.Starter {
	return testnet.OverHTTP(testnet.Send(fmt.Sprintf("%sContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", testnet.StatusLine, contentType, len(body), body)))
}

// tlsAbusers send records that cost more than they carry.
func tlsAbusers() []testnet.Server {
	record := func(kind byte, payload string) string {
		return string(binary.BigEndian.AppendUint16([]byte{kind, 3, 3}, uint16(len(payload)))) + payload
	}
	const alert, handshake, data = 21, 22, 23
	endless := func(text string) testnet.Starter {
		return testnet.OverTCP(testnet.Sequence(readOnce, testnet.Repeat(text, 0)))
	}
	return []testnet.Server{
		{Name: "crowd-tls-warnings", Start: endless(record(alert, "\x01\x70"))},
		{Name: "crowd-tls-empty", Start: endless(record(handshake, ""))},
		{Name: "crowd-tls-requests", Start: endless(record(handshake, "\x00\x00\x00\x00"))}, // hello requests
		{Name: "crowd-tls-data", Start: endless(record(data, strings.Repeat("x", 16_000)))},
		{Name: "crowd-tls-large", Start: testnet.OverTCP(testnet.Sequence(readOnce, // a hello of 16 MB
			testnet.Send(record(handshake, "\x02\xff\xff\xff")), testnet.Repeat(record(handshake, strings.Repeat("x", 16_000)), 0)))},
		{Name: "crowd-tls-bytes", Start: byteByByte},
		{Name: "crowd-tls-chain", Start: longChain},
	}
}

func readOnce(_ context.Context, c *testnet.Client) { c.Read(make([]byte, 4<<10)) }

// byteByByte sends a body without end in records of one byte.
func byteByByte(n *testnet.Hosts, host string) (*testnet.Host, error) {
	return testnet.OverHTTP(func(ctx context.Context, c *testnet.Client) {
		io.WriteString(c, testnet.Head+"Connection: close\r\n\r\n")
		for {
			if _, err := c.Write([]byte("x")); err != nil || ctx.Err() != nil {
				return
			}
		}
	})(n, host)
}

// longChain shows its intermediate a hundred times.
func longChain(n *testnet.Hosts, host string) (*testnet.Host, error) {
	leaf, err := n.Authority.Leaf(host, testnet.Valid)
	if err != nil {
		return nil, err
	}
	long := *leaf
	for len(long.Certificate) < 100 {
		long.Certificate = append(slices.Clip(long.Certificate), leaf.Certificate[1])
	}
	return testnet.OverTCP(func(ctx context.Context, c *testnet.Client) {
		c.SetReadDeadline(time.Now().Add(testnet.RequestTimeout))
		c.Conn = tls.Server(c.Conn, &tls.Config{Certificates: []tls.Certificate{long}})
		c.Serve(ctx, testnet.Send(testnet.OK))
	})(n, host)
}

// An honest site is one that every run has to find up.
type honest struct {
	name     string
	handler  http.HandlerFunc
	settings map[string]any
}

func honests() []honest {
	write := func(contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			io.WriteString(w, body)
		}
	}
	value := `{"items":[` + strings.Repeat(`{"id":1234,"name":"some thing","tags":["a","b"]},`, 1000) + `{"id":"last"}]}`
	return []honest{
		{"crowd-page", write("text/html", "<h1>welcome</h1>"), nil},
		{"crowd-second", write("text/html", "<h1>welcome</h1>"), map[string]any{"http": "2"}},
		{"crowd-text", write("text/plain", "it begins"+strings.Repeat(" and goes on", 8_000)+"."), map[string]any{"expect": []string{"body endsWith 'on.'"}}},
		{"crowd-json", write("application/json", value), map[string]any{"expect": []string{"json.items[1000].id == 'last'"}}},
		{"crowd-large", write("application/json", strings.Replace(value, "[", "["+strings.Repeat(`{"id":1234,"name":"some thing","tags":["a","b"]},`, 14_000), 1)),
			map[string]any{"expect": []string{"json.items[15000].id == 'last'"}}},
		{"crowd-pattern", write("text/plain", strings.Repeat("all is well ", 100)), map[string]any{"expect": []string{"not (body matches 'error.{0,500}fatal')"}}},
		{"crowd-wall", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Cookie") == "" {
				w.Header().Set("Set-Cookie", "seen=1; Path=/")
				http.Redirect(w, r, "/", http.StatusFound)
				return
			}
			io.WriteString(w, "welcome")
		}, nil},
		{"crowd-slow", func(w http.ResponseWriter, r *http.Request) {
			if pause.For(r.Context(), time.Second) {
				io.WriteString(w, "welcome")
			}
		}, nil},
	}
}
