package s3

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"rollcall/internal/cloud"
)

// A server is what an S3 says to the requests that it is sent, in turn, and
// what they were. "200" is a success, any other a status and a code.
type server struct {
	url string

	mu       sync.Mutex
	replies  []string
	requests []request
}

type request struct {
	method, uri string
	header      http.Header
	body        string
}

func serve(t *testing.T, replies ...string) *server {
	t.Helper()
	s := &server{replies: replies}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	s.url = web.URL
	environment(t, map[string]string{"AWS_ENDPOINT_URL_S3": web.URL})
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, request{r.Method, r.RequestURI, r.Header, string(body)})
	reply := "200"
	if len(s.replies) > 0 {
		reply, s.replies = s.replies[0], s.replies[1:]
	}
	switch status, code, _ := strings.Cut(reply, " "); status {
	case "200":
	case "reset":
		panic(http.ErrAbortHandler)
	case "hang":
		s.mu.Unlock()
		<-r.Context().Done()
		s.mu.Lock()
	default:
		n := 0
		fmt.Sscan(status, &n)
		w.Header().Set("Location", "http://127.0.0.1:1/")
		w.WriteHeader(n)
		xml.NewEncoder(w).EncodeElement(struct{ Code, Message string }{code, "because"}, xml.StartElement{Name: xml.Name{Local: "Error"}})
	}
}

// environment sets what config.LoadDefaultConfig reads, and nothing of this
// machine's beside it.
func environment(t *testing.T, changes map[string]string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token", "AWS_REGION": "eu-central-1", "AWS_PROFILE": "",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_ENDPOINT_URL_S3": "", "AWS_ENDPOINT_URL": "", "AWS_USE_FIPS_ENDPOINT": "", "AWS_USE_DUALSTACK_ENDPOINT": "",
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
	return NewBucket(cfg, name)
}

// Keys arrive as they are, whatever is in them, and so do bodies.
func TestPut(t *testing.T) {
	s := serve(t)
	b := bucket(t, "pages")
	for i, key := range []string{"rollcall.html", "of today/page ü.html", "a+b&c=d(e)'f!g*h", "a//b", "../up", "a/./b", "100%", "?#;:@$,~"} {
		body := strings.Repeat("<p>", i*100_000)
		if err := b.Put(t.Context(), "123456789012", key, "text/html; charset=utf-8", []byte(body)); err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		r := s.requests[len(s.requests)-1]
		path, _, _ := strings.Cut(r.uri, "?")
		if got, err := url.PathUnescape(strings.TrimPrefix(path, "/pages/")); err != nil || got != key {
			t.Errorf("the key %q arrived as %q, from %s", key, got, r.uri)
		}
		if r.method != http.MethodPut || r.body != body || r.header.Get("Content-Type") != "text/html; charset=utf-8" || r.header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %s of %d bytes with %v", key, r.method, len(r.body), r.header)
		}
		if got := r.header.Get("X-Amz-Expected-Bucket-Owner"); got != "123456789012" || !strings.Contains(r.header.Get("Authorization"), "x-amz-expected-bucket-owner") {
			t.Errorf("%s is for a bucket of %q: %v", key, got, r.header)
		}
		for name := range r.header {
			if strings.Contains(name, "Checksum") || name == "Content-Encoding" {
				t.Errorf("%s has the header %s, which not every S3 knows", key, name)
			}
		}
		if !strings.HasPrefix(r.header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=key/") || r.header.Get("X-Amz-Security-Token") != "token" {
			t.Errorf("%s is not signed: %v", key, r.header)
		}
	}
}

// What is retryable is retried; what is not says what to do.
func TestPutRefused(t *testing.T) {
	for _, test := range []struct {
		name    string
		replies []string
		want    string // "" is success
		n       int    // requests
	}{
		{"slow down, once", []string{"503 SlowDown"}, "", 2},
		{"failing, twice", []string{"500 InternalError", "500 InternalError"}, "", 3},
		{"reset, once", []string{"reset"}, "", 2},
		{"failing", slices.Repeat([]string{"500 InternalError"}, 3), "S3 responded 500 InternalError", 3},
		{"reset", slices.Repeat([]string{"reset"}, 3), "S3 can't be reached: EOF", 3},
		{"denied", []string{"403 AccessDenied"}, "S3 responded 403 AccessDenied: allow the role the action s3:PutObject on arn:aws:s3:::pages/*", 1},
		{"no bucket", []string{"404 NoSuchBucket"}, "S3 responded 404 NoSuchBucket: there is no bucket pages", 1},
		{"elsewhere", []string{"301 PermanentRedirect"}, "S3 responded 301 PermanentRedirect: the bucket is in another Region", 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, b := inMemory(t, test.replies...)
			began := time.Now()
			err := b.Put(t.Context(), "", "page.html", "text/html", []byte("x"))
			if want := (cloud.PauseAfter<<(test.n-1) - cloud.PauseAfter); time.Since(began) != want {
				t.Errorf("it took %v, want pauses of %v", time.Since(began), want)
			}
			if (err == nil) != (test.want == "") || err != nil && err.Error() != test.want {
				t.Errorf("%s: Put = %v, want %q", test.name, err, test.want)
			}
			if len(s.requests) != test.n {
				t.Errorf("%s: %d requests, want %d", test.name, len(s.requests), test.n)
			}
		})
	}
}

