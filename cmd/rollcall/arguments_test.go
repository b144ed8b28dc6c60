package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rollcall/internal/monitor"
)

// What begins with no command's name is checked. One URL is shown in detail.
func TestBareArguments(t *testing.T) {
	good := url(t, "good.stage.test")
	host := strings.TrimSuffix(strings.TrimPrefix(good, "https://"), "/")
	event := file(t, fmt.Sprintf(`{"urls": [%q, %q]}`, good, good+"other"))
	for _, test := range []struct {
		args string
		code int
		out  []string
		err  string
	}{
		{good, 0, []string{"up  " + strings.TrimSuffix(good, "/"), "dns ", "connect ", "tls ", "first byte ", "transfer ", "total ", "response     200, HTTP/1.1", "address      127.0.0.1", "certificate  expires in 90 days", "uncertainty"}, ""},
		{host, 0, []string{"up  https://" + host}, "rollcall: https:// is assumed: https://" + host + "\n"},
		{host + " --json", 0, []string{`{"`, `"up":1`}, "https:// is assumed"},
		{"--json " + host, 0, []string{`"up":1`}, "https:// is assumed"},
		{good + " " + good + "other", 0, []string{"STATE", "2 up"}, ""},
		{"-f table " + good, 0, []string{"STATE", "1 up"}, ""},
		{"check " + good, 0, []string{"STATE", "1 up"}, ""}, // a pipe gets lines
		{"check -f details " + event, 0, []string{"dns ", "dns ", "2 up"}, ""},
		{event, 0, []string{"STATE", "2 up"}, ""},
		{"compare " + event, 0, []string{"sync_run: "}, ""},
		{strings.TrimPrefix(url(t, "tls-not-spoken.stage.test"), "https://"), 1, []string{"tls_not_spoken"}, "\nrollcall: https:// was assumed; you may mean http://tls-not-spoken"},
		{host + "/a.json", 0, []string{"up  https://" + host + "/a.json"}, "https:// is assumed"},
		{"localhost/nowhere.json --deadline 1", 1, []string{"https://localhost/nowhere.json"}, "https:// is assumed"},
		{"check demo.invalid", 1, []string{"demo.invalid"}, "https://demo.invalid"},
		{url(t, "expired.stage.test"), 1, []string{"down  https://expired", "tls_expired: certificate expired", "expired 1 day ago"}, ""},
		{url(t, "redirecting.stage.test"), 0, []string{"redirects    301  https://redirecting", "first byte ", "301  ", "/second", "200  ", "/last"}, ""},
	} {
		t.Run(test.args, func(t *testing.T) {
			got := rollcall(t, "", strings.Fields(test.args)...)
			if got.code != test.code {
				t.Errorf("code %d, want %d, error %s", got.code, test.code, got.err)
			}
			shows(t, "standard output", got.out, test.out...)
			shows(t, "standard error", got.err, test.err)
		})
	}
}

// A file is one whatever it is called, and a command's name is a host where it
// stands for what is checked.
func TestArgumentsThatAreTwoThings(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("example.com", []byte(url(t, "good.stage.test")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := rollcall(t, "", "example.com")
	if got.code != 0 || !strings.Contains(got.out, "good.stage.test") {
		t.Errorf("a file: code %d, output %s, error %s", got.code, got.out, got.err)
	}
	if err := os.Mkdir("good.stage.test", 0o700); err != nil {
		t.Fatal(err)
	}
	if got := rollcall(t, "", strings.TrimSuffix(strings.TrimPrefix(url(t, "good.stage.test"), "https://"), "/")); got.code != 0 {
		t.Errorf("a folder of that name: code %d, error %s", got.code, got.err)
	}
	if got := rollcall(t, "", "check", "demo"); got.code != 1 || !strings.Contains(got.err, "https://demo") || !strings.Contains(got.out, "dns_not_found") {
		t.Errorf("check demo: code %d, output %s, error %s", got.code, got.out, got.err)
	}
}

// The flags are fields of the defaults.
func TestRequestFlags(t *testing.T) {
	type request struct {
		method, body string
		header       http.Header
	}
	requests := make(chan request, 1)
	world.Handle("flags.stage.test", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- request{r.Method, string(body), r.Header.Clone()}
		w.WriteHeader(http.StatusNotFound)
	}))
	r := rollcallWith(t, map[string]string{"TOK": "t0k3n"}, "", "check", "-H", "A: b, c", "-H", "Authorization: Bearer ${env:TOK}", "--env", "TOK@*.stage.test", "--method", "PUT", "--body", "hello",
		"--timeout", "3", "--expect", "status == 404", url(t, "flags.stage.test"))
	var got request
	select {
	case got = <-requests:
	default:
	}
	if r.code != 0 || got.method != "PUT" || got.body != "hello" || got.header.Get("A") != "b, c" || got.header.Get("Authorization") != "Bearer t0k3n" {
		t.Errorf("code %d, error %s; request %+v", r.code, r.err, got)
	}
	if strings.Contains(r.out+r.err, "t0k3n") {
		t.Errorf("the secret is shown: %s%s", r.out, r.err)
	}
	if r := rollcall(t, "", "check", "--timeout", "0.3", url(t, "hanging.stage.test")); r.code != 1 || !strings.Contains(r.out, "timeout: no response within 300ms") {
		t.Errorf("code %d, output %s", r.code, r.out)
	}
	if r := rollcall(t, "", "check", "-k", url(t, "wrong-name.stage.test")); r.code != 0 {
		t.Errorf("code %d, output %s", r.code, r.out)
	}
	event := file(t, fmt.Sprintf(`{"urls": [{"name": "own", "url": %q, "timeout": "2s", "expect": ["status == 404"]}]}`, url(t, "flags.stage.test")))
	if r := rollcall(t, "", "check", event, "--expect", "status == 200"); r.code != 0 {
		t.Errorf("what a target says of itself wins: code %d, output %s", r.code, r.out)
	}
}

