package probe

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"rollcall/internal/check"
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
	for _, u := range []use{counted, measured, quoted} {
		b := body{share: noShare()}
		if err := b.read(resp(), 10, u, false); err != nil || (b.text != "") != (u == quoted) || b.size != 5 {
			t.Errorf("read(%v) = %+v, %v", u, b, err)
		}
	}
}

func brotlied(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) }
func zstded(w io.Writer) io.WriteCloser {
	z, _ := zstd.NewWriter(w)
	return z
}

// TestBodiesAreReadAsTheirVisitorsReadThem: with an expectation of the text.
func TestBodiesAreReadAsTheirVisitorsReadThem(t *testing.T) {
	const text = `{"state": "all systems go"}`
	zip, br, zst := packed(t, text, gzipped), packed(t, text, brotlied), packed(t, text, zstded)
	twice := packed(t, zip, gzipped)
	zeros := strings.Repeat("\x00", 4<<20)
	empties := strings.Repeat(packed(t, "", gzipped), 100_000) // 2 MB, of which nothing is left
	body, json := "body == '"+text+"'", "json.state == 'all systems go'"
	for _, test := range []struct {
		name, header, body, expect string
		want                       check.Reason
		size                       int
		truncated                  bool
	}{
		{"plain", "", text, body, check.OK, len(text), false},
		{"a blank line and gzip", "Content-Encoding: \r\nContent-Encoding: gzip\r\n", zip, body, check.OK, len(text), false},
		{"what S3 keeps", "Content-Encoding: aws-chunked,gzip\r\n", zip, body, check.OK, len(text), false},
		{"gzip in gzip", "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n", twice, json, check.OK, len(text), false},
		{"Brotli in gzip", "Content-Encoding: br, gzip\r\n", packed(t, br, gzipped), body, check.OK, len(text), false},
		{"four times", "Content-Encoding: gzip, gzip, gzip, gzip\r\n", packed(t, packed(t, twice, gzipped), gzipped), body, check.BodyInvalid, 0, false},
		{"three times", "Content-Encoding: gzip, gzip, gzip\r\n", packed(t, twice, gzipped), body, check.OK, len(text), false},
		{"gzip and zeros", "Content-Encoding: gzip\r\n", zip + "\x00\x00\x00\x00", body, check.OK, len(text), false},
		{"gzip and garbage", "Content-Encoding: gzip\r\n", zip + "<!-- padding -->", body, check.OK, len(text), false},
		{"Brotli", "Content-Encoding: br\r\n", br, json, check.OK, len(text), false},
		{"Brotli, its size", "Content-Encoding: br\r\n", br, fmt.Sprintf("size == %d", len(text)), check.OK, len(text), false},
		{"Brotli, unread", "Content-Encoding: br\r\n", br, "status == 200", check.OK, len(br), false},
		{"Brotli of nothing", "Content-Encoding: br\r\n", "", "body == ''", check.OK, 0, false},
		{"Brotli that is none", "Content-Encoding: br\r\n", text, body, check.BodyInvalid, 0, false},
		{"Brotli cut short", "Content-Encoding: br\r\n", br[:len(br)-2], body, check.BodyInvalid, -1, false},
		{"zstd", "Content-Encoding: zstd\r\n", zst, json, check.OK, len(text), false},
		{"zstd that is none", "Content-Encoding: zstd\r\n", text, json, check.BodyInvalid, 0, false},
		{"zstd with a window of 2 GiB", "Content-Encoding: zstd\r\n", "\x28\xb5\x2f\xfd\x00\xa8\x09\x00\x00x", body, check.BodyInvalid, 0, false},
		{"a bomb of Brotli", "Content-Encoding: br\r\n", packed(t, zeros, brotlied), "len(body) > 9", check.OK, 1 << 20, true},
		{"a bomb of zstd", "Content-Encoding: zstd\r\n", packed(t, zeros, zstded), "len(body) > 9", check.OK, 1 << 20, true},
		{"a bomb within", "Content-Encoding: gzip, gzip\r\n", packed(t, empties, gzipped), "body == ''", check.OK, 0, true},
		{"unknown", "Content-Encoding: parcels\r\n", text, body, check.OK, len(text), false},
		{"unknown within gzip", "Content-Encoding: parcels, gzip\r\n", zip, body, check.OK, len(text), false},
		{"gzip within what is unknown", "Content-Encoding: gzip, parcels\r\n", zip, "size > 0", check.OK, len(zip), false},
		{"a charset", "Content-Type: text/html; charset=latin1\r\n", "Gr\xfc\xdfe", "body == 'Grüße'", check.OK, 5, false},
		{"JSON with a mark", "Content-Type: application/json\r\n", "\xef\xbb\xbf" + text, json, check.OK, len(text) + 3, false},
		{"a charset that makes three bytes of one", "Content-Type: text/plain; charset=windows-1252\r\n", strings.Repeat("\x80", 1<<20), "len(body) > 9", check.OK, 1 << 20, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			reply := page(200, test.header, test.body)
			res := once(t, plainly(0, always(reply)), target("http://a.example/", expecting(test.expect)))
			if res.Reason != test.want || test.size >= 0 && res.BytesBody != int64(test.size) || res.BodyTruncated != test.truncated || test.want == check.OK && !test.truncated && res.BytesWire != int64(len(test.body)) {
				t.Errorf("Probe = %v %s, %d and %d bytes, truncated %v; want %v, %d and %d, %v", res.Reason, res.Detail,
					res.BytesWire, res.BytesBody, res.BodyTruncated, test.want, len(test.body), test.size, test.truncated)
			}
			if res.Complete != (test.want == check.OK) {
				t.Errorf("Probe: complete %v with %v", res.Complete, res.Reason)
			}
		})
	}
}

