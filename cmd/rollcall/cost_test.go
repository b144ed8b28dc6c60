package main

import (
	"strings"
	"testing"
)

func TestCost(t *testing.T) {
	five := `{"urls": ["https://a.test", "https://b.test", "https://c.test", "https://d.test", "https://e.test"], "metrics": "group"}`
	for _, test := range []struct {
		name string
		in   string
		args []string
		code int
		out  string
		err  string
	}{
		{"the event's profile", five, []string{"--every", "1m"}, 0, "profile group, ", ""},
		{"another profile", five, []string{"--every", "1m", "--metrics", "phases"}, 0, "profile phases, ", ""},
		{"lines", "https://a.test\nhttps://b.test\n", []string{"--every", "5m"}, 0, "2 targets, every 5m, profile target", ""},
		{"a Region", five, []string{"--every", "1m", "--region", "eu\x1b[2J"}, 0, "Prices of us-east-1", `no prices for Region "eu\x1b[2J": using those of us-east-1`},
		{"once a month", five, []string{"--every", "730h"}, 0, "runs in it: 1.", ""},
		{"a VPC", five, []string{"--every", "1m", "--vpc"}, 0, "NAT gateway", ""},
		{"no URL", `{"urls": []}`, []string{"--every", "1m"}, 2, "0 targets", "has no targets"},
		{"a bad URL among good ones", "ftp://\x1bx\nhttps://b.test\n", []string{"--every", "1m"}, 0, "1 target,", `can't be checked, and costs nothing`},
		{"a wrong event", `{"urls": ["https://a.test"], "tiemout": 1}`, []string{"--every", "1m"}, 2, "", "tiemout"},
		{"no interval", five, nil, 2, "", "--every"},
		{"too often", five, []string{"--every", "1s"}, 2, "", "--every 1s is too short: a schedule runs at most once a minute"},
		{"a wrong profile", five, []string{"--every", "1m", "--metrics", "x"}, 2, "", `--metrics: "x" is not a profile`},
		{"no memory", five, []string{"--every", "1m", "--memory", "0"}, 2, "", "invalid --memory 0"},
		{"failures", five, []string{"--every", "1m", "--down", "1", "--hang", "2"}, 0, "Down in each run: 1 at once, 2 after 23s", ""},
		{"options of the stack", five, []string{"--every", "1m", "--no-dashboard", "--alarms", "0", "--log-retention", "365", "--no-history", "--metrics", "group"}, 0, "kept for 365 days", ""},
		{"parts", five, []string{"--every", "15m", "--parts", "100", "--targets", "1000000"}, 0, "100 parts of 10,000 targets, 5 at once: 20 waves", ""},
		{"parts that do not fit", five, []string{"--every", "5m", "--parts", "100", "--targets", "10000000"}, 2, "", "--parts 100: "},
		{"no incidents", five, []string{"--every", "1m", "--incidents", "0"}, 0, "0 incidents a month", ""},
		{"a negative number", five, []string{"--every", "1m", "--hang=-1"}, 2, "", "can't be negative"},
		{"no part at once", five, []string{"--every", "1m", "--concurrency", "0"}, 2, "", "must be at least 1"},
		{"a run that is too long", strings.Repeat("https://a.test\n", 1), []string{"--every", "1m", "--answer", "2m"}, 0, "runs overlap", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := rollcall(t, test.in, append([]string{"cost", "-"}, test.args...)...)
			outcomeIs(t, got, test.code, test.out, test.err)
		})
	}
}

func TestValidate(t *testing.T) {
	for _, test := range []struct {
		name string
		in   string
		code int
		out  string
		err  string
	}{
		{"right", `{"urls": ["https://a.test", {"url": "http://b.test", "timeout": "2s", "group": "b"}]}`, 0,
			"valid: 2 targets in 2 groups, 1 https, timeout 2s to 10s\n$", ""},
		{"a variable", `{"urls": [{"url": "https://a.test", "headers": {"X": "${env:NOT_SET_HERE}"}}]}`, 0,
			"refers to variables that are not set here: NOT_SET_HERE\nneeds ROLLCALL_ENV=NOT_SET_HERE@a.test\n", ""},
		{"wrong", `{"urls": [{"url": "https://a.test", "tiemout": "2s", "retries": 99}]}`, 2, "", "the event has 2 problems:\nurls[0].tiemout"},
		{"commands for a pipeline", `{"metrics": "##vso[x]"}`, 2, "", `metrics: invalid profile "# #vso[x]"`},
		{"bad URLs", "https://a.test\nftp://b.test\n\x1b[2J\n", 2, "", "2 of 3 targets can't be checked:"},
		{"no URL", `{"urls": []}`, 2, "", "has no targets"},
	} {
		t.Run(test.name, func(t *testing.T) {
			outcomeIs(t, rollcall(t, test.in, "validate", "-"), test.code, test.out, test.err)
		})
	}
	outcomeIs(t, rollcall(t, "", "validate", "/no/such/file"), 2, "", "no such file")
	outcomeIs(t, rollcall(t, "", "validate", file(t, "[]")), 2, "", "the event has no targets")
}

// outcomeIs compares an outcome with its code and what has to be in it; no
// control character may get out.
func outcomeIs(t *testing.T, got outcome, code int, out, err string) {
	t.Helper()
	if got.code != code {
		t.Errorf("code %d, want %d\n%s%s", got.code, code, got.out, got.err)
	}
	shows(t, "standard output", got.out, out)
	shows(t, "standard error", got.err, err)
	if out == "" && got.out != "" {
		t.Errorf("standard output %q", got.out)
	}
	if strings.Contains(got.out+got.err, "\x1b") {
		t.Errorf("a control character got out: %q %q", got.out, got.err)
	}
}
