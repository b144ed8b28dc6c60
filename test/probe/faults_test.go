package probe_test

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/expect"
	"rollcall/internal/guard"
	"rollcall/internal/probe"
	"rollcall/internal/redact"
	"rollcall/internal/resolve"
	"rollcall/internal/testnet"
	"rollcall/internal/weburl"
	"rollcall/test/faults"
)

// A fault is what a named server of the test network does, and what is to be said of
// it.
type fault struct {
	server string // its first label
	reason check.Reason
	phase  check.Phase // NoPhase: it depends on who is faster
	detail string      // part of it
}

// knownFaults is the list of the servers that are down. Whoever is not in it is up.
var knownFaults = []fault{
	{"nxdomain", check.DNSNotFound, check.DNS, "no address for nxdomain.stage.test"},
	{"no-address", check.DNSNotFound, check.DNS, "no address"},
	{"servfail", check.DNSTemporary, check.DNS, "resolver failure"},
	{"dns-refused", check.DNSTemporary, check.DNS, "resolver failure"},
	{"dns-silent", check.DNSTimeout, check.DNS, "no response from the resolver"},

	{"blocked", check.BlockedAddress, check.Connect, "169.254.169.254 is link-local"},
	{"blocked-private", check.BlockedAddress, check.Connect, "10.0.0.1 is not a public address; to allow it: ROLLCALL_ALLOW=10.0.0.1"},
	{"blocked-cgnat", check.BlockedAddress, check.Connect, "100.64.0.1"},
	{"blocked-unspecified", check.BlockedAddress, check.Connect, "0.0.0.0"},
	{"blocked-unique-local", check.BlockedAddress, check.Connect, "fd00::1"},
	{"blocked-link-local", check.BlockedAddress, check.Connect, "link-local"},
	{"blocked-mapped", check.BlockedAddress, check.Connect, "169.254.169.254"},
	{"blocked-nat64", check.BlockedAddress, check.Connect, "64:ff9b::"},
	{"blocked-6to4", check.BlockedAddress, check.Connect, "2002:"},
	{"blocked-teredo", check.BlockedAddress, check.Connect, "2001:"},

	{"refusing", check.ConnectionRefused, check.Connect, "nothing listens"},
	{"unreachable", check.Unreachable, check.Connect, "no route"},
	{"connection-closing", check.ConnectionClosed, check.TLS, "closed the connection"},
	{"connection-resetting", check.ConnectionReset, check.NoPhase, "reset the connection"},

	{"tls-hanging", check.Timeout, check.TLS, "TLS handshake not finished within 1s"},
	{"tls-hanging-midway", check.Timeout, check.TLS, "TLS handshake not finished"},
	{"tls-closing", check.ConnectionClosed, check.TLS, "closed"},
	{"tls-closing-midway", check.ConnectionClosed, check.TLS, "closed"},
	{"tls-resetting", check.ConnectionReset, check.TLS, "reset"},
	{"tls-resetting-midway", check.ConnectionReset, check.TLS, "reset"},
	{"tls-garbage", check.TLSHandshake, check.TLS, "TLS"},
	{"tls-undecipherable", check.TLSHandshake, check.TLS, "bad record MAC"},
	{"tls-not-spoken", check.TLSNotSpoken, check.TLS, "does not speak TLS"},
	{"tls-ssh", check.TLSNotSpoken, check.TLS, "does not speak TLS"},
	{"tls-alert", check.TLSHandshake, check.TLS, "internal error"},
	{"tls-refusing", check.TLSHandshake, check.TLS, "handshake failure"},
	{"unrecognized-name", check.TLSHostname, check.TLS, "no such host name"},
	{"tls10-only", check.TLSVersion, check.TLS, "no TLS version"},
	{"tls11-only", check.TLSVersion, check.TLS, "no TLS version"},
	{"no-shared-cipher", check.TLSHandshake, check.TLS, "handshake failure"},
	{"client-certificate-12", check.TLSClientCertificate, check.TLS, "client certificate"},
	{"client-certificate-13", check.TLSClientCertificate, check.TLS, "client certificate"},

	{"expired", check.TLSExpired, check.TLS, "certificate expired 1 day ago ("},
	{"not-yet-valid", check.TLSNotYetValid, check.TLS, "becomes valid in 23 hours ("},
	{"wrong-name", check.TLSHostname, check.TLS, "not for wrong-name.stage.test but"},
	{"wildcard-depth", check.TLSHostname, check.TLS, "not for"},
	{"no-san", check.TLSHostname, check.TLS, "no name at all"},
	{"wrong-usage", check.TLSUntrusted, check.TLS, "usage"},
	{"self-signed", check.TLSUntrusted, check.TLS, "certificate is self-signed"},
	{"untrusted", check.TLSUntrusted, check.TLS, "chain ends in a root certificate that is not trusted: CN=Test Stranger"},
	{"no-intermediate", check.TLSUntrusted, check.TLS, "issuer of the certificate is missing, as the server does not send it and no trusted root has its name: CN=Test Intermediate"},
	{"expired-intermediate", check.TLSExpired, check.TLS, "intermediate certificate expired 1 day ago ("},
	{"issuer-no-authority", check.TLSUntrusted, check.TLS, "may not sign certificates: CN=between.stage.test"},
	{"sha1-leaf", check.TLSUntrusted, check.TLS, "certificate is signed with SHA-1, which is no longer trusted"},
	{"sha1-intermediate", check.TLSUntrusted, check.TLS, "intermediate certificate is signed with SHA-1, which is no longer trusted: CN=Test Intermediate"},
	{"root-reissued", check.TLSUntrusted, check.TLS, "root certificate has another key than the trusted one of the same name, so it was replaced: CN=Test Root"},
	{"root-reissued-unsent", check.TLSUntrusted, check.TLS, "certificate is signed with another key than the trusted root of its issuer's name has, so that root was replaced: CN=Test Root"},
	{"intermediate-reissued", check.TLSUntrusted, check.TLS, "certificate is not signed with the key of the issuer that the server sends: CN=Test Intermediate"},
	{"stranger-above", check.TLSUntrusted, check.TLS, "issuer of the intermediate certificate is missing, as the server does not send it and no trusted root has its name: CN=Test Stranger"},
	{"intermediate-not-yet-valid", check.TLSNotYetValid, check.TLS, "intermediate certificate becomes valid in 23 hours ("},

	{"rsa-exchange", check.TLSHandshake, check.TLS, "no cipher suite in common"},
	{"rsa-exchange-cbc", check.TLSHandshake, check.TLS, "no cipher suite in common"},
	{"cbc-sha256", check.TLSHandshake, check.TLS, "no cipher suite in common"},
	{"triple-des", check.TLSHandshake, check.TLS, "no cipher suite in common"},
	{"rc4", check.TLSHandshake, check.TLS, "no cipher suite in common"},

	{"client-certificate-400", check.TLSClientCertificate, check.TLS, "asks for a client certificate, and says 400 without one"},
	{"client-certificate-403", check.TLSClientCertificate, check.TLS, "says 403"},
	{"client-certificate-496", check.TLSClientCertificate, check.TLS, "says 496"},
	{"client-certificate-500", check.Status, check.Transfer, "500"},
	{"client-certificate-closing", check.ConnectionClosed, check.FirstByte, "without a response; it had asked for a client certificate"},
	{"client-certificate-resetting", check.ConnectionReset, check.FirstByte, "reset the connection; it had asked for a client certificate"},

	{"hanging", check.Timeout, check.FirstByte, "no response within 1s"},
	{"closing", check.ConnectionClosed, check.FirstByte, "closed the connection without a response"},
	{"resetting", check.ConnectionReset, check.FirstByte, "reset"},
	{"dripping-headers", check.Timeout, check.Transfer, "not finished within 1s"},
	{"head-hanging", check.Timeout, check.Transfer, "not finished within 1s"},
	{"head-closing", check.ConnectionClosed, check.Transfer, "closed"},
	{"head-resetting", check.ConnectionReset, check.Transfer, "reset"},
	{"garbage", check.BadResponse, check.Transfer, "not an HTTP response"},
	{"binary-garbage", check.BadResponse, check.Transfer, "not an HTTP response"},
	{"http-0.9", check.BadResponse, check.Transfer, "not an HTTP response"},
	{"ssh", check.BadResponse, check.Transfer, "SSH-2.0"},
	{"smtp", check.BadResponse, check.Transfer, "not an HTTP response"},
	{"http-3", check.BadResponse, check.Transfer, "claims to be HTTP/3.0"},
	{"no-status", check.BadResponse, check.Transfer, "not an HTTP response"},
	{"status-letters", check.BadResponse, check.Transfer, "not an HTTP response"},
	{"status-99", check.BadResponse, check.Transfer, "not an HTTP response"},
	{"status-1000", check.BadResponse, check.Transfer, "not an HTTP response"},
	{"status-099", check.BadResponse, check.Transfer, "invalid status"},
	{"status-999", check.Status, check.Transfer, "999"},
	{"large-headers", check.HeadersTooLarge, check.Transfer, "256 KiB"},
	{"many-headers", check.HeadersTooLarge, check.Transfer, "1,000"},
	{"endless-headers", check.HeadersTooLarge, check.Transfer, "256 KiB"},
	{"endless-header", check.HeadersTooLarge, check.Transfer, "256 KiB"},
	{"header-control", check.BadResponse, check.Transfer, "invalid HTTP response"},
	{"1xx-flood", check.HeadersTooLarge, check.Transfer, "256 KiB"},
	{"1xx-drip", check.Timeout, check.Transfer, "not finished within 1s"},
	{"switching-101", check.Status, check.Transfer, "101"},
	{"status-304", check.Status, check.Transfer, "304 Not Modified"},
	{"status-401", check.Status, check.Transfer, "401 Unauthorized"},
	{"status-403", check.Status, check.Transfer, "403 Forbidden"},
	{"status-404", check.Status, check.Transfer, "404 Not Found"},
	{"status-418", check.Status, check.Transfer, "418 I'm a teapot"},
	{"status-429", check.Status, check.Transfer, "429 Too Many Requests"},
	{"status-500", check.Status, check.Transfer, "500 Internal Server Error"},
	{"status-502", check.Status, check.Transfer, "502 Bad Gateway"},
	{"status-503", check.Status, check.Transfer, "503 Service Unavailable"},

	{"truncated", check.BodyTruncated, check.Transfer, "closed before the end of the body"},
	{"truncated-reset", check.ConnectionReset, check.Transfer, "reset"},
	{"truncated-chunked", check.BodyTruncated, check.Transfer, "closed before the end of the body"},
	{"truncated-chunk", check.BodyTruncated, check.Transfer, "closed before the end of the body"},
	{"bad-chunk", check.BodyInvalid, check.Transfer, "chunk"},
	{"overlong-chunk", check.BodyInvalid, check.Transfer, "chunk"},
	{"huge-chunk", check.BodyInvalid, check.Transfer, "chunk"},
	{"endless-chunk-extension", check.BodyInvalid, check.Transfer, "too long"},
	{"two-lengths", check.BadResponse, check.Transfer, "Content-Length"},
	{"bad-length", check.BadResponse, check.Transfer, "Content-Length"},
	{"bad-transfer-encoding", check.BadResponse, check.Transfer, "transfer encoding"},
	{"dripping", check.Timeout, check.Transfer, "not finished within 1s"},
	{"body-hanging", check.Timeout, check.Transfer, "not finished within 1s"},
	{"gzip-corrupt", check.BodyInvalid, check.Transfer, "invalid body"},
	{"gzip-bad-checksum", check.BodyInvalid, check.Transfer, "checksum"},
	{"gzip-truncated", check.BodyInvalid, check.Transfer, "invalid body"},
	{"gzip-not", check.BodyInvalid, check.Transfer, "invalid header"},
	{"deflate-corrupt", check.BodyInvalid, check.Transfer, "invalid body"},
	{"deflate-truncated", check.BodyInvalid, check.Transfer, "invalid body"},
	{"gzip-four-times", check.BodyInvalid, check.Transfer, "4 content encodings"},
	{"br-corrupt", check.BodyInvalid, check.Transfer, "brotli"},
	{"br-not", check.BodyInvalid, check.Transfer, "brotli"},
	{"zstd-corrupt", check.BodyInvalid, check.Transfer, "invalid body"},
	{"zstd-window", check.BodyInvalid, check.Transfer, "window size exceeded"},
	{"event-stream", check.Timeout, check.Transfer, "set maxBody"},
	{"cookie-circle", check.RedirectLoop, check.Transfer, "in a circle"},
	{"cookie-sessions", check.RedirectLoop, check.Transfer, "more than 10 redirects"},

	{"redirect-loop", check.RedirectLoop, check.Transfer, "in a circle"},
	{"redirect-loop-two", check.RedirectLoop, check.Transfer, "in a circle"},
	{"redirect-chain-11", check.RedirectLoop, check.Transfer, "more than 10 redirects"},
	{"redirect-endless", check.RedirectLoop, check.Transfer, "more than 10 redirects"},
	{"redirect-no-location", check.RedirectInvalid, check.Transfer, "without a Location"},
	{"redirect-empty-location", check.RedirectInvalid, check.Transfer, "without a Location"},
	{"redirect-ftp", check.RedirectInvalid, check.Transfer, `scheme "ftp"`},
	{"redirect-javascript", check.RedirectInvalid, check.Transfer, `scheme "javascript"`},
	{"redirect-no-host", check.RedirectInvalid, check.Transfer, "has no host"},
	{"redirect-unparsable", check.RedirectInvalid, check.Transfer, "in brackets"},
	{"redirect-control", check.RedirectLoop, check.Transfer, "in a circle"},
	{"redirect-bad-port", check.RedirectInvalid, check.Transfer, "port"},
	{"redirect-insecure", check.RedirectInsecure, check.Transfer, "from https to http"},
	{"redirect-refused", check.ConnectionRefused, check.Connect, "nothing listens"},
	{"redirect-not-found", check.DNSNotFound, check.DNS, "no address"},
	{"redirect-expired", check.TLSExpired, check.TLS, "expired"},
	{"redirect-blocked", check.BlockedAddress, check.Connect, "169.254.169.254"},
	{"redirect-private", check.BlockedAddress, check.Connect, "not a public address"},

	{"h2-absent", check.BadResponse, check.FirstByte, "does not speak HTTP/2"},
	{"h2-http11", check.BadResponse, check.FirstByte, "does not speak HTTP/2"},
	{"h2-garbage", check.BadResponse, check.FirstByte, "does not speak HTTP/2"},
	{"h2-silent", check.Timeout, check.FirstByte, "no response within 1s"},
	{"h2-closing", check.ConnectionClosed, check.FirstByte, "closed"},
	{"h2-hanging", check.Timeout, check.FirstByte, "no response within 1s"},
	{"h2-goaway", check.ConnectionClosed, check.FirstByte, "closed"},
	{"h2-goaway-first", check.ConnectionClosed, check.FirstByte, "closed"},
	{"h2-refused-stream", check.ConnectionReset, check.FirstByte, "REFUSED_STREAM"},
	{"h2-reset", check.BodyTruncated, check.Transfer, "closed before"},
	{"h2-reset-body", check.BodyTruncated, check.Transfer, "closed before"},
	{"h2-truncated", check.BodyTruncated, check.Transfer, "closed before"},
	{"h2-window-overflow", check.BadResponse, check.FirstByte, "FLOW_CONTROL_ERROR"},
	{"h2-window-overflow-late", check.BodyInvalid, check.Transfer, "FLOW_CONTROL_ERROR"},
	{"h2-connection-overflow", check.BadResponse, check.FirstByte, "FLOW_CONTROL_ERROR"},
	{"h2-settings-overflow", check.BadResponse, check.FirstByte, "FLOW_CONTROL_ERROR"},
	{"h2-update-overflow", check.BadResponse, check.FirstByte, "FLOW_CONTROL_ERROR"},
	{"h2-unknown-flood", check.BadResponse, check.FirstByte, "carry nothing"},
	{"h2-ping-flood", check.BadResponse, check.FirstByte, "carry nothing"},
	{"h2-settings-flood", check.BadResponse, check.FirstByte, "carry nothing"},
	{"h2-empty-flood", check.BodyInvalid, check.Transfer, "carry nothing"},
	{"h2-1xx-flood", check.BadResponse, check.Transfer, "carry nothing"},
	{"cookies-ten-thousand", check.HeadersTooLarge, check.Transfer, "more than 1,000"},
	{"h2-push", check.BadResponse, check.FirstByte, "push"},
	{"h2-body-first", check.BadResponse, check.FirstByte, "before its headers"},
	{"h2-other-stream", check.BadResponse, check.FirstByte, "no request of ours"},
	{"h2-too-long", check.BodyInvalid, check.Transfer, "longer than its Content-Length"},
	{"h2-header-upper", check.BadResponse, check.Transfer, "X-Upper"},
	{"h2-header-control", check.BadResponse, check.Transfer, "x-control"},
	{"h2-header-blank", check.BadResponse, check.Transfer, "a b"},
	{"h2-header-pseudo", check.BadResponse, check.Transfer, ":path"},
	{"h2-status-missing", check.BadResponse, check.Transfer, "no status"},
	{"h2-status-letters", check.BadResponse, check.Transfer, "no status"},
	{"h2-status-long", check.BadResponse, check.Transfer, "no status"},
	{"h2-wants-http11", check.BadResponse, check.FirstByte, `set "http" to "1.1" or "auto"`},
	{"h2-wants-http11-away", check.BadResponse, check.FirstByte, `set "http" to "1.1" or "auto"`},
	{"only-http2", check.BadResponse, check.Transfer, `set "http" to "2"`},

	{"dribbling-redirects", check.Timeout, check.Transfer, "response not finished within 1s"},
	{"hinting-redirects", check.Timeout, check.Transfer, "response not finished within 1s"},
	{"late-refusals", check.TLSHandshake, check.TLS, "handshake failure"},
	{"h2-endless-headers", check.HeadersTooLarge, check.Transfer, "256 KiB"},
}

