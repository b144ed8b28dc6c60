package function_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rollcall/internal/testnet"
)

// planned is where package plan keeps its corpus of events.
var planned = filepath.Join("..", "..", "internal", "plan", "testdata")

// referred is what the corpus's references and sources stand for.
func referred(t *testing.T) []string {
	t.Helper()
	sources, err := filepath.Abs(filepath.Join(planned, "source"))
	if err != nil {
		t.Fatal(err)
	}
	return []string{"LAMBDA_TASK_ROOT=" + sources, "ROLLCALL_ENV=TOKEN,EMPTY,TWO_LINES,UNSET,NOT_SET,aws_x", "TOKEN=t0k3n", "EMPTY=", "TWO_LINES=one\ntwo"}
}

// Every event that package plan refuses is refused by the function with the
// same words, and leaves nothing behind but the metric that says so.
func TestInvalidEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t, testnet.Options{}, referred(t)...)
	events, err := filepath.Glob(filepath.Join(planned, "invalid", "*.json"))
	if err != nil || len(events) < 30 {
		t.Fatalf("the corpus has %d events (%v)", len(events), err)
	}
	for _, file := range events {
		t.Run(filepath.Base(file), func(t *testing.T) {
			r.refuses(t, read(t, file), read(t, strings.TrimSuffix(file, ".json")+".txt"))
		})
	}
	r.untouched(t)
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// refuses hands over an event and wants it refused with these problems.
func (r *rig) refuses(t *testing.T, event, problems string) {
	t.Helper()
	before, began := len(r.CloudWatch.Accepted()), time.Now()
	result := r.ask(t, event)
	if result.ErrorType != "InvalidEventError" || result.ErrorMessage != strings.TrimSuffix(problems, "\n") {
		t.Errorf("the result is %s: %s\nwant InvalidEventError: %s", result.ErrorType, result.ErrorMessage, problems)
	}
	published := r.CloudWatch.Accepted()[before:]
	if len(published) != 1 || published[0].Metric != "InvalidEvent" || published[0].Value != 1 || len(published[0].Dimensions) > 0 {
		t.Fatalf("published %+v, want InvalidEvent alone", published)
	}
	if at := published[0].Timestamp; at.Before(began.Truncate(time.Second)) || at.After(time.Now()) {
		t.Errorf("InvalidEvent is of %v, want the run's start", at)
	}
}

// The issue's own cases, where the list of problems has to be whole.
func TestEveryProblemIsListed(t *testing.T) {
	t.Parallel()
	r := newRig(t, testnet.Options{})
	tests := []struct{ event, problems string }{
		{`[]`, "the event has 1 problem:\nthe event is an array, not an object (write {\"urls\": […]})"},
		{`{"urls": ["https://good.stage.test"`, "the event has 1 problem:\nline 1, column 35: unexpected end of JSON input"},
		{
			`{"urls": [{"url": "https://good.stage.test", "timeot": "1s"}, {"url": 7}], "metrics": "al", "schedule": ""}`,
			"the event has 4 problems:\n" +
				"schedule: is unknown (did you mean \"scheduled\"?)\n" +
				"metrics: invalid profile \"al\" (group, target or phases)\n" +
				"urls[0].timeot: is unknown (did you mean \"timeout\"?)\n" +
				"urls[1].url: is a number, not a string",
		},
	}
	for _, tt := range tests {
		t.Run(tt.event, func(t *testing.T) { r.refuses(t, tt.event, tt.problems) })
	}
	r.untouched(t)
}

func TestOneBadURLAmongGoodOnes(t *testing.T) {
	t.Parallel()
	s := newRig(t, testnet.Options{}).run(t, `{"urls": ["https://good.stage.test", "good.stage.test/no-scheme",
		{"url": "http://good.stage.test", "headers": {"X-Token": "${env:NOT_SET}"}, "name": "no token"}, "http://good.stage.test"]}`)
	if s.Up != 2 || s.NotChecked != 2 || s.Results[1].Reason != "invalid_target" || s.Results[2].Reason != "invalid_target" {
		t.Errorf("got %s", s.raw)
	}
	if detail := s.Results[2].Detail; !strings.Contains(detail, "NOT_SET") {
		t.Errorf("the detail %q does not say which variable is missing", detail)
	}
}

func TestNoURL(t *testing.T) {
	t.Parallel()
	r := newRig(t, testnet.Options{})
	for _, event := range []string{`{}`, `{"urls": []}`, `{"Items": []}`} {
		if s := r.run(t, event); s.Targets != 0 || !s.Healthy || !s.warned("no targets") {
			t.Errorf("%s: %s", event, s.raw)
		}
	}
}

