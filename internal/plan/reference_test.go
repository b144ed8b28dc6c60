package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/weburl"
)

// A store is what references name, and what was asked of it.
type store struct {
	texts  map[string]string // by references as they are written
	errs   map[string]error
	age    time.Duration // of what it has without being asked for newer
	asked  [][]string
	afters []time.Duration // before now
}

func (s *store) values(_ context.Context, references []Reference, after time.Time) []Value {
	var names []string
	values := make([]Value, len(references))
	for i, r := range references {
		names = append(names, r.String())
		fetched := time.Now().Add(-s.age)
		if fetched.Before(after) || fetched.Equal(after) {
			fetched = time.Now()
		}
		values[i] = Value{Text: s.texts[r.String()], Err: s.errs[r.String()], Fetched: fetched}
		if _, ok := s.texts[r.String()]; !ok {
			values[i].Fetched = time.Time{}
		}
	}
	slices.Sort(names)
	s.asked, s.afters = append(s.asked, names), append(s.afters, time.Since(after))
	return values
}

func (s *store) inputs() Inputs {
	return Inputs{Values: s.values, Permit: func(r Reference, host string) bool { return r.Name != "/forbidden" && host != "c.example" }}
}

// References to parameters and secrets are collected over the plan, each once,
// and only those that some target may use.
func TestReferencesAreFetchedOnce(t *testing.T) {
	s := &store{texts: map[string]string{
		"${ssm:/shop/token}": "t0k3n", "${ssm:/shop/token:3}": "older", "${secretsmanager:shop/api#key}": "k#y", "${secretsmanager:me@home}": "whole",
	}, errs: map[string]error{"${ssm:/gone}": errors.New("there is none")}}
	p, err := parse([]byte(`{"defaults": {"headers": {"A": "Bearer ${ssm:/shop/token}"}}, "urls": [
		"https://a.example",
		{"url": "https://b.example/${secretsmanager:shop/api#key}/x?k=${ssm:/shop/token:3}#fragment", "body": "${secretsmanager:me@home} ${ssm:/shop/token}"},
		"https://c.example",
		{"url": "https://d.example", "body": "${ssm:/forbidden}"},
		{"url": "https://e.example", "body": "${ssm:/gone}"},
		{"url": "https://f.example", "headers": {"A": "none", "Host": "c.example"}, "body": "${ssm:/elsewhere}"}]}`), s.inputs())
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"${secretsmanager:me@home}", "${secretsmanager:shop/api#key}", "${ssm:/gone}", "${ssm:/shop/token:3}", "${ssm:/shop/token}"}}
	if fmt.Sprint(s.asked) != fmt.Sprint(want) {
		t.Errorf("asked for %q, want %q", s.asked, want)
	}
	if got := p.Targets[0]; got.Header.Get("A") != "Bearer t0k3n" || !slices.Equal(got.Secrets, []string{"t0k3n"}) || !slices.Equal(got.Bound, []string{"A"}) || got.Refresh != nil {
		t.Errorf("%+v of %v", got, got.Settings)
	}
	second := p.Targets[1]
	if got := second.URL; got != "https://b.example/k%23y/x?k=older" || second.Body != "whole t0k3n" {
		t.Errorf("%s with %q", got, second.Body)
	}
	if second.RedactedURL != "https://b.example/${secretsmanager:shop/api#key}/x?…" || !strings.HasPrefix(second.Name, "b.example/${secretsmanager:shop/api#key}/x#") {
		t.Errorf("it is shown as %q, %q", second.Name, second.RedactedURL)
	}
	for i, want := range map[int]string{
		2: "headers.A: ${ssm:/shop/token} is not allowed here (ROLLCALL_PARAMETERS=/shop/token@c.example or --parameter /shop/token@c.example)",
		3: "body: ${ssm:/forbidden} is not allowed here (ROLLCALL_PARAMETERS=/forbidden@d.example or --parameter /forbidden@d.example)",
		4: "body: ${ssm:/gone} can't be read: there is none",
		5: "body: ${ssm:/elsewhere} is not allowed here (ROLLCALL_PARAMETERS=/elsewhere@c.example or --parameter /elsewhere@c.example)",
	} {
		if got := p.Targets[i].Invalid; got != want {
			t.Errorf("%s: %q, want %q", p.Targets[i].Name, got, want)
		}
	}
}

func TestReferencesWithoutAStore(t *testing.T) {
	p, err := parse([]byte(`{"urls": [{"url": "https://a.example", "body": "${secretsmanager:a}"}]}`), Inputs{Permit: everything})
	if err != nil || p.Targets[0].Invalid != "body: ${secretsmanager:a} can't be read: parameters and secrets are not read here" {
		t.Errorf("%v %+v", err, p)
	}
}

func TestReadReference(t *testing.T) {
	const parameter = "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/token"
	for text, want := range map[string]Reference{
		"env:A":                            {Env, "A", ""},
		"ssm:/a/b.c-d_e":                   {Parameter, "/a/b.c-d_e", ""},
		"ssm:/a:12":                        {Parameter, "/a", "12"},
		"ssm:plain:live":                   {Parameter, "plain", "live"},
		"ssm:" + parameter:                 {Parameter, parameter, ""},
		"ssm:" + parameter + ":3":          {Parameter, parameter, "3"},
		"secretsmanager:a/b+c=d.e@f-g_h":   {Secret, "a/b+c=d.e@f-g_h", ""},
		"secretsmanager:a#b c":             {Secret, "a", "b c"},
		"secretsmanager:arn:aws:x:a-Ab12#": {},
		"secretsmanager:":                  {}, "secretsmanager:a b": {}, "secretsmanager:a:b": {}, "secretsmanager:a?": {},
		"ssm:": {}, "ssm:/a:": {}, "ssm:/a:1:2": {}, "ssm:/a b": {}, "ssm:/a/../b": {}, "ssm:/a:b/c": {}, "ssm:/a#b": {}, "env:/a": {}, "s3:a": {},
	} {
		got, rest, err := readReference(text + "}…")
		if (err == nil) != (want != Reference{}) || err == nil && (got != want || rest != "…") {
			t.Errorf("%s: %+v and %q, %v; want %+v", text, got, rest, err, want)
		}
		if err == nil && got.String() != "${"+text+"}" {
			t.Errorf("%s is written as %s", text, got)
		}
	}
}