// offering are the servers that matter only to those who offer by ALPN.
var offering = map[string]check.HTTPVersion{"no-shared-protocol": check.HTTP2, "one-shared-protocol": check.AnyHTTP, "wants-http11": check.AnyHTTP, "wants-http11-away": check.AnyHTTP}

// notHere are servers with tests of their own, or whose first response is meant
// to differ from their next.
func notHere(name string) bool {
	return strings.HasPrefix(name, "*.") || strings.HasSuffix(name, ".com")
}

// TestFaults holds every server of the test network against the list: each fault has
// its reason, and each neighbour, who is just good enough, is up.
func TestFaults(t *testing.T) {
	known := map[string]fault{"no-shared-protocol": {"no-shared-protocol", check.BadResponse, check.TLS, "HTTP/2"}}
	for _, f := range knownFaults {
		known[f.server] = f
	}
	tn, prober := startNet(t)
	for name, res := range checkAll(t, tn, prober) {
		label, _, _ := strings.Cut(name, ".stage.test")
		want, down := known[label]
		delete(known, label)
		t.Run(label, func(t *testing.T) {
			if !down {
				want = fault{server: label, reason: check.OK}
			}
			t.Logf("%-28s %-22s %-9s %8.1f ms  %s", label, res.Reason, res.Phase, res.Duration.Seconds()*1000, res.Detail)
			checkFault(t, want, res)
		})
	}
	for label := range known {
		t.Errorf("there is no server %s", label)
	}
}

