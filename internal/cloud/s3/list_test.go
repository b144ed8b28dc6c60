package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"rollcall/internal/cloud"
	"rollcall/internal/plan"
)

// inWords is a configuration whose requests a function responds to.
func inWords(respond func(*http.Request) (*http.Response, error)) aws.Config {
	return aws.Config{
		Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""), BaseEndpoint: aws.String("http://aws.test"),
		HTTPClient: doer(respond),
	}
}

func response(r *http.Request, status int, body io.Reader, headers ...string) *http.Response {
	header := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(body), Request: r, ContentLength: -1}
}

func refused(r *http.Request, status int, code, message string, headers ...string) *http.Response {
	return response(r, status, strings.NewReader("<Error><Code>"+code+"</Code><Message>"+message+"</Message></Error>"), headers...)
}

func object1(t *testing.T, cfg aws.Config, u url.URL, known plan.Version) (string, plan.Version, error) {
	t.Helper()
	body, version, err := Lists(cloud.Loaded(cfg))(t.Context(), &u, known)
	if err != nil {
		return "", version, err
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	return string(text), version, err
}

func TestLists(t *testing.T) {
	plain := url.URL{Scheme: "s3", Host: "lists", Path: "/a//b ü+.txt"}
	pinned := url.URL{Scheme: "s3", Host: "lists", Path: "/a.txt", RawQuery: "versionId=x/y+z"}
	for _, test := range []struct {
		name     string
		u        url.URL
		known    plan.Version
		respond  func(r *http.Request) *http.Response
		uri, tag string
		want     string
		version  plan.Version
	}{
		{"plain", plain, "", func(r *http.Request) *http.Response {
			return response(r, 200, strings.NewReader("text"), "ETag", `"1"`)
		}, "/lists/a//b%20%C3%BC%2B.txt?x-id=GetObject", "", "text", `"1"`},
		{"a version", pinned, "", func(r *http.Request) *http.Response {
			return response(r, 200, strings.NewReader("text"), "ETag", `"1"`, "X-Amz-Version-Id", "x/y+z")
		}, "/lists/a.txt?versionId=x%2Fy%2Bz&x-id=GetObject", "", "text", `"1" x/y+z`},
		{"known", plain, `"1" v`, func(r *http.Request) *http.Response {
			return response(r, 200, strings.NewReader("new"), "ETag", `"2"`, "X-Amz-Version-Id", "null")
		}, "/lists/a//b%20%C3%BC%2B.txt?x-id=GetObject", `"1"`, "new", `"2"`},
		{"compressed", plain, "", func(r *http.Request) *http.Response {
			return response(r, 200, strings.NewReader("\x1f\x8b…"), "Content-Encoding", "gzip")
		}, "/lists/a//b%20%C3%BC%2B.txt?x-id=GetObject", "", "\x1f\x8b…", ""},
	} {
		var uri, tag string
		text, version, err := object1(t, inWords(func(r *http.Request) (*http.Response, error) {
			uri, tag = r.URL.RequestURI(), r.Header.Get("If-None-Match")
			if encoding := r.Header.Get("Accept-Encoding"); encoding != "identity" {
				t.Errorf("%s: Accept-Encoding: %s", test.name, encoding)
			}
			return test.respond(r), nil
		}), test.u, test.known)
		if err != nil || text != test.want || version != test.version || uri != test.uri || tag != test.tag {
			t.Errorf("%s: %q, %q, %v by %s with %s", test.name, text, version, err, uri, tag)
		}
	}
	_, _, err := object1(t, inWords(func(r *http.Request) (*http.Response, error) { return response(r, 304, http.NoBody), nil }), plain, `"1"`)
	if !errors.Is(err, plan.ErrUnchanged) {
		t.Errorf("unchanged: %v", err)
	}
}

// What S3 refuses that the tests of the whole function do not.
func TestListsRefused(t *testing.T) {
	u := url.URL{Scheme: "s3", Host: "lists", Path: "/a.txt"}
	for want, respond := range map[string]func(r *http.Request) *http.Response{
		"S3 responded 403 AccessDenied: allow the role the action kms:Decrypt on the key of the bucket": func(r *http.Request) *http.Response {
			return refused(r, 403, "AccessDenied", "User: x is not authorized to perform: kms:Decrypt on resource: y")
		},
		"S3 responded 403 InvalidObjectState: the object is archived: restore it": func(r *http.Request) *http.Response { return refused(r, 403, "InvalidObjectState", "") },
		"S3 responded 400 AuthorizationHeaderMalformed: the bucket is in the Region eu-west-2: put the list into a bucket of the function's own Region": func(r *http.Request) *http.Response {
			return refused(r, 400, "AuthorizationHeaderMalformed", "", "X-Amz-Bucket-Region", "eu-west-2")
		},
		"S3 responded 307 TemporaryRedirect: the bucket is in another Region: put the list into one of the function's own Region": func(r *http.Request) *http.Response { return refused(r, 307, "TemporaryRedirect", "") },
		"S3 responded 403 ExpiredToken": func(r *http.Request) *http.Response { return refused(r, 403, "ExpiredToken", "") },
	} {
		if _, _, err := object1(t, inWords(func(r *http.Request) (*http.Response, error) { return respond(r), nil }), u, ""); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	_, _, err := Lists(func(context.Context) (aws.Config, error) { return aws.Config{}, errors.New("no profile") })(t.Context(), &u, "")
	if want := "no request to S3 can be made (see AWS_REGION, the credentials and AWS_ENDPOINT_URL_S3): no profile"; err == nil || err.Error() != want {
		t.Errorf("without a configuration: %v", err)
	}
}

// A list is read as long as bytes come.
func TestListsThatStall(t *testing.T) {
	u := url.URL{Scheme: "s3", Host: "lists", Path: "/a.txt"}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, _, err := object1(t, inWords(func(r *http.Request) (*http.Response, error) {
			slow, end := io.Pipe()
			go func() {
				for i := range 10 {
					time.Sleep(stallAfter - time.Second)
					fmt.Fprintln(end, i)
				}
				<-r.Context().Done()
				end.CloseWithError(r.Context().Err())
			}()
			return response(r, 200, slow), nil
		}), u, "")
		if took := time.Since(began); err == nil || err.Error() != "S3 stopped sending the object for 5s" || took != 10*(stallAfter-time.Second)+stallAfter {
			t.Errorf("%v after %v", err, took)
		}
	})
}
