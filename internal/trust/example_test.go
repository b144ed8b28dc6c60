package trust_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"rollcall/internal/testnet"
	"rollcall/internal/trust"
)

// The second call is the first one again: it verifies no signature.
func Example() {
	authority, err := testnet.NewAuthority()
	if err != nil {
		fmt.Println(err)
		return
	}
	served, err := authority.Leaf("one.example", testnet.Valid)
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier := trust.New(authority.Pool())
	for _, name := range []string{"one.example", "one.example", "two.example"} {
		first, err := verifier.Verify(certificates(served), name, time.Now())
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(first.Subject, first.NotAfter.After(time.Now()))
	}
	// Output:
	// CN=one.example true
	// CN=one.example true
	// x509: certificate is valid for one.example, not two.example
}

// certificates are what a server sends.
func certificates(served *tls.Certificate) []*x509.Certificate {
	sent := []*x509.Certificate{served.Leaf}
	for _, raw := range served.Certificate[1:] {
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			panic(err)
		}
		sent = append(sent, c)
	}
	return sent
}
