package probe

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"testing"

	"rollcall/internal/check"
	"rollcall/internal/weburl"
)

// raw is a network like plainly's, whose server hands reply the path and query of
// a request and its host as they come: net/http would refuse some.
func raw(reply func(uri, host string) string) *network {
	n := plainly(0, nil)
	n.serve = func(c net.Conn) {
		r := textproto.NewReader(bufio.NewReader(c))
		line, err := r.ReadLine()
		header, headerErr := r.ReadMIMEHeader()
		if err != nil || headerErr != nil {
			return
		}
		var uri string
		if n, err := fmt.Sscanf(line, "GET %s HTTP/1.1", &uri); n != 1 || err != nil {
			uri = "a broken request line: " + line
		}
		io.WriteString(c, reply(uri, header.Get("Host")))
	}
	return n
}

// TestLocationsAreReadAsBrowsersDo: what the second request is, as it stands on
// the wire.
func TestLocationsAreReadAsBrowsersDo(t *testing.T) {
	for _, test := range []struct{ name, location, line, host string }{
		{"a blank in the query", "/found?q=hello world", "/found?q=hello%20world", "a.example"},
		{"a percent that encodes nothing", "/50%-off", "/50%-off", "a.example"},
		{"one slash too many", "http:///b.example/in", "/in", "b.example"},
		{"backslashes", `\\b.example\in`, "/in", "b.example"},
		{"the scheme's own port", "http://b.example:80/in", "/in", "b.example"},
		{"another port", "http://b.example:81/in", "/in", "b.example:81"},
		{"tabs", "http://b.exa\tmple/i\tn ", "/in", "b.example"},
		{"quotes and brackets", `/"<a>"?'<b>'`, "/%22%3Ca%3E%22?%27%3Cb%3E%27", "a.example"},
		{"UTF-8", "/straße?ü", "/stra%C3%9Fe?%C3%BC", "a.example"},
		{"Latin-1", "/stra\xdfe?\xfc", "/stra%DFe?%FC", "a.example"},
		{"a bar", "/a|b", "/a|b", "a.example"},
		{"dots", "/a/../b/./%2e%2e/c", "/c", "a.example"},
		{"the scheme and no slash", "http:in", "/in", "a.example"},
		{"a fragment", "/in#top", "/in", "a.example"},
		{"user information", "http://u:p@b.example/in", "/in", "b.example"},
		{"an encoded host", "http://b%2Eexample/in", "/in", "b.example"},
		{"an address as one number", "http://3221225731/in", "/in", "192.0.1.3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var line, of string
			n := raw(func(uri, host string) string {
				if uri == "/start" {
					return page(302, "Location: "+test.location+"\r\n", "")
				}
				line, of = uri, host
				return page(200, "", "")
			})
			res := once(t, n, target("http://a.example/start"))
			if res.State != check.Up || line != test.line || of != test.host {
				t.Errorf("Probe = %v %s; second request for %q of %q, want %q of %q", res.Reason, res.Detail, line, of, test.line, test.host)
			}
		})
	}
}

// TestLoopsAreFoundInWhatIsAsked: two spellings of one request are a circle, two
// requests are none.
func TestLoopsAreFoundInWhatIsAsked(t *testing.T) {
	for _, test := range []struct {
		location string
		want     check.Reason
	}{
		{"http://A.example:80/50%?a b#c", check.RedirectLoop},
		{`http:/\a.example/./50%?a%20b`, check.RedirectLoop},
		{"/50%?a+b", check.OK},
		{"/50%", check.OK},
		{"/50%25?a%20b", check.OK},
		{"http://a.example:81/50%?a%20b", check.OK},
	} {
		u, err := weburl.Parse("http://a.example/50%?a%20b", nil)
		if err != nil {
			t.Fatal(err)
		}
		to := target("http://a.example/")
		to.URL = weburl.String(u)
		seen := 0
		n := raw(func(_, _ string) string {
			if seen++; seen > 1 {
				return page(200, "", "")
			}
			return page(302, "Location: "+test.location+"\r\n", "")
		})
		if res := once(t, n, to); res.Reason != test.want {
			t.Errorf("%s: Probe = %v %s, want %v", test.location, res.Reason, res.Detail, test.want)
		}
	}
}

// TestRedirectsToInvalidURLsSayWhy: and show where to look, without a query.
func TestRedirectsToInvalidURLsSayWhy(t *testing.T) {
	for location, want := range map[string]string{
		"ftp://b.example/":              `redirect to scheme "ftp", neither http nor https`,
		"javascript:alert(1)":           `redirect to scheme "javascript", neither http nor https`,
		"http://":                       "redirect to a URL that has no host: http://",
		"http://${HOST}/in?q=1":         "redirect to a URL that has an invalid host name: http://${HOST}/in",
		"http://256.0.0.1/":             "redirect to a URL that has a host that ends in a number but is not an IPv4 address: http://256.0.0.1/",
		"http://[b.example/":            "redirect to a URL that has a host in brackets that is not an IPv6 address: http://[b.example/",
		"http://u:p@b.example:99999/in": "redirect to a URL that has a port that is not a number from 1 to 65535: http://b.example",
	} {
		res := once(t, raw(func(_, _ string) string { return page(302, "Location: "+location+"\r\n", "") }), target("http://a.example/"))
		if res.Reason != check.RedirectInvalid || res.Detail != want {
			t.Errorf("%s: Probe = %v %q, want %q", location, res.Reason, res.Detail, want)
		}
	}
}

// TestTargetsAreAskedForAsWritten: net/http would send another path than that of
// the URL.
func TestTargetsAreAskedForAsWritten(t *testing.T) {
	u, err := weburl.Parse("http://a.example/50%-off|?100%", nil)
	if err != nil {
		t.Fatal(err)
	}
	var got string
	n := raw(func(uri, _ string) string { got = uri; return page(200, "", "") })
	to := target("http://a.example/", expecting("url == 'http://a.example/50%-off|?100%'"))
	to.URL = weburl.String(u)
	if res := once(t, n, to); res.State != check.Up || got != "/50%-off|?100%" {
		t.Errorf("Probe = %v %s, asked for %s", res.Reason, res.Detail, got)
	}
}

// TestPathsOverHTTP2: the same over HTTP/2, whose requests we write ourselves.
func TestPathsOverHTTP2(t *testing.T) {
	for _, path := range []string{"/a|b", "//a|b?c", "/a%2Fb"} {
		u, err := weburl.Parse("http://a.example"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan string, 1)
		n := plainly(0, nil)
		n.serve = func(c net.Conn) {
			serveHTTP2(c, nil, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.RequestURI }))
		}
		to := target("http://a.example/", func(s *check.Settings) { s.HTTP, s.Header = check.HTTP2, http.Header{"Host": {"b.example"}} })
		to.URL = weburl.String(u)
		p := n.prober()
		res := p.Probe(t.Context(), to)
		p.Close()
		if res.State != check.Up {
			t.Errorf("%s: Probe = %v %s", path, res.Reason, res.Detail)
		} else if uri := <-got; uri != path {
			t.Errorf("%s: asked for %s", path, uri)
		}
	}
}
