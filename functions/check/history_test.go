package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"rollcall/internal/config"
	"rollcall/internal/message"
)

// The heartbeat's URL is a secret: no error has it.
func TestHeartbeat(t *testing.T) {
	status := 200
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/s3cret" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		w.WriteHeader(status)
	}))
	beat := heartbeat(web.URL + "/s3cret")
	if err := beat(t.Context()); err != nil {
		t.Error(err)
	}
	status = 404
	if err := beat(t.Context()); err == nil || err.Error() != "the response is 404 Not Found" {
		t.Error(err)
	}
	web.Close()
	for _, address := range []string{web.URL + "/s3cret", "http://s3cret.invalid", "http://%zz/s3cret"} {
		if err := heartbeat(address)(t.Context()); err == nil || strings.Contains(err.Error(), "s3cret") && !strings.Contains(err.Error(), "lookup") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// Who is redirected to does not learn it either.
func TestHeartbeatIsRedirected(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if referer := r.Header.Get("Referer"); referer != "" {
			t.Errorf("%s has the referer %s", r.URL, referer)
		}
		if r.URL.Path != "/elsewhere" {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}
	}))
	defer web.Close()
	if err := heartbeat(web.URL + "/s3cret")(t.Context()); err != nil {
		t.Error(err)
	}
}

// Where messages lead is known from the topic and the log group.
func TestSite(t *testing.T) {
	lookup := func(name string) (string, bool) { return "/aws/lambda/shop", name == "AWS_LAMBDA_LOG_GROUP_NAME" }
	got := siteOf(config.Config{Topic: "arn:aws-cn:sns:cn-north-1:123456789012:alerts", Bucket: "pages"}, "cn-north-1", lookup)
	want := message.Site{Stack: "shop", Region: "cn-north-1", Partition: "aws-cn", Account: "123456789012", LogGroup: "/aws/lambda/shop",
		Bucket: "pages", Page: "rollcall.html", Dashboard: "shop-cn-north-1"}
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if got := siteOf(config.Config{}, "", func(string) (string, bool) { return "", false }); got != (message.Site{Page: "rollcall.html"}) {
		t.Errorf("got %+v", got)
	}
}
