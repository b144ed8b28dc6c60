//go:build interop

package probe_test

import (
	"crypto/tls"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/testnet"
)

// A visit is what is asked of a web server, and what is to be said of it.
type visit struct {
	path     string
	change   func(*check.Settings)
	state    check.State
	reason   check.Reason
	status   int
	body     int64  // bytes decoded; -1: whatever the server's own page has
	moved    int    // redirects followed
	encoding string // what the body came in
	cut      bool   // more than maxBody
}

func visits(encodings []string) []visit {
	all := []visit{
		{path: "/", state: check.Up, status: 200, body: 6},
		{path: "/large.bin", state: check.Up, status: 200, body: maxBody, cut: true},
		{path: "/moved", state: check.Up, status: 200, body: 6, moved: 1},
		{path: "/wall", state: check.Up, status: 200, body: 6, moved: 1},
		{path: "/wall", change: func(s *check.Settings) { s.NoCookies = true }, state: check.Down, reason: check.RedirectLoop, status: 302, body: 0},
		{path: "/missing", state: check.Down, reason: check.Status, status: 404, body: -1},
		{path: "/error", state: check.Down, reason: check.Status, status: 500, body: -1},
	}
	for _, encoding := range encodings {
		all = append(all, visit{path: "/text.txt", state: check.Up, status: 200, body: textSize, encoding: encoding, change: func(s *check.Settings) {
			s.Header = http.Header{"Accept-Encoding": {encoding}}
			s.Expect = []check.Condition{textIn(encoding)}
		}})
	}
	return all
}

// textIn is the condition that the body is text.txt, which came in an encoding.
type textIn string

func (e textIn) String() string        { return "the text, in " + string(e) }
func (textIn) Reads(field string) bool { return field == "body" || field == "headers" }

// Check compares the whole text.
func (e textIn) Check(r *check.Response) (check.Reason, string) {
	if got := r.Header.Get("Content-Encoding"); got != string(e) {
		return check.Expectation, "it came in " + got
	}
	if r.Body != text() {
		return check.Expectation, "it is another one"
	}
	return check.OK, ""
}

// text is what text.txt has.
func text() string { return strings.Repeat("worth compressing...\n", textSize)[:textSize] }

// TestWebServers visits every server, by every version of TLS and HTTP.
func TestWebServers(t *testing.T) {
	for _, w := range webs() {
		t.Run(w.name, func(t *testing.T) {
			h, ports := newTestHouse(t), testPorts(3)
			at := places{ports[0], ports[1], ports[2]}
			if w.open {
				at.mutual = at.tls13
			}
			w.start(t, h, at)
			for i, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				t.Run(tls.VersionName(version), func(t *testing.T) { w.visit(t, h, ports[i], version) })
			}
			if !w.open {
				t.Run("client certificate", func(t *testing.T) { w.identify(t, h, at.mutual) })
			}
		})
	}
}

// visit pays all visits to a port, over each version of HTTP.
func (w web) visit(t *testing.T, h *house, port int, version uint16) {
	protocol, newest := "h2", "2"
	if w.old {
		protocol, newest = "", "1.1"
	}
	if got := h.shake(t, port); got.Version != version || got.NegotiatedProtocol != protocol {
		t.Fatalf("the server speaks %s and %q", tls.VersionName(got.Version), got.NegotiatedProtocol)
	}
	t.Run("http 1.1", func(t *testing.T) { h.visitAll(t, port, check.HTTP1, "1.1", w.encodings) })
	t.Run("http auto", func(t *testing.T) { h.visitAll(t, port, check.AnyHTTP, newest, w.encodings) })
	if !w.old {
		t.Run("http 2", func(t *testing.T) { h.visitAll(t, port, check.HTTP2, "2", w.encodings) })
	}
}

func (h *house) visitAll(t *testing.T, port int, version check.HTTPVersion, speaks string, encodings []string) {
	for _, v := range visits(encodings) {
		res := h.probe(t.Context(), port, v.path, func(s *check.Settings) {
			s.HTTP = version
			if v.change != nil {
				v.change(s)
			}
		})
		if res.HTTP != speaks {
			t.Errorf("%s: HTTP/%s, want %s", v.path, res.HTTP, speaks)
		}
		v.check(t, res)
		checkCertificate(t, h, res, testnet.Valid)
		checkTimes(t, res)
	}
}

