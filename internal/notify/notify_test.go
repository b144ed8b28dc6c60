package notify

import (
	"errors"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"rollcall/internal/message"
)

const hook = "slack://hook:T00000000-B00000000-000000000000000000000000@webhook"

func TestFilters(t *testing.T) {
	shop := &message.Document{Kind: "incident", State: "down", Severity: "critical", Groups: []string{"shop", "my blog"}}
	alarm := &message.Document{Kind: "monitor", State: "alarm", Severity: "critical"}
	warning := &message.Document{Kind: "certificate", State: "certificate", Severity: "warning", Groups: []string{"blog"}}
	for filters, want := range map[string]string{
		"": "shop alarm warning", "group=shop": "shop", "group=my%20blog": "shop", "group=x,blog": "warning", "group!=shop": "alarm warning",
		"kind=monitor": "alarm", "kind=monitor,incident": "shop alarm", "severity>=warning": "shop alarm warning", "severity>=critical": "shop alarm",
		"severity=warning": "warning", "group=shop state=up": "", "group=shop state=down,up": "shop", "state=alarm": "alarm",
	} {
		all, problems := Parse(filters + " " + hook)
		if len(all) != 1 || len(problems) > 0 {
			t.Errorf("%q: %v", filters, problems)
			continue
		}
		var got []string
		for i, m := range []*message.Document{shop, alarm, warning} {
			if all[0].Wants(m) {
				got = append(got, []string{"shop", "alarm", "warning"}[i])
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %v, want %s", filters, got, want)
		}
	}
}

func TestWrongLines(t *testing.T) {
	for _, line := range []string{
		"group=", "group", "group= " + hook, "group>=shop " + hook, "team=shop " + hook, "kind=other " + hook, "state=bad " + hook, "severity=high " + hook,
		"severity>=warning,critical " + hook, "group<shop " + hook, "group=%zz " + hook, "https://secret.example.com/x", "logger://", "secret", "slack://secret",
		"pagerduty://events.pagerduty.com/secret", "smtp://user:secret@host", "slack://%zz",
	} {
		all, problems := Parse("# first\n" + line + "\n" + hook)
		if len(all) != 1 || all[0].Line != 3 || len(problems) != 1 || !strings.HasPrefix(problems[0], "line 2: ") {
			t.Errorf("%s: %v, %v", line, all, problems)
		}
		if strings.Contains(strings.Join(problems, ""), "secret") || strings.Contains(strings.Join(problems, ""), "zz") {
			t.Errorf("the problem shows the line: %s", problems)
		}
	}
}

// A line that is put before another changes no key.
func TestKeys(t *testing.T) {
	first, _ := Parse(hook + "\ngroup=shop " + hook + "\n" + hook)
	later, _ := Parse("ntfy://ntfy.sh/x\n" + hook + "\n\ngroup=shop " + hook + "\n" + hook)
	for i, want := range []string{"slack #1", "slack group=shop #1", "slack #2"} {
		if first[i].Key != want || later[i+1].Key != want {
			t.Errorf("keys %q and %q, want %q", first[i].Key, later[i+1].Key, want)
		}
	}
}

func TestFailures(t *testing.T) {
	all, _ := Parse("smtp://user:pass%20word@mail.example.com:587/?from=a@example.com&to=b@example.com")
	d := &all[0]
	tests := []struct {
		err  error
		last *exchange
		want Failure
	}{
		{errors.New("x"), &exchange{status: 401}, Failure{Text: "smtp responded 401 Unauthorized"}},
		{errors.New("x"), &exchange{status: 429, after: time.Minute}, Failure{"smtp responded 429 Too Many Requests", true, time.Minute}},
		{errors.New("x"), &exchange{status: 503}, Failure{Text: "smtp responded 503 Service Unavailable", Again: true}},
		{errors.New("x"), &exchange{err: errors.New("connection refused")}, Failure{Text: "smtp did not respond: connection refused", Again: true}},
		{errors.New("it said no, pass word"), &exchange{status: 200}, Failure{Text: "smtp: it said no, …"}},
		{&textproto.Error{Code: 535, Msg: "wrong: pass%20word"}, nil, Failure{Text: "smtp responded 535: wrong: …"}},
		{&textproto.Error{Code: 421, Msg: "busy"}, nil, Failure{Text: "smtp responded 421: busy", Again: true}},
		{errors.New("dialing mail.example.com:587"), nil, Failure{Text: "smtp: dialing …:…", Again: true}},
	}
	for _, test := range tests {
		if got := d.failure(test.err, test.last); *got != test.want {
			t.Errorf("%v: %+v, want %+v", test.err, *got, test.want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 30, 14, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "90": 90 * time.Second, "-1": 0, "999999": 24 * time.Hour, "soon": 0, now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}
