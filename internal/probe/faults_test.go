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

	"rollcall/internal/probe"
	"rollcall/internal/resolve"
	"rollcall/internal/testnet"
)

// A fault is what a named server of the stage does, and what is to be said of
// it.
type fault struct {
	server string // its first label
	reason probe.Reason
	phase  probe.Phase // NoPhase: it depends on who is faster
	detail string      // part of it
}

// faults is the list of the servers that are down. Whoever is not in it is up.
var faults = []fault{
	{"nxdomain", probe.DNSNotFound, probe.DNS, "no address for nxdomain.stage.test"},
	{"no-address", probe.DNSNotFound, probe.DNS, "no address"},
	{"servfail", probe.DNSTemporary, probe.DNS, "could not tell"},
	{"dns-refused", probe.DNSTemporary, probe.DNS, "could not tell"},
	{"dns-silent", probe.DNSTimeout, probe.DNS, "no answer from the resolver"},

	{"blocked", probe.BlockedAddress, probe.Connect, "169.254.169.254 is link-local"},
	{"blocked-private", probe.BlockedAddress, probe.Connect, "10.0.0.1 is no public address; ROLLCALL_ALLOW"},
	{"blocked-cgnat", probe.BlockedAddress, probe.Connect, "100.64.0.1"},
	{"blocked-unspecified", probe.BlockedAddress, probe.Connect, "0.0.0.0"},
	{"blocked-unique-local", probe.BlockedAddress, probe.Connect, "fd00::1"},
	{"blocked-link-local", probe.BlockedAddress, probe.Connect, "link-local"},
	{"blocked-mapped", probe.BlockedAddress, probe.Connect, "169.254.169.254"},
	{"blocked-nat64", probe.BlockedAddress, probe.Connect, "64:ff9b::"},
	{"blocked-6to4", probe.BlockedAddress, probe.Connect, "2002:"},
	{"blocked-teredo", probe.BlockedAddress, probe.Connect, "2001:"},

	{"refusing", probe.ConnectionRefused, probe.Connect, "nothing listens"},
	{"unreachable", probe.Unreachable, probe.Connect, "no route"},
	{"connection-closing", probe.ConnectionClosed, probe.TLS, "closed the connection"},
	{"connection-resetting", probe.ConnectionReset, probe.NoPhase, "reset the connection"},

	{"tls-hanging", probe.Timeout, probe.TLS, "TLS handshake not finished within 1s"},
	{"tls-hanging-midway", probe.Timeout, probe.TLS, "TLS handshake not finished"},
	{"tls-closing", probe.ConnectionClosed, probe.TLS, "closed"},
	{"tls-closing-midway", probe.ConnectionClosed, probe.TLS, "closed"},
	{"tls-resetting", probe.ConnectionReset, probe.TLS, "reset"},
	{"tls-resetting-midway", probe.ConnectionReset, probe.TLS, "reset"},
	{"tls-garbage", probe.TLSHandshake, probe.TLS, "TLS"},
	{"tls-undecipherable", probe.TLSHandshake, probe.TLS, "bad record MAC"},
	{"tls-not-spoken", probe.TLSNotSpoken, probe.TLS, "does not speak TLS"},
	{"tls-ssh", probe.TLSNotSpoken, probe.TLS, "does not speak TLS"},
	{"tls-alert", probe.TLSHandshake, probe.TLS, "internal error"},
	{"tls-refusing", probe.TLSHandshake, probe.TLS, "handshake failure"},
	{"unrecognized-name", probe.TLSHostname, probe.TLS, "no such host name"},
	{"tls10-only", probe.TLSVersion, probe.TLS, "no TLS version"},
	{"tls11-only", probe.TLSVersion, probe.TLS, "no TLS version"},
	{"no-shared-cipher", probe.TLSHandshake, probe.TLS, "handshake failure"},
	{"client-certificate-12", probe.TLSClientCertificate, probe.TLS, "client certificate"},
	{"client-certificate-13", probe.TLSClientCertificate, probe.TLS, "client certificate"},

	{"expired", probe.TLSExpired, probe.TLS, "certificate expired 1 day ago ("},
	{"not-yet-valid", probe.TLSNotYetValid, probe.TLS, "not valid for another 23 hours ("},
	{"wrong-name", probe.TLSHostname, probe.TLS, "not for wrong-name.stage.test but"},
	{"wildcard-depth", probe.TLSHostname, probe.TLS, "not for"},
	{"no-san", probe.TLSHostname, probe.TLS, "no name at all"},
	{"wrong-usage", probe.TLSUntrusted, probe.TLS, "usage"},
	{"self-signed", probe.TLSUntrusted, probe.TLS, "unknown authority"},
	{"untrusted", probe.TLSUntrusted, probe.TLS, "unknown authority"},
	{"no-intermediate", probe.TLSUntrusted, probe.TLS, "unknown authority"},
	{"expired-intermediate", probe.TLSExpired, probe.TLS, "expired 1 day ago"},
	{"issuer-no-authority", probe.TLSUntrusted, probe.TLS, ""},

	{"hanging", probe.Timeout, probe.FirstByte, "no answer within 1s"},
	{"closing", probe.ConnectionClosed, probe.FirstByte, "closed the connection without an answer"},
	{"resetting", probe.ConnectionReset, probe.FirstByte, "reset"},
	{"dripping-headers", probe.Timeout, probe.Transfer, "not finished within 1s"},
	{"head-hanging", probe.Timeout, probe.Transfer, "not finished within 1s"},
	{"head-closing", probe.ConnectionClosed, probe.Transfer, "closed"},
	{"head-resetting", probe.ConnectionReset, probe.Transfer, "reset"},
	{"garbage", probe.BadResponse, probe.Transfer, "no HTTP"},
	{"binary-garbage", probe.BadResponse, probe.Transfer, "no HTTP"},
	{"http-0.9", probe.BadResponse, probe.Transfer, "no HTTP"},
	{"ssh", probe.BadResponse, probe.Transfer, "SSH-2.0"},
	{"smtp", probe.BadResponse, probe.Transfer, "no HTTP"},
	{"http-3", probe.BadResponse, probe.Transfer, "claims to be HTTP/3.0"},
	{"no-status", probe.BadResponse, probe.Transfer, "no HTTP"},
	{"status-letters", probe.BadResponse, probe.Transfer, "no HTTP"},
	{"status-99", probe.BadResponse, probe.Transfer, "no HTTP"},
	{"status-1000", probe.BadResponse, probe.Transfer, "no HTTP"},
	{"status-099", probe.BadResponse, probe.Transfer, "status that is none"},
	{"status-999", probe.Status, probe.Transfer, "999"},
	{"large-headers", probe.HeadersTooLarge, probe.Transfer, "256 KiB"},
	{"endless-headers", probe.HeadersTooLarge, probe.Transfer, "256 KiB"},
	{"endless-header", probe.HeadersTooLarge, probe.Transfer, "256 KiB"},
	{"header-no-colon", probe.BadResponse, probe.Transfer, "missing colon"},
	{"header-control", probe.BadResponse, probe.Transfer, "no HTTP"},
	{"1xx-flood", probe.HeadersTooLarge, probe.Transfer, "256 KiB"},
	{"1xx-drip", probe.Timeout, probe.Transfer, "not finished within 1s"},
	{"switching-101", probe.Status, probe.Transfer, "101"},
	{"status-304", probe.Status, probe.Transfer, "304 Not Modified"},
	{"status-401", probe.Status, probe.Transfer, "401 Unauthorized"},
	{"status-403", probe.Status, probe.Transfer, "403 Forbidden"},
	{"status-404", probe.Status, probe.Transfer, "404 Not Found"},
	{"status-418", probe.Status, probe.Transfer, "418 I'm a teapot"},
	{"status-429", probe.Status, probe.Transfer, "429 Too Many Requests"},
	{"status-500", probe.Status, probe.Transfer, "500 Internal Server Error"},
	{"status-502", probe.Status, probe.Transfer, "502 Bad Gateway"},
	{"status-503", probe.Status, probe.Transfer, "503 Service Unavailable"},

	{"truncated", probe.BodyTruncated, probe.Transfer, "ended before the body did"},
	{"truncated-reset", probe.ConnectionReset, probe.Transfer, "reset"},
	{"truncated-chunked", probe.BodyTruncated, probe.Transfer, "ended before the body did"},
	{"truncated-chunk", probe.BodyTruncated, probe.Transfer, "ended before the body did"},
	{"bad-chunk", probe.BodyInvalid, probe.Transfer, "chunk"},
	{"overlong-chunk", probe.BodyInvalid, probe.Transfer, "chunk"},
	{"huge-chunk", probe.BodyInvalid, probe.Transfer, "chunk"},
	{"endless-chunk-extension", probe.BodyInvalid, probe.Transfer, "too long"},
	{"two-lengths", probe.BadResponse, probe.Transfer, "Content-Length"},
	{"bad-length", probe.BadResponse, probe.Transfer, "Content-Length"},
	{"bad-transfer-encoding", probe.BadResponse, probe.Transfer, "transfer encoding"},
	{"dripping", probe.Timeout, probe.Transfer, "not finished within 1s"},
	{"body-hanging", probe.Timeout, probe.Transfer, "not finished within 1s"},
	{"gzip-corrupt", probe.BodyInvalid, probe.Transfer, "body is broken"},
	{"gzip-bad-checksum", probe.BodyInvalid, probe.Transfer, "checksum"},
	{"gzip-truncated", probe.BodyInvalid, probe.Transfer, "body is broken"},
	{"gzip-trailing-garbage", probe.BodyInvalid, probe.Transfer, "body is broken"},
	{"gzip-not", probe.BodyInvalid, probe.Transfer, "invalid header"},
	{"deflate-corrupt", probe.BodyInvalid, probe.Transfer, "body is broken"},
	{"deflate-truncated", probe.BodyInvalid, probe.Transfer, "body is broken"},

	{"redirect-loop", probe.RedirectLoop, probe.Transfer, "in a circle"},
	{"redirect-loop-two", probe.RedirectLoop, probe.Transfer, "in a circle"},
	{"redirect-chain-11", probe.RedirectLoop, probe.Transfer, "more than 10 redirects"},
	{"redirect-endless", probe.RedirectLoop, probe.Transfer, "more than 10 redirects"},
	{"redirect-no-location", probe.RedirectInvalid, probe.Transfer, "without a Location"},
	{"redirect-empty-location", probe.RedirectInvalid, probe.Transfer, "without a Location"},
	{"redirect-ftp", probe.RedirectInvalid, probe.Transfer, `scheme "ftp"`},
	{"redirect-javascript", probe.RedirectInvalid, probe.Transfer, `scheme "javascript"`},
	{"redirect-no-host", probe.RedirectInvalid, probe.Transfer, "without a host"},
	{"redirect-unparsable", probe.RedirectInvalid, probe.Transfer, "no URL"},
	{"redirect-control", probe.BadResponse, probe.Transfer, "malformed MIME header"},
	{"redirect-bad-port", probe.RedirectInvalid, probe.Transfer, "port"},
	{"redirect-insecure", probe.RedirectInsecure, probe.Transfer, "from https to http"},
	{"redirect-refused", probe.ConnectionRefused, probe.Connect, "nothing listens"},
	{"redirect-not-found", probe.DNSNotFound, probe.DNS, "no address"},
	{"redirect-expired", probe.TLSExpired, probe.TLS, "expired"},
	{"redirect-blocked", probe.BlockedAddress, probe.Connect, "169.254.169.254"},
	{"redirect-private", probe.BlockedAddress, probe.Connect, "no public address"},

	{"h2-absent", probe.BadResponse, probe.FirstByte, "does not speak HTTP/2"},
	{"h2-http11", probe.BadResponse, probe.FirstByte, "does not speak HTTP/2"},
	{"h2-garbage", probe.BadResponse, probe.FirstByte, "does not speak HTTP/2"},
	{"h2-silent", probe.Timeout, probe.FirstByte, "no answer within 1s"},
	{"h2-closing", probe.ConnectionClosed, probe.FirstByte, "closed"},
	{"h2-hanging", probe.Timeout, probe.FirstByte, "no answer within 1s"},
	{"h2-goaway", probe.ConnectionClosed, probe.FirstByte, "closed"},
	{"h2-goaway-first", probe.ConnectionClosed, probe.FirstByte, "closed"},
	{"h2-refused-stream", probe.ConnectionReset, probe.FirstByte, "REFUSED_STREAM"},
	{"h2-reset", probe.BodyTruncated, probe.Transfer, "ended before"},
	{"h2-reset-body", probe.BodyTruncated, probe.Transfer, "ended before"},
	{"h2-truncated", probe.BodyTruncated, probe.Transfer, "ended before"},
	{"h2-endless-headers", probe.HeadersTooLarge, probe.FirstByte, "256 KiB"},
}

