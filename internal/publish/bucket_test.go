package publish

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"rollcall/internal/testnet"
)

// s3 starts an S3 with the bucket "pages" and points the AWS variables at it.
func s3(t *testing.T) *testnet.S3 {
	t.Helper()
	s, err := testnet.NewS3("secret", "pages")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	environment(t, map[string]string{"AWS_ENDPOINT_URL_S3": s.URL()})
	return s
}

// environment sets what config.LoadDefaultConfig reads, and nothing of this
// machine's beside it.
func environment(t *testing.T, changes map[string]string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token", "AWS_REGION": "eu-central-1", "AWS_PROFILE": "",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_ENDPOINT_URL_S3": "", "AWS_ENDPOINT_URL": "",
	} {
		t.Setenv(name, value)
	}
	for name, value := range changes {
		t.Setenv(name, value)
	}
}

// bucket is one as the environment says.
func bucket(t *testing.T, name string) *Bucket {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBucket(t.Context(), cfg, name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPut(t *testing.T) {
	s := s3(t)
	b := bucket(t, "pages")
	for _, page := range []string{"the first", strings.Repeat("the second ", 300_000), ""} {
		if err := b.Put(t.Context(), "of today/page ü+1.html", "text/html; charset=utf-8", []byte(page)); err != nil {
			t.Fatal(err)
		}
		got, ok := s.Object("pages/of today/page ü+1.html")
		if !ok || string(got.Body) != page || got.ContentType != "text/html; charset=utf-8" || got.CacheControl != "no-cache" {
			t.Errorf("%v, %d bytes of %q, %q; want %d bytes", ok, len(got.Body), got.ContentType, got.CacheControl, len(page))
		}
	}
}

// What passes is tried again; what does not is said, with what to do.
func TestPutRefused(t *testing.T) {
	s := s3(t)
	for _, test := range []struct {
		name     string
		mode     testnet.Mode
		times    int
		bucket   string
		want     string // "" is success
		requests int
	}{
		{"slow down, once", testnet.Throttled, 1, "pages", "", 2},
		{"failing, twice", testnet.Failing, 2, "pages", "", 3},
		{"reset, once", testnet.ResetAfterAccepting, 1, "pages", "", 2},
		{"failing", testnet.Failing, -1, "pages", "S3 answered 500 InternalError", 3},
		{"denied", testnet.AccessDenied, -1, "pages", "allow the role the action s3:PutObject on arn:aws:s3:::pages/*", 1},
		{"no bucket", testnet.Honest, 0, "other", "S3 answered 404 NoSuchBucket: there is no bucket other", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.Misbehave(test.mode, test.times)
			before := s.Requests()
			err := bucket(t, test.bucket).Put(t.Context(), "page.html", "text/html", []byte("x"))
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("Put = %v, want %q", err, test.want)
			}
			if n := s.Requests() - before; n != test.requests {
				t.Errorf("%d requests, want %d", n, test.requests)
			}
		})
	}
}

// A wrong secret is found out: the stage's S3 checks signatures.
func TestPutSignature(t *testing.T) {
	s3(t)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "another")
	if err := bucket(t, "pages").Put(t.Context(), "page.html", "text/html", nil); err == nil || !strings.Contains(err.Error(), "403 SignatureDoesNotMatch") {
		t.Errorf("Put = %v", err)
	}
}

// A bucket that does not answer costs the time that there is, not more.
func TestPutEndsInTime(t *testing.T) {
	s := s3(t)
	s.Misbehave(testnet.Hanging, -1)
	b := bucket(t, "pages")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := b.Put(ctx, "page.html", "text/html", nil); err == nil || err.Error() != "S3 did not answer in time" {
		t.Errorf("Put = %v", err)
	}
	if s.Requests() != 1 {
		t.Errorf("%d requests", s.Requests())
	}
}

func TestPutNowhere(t *testing.T) {
	environment(t, map[string]string{"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"})
	err := bucket(t, "pages").Put(t.Context(), "page.html", "text/html", nil)
	if err == nil || !strings.HasPrefix(err.Error(), "S3 can't be reached: dial tcp 127.0.0.1:1") {
		t.Errorf("Put = %v", err)
	}
	t.Setenv("AWS_REGION", "")
	if err := bucket(t, "pages").Put(t.Context(), "page.html", "text/html", nil); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("without a Region: %v", err)
	}
}

// The endpoints are those that the SDK's own client of S3 takes.
func TestBucketURL(t *testing.T) {
	for _, test := range []struct {
		name   string
		env    map[string]string
		bucket string
		want   string
	}{
		{"the Region's", nil, "pages", "https://pages.s3.eu-central-1.amazonaws.com/page.html"},
		{"a dot in the name", nil, "my.pages", "https://s3.eu-central-1.amazonaws.com/my.pages/page.html"},
		{"China", map[string]string{"AWS_REGION": "cn-north-1"}, "pages", "https://pages.s3.cn-north-1.amazonaws.com.cn/page.html"},
		{"FIPS", map[string]string{"AWS_USE_FIPS_ENDPOINT": "true"}, "pages", "https://pages.s3-fips.eu-central-1.amazonaws.com/page.html"},
		{"both IP versions", map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "pages", "https://pages.s3.dualstack.eu-central-1.amazonaws.com/page.html"},
		{"its own variable", map[string]string{"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9/s3", "AWS_ENDPOINT_URL": "http://127.0.0.1:8"}, "pages", "http://127.0.0.1:9/s3/pages/page.html"},
		{"everybody's variable", map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:8/"}, "pages", "http://127.0.0.1:8/pages/page.html"},
		{"variables that are to be ignored", map[string]string{"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, "pages", "https://pages.s3.eu-central-1.amazonaws.com/page.html"},
	} {
		t.Run(test.name, func(t *testing.T) {
			environment(t, test.env)
			if got := bucket(t, test.bucket).base.JoinPath("page.html").String(); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// A bucket elsewhere answers with a redirect, which is not followed with the
// credentials in it.
func TestPutIsNotRedirected(t *testing.T) {
	asked := 0
	server := serveWeb(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusMovedPermanently)
	})
	environment(t, map[string]string{"AWS_ENDPOINT_URL_S3": server})
	err := bucket(t, "pages").Put(t.Context(), "page.html", "text/html", nil)
	if err == nil || !strings.Contains(err.Error(), "S3 answered 301: the bucket is in another Region") || asked != 1 {
		t.Errorf("Put = %v after %d requests", err, asked)
	}
	if _, err := NewBucket(t.Context(), aws.Config{BaseEndpoint: aws.String("http://%zz")}, "pages"); err == nil {
		t.Error("an endpoint that is no URL is taken")
	}
}

// serveWeb answers with h, and returns where.
func serveWeb(t *testing.T, h http.HandlerFunc) string {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}
