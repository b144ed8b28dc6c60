package faults

import (
	"compress/flate"
	"compress/zlib"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rollcall/internal/testnet"
)

// undecoded wants a body that Go's client leaves as it is.
func undecoded(body string) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		c := s.Client()
		c.Transport.(*http.Transport).DisableCompression = true
		var o outcome
		o.fetch(t, c, portedURL(t, s, "https://"+name+".stage.test"), ample)
		if o.err != nil || o.status != 200 || o.body != body || o.header.Get("Content-Encoding") == "" {
			t.Errorf("Go's client gets %d %.40q (%v), want 200 %.40q", o.status, o.body, o.err, body)
		}
	}
}

// explodes wants little on the wire, and size zeros in it.
func explodes(size int64) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		c := s.Client()
		res, err := c.Get(portedURL(t, s, "https://"+name+".stage.test"))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if n, err := io.Copy(io.Discard, res.Body); n != size || err != nil {
			t.Errorf("it has %d bytes (%v), want %d", n, err, size)
		}
		c.Transport.(*http.Transport).DisableCompression = true
		var o outcome
		o.fetch(t, c, portedURL(t, s, "https://"+name+".stage.test"), ample)
		if o.err != nil || int64(len(o.body)) > size/900 {
			t.Errorf("on the wire it has %d bytes (%v), want less than %d", len(o.body), o.err, size/900)
		}
	}
}

func TestDeflateFaults(t *testing.T) {
	for name, r := range map[string]io.Reader{"raw": flate.NewReader(strings.NewReader(flated())), "zlib": unzlib(t, zlibbed())} {
		if got, err := io.ReadAll(r); err != nil || string(got) != prose() {
			t.Errorf("%s: %.40q (%v)", name, got, err)
		}
	}
	for name, text := range map[string]string{"corrupt": damaged(zlibbed)(), "truncated": halved(zlibbed)()} {
		if got, err := io.ReadAll(unzlib(t, text)); err == nil {
			t.Errorf("%s: %.40q and no error", name, got)
		}
	}
}

func unzlib(t *testing.T, text string) io.Reader {
	t.Helper()
	r, err := zlib.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func redirectChecks() map[string]check {
	checks := map[string]check{
		"redirecting":           leadsBy("/second", "/last"),
		"redirect-chain-10":     counts(10, 200),
		"redirect-chain-11":     counts(11, 200),
		"redirect-endless":      counts(13, 0),
		"redirect-loop":         counts(13, 0),
		"redirect-loop-two":     counts(13, 0),
		"redirect-endless-body": locates(302, "https://good.stage.test/"),
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		checks["redirect-"+strconv.Itoa(status)] = all(locates(status, "https://good.stage.test/"), over(200, "good"))
	}
	return checks
}

func locationChecks() map[string]check {
	return map[string]check{
		"redirect-no-location":     locates(302, ""),
		"redirect-empty-location":  locates(302, ""),
		"redirect-ftp":             locates(302, "ftp://good.stage.test/"),
		"redirect-javascript":      locates(302, "javascript:alert(document.cookie)"),
		"redirect-no-host":         locates(302, "https:///?path"),
		"redirect-unparsable":      locates(302, "https://[good.stage.test/%zz"),
		"redirect-control":         fails(mentions("malformed MIME header")),
		"redirect-bad-port":        locates(302, "https://good.stage.test:99999/"),
		"redirect-relative":        all(locates(302, "arrived"), leadsBy("/arrived")),
		"redirect-scheme-relative": leadsBy("/arrived"),
		"redirect-fragment":        all(locates(302, "/arrived#part"), leadsBy("/arrived#part")),
	}
}

func otherOriginChecks() map[string]check {
	return map[string]check{
		"recorder":           over(200, "recorded"),
		"redirect-recorder":  all(locates(307, "https://recorder.stage.test/?from=redirect"), over(200, "recorded")),
		"redirect-cookie":    locates(302, "https://recorder.stage.test/"),
		"redirect-secret":    locates(302, "https://some-user:some-password@recorder.stage.test/path?token=some-token"),
		"redirect-insecure":  all(locates(302, "http://good.stage.test/"), responds(200, "good")),
		"redirect-secure":    over(200, "redirect-secure"),
		"redirect-refused":   fails(func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }),
		"redirect-not-found": fails(func(err error) bool { e, ok := errors.AsType[*net.DNSError](err); return ok && e.IsNotFound }),
		"redirect-expired":   fails(mentions("certificate has expired")),
		"redirect-blocked":   locates(302, "https://169.254.169.254/"),
		"redirect-private":   locates(302, "https://10.0.0.1/"),
	}
}

