package probe

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"rollcall/internal/check"
	"strings"
	"testing"
)

func packed(t *testing.T, text string, writer func(io.Writer) io.WriteCloser) string {
	t.Helper()
	var b bytes.Buffer
	w := writer(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }
func zlibbed(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }
func flated(w io.Writer) io.WriteCloser {
	f, _ := flate.NewWriter(w, flate.BestSpeed)
	return f
}

func TestBodies(t *testing.T) {
	const text = "hello, hello, hello"
	zip := packed(t, text, gzipped)
	rest := strings.Repeat("x", 20_000) // more than a decoder reads ahead
	bomb := packed(t, strings.Repeat("\x00", 64<<20), gzipped)
	zeros := packed(t, strings.Repeat("\x00", 1<<20), gzipped)
	encoded := func(encoding, body string) string {
		return page(200, "Content-Encoding: "+encoding+"\r\n", body)
	}
	chunked := func(chunks string) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
	}
	closing := func(rest string) string { return "HTTP/1.1 200 OK\r\nConnection: close\r\n" + rest }
	for _, test := range []struct {
		name       string
		reply      string
		want       check.Reason
		wire, size int
		truncated  bool
	}{
		{"plain", page(200, "", text), check.OK, 19, 19, false},
		{"empty", page(200, "", ""), check.OK, 0, 0, false},
		{"204", "HTTP/1.1 204 X\r\n\r\n", check.OK, 0, 0, false},
		{"chunked", chunked("5\r\nhello\r\n0\r\n\r\n"), check.OK, 5, 5, false},
		{"chunked with a trailer", chunked("5\r\nhello\r\n0\r\nX: y\r\n\r\n"), check.OK, 5, 5, false},
		{"chunk that is none", chunked("zz\r\nhello\r\n0\r\n\r\n"), check.BodyInvalid, 0, 0, false},
		{"chunk longer than said", chunked("3\r\nhello\r\n0\r\n\r\n"), check.BodyInvalid, 3, 3, false},
		{"until the end", closing("\r\nhello"), check.OK, 5, 5, false},
		{"1.0", "HTTP/1.0 200 OK\r\n\r\nhello", check.OK, 5, 5, false},
		{"cut short", closing("Content-Length: 9\r\n\r\nhello"), check.BodyTruncated, 5, 5, false},
		{"last chunk missing", closing("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), check.BodyTruncated, 5, 5, false},

		{"gzip", encoded("gzip", zip), check.OK, len(zip), 19, false},
		{"GZIP", encoded("GZIP", zip), check.OK, len(zip), 19, false},
		{"gzip of nothing", encoded("gzip", ""), check.OK, 0, 0, false},
		{"gzip that is none", encoded("gzip", text), check.BodyInvalid, 19, 0, false},
		{"gzip broken in the middle", encoded("gzip", zip[:12]+"\xff\xff\xff"+zip[15:]), check.BodyInvalid, len(zip), 6, false},
		{"gzip with a wrong checksum", encoded("gzip", zip[:len(zip)-5]+"\x01"+zip[len(zip)-4:]), check.BodyInvalid, len(zip), 19, false},
		{"gzip cut by the server's program", encoded("gzip", zip[:len(zip)-4]), check.BodyInvalid, len(zip) - 4, 19, false},
		{"gzip cut by the connection", closing(fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(zip), zip[:len(zip)-4])), check.BodyTruncated, len(zip) - 4, 19, false},
		{"deflate", encoded("deflate", packed(t, text, zlibbed)), check.OK, len(packed(t, text, zlibbed)), 19, false},
		{"deflate without its frame", encoded("deflate", packed(t, text, flated)), check.OK, len(packed(t, text, flated)), 19, false},
		{"deflate that is none", encoded("deflate", "\xff\xff\xff\xff"), check.BodyInvalid, 4, 0, false},
		{"deflate, and more after its end", encoded("deflate", packed(t, text, zlibbed)+rest), check.OK, len(packed(t, text, zlibbed)) + len(rest), 19, false},
		{"deflate, cut after its end", closing("Content-Encoding: deflate\r\nContent-Length: 99999\r\n\r\n" + packed(t, text, zlibbed) + rest), check.BodyTruncated, len(packed(t, text, zlibbed)) + len(rest), 19, false},
		{"an encoding that we did not offer", encoded("br", "hello"), check.OK, 5, 5, false},
		{"a bomb", encoded("gzip", bomb), check.OK, -1, 1 << 20, true},
		{"no bomb", encoded("gzip", zeros), check.OK, len(zeros), 1 << 20, false},

		{"as large as may be", page(200, "", strings.Repeat("x", 1<<20)), check.OK, 1 << 20, 1 << 20, false},
		{"a byte more", page(200, "", strings.Repeat("x", 1<<20+1)), check.OK, 1 << 20, 1 << 20, true},
		{"101", "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", check.Status, 0, 0, false},
		{"after a 103", "HTTP/1.1 103 X\r\nLink: </a>\r\n\r\n" + page(200, "", text), check.OK, 19, 19, false},
		{"responds twice", page(200, "", text) + page(200, "", text), check.OK, 19, 19, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := plainly(0, always(test.reply))
			if strings.Contains(test.reply, "Connection: close") || strings.HasPrefix(test.reply, "HTTP/1.0") {
				n.serve = hangUp(test.reply)
			}
			res := once(t, n, target("http://a.example/"))
			if res.Reason != test.want || res.BodyTruncated != test.truncated || res.BytesBody != int64(test.size) ||
				test.wire >= 0 && res.BytesWire != int64(test.wire) {
				t.Errorf("Probe = %v (%s), %d and %d bytes, truncated %v; want %v, %d and %d bytes, %v", res.Reason, res.Detail,
					res.BytesWire, res.BytesBody, res.BodyTruncated, test.want, test.wire, test.size, test.truncated)
			}
			if res.Complete != (test.want == check.OK || test.want == check.Status) {
				t.Errorf("Probe: complete %v with %v", res.Complete, res.Reason)
			}
		})
	}
}

// TestCutBodyIsReported: an expectation is decided on what was read, and says so.
func TestCutBodyIsReported(t *testing.T) {
	n := plainly(0, always(page(200, "", strings.Repeat("x", 100)+"end")))
	cut := func(s *check.Settings) { s.MaxBody = 100 }
	up := once(t, n, target("http://a.example/", cut, expecting("body contains 'xxx'")))
	down := once(t, n, target("http://a.example/", cut, expecting("body contains 'end'")))
	if up.State != check.Up || !up.BodyTruncated {
		t.Errorf("Probe = %v, truncated %v; want up and truncated", up.State, up.BodyTruncated)
	}
	if down.Reason != check.Expectation || !strings.Contains(down.Detail, "cut off at maxBody") {
		t.Errorf("Probe = %v %q, want an expectation that says where the body was cut", down.Reason, down.Detail)
	}
}

func TestTextIsKeptOnlyIfWanted(t *testing.T) {
	resp := func() *http.Response {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("hello"))}
	}
	for _, wanted := range []bool{false, true} {
		if b, err := readBody(resp(), 10, wanted); err != nil || (b.text != "") != wanted || b.size != 5 {
			t.Errorf("readBody(wanted %v) = %+v, %v", wanted, b, err)
		}
	}
}
