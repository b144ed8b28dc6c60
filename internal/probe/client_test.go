package probe

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rollcall/internal/check"
)

// client makes a client certificate that signs itself.
func client(t testing.TB, name string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}

// A mutual server wants client certificates, and notes who came.
type mutual struct {
	*httptest.Server
	mu   sync.Mutex
	came []string // "" is nobody
}

// newMutual starts one; those who are known are the only ones that it lets in,
// if how says so.
func newMutual(t testing.TB, version uint16, how tls.ClientAuthType, h http.HandlerFunc, known ...*tls.Certificate) *mutual {
	t.Helper()
	pool := x509.NewCertPool()
	for _, c := range known {
		pool.AddCert(c.Leaf)
	}
	m := &mutual{}
	m.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := ""
		if len(r.TLS.PeerCertificates) > 0 {
			who = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		m.mu.Lock()
		m.came = append(m.came, who)
		m.mu.Unlock()
		h(w, r)
	}))
	m.Config.ErrorLog = log.New(io.Discard, "", 0)
	m.EnableHTTP2 = true
	m.TLS = &tls.Config{ClientAuth: how, ClientCAs: pool, MinVersion: version, MaxVersion: version}
	m.StartTLS()
	t.Cleanup(m.Close)
	return m
}

func (m *mutual) url(name string) string { return strings.Replace(m.URL, "127.0.0.1", name, 1) + "/" }

func (m *mutual) visitors() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.came, ",")
}

func (m *mutual) roots() *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(m.Certificate())
	return roots
}

func TestClientCertificate(t *testing.T) {
	known, stranger := client(t, "monitor"), client(t, "stranger")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, spoken := range []check.HTTPVersion{check.HTTP1, check.HTTP2} {
			m := newMutual(t, version, tls.RequireAndVerifyClientCert, hello, known)
			p := proberFor(t, m.roots())
			probe := func(c *tls.Certificate) check.Result {
				return p.Probe(t.Context(), target(m.url("example.com"), func(s *check.Settings) { s.TLS.Client, s.HTTP = c, spoken }))
			}
			if res := probe(known); res.State != check.Up || m.visitors() != "monitor" {
				t.Errorf("%s, HTTP %v: %v (%s), %q came; want up", tls.VersionName(version), spoken, res.Reason, res.Detail, m.visitors())
			}
			if res := probe(stranger); res.Reason != check.TLSClientCertificate || res.Phase != check.TLS || !strings.HasPrefix(res.Detail, "server refuses the client certificate: ") {
				t.Errorf("%s, HTTP %v: %v (%s), want it refused", tls.VersionName(version), spoken, res.Reason, res.Detail)
			}
			if res := probe(nil); res.Reason != check.TLSClientCertificate || res.Detail != wantsCertificate {
				t.Errorf("%s, HTTP %v: %v (%s), want it asked for", tls.VersionName(version), spoken, res.Reason, res.Detail)
			}
		}
	}
}

// What a server makes of the certificate that it got is its own reason.
func TestStatusWithClientCertificate(t *testing.T) {
	m := newMutual(t, tls.VersionTLS13, tls.RequestClientCert, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) })
	p := proberFor(t, m.roots())
	for _, tt := range []struct {
		client *tls.Certificate
		expect []check.Condition
		want   check.Reason
		detail string
	}{
		{nil, nil, check.TLSClientCertificate, "server asks for a client certificate, and says 403 without one"},
		{client(t, "monitor"), nil, check.Status, "403 Forbidden; the server may have refused the client certificate"},
		{nil, []check.Condition{}, check.OK, ""},
	} {
		res := p.Probe(t.Context(), target(m.url("example.com"), func(s *check.Settings) { s.TLS.Client, s.Expect = tt.client, tt.expect }))
		if res.Reason != tt.want || res.Detail != tt.detail || res.Status != 403 {
			t.Errorf("Probe = %v (%s) with %d, want %v (%s)", res.Reason, res.Detail, res.Status, tt.want, tt.detail)
		}
	}
}