// checkAll checks every server of the test network, sixteen at once: more, and on a
// small machine the servers themselves are late. Those that time out come last,
// when nobody is busy any more: they have to get to where they hang in time.
func checkAll(t *testing.T, tn *testnet.Net, prober *probe.Prober) map[string]check.Result {
	results := map[string]check.Result{}
	var mu sync.Mutex
	var all sync.WaitGroup
	turns := make(chan struct{}, 16)
	for _, waiting := range []bool{false, true} {
		for _, o := range tn.Origins() {
			if label, _, _ := strings.Cut(o.Name, "."); notHere(o.Name) || timesOut(label) != waiting {
				continue
			}
			to := at(t, tn, "https://"+o.Name+"/", suited(o.Name))
			all.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				res := prober.Probe(t.Context(), to)
				mu.Lock()
				defer mu.Unlock()
				results[o.Name] = res
			})
		}
		all.Wait()
	}
	for name, res := range results {
		if res.Short > 0 { // of decoders only a few may wait at once: who is sent away is checked again alone, as in a sweep
			alone := check.WithAttempt(t.Context(), &check.Attempt{Alone: true})
			results[name] = prober.Probe(alone, at(t, tn, "https://"+name+"/", suited(name)))
		}
	}
	return results
}

var readsBody, _ = expect.Compile("len(body) > 0") // is valid

