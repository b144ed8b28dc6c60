package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/stage"
)

// shortRun is what the function is given where CloudWatch is in trouble.
const shortRun = 2 * time.Second

// TestEveryFaultOfCloudWatchKeepsTheBooks: whatever CloudWatch does, each
// datum that the results want is with it or in the log, and the answer comes
// in time.
func TestEveryFaultOfCloudWatchKeepsTheBooks(t *testing.T) {
	for name, mode := range map[string]stage.Mode{
		"throttled": stage.Throttled, "500": stage.Failing, "hang": stage.Hanging, "drip": stage.Dripping, "403": stage.AccessDenied,
		"413": stage.TooLarge, "garbage": stage.Garbage, "dies in the middle": stage.Dying, "reset": stage.ResetAfterAccepting,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, stage.Options{})
			r.CloudWatch.Misbehave(stage.Always(stage.Fault{Mode: mode}))
			r.timeout = shortRun
			began := time.Now()
			s := r.run(t, shippedEvent(t, "gafam.json", nil))
			if took := time.Since(began); took > stage.Patience*shortRun {
				t.Errorf("the answer came after %v of %v", took, shortRun)
			}
			r.function.Stop()
			balanced(t, r, s)
		})
	}
}

// balanced holds what was published against what the results want.
func balanced(t *testing.T, r *rig, s *summary) {
	t.Helper()
	pub := s.Published
	if pub.Datums != pub.Accepted+pub.EMF+pub.Lost {
		t.Errorf("%d + %d + %d are not the %d that were published", pub.Accepted, pub.EMF, pub.Lost, pub.Datums)
	}
	got := accepted(t, r.CloudWatch.Accepted(), s)
	for _, line := range emfLines(t, r) {
		line.enter(t, got, s)
	}
	want := s.expected(1000)
	missing := 0
	for series, values := range want {
		switch n := len(got[series]); {
		case n == 0:
			missing++
		case n > len(values) && pub.Unclear == 0:
			t.Errorf("%s is there %d times, want %d, and nothing is unclear", series, n, len(values))
		}
	}
	for series := range got {
		if _, ok := want[series]; !ok {
			t.Errorf("%s was published, and no result wants it", series)
		}
	}
	if missing > pub.Lost || pub.Lost > 0 && s.Healthy {
		t.Errorf("%d series are nowhere, %d datums are lost, healthy %v", missing, pub.Lost, s.Healthy)
	}
}

// TestStandardOutputThatTakesNothing: no harm while CloudWatch takes all; a
// PublishError when it does not.
func TestStandardOutputThatTakesNothing(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	path, err := bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "mute")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec \"$BOOTSTRAP\" >/dev/full\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := rigOf(t, script, stage.Options{}, "BOOTSTRAP="+path)
	r.timeout = shortRun
	event := shippedEvent(t, "gafam.json", nil)
	if s := r.run(t, event); s.Published.Lost > 0 || s.Published.Accepted != s.Published.Datums || len(r.CloudWatch.Accepted()) != s.Published.Accepted {
		t.Errorf("CloudWatch took %d, the summary says %+v", len(r.CloudWatch.Accepted()), s.Published)
	}
	r.CloudWatch.Misbehave(stage.Always(stage.Fault{Mode: stage.AccessDenied}))
	staged, err := r.Event([]byte(event))
	if err != nil {
		t.Fatal(err)
	}
	answer := r.ask(t, string(staged))
	for _, want := range []string{"reached neither CloudWatch nor the log", "cloudwatch:PutMetricData", "no space left on device"} {
		if answer.ErrorType != "PublishError" || !strings.Contains(answer.ErrorMessage, want) {
			t.Errorf("%s: %s, want a PublishError with %q", answer.ErrorType, answer.ErrorMessage, want)
		}
	}
}