// Nobody but the target's own origin sees the client certificate.
func TestClientCertificateStaysWithItsOrigin(t *testing.T) {
	other := newMutual(t, tls.VersionTLS13, tls.RequestClientCert, hello)
	own := newMutual(t, tls.VersionTLS13, tls.RequestClientCert, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/again", http.StatusFound)
			return
		}
		http.Redirect(w, r, other.url("www.example.com"), http.StatusFound)
	})
	roots := own.roots()
	roots.AddCert(other.Certificate())
	res := proberFor(t, roots).Probe(t.Context(), target(own.url("example.com"), func(s *check.Settings) { s.TLS.Client = client(t, "monitor") }))
	if res.State != check.Up || own.visitors() != "monitor,monitor" || other.visitors() != "" || len(other.came) != 1 {
		t.Errorf("Probe = %v (%s); %q came, and to the other origin %q", res.Reason, res.Detail, own.visitors(), other.visitors())
	}
}

// TestAlertBeforeReset: a TLS 1.3 server refuses who has no certificate with an
// alert and then resets, while our request is on its way. What it said counts,
// each time.
func TestAlertBeforeReset(t *testing.T) {
	times := 200
	if testing.Short() {
		times = 10
	}
	m := newMutual(t, tls.VersionTLS13, tls.RequireAnyClientCert, hello)
	p := proberFor(t, m.roots())
	for _, tt := range []struct {
		name    string
		version check.HTTPVersion
		body    string
	}{
		{"HTTP/1.1", check.HTTP1, ""}, {"HTTP/1.1 with a body", check.HTTP1, strings.Repeat("x", 3000)},
		{"HTTP/1.1 with a large body", check.HTTP1, strings.Repeat("x", 300_000)},
		{"HTTP/2", check.HTTP2, ""}, {"HTTP/2 with a body", check.HTTP2, strings.Repeat("x", 30_000)}, {"by ALPN", check.AnyHTTP, ""},
	} {
		to := target(m.url("example.com"), func(s *check.Settings) { s.HTTP, s.Method, s.Body = tt.version, "POST", tt.body })
		var all sync.WaitGroup
		results := make([]check.Result, times)
		for i := range results {
			if i%8 == 0 {
				all.Wait()
			}
			all.Go(func() { results[i] = p.Probe(t.Context(), to) })
		}
		all.Wait()
		for i, res := range results {
			if res.Reason != check.TLSClientCertificate || res.Phase != check.TLS {
				t.Errorf("%s, %d of %d: %v (%s) in %v", tt.name, i, times, res.Reason, res.Detail, res.Phase)
			}
		}
	}
}

// pathOf leads from the leaf up, whatever the order, and ends where names lead in
// a circle.
func TestPathOf(t *testing.T) {
	made := func(subject, issuer string, days int) *x509.Certificate {
		return &x509.Certificate{RawSubject: []byte(subject), RawIssuer: []byte(issuer), NotAfter: time.Unix(0, 0).AddDate(0, 0, days)}
	}
	leaf, old, renewed, root, other := made("leaf", "a", 90), made("a", "b", -3), made("a", "b", 20), made("b", "b", -9), made("x", "y", -5)
	first, second := made("a", "b", 30), made("b", "a", 10)
	for _, tt := range []struct {
		name       string
		sent       []*x509.Certificate
		path       string
		firstToEnd *x509.Certificate
	}{
		{"a leaf", []*x509.Certificate{leaf}, "leaf", leaf},
		{"a root that is sent", []*x509.Certificate{leaf, root, renewed}, "leaf a b", renewed},
		{"a renewed intermediate", []*x509.Certificate{leaf, old, renewed}, "leaf a", renewed},
		{"another order", []*x509.Certificate{leaf, renewed, old}, "leaf a", renewed},
		{"one that has no part in it", []*x509.Certificate{leaf, other, old}, "leaf a", old},
		{"in a circle", []*x509.Certificate{leaf, first, second}, "leaf a b", second},
		{"a root as leaf", []*x509.Certificate{root, renewed}, "b", root},
	} {
		var names [][]byte
		for _, c := range pathOf(tt.sent) {
			names = append(names, c.RawSubject)
		}
		if got := string(bytes.Join(names, []byte(" "))); got != tt.path {
			t.Errorf("%s: path %q, want %q", tt.name, got, tt.path)
		}
		if got := firstOfUnverified(tt.sent, nil); got != tt.firstToEnd {
			t.Errorf("%s: %s expires first, want %s", tt.name, got.RawSubject, tt.firstToEnd.RawSubject)
		}
	}
	trusted := made("root", "root", -1)
	err := &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Cert: trusted, Reason: x509.Expired}}
	if got := firstOfUnverified([]*x509.Certificate{leaf, renewed}, err); got != trusted {
		t.Errorf("a root of ours that has expired: %s expires first", got.RawSubject)
	}
	if got := firstOfUnverified(nil, nil); got != nil {
		t.Errorf("of none %s expires first", got.RawSubject)
	}
}