// suited are the settings with which a server shows what it does.
func suited(name string) func(*check.Settings) {
	label, _, _ := strings.Cut(name, ".")
	return func(s *check.Settings) {
		s.HTTP = offering[label]
		if strings.HasPrefix(label, "h2-") {
			s.HTTP = check.HTTP2
		}
		if strings.HasPrefix(label, "br") || strings.HasPrefix(label, "zstd") { // which is decoded for those who read it
			s.Expect = []check.Condition{expect.Success{}, readsBody}
		}
		if !timesOut(label) && label != "late-refusals" { // and so ends by itself, however slow the machine is
			s.Timeout = 20 * time.Second
		}
	}
}

func timesOut(label string) bool {
	return slices.ContainsFunc(knownFaults, func(f fault) bool {
		return f.server == label && (f.reason == check.Timeout || f.reason == check.DNSTimeout)
	})
}

func checkFault(t *testing.T, want fault, res check.Result) {
	t.Helper()
	if res.Reason != want.reason || want.phase != check.NoPhase && res.Phase != want.phase || !strings.Contains(res.Detail, want.detail) {
		t.Errorf("%s: %v in %v, %q; want %v in %v, %q", want.server, res.Reason, res.Phase, res.Detail, want.reason, want.phase, want.detail)
	}
	settings := check.Settings{Timeout: time.Second}
	suited(want.server)(&settings)
	if limit := settings.Timeout; res.State != check.Up && ((res.Reason == check.Timeout || res.Reason == check.DNSTimeout) != (res.Duration == limit) || res.Duration > limit) {
		t.Errorf("%s: took %v with %v; the duration of a timeout, and of nothing else, is %v", want.server, res.Duration, res.Reason, limit)
	}
	if res.Phases.Sum() != res.Duration {
		t.Errorf("%s: took %v, the phases %v", want.server, res.Duration, res.Phases.Sum())
	}
}