// TestUnknownEncodingsAreNamed: where the body is what is wrong.
func TestUnknownEncodingsAreNamed(t *testing.T) {
	n := plainly(0, always(page(200, "Content-Encoding: gzip, Parcels\r\n", "xyz")))
	for expect, want := range map[string]string{
		"body contains 'abc'": `the body has the unknown content encoding "parcels": `,
		"json.a == 1":         `the body has the unknown content encoding "parcels": `,
		"status == 201":       "200 OK",
		"size == 4":           "size == 4: ",
	} {
		if res := once(t, n, target("http://a.example/", expecting(expect))); res.State != check.Down || !strings.HasPrefix(res.Detail, want) {
			t.Errorf("%s: Probe = %v %q, want %q", expect, res.Reason, res.Detail, want)
		}
	}
	secret := func(s *check.Settings) { s.Header = http.Header{"Authorization": {"parcels-and-more"}} }
	res := once(t, n, target("http://a.example/", secret, expecting("body contains 'abc'")))
	if !strings.HasPrefix(res.Detail, "the body has an unknown content encoding: ") {
		t.Errorf("with a secret: %q", res.Detail)
	}
	if res := once(t, n, target("http://a.example/", warning("body contains 'abc'"))); res.State != check.Degraded || !strings.Contains(res.Detail, "parcels") {
		t.Errorf("a warning: %v %q", res.State, res.Detail)
	}
}

// TestUnpackingEndsWithTheRun: while it waits for a place, and while it decodes.
func TestUnpackingEndsWithTheRun(t *testing.T) {
	packed := packed(t, "hello", brotlied)
	p := plainly(0, nil).prober()
	defer p.Close()
	try := func(ctx context.Context) (*response, error) {
		a := &attempt{p: p, sweep: new(check.Attempt), share: noShare(), t: target("http://a.example/", expecting("body == 'hello'"))}
		resp := &response{header: http.Header{"Content-Encoding": {"br"}}, body: body{share: noShare(), packed: packed}}
		return resp, a.unpack(ctx, resp)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	wantDeadline := func(when string, err error) {
		if v, ok := err.(*verdict); !ok || v.reason != check.Deadline {
			t.Errorf("unpack = %v %s", err, when)
		}
	}
	_, err := try(ended)
	wantDeadline("after the end", err)
	places := p.slowEvaluations.free
	for range places {
		p.slowEvaluations.enter(t.Context(), 0, 1)
	}
	_, err = try(ended)
	wantDeadline("without a place", err)
	for range places {
		p.slowEvaluations.leave()
	}
	for range 2 * places { // each gives its place back
		if resp, err := try(t.Context()); err != nil || resp.text != "hello" {
			t.Fatalf("unpack = %q, %v", resp.text, err)
		}
	}
}
