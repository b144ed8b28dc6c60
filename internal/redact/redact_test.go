package redact

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://a.example":                             "https://a.example",
		"https://a.example/":                            "https://a.example",
		"https://a.example/?q=1":                        "https://a.example/?…",
		"https://u:p@a.example/x?token=1#f":             "https://a.example/x?…",
		"http://a.example:81/a%20b/%1b[31m":             "http://a.example:81/a%20b/%1b[31m",
		"https://a.example/" + strings.Repeat("x", 400): "https://a.example/" + strings.Repeat("x", 279) + "…",
	} {
		u, err := url.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := URL(u); got != want {
			t.Errorf("Shown(%s) = %s, want %s", in, got, want)
		}
	}
	if got := URL(nil); got != "" {
		t.Errorf("Shown(nil) = %q", got)
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain, größe, 日本":            "plain, größe, 日本",
		"a\x1b[31mred\x07":            "a·[31mred·",
		"line\nline\ttab\r":           "line·line·tab·",
		"right\u202eleft\u200b\ufeff": "right·left··",
		"bad \xff\xfe utf-8":          "bad ·· utf-8",
		"no-break\u00a0space \u2028":  "no-break·space ·",
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for n := 3; n < 20; n++ {
		if got := Cut("größe größe größe", n); len(got) > n || !utf8.ValidString(got) || !strings.HasSuffix(got, "…") && n < 20 {
			t.Errorf("cut at %d = %q", n, got)
		}
	}
	if got := Cut("short", 5); got != "short" {
		t.Errorf("cut = %q, want all of it", got)
	}
}

// TestScrub: whatever a server echoes of what we sent is not shown.
func TestRedact(t *testing.T) {
	u, err := url.Parse("https://a.example/p?token=qu%20ery-secret")
	if err != nil {
		t.Fatal(err)
	}
	secrets := SecretsOf(http.Header{"Authorization": {"Bearer header-secret"}, "Accept": {"text/plain"}}, "body-secret", u, nil)
	for in, want := range map[string]string{
		"said header-secret twice: header-secret": "said … twice: …",
		"Bearer header-secret":                    "… …",
		"body-secret":                             "…",
		"qu ery-secret":                           "…",
		"qu%20ery-secret":                         "…",
		"qu+ery-secret":                           "…",
		"text/plain is harmless":                  "text/plain is harmless",
	} {
		if got := secrets.Redact(in); strings.Contains(got, "secret") != strings.Contains(want, "secret") {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestRedactByTheBeginning: a server may cut a secret, or go on after it, in
// upper or lower case. The whole word
// goes, and what is around it stays.
func TestRedactByTheBeginning(t *testing.T) {
	secrets := SecretsOf(http.Header{"X-Key": {"opensesame-4711-x"}, "Authorization": {"Basic dXNlcjpodW50ZXIy"}}, "", nil, nil)
	for in, want := range map[string]string{
		"bad key opensesame-4711-x!":          "bad key …",
		"bad key opensesame-4711… (cut)":      "bad key … (cut)",
		"bad key opensesame":                  "bad key …",
		"bad key OPENSESAME-47":               "bad key …",
		"key=opensesame-4711-x&next=1":        "key=…&next=1",
		"opensesame-4711-xyz, opensesame-9":   "…, …",
		"sesame is too short to be it":        "sesame is too short to be it",
		"https://opensesame-4711-x.example/a": "https://….example/a",
		"user hunter2 is unknown":             "… … is unknown",
		"nothing of it":                       "nothing of it",
	} {
		if got := secrets.Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAny(t *testing.T) {
	for _, test := range []struct {
		header http.Header
		body   string
		want   bool
	}{
		{nil, "", false}, {http.Header{"Accept": {"text/plain"}}, "", false}, {http.Header{"X-Key": {"abc"}}, "", false},
		{http.Header{"X-Key": {"abcd"}}, "", true}, {nil, "a body", true},
	} {
		secrets := SecretsOf(test.header, test.body, nil, nil)
		if got := secrets.Any(); got != test.want {
			t.Errorf("Any(%v, %q) = %v, want %v", test.header, test.body, got, test.want)
		}
	}
}