// TestKeep: of several hops the certificate that expires first is kept.
func TestKeep(t *testing.T) {
	now := time.Now()
	early, late, same := &check.Certificate{NotAfter: now}, &check.Certificate{NotAfter: now.Add(1)}, &check.Certificate{NotAfter: now}
	for _, tt := range []struct {
		hops []*check.Certificate
		want *check.Certificate
	}{
		{nil, nil}, {[]*check.Certificate{late}, late}, {[]*check.Certificate{early, late}, early},
		{[]*check.Certificate{late, early}, early}, {[]*check.Certificate{early, same}, same},
	} {
		var a attempt
		for _, c := range tt.hops {
			a.keep(c)
		}
		if a.res.Certificate != tt.want {
			t.Errorf("of %v %v is kept, want %v", tt.hops, a.res.Certificate, tt.want)
		}
	}
}

// What is known of the handshake, and what the server did with our certificate.
func TestClassifyClientCertificates(t *testing.T) {
	reset := &net.OpError{Op: "read", Err: os.NewSyscallError("recvmsg", syscall.ECONNRESET)}
	for _, tt := range []struct {
		name         string
		err          error
		phase        check.Phase
		wanted, sent bool
		reason       check.Reason
		detail       string
	}{
		{"an alert at the first read", alert("certificate required"), check.FirstByte, true, false, check.TLSClientCertificate, wantsCertificate},
		{"any alert then", alert("internal error"), check.FirstByte, true, false, check.TLSClientCertificate, wantsCertificate},
		{"any alert with ours", alert("unknown certificate authority"), check.FirstByte, true, true, check.TLSClientCertificate, "server refuses the client certificate: unknown certificate authority"},
		{"a reset in the handshake", reset, check.TLS, true, false, check.TLSClientCertificate, wantsCertificate},
		{"a reset with ours", reset, check.TLS, true, true, check.TLSClientCertificate, "server ended the connection after it had got the client certificate"},
		{"an end with ours", io.EOF, check.TLS, true, true, check.TLSClientCertificate, "server ended the connection after it had got the client certificate"},
		{"ours is of a kind that the server does not know", errors.New("tls: peer doesn't support any of the certificate's signature algorithms"), check.TLS, true, true, check.TLSClientCertificate,
			"the client certificate can't be used with this server: peer doesn't support any of the certificate's signature algorithms"},
		{"a reset later", reset, check.FirstByte, true, false, check.ConnectionReset, "server reset the connection; it had asked for a client certificate"},
		{"a reset later with ours", reset, check.FirstByte, true, true, check.ConnectionReset, "server reset the connection; it had got the client certificate, which it may have refused"},
		{"a reset", reset, check.FirstByte, false, false, check.ConnectionReset, "server reset the connection"},
		{"an end", io.EOF, check.FirstByte, true, false, check.ConnectionClosed, closedEarly + "; it had asked for a client certificate"},
		{"another renegotiation", &net.OpError{Op: "local error", Err: errors.New("tls: no renegotiation")}, check.FirstByte, false, false, check.TLSHandshake,
			"server wants to renegotiate TLS again and again, which no client does"},
	} {
		f := failure{exchangeError{error: tt.err, version: check.HTTP1, certificateWanted: tt.wanted, certificateSent: tt.sent}, tt.phase, time.Now(), time.Second}
		if reason, detail := classify(f); reason != tt.reason || detail != tt.detail {
			t.Errorf("%s: classify = %v %q, want %v %q", tt.name, reason, detail, tt.reason, tt.detail)
		}
	}
}
