package check

import (
	"bytes"
	"encoding/json"
	"math"
	"net/netip"
	"os"
	"reflect"
	"testing"
	"time"
)

func TestResultJSON(t *testing.T) {
	full := Result{
		Name: "n", Group: "g", URL: "https://a.example/?…", Title: "Ü & more", Link: "https://wiki.example/n?a=1", State: Degraded, Reason: Expectation, Phase: Transfer, Detail: "duration < 3: 4",
		Expression: "duration < 3", Status: 200, Attempts: 2, Flaky: true,
		Started: time.Date(2026, 11, 23, 12, 0, 0, 5e6, time.UTC), Duration: 43100 * time.Microsecond,
		Phases: Phases{DNS: 1200 * time.Microsecond, Connect: 0, TLS: Absent, FirstByte: 41 * time.Millisecond, Transfer: 900 * time.Microsecond},
		IP:     netip.MustParseAddr("2600::1"), HTTP: "1.1", Redirects: []string{"https://b.example"}, BytesWire: 5, BytesBody: 7, BodyTruncated: true,
		Certificate:   &Certificate{Subject: "CN=a", Issuer: "CN=b", NotAfter: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), DaysLeft: 38.5, Verified: true},
		TLSUnverified: true, LocalDelay: 400 * time.Microsecond, Clock: KernelClock, Uncertainty: 50 * time.Microsecond, Unsure: true,
	}
	const want = `{"name":"n","group":"g","url":"https://a.example/?…","title":"Ü \u0026 more","link":"https://wiki.example/n?a=1",` +
		`"state":"degraded","reason":"expectation","phase":"transfer",` +
		`"detail":"duration \u003c 3: 4","expression":"duration \u003c 3","status":200,"attempts":2,"flaky":true,"started":"2026-11-23T12:00:00.005Z",` +
		`"duration":43.1,"phases":{"dns":1.2,"connect":0,"firstByte":41,"transfer":0.9},"ip":"2600::1","family":6,"http":"1.1",` +
		`"redirects":["https://b.example"],"bytes":{"wire":5,"body":7},"bodyTruncated":true,` +
		`"certificate":{"subject":"CN=a","issuer":"CN=b","notAfter":"2027-01-01T00:00:00Z","daysLeft":38.5,"verified":true},` +
		`"tlsUnverified":true,"localDelay":0.4,"clock":"kernel","uncertainty":0.05,"unsure":true}`
	unchecked := Unprobed(&Target{Name: "n", Group: "g", RedactedURL: "https://a.example", Title: "t"}, Unstarted, "")
	for _, test := range []struct {
		result Result
		want   string
	}{
		{full, want},
		{unchecked, `{"name":"n","group":"g","url":"https://a.example","title":"t","state":"not_checked","reason":"not_checked","attempts":0,"flaky":false,"bodyTruncated":false,"tlsUnverified":false,"unsure":false}`},
	} {
		got, err := json.Marshal(test.result)
		if err != nil || string(got) != test.want {
			t.Errorf("Marshal = %s, %v\nwant %s", got, err, test.want)
		}
		var back Result
		if err := json.Unmarshal(got, &back); err != nil || !reflect.DeepEqual(back, test.result) {
			t.Errorf("Unmarshal = %+v, %v\nwant %+v", back, err, test.result)
		}
	}
}

// Started is written to the millisecond.
func TestStartedIsRounded(t *testing.T) {
	text, err := json.Marshal(Result{Attempts: 1, Phases: NoPhases(), Started: time.Date(2026, 11, 23, 12, 0, 0, 5_600_000, time.UTC)})
	if err != nil || !bytes.Contains(text, []byte(`"started":"2026-11-23T12:00:00.006Z"`)) {
		t.Errorf("Marshal = %s, %v", text, err)
	}
}

// TestResultsAsBefore: testdata holds results as they have always been written,
// with every reason and whatever can be absent. They are read back, and written
// byte for byte.
func TestResultsAsBefore(t *testing.T) {
	text, err := os.ReadFile("testdata/results.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		var result Result
		if err := json.Unmarshal(line, &result); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if got, err := json.Marshal(result); err != nil || !bytes.Equal(got, line) {
			t.Errorf("Marshal = %s, %v\nwant %s", got, err, line)
		}
	}
}

// Milliseconds look as encoding/json writes numbers, to the microsecond.
func TestMilliseconds(t *testing.T) {
	for _, d := range []time.Duration{0, 1, 499, 500, 1500, 43100 * time.Microsecond, 81_237_499, time.Hour + 1, -3 * time.Millisecond, 1000 * time.Hour} {
		want, err := json.Marshal(math.Round(float64(d.Round(time.Microsecond))/1000) / 1000)
		if got, _ := json.Marshal(Milliseconds(d)); err != nil || string(got) != string(want) {
			t.Errorf("%v is %s, want %s, %v", d, got, want, err)
		}
	}
	if err := new(Milliseconds).UnmarshalJSON([]byte(`"5"`)); err == nil {
		t.Error("a text is taken for milliseconds")
	}
}