// identify visits a port that wants a client certificate: with none, with one of
// its authority, and with one of another.
func (w web) identify(t *testing.T, h *house, port int) {
	versions := []check.HTTPVersion{check.HTTP1, check.AnyHTTP, check.HTTP2}
	if w.old {
		versions = versions[:2]
	}
	callers := []struct {
		who  string
		by   *testnet.Issuer
		want []check.Reason
	}{
		{"none", nil, w.unknown.reasons(true)},
		{"its own", h.authority.Intermediate, []check.Reason{check.OK}},
		{"another", h.authority.Untrusted, w.stranger.reasons(false)},
	}
	for _, version := range versions {
		for _, c := range callers {
			said := map[string]int{}
			for range 10 { // an alert and the end of the connection may overtake each other
				res := h.probe(t.Context(), port, "/", func(s *check.Settings) {
					s.HTTP = version
					if c.by != nil {
						s.TLS.Client = clientOf(t, c.by)
					}
				})
				if !slices.Contains(c.want, res.Reason) || res.State == check.Down && !strings.Contains(res.Detail, "client certificate") {
					said[fmt.Sprintf("%v in %v: %s", res.Reason, res.Phase, res.Detail)]++
				}
			}
			if len(said) > 0 {
				t.Errorf("HTTP version %d, client certificate: %s: %v, want %v", version, c.who, said, c.want)
			}
		}
	}
}

// reasons are what a refusal is taken for. Silence may have another cause, such as a
// crash, and a status too where the server has got a certificate.
func (r refusal) reasons(anonymous bool) []check.Reason {
	switch {
	case r == bySilence:
		return []check.Reason{check.ConnectionClosed, check.ConnectionReset}
	case r == byStatus && !anonymous:
		return []check.Reason{check.Status}
	}
	return []check.Reason{check.TLSClientCertificate}
}

func (v visit) check(t *testing.T, res check.Result) {
	t.Helper()
	if res.State != v.state || res.Reason != v.reason || res.Status != v.status {
		t.Errorf("%s: %v for %v, status %d, %q; want %v for %v, status %d", v.path, res.State, res.Reason, res.Status, res.Detail, v.state, v.reason, v.status)
	}
	if v.reason != check.OK && res.Phase != check.Transfer {
		t.Errorf("%s: the phase is %v, want %v", v.path, res.Phase, check.Transfer)
	}
	if v.body >= 0 && res.BytesBody != v.body || res.BodyTruncated != v.cut || len(res.Redirects) != v.moved {
		t.Errorf("%s: %d bytes, cut %v, by way of %q; want %d, %v and %d redirects", v.path, res.BytesBody, res.BodyTruncated, res.Redirects, v.body, v.cut, v.moved)
	}
	if smaller := res.BytesWire < res.BytesBody/2; smaller != (v.encoding != "") {
		t.Errorf("%s: %d bytes on the wire for %d in %q", v.path, res.BytesWire, res.BytesBody, v.encoding)
	}
	if complete := v.reason != check.RedirectLoop; res.Complete != complete {
		t.Errorf("%s: the response is complete: %v", v.path, res.Complete)
	}
}

// checkCertificate wants the facts of the certificate that the house has with
// a flaw. Trusted is only the one without.
func checkCertificate(t *testing.T, h *house, res check.Result, flaw testnet.Flaw) {
	t.Helper()
	leaf, err := h.authority.Leaf(host, flaw)
	if err != nil {
		t.Fatal(err)
	}
	c := res.Certificate
	if c == nil {
		t.Error("there is no certificate")
		return
	}
	days := time.Until(leaf.Leaf.NotAfter).Hours() / 24
	if !c.NotAfter.Equal(leaf.Leaf.NotAfter) || math.Abs(c.DaysLeft-days) > 0.02 || c.Verified != (flaw == testnet.Valid) {
		t.Errorf("the certificate is %+v, want its end at %v, in %.2f days, and verified %v", c, leaf.Leaf.NotAfter, days, flaw == testnet.Valid)
	}
	if c.Subject != leaf.Leaf.Subject.String() || c.Issuer != leaf.Leaf.Issuer.String() {
		t.Errorf("the certificate is %s's by %s, want %s's by %s", c.Subject, c.Issuer, leaf.Leaf.Subject, leaf.Leaf.Issuer)
	}
}

// checkTimes wants every phase that a response over TLS has, by the kernel's
// clock where there is one, and no wait for the end of a connection that the
// server keeps alive.
func checkTimes(t *testing.T, res check.Result) {
	t.Helper()
	if runtime.GOOS == "linux" && res.Clock != check.KernelClock {
		t.Errorf("%s: the clock is the %v's", res.URL, res.Clock)
	}
	const long = 2 * time.Second // servers keep a connection for a minute
	for phase := check.DNS; phase <= check.Transfer; phase++ {
		if took := res.Phases.Of(phase); took == check.Absent || took > long {
			t.Errorf("%s: %v took %v, want at most %v", res.URL, phase, took, long)
		}
	}
	if res.Duration != res.Phases.Sum() || res.IP != here {
		t.Errorf("%s at %v took %v in all, the phases %v", res.URL, res.IP, res.Duration, res.Phases.Sum())
	}
}
