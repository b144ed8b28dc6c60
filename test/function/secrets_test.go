package function_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/testnet"
)

// marker is in every secret of TestSecretsAreKept, in a form that survives
// being put into a host name, and tail at its end. envSecret is the value of a
// reference.
const (
	marker    = "m4rk3r"
	tail      = "-T41l-0f-1t-9z"
	envSecret = "Env-" + marker + "-bY-r3f3r3nc3" + tail
)

// echoWays are the ways in which the test network's echo sends a request back.
var echoWays = []string{
	"/body", "/error", "/json", "/status", "/status-code", "/version", "/garbage", "/header", "/header-error", "/hints", "/length",
	"/transfer-encoding", "/encoding", "/chunk-error", "/gzip-error", "/location", "/location-path", "/location-raw", "/location-scheme",
	"/location-host", "/location-user", "/location-base64", "/location-hex", "/location-part", "/location-bare", "/location-reversed",
	"/location-matrix", "/location-label", "/body-base64", "/garbage-reversed", "/status-hex",
}

// secretive asks the echo in each of its ways with a secret in each place.
func secretive(t *testing.T, tn *testnet.Net) []byte {
	t.Helper()
	var urls []any
	for i, way := range echoWays {
		bare, ok := tn.Ported("https://echo.stage.test" + way)
		if !ok {
			t.Fatal("the test network has no echo")
		}
		host := strings.TrimPrefix(bare, "https://")
		urls = append(urls,
			map[string]any{"name": fmt.Sprint("header", i), "url": bare, "headers": map[string]string{"Authorization": "Bearer Header-" + marker + "-literal" + tail}},
			map[string]any{"name": fmt.Sprint("key", i), "url": bare, "headers": map[string]string{"X-Api-Key": "${env:SECRET}", "Cookie": "a=Cookie-" + marker + tail}},
			map[string]any{"name": fmt.Sprint("body", i), "url": bare, "method": "POST", "body": "Body-" + marker + tail + " ${env:SECRET}", "expect": []string{"body == 'x'"}},
			map[string]any{"name": fmt.Sprint("query", i), "url": bare + "?token=Query-" + marker + "-literal" + tail, "expect": []string{"header['x-echo'] == '' && json.body == 'x'"}},
			map[string]any{"name": fmt.Sprint("user", i), "url": "https://user:User-" + marker + "-literal" + tail + "@" + host, "warn": []string{"url == ''", "json.target == 3"}},
			bare+"?unnamed=Unnamed-"+marker,
			bare+";jsessionid=Session-"+marker+tail,
			map[string]any{"name": fmt.Sprint("cookie", i), "url": bare, "headers": map[string]string{"Cookie": "session=${env:SECRET}; a=b"}, "expect": []string{"url == ''"}},
			map[string]any{"name": fmt.Sprint("token", i), "url": bare, "headers": map[string]string{"Authorization": "Token token=${env:SECRET}"}},
			map[string]any{"name": fmt.Sprint("basic", i), "url": bare, "headers": map[string]string{"Authorization": "basic ${env:BASIC}"}},
			map[string]any{"name": fmt.Sprint("agent", i), "url": bare, "headers": map[string]string{"User-Agent": "probe/${env:SECRET}"}, "expect": []string{"ip == ''"}},
			map[string]any{"name": fmt.Sprint("jsonbody", i), "url": bare, "method": "POST", "body": `{"password":"${env:SECRET}"}`},
			map[string]any{"name": fmt.Sprint("form", i), "url": bare, "method": "POST", "body": "user=m&password=${env:SECRET}"},
			map[string]any{"name": fmt.Sprint("refquery", i), "url": bare + "?v=${env:SECRET}", "expect": []string{"url == ''"}},
			bare+"?unnamed=${env:SECRET}",
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
		r := newRig(t, testnet.Options{}, "SECRET="+envSecret, "BASIC="+basicSecret, "ROLLCALL_ENV=SECRET@echo.stage.test,BASIC@*.stage.test,UNSET", "ROLLCALL_METRICS=phases")
		r.CloudWatch.SetFault(testnet.Always(testnet.Fault{Mode: mode}))
		result, err := r.function.Invoke(t.Context(), secretive(t, r.Net), 40*time.Second)
		if err != nil || result.ErrorType != "" {
			t.Fatalf("Invoke = %+v, %v", result, err)
		}
		datums, _ := json.Marshal(r.CloudWatch.Accepted())
		requests, _ := json.Marshal(r.CloudWatch.Requests())
		for place, text := range map[string]string{
			"summary": string(result.Payload), "standard output": strings.Join(r.function.Stdout(), "\n"),
			"standard error": r.function.Stderr(), "metrics": string(datums), "requests": string(requests),
		} {
			betrays(t, place, text)
		}
	}
}

// TestSecretsAreKeptInErrors: an event that is refused is not quoted where it
// confides.
func TestSecretsAreKeptInErrors(t *testing.T) {
	r := newRig(t, testnet.Options{}, "SECRET="+envSecret)
	for _, event := range []string{
		`{"urls": [{"url": "https://user:` + marker + `@a.example/?q=` + marker + `", "headers": {"A": "` + marker + `", "Bad Name": "` + marker + `"}, "body": "` + marker + `", "timeout": 3}]}`,
		`{"urls": ["https://u:` + marker + `@a.example", "https://u:` + marker + `2@a.example"]}`,
		`{"urls": [{"url": "https://a.example", "headers": {"A": "${ssm:` + `x}` + marker + `"}, "Authorization: ` + marker + `": 1}]}`,
	} {
		result, err := r.function.Invoke(t.Context(), []byte(event), 10*time.Second)
		if err != nil || result.ErrorType != "InvalidEventError" {
			t.Fatalf("Invoke = %+v, %v; want an InvalidEventError", result, err)
		}
		betrays(t, "error", result.ErrorMessage)
	}
	betrays(t, "standard output", strings.Join(r.function.Stdout(), "\n"))
	betrays(t, "standard error", r.function.Stderr())
}

// basicSecret is the value of a reference that is encoded already.
var basicSecret = base64.StdEncoding.EncodeToString([]byte("user:Basic-" + marker + tail))

// betrays fails the test where text holds the marker, user information as the
// request carried it, or a part of eight characters of what a reference stands
// for, or of the end of all other secrets, in whatever form.
func betrays(t *testing.T, place, text string) {
	t.Helper()
	basic := base64.StdEncoding.EncodeToString([]byte("user:User-" + marker + "-literal" + tail))
	all := []string{marker, basic}
	for _, secret := range []string{envSecret, basicSecret, "-literal" + tail} {
		backwards := []byte(secret)
		slices.Reverse(backwards)
		for _, s := range []string{secret, string(backwards)} {
			all = append(all, partsOf(s, 8)...)
			all = append(all, partsOf(hex.EncodeToString([]byte(s)), 16)...)
			for before := range 3 {
				encoded := base64.RawStdEncoding.EncodeToString([]byte("xx"[:before] + s))
				if len(encoded) > 16 {
					all = append(all, partsOf(encoded[3:len(encoded)-2], 10)...)
				}
			}
		}
	}
	text = strings.ToLower(text)
	for _, secret := range all {
		if at := strings.Index(text, strings.ToLower(secret)); at >= 0 {
			t.Errorf("the %s betrays %q of a secret: …%s…", place, secret, text[max(0, at-150):min(len(text), at+60)])
			return
		}
	}
}

func partsOf(s string, n int) (all []string) {
	for i := 0; i+n <= len(s); i++ {
		all = append(all, s[i:i+n])
	}
	return all
}
