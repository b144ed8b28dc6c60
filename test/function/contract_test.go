package function_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/testnet"
)

// everything is an event that gives results of every kind.
func everything(t *testing.T) string {
	t.Helper()
	event := map[string]any{}
	if err := json.Unmarshal([]byte(shippedEvent(t, "demo.json", nil)), &event); err != nil {
		t.Fatal(err)
	}
	event["urls"] = append(event["urls"].([]any),
		"ftp://wrong.stage.test",
		map[string]any{"url": "https://second-time.stage.test/?secret=1", "retries": 1, "name": "second time"},
		map[string]any{"url": "https://10.0.0.1", "name": "blocked"},
		map[string]any{"url": "https://empty.stage.test", "name": "empty"})
	event["scheduled"] = time.Now().UTC().Format(time.RFC3339)
	return eventOf(event)
}

// performEverything runs it, and ends the function.
func performEverything(t *testing.T) (*rig, *summary) {
	t.Helper()
	r := newRig(t, testnet.Options{Handlers: map[string]http.Handler{
		"second-time.stage.test": secondTime(),
		"empty.stage.test":       http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }),
	}})
	s := r.run(t, everything(t))
	r.function.Stop()
	return r, s
}

// A shape says of the members of a JSON object which kind they are of.
type shape map[string]string

// differ says how an object is not of a shape: all of must, some of may, and
// nothing else.
func differ(object map[string]any, must, may shape) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(must)) {
		if _, ok := object[name]; !ok {
			found = append(found, name+" is missing")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		want, known := must[name]
		if !known {
			want, known = may[name]
		}
		switch got := kind(object[name]); {
		case !known:
			found = append(found, fmt.Sprintf("%s is %v, want it absent", name, object[name]))
		case got != want && (want != "milliseconds" || got != "number"):
			found = append(found, fmt.Sprintf("%s is a %s, want a %s", name, got, want))
		case want == "milliseconds" && !microseconds(object[name].(float64)):
			found = append(found, fmt.Sprintf("%s is %v, want milliseconds to the microsecond", name, object[name]))
		}
	}
	return found
}

// kind names what a JSON value is; a text in RFC 3339 and UTC is a time.
func kind(v any) string {
	switch v := v.(type) {
	case bool:
		return "bool"
	case float64:
		return "number"
	case map[string]any:
		return "object"
	case []any:
		return "list"
	case string:
		if at, err := time.Parse(time.RFC3339, v); err == nil && at.Location() == time.UTC {
			return "time"
		}
		return "text"
	}
	return "null"
}

func microseconds(ms float64) bool {
	return ms >= 0 && math.Abs(ms*1000-math.Round(ms*1000)) < 1e-6
}

// One run shows it all.
func TestResultAndLogKeepTheirContracts(t *testing.T) {
	t.Parallel()
	r, s := performEverything(t)
	t.Run("summary", func(t *testing.T) { summaryKeepsItsContract(t, s) })
	t.Run("sums", func(t *testing.T) { summaryAddsUp(t, s) })
	t.Run("verdicts", func(t *testing.T) { verdictsAreRight(t, s) })
	t.Run("log", func(t *testing.T) { logKeepsItsContract(t, r, s) })
}

func summaryKeepsItsContract(t *testing.T, s *summary) {
	var top map[string]any
	if err := json.Unmarshal(s.raw, &top); err != nil {
		t.Fatal(err)
	}
	problems := differ(top, shape{
		"run": "text", "version": "text", "scheduled": "time", "started": "time", "duration": "milliseconds",
		"healthy": "bool", "vantageUnhealthy": "bool", "stale": "bool", "profile": "text", "warnings": "list",
		"targets": "number", "up": "number", "degraded": "number", "down": "number", "notChecked": "number", "flaky": "number",
		"clock": "object", "localDelay": "object", "published": "object", "truncated": "bool", "results": "list",
	}, nil)
	problems = append(problems, differ(top["clock"].(map[string]any), shape{"kernel": "number", "process": "number"}, nil)...)
	problems = append(problems, differ(top["localDelay"].(map[string]any), shape{"p50": "milliseconds", "p99": "milliseconds", "max": "milliseconds"}, nil)...)
	problems = append(problems, differ(top["published"].(map[string]any), shape{
		"datums": "number", "accepted": "number", "emf": "number", "lost": "number", "unclear": "number", "requests": "number", "retries": "number",
	}, nil)...)
	for _, r := range top["results"].([]any) {
		object := r.(map[string]any)
		for _, problem := range resultProblems(object) {
			problems = append(problems, fmt.Sprintf("%v: %s", object["name"], problem))
		}
	}
	for _, problem := range problems {
		t.Error(problem)
	}
}