// TestCookiesOfADomain: another host of it gets what servers set, and never the
// event's own.
func TestCookiesOfADomain(t *testing.T) {
	st, prober := startNet(t)
	for _, off := range []bool{false, true} {
		res := prober.Probe(t.Context(), at(t, st, "https://redirect-cookie.stage.test/", func(s *check.Settings) {
			s.NoCookies, s.Header = off, map[string][]string{"Cookie": {"own=hush"}}
		}))
		arrived := faults.Arrivals(st, "recorder.stage.test")
		if res.State != check.Up || len(arrived) == 0 {
			t.Fatalf("Probe = %v %s, %d arrivals", res.Reason, res.Detail, len(arrived))
		}
		last := fmt.Sprint(arrived[len(arrived)-1])
		if strings.Contains(last, "session=set-by-testnet") == off || strings.Contains(last, "hush") {
			t.Errorf("cookies off %v: another host saw %s", off, last)
		}
	}
}

// TestCookiesOverHTTP2: another part of the engine writes its requests.
func TestCookiesOverHTTP2(t *testing.T) {
	st, prober := startNet(t)
	res := prober.Probe(t.Context(), at(t, st, "https://cookie-wall.stage.test/", func(s *check.Settings) { s.HTTP = check.HTTP2 }))
	if res.State != check.Up || res.HTTP != "2" || len(res.Redirects) != 1 {
		t.Errorf("Probe = %v %s over %s, %d redirects", res.Reason, res.Detail, res.HTTP, len(res.Redirects))
	}
}