// A target knows how to get newer values than those that were kept.
func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{texts: map[string]string{"${ssm:/token}": "old", "${secretsmanager:a#b}": "same"}, age: 2 * time.Minute}
		in := s.inputs()
		in.Lookup = func(string) (string, bool) { return "variable", true }
		p, err := parse([]byte(`{"urls": [{"url": "https://a.example/${ssm:/token}", "headers": {"A": "${ssm:/token}", "B": "${secretsmanager:a#b}${env:X}"}},
			{"url": "https://b.example", "body": "${env:X}"}]}`), in)
		if err != nil || p.Targets[0].Refresh == nil || p.Targets[1].Refresh != nil {
			t.Fatalf("%v: %+v", err, p)
		}
		if fresh, changed := p.Targets[0].Refresh(t.Context()); changed {
			t.Errorf("it is as before, and changed: %+v", fresh)
		}
		s.texts["${ssm:/token}"] = "new"
		fresh, changed := p.Targets[0].Refresh(t.Context())
		if !changed || weburl.Parsed(fresh.URL).Path != "/new" || fresh.Header.Get("A") != "new" || fresh.Header.Get("B") != "samevariable" || fresh.Refresh != nil {
			t.Errorf("changed %v, %+v with %v", changed, fresh, fresh.Header)
		}
		for _, secret := range []string{"old", "new", "same", "variable"} {
			if !slices.Contains(fresh.Secrets, secret) {
				t.Errorf("%q is not a secret of it: %q", secret, fresh.Secrets)
			}
		}
		if want := []time.Duration{5 * time.Minute, 2 * time.Minute, 2 * time.Minute}; !slices.Equal(s.afters, want) {
			t.Errorf("asked for what is younger than %v, want %v", s.afters, want)
		}
		if weburl.Parsed(p.Targets[0].URL).Path != "/old" {
			t.Error("the target itself has changed")
		}
		delete(s.texts, "${ssm:/token}")
		if _, changed := p.Targets[0].Refresh(t.Context()); changed {
			t.Error("it can't be read, and changed")
		}
	})
}

// A plan that is kept is resolved again with the values of that time; what a
// program did to its targets meanwhile stays.
func TestResolvedAgain(t *testing.T) {
	s := &store{texts: map[string]string{"${ssm:/token}": "one"}, errs: map[string]error{}}
	p, err := parse([]byte(`{"urls": [{"url": "http://a.example", "body": "${ssm:/token}"}, "https://b.example"]}`), s.inputs())
	if err != nil {
		t.Fatal(err)
	}
	p.Targets[0].Group = "mine"
	s.texts["${ssm:/token}"], s.errs["${ssm:/token}"] = "two", errors.New("Systems Manager did not respond in time")
	for range 2 {
		p = p.Resolved(t.Context())
		if p.Targets[0].Body != "two" || p.Targets[0].Group != "mine" || len(p.Warnings) != 2 || !strings.HasSuffix(p.Warnings[0], ": Systems Manager did not respond in time") ||
			!strings.HasPrefix(p.Warnings[0], "the value of ${ssm:/token} is that of 2") {
			t.Errorf("%+v with %q", p.Targets[0], p.Warnings)
		}
	}
	s.texts, s.errs = nil, map[string]error{"${ssm:/token}": errors.New("there is none")}
	if p = p.Resolved(t.Context()); p.Targets[0].Invalid == "" || p.Targets[0].URL != "" {
		t.Errorf("%+v", p.Targets[0])
	}
	s.texts, s.errs = map[string]string{"${ssm:/token}": "three"}, nil
	if p = p.Resolved(t.Context()); p.Targets[0].Invalid != "" || p.Targets[0].Body != "three" || p.Targets[0].URL == "" {
		t.Errorf("%+v", p.Targets[0])
	}
}

// Two versions of one parameter are two values of it, permitted together.
func TestGrantsOfParametersAndSecrets(t *testing.T) {
	var grants Grants
	for _, of := range []struct {
		kind Kind
		text string
	}{{Parameter, "/shop/token@*.shop.example"}, {Secret, "me@home@a.example"}, {Secret, "any@*"}} {
		grant, err := ParseGrant(of.kind, of.text)
		if err != nil {
			t.Fatal(err)
		}
		grants = append(grants, grant)
	}
	for _, test := range []struct {
		r    Reference
		host string
		want bool
	}{
		{Reference{Parameter, "/shop/token", "7"}, "a.shop.example", true},
		{Reference{Parameter, "/shop/token", ""}, "shop.example", false},
		{Reference{Parameter, "/shop/token2", ""}, "a.shop.example", false},
		{Reference{Secret, "/shop/token", ""}, "a.shop.example", false},
		{Reference{Secret, "me@home", "key"}, "a.example", true},
		{Reference{Secret, "me", ""}, "home", false},
		{Reference{Secret, "any", ""}, "x.example", true},
		{Reference{Env, "any", ""}, "x.example", false},
	} {
		if got := grants.Permit(test.r, test.host); got != test.want {
			t.Errorf("%s for %s: %v", test.r, test.host, got)
		}
	}
}