func summaryAddsUp(t *testing.T, s *summary) {
	states, clocks, flaky := map[string]int{}, 0, 0
	for _, r := range s.Results {
		states[r.State]++
		flaky += int(one(r.Flaky))
		clocks += int(one(r.checked()))
	}
	want := map[string]int{"up": s.Up, "degraded": s.Degraded, "down": s.Down, "not_checked": s.NotChecked}
	for state, n := range want {
		if states[state] != n {
			t.Errorf("%d results are %s, the summary says %d", states[state], state, n)
		}
	}
	if s.Targets != len(s.Results) || s.Targets != s.Up+s.Degraded+s.Down+s.NotChecked || s.Flaky != flaky || flaky != 1 {
		t.Errorf("the counts do not add up: %s", s.raw)
	}
	var clock struct{ Clock struct{ Kernel, Process int } }
	if err := json.Unmarshal(s.raw, &clock); err != nil || clock.Clock.Kernel+clock.Clock.Process != clocks {
		t.Errorf("clock is %+v for %d that were checked (%v)", clock.Clock, clocks, err)
	}
	if s.Run == "" || s.Profile != "target" || len(s.Warnings) > 0 || s.Stale {
		t.Errorf("run %q, profile %q, warnings %q, stale %v", s.Run, s.Profile, s.Warnings, s.Stale)
	}
}

func verdictsAreRight(t *testing.T, s *summary) {
	names := map[string]string{"second time": "ok", "blocked": "blocked_address", "empty": "ok", "slow.stage.test": "expectation", "hanging.stage.test": "timeout"}
	for name, reason := range names {
		if r := s.of(t, name); r.Reason != reason {
			t.Errorf("%s is %s (%s), want %s", name, r.Reason, r.Detail, reason)
		}
	}
	if r := s.of(t, "second time"); !strings.HasSuffix(r.URL, "/?…") || r.Attempts != 2 {
		t.Errorf("second time: URL %s after %d attempts", r.URL, r.Attempts)
	}
}

// resultProblems says where a result is not as the contract has it.
func resultProblems(r map[string]any) []string {
	must := shape{
		"name": "text", "group": "text", "url": "text", "state": "text", "reason": "text", "attempts": "number",
		"flaky": "bool", "bodyTruncated": "bool", "tlsUnverified": "bool", "unsure": "bool",
	}
	want := func(fields shape) { maps.Copy(must, fields) }
	if r["reason"] != "ok" {
		want(shape{"detail": "text"})
	}
	if r["attempts"] != 0.0 {
		want(shape{"started": "time", "localDelay": "milliseconds", "clock": "text", "uncertainty": "milliseconds"})
	}
	if r["reason"] != "blocked_address" && r["attempts"] != 0.0 {
		want(shape{"duration": "milliseconds", "phases": "object"})
	}
	if r["state"] == "down" || r["state"] == "degraded" {
		want(shape{"phase": "text"})
	}
	if r["ip"] != nil {
		want(shape{"family": "number", "ip": "text"})
	}
	if r["status"] != nil {
		want(shape{"status": "number", "http": "text", "bytes": "object"})
	}
	may := shape{"certificate": "object", "redirects": "list", "expression": "text"}
	if r["reason"] == "blocked_address" && r["phases"] != nil { // by a name, which took its time
		maps.Copy(may, shape{"duration": "milliseconds", "phases": "object"})
	}
	found := differ(r, must, may)
	return append(found, partProblems(r)...)
}

