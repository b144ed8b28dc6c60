package plan

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// pair makes a client certificate and its key, in PEM.
func pair(t *testing.T) (certificate, key string) {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// A client certificate comes from variables, which may hold PEM of both. What
// they hold is in no text.
func TestClientCertificate(t *testing.T) {
	certificate, key := pair(t)
	_, otherKey := pair(t)
	block, _ := pem.Decode([]byte(certificate))
	half := string(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes[:len(block.Bytes)/2]}))
	for _, tt := range []struct{ name, certificate, key, invalid string }{
		{"a certificate and its key", certificate, key, ""},
		{"both in one variable", certificate + key, certificate + key, ""},
		{"the key of another", certificate, otherKey, "tls: client certificate and key can't be read, or do not belong to each other"},
		{"half a certificate", half, key, "tls: client certificate and key can't be read, or do not belong to each other"},
		{"no certificate", key, key, "tls.clientCertificate: its reference holds no certificate in PEM"},
		{"no key", certificate, certificate, "tls.clientKey: its reference holds no unencrypted key in PEM"},
		{"an encrypted key", certificate, strings.ReplaceAll(key, "PRIVATE", "ENCRYPTED PRIVATE"), "tls.clientKey: its reference holds no unencrypted key in PEM"},
		{"a path", "/etc/client.pem", key, "tls.clientCertificate: its reference holds no certificate in PEM"},
	} {
		in := inputs()
		in.Permit = everything
		in.Lookup = func(name string) (string, bool) {
			return map[string]string{"CERTIFICATE": tt.certificate, "KEY": tt.key}[name], true
		}
		p, err := parse([]byte(`{"urls": ["https://a.example", {"url": "https://b.example", "timeout": "5s"}, "http://c.example"],
			"defaults": {"tls": {"clientCertificate": "${env:CERTIFICATE}", "clientKey": "${env:KEY}"}}}`), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range p.Targets {
			if target.Invalid != tt.invalid || (target.TLS.Client != nil) != (tt.invalid == "") {
				t.Errorf("%s, %s: invalid %q, want %q; certificate %v", tt.name, target.Name, target.Invalid, tt.invalid, target.TLS.Client != nil)
			}
		}
		if a, b := p.Targets[0].TLS.Client, p.Targets[1].TLS.Client; a != b {
			t.Errorf("%s: two targets have two copies", tt.name)
		}
		if tt.invalid == "" && !slices.Equal(p.Targets[0].Secrets, []string{base64.StdEncoding.EncodeToString(block.Bytes)}) {
			t.Errorf("%s: the secrets are %q, want the certificate", tt.name, p.Targets[0].Secrets)
		}
		if text := fmt.Sprintf("%v", RawEvent(p.Event)); !strings.Contains(text, "${env:KEY}") || strings.Contains(text, "BEGIN") {
			t.Errorf("%s: the event is shown as %s", tt.name, text)
		}
	}
}

// Who may use a variable for a host may use it for a client certificate.
func TestClientCertificateIsPermitted(t *testing.T) {
	certificate, key := pair(t)
	in := inputs()
	in.Lookup = func(name string) (string, bool) {
		return map[string]string{"CERTIFICATE": certificate, "KEY": key}[name], true
	}
	for _, tt := range []struct{ grants, invalid string }{
		{"CERTIFICATE@a.example KEY@a.example", ""},
		{"CERTIFICATE@a.example KEY@b.example", "tls.clientKey: ${env:KEY} is not allowed here"},
		{"KEY@a.example", "tls.clientCertificate: ${env:CERTIFICATE} is not allowed here"},
	} {
		in.Permit = func(r Reference, host string) bool {
			return slices.Contains(strings.Fields(tt.grants), r.Name+"@"+host)
		}
		p, err := parse([]byte(`{"urls": [{"url": "https://a.example", "tls": {"clientCertificate": "${env:CERTIFICATE}", "clientKey": "${env:KEY}"}}]}`), in)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Targets[0]; !strings.HasPrefix(got.Invalid, tt.invalid) || (got.Invalid == "") != (tt.invalid == "") || (got.TLS.Client == nil) == (tt.invalid == "") {
			t.Errorf("with %s: invalid %q, want %q", tt.grants, got.Invalid, tt.invalid)
		}
	}
}
