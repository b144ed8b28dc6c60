package config

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// A file of roots without any makes every certificate look untrusted.
func TestLoadRoots(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SSL_CERT_FILE is not read here")
	}
	server := httptest.NewTLSServer(nil)
	server.Close()
	der := server.Certificate().Raw
	good := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	dir := t.TempDir()
	for name, test := range map[string]struct{ content, want string }{
		"good.pem":    {good, ""},
		"several.pem": {"a comment\n" + key + good, ""},
		"empty.pem":   {"", "has no certificate"},
		"root.der":    {string(der), "has no certificate"},
		"key.pem":     {key, "has no certificate"},
		"cut.pem":     {good[:len(good)/2], "has no certificate"},
		"missing":     {"", "no such file or directory"},
		".":           {"", "is a directory"},
	} {
		file := filepath.Join(dir, name)
		if name != "missing" && name != "." {
			if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Load(environment(map[string]string{"SSL_CERT_FILE": file}))
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), "SSL_CERT_FILE: ") || !strings.Contains(err.Error(), test.want) || strings.Count(err.Error(), file) != 1):
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
	if _, err := Load(environment(map[string]string{"SSL_CERT_FILE": ""})); err != nil {
		t.Errorf("blank: %v", err)
	}
}
