package plan

import (
	"cmp"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"rollcall/internal/check"
)

// The members of tls that hold a client certificate and its key.
const (
	fieldClientCertificate = "clientCertificate"
	fieldClientKey         = "clientKey"
)

// oneReference is a text that is a reference and nothing else, or empty: a key
// must not stand in an event.
const oneReference = `^(\$\{(env:[A-Za-z_][A-Za-z0-9_]{0,127}|(ssm|secretsmanager):[^{}$]+)\})?$`

var isOneReference = matching(oneReference)

// clientFields are those two. Each needs the other, in the same object.
func clientFields() []setting {
	read := func(name, description string, put func(*check.Settings, string)) setting {
		return setting{name, textSchema(description).with(schema{"pattern": oneReference}), func(v value, s *check.Settings) {
			text, ok := v.requireText()
			if ok && !isOneReference(text) {
				v.problem("is not a reference (write ${env:NAME}, ${ssm:/NAME} or ${secretsmanager:NAME}, of what holds PEM)")
			} else if ok {
				text, _ = requireReferences(v)
			}
			put(s, text)
		}}
	}
	return []setting{
		read(fieldClientCertificate, "The client certificate, with its chain: a reference to PEM, such as ${env:NAME}. Default: none.",
			func(s *check.Settings, text string) { s.TLS.ClientCertificate = text }),
		read(fieldClientKey, "The key of the client certificate: a reference to PEM, such as ${env:NAME}.",
			func(s *check.Settings, text string) { s.TLS.ClientKey = text }),
	}
}

// requireBoth reports a client certificate without its key, or the reverse.
func requireBoth(v value, own members) {
	certificate, key := own.get(fieldClientCertificate), own.get(fieldClientKey)
	switch {
	case (certificate.kind == absent) == (key.kind == absent):
		if (certificate.text == "") != (key.text == "") {
			v.problem("has only one of %s and %s (both are references, or both are empty)", fieldClientCertificate, fieldClientKey)
		}
	case key.kind == absent:
		v.problem("has a %s without its %s", fieldClientCertificate, fieldClientKey)
	default:
		v.problem("has a %s without its %s", fieldClientKey, fieldClientCertificate)
	}
}

// resolveClient reads the client certificate that settings refer to, if they do.
// A server that got it may echo it; the key never leaves.
func (vs *variables) resolveClient(r *request, sent *check.Settings) {
	t := &sent.TLS
	if t.ClientCertificate == "" {
		return
	}
	held := func(field, reference string) string {
		text, err := expand(reference, func(reference Reference) (string, error) {
			r.uses = append(slices.Clip(r.uses), use{"tls." + field, reference})
			return vs.get(reference)
		})
		if err != nil {
			r.err = cmp.Or(r.err, fmt.Errorf("tls.%s: %w", field, err))
		}
		return text
	}
	certificate, key := held(fieldClientCertificate, t.ClientCertificate), held(fieldClientKey, t.ClientKey)
	if r.err == nil {
		t.Client, r.err = vs.pairs.of(certificate, key)
	}
	if t.Client != nil {
		for _, raw := range t.Client.Certificate {
			sent.Secrets = append(slices.Clip(sent.Secrets), base64.StdEncoding.EncodeToString(raw))
		}
	}
}

// keyPairs are client certificates by the texts that they are read from: many
// targets share one.
type keyPairs map[[2]string]*tls.Certificate

// of reads a certificate and its key. No error quotes them.
func (known keyPairs) of(certificate, key string) (*tls.Certificate, error) {
	texts := [2]string{certificate, key}
	if pair := known[texts]; pair != nil {
		return pair, nil
	}
	switch {
	case !hasBlock(certificate, "CERTIFICATE"):
		return nil, fmt.Errorf("tls.%s: its reference holds no certificate in PEM", fieldClientCertificate)
	case !hasBlock(key, "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"):
		return nil, fmt.Errorf("tls.%s: its reference holds no unencrypted key in PEM", fieldClientKey)
	}
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		return nil, errors.New("tls: client certificate and key can't be read, or do not belong to each other")
	}
	known[texts] = &pair
	return &pair, nil
}

func hasBlock(text string, types ...string) bool {
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		for _, t := range types {
			if block.Type == t {
				return true
			}
		}
	}
	return false
}
