package probe

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"rollcall/internal/check"
	"rollcall/internal/redact"
	"rollcall/internal/weburl"
)

// opensesame is a value of a reference; emases is it in a form that nobody
// looks for.
const (
	opensesame = "opensesame4711"
	emases     = "bcrafrfnzr4711"
)

// referring makes a target's request hold it, in a header that is bound.
func referring(name string) func(*check.Settings) {
	return func(s *check.Settings) {
		s.Header = http.Header{name: {"x " + opensesame}, "Accept": {"text/plain"}}
		s.Secrets, s.Bound = []string{opensesame}, []string{name}
	}
}

func attemptAt(t *check.Target) *attempt {
	u := weburl.Parsed(t.URL)
	return &attempt{t: t, url: u, secrets: redact.SecretsOf(t.Header, t.Body, u, t.Secrets)}
}

func TestShownURL(t *testing.T) {
	for _, test := range []struct{ own, to, want string }{
		{"http://a.example/", "https://a.example/", "https://a.example"},
		{"http://a.example/p", "https://a.example/p", "https://a.example/p"},
		{"http://a.example/p", "https://a.example/p?" + emases, "https://a.example/p?…"},
		{"http://a.example/p;x", "https://a.example/p;x", "https://a.example/p"},
		{"http://a.example/p", "https://a.example/" + emases, "https://a.example/…"},
		{"http://a.example/p", "https://a.example/", "https://a.example"},
		{"http://a.example/", "https://a.example/?" + emases, "https://a.example?…"},
		{"http://a.example/", "https://A.example.:8443/x?y", "https://a.example:8443/…"},
		{"http://a.example/", "https://www.a.example/", "https://www.a.example"},
		{"http://www.a.example/", "https://a.example/", "https://a.example"},
		{"http://www.a.example/", "https://api.a.example/", "https://api.a.example"},
		{"http://a.example/", "https://" + emases + ".a.example/", "https://….a.example"},
		{"http://a.example/", "https://seven77.a.example/", "https://seven77.a.example"},
		{"http://a.example/", "https://eight888.a.example/", "https://….a.example"},
		{"http://a.example/", "https://four.abc.a.example/", "https://….a.example"},
		{"http://a.example/", "https://evila.example/", "https://evila.example"},
		{"http://a.example/", "https://eight888a.example/", "https://….example"},
		{"http://a.example/", "https://" + emases + "/", "https://…"},
		{"http://a.example/", "http://10.255.255.255:81/x", "http://10.255.255.255:81/…"},
		{"http://a.example/", "http://[6f70:656e:7365:7361:6d65::1]/", "http://…"},
		{"http://[::1]/", "http://[::1]:81/", "http://[::1]:81"},
	} {
		own, _ := url.Parse(test.own)
		to, _ := url.Parse(test.to)
		a := attemptAt(target(own.String(), referring("X")))
		if got := a.shownURL(to); got != test.want {
			t.Errorf("from %s: %s is shown as %s, want %s", test.own, test.to, got, test.want)
		}
	}
	plain := attemptAt(target("http://a.example/", func(s *check.Settings) { s.Header = http.Header{"X": {opensesame}} }))
	to, _ := url.Parse("https://b.example/path/" + opensesame)
	if got := plain.shownURL(to); got != "https://b.example/path/…" {
		t.Errorf("without references: %s", got)
	}
	// The path that a reference stands in is not shown.
	a := attemptAt(target("http://a.example/"+emases, referring("X")))
	a.t.RedactedURL = "http://a.example/${env:X}"
	if got := a.shownURL(a.url); got != "http://a.example/…" {
		t.Errorf("a path with a reference: %s", got)
	}
}

func TestShownCertificate(t *testing.T) {
	for _, test := range []struct {
		subject  string
		verified bool
		hops     int
		want     string
	}{
		{"CN=a.example", true, 0, "CN=a.example Issuer"},
		{"CN=*.a.example,O=" + emases, true, 0, "CN=*.a.example,… Issuer"},
		{"CN=" + emases + ".a.example", true, 0, "… Issuer"},
		{"O=" + emases + ",CN=a.example", true, 1, "… Issuer"},
		{"CN=a.example", false, 0, "CN=a.example …"},
		{"CN=a.example", false, 1, "CN=a.example …"},
		{"a.example", true, 0, "… Issuer"},
	} {
		a := attemptAt(target("https://a.example/", referring("X")))
		cert := &check.Certificate{Subject: test.subject, Issuer: "Issuer", Verified: test.verified}
		a.showCertificate(cert, &hop{count: test.hops})
		if got := cert.Subject + " " + cert.Issuer; got != test.want {
			t.Errorf("%+v is shown as %s, want %s", test, got, test.want)
		}
	}
	for hops, want := range []string{"CN=" + opensesame + " I", "CN=… I"} { // who has seen no request has nothing to echo
		a := attemptAt(target("https://a.example/", func(s *check.Settings) { s.Header = http.Header{"X": {opensesame}} }))
		cert := &check.Certificate{Subject: "CN=" + opensesame, Issuer: "I"}
		a.showCertificate(cert, &hop{count: hops})
		if got := cert.Subject + " " + cert.Issuer; got != want {
			t.Errorf("after %d redirects: %s, want %s", hops, got, want)
		}
	}
}

