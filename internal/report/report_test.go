package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"rollcall/internal/monitor"
	"rollcall/internal/probe"
)

func Example() {
	s := &monitor.Summary{
		Targets: 2, Up: 1, Down: 1, Duration: 812 * time.Millisecond,
		Results: []probe.Result{
			{Name: "example.com", State: probe.Up, Status: 200, Attempts: 1, Duration: 81240 * time.Microsecond},
			{Name: "shop", State: probe.Down, Reason: probe.Status, Detail: "503 Service Unavailable",
				Status: 503, Attempts: 2, Duration: 43 * time.Millisecond},
		},
	}
	if err := Table(os.Stdout, s); err != nil {
		fmt.Println(err)
	}
	// Output:
	// STATE  TARGET       STATUS  DURATION  REASON
	// down   shop            503   43.0 ms  status: 503 Service Unavailable
	// up     example.com     200   81.2 ms
	//
	// 2 targets in 812.0 ms: 1 up, 1 down
}

const ms = time.Millisecond

// everything is a summary with every state in it.
func everything() *monitor.Summary {
	measured := probe.Phases{DNS: ms, Connect: probe.Absent, TLS: probe.Absent, FirstByte: probe.Absent, Transfer: probe.Absent}
	return &monitor.Summary{
		Version: "1.2.3", Started: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Duration: 10*time.Second + 12*ms, Profile: "target",
		Targets: 11, Up: 3, Degraded: 1, Down: 4, NotChecked: 3, Flaky: 1,
		Results: []probe.Result{
			{Name: "fast.example", State: probe.Up, Status: 200, Attempts: 1, Phases: measured, Duration: 81240 * time.Microsecond},
			{Name: "slow.example", State: probe.Up, Status: 204, Attempts: 1, Phases: measured, Duration: 2 * time.Second},
			{Name: "late.example", State: probe.Degraded, Reason: probe.Expectation, Detail: "duration < 300", Status: 200, Attempts: 1,
				Phases: measured, Duration: 345 * ms},
			{Name: "flaky.example", State: probe.Up, Status: 200, Attempts: 2, Flaky: true, Phases: measured, Duration: 90 * ms},
			{Name: "broken.example/health", State: probe.Down, Reason: probe.Status, Detail: "503 Service Unavailable", Status: 503, Attempts: 2,
				Phases: measured, Duration: 43 * ms},
			{Name: "hanging.example", State: probe.Down, Reason: probe.Timeout, Detail: "no answer within 10s", Attempts: 2, Phases: measured,
				Duration: 10 * time.Second},
			{Name: "blocked.example", State: probe.Down, Reason: probe.BlockedAddress, Attempts: 1, Phases: probe.NoPhases(),
				Detail: "169.254.169.254 is link-local, where the machine's metadata and credentials are, and where nothing else is to be found"},
			{Name: strings.Repeat("long.", 20) + "example", State: probe.Down, Reason: probe.TLSExpired, Attempts: 1, Phases: measured, Duration: 12 * ms},
			{Name: "open.example", State: probe.NotChecked, Reason: probe.Deadline, Detail: "the run ended before the answer came", Attempts: 1,
				Phases: measured, Duration: ms},
			{Name: "queued.example", State: probe.NotChecked, Reason: probe.Unstarted, Phases: probe.NoPhases()},
			{Name: "ftp://wrong.example", State: probe.NotChecked, Reason: probe.InvalidTarget, Detail: "url: is neither http nor https",
				Phases: probe.NoPhases()},
		},
	}
}

