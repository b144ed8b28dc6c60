package s3

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// respond is a configuration whose service responds as a function does.
func respond(t *testing.T, respond http.HandlerFunc) aws.Config {
	t.Helper()
	web := httptest.NewServer(respond)
	t.Cleanup(web.Close)
	return aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""), BaseEndpoint: aws.String(web.URL)}
}

func owner(context.Context) string { return "123456789012" }

// refuse responds with S3's form of an error.
func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `<Error><Code>%s</Code><Message>because</Message></Error>`, code)
}

func TestStoreReads(t *testing.T) {
	for _, test := range []struct {
		name, status, body string
		want               string // body and tag, or the error
	}{
		{"an object", "200", "hello", `"hello" "\"t\"" <nil>`},
		{"none", "404 NoSuchKey", "", `"" "" <nil>`},
		{"a large one", "200", strings.Repeat("x", 11), `"" "\"t\"" <nil>`},
		{"a large one of unknown length", "chunked", strings.Repeat("x", 11), `"" "\"t\"" <nil>`},
		{"no bucket", "404 NoSuchBucket", "", `"" "" S3 responded 404 NoSuchBucket: there is no bucket state`},
		{"denied", "403 AccessDenied", "", `"" "" S3 responded 403 AccessDenied: allow the role the actions s3:GetObject and s3:ListBucket on the bucket state`},
		{"elsewhere", "301 PermanentRedirect", "", `"" "" S3 responded 301 PermanentRedirect: the bucket is in another Region`},
	} {
		cfg := respond(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.URL.Path != "/state/history/a.gz" || r.Header.Get("X-Amz-Expected-Bucket-Owner") != "123456789012" {
				t.Errorf("%s: %s %s of %s", test.name, r.Method, r.URL, r.Header.Get("X-Amz-Expected-Bucket-Owner"))
			}
			status, code, _ := strings.Cut(test.status, " ")
			if status != "200" && status != "chunked" {
				n := 0
				fmt.Sscan(status, &n)
				refuse(w, n, code)
				return
			}
			w.Header().Set("ETag", `"t"`)
			io.WriteString(w, test.body[:len(test.body)/2])
			if status == "chunked" {
				w.(http.Flusher).Flush()
			}
			io.WriteString(w, test.body[len(test.body)/2:])
		})
		body, tag, err := NewStore(NewBucket(cfg, "state"), 10, owner).Read(t.Context(), "history/a.gz")
		if got := fmt.Sprintf("%q %q %v", body, tag, err); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// A write has the condition that nobody else has written.
func TestStoreWrites(t *testing.T) {
	for _, test := range []struct {
		name, tag, reply string
		want             string // new tag, whether there is another, the error
	}{
		{"the first", "", "", `"\"new\"" false <nil>`},
		{"the next", `"old"`, "", `"\"new\"" false <nil>`},
		{"somebody was first", "", "412 PreconditionFailed", `"" true <nil>`},
		{"somebody writes", `"old"`, "409 ConditionalRequestConflict", `"" true <nil>`},
		{"somebody removed it", `"old"`, "404 NoSuchKey", `"" true <nil>`},
		{"no bucket", "", "404 NoSuchBucket", `"" false S3 responded 404 NoSuchBucket: there is no bucket state`},
		{"denied", `"old"`, "403 AccessDenied", `"" false S3 responded 403 AccessDenied: allow the role the actions s3:PutObject on the bucket state`},
	} {
		cfg := respond(t, func(w http.ResponseWriter, r *http.Request) {
			none, match := r.Header.Get("If-None-Match"), r.Header.Get("If-Match")
			if test.tag == "" && (none != "*" || match != "") || test.tag != "" && (none != "" || match != test.tag) {
				t.Errorf("%s: If-None-Match %q, If-Match %q", test.name, none, match)
			}
			if status, code, refused := strings.Cut(test.reply, " "); refused {
				n := 0
				fmt.Sscan(status, &n)
				refuse(w, n, code)
				return
			}
			w.Header().Set("ETag", `"new"`)
		})
		tag, another, err := NewStore(NewBucket(cfg, "state"), 10, owner).Write(t.Context(), "history/a.gz", []byte("x"), test.tag)
		if got := fmt.Sprintf("%q %t %v", tag, another, err); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestStoreCopies(t *testing.T) {
	code := 0
	cfg := respond(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("X-Amz-Copy-Source"); got != "state/history/a.gz" || r.URL.Path != "/state/history/b.gz" {
			t.Errorf("%s from %s", r.URL, got)
		}
		if code != 0 {
			refuse(w, code, "NoSuchKey")
			return
		}
		io.WriteString(w, `<CopyObjectResult><ETag>"t"</ETag></CopyObjectResult>`)
	})
	s := NewStore(NewBucket(cfg, "state"), 10, owner)
	if err := s.Copy(t.Context(), "history/a.gz", "history/b.gz"); err != nil {
		t.Error(err)
	}
	code = 404
	if err := s.Copy(t.Context(), "history/a.gz", "history/b.gz"); err == nil || err.Error() != "S3 responded 404 NoSuchKey" {
		t.Error(err)
	}
}

func TestStoreNowhere(t *testing.T) {
	cfg := aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""), BaseEndpoint: aws.String("http://127.0.0.1:1")}
	if _, _, err := NewStore(NewBucket(cfg, "state"), 10, owner).Read(t.Context(), "a"); err == nil || !strings.HasPrefix(err.Error(), "S3 can't be reached: dial tcp 127.0.0.1:1: ") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := NewStore(NewBucket(cfg, "state"), 10, owner).Write(ctx, "a", nil, ""); err == nil || err.Error() != "S3 did not respond in time" {
		t.Error(err)
	}
}

// Where many read or write at once, S3 tells some to slow down: they do, each for
// another time.
func TestStoreIsPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for refusals, want := range map[int]bool{0: true, 7: true, 8: false} {
			s, b := inMemory(t, slices.Repeat([]string{"503 SlowDown"}, refusals)...)
			began := time.Now()
			err := NewStore(b, 10, owner).Put(t.Context(), "runs/r/17.json.gz", []byte("tally"))
			if (err == nil) != want || len(s.requests) != min(refusals+1, 8) || time.Since(began) > 40*time.Second {
				t.Errorf("%d refusals: %d requests in %v, error %v", refusals, len(s.requests), time.Since(began), err)
			}
			if h := s.requests[0].header; h.Get("Content-Type") != "application/gzip" || h.Get("X-Amz-Expected-Bucket-Owner") != "123456789012" || h.Get("If-None-Match") != "" {
				t.Errorf("the headers are %v", h)
			}
			s, b = inMemory(t, slices.Repeat([]string{"503 SlowDown"}, refusals)...)
			_, _, err = NewStore(b, 10, owner).Patient().Read(t.Context(), "runs/r/17.json.gz")
			if (err == nil) != want || len(s.requests) != min(refusals+1, 8) {
				t.Errorf("%d refusals: %d requests to read, error %v", refusals, len(s.requests), err)
			}
		}
	})
}