// The format follows the file's ending, unless it is named.
func TestFormatByEnding(t *testing.T) {
	dir := t.TempDir()
	for ending, want := range map[string]string{"html": "<!doctype html>", "htm": "<!doctype html>", "json": `{"`, "md": "## Rollcall", "xml": "<?xml", "txt": "STATE", "HTML": "<!doctype html>"} {
		name := filepath.Join(dir, "run."+ending)
		got := rollcall(t, "", "check", "-o", name, url(t, "good.stage.test"))
		text, err := os.ReadFile(name)
		if err != nil || got.code != 0 || !strings.HasPrefix(string(text), want) || !strings.HasSuffix(got.err, "1 up. Written: "+name+"\n") {
			t.Errorf("%s: code %d, error %s: %.100s", ending, got.code, got.err, text)
		}
	}
	name := filepath.Join(dir, "run.html")
	rollcall(t, "", "check", "-f", "md", "-o", name, url(t, "good.stage.test"))
	if text, _ := os.ReadFile(name); !strings.HasPrefix(string(text), "## Rollcall") {
		t.Errorf("the format that was named: %.100s", text)
	}
	var s monitor.Summary
	if got := rollcall(t, "", "check", "--json", url(t, "good.stage.test")); json.Unmarshal([]byte(got.out), &s) != nil || strings.Count(got.out, "\n") != 1 {
		t.Errorf("JSON in a pipe: %s", got.out)
	}
}

// What a file names is not typed, and neither is where a redirect leads to.
func TestTypedAddresses(t *testing.T) {
	good := url(t, "good.stage.test")
	guarded := map[string]string{"ROLLCALL_ALLOW": ""}
	world.Handle("leading.stage.test", http.RedirectHandler("https://10.0.0.1/", http.StatusFound))
	for _, test := range []struct {
		in, args string
		code     int
		want     string
	}{
		{"", "check " + good, 0, "1 up"},
		{"", "compare " + good + " " + good + "other", 0, "sync_run"},
		{"", "check --guard " + good, 3, "not_checked"},
		{good + "\n", "check -", 3, "blocked_address: 127.0.0.1 is not a public address; to allow it: --allow 127.0.0.1\n"},
		{"", "check " + listFile(t, good+"\n"), 3, "1 not checked"},
		{"", "check " + url(t, "leading.stage.test"), 3, "blocked_address: 10.0.0.1 is not a public address"},
	} {
		if got := rollcallWith(t, guarded, test.in, strings.Fields(test.args)...); got.code != test.code || !strings.Contains(got.out, test.want) {
			t.Errorf("%s: code %d, want %d, output %s, error %s", test.args, got.code, test.code, got.out, got.err)
		}
	}
}

func TestSpan(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5": 5 * time.Second, "0.5": 500 * time.Millisecond, "5s": 5 * time.Second, "1d": 24 * time.Hour, "1d12h": 36 * time.Hour, "1.5d": 36 * time.Hour,
		"1h30m": 90 * time.Minute, "-1s": -time.Second, " 2m ": 2 * time.Minute,
	} {
		var s span
		if err := s.UnmarshalText([]byte(text)); err != nil || time.Duration(s) != want {
			t.Errorf("%q: %v, %v; want %v", text, time.Duration(s), err, want)
		}
	}
	for _, text := range []string{"", "d", "5x", "1d5", "1dd", "-1d", "1e300d", "NaN", "Inf", "1e300", "NaNd", "soon", "0", "0s", "0d"} {
		var s span
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is %v", text, time.Duration(s))
		}
	}
}

// What AWS lacks is one sentence, and the result is there all the same.
func TestPublishWithoutCredentials(t *testing.T) {
	credentials(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	got := rollcall(t, "", "check", "--publish", url(t, "good.stage.test"))
	if got.code != 3 || !strings.Contains(got.out, "1 up") || got.err != "rollcall: no metrics will be published: there are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY\n" {
		t.Errorf("code %d, output %s, error %s", got.code, got.out, got.err)
	}
}

// A proxy that is set is not used, which is reported.
func TestProxyHasNoEffect(t *testing.T) {
	got := rollcallWith(t, map[string]string{"HTTPS_PROXY": "http://127.0.0.1:1"}, "", "check", url(t, "good.stage.test"))
	if got.code != 0 || got.err != "rollcall: HTTPS_PROXY has no effect: targets are checked directly\n" {
		t.Errorf("code %d, error %s", got.code, got.err)
	}
}
