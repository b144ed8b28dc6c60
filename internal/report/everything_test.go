package report

import (
	"net/netip"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
)

const ms = time.Millisecond

// took are the phases of a check, in milliseconds; the last ones may be absent.
func took(each ...float64) check.Phases {
	p := check.NoPhases()
	for i, at := range []*time.Duration{&p.DNS, &p.Connect, &p.TLS, &p.FirstByte, &p.Transfer} {
		if i < len(each) {
			*at = time.Duration(each[i] * float64(ms))
		}
	}
	return p
}

// failures are the results that are down, each with its own reason, as the
// faulty servers give them.
func failures() []check.Result {
	full, handshake := took(0.9, 4, 9.8, 27.9, 0.2), took(0.9, 4, 6.1)
	return []check.Result{
		{Name: "nxdomain.example", Reason: check.DNSNotFound, Phase: check.DNS, Detail: "no address for nxdomain.example", Phases: took(0.4)},
		{Name: "servfail.example", Reason: check.DNSTemporary, Phase: check.DNS, Detail: "resolver failure (SERVFAIL)", Phases: took(0.7)},
		{Name: "dns-silent.example", Reason: check.DNSTimeout, Phase: check.DNS, Detail: "no response from the resolver within 1s", Phases: took(1000)},
		{Name: "blocked.example", Reason: check.BlockedAddress, Phase: check.Connect, Detail: "169.254.169.254 is a link-local address, where the machine's metadata and credentials are; it is never allowed"},
		{Name: "refusing.example", Reason: check.ConnectionRefused, Phase: check.Connect, Detail: "nothing listens on this port, or a firewall refuses", Phases: took(0.3, 0.2)},
		{Name: "resetting.example", Reason: check.ConnectionReset, Phase: check.FirstByte, Detail: "server reset the connection", Phases: took(0.5, 0.2, 1.1, 0.5)},
		{Name: "closing.example", Reason: check.ConnectionClosed, Phase: check.FirstByte, Detail: "server closed the connection without a response", Phases: took(0.5, 0.2, 2.1, 0.5)},
		{Name: "unreachable.example", Reason: check.Unreachable, Phase: check.Connect, Detail: "no route to the server", Phases: took(0.4, 0.1)},
		{Name: "expired.example", Reason: check.TLSExpired, Phase: check.TLS, Detail: "certificate expired 1 day ago (2026-11-22)", Phases: handshake,
			Certificate: &check.Certificate{Subject: "CN=expired.example", Issuer: "CN=An Authority", NotAfter: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), DaysLeft: -1}},
		{Name: "not-yet-valid.example", Reason: check.TLSNotYetValid, Phase: check.TLS, Detail: "certificate becomes valid in 24h0m0s (2026-11-24)", Phases: handshake},
		{Name: "wrong-name.example", Reason: check.TLSHostname, Phase: check.TLS, Detail: "certificate is not for wrong-name.example but another-name.example", Phases: handshake},
		{Name: "untrusted.example", Reason: check.TLSUntrusted, Phase: check.TLS, Detail: "certificate is signed by an unknown authority", Phases: handshake},
		{Name: "tls10-only.example", Reason: check.TLSVersion, Phase: check.TLS, Detail: "server speaks no TLS version that we do", Phases: handshake},
		{Name: "client-certificate.example", Reason: check.TLSClientCertificate, Phase: check.TLS, Detail: "server asks for a client certificate", Phases: handshake},
		{Name: "no-shared-cipher.example", Reason: check.TLSHandshake, Phase: check.TLS, Detail: "server refused the handshake: handshake failure", Phases: handshake},
		{Name: "tls-not-spoken.example", Reason: check.TLSNotSpoken, Phase: check.TLS, Detail: "server does not speak TLS on this port", Phases: handshake},
		{Name: "hanging.example", Reason: check.Timeout, Phase: check.FirstByte, Detail: "no response within 10s", Attempts: 2, Phases: took(0.9, 4, 9.8, 9985.3)},
		{Name: "garbage.example", Reason: check.BadResponse, Phase: check.FirstByte, Detail: "not an HTTP response: malformed HTTP status code \"this\"", Phases: full},
		{Name: "large-headers.example", Reason: check.HeadersTooLarge, Phase: check.FirstByte, Detail: "response headers are larger than 256 KiB", Phases: full},
		{Name: "truncated.example", Status: 200, Reason: check.BodyTruncated, Phase: check.Transfer, Detail: "connection closed before the end of the body", Phases: full},
		{Name: "bad-chunk.example", Status: 200, Reason: check.BodyInvalid, Phase: check.Transfer, Detail: "body is broken: invalid byte in chunk length", Phases: full},
		{Name: "redirect-loop.example", Status: 301, Reason: check.RedirectLoop, Phase: check.Transfer, Detail: "redirected in a circle: https://redirect-loop.example", Phases: full},
		{Name: "redirect-no-location.example", Status: 302, Reason: check.RedirectInvalid, Phase: check.Transfer, Detail: "redirect without a Location", Phases: full},
		{Name: "redirect-insecure.example", Status: 302, Reason: check.RedirectInsecure, Phase: check.Transfer, Detail: "redirected from https to http: http://redirect-insecure.example", Phases: full},
		{Name: "broken.example/health", Group: "shop", Status: 503, Reason: check.Status, Phase: check.Transfer, Detail: "503 Service Unavailable", Expression: "status == 200", Attempts: 2,
			IP: netip.MustParseAddr("192.0.2.1"), Phases: full},
		{Name: strings.Repeat("long.", 20) + "example", Group: "shop", Status: 200, Reason: check.Expectation, Phase: check.Transfer, Detail: `json.db == "up": the body is not JSON`,
			Expression: `json.db == "up"`, Phases: full},
	}
}

