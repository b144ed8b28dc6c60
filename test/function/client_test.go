package function_test

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"rollcall/internal/testnet"
)

// TestClientCertificates: a server that requires a client certificate gets the
// one that the event refers to, if the operator lets it; and nothing else does.
func TestClientCertificates(t *testing.T) {
	key, err := testnet.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, testnet.Options{},
		"CERTIFICATE="+string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})),
		"KEY="+string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		"ROLLCALL_ENV=CERTIFICATE@client-certificate-12.stage.test,KEY@*.stage.test,CERTIFICATE@client-certificate-13.stage.test",
	)
	s := r.run(t, `{
		"urls": [
			"https://client-certificate-12.stage.test", "https://client-certificate-13.stage.test", "https://good.stage.test",
			{"name": "without", "url": "https://client-certificate-13.stage.test", "tls": {"clientCertificate": "", "clientKey": ""}}
		],
		"defaults": {"retries": 0, "tls": {"clientCertificate": "${env:CERTIFICATE}", "clientKey": "${env:KEY}"}}
	}`)
	for i, want := range []string{"ok", "ok", "invalid_target", "tls_client_certificate"} {
		if got := s.Results[i]; got.Reason != want {
			t.Errorf("%s: %s (%s), want %s", got.Name, got.Reason, got.Detail, want)
		}
	}
	all := string(s.raw) + strings.Join(r.function.Stdout(), "\n") + r.function.Stderr()
	for name, bytes := range map[string][]byte{"certificate": raw, "key": private} {
		if text := base64.StdEncoding.EncodeToString(bytes); strings.Contains(all, text[:40]) || strings.Contains(all, text[len(text)-40:]) {
			t.Errorf("the %s is shown", name)
		}
	}
}
