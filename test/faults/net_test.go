package faults

import (
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"testing"

	"rollcall/internal/testnet"
)

// start starts a test network for one test.
func start(t *testing.T, o testnet.Options) *testnet.Net {
	t.Helper()
	o.Servers = append(o.Servers, Servers()...)
	s, err := testnet.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// portedURL is a URL with the test network's port.
func portedURL(t *testing.T, s *testnet.Net, raw string) string {
	t.Helper()
	ported, ok := s.Ported(raw)
	if !ok {
		t.Fatalf("the test network does not know %s", raw)
	}
	return ported
}

// get returns the status, the body and the response's header.
func get(t *testing.T, c *http.Client, url string) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("User-Agent", "Mozilla/5.0 (a browser)")
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body), res.Header
}

func invalid(reason x509.InvalidReason) func(error) bool {
	return func(err error) bool {
		got, ok := errors.AsType[x509.CertificateInvalidError](err)
		return ok && got.Reason == reason
	}
}

func unknown(err error) bool {
	_, ok := errors.AsType[x509.UnknownAuthorityError](err)
	return ok
}
