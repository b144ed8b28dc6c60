package probe

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"rollcall/internal/check"
)

// wall lets in whoever brings its cookie, and sends anybody else to itself with
// it.
func wall(set string) func(*http.Request) string {
	return func(r *http.Request) string {
		name, _, _ := strings.Cut(set, "=")
		if strings.Contains(r.Header.Get("Cookie"), name+"=") {
			return page(200, "", "welcome")
		}
		return page(302, "Location: /\r\nSet-Cookie: "+set+"\r\n", "")
	}
}

func TestCookieWalls(t *testing.T) {
	counter := 0
	for _, test := range []struct {
		name   string
		reply  func(*http.Request) string
		change func(*check.Settings)
		want   check.Reason
		hops   int
	}{
		{"a cookie", wall("seen=1; Path=/; HttpOnly"), func(*check.Settings) {}, check.OK, 1},
		{"a cookie with JSON", wall(`consent={"all": true}; Path=/`), func(*check.Settings) {}, check.OK, 1},
		{"a name of PHP's", wall("user[id]=1"), func(*check.Settings) {}, check.OK, 1},
		{"switched off", wall("seen=1"), func(s *check.Settings) { s.NoCookies = true }, check.RedirectLoop, 0},
		{"removed at once", wall("seen=1; Max-Age=0"), func(*check.Settings) {}, check.RedirectLoop, 0},
		{"for another host", wall("seen=1; Domain=other.example"), func(*check.Settings) {}, check.RedirectLoop, 0},
		{"for all of a public suffix", wall("seen=1; Domain=example"), func(*check.Settings) {}, check.RedirectLoop, 0},
		{"for another path", wall("seen=1; Path=/shop"), func(*check.Settings) {}, check.RedirectLoop, 0},
		{"the same again and again", always(page(302, "Location: /\r\nSet-Cookie: seen=1\r\n", "")), func(*check.Settings) {}, check.RedirectLoop, 1},
		{"another one each time, and in the end a page", func(r *http.Request) string {
			if strings.Count(r.Header.Get("Cookie"), "=") == 5 {
				return page(200, "", "")
			}
			counter++
			return page(302, fmt.Sprintf("Location: /\r\nSet-Cookie: c%d=x\r\n", counter), "")
		}, func(*check.Settings) {}, check.OK, 5},
		{"another value each time, for ever", func(r *http.Request) string {
			counter++
			return page(302, fmt.Sprintf("Location: /\r\nSet-Cookie: c=%d\r\n", counter), "")
		}, func(*check.Settings) {}, check.RedirectLoop, 10},
		{"over HTTP/1.0, and to another host of the domain", func(r *http.Request) string {
			if r.Host == "b.a.example" {
				if r.Header.Get("Cookie") != "sid=42" {
					return page(403, "", "")
				}
				return page(200, "", "")
			}
			return page(302, "Location: http://b.a.example/\r\nSet-Cookie: sid=42; Domain=a.example\r\n", "")
		}, func(*check.Settings) {}, check.OK, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := plainly(0, test.reply)
			n.names["b.a.example"] = n.names["a.example"]
			to := target("http://a.example/", func(s *check.Settings) { s.Redirects = 10 }, test.change)
			if res := once(t, n, to); res.Reason != test.want || len(res.Redirects) != test.hops {
				t.Errorf("Probe = %v %s after %d redirects, want %v after %d", res.Reason, res.Detail, len(res.Redirects), test.want, test.hops)
			}
		})
	}
}

