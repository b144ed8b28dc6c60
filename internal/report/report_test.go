package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
)

func Example() {
	s := &monitor.Summary{
		Targets: 2, Up: 1, Down: 1, Duration: check.Milliseconds(812 * time.Millisecond),
		Results: []check.Result{
			{Name: "example.com", State: check.Up, Status: 200, Attempts: 1, Duration: 81240 * time.Microsecond},
			{Name: "shop", State: check.Down, Reason: check.Status, Detail: "503 Service Unavailable",
				Status: 503, Attempts: 2, Duration: 43 * time.Millisecond},
		},
	}
	if err := Table(os.Stdout, s, Look{}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// STATE  TARGET       STATUS  DURATION  REASON
	// down   shop            503     43 ms  status: 503 Service Unavailable
	// up     example.com     200   81.2 ms
	//
	// 2 targets in 812 ms: 1 up, 1 down
}

// shown is what a format makes of a summary.
func shown(t *testing.T, s *monitor.Summary, show func(io.Writer, *monitor.Summary) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := show(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// looking is a table of that look.
func looking(l Look) func(io.Writer, *monitor.Summary) error {
	return func(w io.Writer, s *monitor.Summary) error { return Table(w, s, l) }
}

// GOLDEN=write rewrites the files.
func TestGolden(t *testing.T) {
	for name, show := range map[string]func(io.Writer, *monitor.Summary) error{
		"table.txt":          looking(Look{}),
		"table-40.txt":       looking(Look{Width: 40}),
		"table-80.txt":       looking(Look{Width: 80}),
		"table-120.txt":      looking(Look{Width: 120, Height: 100}),
		"table-160.txt":      looking(Look{Width: 160}),
		"table-100.ansi.txt": looking(Look{Width: 100, Colour: true}),
		"summary.json":       JSON,
		"summary.md":         Markdown,
		"summary.xml":        JUnit,
	} {
		t.Run(name, func(t *testing.T) {
			got, file := shown(t, everything(), show), filepath.Join("testdata", name)
			if os.Getenv("GOLDEN") == "write" {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// What the golden files are of has to hold everything that there is.
func TestEverythingIsThere(t *testing.T) {
	states, reasons := map[check.State]int{}, map[check.Reason]bool{}
	s := everything()
	for _, r := range s.Results {
		states[r.State]++
		reasons[r.Reason] = true
	}
	for _, r := range check.Reasons() {
		if !reasons[r] {
			t.Errorf("there is no %s", r)
		}
	}
	if got := []int{states[check.Up], states[check.Degraded], states[check.Down], states[check.NotChecked], len(s.Results)}; !slices.Equal(
		got, []int{s.Up, s.Degraded, s.Down, s.NotChecked, s.Targets}) {
		t.Errorf("counted %v, the summary says %+v", got, s)
	}
}

func TestLine(t *testing.T) {
	for _, test := range []struct {
		s    monitor.Summary
		want string
	}{
		{monitor.Summary{Targets: 1, Up: 1, Duration: check.Milliseconds(12345 * time.Microsecond)}, "1 target in 12.3 ms: 1 up"},
		{monitor.Summary{Targets: 2, Down: 2}, "2 targets in 0 ms: 0 up, 2 down"},
		{monitor.Summary{Targets: 9, Up: 2, Degraded: 1, Down: 2, NotChecked: 4, Flaky: 1, Duration: check.Milliseconds(time.Minute)},
			"9 targets in 60 s: 2 up, 1 degraded, 2 down, 4 not checked, 1 flaky"},
		{monitor.Summary{Targets: 5, Down: 5, VantageUnhealthy: true},
			"5 targets in 0 ms: 0 up, 5 down; the monitor has no network: the states of targets are unknown"},
	} {
		if got := Line(&test.s); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
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
	if len(got.Results) != len(want.Results) || got.Truncated || !reflect.DeepEqual(shown(t, &got, looking(Look{})), shown(t, want, looking(Look{}))) {
		t.Errorf("read again it is\n%s", shown(t, &got, JSON))
	}
}

func TestJSONIsNeverTruncated(t *testing.T) {
	s := &monitor.Summary{Results: make([]check.Result, 3500)}
	for i := range s.Results {
		s.Results[i] = check.Result{Name: strings.Repeat("x", 2000), State: check.Up}
	}
	var b bytes.Buffer
	if err := JSON(&b, s); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b.Bytes(), []byte(`"state":"up"`)); n != len(s.Results) || b.Len() < 6<<20 {
		t.Errorf("%d results in %d bytes", n, b.Len())
	}
}

// A full disk is an error.
func TestWriteErrors(t *testing.T) {
	for name, show := range map[string]func() error{
		"table":    func() error { return Table(full{}, everything(), Look{}) },
		"json":     func() error { return JSON(full{}, everything()) },
		"markdown": func() error { return Markdown(full{}, everything()) },
		"junit":    func() error { return JUnit(full{}, everything()) },
	} {
		if err := show(); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var errFull = errors.New("no space left")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
