package monitor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/metric"
	"rollcall/internal/sweep"
)

// full is a summary in which everything is known.
func full() *Summary {
	at := time.Date(2026, 11, 23, 12, 0, 3, 250_000_000, time.UTC)
	return &Summary{
		Run: "r-1", Version: "1.2.3", Scheduled: at.Truncate(time.Minute), Started: at, Duration: check.Milliseconds(812400 * time.Microsecond),
		Healthy: true, VantageUnhealthy: true, Stale: true, Profile: "target", Warnings: []string{"a warning"},
		Targets: 2, Up: 1, Down: 1, Flaky: 1, Clock: Clocks{1, 1},
		LocalDelay: &Delay{check.Milliseconds(300 * time.Microsecond), check.Milliseconds(1900 * time.Microsecond), check.Milliseconds(2200 * time.Microsecond)},
		Published:  metric.DeliveryStats{Datums: 31, Accepted: 28, EMF: 2, Lost: 1, Unclear: 4, Requests: 5, Retries: 3},
		Results: []check.Result{
			{
				Name: "shop", Group: "web", URL: "https://shop.example/health?…", State: check.Down, Reason: check.Status,
				Phase: check.Transfer, Detail: "503 Service Unavailable", Expression: "status == 200", Status: 503, Attempts: 2,
				Started: at, Duration: 43100 * time.Microsecond,
				Phases: check.Phases{DNS: 1200 * time.Microsecond, Connect: 4 * ms, TLS: 9800 * time.Microsecond,
					FirstByte: 27900 * time.Microsecond, Transfer: 200 * time.Microsecond},
				IP: netip.MustParseAddr("192.0.2.1"), HTTP: "1.1", Redirects: []string{"https://www.shop.example/"},
				BytesWire: 512, BytesBody: 1270,
				Certificate: &check.Certificate{Subject: "shop.example", Issuer: "An Authority", NotAfter: at.Add(61 * 24 * time.Hour),
					DaysLeft: 61.4, Verified: true},
				LocalDelay: 400 * time.Microsecond, Clock: check.KernelClock, Uncertainty: 50 * time.Microsecond,
			},
			{
				Name: "blog", Group: "default", URL: "http://blog.example", State: check.Up, Attempts: 2, Flaky: true, Status: 200,
				Started: at, Duration: 4 * ms, Phases: check.Phases{DNS: check.Absent, Connect: 4 * ms, TLS: check.Absent, FirstByte: 0, Transfer: 0},
				IP: netip.MustParseAddr("2001:db8::1"), HTTP: "1.0", BodyTruncated: true, TLSUnverified: true, Unsure: true,
			},
		},
	}
}

// fields are the names of a JSON object's members.
func fields(t *testing.T, text []byte) []string {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(members))
}

// The contract, byte for byte.
func TestSummaryJSON(t *testing.T) {
	s := full()
	s.Results = nil
	got, err := json.Marshal(s)
	want := `{"run":"r-1","version":"1.2.3","scheduled":"2026-11-23T12:00:00Z","started":"2026-11-23T12:00:03.25Z","duration":812.4,` +
		`"healthy":true,"vantageUnhealthy":true,"stale":true,"profile":"target","warnings":["a warning"],` +
		`"targets":2,"up":1,"degraded":0,"down":1,"notChecked":0,"flaky":1,` +
		`"clock":{"kernel":1,"process":1},"localDelay":{"p50":0.3,"p99":1.9,"max":2.2},` +
		`"published":{"datums":31,"accepted":28,"emf":2,"lost":1,"unclear":4,"requests":5,"retries":3},` +
		`"truncated":false,"results":[]}`
	if err != nil || string(got) != want {
		t.Errorf("error %v, got\n%s\nwant\n%s", err, got, want)
	}
}

// A summary of an earlier release, with characters that JSON or HTML escapes: it
// is read, and written again the same byte for byte.
func TestEarlierSummary(t *testing.T) {
	text, err := os.ReadFile("testdata/summary.json")
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.TrimSpace(text)
	var got Summary
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := full()
	want.Warnings = append(want.Warnings, "scheduled \"<now>\" & later · ä\u2028")
	want.Results[1].Detail = "duration < 100 && status > 1"
	if !reflect.DeepEqual(&got, want) {
		t.Errorf("got %+v\nwant %+v", &got, want)
	}
	if again, err := want.Encode(0); err != nil || !bytes.Equal(again, text) {
		t.Errorf("error %v, written\n%s\nread\n%s", err, again, text)
	}
}

