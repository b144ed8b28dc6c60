package weburl_test

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"rollcall/internal/weburl"
)

// The kinds of cases that the tests of the WHATWG URL Standard have for http and
// https (web-platform-tests, url/resources/urltestdata.json), and what its
// algorithm says of each. Where Rollcall means to differ, a row says so.
func TestParse(t *testing.T) {
	const base = "http://h.example/a/b?q#f"
	for _, test := range []struct {
		name, text, base string
		want             string // as String has it
		err              error  // any SchemeError for one
	}{
		{"as it is", "https://h.example/a?b", "", "https://h.example/a?b", nil},
		{"no path", "https://h.example", "", "https://h.example/", nil},
		{"no path but a query", "https://h.example?q", "", "https://h.example/?q", nil},
		{"an empty query", "https://h.example/?", "", "https://h.example/?", nil},
		{"upper case", "HTTPS://H.Example/A?B", "", "https://h.example/A?B", nil},
		{"fragment", "https://h.example/a#b?c", "", "https://h.example/a", nil},
		{"fragment after the host", "https://h.example#a/b@c", "", "https://h.example/", nil},
		{"percent before a fragment", "https://h.example/50%#x", "", "https://h.example/50%", nil},

		{"white space at the ends", " \t\n\x00https://h.example/a \x1f\r\n", "", "https://h.example/a", nil},
		{"tabs and line feeds within", "ht\ntps:/\t/h.ex\rample:\n80/a\tb?c\nd", "", "https://h.example:80/ab?cd", nil},
		{"a blank in the path", "https://h.example/a b", "", "https://h.example/a%20b", nil},
		{"a no-break space at the end", "https://h.example/a\u00a0", "", "https://h.example/a%C2%A0", nil},

		{"no slash", "https:h.example/a", "", "https://h.example/a", nil},
		{"one slash", "https:/h.example/a", "", "https://h.example/a", nil},
		{"three slashes", "https:///h.example/a", "", "https://h.example/a", nil},
		{"seven slashes of both kinds", `https:\/\\//\h.example/a`, "", "https://h.example/a", nil},
		{"backslashes are slashes", `https:\\h.example\a\b?c\d#\e`, "", `https://h.example/a/b?c\d`, nil},
		{"a backslash ends the host", `https://h.example\@evil.example/`, "", "https://h.example/@evil.example/", nil},
		{"an encoded one does not", "https://h.example/a%5Cb%2Fc", "", "https://h.example/a%5Cb%2Fc", nil},

		{"empty", "", "", "", weburl.ErrEmpty},
		{"blanks alone", " \t ", "", "", weburl.ErrEmpty},
		{"a host alone", "h.example", "", "", weburl.ErrNoScheme},
		{"host and port alone", "h.example:8443/a", "", "", weburl.ErrNoScheme},
		{"a path alone", "/a", "", "", weburl.ErrNoScheme},
		{"a scheme that is none", "1http://h.example/", "", "", weburl.ErrNoScheme},
		{"a colon first", "://h.example/", "", "", weburl.ErrNoScheme},
		{"another scheme", "ftp://h.example/", "", "", new(weburl.SchemeError)},
		{"a scheme with all that it may have", "h+t-t.p1:x", "", "", new(weburl.SchemeError)},

		{"relative: nothing", "", base, "http://h.example/a/b?q", nil},
		{"relative: a fragment", "#x", base, "http://h.example/a/b?q", nil},
		{"relative: a query", "?x", base, "http://h.example/a/b?x", nil},
		{"relative: an empty query", "?", base, "http://h.example/a/b?", nil},
		{"relative: of an empty query", "#", "http://h.example/?", "http://h.example/?", nil},
		{"relative: a name", "c", base, "http://h.example/a/c", nil},
		{"relative: a name and a query", "c?d", base, "http://h.example/a/c?d", nil},
		{"relative: from a folder", "c", "http://h.example/a/b/", "http://h.example/a/b/c", nil},
		{"relative: from the root", "c", "http://h.example", "http://h.example/c", nil},
		{"relative: a path", "/c", base, "http://h.example/c", nil},
		{"relative: a path by a backslash", `\c`, base, "http://h.example/c", nil},
		{"relative: a host", "//i.example/c", base, "http://i.example/c", nil},
		{"relative: a host by backslashes", `\\i.example\c`, base, "http://i.example/c", nil},
		{"relative: a host by many", `/\\/i.example/c`, base, "http://i.example/c", nil},
		{"relative: no host", "//", base, "", weburl.ErrNoHost},
		{"relative: the scheme and a name", "http:c", base, "http://h.example/a/c", nil},
		{"relative: the scheme and a path", "http:/c", base, "http://h.example/c", nil},
		{"relative: the scheme and backslashes", `http:\\i.example`, base, "http://i.example/", nil},
		{"relative: the scheme and a host", "http://i.example/c", base, "http://i.example/c", nil},
		{"relative: the scheme and no host", "http://", base, "", weburl.ErrNoHost},
		{"relative: the scheme and nothing", "HTTP:", base, "http://h.example/a/b?q", nil},
		{"relative: the other scheme and a name", "https:c", base, "https://c/", nil},
		{"relative: the other scheme and a path", "https:/c/d", base, "https://c/d", nil},
		{"relative: a colon in a name", "c/d:e", base, "http://h.example/a/c/d:e", nil},
		{"relative: a colon first", ":c", base, "http://h.example/a/:c", nil},
		{"relative: a number with a colon", "1:c", base, "http://h.example/a/1:c", nil},
		{"relative: another scheme", "javascript:alert(1)", base, "", new(weburl.SchemeError)},
		{"relative: what looks like host and port", "i.example:80", base, "", new(weburl.SchemeError)},
		{"relative: a port stays", "/c", "https://h.example:8443/", "https://h.example:8443/c", nil},
		{"relative: an odd path stays", "?x", "http://h.example/50%/|", "http://h.example/50%/|?x", nil},
		{"relative: an odd folder stays", "c", "http://h.example/50%/|", "http://h.example/50%/c", nil},

		{"dots", "https://h.example/a/./b/../c", "", "https://h.example/a/c", nil},
		{"dots at the end", "https://h.example/a/b/..", "", "https://h.example/a/", nil},
		{"a dot at the end", "https://h.example/a/b/.", "", "https://h.example/a/b/", nil},
		{"dots beyond the root", "https://h.example/../../a", "", "https://h.example/a", nil},
		{"dots and nothing else", "https://h.example/..", "", "https://h.example/", nil},
		{"dots, encoded", "https://h.example/a/b/%2e%2E/.%2e/%2e/c", "", "https://h.example/c", nil},
		{"dots in a name", "https://h.example/a/..b/c../...", "", "https://h.example/a/..b/c../...", nil},
		{"dots of a Location", "../../c/.", base, "http://h.example/c/", nil},
		{"dots by backslashes", `https://h.example/a\..\b`, "", "https://h.example/b", nil},
		{"dots in a query", "https://h.example/?a/../b", "", "https://h.example/?a/../b", nil},
		{"empty names stay", "https://h.example//a//b//", "", "https://h.example//a//b//", nil},
		{"dots take an empty name", "https://h.example/a//../b", "", "https://h.example/a/b", nil},

		{"what a path can't have", "https://h.example/\x01\x7f \"<>^`{}é", "", "https://h.example/%01%7F%20%22%3C%3E%5E%60%7B%7D%C3%A9", nil},
		{"what a path may have", "https://h.example/!$&'()*+,-.:;=@[]_|~%41%zz%", "", "https://h.example/!$&'()*+,-.:;=@[]_|~%41%zz%", nil},
		{"what a query can't have", "https://h.example/?\x01\x7f \"'<>é", "", "https://h.example/?%01%7F%20%22%27%3C%3E%C3%A9", nil},
		{"what a query may have", "https://h.example/?!$&()*+,-./:;=?@[\\]^_`{|}~%41%zz%", "", "https://h.example/?!$&()*+,-./:;=?@[\\]^_`{|}~%41%zz%", nil},
		{"invalid UTF-8", "/\xe9?\xe9", base, "http://h.example/%E9?%E9", nil},

		{"the scheme's port", "http://h.example:80/", "", "http://h.example/", nil},
		{"the other scheme's port", "http://h.example:443/", "", "http://h.example:443/", nil},
		{"zeros before a port", "https://h.example:000443/", "", "https://h.example/", nil},
		{"an empty port", "https://h.example:/", "", "https://h.example/", nil},
		{"the largest port", "https://h.example:65535/", "", "https://h.example:65535/", nil},
		{"a port too large", "https://h.example:65536/", "", "", weburl.ErrPort},
		{"a port in letters", "https://h.example:b/", "", "", weburl.ErrPort},
		{"a port with a sign", "https://h.example:+80/", "", "", weburl.ErrPort},
		{"a port with a blank", "https://h.example: 80/", "", "", weburl.ErrPort},
		{"two ports", "https://h.example:80:81/", "", "", weburl.ErrPort},
		{"a port of an address", "https://[::1]:b/", "", "", weburl.ErrPort},
		{"port 0, which browsers take and refuse later", "https://h.example:0/", "", "", weburl.ErrPort},

		{"user information", "https://u:p@h.example/", "", "https://h.example/", nil},
		{"two at signs", "https://u@i.example:p@h.example/", "", "https://h.example/", nil},
		{"an at sign in the path", "https://h.example/@i.example", "", "https://h.example/@i.example", nil},
		{"user information and no host", "https://u@/", "", "", weburl.ErrNoHost},
		{"no host", "https://", "", "", weburl.ErrNoHost},
		{"no host but a port", "https://:443/", "", "", weburl.ErrNoHost},
		{"no host but a query", "https://?q", "", "", weburl.ErrNoHost},

		{"a name in another script", "https://Bücher.example/", "", "https://xn--bcher-kva.example/", nil},
		{"a sharp s stays one", "https://faß.example/", "", "https://xn--fa-hia.example/", nil},
		{"another script's full stop and digits", "https://h。example/", "", "https://h.example/", nil},
		{"wide letters", "https://Ｈ.example/", "", "https://h.example/", nil},
		{"a soft hyphen is nothing", "https://h\u00ad.example/", "", "https://h.example/", nil},
		{"an encoded name", "https://%48%2Eexample/", "", "https://h.example/", nil},
		{"an encoded name in another script", "https://b%C3%BCcher.example/", "", "https://xn--bcher-kva.example/", nil},
		{"hyphens where registries have none", "https://-ü-.example/", "", "https://xn-----xka.example/", nil},
		{"a last dot stays", "https://h.example./", "", "https://h.example./", nil},
		{"an underscore", "https://a_b.example/", "", "https://a_b.example/", nil},
		{"punycode that is wrong, which a browser refuses and DNS may know", "https://xn--pokxncvks/", "", "https://xn--pokxncvks/", nil},
		{"invalid UTF-8 in a name", "https://h%80.example/", "", "", weburl.ErrPunycode},
		{"a name that has no form in ASCII", "https://xn--ü/", "", "", weburl.ErrPunycode},
		{"a name of nothing", "https://\u00ad/", "", "", errName},
		{"a blank in a name", "https://a b.example/", "", "", errName},
		{"an encoded slash in a name", "https://a%2Fb.example/", "", "", errName},
		{"an encoded end of it", "https://h.example%00.evil.example/", "", "", errName},
		{"a percent in a name", "https://h%.example/", "", "", errName},
		{"a wide percent in a name", "https://h％41.example/", "", "", errName},
		{"brackets in a name", "https://a[b].example/", "", "", errName},
		{"empty labels, which no resolver takes", "https://a..b/", "", "", errName},
		{"signs that no resolver takes", "https://a!b/", "", "", errName},

		{"an address", "http://192.0.2.1/", "", "http://192.0.2.1/", nil},
		{"an address in hexadecimal", "http://0xC0.0x00.0X02.0x1/", "", "http://192.0.2.1/", nil},
		{"an address in octal", "http://0300.0.02.01/", "", "http://192.0.2.1/", nil},
		{"an address of one number", "http://2130706433/", "", "http://127.0.0.1/", nil},
		{"an address of one hexadecimal number", "http://0x7f000001/", "", "http://127.0.0.1/", nil},
		{"an address of two numbers", "http://127.1/", "", "http://127.0.0.1/", nil},
		{"an address of three numbers", "http://169.254.43518/", "", "http://169.254.169.254/", nil},
		{"an address with a last dot", "http://127.0.0.1./", "", "http://127.0.0.1/", nil},
		{"an address in other digits", "http://１２７。1/", "", "http://127.0.0.1/", nil},
		{"an encoded address", "http://%30x7f.1/", "", "http://127.0.0.1/", nil},
		{"hexadecimal without digits is 0", "http://0x/", "", "http://0.0.0.0/", nil},
		{"the largest address", "http://4294967295/", "", "http://255.255.255.255/", nil},
		{"an address too large", "http://4294967296/", "", "", weburl.ErrIPv4},
		{"an address far too large", "http://99999999999999999999999/", "", "", weburl.ErrIPv4},
		{"a number too large for its place", "http://256.0.0.1/", "", "", weburl.ErrIPv4},
		{"a last number too large for its place", "http://1.2.3.256/", "", "", weburl.ErrIPv4},
		{"the last of two too large", "http://1.16777216/", "", "", weburl.ErrIPv4},
		{"five numbers", "http://1.2.3.4.5/", "", "", weburl.ErrIPv4},
		{"five numbers, the last one 0", "http://1.2.3.4.0/", "", "", weburl.ErrIPv4},
		{"no octal digit", "http://1.2.3.08/", "", "", weburl.ErrIPv4},
		{"a name before a number", "http://h.1/", "", "", weburl.ErrIPv4},
		{"a name before a hexadecimal number", "http://h.0x1f/", "", "", weburl.ErrIPv4},
		{"a name that begins as a number", "http://0xh.example/", "", "http://0xh.example/", nil},
		{"a name that ends as one begins", "http://h.0xg/", "", "http://h.0xg/", nil},

		{"an IPv6 address", "http://[2001:DB8:0:0:1:0:0:0]/", "", "http://[2001:db8:0:0:1::]/", nil},
		{"one that carries an IPv4 address", "http://[::ffff:127.0.0.1]:81/", "", "http://[::ffff:7f00:1]:81/", nil},
		{"one that ends in numbers", "http://[1::127.0.0.1]/", "", "http://[1::7f00:1]/", nil},
		{"a zone", "http://[fe80::1%25eth0]/", "", "", weburl.ErrIPv6},
		{"an IPv4 address in brackets", "http://[127.0.0.1]/", "", "", weburl.ErrIPv6},
		{"a name in brackets", "http://[h.example]/", "", "", weburl.ErrIPv6},
		{"a bracket that stays open", "http://[::1/", "", "", weburl.ErrIPv6},
		{"two brackets", "http://[::1]]/", "", "", weburl.ErrIPv6},
		{"something behind a bracket", "http://[::1]h/", "", "", weburl.ErrIPv6},
		{"an encoded IPv6 address", "http://%5B::1%5D/", "", "", errName},
	} {
		t.Run(test.name, func(t *testing.T) {
			var from *url.URL
			if test.base != "" {
				from = parse(t, test.base)
			}
			u, err := weburl.Parse(test.text, from)
			if test.err != nil {
				want := errors.Is(err, test.err)
				switch test.err.(type) {
				case *weburl.SchemeError:
					_, want = errors.AsType[*weburl.SchemeError](err)
				}
				if test.err == errName {
					want = err != nil && strings.Contains(err.Error(), "invalid host name")
				}
				if !want {
					t.Errorf("Parse(%q) = %v, %v; want the error %v", test.text, u, err, test.err)
				}
				return
			}
			if err != nil || weburl.String(u) != test.want || u.Fragment != "" {
				t.Errorf("Parse(%q) = %v, %v; want %s", test.text, u, err, test.want)
			}
		})
	}
}