// TestCookiesEndWithTheAttempt: the next one brings none, and no output shows
// any.
func TestCookiesEndWithTheAttempt(t *testing.T) {
	const value = "d0cf11e0a1b1"
	first := 0
	n := plainly(0, func(r *http.Request) string {
		if r.Header.Get("Cookie") != "" {
			return page(200, "", "welcome")
		}
		first++
		return page(302, "Location: /\r\nSet-Cookie: sid="+value+"\r\n", "")
	})
	for range 2 {
		res := once(t, n, target("http://a.example/", expecting("body == 'none'")))
		if text, err := json.Marshal(res); err != nil || strings.Contains(string(text), value) || res.Reason != check.Expectation {
			t.Errorf("%s, %v", text, err)
		}
	}
	if first != 2 {
		t.Errorf("%d requests without a cookie, want one for each attempt", first)
	}
}

// after is the Cookie header of the request after a redirect from one URL to
// another that sets cookies.
func after(from, to string, own http.Header, host string, set ...string) string {
	u, _ := url.Parse(from)
	h := &hop{url: u, host: host, method: "GET", header: http.Header{}}
	maps.Copy(h.header, own)
	next, _ := h.redirect(&http.Response{StatusCode: 302, Header: http.Header{"Location": {to}, "Set-Cookie": set}}, 10)
	if next == nil {
		return "not followed"
	}
	return next.sentHeader().Get("Cookie")
}

// TestCookiesGoWhereBrowsersSendThem: by domain, path and scheme; the event's own
// stay with its origin, and win.
func TestCookiesGoWhereBrowsersSendThem(t *testing.T) {
	own := http.Header{"Cookie": {"a=ours; b=ours"}}
	const from = "https://shop.example.co.uk/cart/x"
	for _, test := range []struct {
		name, to string
		own      http.Header
		host     string
		set      []string
		want     string
	}{
		{"two", "/", nil, "", []string{"x=1; Path=/", "y=2; Path=/"}, "x=1; y=2"},
		{"a value as it is", "/", nil, "", []string{`x="a b",{ü}; Path=/`}, `x="a b",{ü}`},
		{"an empty value", "/", nil, "", []string{"x=; path=/"}, "x="},
		{"no name", "/", nil, "", []string{"=1; path=/", "noname; path=/", ""}, ""},
		{"control characters", "/", nil, "", []string{"x=\x01; path=/"}, ""},
		{"the default path", "/cart/y", nil, "", []string{"x=1"}, "x=1"},
		{"beyond the default path", "/", nil, "", []string{"x=1"}, ""},
		{"another host of the domain", "https://www.example.co.uk/", nil, "", []string{"x=1; Domain=example.co.uk; Path=/"}, "x=1"},
		{"another host, host-only", "https://www.example.co.uk/", nil, "", []string{"x=1; Path=/"}, ""},
		{"a public suffix", "https://other.co.uk/", nil, "", []string{"x=1; Domain=co.uk; Path=/"}, ""},
		{"another port", "https://shop.example.co.uk:8443/", nil, "", []string{"x=1; Path=/"}, "x=1"},
		{"secure, over TLS", "/", nil, "", []string{"x=1; Path=/; Secure"}, "x=1"},
		{"removed", "/", nil, "", []string{"x=1; path=/", "x=; path=/; max-age=0"}, ""},
		{"expired", "/", nil, "", []string{"x=1; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT"}, ""},
		{"the event's too", "/", own, "", []string{"x=1; Path=/"}, "a=ours; b=ours; x=1"},
		{"the event's wins", "/", own, "", []string{"b=theirs; Path=/", "x=1; Path=/"}, "a=ours; b=ours; x=1"},
		{"the event's stays", "https://www.example.co.uk/", own, "", []string{"b=theirs; Domain=example.co.uk; Path=/"}, "b=theirs"},
		{"the event's alone", "/", own, "", nil, "a=ours; b=ours"},
		{"of the host that is asked for", "/", nil, "web.example.com", []string{"x=1; Domain=example.com; Path=/"}, "x=1"},
	} {
		if got := after(from, test.to, test.own, test.host, test.set...); got != test.want {
			t.Errorf("%s: Cookie: %q, want %q", test.name, got, test.want)
		}
	}
	if got := after("http://a.example.com/", "https://a.example.com/", nil, "", "x=1"); got != "x=1" {
		t.Errorf("to another scheme: %q", got)
	}
	if got := after("http://a.example.com/", "http://b.example.com/", nil, "", "x=1; Secure; Domain=example.com"); got != "" {
		t.Errorf("a secure cookie without TLS: %q", got)
	}
	if own.Get("Cookie") != "a=ours; b=ours" {
		t.Errorf("the event's header is now %q", own)
	}
}