// leadsBy wants a page in the end, by way of paths of the same host, whichever
// the scheme.
func leadsBy(paths ...string) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		for _, scheme := range []string{"https", "http"} {
			first := portedURL(t, s, scheme+"://"+name+".stage.test")
			o := fetch(t, s, scheme+"://"+name+".stage.test", ample)
			want := first + strings.Join(paths, " "+first)
			if got := strings.Join(o.visits, " "); o.status != 200 || got != want {
				t.Errorf("it responds %d (%v) by way of %s, want 200 by way of %s", o.status, o.err, got, want)
			}
		}
	}
}

// counts wants a number of redirects, and a page in the end or the client's
// surrender.
func counts(redirects, status int) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		o := fetch(t, s, "https://"+name+".stage.test", ample)
		if len(o.visits) != redirects || o.status != status || (o.err == nil) != (status == 200) {
			t.Errorf("%d redirects, status %d (%v), want %d and %d", len(o.visits), o.status, o.err, redirects, status)
		}
	}
}

// locates wants a redirect, which is not followed, to a place whose port does
// not matter where it is of the test network.
func locates(status int, want string) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		res := unfollowed(t, s, "https://"+name+".stage.test")
		res.Body.Close()
		got := res.Header.Get("Location")
		if u, err := url.Parse(got); err == nil && u.Port() != "" && u.Port() != "99999" {
			got = strings.Replace(got, ":"+u.Port(), "", 1)
		}
		if res.StatusCode != status || got != want {
			t.Errorf("it responds %d with Location %q, want %d and %q", res.StatusCode, got, status, want)
		}
	}
}