// A URL of the machine's own, or of what surrounds it, is blocked and nobody
// is called.
func TestBlockedAddresses(t *testing.T) {
	t.Parallel()
	r := newRig(t, testnet.Options{}, "ROLLCALL_ALLOW=")
	port := portOf(t, r, "good.stage.test")
	urls := []string{
		"http://127.0.0.1:" + port, "http://127.1.2.3:" + port, "http://[::1]:" + port, "http://[::ffff:127.0.0.1]:" + port,
		"http://[::ffff:7f00:1]:" + port, "http://0.0.0.0:" + port, "https://good.stage.test:" + port,
		"http://169.254.169.254/latest/meta-data", "http://[::ffff:169.254.169.254]", "http://[64:ff9b::a9fe:a9fe]", "http://[fd00:ec2::254]",
		"http://[fe80::1]", "http://10.0.0.1", "http://192.168.1.1", "http://100.64.0.1", "http://[fd12::1]", "http://blocked.stage.test",
	}
	r.blocks(t, urls)
	r.untouched(t)
}

func portOf(t *testing.T, r *rig, host string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(r.ported(t, host), "https://"))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// Whatever the operator allows: not Lambda's own API, and not the metadata.
func TestBlockedWhateverIsAllowed(t *testing.T) {
	t.Parallel()
	r := newRig(t, testnet.Options{}, "ROLLCALL_ALLOW=127.0.0.0/8,169.254.0.0/16,::/0,0.0.0.0/0")
	r.run(t, `{"urls": ["http://good.stage.test"]}`)
	api := r.function.Runtime()
	_, port, err := net.SplitHostPort(api.Addr())
	if err != nil {
		t.Fatal(err)
	}
	before := api.Accepted()
	r.blocks(t, []string{
		"http://" + api.Addr() + "/2018-06-01/runtime/invocation/next", "http://127.0.0.2:" + port, "http://[::1]:" + port,
		"http://[::ffff:127.0.0.1]:" + port, "http://0.0.0.0:" + port, "http://[64:ff9b::7f00:1]:" + port, "http://good.stage.test:" + port,
		"http://169.254.169.254", "http://[::ffff:169.254.169.254]:80", "http://[64:ff9b::a9fe:a9fe]", "http://[fe80::1]",
	})
	if n := api.Accepted() - before; n > 0 {
		t.Errorf("%d connections were made to the runtime API", n)
	}
}

// blocks runs an event of URLs and wants every one blocked.
func (r *rig) blocks(t *testing.T, urls []string) {
	t.Helper()
	var targets []any
	for i, url := range urls {
		targets = append(targets, map[string]any{"url": url, "name": fmt.Sprint(i)})
	}
	s := r.run(t, eventOf(map[string]any{"urls": targets}))
	if s.Down != len(urls) {
		t.Errorf("%d of %d are down", s.Down, len(urls))
	}
	for i, res := range s.Results {
		_, connected := res.Phases["connect"]
		if res.Reason != "blocked_address" || res.Attempts != 1 || connected || len(res.Detail) == 0 {
			t.Errorf("%s: %+v", urls[i], res)
		}
	}
	for _, d := range r.CloudWatch.Accepted() {
		if d.Metric == "Duration" && strings.Trim(d.Dimension("Target"), "0123456789") == "" && d.Dimension("Target") != "" {
			t.Errorf("a blocked target has a latency: %+v", d)
		}
	}
}

func TestStaleEvent(t *testing.T) {
	t.Parallel()
	r := newRig(t, testnet.Options{}, "ROLLCALL_MAX_AGE=1m")
	late := time.Now().UTC().Add(-2 * time.Minute).Format(time.RFC3339)
	s := r.run(t, eventOf(map[string]any{"urls": []string{"https://good.stage.test"}, "scheduled": late}))
	if !s.Stale || s.Healthy || s.Targets != 0 || len(s.Results) != 0 || !s.warned("ROLLCALL_MAX_AGE") {
		t.Errorf("got %s", s.raw)
	}
	r.untouched(t)
	published := r.CloudWatch.Accepted()
	if len(published) != 1 || published[0].Metric != "StaleEvent" || published[0].Value != 1 {
		t.Fatalf("published %+v, want StaleEvent alone", published)
	}
	if off := published[0].Timestamp.Sub(s.Started).Abs(); off > time.Millisecond {
		t.Errorf("StaleEvent is %v off the run's start", off)
	}
}