// What is unknown is absent, but lists are never null.
func TestSummaryJSONOfNothing(t *testing.T) {
	got, err := json.Marshal(&Summary{Version: "1.2.3", Started: time.Unix(0, 0).UTC()})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"run", "scheduled", "localDelay"} {
		if slices.Contains(fields(t, got), name) {
			t.Errorf("%s is there: %s", name, got)
		}
	}
	if strings.Contains(string(got), "null") {
		t.Errorf("null is in %s", got)
	}
}

func TestSummaryRoundTrip(t *testing.T) {
	want := full()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Summary
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&got, want) {
		t.Errorf("got %+v\nwant %+v", &got, want)
	}
	again, err := json.Marshal(&got)
	if err != nil || string(again) != string(text) {
		t.Errorf("error %v, again\n%s\nfirst\n%s", err, again, text)
	}
}

func TestSummaryUnmarshalWrong(t *testing.T) {
	for _, text := range []string{`[]`, `{"results": [1]}`, `{"results": [{"state": "sideways"}]}`, `{"duration": "long"}`} {
		var s Summary
		if err := json.Unmarshal([]byte(text), &s); err == nil {
			t.Errorf("%s is taken for a summary", text)
		}
	}
}

// many is a summary whose every third result is down, every ninth not checked.
func many(n int) *Summary {
	s := full()
	s.Results = make([]check.Result, n)
	for i := range s.Results {
		s.Results[i] = check.Result{Name: fmt.Sprintf("t%03d", i), State: check.Up, Attempts: 1, Phases: check.NoPhases()}
		switch {
		case i%9 == 0:
			s.Results[i].State, s.Results[i].Reason = check.NotChecked, check.Deadline
		case i%3 == 0:
			s.Results[i].State, s.Results[i].Reason = check.Down, check.TLSUntrusted
		}
	}
	return s
}

// Whatever the limit, the response keeps to it, leaves nothing out that had
// room, and lets what is up go first.
func TestEncodeLimit(t *testing.T) {
	s := many(30)
	whole, err := s.Encode(0)
	if err != nil {
		t.Fatal(err)
	}
	s.Results, whole = many(30).Results, slices.Clone(whole)
	largest := 0
	for _, r := range s.Results {
		text, _ := json.Marshal(r)
		largest = max(largest, len(text))
	}
	bare, _ := (&Summary{}).Encode(0)
	for limit := len(bare) + 400; limit <= len(whole)+1; limit += 97 {
		text, err := s.Encode(limit)
		if err != nil || len(text) > limit {
			t.Fatalf("limit %d: %d bytes, error %v", limit, len(text), err)
		}
		var got Summary
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		checkTruncation(t, &got, s)
		if left := limit - len(text); got.Truncated && left > largest+len(",")+len("false") {
			t.Errorf("limit %d: truncated with %d bytes left", limit, left)
		}
	}
	if text, _ := s.Encode(len(whole) + 1); string(text) != string(whole) {
		t.Errorf("what fits is not whole:\n%s\n%s", text, whole)
	}
}

// checkTruncation compares a summary with the whole one.
func checkTruncation(t *testing.T, got, whole *Summary) {
	t.Helper()
	names := map[check.State][]string{}
	var order []string
	for _, r := range got.Results {
		names[r.State] = append(names[r.State], r.Name)
		order = append(order, r.Name)
	}
	if !slices.IsSorted(order) {
		t.Errorf("not in the event's order: %v", order)
	}
	if got.Truncated != (len(got.Results) < len(whole.Results)) || got.Targets != whole.Targets || got.Up != whole.Up {
		t.Errorf("truncated %v with %d of %d results", got.Truncated, len(got.Results), len(whole.Results))
	}
	var up, rest []string
	for _, r := range whole.Results {
		if r.State == check.Up {
			up = append(up, r.Name)
		} else {
			rest = append(rest, r.Name)
		}
	}
	if kept := names[check.Up]; len(kept) > 0 && (len(order)-len(kept) < len(rest) || !slices.Equal(kept, up[:len(kept)])) {
		t.Errorf("up ones kept: %v, of others %d of %d", kept, len(order)-len(kept), len(rest))
	}
}

