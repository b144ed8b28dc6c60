//go:build interop

package probe_test

import (
	"crypto/tls"
	"runtime"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/testnet"
)

// A server is an openssl s_server with its options, and what is to be said of
// it.
type server struct {
	name    string
	flaw    testnet.Flaw
	options string
	change  func(*check.Settings)

	reason check.Reason
	phase  check.Phase
	detail string // a part of it
	http   string // "" if there is no response
}

// old lets OpenSSL 3 speak TLS 1.0 and 1.1, whose signatures are below its
// usual level of security.
const old = " -cipher DEFAULT@SECLEVEL=0"

// versionServers speak some versions of TLS only.
func versionServers() []server {
	return []server{
		{name: "TLS 1.0", options: "-tls1" + old, reason: check.TLSVersion, phase: check.TLS, detail: "no TLS version"},
		{name: "TLS 1.0, taken", options: "-tls1" + old, change: minVersion(tls.VersionTLS10), http: "1.0"},
		{name: "TLS 1.1", options: "-tls1_1" + old, reason: check.TLSVersion, phase: check.TLS, detail: "no TLS version"},
		{name: "TLS 1.1, taken", options: "-tls1_1" + old, change: minVersion(tls.VersionTLS11), http: "1.0"},
		{name: "TLS 1.2", options: "-tls1_2", http: "1.0"},
		{name: "TLS 1.2, not enough", options: "-tls1_2", change: minVersion(tls.VersionTLS13),
			reason: check.TLSVersion, phase: check.TLS, detail: "no TLS version"},
		{name: "TLS 1.3", options: "-tls1_3", http: "1.0"},
		{name: "TLS 1.3 without tickets", options: "-tls1_3 -num_tickets 0", http: "1.0"},
		{name: "no shared cipher", options: "-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256",
			reason: check.TLSHandshake, phase: check.TLS, detail: "handshake failure"},
		{name: "one shared cipher", options: "-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384", http: "1.0"},
		{name: "no shared curve", options: "-tls1_3 -groups ffdhe2048",
			reason: check.TLSHandshake, phase: check.TLS, detail: "handshake failure"},
		{name: "one shared curve, asked for again", options: "-tls1_3 -groups P-521", http: "1.0"},
		{name: "HTTP/2 promised", options: "-alpn h2", change: http2Soon, reason: check.Timeout, phase: check.FirstByte, detail: "no response"},
		{name: "HTTP/2 not there", options: "", change: overHTTP2, reason: check.BadResponse, phase: check.FirstByte, detail: "HTTP/2"},
	}
}

// clientCertificateServers ask who the caller is.
func clientCertificateServers() []server {
	return []server{
		{name: "TLS 1.2, client certificate", options: "-tls1_2 -Verify 2 -CAfile root.pem",
			reason: check.TLSClientCertificate, phase: check.TLS, detail: "client certificate"},
		{name: "TLS 1.2, client certificate or none", options: "-tls1_2 -verify 2 -CAfile root.pem", http: "1.0"},
		{name: "TLS 1.3, client certificate", options: "-tls1_3 -Verify 2 -CAfile root.pem",
			reason: check.TLSClientCertificate, phase: check.TLS, detail: "client certificate"},
		{name: "TLS 1.3, client certificate or none", options: "-tls1_3 -verify 2 -CAfile root.pem", http: "1.0"},
	}
}