func TestScheduledInTheFuture(t *testing.T) {
	t.Parallel()
	r := newRig(t, testnet.Options{})
	early := time.Now().UTC().Add(time.Hour).Format(time.RFC3339)
	s := r.run(t, eventOf(map[string]any{"urls": []string{"https://good.stage.test"}, "scheduled": early}))
	if !s.warned("scheduled", "ahead") || !s.Scheduled.IsZero() || s.Up != 1 {
		t.Errorf("got %s", s.raw)
	}
	for _, d := range r.CloudWatch.Accepted() {
		sameTime(t, d.Metric, d.Timestamp, s)
	}
}

// Each variable of the configuration, wrong in some way, stops the function
// with a message that names it.
func TestWrongConfiguration(t *testing.T) {
	tests := []struct{ name, value string }{
		{"ROLLCALL_NAMESPACE", "AWS/Lambda"},
		{"ROLLCALL_NAMESPACE", ":colon"},
		{"ROLLCALL_NAMESPACE", "Größe"},
		{"ROLLCALL_NAMESPACE", strings.Repeat("n", 256)},
		{"ROLLCALL_METRICS", "all"},
		{"ROLLCALL_TARGET_LIMIT", "-1"},
		{"ROLLCALL_TARGET_LIMIT", "many"},
		{"ROLLCALL_ALLOW", "10.0.0.0/33"},
		{"ROLLCALL_ALLOW", "10.0.0.0/8;127.0.0.0/8"},
		{"ROLLCALL_DNS", "10.0.0.2"},
		{"ROLLCALL_DNS", "10.0.0.2:0"},
		{"ROLLCALL_DNS_RATE", "fast"},
		{"ROLLCALL_CANARY", "checkip.amazonaws.com"},
		{"ROLLCALL_CANARY", "ftp://checkip.amazonaws.com"},
		{"ROLLCALL_IN_FLIGHT", "0"},
		{"ROLLCALL_PER_HOST", "0"},
		{"SSL_CERT_FILE", "/nonexistent.pem"},
		{"SSL_CERT_FILE", "/dev/null"},
		{"ROLLCALL_RESERVE", "5"},
		{"ROLLCALL_RESERVE", "-5s"},
		{"ROLLCALL_MAX_AGE", "five minutes"},
		{"ROLLCALL_CLOUDWATCH_ENDPOINT", "monitoring.eu-central-1.amazonaws.com"},
		{"ROLLCALL_CLOUDWATCH_ENDPOINT", "https://"},
		{"ROLLCALL_CLOUDWATCH_ENDPOINT", "https://a b"},
	}
	for _, tt := range tests {
		t.Run(tt.name+"="+tt.value[:min(len(tt.value), 20)], func(t *testing.T) {
			t.Parallel()
			r := newRig(t, testnet.Options{}, tt.name+"="+tt.value)
			result := r.ask(t, `{"urls": ["https://good.stage.test"], "defaults": {"retries": 0}}`)
			if result.ErrorType != "ConfigError" || !strings.Contains(result.ErrorMessage, "\n"+tt.name+": ") {
				t.Errorf("the result is %s: %s%s", result.ErrorType, result.ErrorMessage, result.Payload)
			}
			r.untouched(t)
		})
	}
}

// All problems are reported at once, in the log too.
func TestWrongConfigurationInSeveralWays(t *testing.T) {
	t.Parallel()
	r := newRig(t, testnet.Options{}, "ROLLCALL_METRICS=all", "ROLLCALL_RESERVE=5", "ROLLCALL_IN_FLIGHT=none")
	result := r.ask(t, `{}`)
	r.function.Stop()
	log := strings.Join(r.function.Stdout(), "\n")
	for _, name := range []string{"ROLLCALL_METRICS", "ROLLCALL_RESERVE", "ROLLCALL_IN_FLIGHT"} {
		if !strings.Contains(result.ErrorMessage, name) || !strings.Contains(log, name) {
			t.Errorf("%s is not in the result %q or not in the log %s", name, result.ErrorMessage, log)
		}
	}
	if lines := logLines(t, r); len(lines) != 1 || lines[0]["level"] != "ERROR" || lines[0]["requestId"] != result.RequestID {
		t.Errorf("the log has %v", lines)
	}
}

// untouched fails the test if a connection came to any origin. It counts by
// name: a port that another test's stage had before may still be dialled.
func (r *rig) untouched(t *testing.T) {
	t.Helper()
	for _, o := range r.Origins() {
		if n := r.Connections(o.Name); n > 0 {
			t.Errorf("%d connections came to %s", n, o.Name)
		}
	}
}
