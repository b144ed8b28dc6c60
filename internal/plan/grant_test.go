package plan

import (
	"strings"
	"testing"
)

func TestPermit(t *testing.T) {
	var grants Grants
	for _, text := range []string{"EXACT@api.example.com", "BELOW@*.Example.com", "ANY@*", "ALONE", "SIX@[::1]", "TWO@a.example", "TWO@b.example", "IDN@*.bücher.example"} {
		grant, err := ParseGrant(Env, text)
		if err != nil {
			t.Fatal(err)
		}
		grants = append(grants, grant)
	}
	for _, test := range []struct {
		name, host string
		want       bool
	}{
		{"EXACT", "api.example.com", true}, {"EXACT", "API.example.com.", true}, {"EXACT", "x.api.example.com", false}, {"EXACT", "xapi.example.com", false},
		{"EXACT", "example.com", false}, {"EXACT", "", false},
		{"BELOW", "api.example.com", true}, {"BELOW", "a.b.example.com", true}, {"BELOW", "example.com", false}, {"BELOW", ".example.com", false},
		{"BELOW", "a.example.com.evil.example", false}, {"BELOW", "example.com.evil.example", false}, {"BELOW", "evilexample.com", false},
		{"ANY", "anything.example", true}, {"ANY", "::1", true}, {"ALONE", "10.0.0.1", true},
		{"SIX", "::1", true}, {"SIX", "::2", false},
		{"TWO", "a.example", true}, {"TWO", "b.example", true}, {"TWO", "c.example", false},
		{"IDN", "a.xn--bcher-kva.example", true},
		{"OTHER", "api.example.com", false}, {"exact", "api.example.com", false},
	} {
		if got := grants.Permit(Reference{Kind: Env, Name: test.name}, test.host); got != test.want {
			t.Errorf("Permit(%s, %s) = %v, want %v", test.name, test.host, got, test.want)
		}
	}
	if Grants(nil).Permit(Reference{Kind: Env, Name: "ANY"}, "api.example.com") {
		t.Error("without grants a variable is permitted")
	}
}