// others are the results that are not down.
func others() []check.Result {
	return []check.Result{
		{Name: "fast.example", State: check.Up, Status: 200, Attempts: 1, Phases: took(1.2, 8, 20, 50, 2.04)},
		{Name: "slow.example", State: check.Up, Status: 204, Attempts: 1, Phases: took(1.2, 140, 300, 858.8, 700)},
		{Name: "flaky.example", Group: "shop", State: check.Up, Status: 200, Attempts: 2, Flaky: true, Phases: took(1, 9, 20, 60)},
		{Name: "名前 a café of wide 界 glyphs", Group: "shop", State: check.Up, Status: 200, Attempts: 1, Phases: took(30, 9, 20, 60, 120)},
		{Name: "late.example", State: check.Degraded, Reason: check.Expectation, Phase: check.Transfer, Detail: "duration < 300: 345.0", Expression: "duration < 300",
			Status: 200, Attempts: 1, Phases: took(5, 20, 40, 270, 10)},
		{Name: "open.example", State: check.NotChecked, Reason: check.Deadline, Detail: "the run ended before the response came", Attempts: 1, Phases: took(1)},
		{Name: "queued.example", State: check.NotChecked, Reason: check.Unstarted, Detail: "the run ended before its turn came", Phases: check.NoPhases()},
		{Name: "ftp://wrong.example", State: check.NotChecked, Reason: check.InvalidTarget, Detail: "url: is neither http nor https (write https://…)", Phases: check.NoPhases()},
		{Name: "ours.example", State: check.NotChecked, Reason: check.Internal, Detail: "we ran out of file descriptors", Attempts: 1, Phases: took(0.4, 0.1)},
	}
}

// everything is a summary that holds every state and every reason.
func everything() *monitor.Summary {
	s := &monitor.Summary{
		Version: "1.2.3", Started: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Duration: check.Milliseconds(10*time.Second + 12*ms), Profile: "target",
		Up: 4, Degraded: 1, NotChecked: 4, Flaky: 1, Warnings: []string{"a placeholder was left as it is"}, Results: others(),
	}
	for _, r := range failures() {
		r.State = check.Down
		if r.Attempts == 0 {
			r.Attempts = 1
		}
		if r.Phases == (check.Phases{}) {
			r.Phases = check.NoPhases()
		}
		s.Down++
		s.Results = append(s.Results, r)
	}
	for i := range s.Results {
		r := &s.Results[i]
		r.Duration = r.Phases.Sum()
		if r.URL = "https://" + r.Name; r.Group == "" {
			r.Group = "default"
		}
	}
	s.Targets = len(s.Results)
	return s
}