// TestNothingMadeUpIsShown: a server that knows a reference's value says it in
// a form of its own, wherever a result has words of servers.
func TestNothingMadeUpIsShown(t *testing.T) {
	ipv6 := "6f70:656e:7365:7361:6d65::1"
	for name, test := range map[string]struct {
		reply  func(*http.Request) string
		expect string
		detail string
	}{
		"followed": {func(r *http.Request) string {
			if r.URL.Path == "/" {
				return page(302, "Location: /"+emases+"/\r\n", "")
			}
			return page(200, "", "")
		}, "url == ''", `url == "": text of 32 bytes (not shown, as the request holds secrets)`},
		"host":     {always(page(302, "Location: http://"+emases+".b.example/\r\n", "")), "true", "of the host that a redirect named, which is not shown, as the request holds secrets"},
		"address":  {always(page(302, "Location: http://["+ipv6+"]/\r\n", "")), "true", "of the host that a redirect named, which is not shown, as the request holds secrets"},
		"scheme":   {always(page(302, "Location: x"+emases+"://x/\r\n", "")), "status == 200", "redirect to scheme"},
		"status":   {always("HTTP/1.1 099 " + emases + "\r\n\r\n"), "true", "response has an invalid status"},
		"protocol": {always("HTTP/7." + emases + " 200\r\n\r\n"), "true", "not an HTTP response"},
		"garbage":  {always(emases + "\r\n\r\n"), "true", "not an HTTP response"},
		"circle": {func(r *http.Request) string { return page(302, "Location: /"+emases+"\r\n", "") }, "true",
			"redirected in a circle"},
		"body": {always(page(200, "", emases)), "body == ''", `body == "": text of 14 bytes (not shown, as the request holds secrets)`},
	} {
		n := plainly(0, test.reply)
		res := once(t, n, target("http://a.example/", referring("X"), expecting(test.expect)))
		text, err := json.Marshal(res)
		if err != nil || res.Detail != test.detail || strings.Contains(string(text), emases) || strings.Contains(string(text), ipv6[:9]) {
			t.Errorf("%s: %s, %v; want the detail %q", name, text, err, test.detail)
		}
	}
}

// Addresses that a redirect names are not shown, those of known hosts are.
func TestShownAddress(t *testing.T) {
	const ipv6 = "2600:656e:7365:7361:6d65::1"
	n := plainly(0, nil)
	n.serve = responding(0, func(r *http.Request) string {
		if r.Host == "a.example" {
			return page(302, "Location: http://["+ipv6+"]/\r\n", "")
		}
		return page(200, "", "")
	})
	res := once(t, n, target("http://a.example/", referring("X"), expecting("ip == ''")))
	if res.Status != 200 || res.IP.IsValid() || strings.Contains(res.Detail, "2600") {
		t.Errorf("%+v shows the address", res)
	}
	elsewhere := func(r *http.Request) string {
		if r.Host == "a.example" {
			return page(302, "Location: http://eight888.b.example/\r\n", "")
		}
		return page(200, "", "")
	}
	n = plainly(0, elsewhere)
	n.names["eight888.b.example"] = []string{"192.0.1.3"}
	res = once(t, n, target("http://a.example/", expecting("url == ''")))
	if res.IP != netip.MustParseAddr("192.0.1.3") || res.Detail != `url == "": "http://eight888.b.example/"` {
		t.Errorf("without references: %v, %s", res.IP, res.Detail)
	}
	res = once(t, plainly(0, always(page(200, "", ""))), target("http://a.example/", referring("X")))
	if res.IP != netip.MustParseAddr("192.0.1.1") {
		t.Errorf("the target's own address is %v", res.IP)
	}
}