// Behind one address Host and server name decide who gets a request: all that a
// target names must be permitted.
func TestReferencesAreForTheHostsThatAreNamed(t *testing.T) {
	in := inputs()
	in.Permit = Grants{{Env, "TOKEN", "a.example"}, {Env, "TOKEN", "*.b.example"}, {Env, "EMPTY", "*"}, {Env, "UNSET", "*"}}.Permit
	for target, want := range map[string]string{
		`"url": "https://a.example", "headers": {"X": "${env:TOKEN}"}`:                                          "",
		`"url": "https://A.example.:8443", "headers": {"X": "${env:TOKEN}"}`:                                    "",
		`"url": "https://x.b.example", "body": "${env:TOKEN}"`:                                                  "",
		`"url": "https://c.example", "headers": {"X": "${env:TOKEN}"}`:                                          "headers.X: ${env:TOKEN} is not allowed here (ROLLCALL_ENV=TOKEN@c.example or --env TOKEN@c.example)",
		`"url": "https://c.example", "body": "${env:EMPTY}${env:TOKEN}"`:                                        "body: ${env:TOKEN} is not allowed here",
		`"url": "https://c.example/${env:TOKEN}"`:                                                               "url: ${env:TOKEN} is not allowed here",
		`"url": "https://c.example/?${env:TOKEN}"`:                                                              "url: ${env:TOKEN} is not allowed here",
		`"url": "https://a.example@c.example/", "body": "${env:TOKEN}"`:                                         "body: ${env:TOKEN} is not allowed here",
		`"url": "https://a.example", "headers": {"X": "${env:TOKEN}", "Host": "c.example"}`:                     "headers.X: ${env:TOKEN} is not allowed here (ROLLCALL_ENV=TOKEN@c.example or --env TOKEN@c.example)",
		`"url": "https://a.example", "headers": {"X": "${env:TOKEN}", "Host": "x.b.example:443"}`:               "",
		`"url": "https://a.example", "headers": {"X": "${env:TOKEN}"}, "tls": {"serverName": "c.example"}`:      "headers.X: ${env:TOKEN} is not allowed here (ROLLCALL_ENV=TOKEN@c.example",
		`"url": "https://c.example", "tls": {"clientCertificate": "${env:TOKEN}", "clientKey": "${env:EMPTY}"}`: "tls.clientCertificate: ${env:TOKEN} is not allowed here",
		`"url": "https://c.example", "tls": {"clientCertificate": "${env:EMPTY}", "clientKey": "${env:TOKEN}"}`: "tls.clientKey: ${env:TOKEN} is not allowed here",
		`"url": "https://a.example", "body": "${env:OTHER}"`:                                                    "body: ${env:OTHER} is not allowed here",
		`"url": "https://a.example", "body": "${env:UNSET}"`:                                                    "body: ${env:UNSET} is not set",
		`"url": "https://a.example", "body": "${env:UNSET}${env:OTHER}"`:                                        "body: ${env:OTHER} is not allowed here",
		`"url": "https://a.example", "body": "${env:AWS_SECRET_ACCESS_KEY}"`:                                    "body: ${env:AWS_SECRET_ACCESS_KEY} is refused",
		`"url": "https://${env:TOKEN}.example"`:                                                                 "url: has a reference before its path (allowed are path and query)",
		`"url": "https://x:${env:TOKEN}@a.example"`:                                                             "url: has a reference before its path",
		`"url": "https://${env:TOKEN}?a.example"`:                                                               "url: has a reference before its path",
		`"url": "${env:TOKEN}://a.example"`:                                                                     "url: ",
		`"url": "https://a.example/${TOKEN}"`:                                                                   "url: has a ${ that does not begin a reference",
		`"url": "https://a.example/#${TOKEN}"`:                                                                  "",
	} {
		p, err := parse([]byte(`{"urls": [{"name": "x", `+target+`}]}`), in)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Targets[0].Invalid; got != want && (want == "" || !strings.HasPrefix(got, want)) {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
		if p.Targets[0].Invalid != "" && (p.Targets[0].URL != "" || len(p.Targets[0].Secrets) > 0) {
			t.Errorf("%s is refused and has a URL or secrets all the same", target)
		}
	}
	p, err := parse([]byte(`{"defaults": {"headers": {"X": "${env:TOKEN}"}}, "urls": ["https://a.example", "https://c.example", "https://b.example"]}`), in)
	if err != nil || p.Targets[0].Invalid != "" || p.Targets[1].Invalid == "" || p.Targets[2].Invalid == "" {
		t.Errorf("%v: a default's reference is judged for each host: %+v", err, p)
	}
	aws := inputs()
	aws.Permit = everything
	if p, _ := parse([]byte(`{"urls": [{"url": "https://a.example", "body": "${env:AWS_SECRET_ACCESS_KEY}"}]}`), aws); !strings.Contains(p.Targets[0].Invalid, "is refused") {
		t.Errorf("a reserved variable that is permitted: %q", p.Targets[0].Invalid)
	}
}

// TestSecretsOfATarget: a target knows the values of its references and which
// headers hold one.
func TestSecretsOfATarget(t *testing.T) {
	in := Inputs{Permit: everything, Lookup: func(name string) (string, bool) { return "value of " + name, true }}
	p, err := parse([]byte(`{"defaults": {"headers": {"A": "${env:ONE}", "B": "plain", "C": "$${env:X}"}}, "urls": ["https://a.example",
		{"url": "https://b.example/${env:TWO}/$${x}?q=${env:ONE}#${env:THREE}", "headers": {"User-Agent": "x ${env:ONE}"}, "body": "${env:FOUR}"}]}`), in)
	if err != nil {
		t.Fatal(err)
	}
	first, second := p.Targets[0], p.Targets[1]
	if got := strings.Join(first.Secrets, "|") + " " + strings.Join(first.Bound, "|"); got != "value of ONE A" {
		t.Errorf("first: %q", got)
	}
	if got := strings.Join(second.Secrets, "|") + " " + strings.Join(second.Bound, "|"); got != "value of ONE|value of FOUR|value of TWO A|User-Agent" {
		t.Errorf("second: %q", got)
	}
	if got := second.URL; got != "https://b.example/value%20of%20TWO/$%7Bx%7D?q=value%20of%20ONE" {
		t.Errorf("URL %q", got)
	}
	if !strings.HasPrefix(second.Name, "b.example/${env:TWO}/") || second.RedactedURL != "https://b.example/${env:TWO}/$$%7Bx%7D?…" || first.Header.Get("C") != "${env:X}" {
		t.Errorf("name %q, shown %q, C %q", second.Name, second.RedactedURL, first.Header.Get("C"))
	}
}

// TestValuesInURLsAreText: what a value holds never changes a URL's parts.
func TestValuesInURLsAreText(t *testing.T) {
	in := Inputs{Permit: everything, Lookup: func(string) (string, bool) { return "a/b?c#d&e=f @x:%41;g", true }}
	p, err := parse([]byte(`{"urls": ["https://a.example/${env:X}/z?q=${env:X}"]}`), in)
	const value = "a%2Fb%3Fc%23d%26e%3Df%20%40x%3A%2541%3Bg"
	if err != nil || p.Targets[0].Invalid != "" || p.Targets[0].URL != "https://a.example/"+value+"/z?q="+value {
		t.Errorf("%v: %+v", err, p.Targets[0])
	}
}

func TestReferencesOverHTTPAreWarnedOf(t *testing.T) {
	for event, want := range map[string]string{
		`{"urls": ["http://a.example"]}`: "", `{"urls": [{"url": "https://a.example", "body": "${env:TOKEN}"}]}`: "",
		`{"urls": ["http://a.example", {"name": "b", "url": "http://b.example", "body": "${env:TOKEN}"}, {"name": "c", "url": "http://c.example/${env:TOKEN}"}]}`: `the values of references are sent over http, unencrypted: "b" is the first such target`,
		`{"urls": [{"url": "http://b.example", "body": "${env:OTHER}"}]}`:                                                                                         "",
	} {
		if got := strings.Join(mustParse(t, event).Warnings, "\n"); got != want {
			t.Errorf("%s: %q, want %q", event, got, want)
		}
	}
}

// Lists of lines know references too.
func TestReferencesInLines(t *testing.T) {
	p, err := parseLines(t.Context(), strings.NewReader("https://a.example/${env:TOKEN}\nhttps://a.example/${env:OTHER}\n"), inputs())
	if err != nil || p.Targets[0].URL != "https://a.example/t0k3n" || !strings.Contains(p.Targets[1].Invalid, "not allowed") {
		t.Errorf("%v: %+v", err, p)
	}
	p, err = ParseURLs([]string{"https://a.example/?${env:TOKEN}"}, inputs())
	if err != nil || p.Targets[0].URL != "https://a.example/?t0k3n" {
		t.Errorf("%v: %+v", err, p)
	}
}