// unfollowed returns a redirect as it came.
func unfollowed(t *testing.T, s *testnet.Net, rawURL string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", portedURL(t, s, rawURL), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Client().Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestRecorderRemembers(t *testing.T) {
	s := start(t, testnet.Options{})
	r, err := http.NewRequestWithContext(t.Context(), "PUT", portedURL(t, s, "https://redirect-recorder.stage.test"), strings.NewReader("a body"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Api-Key", "a key")
	if _, err := s.Client().Do(r); err != nil {
		t.Fatal(err)
	}
	get(t, s.Client(), portedURL(t, s, "http://recorder.stage.test/plain"))
	got := Arrivals(s, "recorder.stage.test")
	if len(got) != 2 {
		t.Fatalf("Arrivals = %+v, want two", got)
	}
	first, second := got[0], got[1]
	if first.Method != "PUT" || first.Target != "/?from=redirect" || first.Body != "a body" || first.Header.Get("X-Api-Key") != "a key" || !first.TLS {
		t.Errorf("the first arrival is %+v", first)
	}
	if second.Method != "GET" || second.Target != "/plain" || second.TLS || !strings.HasPrefix(second.Host, "recorder.stage.test:") {
		t.Errorf("the second arrival is %+v", second)
	}
	for _, other := range []string{"good.stage.test", "nobody.example"} {
		if got := Arrivals(s, other); got != nil {
			t.Errorf("Arrivals(%q) = %v, want none", other, got)
		}
	}
}

func TestCookieFault(t *testing.T) {
	s := start(t, testnet.Options{})
	res := unfollowed(t, s, "https://redirect-cookie.stage.test")
	res.Body.Close()
	if c := res.Cookies(); len(c) != 1 || c[0].Domain != "stage.test" || c[0].Value == "" {
		t.Errorf("the cookies are %v", c)
	}
}

func TestEchoFault(t *testing.T) {
	s := start(t, testnet.Options{})
	o, _ := s.Origin("echo.stage.test")
	const key, body = "KEY-6b1f", "BODY-91aa"
	for _, path := range echoPaths() {
		got := say(t, o.Addr.String(), "POST "+path+"?q=QUERY HTTP/1.1\r\nHost: h\r\nAuthorization: "+key+"\r\nContent-Length: 9\r\n\r\n"+body)
		if !strings.Contains(got, key) {
			t.Errorf("%s says %q, without the key", path, got)
		}
		whole := !strings.Contains("/status-code /version /encoding /location-path /location-scheme /location-host /location-user", path)
		if whole && !strings.Contains(got, body) && path != "/location" {
			t.Errorf("%s says %q, without the body", path, got)
		}
	}
	if got := say(t, o.Addr.String(), "POST /location-host HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nB/O/D/Y/9"); !strings.Contains(got, "https://BODY9.nxdomain.stage.test/\r\n") {
		t.Errorf("a body in a host name is %q", got)
	}
}

func TestEchoInDisguise(t *testing.T) {
	s := start(t, testnet.Options{})
	o, _ := s.Origin("echo.stage.test")
	const key = "KEY-6b1f-0123456789-xyz"
	want := map[string]string{
		"/location-base64": "Location: /body/S0VZLTZiMWYtMDEyMzQ1Njc4OS14eXo\r\n", "/location-hex": "Location: /body/4b45592d366231662d303132333435363738392d78797a\r\n",
		"/location-part": "Location: /body/23456789-xyz\r\n", "/location-bare": "Location: /body/x" + key + "y\r\n", "/location-reversed": "Location: /body/zyx-9876543210-f1b6-YEK\r\n",
		"/location-matrix": "Location: /body;jsessionid=" + key + "\r\n", "/location-label": "Location: https://4b45592d366231662d303132333435363738392d.nxdomain.stage.test/\r\n",
		"/body-base64": "UE9TVCAv", "/garbage-reversed": "zyx-9876543210-f1b6-YEK", "/status-hex": "099 4b45592d366231662d303132333435363738392d78797a\r\n",
	}
	for path := range disguises() {
		for _, header := range []string{"Authorization: Token token=" + key, "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("me:"+key)), "Cookie: session=" + key + "; a=b", "User-Agent: probe " + key} {
			got := say(t, o.Addr.String(), "POST "+path+" HTTP/1.1\r\nHost: h\r\n"+header+"\r\nContent-Length: 0\r\n\r\n")
			encoded := path == "/garbage-reversed" && strings.Contains(header, "Basic") // it is sent as it came
			if want[path] == "" || !strings.Contains(got, want[path]) && !encoded {
				t.Errorf("%s says %q of %s, not %q", path, got, header, want[path])
			}
		}
	}
}

// say sends text over a plain connection and returns what comes back.
func say(t *testing.T, addr, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(ample))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestDelayFault(t *testing.T) {
	t.Parallel()
	s := start(t, testnet.Options{})
	const host = "30ms.delay.stage.test"
	began := time.Now()
	o := fetch(t, s, "https://"+host+"/?first=20ms&body=40ms&pieces=4", ample)
	took := time.Since(began)
	holds := Holds(s, host)
	if o.err != nil || o.body != strings.Repeat(phrase, 4) || len(holds) != 1 {
		t.Fatalf("it responds %.80q (%v) and has the holds %v", o.body, o.err, holds)
	}
	h := holds[0]
	if h.TLS < 30*time.Millisecond || h.First < 20*time.Millisecond || h.Body < 40*time.Millisecond || h.TLS+h.First+h.Body > took {
		t.Errorf("it held %+v, want at least 30, 20 and 40 ms and together no more than %v", h, took)
	}
	if got := Holds(s, "good.stage.test"); got != nil {
		t.Errorf("good.stage.test has the holds %v", got)
	}
}

func TestDelayFaultTrickles(t *testing.T) {
	t.Parallel()
	s := start(t, testnet.Options{})
	c := s.Client()
	res, err := c.Get(portedURL(t, s, "http://none.delay.stage.test/?body=10s"))
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 200 { // and this long before the body
		t.Errorf("the head says %d, want 200", res.StatusCode)
	}
	res.Body.Close()
	if got := Holds(s, "none.delay.stage.test"); len(got) != 0 {
		t.Errorf("before the end the holds are %v", got)
	}
}

func http2Checks() map[string]check {
	return map[string]check{
		"h2-ok":              all(h2Responds("h2-ok"), over1("h2-ok")),
		"h2-raw-ok":          h2Responds("ok"),
		"h2-absent":          all(without("h2"), over(200, "ok")),
		"h2-http11":          all(h2Fails(0, mentions("")), h2Says("HTTP/1.1 400 ")),
		"h2-garbage":         all(h2Fails(0, mentions("")), h2Says("this is not HTTP/2")),
		"h2-silent":          h2Hangs,
		"h2-closing":         h2Fails(0, mentions("")),
		"h2-hanging":         h2Hangs,
		"h2-goaway":          h2Fails(0, mentions("GOAWAY")),
		"h2-goaway-first":    h2Fails(0, mentions("")),
		"h2-goaway-ok":       h2Responds("ok"),
		"h2-refused-stream":  h2Fails(0, mentions("")),
		"h2-reset":           h2Fails(200, mentions("INTERNAL_ERROR")),
		"h2-reset-body":      h2Fails(200, mentions("INTERNAL_ERROR")),
		"h2-truncated":       h2Fails(200, mentions("EOF")),
		"h2-endless-headers": h2Fails(0, mentions("")),
	}
}

// without wants a handshake that agrees on no protocol.
func without(protocol string) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		if state, err := shake(t, s, name, &tls.Config{NextProtos: []string{protocol}}); err != nil || state.NegotiatedProtocol != "" {
			t.Errorf("ALPN chooses %q (%v), want nothing", state.NegotiatedProtocol, err)
		}
	}
}