// shown is what Table writes.
func shown(t *testing.T, s *monitor.Summary) string {
	t.Helper()
	var b bytes.Buffer
	if err := Table(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// GOLDEN=write rewrites the file.
func TestTable(t *testing.T) {
	const golden = "testdata/table.txt"
	got := shown(t, everything())
	if os.Getenv("GOLDEN") == "write" {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for line := range strings.Lines(got) {
		if strings.TrimRight(line, " \n")+"\n" != line {
			t.Errorf("blanks at the end of %q", line)
		}
	}
}

func TestTableOfNothing(t *testing.T) {
	want := "STATE  TARGET  STATUS  DURATION  REASON\n\n0 targets in 0.0 ms: 0 up\n"
	if got := shown(t, &monitor.Summary{}); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A name may hold anything, and so may what a server sent: a row stays a row,
// and nothing reaches the terminal that it would obey.
func TestTableHostile(t *testing.T) {
	for name, text := range map[string]string{
		"escape":            "\x1b[2J\x1b[31mred",
		"title":             "\x1b]0;owned\x07",
		"one-byte escape":   "\u009b2J",
		"newline":           "one\ntwo",
		"carriage return":   "one\rtwo",
		"tab":               "one\ttwo",
		"vertical tab":      "one\vtwo\ftwo",
		"line separator":    "one\u2028two\u2029three",
		"next line":         "one\u0085two",
		"backspace":         "one\b\b\btwo",
		"right to left":     "one\u202eowt",
		"isolate":           "\u2066one\u2069",
		"zero width":        "one\u200b\u200d\ufefftwo",
		"no UTF-8":          "one\xff\xfetwo",
		"only blanks":       "   ",
		"a row of a table":  "up     bank.example  200",
		"nothing":           "",
		"long":              strings.Repeat("x", 10000),
		"wide":              strings.Repeat("界", 100),
		"tag of formatting": "%s%d%!",
	} {
		t.Run(name, func(t *testing.T) {
			got := shown(t, &monitor.Summary{Targets: 1, Down: 1, Results: []probe.Result{
				{Name: text, State: probe.Down, Reason: probe.BadResponse, Detail: text, Attempts: 1, Phases: probe.NoPhases()},
			}})
			lines := strings.Split(got, "\n")
			if len(lines) != 5 || !strings.HasPrefix(lines[1], "down   ") || lines[3] != "1 target in 0.0 ms: 0 up, 1 down" {
				t.Errorf("the table is broken: %q", lines)
			}
			if i := strings.IndexFunc(got, func(r rune) bool { return r != '\n' && plain(string(r)) != string(r) }); i >= 0 {
				t.Errorf("%q is in %q", got[i:i+1], got)
			}
		})
	}
}

func TestLine(t *testing.T) {
	for _, test := range []struct {
		s    monitor.Summary
		want string
	}{
		{monitor.Summary{Targets: 1, Up: 1, Duration: 12345 * time.Microsecond}, "1 target in 12.3 ms: 1 up"},
		{monitor.Summary{Targets: 2, Down: 2}, "2 targets in 0.0 ms: 0 up, 2 down"},
		{monitor.Summary{Targets: 9, Up: 2, Degraded: 1, Down: 2, NotChecked: 4, Flaky: 1, Duration: time.Minute},
			"9 targets in 60000.0 ms: 2 up, 1 degraded, 2 down, 4 not checked, 1 flaky"},
		{monitor.Summary{Targets: 5, Down: 5, VantageUnhealthy: true},
			"5 targets in 0.0 ms: 0 up, 5 down; the vantage point is at fault: nothing is said of the targets"},
	} {
		if got := Line(&test.s); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestMilliseconds(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0 ms", 49 * time.Microsecond: "0.0 ms", 51 * time.Microsecond: "0.1 ms", ms: "1.0 ms", 10 * time.Second: "10000.0 ms",
	} {
		if got := Milliseconds(d); got != want {
			t.Errorf("Milliseconds(%v) = %q, want %q", d, got, want)
		}
	}
}

// The contract with every result, and a newline.
func TestJSON(t *testing.T) {
	want := everything()
	var b bytes.Buffer
	if err := JSON(&b, want); err != nil {
		t.Fatal(err)
	}
	contract, err := json.Marshal(want)
	if err != nil || b.String() != string(contract)+"\n" {
		t.Errorf("error %v, got\n%s\nwant\n%s", err, &b, contract)
	}
	var got monitor.Summary
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Results) != len(want.Results) || got.Truncated || !reflect.DeepEqual(shown(t, &got), shown(t, want)) {
		t.Errorf("read again it is\n%s", shown(t, &got))
	}
}

func TestJSONIsNeverTruncated(t *testing.T) {
	s := &monitor.Summary{Results: make([]probe.Result, 3500)}
	for i := range s.Results {
		s.Results[i] = probe.Result{Name: strings.Repeat("x", 2000), State: probe.Up}
	}
	var b bytes.Buffer
	if err := JSON(&b, s); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b.Bytes(), []byte(`"state":"up"`)); n != len(s.Results) || b.Len() < 6<<20 {
		t.Errorf("%d results in %d bytes", n, b.Len())
	}
}

// A full disk is said.
func TestWriteErrors(t *testing.T) {
	for name, show := range map[string]func() error{
		"table": func() error { return Table(full{}, everything()) },
		"json":  func() error { return JSON(full{}, everything()) },
	} {
		if err := show(); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var errFull = errors.New("no space left")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
