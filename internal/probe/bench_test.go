package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/guard"
	"rollcall/internal/resolve"
)

// testServer is a server over TLS, and a prober that may reach it as a.example.
func testServer(tb testing.TB, h http.Handler) (*Prober, string, *x509.CertPool) {
	s := httptest.NewTLSServer(h)
	tb.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	p := proberFor(tb, roots)
	u, _ := url.Parse(s.URL)
	return p, "https://example.com:" + u.Port() + "/", roots
}

// proberFor is a prober that trusts roots and finds every host on this machine.
func proberFor(tb testing.TB, roots *x509.CertPool) *Prober {
	p := New(Options{
		UserAgent: "rollcall/test", RootCAs: roots,
		Guard: guard.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Lookup: func(context.Context, string, string, time.Duration) (resolve.Answer, error) {
			return resolve.Answer{Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}, nil
		},
	})
	tb.Cleanup(p.Close)
	return p
}

func hello(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }

// bareGet is the same GET by a bare http.Transport, on a fresh connection.
func bareGet(roots *x509.CertPool, rawURL string) func() error {
	u, _ := url.Parse(rawURL)
	u.Host = "127.0.0.1:" + u.Port()
	return func() error {
		t := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"}, DisableCompression: true}
		defer t.CloseIdleConnections()
		req, _ := http.NewRequest("GET", u.String(), nil)
		resp, err := t.RoundTrip(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
}

func BenchmarkProbe(b *testing.B) {
	p, rawURL, _ := testServer(b, http.HandlerFunc(hello))
	to := target(rawURL)
	b.ReportAllocs()
	for b.Loop() {
		if res := p.Probe(b.Context(), to); res.State != check.Up {
			b.Fatal(res.Detail)
		}
	}
}

func BenchmarkProbeHTTP2(b *testing.B) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	s.EnableHTTP2 = true
	s.StartTLS()
	b.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	p := proberFor(b, roots)
	u, _ := url.Parse(s.URL)
	to := target("https://example.com:"+u.Port()+"/", func(s *check.Settings) { s.HTTP = check.HTTP2 })
	b.ReportAllocs()
	for b.Loop() {
		if res := p.Probe(b.Context(), to); res.State != check.Up || res.HTTP != "2" {
			b.Fatal(res.Detail)
		}
	}
}

func BenchmarkBareTransport(b *testing.B) {
	_, rawURL, roots := testServer(b, http.HandlerFunc(hello))
	get := bareGet(roots, rawURL)
	b.ReportAllocs()
	for b.Loop() {
		if err := get(); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAllocations: what we know more of a response costs at most 60 allocations
// beyond those of a bare transport.
func TestAllocations(t *testing.T) {
	p, rawURL, roots := testServer(t, http.HandlerFunc(hello))
	to, get := target(rawURL), bareGet(roots, rawURL)
	ours := testing.AllocsPerRun(100, func() {
		if res := p.Probe(t.Context(), to); res.State != check.Up {
			t.Fatal(res.Detail)
		}
	})
	bare := testing.AllocsPerRun(100, func() {
		if err := get(); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("%.0f allocations a probe, %.0f a bare GET", ours, bare)
	if ours > bare+60 {
		t.Errorf("%.0f allocations a probe, want at most 60 more than %.0f", ours, bare)
	}
}
