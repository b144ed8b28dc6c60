package sweep

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/check"
)

// hosted is a list of targets with one letter each: its response. Those with the
// same digit after it share a host.
func hosted(w *world, letters string) []check.Target {
	endings := map[string]ending{
		"u": {},
		"g": {state: check.Degraded, reason: check.Expectation},
		"t": {reason: check.Timeout},
		"n": {reason: check.DNSNotFound},
		"s": {reason: check.Status, status: 503},
		"x": {reason: check.TLSUntrusted},
		"b": {reason: check.BlockedAddress},
		"d": {reason: check.Deadline},
		"r": {reason: check.ConnectionRefused},
		"c": {reason: check.ConnectionClosed},
		"R": {reason: check.ConnectionReset},
		"T": {reason: check.Timeout, phase: check.FirstByte},
		"l": {reason: check.Timeout, local: true},
		"L": {reason: check.Unreachable, local: true},
		"y": {reason: check.DNSTemporary},
		"q": {reason: check.DNSTimeout},
		"e": {reason: check.Unreachable},
		"o": {reason: check.Internal, unrouted: true},
		"i": {reason: check.Internal},
	}
	words := strings.Fields(letters)
	list := targets(len(words), 0)
	for i, word := range words {
		host := list[i].Name
		if len(word) > 1 {
			host = word[1:]
		}
		list[i].URL = fmt.Sprintf("https://%s.example:%d/", host, 8000+i)
		w.endings[list[i].Name] = []ending{endings[word[:1]]}
	}
	return list
}

func TestSweepWithoutNetwork(t *testing.T) {
	const none, up, down, degraded, hanging, panicking, unrouted, internal = "none", "up", "down", "degraded", "hanging", "panicking", "unrouted", "internal"
	for _, test := range []struct {
		name, endings, canary string
		want, asked           bool
	}{
		{"all is well", "u u u u u", down, false, false},
		{"four hosts, three of them unreachable", "t t t u", down, false, false},
		{"four hosts, all silent", "t t t t", down, true, true},
		{"one host", "t", down, true, true},
		{"one host, and the canary is up", "t", up, false, true},
		{"one host, and the canary has no route", "t", unrouted, true, true},
		{"one host, and the canary failed within", "t", internal, false, true},
		{"one host without a route", "o", unrouted, true, true},
		{"one host without a route, and no canary", "o", none, false, false},
		{"every kind of silence", "y q e o", down, true, true},
		{"one that refuses is there", "r", down, false, false},
		{"one that resets is there", "R", down, false, false},
		{"one that closes is there", "c", down, false, false},
		{"one that is not found is known", "n", down, false, false},
		{"one that accepts is there, if it says nothing", "T", down, false, false},
		{"one that needs no internet", "l", down, false, false},
		{"one without a route that needs no internet", "L", down, false, false},
		{"one that refuses among the silent", "t t r", down, false, false},
		{"one page of a silent host responded", "t1 t1 u1", down, false, false},
		{"what failed within says nothing", "i", down, false, false},
		{"an invalid one beside a silent one", "t d", down, true, true},
		{"five hosts without a route", "o o o o o", unrouted, true, true},
		{"five hosts, all unreachable", "t t t t t", down, true, true},
		{"the canary is up", "t t t t t", up, false, true},
		{"the canary is degraded", "t t t t t", degraded, false, true},
		{"the canary hangs", "t t t t t", hanging, true, true},
		{"the canary panics", "t t t t t", panicking, false, true},
		{"no canary", "t t t t t", none, false, false},
		{"two of five", "t t u u u", down, false, false},
		{"three of five", "t t t u u", down, true, true},
		{"half of six", "t t t u u u", down, false, false},
		{"more than half of seven", "t n t n u u u", down, true, true},
		{"names that are not found count", "n n n u u", down, true, true},
		{"a status was reached", "s s s s s", down, false, false},
		{"a certificate was reached", "x x x t t", down, false, false},
		{"a degraded target was reached", "g g g t t", down, false, false},
		{"a blocked address is not a network failure", "b b b t t", down, false, false},
		{"what was not checked counts for nothing", "t t t u d d d d", down, false, false},
		{"what was not checked shows nothing", "t t t t d d d d", down, true, true},
		{"one host with many URLs is one", "t1 t1 t1 t1 t1 t1 u u u", down, false, false},
		{"many URLs of a host are not a majority", "t1 t1 t1 t1 t2 u3 u4 u5", down, false, false},
		{"a host that responded once was reached", "u1 t1 t2 u2 u3 t3 t4 t5", down, false, false},
		{"nothing to check", "", down, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, asked := newWorld(), 0
				s := w.sweeper(10)
				list := hosted(w, test.endings)
				if test.canary != none {
					w.endings["canary"] = map[string][]ending{
						up: {{}}, down: {{reason: check.ConnectionRefused}}, hanging: {{took: time.Minute}},
						degraded: {{state: check.Degraded, reason: check.Expectation}}, panicking: {{}},
						unrouted: {{reason: check.Internal, unrouted: true}}, internal: {{reason: check.Internal}},
					}[test.canary]
					w.panics["canary"] = test.canary == panicking
					s.Canary = func(ctx context.Context) check.Result {
						asked++
						return w.probe(ctx, &check.Target{Name: "canary", Settings: &check.Settings{}})
					}
				}
				got := s.Sweep(t.Context(), list, nil)
				if got.VantageUnhealthy != test.want || asked > 1 || (asked == 1) != test.asked {
					t.Errorf("VantageUnhealthy = %v, canary asked %d times; want %v, asked %v", got.VantageUnhealthy, asked, test.want, test.asked)
				}
				if took := time.Since(w.began); test.canary == hanging && took != time.Second+canaryTime {
					t.Errorf("took %v, want the sweep's 1s and the canary's %v", took, canaryTime)
				}
			})
		})
	}
}

