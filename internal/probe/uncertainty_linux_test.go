package probe

import (
	"crypto/tls"
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
// result is at most as sure as the process's lateness is known. Of a small
// response, which comes as one segment, the kernel knows better.
func TestTransferUncertainty(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/large" {
			io.WriteString(w, strings.Repeat("x", 2*largeTransfer))
		}
	}))
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{SessionTicketsDisabled: true} // which would be segments of their own
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
		sure    bool
	}{{"/", check.HTTP1, true}, {"/large", check.HTTP1, false}, {"/large", check.HTTP2, false}} {
		for range 8 {
			res := p.Probe(t.Context(), target(server.URL+test.path, func(s *check.Settings) { s.HTTP = test.version }))
			if res.State != check.Up || res.Clock != check.KernelClock {
				t.Fatalf("%v (%s) by the %v's clock", res.Reason, res.Detail, res.Clock)
			}
			if sure := res.Uncertainty < 2*time.Millisecond; sure != test.sure { // lateness is known to 3
				t.Errorf("%s over %v: uncertain to %v", test.path, test.version, res.Uncertainty)
			}
		}
	}
}
