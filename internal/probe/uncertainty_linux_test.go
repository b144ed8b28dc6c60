package probe

import (
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
)

// TestTransferUncertainty: where a late reader may have held the sender up, a
// result is at most as sure as the process's lateness is known. That small ones
// are surer is for the tests of truth to say, which judge a median.
func TestTransferUncertainty(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/large" {
			io.WriteString(w, strings.Repeat("x", 2*largeTransfer))
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	p := proberFor(t, roots)
	if res := p.Probe(t.Context(), target(server.URL)); res.State != check.Up { // the very first may find the kernel not stamping yet
		t.Fatal(res.Detail)
	}
	for _, test := range []struct {
		path    string
		version check.HTTPVersion
	}{{"/large", check.HTTP1}, {"/large", check.HTTP2}} {
		for range 8 {
			res := p.Probe(t.Context(), target(server.URL+test.path, func(s *check.Settings) { s.HTTP = test.version }))
			if res.State != check.Up || res.Clock != check.KernelClock {
				t.Fatalf("%v (%s) by the %v's clock", res.Reason, res.Detail, res.Clock)
			}
			if res.Uncertainty < 2*time.Millisecond { // lateness is known to 3
				t.Errorf("%s over %v: uncertain to %v", test.path, test.version, res.Uncertainty)
			}
		}
	}
}
