package plan

import (
	"fmt"
	"strings"
	"testing"
)

func TestEventAsPeopleMaySeeIt(t *testing.T) {
	const event = `{
		"defaults": {"timeout": "5s", "retries": 0, "headers": {"Authorization": "Bearer s3cret", "X-Key": ["${env:KEY}", "s3cret${env:KEY}s3cret"]}},
		"urls": ["https://user:s3cret@example.com/path?token=s3cret", "s3cret",
			{"name": "shop", "url": "https://shop.example.com/?s3cret", "method": "POST", "body": "{\"key\": \"$${env:s3cret}${env:SHOP}\"}",
			 "expect": ["status == 200"], "tls": {"serverName": "x", "insecureSkipVerify": true}}],
		"metrics": "group"
	}`
	const want = `{
  "defaults": {"timeout": "5s", "retries": 0, "headers": {"Authorization": "…", "X-Key": ["${env:KEY}", "…${env:KEY}…"]}},
  "urls": [
    "https://example.com/path?…",
    "…",
    {"name": "shop", "url": "https://shop.example.com/?…", "method": "POST", "body": "…${env:SHOP}…", "expect": ["status == 200"], "tls": {"serverName": "x", "insecureSkipVerify": true}}
  ],
  "metrics": "group"
}`
	if got := RawEvent(event).String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := fmt.Sprint(RawEvent(`{"urls": []}`), RawEvent("{}"), RawEvent(nil), RawEvent("no JSON")); got != "{\n  \"urls\": []\n} {}  " {
		t.Errorf("%q", got)
	}
}

// A long event is cut, whatever is long in it.
func TestLongEventIsCut(t *testing.T) {
	urls := strings.TrimSuffix(strings.Repeat(`"https://example.com",`, 10_000), ",")
	got := RawEvent(`{"Items": [` + urls + `]}`).String()
	if !strings.HasSuffix(got, "\n    … and 9980 more\n  ]\n}") || strings.Count(got, "example.com") != mostTargets {
		t.Errorf("%s", got)
	}
	got = RawEvent(`{"urls": ["https://example.com/` + strings.Repeat("ä", 200) + `"], "defaults": {"expect": [` + strings.TrimSuffix(strings.Repeat(`"ääääää",`, 10_000), ",") + `]}}`).String()
	if len(got) > mostText+len("…") || !strings.HasSuffix(got, "…") {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-10:])
	}
}

func TestPlanKeepsItsEvent(t *testing.T) {
	p, err := parse([]byte(`{"urls": ["https://example.com"]}`), Inputs{})
	if err != nil || !strings.Contains(p.Event.String(), "example.com") {
		t.Errorf("%v, %+v", err, p)
	}
	if p, err := ParseURLs([]string{"https://example.com"}, Inputs{}); err != nil || p.Event != nil {
		t.Errorf("%v, %+v", err, p)
	}
}
