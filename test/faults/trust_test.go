package faults

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"rollcall/internal/testnet"
)

func trustChecks() map[string]check {
	refused := func(because string) check {
		return all(fails(certificate(unknown)), fails(mentions(because)))
	}
	return map[string]check{
		"sha1-leaf":                    refused("insecure algorithm ECDSA-SHA1"),
		"sha1-intermediate":            refused("insecure algorithm ECDSA-SHA1"),
		"root-reissued":                all(refused("ECDSA verification failure"), chainOf(2)),
		"root-reissued-unsent":         all(refused("ECDSA verification failure"), chainOf(1)),
		"intermediate-reissued":        refused("ECDSA verification failure"),
		"stranger-above":               all(fails(certificate(unknown)), chainOf(2)),
		"intermediate-not-yet-valid":   fails(certificate(invalid(x509.Expired))),
		"intermediate-renewed":         all(responds(200, ""), chainOf(3)),
		"negative-serial":              all(responds(200, ""), negativeSerial),
		"redirect-from-expiring":       all(responds(200, ""), lasts(testnet.Day)),
		"rsa-exchange":                 onlyLegacy(tls.TLS_RSA_WITH_AES_128_GCM_SHA256),
		"rsa-exchange-cbc":             onlyLegacy(tls.TLS_RSA_WITH_AES_128_CBC_SHA),
		"cbc-sha256":                   onlyLegacy(tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256),
		"triple-des":                   onlyLegacy(tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA),
		"rc4":                          onlyLegacy(tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA),
		"one-rsa-cipher":               responds(200, "ok"),
		"client-certificate-400":       all(responds(400, ""), asksWho),
		"client-certificate-403":       all(responds(403, ""), asksWho),
		"client-certificate-496":       all(responds(496, ""), asksWho),
		"client-certificate-500":       all(responds(500, ""), asksWho),
		"client-certificate-closing":   all(fails(mentions("EOF")), asksWho),
		"client-certificate-resetting": all(fails(mentions("reset")), asksWho),
	}
}

func negativeSerial(t *testing.T, s *testnet.Net, name string) {
	state, err := shake(t, s, name, &tls.Config{})
	if err != nil || state.PeerCertificates[0].SerialNumber.Sign() >= 0 {
		t.Errorf("the serial number is not negative (%v)", err)
	}
}

// onlyLegacy wants a cipher suite to be spoken, and none of Go's choice.
func onlyLegacy(suite uint16) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		if _, err := shake(t, s, name, &tls.Config{}); err == nil || !strings.Contains(err.Error(), "remote error: tls: handshake failure") {
			t.Errorf("without it the handshake says %v", err)
		}
		if state, err := shake(t, s, name, &tls.Config{CipherSuites: []uint16{suite}}); err != nil || state.CipherSuite != suite {
			t.Errorf("it speaks %s (%v)", tls.CipherSuiteName(state.CipherSuite), err)
		}
	}
}

// asksWho wants to be asked for a certificate.
func asksWho(t *testing.T, s *testnet.Net, name string) {
	asked := errors.New("asked for a certificate")
	_, err := shake(t, s, name, &tls.Config{GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return nil, asked }})
	if !errors.Is(err, asked) {
		t.Errorf("the handshake says %v, want %v", err, asked)
	}
}
