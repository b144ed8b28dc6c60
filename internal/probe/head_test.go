package probe

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
)

// TestHeadsThatBrowsersRead: they are up, and the result says what is wrong.
func TestHeadsThatBrowsersRead(t *testing.T) {
	const (
		noColon   = "a header line has no colon: it was ignored"
		blank     = "a header line begins with a blank: it was ignored"
		fold      = "a header goes on in a second line, which is obsolete"
		gap       = "there is a blank between a header's name and its colon"
		badName   = "a header's name has invalid characters: it was ignored"
		control   = "a header has control characters"
		transfer  = "Transfer-Encoding is identity, empty, or chunked more than once"
		twoLength = "Content-Length is given twice in one line"
		chunks    = "2\r\nok\r\n0\r\n\r\n"
	)
	long := strings.Repeat("X-Long: "+strings.Repeat("x", 1000)+"\r\n", 9)
	for _, test := range []struct {
		name, head, body string
		warnings         []string
		expect           string // beside the body
	}{
		{"nothing odd", "X: y", "ok", nil, "header['x'] == 'y'"},
		{"no header", "", "ok", nil, "true"},
		{"no colon", "X: y;\r\npreload\r\nZ: z", "ok", []string{noColon}, "header['x'] == 'y;' && header['z'] == 'z'"},
		{"no colon, twice", "preload\r\npreload", "ok", []string{noColon}, "true"},
		{"a blank before the first name", " X: y\r\nZ: z", "ok", []string{blank}, "header['x'] == '' && header['z'] == 'z'"},
		{"a fold", "X: y\r\n\tz", "ok", []string{fold}, "header['x'] == 'y z'"},
		{"a fold of what was ignored", "oops\r\n more: x\r\nZ: z", "ok", []string{noColon, blank}, "header['z'] == 'z'"},
		{"a blank before the colon", "X \t: y", "ok", []string{gap}, "header['x'] == 'y'"},
		{"a blank in a name", "Bad Name: y\r\nZ: z", "ok", []string{badName}, "header['z'] == 'z'"},
		{"no name", ": y\r\nZ: z", "ok", []string{badName}, "header['z'] == 'z'"},
		{"a bell", "X: a\ab", "ok", []string{control}, "header['x'] == 'a b'"},
		{"a return", "X: a\rb", "ok", []string{control}, "header['x'] == 'a b'"},
		{"Latin-1 stays", "X: \xfc\r\nY", "ok", []string{noColon}, "len(header['x']) == 1"},
		{"identity", "Transfer-Encoding: identity", "ok", []string{transfer}, "true"},
		{"identity and a length", "Transfer-Encoding: identity\r\nContent-Length: 2", "okmore", []string{transfer}, "true"},
		{"empty", "Transfer-Encoding:\r\nContent-Length: 2", "okmore", []string{transfer}, "true"},
		{"chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", chunks, []string{transfer}, "true"},
		{"chunked twice in a line", "Transfer-Encoding: Chunked, identity, chunked", chunks, []string{transfer}, "true"},
		{"chunked in a fold", "Transfer-Encoding:\r\n chunked", chunks, []string{fold}, "true"},
		{"a length twice", "Content-Length: 2, 2", "okmore", []string{twoLength}, "true"},
		{"a long head", long + "X: y", "ok", nil, "header['x'] == 'y'"},
		{"a long head with a fault", long + "preload\r\nX: y", "ok", []string{noColon}, "header['x'] == 'y'"},
		{"a line as long as the buffer", "X: " + strings.Repeat("x", 5000) + "\r\npreload", "ok", []string{noColon}, "len(header['x']) == 5000"},
		{"after an interim one with a fault", "X: y\r\n\r\nHTTP/1.1 200 OK\r\nZ: z\r\npreload", "ok", []string{noColon}, "header['z'] == 'z'"},
	} {
		t.Run(test.name, func(t *testing.T) {
			status := "200 OK"
			if strings.Contains(test.head, "HTTP/1.1") {
				status = "103 X\r\nY"
			}
			reply := "HTTP/1.1 " + status + "\r\n" + test.head + strings.Repeat("\r\n", min(1, len(test.head))) + "\r\n" + test.body
			n := plainly(0, nil)
			n.serve = hangUp(reply)
			res := once(t, n, target("http://a.example/", expecting("body == 'ok'", test.expect)))
			if res.State != check.Up || !slices.Equal(res.Warnings, test.warnings) {
				t.Errorf("Probe = %v %s, warnings %q; want up with %q", res.Reason, res.Detail, res.Warnings, test.warnings)
			}
			n.serve = hangUp(strings.ReplaceAll(reply, "\r\n", "\n"))
			if strings.Contains(test.body, "\r\n") || strings.Contains(test.head, "\r"+"b") {
				return
			}
			if res := once(t, n, target("http://a.example/", expecting("body == 'ok'", test.expect))); res.State != check.Up {
				t.Errorf("with bare line feeds: %v %s", res.Reason, res.Detail)
			}
		})
	}
}

