package probe

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"rollcall/internal/check"
	"rollcall/internal/redact"
)

// FuzzProbe: whatever a server sends, the result is one of the vocabulary, in
// time, without a panic, and fit to be shown.
func FuzzProbe(f *testing.F) {
	for _, seed := range []string{
		"", "\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/0.9 200\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n",
		page(200, "Content-Encoding: gzip\r\n", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"), page(302, "Location: //x\x1b[31m\r\n", ""),
		page(302, "Location: http://a.example/?\u202e\r\n", ""), page(302, "Location: /\xff\r\n", ""), page(999, "", ""),
		"HTTP/1.1 200 \x1b[2J\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 X\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
		page(200, "Content-Encoding: deflate\r\n", "x\x9c\x03\x00\x00\x00\x00\x01"), page(200, "", `{"a":[1,2,{"b":null}]}`),
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, reply []byte, closes bool) {
		n := plainly(0, nil)
		n.serve = func(c net.Conn) {
			if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
				return
			}
			c.Write(reply)
			if !closes {
				io.Copy(io.Discard, c)
			}
		}
		synctest.Test(t, func(t *testing.T) {
			p := n.prober()
			defer p.Close()
			res := p.Probe(t.Context(), target("http://a.example/", func(s *check.Settings) { s.Timeout = time.Second },
				expecting("status == 200", "json == nil or len(body) > 3 or json.a[1] == header['x']", "any(keys(json), # contains 'x')")))
			checkResult(t, &res)
		})
	})
}

func checkResult(t *testing.T, res *check.Result) {
	t.Helper()
	if !slices.Contains(check.Reasons(), res.Reason) || res.Reason >= check.Deadline {
		t.Errorf("reason %v: %s", res.Reason, res.Detail)
	}
	if res.Duration < 0 || res.Duration > time.Second {
		t.Errorf("took %v, more than the timeout", res.Duration)
	}
	for _, text := range append([]string{res.Detail, res.URL, res.HTTP}, res.Redirects...) {
		if !utf8.ValidString(text) || redact.Printable(text) != text || len(text) > redact.MaxURL || strings.ContainsAny(text, "\r\n\x1b") {
			t.Errorf("%q is not fit to be shown", text)
		}
	}
}
