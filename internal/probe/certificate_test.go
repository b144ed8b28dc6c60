package probe

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"rollcall/internal/redact"
	"rollcall/internal/testnet"
)

// The short way to a name shows what pkix shows.
func TestNameOf(t *testing.T) {
	authority, err := testnet.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Leaf("a.example", testnet.Valid)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []pkix.Name{
		{}, {CommonName: "a.example"}, {CommonName: "*.a-b.example"}, {CommonName: " a"}, {CommonName: "a,b"}, {CommonName: "#a"}, {CommonName: "ä"},
		{CommonName: "a", Organization: []string{"b"}}, {Organization: []string{"b"}}, {SerialNumber: "1"},
		{ExtraNames: []pkix.AttributeTypeAndValue{{Type: []int{2, 5, 4, 3}, Value: "a"}, {Type: []int{2, 5, 4, 3}, Value: "b"}}},
	} {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: name, NotAfter: time.Now().Add(time.Hour)}
		raw, err := x509.CreateCertificate(rand.Reader, template, template, leaf.PrivateKey.(crypto.Signer).Public(), leaf.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := nameOf(c.Subject), redact.Printable(c.Subject.String()); got != want {
			t.Errorf("%q is shown, want %q", got, want)
		}
	}
}

// TestLastInstant: an expiry that RFC 3339 has no form for, as its zone makes it
// year 10000, is the last that there is.
func TestLastInstant(t *testing.T) {
	leaf := &x509.Certificate{NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -3600))}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, first := range []*x509.Certificate{nil, leaf} {
		got := certificateOf(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}, first, nil, now)
		if want := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC); got.NotAfter != want || got.Verified != (first != nil) {
			t.Errorf("expires %v, verified %v; want %v", got.NotAfter, got.Verified, want)
		}
		if _, err := json.Marshal(got); err != nil {
			t.Error(err)
		}
	}
}

// TestDaysLeft: what has expired has less than no days left.
func TestDaysLeft(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for left, want := range map[time.Duration]float64{-24 * time.Hour: -1, -time.Second: -0.01, 0: 0, time.Second: 0, 36 * time.Hour: 1.5} {
		leaf := &x509.Certificate{NotAfter: now.Add(left)}
		if got := certificateOf(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}, nil, nil, now).DaysLeft; got != want {
			t.Errorf("%v before it expires: %v days left, want %v", left, got, want)
		}
	}
}
