package report

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
)

func TestTableOfNothing(t *testing.T) {
	want := "STATE  TARGET  STATUS  DURATION  REASON\n\n0 targets in 0.0 ms: 0 up\n"
	if got := shown(t, &monitor.Summary{}, looking(Look{})); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// hostile are names, and words of servers, that no format may obey.
var hostile = map[string]string{
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
	"marks":             "e" + strings.Repeat("\u0301", 200),
	"markup":            "<script>alert(1)</script><!-- ]]> &amp; --> | a `b` **c** [d](https://evil.example) @team",
	"backslashes":       `\\|\` + "`" + `\\`,
	"emoji":             "👩\u200d👩\u200d👧 ❤\ufe0f 🇩🇪",
}

// saying is a summary with one target that is down.
func saying(text string) *monitor.Summary {
	return &monitor.Summary{Targets: 1, Down: 1, Started: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Results: []check.Result{
		{Name: text, Group: text, URL: text, State: check.Down, Reason: check.BadResponse, Detail: text, Expression: text, Attempts: 1, Phases: check.NoPhases()},
	}}
}

// A name may hold anything, and so may what a server sent: a row stays a row,
// and nothing reaches the terminal that it would obey.
func TestTableHostile(t *testing.T) {
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			got := shown(t, saying(text), looking(Look{}))
			lines := strings.Split(got, "\n")
			if len(lines) != 5 || !strings.HasPrefix(lines[1], "down   ") || lines[3] != "1 target in 0.0 ms: 0 up, 1 down" {
				t.Errorf("the table is broken: %q", lines)
			}
			if i := strings.IndexFunc(got, func(r rune) bool { return r != '\n' && Plain(string(r)) != string(r) }); i >= 0 {
				t.Errorf("%q is in %q", got[i:i+1], got)
			}
		})
	}
}

var escape = regexp.MustCompile("\x1b\\[[0-9;]*m")

// No line is wider than the terminal, none ends in blanks, and colours change
// nothing else.
func TestTableFits(t *testing.T) {
	s := everything()
	for _, text := range hostile {
		s.Results = append(s.Results, saying(text).Results...)
	}
	for _, columns := range []int{20, 21, 22, 27, 33, 40, 59, 60, 61, 79, 80, 81, 99, 119, 120, 121, 135, 160, 200} {
		bare := shown(t, s, looking(Look{Width: columns}))
		for line := range strings.Lines(bare) {
			line = strings.TrimSuffix(line, "\n")
			if width(line) > columns || strings.TrimRight(line, " ") != line {
				t.Errorf("at %d columns there is a line of %d: %q", columns, width(line), line)
			}
		}
		painted := escape.ReplaceAllString(shown(t, s, looking(Look{Width: columns, Colour: true})), "")
		if got, want := strings.Count(painted, "\n"), strings.Count(bare, "\n"); got != want {
			t.Errorf("at %d columns colours make %d lines of %d", columns, got, want)
		}
		if strings.Contains(painted, "\x1b") {
			t.Errorf("at %d columns there is an escape other than a colour", columns)
		}
	}
}

// Every target is there once, whatever the width; the state is a word where
// there is room.
func TestTableHasEveryTarget(t *testing.T) {
	for _, columns := range []int{0, 40, 80, 160} {
		got := shown(t, everything(), looking(Look{Width: columns, Colour: true}))
		for _, r := range everything().Results {
			name := runewidth.Truncate(Plain(r.Name), 12, "")
			if !strings.Contains(got, name) {
				t.Errorf("at %d columns there is no %s", columns, r.Name)
			}
		}
	}
}

// many is a summary of n targets of which every hundredth is down.
func many(n int) *monitor.Summary {
	s := &monitor.Summary{Targets: n, Duration: check.Milliseconds(time.Second)}
	for i := range n {
		r := check.Result{Name: fmt.Sprintf("host-%d.example.com/path", i), Group: "default", State: check.Up, Status: 200, Attempts: 1,
			Phases: took(1, 4, 9, float64(i%5000), 0.5)}
		if r.Duration = r.Phases.Sum(); i%100 == 0 {
			r.State, r.Reason, r.Status, r.Detail = check.Down, check.Status, 503, "503 Service Unavailable"
			s.Down++
		} else {
			s.Up++
		}
		s.Results = append(s.Results, r)
	}
	return s
}

