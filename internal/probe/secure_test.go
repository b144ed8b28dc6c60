package probe

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/testnet"
)

// refusal is what a choosy server takes to refuse.
const refusal = 100 * time.Millisecond

// A choosy server takes some groups only, and notes what each client offers.
type choosy struct {
	*httptest.Server
	mu     sync.Mutex
	offers [][]tls.CurveID
}

func newChoosy(t *testing.T, authority *testnet.Authority, groups ...tls.CurveID) *choosy {
	t.Helper()
	leaf, err := authority.Leaf("a.example", testnet.Valid)
	if err != nil {
		t.Fatal(err)
	}
	c := &choosy{Server: httptest.NewUnstartedServer(http.HandlerFunc(hello))}
	c.Config.ErrorLog = log.New(io.Discard, "", 0) // refusals are wanted
	c.TLS = &tls.Config{
		CurvePreferences: groups,
		GetCertificate:   func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return leaf, nil },
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.offers = append(c.offers, slices.Clone(hello.SupportedCurves))
			if len(groups) > 0 && !slices.ContainsFunc(hello.SupportedCurves, func(g tls.CurveID) bool { return slices.Contains(groups, g) }) {
				time.Sleep(refusal)
			}
			return nil, nil
		},
	}
	c.StartTLS()
	t.Cleanup(c.Close)
	return c
}

func (c *choosy) offered() [][]tls.CurveID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.offers)
}

func (c *choosy) target(t *testing.T) *check.Target {
	t.Helper()
	u, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	return target("https://a.example:" + u.Port() + "/")
}

// Classical groups are offered at first, and all of Go's to whom they don't
// suffice. What a server takes to refuse the first is the server's time.
func TestGroups(t *testing.T) {
	authority, err := testnet.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name        string
		takes       []tls.CurveID
		connections int
	}{
		{"any", nil, 1},
		{"X25519", []tls.CurveID{tls.X25519}, 1},
		{"P-384", []tls.CurveID{tls.CurveP384}, 1},
		{"P-521", []tls.CurveID{tls.CurveP521}, 2},
		{"X25519MLKEM768", []tls.CurveID{tls.X25519MLKEM768}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := proberFor(t, authority.Pool())
			server := newChoosy(t, authority, tt.takes...)
			res := p.Probe(t.Context(), server.target(t))
			if res.State != check.Up || res.Certificate == nil || !res.Certificate.Verified {
				t.Errorf("%v (%s), certificate %+v, want up and verified", res.Reason, res.Detail, res.Certificate)
			}
			if res.Duration != res.Phases.Sum() || res.Phases.TLS == check.Absent {
				t.Errorf("phases %+v of %v", res.Phases, res.Duration)
			}
			if tt.connections == 2 && res.Phases.TLS < refusal {
				t.Errorf("TLS took %v, want the %v that the refused connection took", res.Phases.TLS, refusal)
			}
			if offers := server.offered(); len(offers) != tt.connections || slices.Contains(offers[0], tls.X25519MLKEM768) {
				t.Errorf("offered %v, want %d times and classical ones first", offers, tt.connections)
			}
		})
	}
}

func TestRefusedGroups(t *testing.T) {
	remote := func(text string) error { return &net.OpError{Op: "remote error", Err: errors.New("tls: " + text)} }
	tests := []struct {
		err  error
		want bool
	}{
		{remote("handshake failure"), true},
		{remote("insufficient security level"), true},
		{remote("bad certificate"), false},
		{&net.OpError{Op: "local error", Err: errors.New("tls: handshake failure")}, false},
		{errors.New("tls: handshake failure"), false},
		{&exchangeError{error: remote("handshake failure")}, true},
		{&exchangeError{error: remote("handshake failure"), certificateWanted: true}, false},
		{nil, false},
	}
	for _, tt := range tests {
		if got := refusedGroups(tt.err); got != tt.want {
			t.Errorf("refusedGroups(%v) = %v, want %v", tt.err, got, tt.want)
		}
	}
}