// certificateServers have a certificate with a flaw.
func certificateServers() []server {
	return []server{
		{name: "complete chain", http: "1.0"},
		{name: "missing intermediate", flaw: testnet.NoIntermediate, reason: check.TLSUntrusted, phase: check.TLS, detail: "issuer of the certificate is missing"},
		{name: "wrong name", flaw: testnet.WrongName, reason: check.TLSHostname, phase: check.TLS, detail: "not for " + host},
		{name: "expired", flaw: testnet.Expired, reason: check.TLSExpired, phase: check.TLS, detail: "expired 1 day ago"},
		{name: "not yet valid", flaw: testnet.NotYetValid, reason: check.TLSNotYetValid, phase: check.TLS, detail: "becomes valid in"},
		{name: "self-signed", flaw: testnet.SelfSigned, reason: check.TLSUntrusted, phase: check.TLS, detail: "certificate is self-signed"},
		{name: "untrusted", flaw: testnet.UnknownIssuer, reason: check.TLSUntrusted, phase: check.TLS, detail: "root certificate that is not trusted"},
		{name: "expired, unverified", flaw: testnet.Expired, http: "1.0",
			change: func(s *check.Settings) { s.TLS.InsecureSkipVerify = true }},
	}
}

func minVersion(version uint16) func(*check.Settings) {
	return func(s *check.Settings) { s.TLS.MinVersion = version }
}

func overHTTP2(s *check.Settings) { s.HTTP = check.HTTP2 }

// http2Soon does not wait long for a server that waits for a GET.
func http2Soon(s *check.Settings) { s.HTTP, s.Timeout = check.HTTP2, 500*time.Millisecond }

func TestOpenSSLVersions(t *testing.T) { testOpenSSL(t, versionServers()) }

func TestOpenSSLClientCertificates(t *testing.T) { testOpenSSL(t, clientCertificateServers()) }

func TestOpenSSLCertificates(t *testing.T) { testOpenSSL(t, certificateServers()) }

func testOpenSSL(t *testing.T, servers []server) {
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			h, ports := newTestHouse(t), testPorts(1)
			if err := h.certify("leaf", host, s.flaw); err != nil {
				t.Fatal(err)
			}
			h.must(t, "openssl", ports, s.arguments(ports[0])...)
			s.check(t, h, h.probe(t.Context(), ports[0], "/", s.change))
		})
	}
}

// arguments let s_server respond to every GET with a page about itself, over
// HTTP/1.0.
func (s server) arguments(port int) []string {
	arguments := []string{"s_server", "-www", "-accept", address(port), "-cert", "leaf.pem", "-key", "leaf.key"}
	if s.flaw != testnet.NoIntermediate && s.flaw != testnet.SelfSigned {
		arguments = append(arguments, "-cert_chain", "leaf.chain")
	}
	return append(arguments, strings.Fields(s.options)...)
}

func (s server) check(t *testing.T, h *house, res check.Result) {
	t.Helper()
	want := s.reason.State()
	if res.State != want || res.Reason != s.reason || res.Phase != s.phase || !strings.Contains(res.Detail, s.detail) || res.HTTP != s.http {
		t.Errorf("%v for %v in %q, %q, HTTP %q; want %v for %v in %q, %q, HTTP %q",
			res.State, res.Reason, res.Phase, res.Detail, res.HTTP, want, s.reason, s.phase, s.detail, s.http)
	}
	if s.http != "" {
		s.checkResponse(t, h, res)
		return
	}
	if res.Status != 0 || res.Complete || res.Phases.TLS == check.Absent || res.Phases.Transfer != check.Absent {
		t.Errorf("without a response there are status %d, complete %v, and the phases %v", res.Status, res.Complete, res.Phases)
	}
	if s.flaw != testnet.Valid {
		checkCertificate(t, h, res, s.flaw)
	}
}

// checkResponse wants a whole response, whose end is the connection's: that has no
// stamp of the kernel's.
func (s server) checkResponse(t *testing.T, h *house, res check.Result) {
	t.Helper()
	if res.Status != 200 || !res.Complete || res.BytesBody == 0 || res.TLSUnverified != (s.flaw != testnet.Valid) {
		t.Errorf("status %d, complete %v, %d bytes, unverified %v", res.Status, res.Complete, res.BytesBody, res.TLSUnverified)
	}
	checkCertificate(t, h, res, s.flaw)
	if runtime.GOOS == "linux" && res.Clock != check.KernelClock {
		t.Errorf("the clock is the %v's", res.Clock)
	}
}