// A summary that was truncated once stays so.
func TestEncodeTruncatedAgain(t *testing.T) {
	text, err := many(30).Encode(2000)
	if err != nil {
		t.Fatal(err)
	}
	var s Summary
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	again, err := s.Encode(0)
	if err != nil || string(again) != string(text) {
		t.Errorf("error %v\n%s\n%s", err, again, text)
	}
}

// What was encoded in advance, for one limit, is not what another limit gets.
func TestEncodeInAdvance(t *testing.T) {
	for _, limit := range []int{2000, 4000, 0} {
		s := many(30)
		s.encodeResults(3000, false)
		want := many(30)
		if limit == 0 {
			want.Truncated = true // as it was returned
		}
		got, err := s.Encode(limit)
		whole, wrong := want.Encode(limit)
		if err != nil || wrong != nil || string(got) != string(whole) {
			t.Errorf("limit %d: errors %v, %v, got\n%s\nwant\n%s", limit, err, wrong, got, whole)
		}
	}
}

// A limit that the summary alone exceeds leaves no result.
func TestEncodeTinyLimit(t *testing.T) {
	text, err := many(3).Encode(10)
	var s Summary
	if err != nil || json.Unmarshal(text, &s) != nil || len(s.Results) != 0 || !s.Truncated {
		t.Errorf("error %v, %s", err, text)
	}
}

func TestSummaryCountResults(t *testing.T) {
	var s Summary
	s.countResults(sweep.Outcome{VantageUnhealthy: true, Results: []check.Result{
		{State: check.Up, Flaky: true, Clock: check.KernelClock, LocalDelay: 3 * ms},
		{State: check.Up, Clock: check.KernelClock, LocalDelay: ms},
		{State: check.Degraded, Flaky: true, LocalDelay: 2 * ms},
		{State: check.Down, Reason: check.Timeout, Clock: check.KernelClock},
		{State: check.NotChecked, Reason: check.Internal, LocalDelay: time.Hour},
		{State: check.NotChecked, Reason: check.Deadline, Clock: check.KernelClock},
	}})
	if s.Targets != 6 || s.Up != 2 || s.Degraded != 1 || s.Down != 1 || s.NotChecked != 2 || s.Flaky != 2 || !s.VantageUnhealthy {
		t.Errorf("counts %+v", s)
	}
	if s.Clock != (Clocks{3, 1}) || s.internal != 1 {
		t.Errorf("clocks %+v, internal %d", s.Clock, s.internal)
	}
	if want := (Delay{check.Milliseconds(ms), check.Milliseconds(3 * ms), check.Milliseconds(3 * ms)}); s.LocalDelay == nil || *s.LocalDelay != want {
		t.Errorf("local delay %+v, want %+v", s.LocalDelay, want)
	}
}

// A task of a state machine may return 256 KiB: a batch and a part have counts and
// no results, however many targets and warnings there are.
func TestCountsOnly(t *testing.T) {
	items := strings.TrimSuffix(strings.Repeat(`"https://a.example/x,https://b.example", `, 10), ", ")
	for i := range 2000 {
		items += fmt.Sprintf(`, {"url": "https://host%d.example/", "name": "%[1]d"}`, i)
	}
	rigged(t, func(t *testing.T, g *rig) {
		g.ResponseLimit = 5 << 20
		s := g.run(t, `{"Items": [`+items+`]}`)
		text, err := s.Encode(g.ResponseLimit)
		if err != nil || len(text) > 4096 || s.Targets != 2001 || s.Up != 2001 || !s.Truncated || !strings.Contains(string(text), `"results":[]`) {
			t.Errorf("%d targets, %d up, error %v, %d bytes: %.1000s", s.Targets, s.Up, err, len(text), text)
		}
		if s := g.run(t, `{"urls": [`+items+`]}`); s.Truncated {
			t.Error("another event has no results, too")
		}
	})
}