// over1 wants a response over HTTP/1.1 too.
func over1(body string) check { return responds(200, body) }

// h2Visit asks a faulty server over HTTP/2 and nothing else.
func h2Visit(t *testing.T, s *testnet.Net, name string, timeout time.Duration) outcome {
	t.Helper()
	c := s.Client()
	transport := c.Transport.(*http.Transport)
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP2(true)
	transport.DisableKeepAlives = false // HTTP/2 would announce it in a header
	var o outcome
	o.fetch(t, c, portedURL(t, s, "https://"+name+".stage.test"), timeout)
	return o
}

func h2Responds(body string) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		offering("h2", "")(t, s, name)
		if o := h2Visit(t, s, name, ample); o.err != nil || o.status != 200 || !strings.Contains(o.body, body) {
			t.Errorf("over HTTP/2 it responds %d %.80q (%v), want 200 %q", o.status, o.body, o.err, body)
		}
	}
}

func h2Fails(status int, is func(error) bool) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		offering("h2", "")(t, s, name)
		if o := h2Visit(t, s, name, ample); o.err == nil || timedOut(o.err) || o.status != status || !is(o.err) {
			t.Errorf("over HTTP/2 it responds %d %.80q (%v), want %d and another error", o.status, o.body, o.err, status)
		}
	}
}

