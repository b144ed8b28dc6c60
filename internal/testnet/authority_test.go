package testnet

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func TestAuthorityLeaf(t *testing.T) {
	a := newAuthority(t)
	tests := []struct {
		flaw  Flaw
		chain int
		is    func(error) bool
	}{
		{Valid, 2, func(err error) bool { return err == nil }},
		{Expired, 2, invalid(x509.Expired)},
		{NotYetValid, 2, invalid(x509.Expired)}, // crypto/x509 has one code for both
		{WrongName, 2, func(err error) bool { _, ok := errors.AsType[x509.HostnameError](err); return ok }},
		{SelfSigned, 1, unknown},
		{UnknownIssuer, 2, unknown},
		{NoIntermediate, 1, unknown},
	}
	for _, test := range tests {
		leaf, err := a.Leaf("shop.example", test.flaw)
		if err != nil {
			t.Fatal(err)
		}
		if len(leaf.Certificate) != test.chain {
			t.Errorf("flaw %d: %d certificates are sent, want %d", test.flaw, len(leaf.Certificate), test.chain)
		}
		if err := verify(t, a, leaf); !test.is(err) {
			t.Errorf("flaw %d: Verify says %v", test.flaw, err)
		}
	}
}

func newAuthority(t *testing.T) *Authority {
	t.Helper()
	a, err := NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// verify judges a chain as a client does that wants shop.example.
func verify(t *testing.T, a *Authority, leaf *tls.Certificate) error {
	t.Helper()
	between := x509.NewCertPool()
	for _, raw := range leaf.Certificate[1:] {
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			t.Fatal(err)
		}
		between.AddCert(c)
	}
	_, err := leaf.Leaf.Verify(x509.VerifyOptions{DNSName: "shop.example", Roots: a.Pool(), Intermediates: between})
	return err
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

func TestAuthorityLeafTimes(t *testing.T) {
	a, now := newAuthority(t), time.Now()
	expired, err := a.Leaf("shop.example", Expired)
	if err != nil {
		t.Fatal(err)
	}
	if got := now.Sub(expired.Leaf.NotAfter).Round(time.Minute); got != Day {
		t.Errorf("the expired certificate ended %v ago, want a day", got)
	}
	early, err := a.Leaf("shop.example", NotYetValid)
	if err != nil {
		t.Fatal(err)
	}
	if got := early.Leaf.NotBefore.Sub(now).Round(time.Minute); got != Day {
		t.Errorf("the early certificate begins in %v, want a day", got)
	}
}

func TestAuthorityRemembersLeaves(t *testing.T) {
	a := newAuthority(t)
	var group sync.WaitGroup
	got := make([]*tls.Certificate, 8)
	for i := range got {
		group.Go(func() { got[i], _ = a.Leaf("shop.example", Valid) })
	}
	group.Wait()
	for _, leaf := range got {
		if leaf == nil || leaf != got[0] {
			t.Errorf("Leaf = %p, want %p each time", leaf, got[0])
		}
	}
	if ip, err := a.Leaf("127.0.0.1", Valid); err != nil || len(ip.Leaf.IPAddresses) != 1 || len(ip.Leaf.DNSNames) != 0 {
		t.Errorf("the certificate for an address has the wrong names (%v)", err)
	}
}

func TestAuthorityWriteFile(t *testing.T) {
	a := newAuthority(t)
	path := filepath.Join(t.TempDir(), "root.pem")
	if err := a.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode(data)
	if block == nil || len(rest) != 0 {
		t.Fatalf("%q is not one PEM block", data)
	}
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil || !root.IsCA || root.Subject.String() != root.Issuer.String() {
		t.Errorf("the file holds no root (%v)", err)
	}
}
