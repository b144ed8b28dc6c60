package function_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/testnet"
)

// shortRun is what the function is given where CloudWatch is in trouble.
const shortRun = 2 * time.Second

// TestEveryFaultOfCloudWatchKeepsTheBooks: whatever CloudWatch does, each
// datum that the results make is with it or in the log. That a run ends in time
// is for package publish to show, which can fake the clock: here the time is
// ample, and few functions run at once, so that a busy machine changes nothing.
func TestEveryFaultOfCloudWatchKeepsTheBooks(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	places := make(chan struct{}, 3)
	for name, mode := range map[string]testnet.Mode{
		"throttled": testnet.Throttled, "500": testnet.Failing, "hang": testnet.Hanging, "drip": testnet.Dripping, "403": testnet.AccessDenied,
		"413": testnet.TooLarge, "garbage": testnet.Garbage, "dies in the middle": testnet.CutShort, "reset": testnet.ResetAfterAccepting,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			places <- struct{}{}
			defer func() { <-places }()
			r := newRig(t, testnet.Options{})
			r.CloudWatch.SetFault(testnet.Always(testnet.Fault{Mode: mode}))
			r.timeout = 10 * time.Second
			s := r.run(t, shippedEvent(t, "gafam.json", nil))
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
		line.enterInto(t, got, s)
	}
	want, _ := s.expected(t, 1000)
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
	r := rigOf(t, script, testnet.Options{}, "BOOTSTRAP="+path)
	r.timeout = shortRun
	event := shippedEvent(t, "gafam.json", nil)
	if s := r.run(t, event); s.Published.Lost > 0 || s.Published.Accepted != s.Published.Datums || len(r.CloudWatch.Accepted()) != s.Published.Accepted {
		t.Errorf("CloudWatch took %d, the summary says %+v", len(r.CloudWatch.Accepted()), s.Published)
	}
	r.CloudWatch.SetFault(testnet.Always(testnet.Fault{Mode: testnet.AccessDenied}))
	ported, err := r.Event([]byte(event))
	if err != nil {
		t.Fatal(err)
	}
	result := r.ask(t, string(ported))
	for _, want := range []string{"reached neither CloudWatch nor the log", "cloudwatch:PutMetricData", "no space left on device"} {
		if result.ErrorType != "PublishError" || !strings.Contains(result.ErrorMessage, want) {
			t.Errorf("%s: %s, want a PublishError with %q", result.ErrorType, result.ErrorMessage, want)
		}
	}
}

// TestWithoutCredentials: the log has the metrics, and says what to set. The
// SDK looks for credentials where nothing responds.
func TestWithoutCredentials(t *testing.T) {
	for _, region := range []string{"eu-central-1", ""} {
		r := newRig(t, testnet.Options{}, "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_SESSION_TOKEN=",
			"AWS_REGION="+region, "AWS_DEFAULT_REGION=", "AWS_EC2_METADATA_SERVICE_ENDPOINT="+refusedEndpoint(t),
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