func TestOwnWords(t *testing.T) {
	for _, test := range []struct {
		reason check.Reason
		at     string
		detail string
		want   string
	}{
		{check.TLSHostname, "a.example", "certificate is not for a.example but x.example", "certificate is not for a.example"},
		{check.TLSHostname, emases, "certificate is not for " + emases + " but x.example", hostNotShown},
		{check.DNSNotFound, "a.example", "no address for a.example", "no address for a.example"},
		{check.DNSNotFound, emases, "no address for " + emases, hostNotShown},
		{check.DNSTemporary, emases, "resolver failure: " + emases, hostNotShown},
		{check.DNSTemporary, "a.example", "resolver failure: " + emases, "resolver failure"},
		{check.DNSTimeout, emases, "no response", hostNotShown}, {check.InvalidTarget, emases, emases, hostNotShown}, {check.BlockedAddress, emases, "::1", hostNotShown},
		{check.TLSUntrusted, "a.example", "certificate could not be verified: " + emases, "certificate could not be verified"},
		{check.TLSHandshake, "a.example", "TLS handshake failed: " + emases, "TLS handshake failed"},
		{check.RedirectInsecure, "a.example", "redirected from https to http: http://" + emases, "redirected from https to http"},
		{check.RedirectLoop, "a.example", "redirected in a circle: http://" + emases, "redirected in a circle"},
		{check.RedirectLoop, "a.example", "more than 10 redirects, the next one to http://" + emases, "more than 10 redirects"},
		{check.RedirectInvalid, "a.example", "redirect to a URL that has no host: " + emases, "redirect to a URL that has no host"},
		{check.TLSHostname, "a.example", "certificate is for DNS names only (" + emases + "), not", "certificate is for DNS names only"},
		{check.TLSExpired, "a.example", "root certificate expired 1 day ago (2026-11-22): CN=" + emases, "root certificate expired 1 day ago (2026-11-22)"},
		{check.TLSNotYetValid, "a.example", "certificate becomes valid in 1 day: CN=" + emases, "certificate becomes valid in 1 day"},
		{check.Internal, emases, "this machine has no route to 2600::1", "this machine has no route"},
		{check.Internal, "a.example", "this machine has no route to 2600::1", "this machine has no route to 2600::1"},
		{check.RedirectInvalid, "a.example", `redirect to scheme "` + emases, "redirect to scheme"},
		{check.ConnectionReset, "a.example", "server reset the request: " + emases, "server reset the request"},
		{check.ConnectionClosed, "a.example", "closed: " + emases, "closed"},
		{check.BadResponse, "a.example", "not HTTP: " + emases, "not HTTP"},
		{check.ConnectionRefused, "a.example", "connection refused: nothing listens", "connection refused: nothing listens"},
		{check.Timeout, emases, "no response within 5s", "no response within 5s"},
	} {
		a := attemptAt(target("https://a.example/", referring("X")))
		a.at = &url.URL{Host: test.at}
		if got := a.shownDetail(test.reason, test.detail); got != test.want {
			t.Errorf("%v at %s: %q is shown as %q, want %q", test.reason, test.at, test.detail, got, test.want)
		}
	}
	a := attemptAt(target("https://a.example/"))
	a.at = &url.URL{Host: emases}
	if got := a.shownDetail(check.DNSNotFound, "no address for "+emases); got != "no address for "+emases {
		t.Errorf("without references: %q", got)
	}
}

// TestReferencesNeverCrossOrigins: whatever header holds one.
func TestReferencesNeverCrossOrigins(t *testing.T) {
	for _, test := range []struct {
		name, location, agent, want string
	}{
		{"User-Agent", "http://b.example/next", "", "rollcall/test"},
		{"User-Agent", "http://a.example:81/next", "x", "x"},
		{"User-Agent", "/next", "", "x " + opensesame},
		{"Accept-Language", "http://b.example/next", "", ""},
		{"Accept-Language", "http://b.example/next", "firefox", browsers["firefox"].Get("Accept-Language")},
		{"Accept-Encoding", "http://b.example/next", "", encodings[0]},
		{"Accept", "http://b.example/next", "", "*/*"},
		{"Accept", "/next", "", "x " + opensesame},
	} {
		var got http.Header
		n := plainly(0, nil)
		n.serve = responding(0, func(r *http.Request) string {
			if got = r.Header; r.URL.Path == "/next" {
				return page(200, "", "")
			}
			return page(302, "Location: "+test.location+"\r\n", "")
		})
		change := func(s *check.Settings) {
			s.Header = http.Header{test.name: {"x " + opensesame}}
			s.Secrets, s.Bound, s.UserAgent = []string{opensesame}, []string{test.name}, test.agent
		}
		if res := once(t, n, target("http://a.example/", change)); res.State != check.Up || got.Get(test.name) != test.want {
			t.Errorf("%+v: %v %s; %s is %q", test, res.Reason, res.Detail, test.name, got.Get(test.name))
		}
	}
	// also after a redirect at home, and back at the first origin it is not sent again
	var paths []string
	n := plainly(0, nil)
	n.serve = responding(0, func(r *http.Request) string {
		paths = append(paths, r.Host+r.URL.Path+" "+r.Header.Get("User-Agent"))
		switch r.Host + r.URL.Path {
		case "a.example/":
			return page(302, "Location: /home\r\n", "")
		case "a.example/home":
			return page(302, "Location: http://b.example/\r\n", "")
		case "b.example/":
			return page(302, "Location: http://a.example/back\r\n", "")
		}
		return page(200, "", "")
	})
	once(t, n, target("http://a.example/", referring("User-Agent")))
	if got := strings.Join(paths, "; "); got != "a.example/ x "+opensesame+"; a.example/home x "+opensesame+"; b.example/ rollcall/test; a.example/back rollcall/test" {
		t.Errorf("requests: %s", got)
	}
}