// startNet is a test network, and a prober that may reach it.
func startNet(t testing.TB) (*testnet.Net, *probe.Prober) {
	tn, err := testnet.Start(testnet.Options{Servers: faults.Servers()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tn.Close() })
	prober := probe.New(probe.Options{
		UserAgent: "rollcall/test", RootCAs: tn.Authority.Pool(),
		Guard:  guard.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("224.0.0.1/32"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("100::/64")}},
		Lookup: resolve.New(resolve.Options{Server: tn.Resolver.Addr().String()}).Lookup,
	})
	t.Cleanup(prober.Close)
	return tn, prober
}

// at is a target at a server of the test network.
func at(t testing.TB, tn *testnet.Net, raw string, change ...func(*check.Settings)) *check.Target {
	t.Helper()
	if ported, ok := tn.Ported(raw); ok {
		raw = ported
	}
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	s := &check.Settings{Method: "GET", Timeout: time.Second, Redirects: 10, MaxBody: 1 << 20}
	for _, c := range change {
		c(s)
	}
	return &check.Target{Name: u.Hostname(), Group: "default", URL: weburl.String(u), RedactedURL: redact.URL(u), Settings: s}
}

// TestTLSSettings: what the event may change of how a server is trusted.
func TestTLSSettings(t *testing.T) {
	tn, prober := startNet(t)
	for _, test := range []struct {
		server     string
		settings   check.TLSSettings
		reason     check.Reason
		verified   bool
		unverified bool
	}{
		{"wrong-name", check.TLSSettings{}, check.TLSHostname, false, false},
		{"wrong-name", check.TLSSettings{ServerName: "another-name.stage.test"}, check.OK, true, false},
		{"wrong-name", check.TLSSettings{InsecureSkipVerify: true}, check.OK, false, true},
		{"expired", check.TLSSettings{InsecureSkipVerify: true}, check.OK, false, true},
		{"self-signed", check.TLSSettings{InsecureSkipVerify: true}, check.OK, false, true},
		{"good", check.TLSSettings{}, check.OK, true, false},
		{"tls10-only", check.TLSSettings{MinVersion: tls.VersionTLS10}, check.OK, true, false},
		{"tls11-only", check.TLSSettings{MinVersion: tls.VersionTLS11}, check.OK, true, false},
		{"tls12-only", check.TLSSettings{MinVersion: tls.VersionTLS13}, check.TLSVersion, false, false},
		{"tls13-only", check.TLSSettings{MinVersion: tls.VersionTLS13}, check.OK, true, false},
		{"rsa-exchange", check.TLSSettings{LegacyCiphers: true}, check.OK, true, false},
		{"rsa-exchange", check.TLSSettings{MinVersion: tls.VersionTLS11}, check.OK, true, false},
		{"rsa-exchange", check.TLSSettings{MinVersion: tls.VersionTLS12}, check.TLSHandshake, false, false},
		{"rsa-exchange-cbc", check.TLSSettings{LegacyCiphers: true}, check.OK, true, false},
		{"cbc-sha256", check.TLSSettings{LegacyCiphers: true}, check.OK, true, false},
		{"triple-des", check.TLSSettings{LegacyCiphers: true}, check.OK, true, false},
		{"rc4", check.TLSSettings{LegacyCiphers: true}, check.TLSHandshake, false, false},
		{"redirect-302", check.TLSSettings{InsecureSkipVerify: true}, check.OK, true, true}, // the second origin is verified
	} {
		res := prober.Probe(t.Context(), at(t, tn, "https://"+test.server+".stage.test/", func(s *check.Settings) { s.TLS = test.settings }))
		verified := res.Certificate != nil && res.Certificate.Verified
		if res.Reason != test.reason || verified != test.verified || res.TLSUnverified != test.unverified {
			t.Errorf("%s with %+v: %v (%s), verified %v, said to be unverified %v", test.server, test.settings, res.Reason, res.Detail, verified, res.TLSUnverified)
		}
	}
}