// errName stands for the error of package guard.
var errName = errors.New("an invalid host name")

func parse(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := weburl.Parse(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestUserInformationIsDecoded(t *testing.T) {
	for text, want := range map[string]*url.Userinfo{
		"https://h.example/":             nil,
		"https://u@h.example/":           url.User("u"),
		"https://u:@h.example/":          url.UserPassword("u", ""),
		"https://:p@h.example/":          url.UserPassword("", "p"),
		"https://u:p:q@r@h.example/":     url.UserPassword("u", "p:q@r"),
		"https://%75:%70%zz%@h.example/": url.UserPassword("u", "p%zz%"),
	} {
		if got := parse(t, text).User; got.String() != want.String() {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}

// What net/http writes is what the standard says.
func TestForRequest(t *testing.T) {
	for _, test := range []struct{ text, host, want string }{
		{"http://h.example", "", "GET / HTTP/1.1\r\nHost: h.example\r\n"},
		{"http://h.example/a b?c d", "", "GET /a%20b?c%20d HTTP/1.1\r\nHost: h.example\r\n"},
		{"http://h.example/a%2Fb/ä", "", "GET /a%2Fb/%C3%A4 HTTP/1.1\r\nHost: h.example\r\n"},
		{"http://h.example/50%-off", "", "GET /50%-off HTTP/1.1\r\nHost: h.example\r\n"},
		{"http://h.example/50%-off?", "", "GET /50%-off? HTTP/1.1\r\nHost: h.example\r\n"},
		{"http://h.example:81/a|b?%", "i.example", "GET /a|b?% HTTP/1.1\r\nHost: i.example\r\n"},
		{"http://h.example//a/b", "", "GET //a/b HTTP/1.1\r\nHost: h.example\r\n"},
		{"http://h.example:81//50%", "", "GET http://h.example:81//50% HTTP/1.1\r\nHost: h.example:81\r\n"},
		{"http://h.example//50%?q", "i.example", "GET http://i.example//50%?q HTTP/1.1\r\nHost: i.example\r\n"},
	} {
		u := parse(t, test.text)
		req := &http.Request{Method: "GET", URL: weburl.ForRequest(u, test.host), Host: test.host}
		var sent bytes.Buffer
		if err := req.Write(&sent); err != nil || !strings.HasPrefix(sent.String(), test.want) {
			t.Errorf("%s: sent %q, %v; want %q", test.text, sent.String(), err, test.want)
		}
	}
}

// Whatever Parse takes can stand on a request line, and is read as the same URL
// again.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"https://h.example/a?b#c", `\\h\..\%2e%2E/x`, "http://0x7f.1:080/%", "//ü:p@[::ffff:1.2.3.4]//..//", "?\xff'\"", "http:a", "a:b", "//a:1//%zz",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, base := range []*url.URL{nil, parse(t, "http://h.example:81/50%/b?q"), parse(t, "https://h.example")} {
			u, err := weburl.Parse(text, base)
			if err != nil {
				continue
			}
			whole := weburl.String(u)
			without := *u
			without.User = nil
			if again := weburl.Parsed(whole); !reflect.DeepEqual(again, &without) || weburl.Hostname(whole) != u.Hostname() {
				t.Errorf("%q: %q is read again as %+v at %s, want %+v", text, whole, again, weburl.Hostname(whole), without)
			}
			var sent bytes.Buffer
			if err := (&http.Request{Method: "GET", URL: weburl.ForRequest(u, "")}).Write(&sent); err != nil {
				t.Fatalf("%q: %q can't be sent: %v", text, whole, err)
			}
			line, _ := bufio.NewReader(&sent).ReadString('\n')
			uri := weburl.RequestURI(u)
			if line != "GET "+uri+" HTTP/1.1\r\n" && line != "GET "+whole+" HTTP/1.1\r\n" || strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Errorf("%q: sent %q, want %q", text, line, uri)
			}
		}
	})
}