// TestHeadsThatNobodyReads: they are refused, as HTTP that is invalid.
func TestHeadsThatNobodyReads(t *testing.T) {
	for _, test := range []struct{ name, reply, detail string }{
		{"a NUL", "HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n", "invalid HTTP response: "},
		{"a NUL, and another fault", "HTTP/1.1 200 OK\r\nX: a\x00b\r\noops\r\n\r\n", "invalid HTTP response: "},
		{"gzip as a transfer coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", `invalid HTTP response: unsupported transfer encoding: "gzip, chunked"`},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", "invalid HTTP response: "},
		{"two lengths in a line", "HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nabc", "invalid HTTP response: "},
		{"no number", "HTTP/1.1 200 OK\r\nContent-Length: two,two\r\n\r\n", "invalid HTTP response: "},
		{"no HTTP", "SSH-2.0-OpenSSH\r\noops\r\n\r\n", "not an HTTP response: "},
		{"a wrong status", "HTTP/1.1 abc\r\noops\r\n\r\n", "not an HTTP response: "},
	} {
		n := plainly(0, nil)
		n.serve = hangUp(test.reply)
		if res := once(t, n, target("http://a.example/")); res.Reason != check.BadResponse || !strings.HasPrefix(res.Detail, test.detail) || test.name == "no HTTP" && res.Warnings != nil {
			t.Errorf("%s: Probe = %v %q, want %q", test.name, res.Reason, res.Detail, test.detail)
		}
	}
	for name, reply := range map[string]string{
		"that ends before its blank line": "HTTP/1.1 200 OK\r\noops\r\n",
		"that ends in a long line":        "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 9000),
	} {
		n := plainly(0, nil)
		n.serve = hangUp(reply)
		if res := once(t, n, target("http://a.example/")); res.State != check.Down || res.Warnings != nil {
			t.Errorf("a head %s: %v %v", name, res.State, res.Warnings)
		}
	}
}

// TestControlCharactersOfALocation: they are of the URL, encoded.
func TestControlCharactersOfALocation(t *testing.T) {
	n := plainly(0, func(r *http.Request) string {
		if r.RequestURI == "/%1B[31m%7F" {
			return page(200, "", "")
		}
		return page(302, "Location: /\x1b[31m\x7f\r\n", "")
	})
	if res := once(t, n, target("http://a.example/")); res.State != check.Up || len(res.Warnings) != 1 {
		t.Errorf("Probe = %v %s %q, warnings %q", res.Reason, res.Detail, res.Redirects, res.Warnings)
	}
}

// TestWarningsOfAllHops: each once.
func TestWarningsOfAllHops(t *testing.T) {
	n := plainly(0, func(r *http.Request) string {
		if len(r.URL.Path) < 4 {
			return page(302, "Location: "+r.URL.Path+"x\r\noops\r\n", "")
		}
		return page(200, "Y : z\r\n", "")
	})
	if res := once(t, n, target("http://a.example/")); res.State != check.Up || len(res.Warnings) != 2 {
		t.Errorf("Probe = %v %s, warnings %q; want two", res.Reason, res.Detail, res.Warnings)
	}
}

// TestOrdinaryHeadsAreNotCopied: what nearly all servers send costs no allocation
// more.
func TestOrdinaryHeadsAreNotCopied(t *testing.T) {
	head := []byte("HTTP/1.1 200 OK\r\nDate: Mon, 30 Nov 2026 08:00:00 GMT\r\nTransfer-Encoding: chunked\r\nX-Empty:\r\nSet-Cookie: a=b; Path=/\r\n\r\n")
	if n := testing.AllocsPerRun(100, func() {
		if repaired, warnings := repair(head); repaired != nil || warnings != nil {
			t.Errorf("repair = %q, %q", repaired, warnings)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestLiveStreamsSayWhatToSet: a response without end may be all right.
func TestLiveStreamsSayWhatToSet(t *testing.T) {
	for header, want := range map[string]bool{
		"Content-Type: text/event-stream":                       true,
		"Content-Type: Multipart/X-Mixed-Replace; boundary=b":   true,
		"Content-Type: audio/mpeg":                              true,
		"Content-Type: video/mp2t":                              true,
		"Content-Type: text/html":                               false,
		"X: y":                                                  false,
		"Content-Type: audio/mpeg\r\nContent-Length: 1000":      false,
		"Content-Type: text/event-stream\r\nContent-Length: 99": false,
	} {
		reply := "HTTP/1.1 200 OK\r\n" + header + "\r\n\r\ndata: 1\n\n"
		res := once(t, plainly(0, always(reply)), target("http://a.example/", func(s *check.Settings) { s.Timeout = time.Second }))
		if res.Reason != check.Timeout || strings.Contains(res.Detail, "maxBody") != want {
			t.Errorf("%s: Probe = %v %q, want advice %v", header, res.Reason, res.Detail, want)
		}
		res = once(t, plainly(0, always(reply)), target("http://a.example/", func(s *check.Settings) { s.MaxBody = 1 }))
		if res.State != check.Up {
			t.Errorf("%s, maxBody 1: Probe = %v %q", header, res.Reason, res.Detail)
		}
	}
}