// TestCertificates: who they are from and when they expire is known, refused or
// not; what expires first counts, in the chain and of all hops.
func TestCertificates(t *testing.T) {
	tn, prober := startNet(t)
	for _, test := range []struct {
		server string
		days   float64 // left, about
		chain  bool    // verified
	}{
		{"good", 90, true}, {"expired", -1, false}, {"expires-tomorrow", 1, true}, {"wrong-name", 90, false}, {"untrusted", 90, false},
		{"intermediate-expires-tomorrow", 1, true}, {"expired-intermediate", -1, false}, {"intermediate-renewed", 90, true},
		{"redirect-from-expiring", 1, true}, {"negative-serial", 90, true}, {"intermediate-not-yet-valid", 90, false},
	} {
		c := prober.Probe(t.Context(), at(t, tn, "https://"+test.server+".stage.test/")).Certificate
		if c == nil || c.DaysLeft < test.days-1 || c.DaysLeft > test.days+1 || c.Verified != test.chain || c.Subject == "" || c.Issuer == "" || c.NotAfter.IsZero() {
			t.Errorf("%s: certificate %+v, want about %v days left, verified %v", test.server, c, test.days, test.chain)
		}
	}
}

// TestRecorded: what another origin got to see of a redirected request.
func TestRecorded(t *testing.T) {
	tn, prober := startNet(t)
	res := prober.Probe(t.Context(), at(t, tn, "https://redirect-recorder.stage.test/?token=hush", func(s *check.Settings) {
		s.Method, s.Body = "POST", "hush"
		s.Header = map[string][]string{"Authorization": {"Bearer hush"}, "X-Api-Key": {"hush"}, "Cookie": {"a=hush"}}
	}))
	arrived := faults.Arrivals(tn, "recorder.stage.test")
	if res.State != check.Up || len(arrived) != 1 {
		t.Fatalf("Probe = %v %s, %d arrivals", res.Reason, res.Detail, len(arrived))
	}
	if seen := strings.ToLower(fmt.Sprint(arrived[0])); strings.Contains(seen, "hush") || strings.Contains(seen, "referer") {
		t.Errorf("another origin saw %s", seen)
	}
}
