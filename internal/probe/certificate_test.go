package probe

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
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
	leaf, err := authority.Leaf("a.example", testnet.Sound)
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