// offering are the servers that matter only to those who offer by ALPN.
var offering = map[string]probe.HTTPVersion{"no-shared-protocol": probe.HTTP2, "one-shared-protocol": probe.AnyHTTP}

// notHere are servers with tests of their own, or whose first answer is meant
// to differ from their next.
func notHere(name string) bool {
	return strings.HasPrefix(name, "*.") || strings.HasSuffix(name, ".com")
}

// TestFaults holds every server of the stage against the list: each fault has
// its reason, and each neighbour, who is just good enough, is up.
func TestFaults(t *testing.T) {
	known := map[string]fault{"no-shared-protocol": {"no-shared-protocol", probe.BadResponse, probe.TLS, "HTTP/2"}}
	for _, f := range faults {
		known[f.server] = f
	}
	st, prober := gallery(t)
	for name, res := range checkAll(t, st, prober) {
		label, _, _ := strings.Cut(name, ".stage.test")
		want, down := known[label]
		delete(known, label)
		t.Run(label, func(t *testing.T) {
			if !down {
				want = fault{server: label, reason: probe.OK}
			}
			t.Logf("%-28s %-22s %-9s %8.1f ms  %s", label, res.Reason, res.Phase, res.Duration.Seconds()*1000, res.Detail)
			checkFault(t, want, res)
		})
	}
	for label := range known {
		t.Errorf("there is no server %s", label)
	}
}