// Where no owner is known none is named; where one is, a refusal names it.
func TestPutOwner(t *testing.T) {
	for owner, want := range map[string]string{
		"":             "S3 responded 403 AccessDenied: allow the role the action s3:PutObject on arn:aws:s3:::pages/*",
		"123456789012": "S3 responded 403 AccessDenied: allow the role the action s3:PutObject on arn:aws:s3:::pages/*, a bucket of the account 123456789012",
	} {
		s, b := inMemory(t, "403 AccessDenied")
		if err := b.Put(t.Context(), owner, "page.html", "text/html", nil); err == nil || err.Error() != want {
			t.Errorf("Put = %v, want %s", err, want)
		}
		if got := s.requests[0].header.Values("X-Amz-Expected-Bucket-Owner"); strings.Join(got, "") != owner || len(got) > 1 {
			t.Errorf("the owner is %q, want %q", got, owner)
		}
	}
}

// A client serves many runs: one that has often failed tries as often as the
// first.
func TestRetriesAreNotUsedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const runs = 200
		s, b := inMemory(t, slices.Repeat([]string{"503 SlowDown"}, cloud.Attempts*runs)...)
		for range runs {
			if err := b.Put(t.Context(), "", "page.html", "text/html", nil); err == nil {
				t.Fatal("it was taken")
			}
		}
		if len(s.requests) != cloud.Attempts*runs {
			t.Errorf("%d requests, want %d", len(s.requests), cloud.Attempts*runs)
		}
	})
}

// inMemory is a bucket on a server without a network.
func inMemory(t *testing.T, replies ...string) (*server, *Bucket) {
	s := &server{replies: replies}
	return s, NewBucket(aws.Config{
		Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""), BaseEndpoint: aws.String("http://s3.test"),
		HTTPClient: doer(func(r *http.Request) (response *http.Response, err error) {
			defer func() {
				if recover() != nil {
					err = &url.Error{Op: "Put", URL: r.URL.String(), Err: io.EOF}
				}
			}()
			w := httptest.NewRecorder()
			if r.Body == nil {
				r.Body = http.NoBody
			}
			s.ServeHTTP(w, r)
			return w.Result(), nil
		}),
	}, "pages")
}

// A bucket that does not respond costs the time that there is, not more, and
// each request has a limit of its own.
func TestPutEndsInTime(t *testing.T) {
	s := serve(t, "hang", "hang")
	b := bucket(t, "pages")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for s.count() == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if err := b.Put(ctx, "", "page.html", "text/html", nil); err == nil || err.Error() != "S3 did not respond in time" {
		t.Errorf("Put = %v", err)
	}
	if n := s.count(); n != 1 {
		t.Errorf("%d requests", n)
	}
	if testing.Short() {
		return // the rest takes one request's time
	}
	if err := b.Put(t.Context(), "", "page.html", "text/html", nil); err != nil || s.count() != 3 {
		t.Errorf("Put = %v after %d requests, want a retry after a timeout", err, s.count()-1)
	}
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func TestPutNowhere(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}, "S3 can't be reached: dial tcp 127.0.0.1:1: "},
		{map[string]string{"AWS_REGION": ""}, "no request to S3 can be made (see AWS_REGION"},
		{map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "no request to S3 can be made (see AWS_REGION, the credentials"},
		{map[string]string{"AWS_ENDPOINT_URL_S3": "http://%zz"}, "no request to S3 can be made"},
	} {
		environment(t, test.env)
		if err := bucket(t, "pages").Put(t.Context(), "", "page.html", "text/html", nil); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%v: Put = %v, want %q", test.env, err, test.want)
		}
	}
}

// The host is the bucket's own in the Region; where another endpoint is
// configured, or the bucket's name has a dot, its name is part of the path.
func TestEndpoints(t *testing.T) {
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
		{"its own variable", map[string]string{"AWS_ENDPOINT_URL_S3": "http://minio.test:9/s3", "AWS_ENDPOINT_URL": "http://127.0.0.1:8"}, "pages", "http://minio.test:9/s3/pages/page.html"},
		{"its own variable, FIPS", map[string]string{"AWS_ENDPOINT_URL_S3": "http://minio.test:9", "AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"}, "pages", "http://minio.test:9/pages/page.html"},
		{"everybody's variable", map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:8/"}, "pages", "http://127.0.0.1:8/pages/page.html"},
		{"variables that are to be ignored", map[string]string{"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, "pages", "https://pages.s3.eu-central-1.amazonaws.com/page.html"},
	} {
		t.Run(test.name, func(t *testing.T) {
			environment(t, test.env)
			cfg, err := config.LoadDefaultConfig(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got string
			cfg.HTTPClient = doer(func(r *http.Request) (*http.Response, error) {
				got, _, _ = strings.Cut(r.URL.String(), "?")
				return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
			})
			if err := NewBucket(cfg, test.bucket).Put(t.Context(), "", "page.html", "text/html", nil); err != nil || got != test.want {
				t.Errorf("%s (%v), want %s", got, err, test.want)
			}
		})
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }
