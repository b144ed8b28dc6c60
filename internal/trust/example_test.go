package trust_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"rollcall/internal/testnet"
	"rollcall/internal/trust"
)

// A second host below the same intermediate costs one signature, and the same
// host again none.
func Example() {
	authority, err := testnet.NewAuthority()
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier := trust.New(authority.Pool())
	for _, name := range []string{"one.example", "two.example", "two.example"} {
		served, err := authority.Leaf(name, testnet.Sound)
		if err != nil {
			fmt.Println(err)
			return
		}
		chains, err := verifier.Verify(certificates(served), name, time.Now())
		fmt.Println(name, len(chains), "chain of", len(chains[0]), err)
	}
	// Output:
	// one.example 1 chain of 3 <nil>
	// two.example 1 chain of 3 <nil>
	// two.example 1 chain of 3 <nil>
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
