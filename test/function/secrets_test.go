package function_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall/internal/testnet"
)

// marker is in every secret of TestSecretsAreKept, in a form that survives
// being put into a host name.
const marker = "m4rk3r"

// echoWays are the ways in which the stage's echo says a request back.
var echoWays = []string{
	"/body", "/error", "/json", "/status", "/status-code", "/version", "/garbage", "/header", "/header-error", "/hints", "/length",
	"/transfer-encoding", "/encoding", "/chunk-error", "/gzip-error", "/location", "/location-path", "/location-raw", "/location-scheme",
	"/location-host", "/location-user",
}

// secretive asks the echo in each of its ways with a secret in each place.
func secretive(t *testing.T, st *testnet.Net) []byte {
	t.Helper()
	var urls []any
	for i, way := range echoWays {
		bare, ok := st.Ported("https://echo.stage.test" + way)
		if !ok {
			t.Fatal("the stage has no echo")
		}
		host := strings.TrimPrefix(bare, "https://")
		urls = append(urls,
			map[string]any{"name": fmt.Sprint("header", i), "url": bare, "headers": map[string]string{"Authorization": "Bearer Header-" + marker}},
			map[string]any{"name": fmt.Sprint("key", i), "url": bare, "headers": map[string]string{"X-Api-Key": "${env:SECRET}", "Cookie": "a=Cookie-" + marker}},
			map[string]any{"name": fmt.Sprint("body", i), "url": bare, "method": "POST", "body": "Body-" + marker + " ${env:SECRET}", "expect": []string{"body == 'x'"}},
			map[string]any{"name": fmt.Sprint("query", i), "url": bare + "?token=Query-" + marker, "expect": []string{"header['x-echo'] == '' && json.body == 'x'"}},
			map[string]any{"name": fmt.Sprint("user", i), "url": "https://user:User-" + marker + "@" + host, "warn": []string{"url == ''", "json.target == 3"}},
			bare+"?unnamed=Unnamed-"+marker,
		)
	}
	urls = append(urls, "https://user:Bad-"+marker+"@exa mple/?q="+marker, map[string]any{"url": "https://good.stage.test", "headers": map[string]string{"X-A": marker + "${env:UNSET}"}})
	event, err := json.Marshal(map[string]any{"urls": urls, "defaults": map[string]any{"retries": 0, "timeout": "2s"}, "metrics": "phases"})
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// TestSecretsAreKept: no output holds what the event confides, whatever a
// server does with it.
func TestSecretsAreKept(t *testing.T) {
	for _, mode := range []testnet.Mode{testnet.Normal, testnet.AccessDenied} {
		r := newRig(t, testnet.Options{}, "SECRET=Env-"+marker, "ROLLCALL_METRICS=phases")
		r.CloudWatch.SetFault(testnet.Always(testnet.Fault{Mode: mode}))
		answer, err := r.function.Invoke(t.Context(), secretive(t, r.Net), 40*time.Second)
		if err != nil || answer.ErrorType != "" {
			t.Fatalf("Invoke = %+v, %v", answer, err)
		}
		datums, _ := json.Marshal(r.CloudWatch.Accepted())
		requests, _ := json.Marshal(r.CloudWatch.Requests())
		for place, text := range map[string]string{
			"summary": string(answer.Payload), "standard output": strings.Join(r.function.Stdout(), "\n"),
			"standard error": r.function.Stderr(), "metrics": string(datums), "requests": string(requests),
		} {
			betrays(t, place, text)
		}
	}
}

// TestSecretsAreKeptInErrors: an event that is refused is not quoted where it
// confides.
func TestSecretsAreKeptInErrors(t *testing.T) {
	r := newRig(t, testnet.Options{}, "SECRET=Env-"+marker)
	for _, event := range []string{
		`{"urls": [{"url": "https://user:` + marker + `@a.example/?q=` + marker + `", "headers": {"A": "` + marker + `", "Bad Name": "` + marker + `"}, "body": "` + marker + `", "timeout": 3}]}`,
		`{"urls": ["https://u:` + marker + `@a.example", "https://u:` + marker + `2@a.example"]}`,
		`{"urls": [{"url": "https://a.example", "headers": {"A": "${ssm:` + `x}` + marker + `"}, "Authorization: ` + marker + `": 1}]}`,
	} {
		answer, err := r.function.Invoke(t.Context(), []byte(event), 10*time.Second)
		if err != nil || answer.ErrorType != "InvalidEventError" {
			t.Fatalf("Invoke = %+v, %v; want an InvalidEventError", answer, err)
		}
		betrays(t, "error", answer.ErrorMessage)
	}
	betrays(t, "standard output", strings.Join(r.function.Stdout(), "\n"))
	betrays(t, "standard error", r.function.Stderr())
}

// betrays fails the test where text holds the marker, or user information as
// the request carried it.
func betrays(t *testing.T, place, text string) {
	t.Helper()
	basic := base64.StdEncoding.EncodeToString([]byte("user:User-" + marker))
	for _, secret := range []string{marker, basic} {
		if at := strings.Index(strings.ToLower(text), strings.ToLower(secret)); at >= 0 {
			t.Errorf("the %s betrays a secret: …%s…", place, text[max(0, at-150):min(len(text), at+60)])
		}
	}
}