// On a terminal what is up folds; what is not never does. In a pipe nothing
// does.
func TestTableFolds(t *testing.T) {
	for _, test := range []struct {
		targets, height, ups int
		rest                 string
	}{
		{1000, 0, 990, ""},
		{1000, 50, 23, "… and 967 more up, none slower than 9"},
		{1000, 10, 5, "… and 985 more up"},
		{20, 50, 19, ""},
		{40, 50, 39, ""},
		{20_000, 40, 5, "… and 19,795 more up"},
	} {
		got := shown(t, many(test.targets), looking(Look{Width: 100, Height: test.height}))
		if ups := strings.Count(got, "\nup "); ups != test.ups {
			t.Errorf("%d targets on %d rows: %d are up, want %d", test.targets, test.height, ups, test.ups)
		}
		if downs, want := strings.Count(got, "\ndown "), (test.targets+99)/100; downs != want {
			t.Errorf("%d targets on %d rows: %d are down, want %d", test.targets, test.height, downs, want)
		}
		if !strings.Contains(got, test.rest) || strings.Contains(got, "more up") != (test.rest != "") {
			t.Errorf("%d targets on %d rows: no %q in\n%.3000s", test.targets, test.height, test.rest, got)
		}
	}
}

// A bar is as long as its share of the slowest response, and divides into its
// phases.
func TestBars(t *testing.T) {
	rows := func(all ...check.Result) []*check.Result {
		var rows []*check.Result
		for _, r := range all {
			r.Duration, r.Attempts = r.Phases.Sum(), 1
			rows = append(rows, &r)
		}
		return rows
	}
	l := Look{Width: 120}
	for _, test := range []struct {
		of   check.Result
		want string
	}{
		{check.Result{State: check.Up, Phases: took(100, 100, 100, 100, 100)}, "░░░░▒▒▒▒▓▓▓▓████▄▄▄▄"},
		{check.Result{State: check.Up, Phases: took(250)}, "░░░░░░░░░░"},
		{check.Result{State: check.Up, Phases: took(0, 0, 0, 50)}, "██"},
		{check.Result{State: check.Up, Phases: took(0.01)}, "░"},
		{check.Result{State: check.Up, Phases: took(0, 0, 0, 0, 0)}, "░"},
		{check.Result{State: check.Down, Phases: took(0, 5000)}, "▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▸"},
		{check.Result{State: check.Down, Phases: check.NoPhases()}, ""},
	} {
		all := rows(test.of, check.Result{State: check.Up, Phases: took(500)})
		if got := strings.TrimRight(newLayout(all, l).phaseBar(all[0]), " "); got != test.want {
			t.Errorf("%v: %q, want %q", test.of.Phases, got, test.want)
		}
	}
}

// A legend belongs to bars alone.
func TestLegend(t *testing.T) {
	for columns, want := range map[int]bool{0: false, 40: false, 79: false, 80: true, 160: true} {
		if got := strings.Contains(shown(t, everything(), looking(Look{Width: columns})), "a full bar: 2000.0 ms"); got != want {
			t.Errorf("at %d columns: %v", columns, got)
		}
	}
}

func BenchmarkTable(b *testing.B) {
	for _, l := range []Look{{}, {Width: 120, Colour: true}} {
		b.Run(fmt.Sprintf("width=%d", l.Width), func(b *testing.B) {
			s := many(10_000)
			for b.Loop() {
				if err := Table(nowhere{}, s, l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkJSON(b *testing.B) {
	s := many(10_000)
	for b.Loop() {
		if err := JSON(nowhere{}, s); err != nil {
			b.Fatal(err)
		}
	}
}

// nowhere is io.Discard without its shortcuts.
type nowhere struct{}

// Write takes everything.
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