// partProblems looks into a result's own objects.
func partProblems(r map[string]any) []string {
	var found []string
	if phases, ok := r["phases"].(map[string]any); ok {
		m := shape{"dns": "milliseconds", "connect": "milliseconds", "tls": "milliseconds", "firstByte": "milliseconds", "transfer": "milliseconds"}
		found = append(found, differ(phases, nil, m)...)
		found = append(found, sumProblem(r["duration"].(float64), phases)...)
	}
	if bytes, ok := r["bytes"].(map[string]any); ok {
		found = append(found, differ(bytes, shape{"wire": "number", "body": "number"}, nil)...)
	}
	if c, ok := r["certificate"].(map[string]any); ok {
		found = append(found, differ(c, shape{"subject": "text", "issuer": "text", "notAfter": "time", "daysLeft": "number", "verified": "bool"}, nil)...)
	}
	if redirects, ok := r["redirects"].([]any); ok && len(redirects) == 0 {
		found = append(found, "redirects is empty, want it absent")
	}
	return found
}

// sumProblem: a duration is its phases', each rounded to the microsecond.
func sumProblem(duration float64, phases map[string]any) []string {
	sum := 0.0
	for _, took := range phases {
		sum += took.(float64)
	}
	if math.Abs(sum-duration) > 0.003 {
		return []string{fmt.Sprintf("duration is %v, its phases' sum %v", duration, sum)}
	}
	return nil
}

func logKeepsItsContract(t *testing.T, r *rig, s *summary) {
	var targets []string
	summaries := 0
	for _, line := range logLines(t, r) {
		problems := differ(line, shape{"timestamp": "time", "level": "text", "message": "text", "requestId": "text"}, anything(line))
		for _, problem := range problems {
			t.Errorf("%s in %v", problem, line)
		}
		if line["requestId"] != s.Run {
			t.Errorf("request %v, want %s", line["requestId"], s.Run)
		}
		switch line["message"] {
		case "target":
			targets = append(targets, line["name"].(string))
			for _, problem := range resultProblems(without(line, "timestamp", "level", "message", "requestId")) {
				t.Errorf("the line of %v: %s", line["name"], problem)
			}
		case "summary":
			summaries++
			sameSummary(t, line, s)
		default:
			t.Errorf("a line says %v", line["message"])
		}
	}
	var want []string
	for _, result := range s.Results {
		if result.State != "up" {
			want = append(want, result.Name)
		}
	}
	if !slices.Equal(targets, want) || summaries != 1 {
		t.Errorf("%d summaries and the targets\n%q, want one and\n%q", summaries, targets, want)
	}
	if text := r.function.Stderr(); text != "" {
		t.Errorf("standard error has %q", text)
	}
}

// logLines are the function's lines that are not metrics.
func logLines(t *testing.T, r *rig) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for _, text := range r.function.Stdout() {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("a line is not a JSON object: %s", text)
		}
		if _, metrics := line["_aws"]; !metrics {
			lines = append(lines, line)
		}
	}
	return lines
}

// anything is a shape that an object has.
func anything(object map[string]any) shape {
	s := shape{}
	for name, v := range object {
		s[name] = kind(v)
	}
	return s
}

func without(object map[string]any, names ...string) map[string]any {
	rest := maps.Clone(object)
	maps.DeleteFunc(rest, func(name string, _ any) bool { return slices.Contains(names, name) })
	return rest
}

// sameSummary compares the log's summary with the result, all but the results.
func sameSummary(t *testing.T, line map[string]any, s *summary) {
	t.Helper()
	var result map[string]any
	if err := json.Unmarshal(s.raw, &result); err != nil {
		t.Fatal(err)
	}
	got := without(line, "timestamp", "level", "message", "requestId")
	want := without(result, "results")
	if g, w := eventOf(got), eventOf(want); g != w {
		t.Errorf("the log's summary is\n%swant\n%s", g, w)
	}
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