// States stay as they were seen, and the log says why nothing is published.
func TestSweepWithoutNetworkKeepsResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sweeper(10)
		var log bytes.Buffer
		s.Log = slog.New(slog.NewTextHandler(&log, nil))
		s.CanaryURL = "https://canary.example"
		s.Canary = func(context.Context) check.Result {
			return check.Result{State: check.Down, Reason: check.DNSTimeout}
		}
		got := s.Sweep(t.Context(), hosted(w, "t t t t u"), nil)
		for i, r := range got.Results {
			if want := map[bool]check.State{true: check.Down, false: check.Up}[i < 4]; r.State != want {
				t.Errorf("t%d is %v, want %v", i, r.State, want)
			}
		}
		for _, want := range []string{"hosts=5", "unreachable=4", "canary=https://canary.example", "reason=dns_timeout"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log has no %s: %s", want, &log)
			}
		}
	})
}

// A canary that does not end with its context is left behind, and the log says
// which.
func TestSweepLeavesTheCanaryBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.sweeper(10)
		var log bytes.Buffer
		s.Log = slog.New(slog.NewTextHandler(&log, nil))
		s.CanaryURL = "https://canary.example"
		s.Canary = func(context.Context) check.Result {
			time.Sleep(time.Hour)
			return check.Result{}
		}
		if got := s.Sweep(t.Context(), hosted(w, "t t t t u"), nil); !got.VantageUnhealthy {
			t.Error("a canary without a result has a network")
		}
		if took := time.Since(w.began); took > time.Minute {
			t.Errorf("took %v", took)
		}
		for _, want := range []string{`"the check of the canary did not end and was left behind" canary=https://canary.example`, "canary=https://canary.example reason=deadline"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log has no %s: %s", want, &log)
			}
		}
		time.Sleep(time.Hour) // until it has come back
	})
}

// The canary is checked when a monitor without a network has used up its budget,
// but not when the caller has gone away.
func TestSweepCanaryAfterTheEnd(t *testing.T) {
	for _, test := range []struct {
		name  string
		cause error
		asked bool
	}{
		{"budget", check.ErrBudget, true},
		{"cancelled", nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, asked := newWorld(), false
				list := append(hosted(w, "t t t t t"), targets(1, 0)...)
				list[5].Name = "slow"
				w.endings["slow"] = []ending{{took: time.Minute}}
				s := w.sweeper(10)
				s.Canary = func(ctx context.Context) check.Result {
					asked = true
					return w.probe(ctx, &check.Target{Name: "canary", Settings: &check.Settings{}})
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(2*time.Second, func() { cancel(test.cause) })
				got := s.Sweep(ctx, list, nil)
				if asked != test.asked || got.VantageUnhealthy {
					t.Errorf("canary asked %v, want %v; VantageUnhealthy %v", asked, test.asked, got.VantageUnhealthy)
				}
			})
		})
	}
}