// TestWithoutCredentials: the log has the metrics, and says what to set. The
// SDK looks for credentials where nobody answers.
func TestWithoutCredentials(t *testing.T) {
	for _, region := range []string{"eu-central-1", ""} {
		r := newRig(t, stage.Options{}, "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_SESSION_TOKEN=",
			"AWS_REGION="+region, "AWS_DEFAULT_REGION=", "AWS_EC2_METADATA_SERVICE_ENDPOINT="+nobody(t),
			"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
		r.timeout = shortRun
		s := r.run(t, shippedEvent(t, "gafam.json", nil))
		r.function.Stop()
		if s.Published.EMF != s.Published.Datums || s.Published.EMF == 0 {
			t.Errorf("region %q: published %+v, want all by EMF", region, s.Published)
		}
		said := slices.ContainsFunc(logLines(t, r), func(l map[string]any) bool {
			message, _ := l["message"].(string)
			return strings.Contains(message, "Set AWS_REGION, and credentials")
		})
		if !said {
			t.Errorf("region %q: no line of the log says what to set", region)
		}
	}
}

// wild are names that no dimension can hold as they are, with pairs that
// differ only where they are cut or made safe.
func wild() []string {
	long := strings.Repeat("n", 10_000)
	return []string{long, long + "1", long + "2", "tab\tand\nline", "tab and\nline", " ", "", "\u2028", "🦖", "🦕", ":colon", "\xff\xfe", "café", "cafè", `q"uote\`, strings.Repeat("é", 5000)}
}

// wildResult is a result with the i-th of those names and numbers that no
// clock gives.
func wildResult(i int) check.Result {
	durations := [...]time.Duration{math.MaxInt64, -time.Hour, math.MinInt64 + 1, 0, time.Nanosecond, 1000 * time.Hour, check.Absent}
	days := [...]float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, 5e-324}
	d := durations[i%len(durations)]
	return check.Result{
		Name: wild()[i], Group: wild()[i], State: check.Up, Attempts: 1, Complete: true, Started: time.Now(), Duration: d, LocalDelay: d,
		Phases:      check.Phases{DNS: d, Connect: d, TLS: d, FirstByte: d, Transfer: d},
		Certificate: &check.Certificate{DaysLeft: days[i%len(days)]},
	}
}

// TestCloudWatchTakesWhatWildResultsGive shows the whole way from results that
// can't be to datums that CloudWatch, or the log, takes without a loss.
func TestCloudWatchTakesWhatWildResultsGive(t *testing.T) {
	st, err := stage.Start(stage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	h := handlerOn(t, st)
	h.monitor.Sweeper.Probe = func(_ context.Context, target *check.Target) check.Result {
		i := 0
		fmt.Sscanf(target.Name, "t%d", &i)
		return wildResult(i)
	}
	var urls []string
	for i := range wild() {
		urls = append(urls, fmt.Sprintf(`{"url": "https://good.stage.test/%d", "name": "t%d", "retries": 0}`, i, i))
	}
	event := `{"metrics": "phases", "urls": [` + strings.Join(urls, ",") + `]}`
	s, err := h.monitor.Run(t.Context(), "wild", []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	if p := s.Published; p.Lost > 0 || p.EMF > 0 || p.Accepted != p.Datums || p.Accepted != len(st.CloudWatch.Accepted()) {
		t.Errorf("published %+v, CloudWatch accepted %d", p, len(st.CloudWatch.Accepted()))
	}
	targets := map[string]int{}
	for _, d := range st.CloudWatch.Accepted() {
		if d.Metric == "Up" && d.Dimension("Target") != "" {
			targets[d.Dimension("Target")]++
		}
	}
	for _, q := range st.CloudWatch.Requests() {
		if q.Status != 200 {
			t.Errorf("a request was refused: %s %s", q.Code, q.Message)
		}
	}
	if len(targets) != len(wild()) {
		t.Errorf("%d series of targets, want %d: %q", len(targets), len(wild()), slices.Sorted(maps.Keys(targets)))
	}
}

// handlerOn is the handler as main builds it, on a stage.
func handlerOn(t *testing.T, st *stage.Stage) *handler {
	t.Helper()
	env := map[string]string{}
	for _, entry := range append(st.Env(), "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x") {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
		t.Setenv(name, value) // the SDK and crypto/x509 look there
	}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	h := newHandler(context.Background(), lookup, io.Discard, slog.New(slog.DiscardHandler))
	if h.broken != nil {
		t.Fatal(h.broken)
	}
	return h
}
