package s3

import (
	"net/http"
	"strings"
	"testing"
)

// The referee refuses what the real one would; package publish shows that it
// takes what is right.
func TestS3RefusesWhatIsNotSigned(t *testing.T) {
	s, err := NewS3("secret", "pages")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const (
		empty     = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
		signature = "AWS4-HMAC-SHA256 Credential=key/20261127/eu-central-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature="
	)
	for _, test := range []struct {
		name, method, key, hash, authorization string
		status                                 int
	}{
		{"no signature", "PUT", "/pages/page.html", empty, "", http.StatusForbidden},
		{"a wrong signature", "PUT", "/pages/page.html", empty, signature + strings.Repeat("0", 64), http.StatusForbidden},
		{"the host not signed", "PUT", "/pages/page.html", empty, "AWS4-HMAC-SHA256 Credential=k/d/r/s3/aws4_request, SignedHeaders=x-amz-date, Signature=0", http.StatusForbidden},
		{"another body", "PUT", "/pages/page.html", strings.Repeat("0", 64), signature, http.StatusBadRequest},
		{"no key", "PUT", "/pages", empty, signature, http.StatusMethodNotAllowed},
		{"another operation", "DELETE", "/pages/page.html", empty, signature, http.StatusMethodNotAllowed},
	} {
		r, err := http.NewRequest(test.method, s.URL()+test.key, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Content-Sha256", test.hash)
		r.Header.Set("Authorization", test.authorization)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != test.status {
			t.Errorf("%s: %d, want %d", test.name, response.StatusCode, test.status)
		}
	}
	if _, kept := s.Object("pages/page.html"); kept || s.Requests() != 6 {
		t.Errorf("kept: %v, after %d requests", kept, s.Requests())
	}
}