// What a verdict is does not depend on what the prober has seen, and is that of
// crypto/tls: each flaw is refused with the same reason and words after a sound
// sibling as without a memory. Where the target wants no verification, none is.
func TestFlawsAreRefusedWarmAsCold(t *testing.T) {
	authority, err := testnet.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	warm := proberFor(t, authority.Pool())
	if res := warm.Probe(t.Context(), newChoosy(t, authority).target(t)); res.State != check.Up {
		t.Fatal(res.Detail)
	}
	flaws := []testnet.Flaw{testnet.Valid, testnet.Expired, testnet.NotYetValid, testnet.WrongName, testnet.SelfSigned, testnet.UnknownIssuer, testnet.NoIntermediate}
	for _, flaw := range flaws {
		leaf, err := authority.Leaf("a.example", flaw)
		if err != nil {
			t.Fatal(err)
		}
		server := newChoosy(t, authority)
		server.TLS.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return leaf, nil }
		plain := proberFor(t, authority.Pool())
		plain.trust = nil
		cold := plain.Probe(t.Context(), server.target(t))
		for range 2 {
			res := warm.Probe(t.Context(), server.target(t))
			if res.Reason != cold.Reason || res.Detail != cold.Detail || (res.State == check.Up) != (flaw == testnet.Valid) {
				t.Errorf("flaw %d: warm %v (%s), cold %v (%s)", flaw, res.Reason, res.Detail, cold.Reason, cold.Detail)
			}
			if res.Certificate == nil || cold.Certificate == nil || res.Certificate.NotAfter != cold.Certificate.NotAfter || res.Certificate.Verified != cold.Certificate.Verified {
				t.Errorf("flaw %d: warm certificate %+v, cold %+v", flaw, res.Certificate, cold.Certificate)
			}
		}
		unverified := server.target(t)
		unverified.TLS.InsecureSkipVerify = true
		if res := warm.Probe(t.Context(), unverified); res.State != check.Up || !res.TLSUnverified || res.Certificate == nil || res.Certificate.Verified {
			t.Errorf("flaw %d: unverified %v (%s), certificate %+v, want up and not verified", flaw, res.Reason, res.Detail, res.Certificate)
		}
	}
}

// TestClientCertificateWanted: under TLS 1.3 the client learns only at its first
// read that the server refuses it, which belongs to the handshake all the same.
func TestClientCertificateWanted(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(hello))
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: version, MaxVersion: version}
		s.StartTLS()
		defer s.Close()
		roots := x509.NewCertPool()
		roots.AddCert(s.Certificate())
		res := proberFor(t, roots).Probe(t.Context(), target(strings.Replace(s.URL, "127.0.0.1", "example.com", 1)))
		if res.Reason != check.TLSClientCertificate || res.Phase != check.TLS {
			t.Errorf("%s: %v (%s) in %v, want tls_client_certificate in tls", tls.VersionName(version), res.Reason, res.Detail, res.Phase)
		}
	}
}

// TestCertificateThatEchoes: whoever has seen a request may make a certificate of
// its secrets, for where it redirects to.
func TestCertificateThatEchoes(t *testing.T) {
	const secret = "opensesame4711"
	authority, err := testnet.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Leaf(secret+".example", testnet.Valid)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/next", http.StatusFound)
		}
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{*leaf}}
	s.StartTLS()
	defer s.Close()
	u, _ := url.Parse(s.URL)
	res := proberFor(t, authority.Pool()).Probe(t.Context(), target("https://a.example:"+u.Port()+"/", func(s *check.Settings) {
		s.Header = http.Header{"X-Key": {secret}}
		s.TLS.ServerName = secret + ".example"
	}))
	if res.State != check.Up || res.Certificate == nil || strings.Contains(res.Certificate.Subject, secret) {
		t.Errorf("Probe = %v (%s) with %+v, want up and a subject without the secret", res.Reason, res.Detail, res.Certificate)
	}
}