// TestCookiesAreBounded: what a hostile server sets beyond 50 cookies or 16 KiB
// is ignored; one that replaces another is not counted twice.
func TestCookiesAreBounded(t *testing.T) {
	many := func(n, size int) (lines []string) {
		for i := range n {
			lines = append(lines, fmt.Sprintf("c%d=%s; Path=/", i, strings.Repeat("x", size)))
		}
		return lines
	}
	for _, test := range []struct {
		name string
		set  []string
		want int // cookies sent
	}{
		{"fifty", many(50, 10), 50},
		{"ten thousand", many(10_000, 1), 50},
		{"large", many(10, 4000), 4},
		{"one that is too large, and a small one", append(many(1, 20_000), "c=1; Path=/"), 1},
		{"one replaced", []string{"c=" + strings.Repeat("x", 9000) + "; path=/", "c=" + strings.Repeat("y", 9000) + "; path=/", "d=" + strings.Repeat("z", 7000) + "; path=/"}, 2},
		{"one removed", []string{"c=" + strings.Repeat("x", 9000) + "; path=/", "c=; path=/; max-age=0", "d=" + strings.Repeat("z", 9000) + "; path=/"}, 1},
	} {
		got := after("http://a.example.com/", "/", nil, "", test.set...)
		if n := strings.Count(got, "="); n != test.want || len(got) > maxCookieBytes {
			t.Errorf("%s: %d cookies in %d bytes, want %d", test.name, n, len(got), test.want)
		}
	}
	if got := after("http://a.example.com/", "/next", nil, "", append(slices.Repeat([]string{"=nameless"}, 50), "last=1; path=/")...); got != "" {
		t.Errorf("more than 50 lines of a response are read: %q", got)
	}
}

// TestCookiesAreCountedAsTheJarKeepsThem: one that is removed makes room; those of
// sixty paths are sixty.
func TestCookiesAreCountedAsTheJarKeepsThem(t *testing.T) {
	h := &hop{method: "GET"}
	for i := range 60 {
		h.url, _ = url.Parse(fmt.Sprintf("http://a.example.com/%d/", i))
		h.keepCookies(http.Header{"Set-Cookie": {"same=1"}})
	}
	if len(h.jar.sizes) != maxCookies || h.cookies() != "" {
		t.Errorf("%d cookies are counted, and the last path has %q", len(h.jar.sizes), h.cookies())
	}
	h.url, _ = url.Parse("http://a.example.com/0/")
	h.keepCookies(http.Header{"Set-Cookie": {"same=; max-age=0", "other=2"}})
	if h.cookies() != "other=2" || len(h.jar.sizes) != maxCookies {
		t.Errorf("after a removal: %q, %d cookies", h.cookies(), len(h.jar.sizes))
	}
}

// TestNoJarWithoutCookies: most checks never see one.
func TestNoJarWithoutCookies(t *testing.T) {
	u, _ := url.Parse("http://a.example/")
	for name, header := range map[string]http.Header{"none": {}, "off": {"Set-Cookie": {"a=b"}}} {
		h := &hop{url: u, method: "GET", header: http.Header{"X": {"y"}}, noCookies: name == "off"}
		h.keepCookies(header)
		if h.jar != nil {
			t.Errorf("%s: there is a jar", name)
		}
		if got := h.sentHeader(); got.Get("Cookie") != "" || len(got) != 1 {
			t.Errorf("%s: request with %v", name, got)
		}
	}
}
