package config

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"runtime"
)

// rootsVariable is crypto/x509's, which ignores what is wrong with it: every
// certificate would be signed by an unknown authority.
const rootsVariable = "SSL_CERT_FILE"

// wrongRoots is the problem of a file of roots that has none; "": there is no
// problem.
func wrongRoots(lookup func(string) (string, bool)) string {
	file, _ := lookup(rootsVariable)
	if file == "" || runtime.GOOS == "darwin" || runtime.GOOS == "windows" { // which have a verifier of their own
		return ""
	}
	pem, err := os.ReadFile(file)
	switch {
	case err != nil:
		if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
			err = wrapped.Err
		}
		return rootsVariable + ": read " + file + ": " + err.Error()
	case !x509.NewCertPool().AppendCertsFromPEM(pem):
		return rootsVariable + ": " + file + " has no certificate (PEM, with BEGIN CERTIFICATE)"
	}
	return ""
}