// checkAll checks every server of the stage, sixteen at once: more, and on a
// small machine the servers themselves are late.
func checkAll(t *testing.T, st *testnet.Net, prober *probe.Prober) map[string]probe.Result {
	results := map[string]probe.Result{}
	var mu sync.Mutex
	var all sync.WaitGroup
	turns := make(chan struct{}, 16)
	for _, o := range st.Origins() {
		if notHere(o.Name) {
			continue
		}
		to := at(t, st, "https://"+o.Name+"/", suited(o.Name))
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
	return results
}

// suited are the settings with which a server shows what it does.
func suited(name string) func(*probe.Settings) {
	label, _, _ := strings.Cut(name, ".")
	return func(s *probe.Settings) {
		s.HTTP = offering[label]
		if strings.HasPrefix(label, "h2-") {
			s.HTTP = probe.HTTP2
		}
		if !timesOut(label) { // however slow the race detector makes a server
			s.Timeout *= testnet.Patience
		}
		if label == "slow" || strings.HasPrefix(label, "redirect-") { // whose many handshakes take their time
			s.Timeout *= 3
		}
	}
}

func timesOut(label string) bool {
	return slices.ContainsFunc(faults, func(f fault) bool {
		return f.server == label && (f.reason == probe.Timeout || f.reason == probe.DNSTimeout)
	})
}

func checkFault(t *testing.T, want fault, res probe.Result) {
	t.Helper()
	if res.Reason != want.reason || want.phase != probe.NoPhase && res.Phase != want.phase || !strings.Contains(res.Detail, want.detail) {
		t.Errorf("%s: %v in %v, %q; want %v in %v, %q", want.server, res.Reason, res.Phase, res.Detail, want.reason, want.phase, want.detail)
	}
	settings := probe.Settings{Timeout: time.Second}
	suited(want.server)(&settings)
	if limit := settings.Timeout; res.State != probe.Up && ((res.Reason == probe.Timeout || res.Reason == probe.DNSTimeout) != (res.Duration == limit) || res.Duration > limit) {
		t.Errorf("%s: took %v with %v; a time-out's duration, and no other's, is %v", want.server, res.Duration, res.Reason, limit)
	}
	if res.Phases.Sum() != res.Duration {
		t.Errorf("%s: took %v, the phases %v", want.server, res.Duration, res.Phases.Sum())
	}
}

// gallery is a stage, and a prober that may reach it.
func gallery(t testing.TB) (*testnet.Net, *probe.Prober) {
	st, err := testnet.Start(testnet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	prober := probe.New(probe.Options{
		UserAgent: "rollcall/test", RootCAs: st.Authority.Pool(),
		Guard:  probe.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("224.0.0.1/32"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("100::/64")}},
		Lookup: resolve.New(resolve.Options{Server: st.Resolver.Addr().String()}).Lookup,
	})
	t.Cleanup(prober.Close)
	return st, prober
}

// at is a target at one of the stage's servers.
func at(t testing.TB, st *testnet.Net, raw string, change ...func(*probe.Settings)) *probe.Target {
	t.Helper()
	if ported, ok := st.Ported(raw); ok {
		raw = ported
	}
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	s := &probe.Settings{Method: "GET", Timeout: time.Second, Redirects: 10, MaxBody: 1 << 20}
	for _, c := range change {
		c(s)
	}
	return &probe.Target{Name: u.Hostname(), Group: "default", URL: u, Shown: probe.Shown(u), Settings: s}
}

// TestTLSSettings: what the event may change of how a server is trusted.
func TestTLSSettings(t *testing.T) {
	st, prober := gallery(t)
	for _, test := range []struct {
		server     string
		settings   probe.TLSSettings
		reason     probe.Reason
		verified   bool
		unverified bool
	}{
		{"wrong-name", probe.TLSSettings{}, probe.TLSHostname, false, false},
		{"wrong-name", probe.TLSSettings{ServerName: "another-name.stage.test"}, probe.OK, true, false},
		{"wrong-name", probe.TLSSettings{InsecureSkipVerify: true}, probe.OK, false, true},
		{"expired", probe.TLSSettings{InsecureSkipVerify: true}, probe.OK, false, true},
		{"self-signed", probe.TLSSettings{InsecureSkipVerify: true}, probe.OK, false, true},
		{"good", probe.TLSSettings{}, probe.OK, true, false},
		{"tls10-only", probe.TLSSettings{MinVersion: tls.VersionTLS10}, probe.OK, true, false},
		{"tls11-only", probe.TLSSettings{MinVersion: tls.VersionTLS11}, probe.OK, true, false},
		{"tls12-only", probe.TLSSettings{MinVersion: tls.VersionTLS13}, probe.TLSVersion, false, false},
		{"tls13-only", probe.TLSSettings{MinVersion: tls.VersionTLS13}, probe.OK, true, false},
	} {
		res := prober.Probe(t.Context(), at(t, st, "https://"+test.server+".stage.test/", func(s *probe.Settings) { s.TLS = test.settings }))
		verified := res.Certificate != nil && res.Certificate.Verified
		if res.Reason != test.reason || verified != test.verified || res.TLSUnverified != test.unverified {
			t.Errorf("%s with %+v: %v (%s), verified %v, said to be unverified %v", test.server, test.settings, res.Reason, res.Detail, verified, res.TLSUnverified)
		}
	}
}

// TestCertificates: who they are from and when they end is known, refused or
// not; what ends first in the chain counts.
func TestCertificates(t *testing.T) {
	st, prober := gallery(t)
	for _, test := range []struct {
		server string
		days   float64 // left, about
		chain  bool    // verified
	}{
		{"good", 90, true}, {"expired", -1, false}, {"expires-tomorrow", 1, true}, {"wrong-name", 90, false}, {"untrusted", 90, false},
		{"intermediate-expires-tomorrow", 1, true},
	} {
		c := prober.Probe(t.Context(), at(t, st, "https://"+test.server+".stage.test/")).Certificate
		if c == nil || c.DaysLeft < test.days-1 || c.DaysLeft > test.days+1 || c.Verified != test.chain || c.Subject == "" || c.Issuer == "" || c.NotAfter.IsZero() {
			t.Errorf("%s: certificate %+v, want about %v days left, verified %v", test.server, c, test.days, test.chain)
		}
	}
}

// TestRecorded: what another origin got to see of a redirected request.
func TestRecorded(t *testing.T) {
	st, prober := gallery(t)
	res := prober.Probe(t.Context(), at(t, st, "https://redirect-recorder.stage.test/?token=hush", func(s *probe.Settings) {
		s.Method, s.Body = "POST", "hush"
		s.Header = map[string][]string{"Authorization": {"Bearer hush"}, "X-Api-Key": {"hush"}, "Cookie": {"a=hush"}}
	}))
	arrived := st.Arrivals("recorder.stage.test")
	if res.State != probe.Up || len(arrived) != 1 {
		t.Fatalf("Probe = %v %s, %d arrivals", res.Reason, res.Detail, len(arrived))
	}
	if seen := strings.ToLower(fmt.Sprint(arrived[0])); strings.Contains(seen, "hush") || strings.Contains(seen, "referer") {
		t.Errorf("another origin saw %s", seen)
	}
}