// h2Says wants these bytes after a client's first: which error they give is a
// matter of who is faster.
func h2Says(want string) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		o, _ := s.Origin(name + ".stage.test")
		config := &tls.Config{RootCAs: s.Authority.Pool(), ServerName: o.Name, NextProtos: []string{"h2"}}
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: ample}, "tcp", o.Addr.String(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(ample))
		io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
			t.Errorf("it says %q (%v), want %q", got, err, want)
		}
	}
}

func h2Hangs(t *testing.T, s *testnet.Net, name string) {
	offering("h2", "")(t, s, name)
	if o := h2Visit(t, s, name, brief); !timedOut(o.err) {
		t.Errorf("over HTTP/2 it responds %d %.80q (%v), want nothing", o.status, o.body, o.err)
	}
}

func flakyChecks() map[string]check {
	return map[string]check{
		"*.flaky":         recovers(fails(func(err error) bool { return errors.Is(err, syscall.ECONNRESET) })),
		"*.flaky-2":       recovers(fails(mentions("reset")), fails(mentions("reset"))),
		"*.flaky-closing": recovers(fails(mentions("EOF"))),
		"*.flaky-hanging": recovers(hangsOnceAsked),
		"*.flaky-503":     recovers(responds(503, "")),
		"*.flaky-429":     recovers(responds(429, "")),
		"*.flaky-404":     recovers(responds(404, "")),
	}
}

// hangsOnceAsked wants a request to get no response. Its time begins when the
// request has been written: a server that counts requests has then got it, on
// a busy machine too.
func hangsOnceAsked(t *testing.T, s *testnet.Net, name string) {
	ctx, cancel := context.WithTimeout(t.Context(), ample)
	defer cancel()
	var written atomic.Bool
	trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) {
		written.Store(true)
		time.AfterFunc(5*brief, cancel)
	}}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), "GET", portedURL(t, s, "https://"+hostNamed(t, name)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := s.Client().Do(r); err == nil || !written.Load() {
		t.Errorf("Go's client gets %v and says %v, request written: %v; want a request and no response", res, err, written.Load())
	}
}

// recovers wants failures in this order, and then 200.
func recovers(failures ...check) check {
	return all(append(failures, responds(200, "ok"), responds(200, "ok"))...)
}

// TestFlakyFaultCountsByName shows that each name's connections are counted alone.
func TestFlakyFaultCountsByName(t *testing.T) {
	s := start(t, testnet.Options{})
	var group sync.WaitGroup
	for _, host := range []string{"a.flaky-503.stage.test", "b.flaky-503.stage.test"} {
		group.Go(func() {
			for _, want := range []int{503, 200} {
				if o := fetch(t, s, "http://"+host, ample); o.status != want {
					t.Errorf("%s responds %d (%v), want %d", host, o.status, o.err, want)
				}
			}
		})
	}
	group.Wait()
}

// TestRefusingPortStaysTaken shows that no other socket gets the port.
func TestRefusingPortStaysTaken(t *testing.T) {
	s := start(t, testnet.Options{})
	o, _ := s.Origin("refusing.stage.test")
	if l, err := net.Listen("tcp4", o.Addr.String()); err == nil {
		l.Close()
		t.Errorf("somebody else can listen at %v", o.Addr)
	}
}

// TestSecureFaultSpeaksNoHTTP shows what http gets of a port that wants TLS.
func TestSecureFaultSpeaksNoHTTP(t *testing.T) {
	s := start(t, testnet.Options{})
	if o := fetch(t, s, "http://expired.stage.test", ample); o.status != http.StatusBadRequest {
		t.Errorf("http gets %d (%v), want 400", o.status, o.err)
	}
	if got, err := shake(t, s, "complete-chain", &tls.Config{}); err != nil || got.Version != tls.VersionTLS13 {
		t.Errorf("https gets version %x (%v), want TLS 1.3", got.Version, err)
	}
}
