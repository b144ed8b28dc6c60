package report

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
)

func TestTableOfNothing(t *testing.T) {
	want := "STATE  TARGET  STATUS  DURATION  REASON\n\n0 targets in 0 ms: 0 up\n"
	if got := shown(t, &monitor.Summary{}, looking(Look{})); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// hostile are names, and texts of servers, that no format may obey: a name and
// a quoted string a line.
func hostile(t *testing.T) map[string]string {
	t.Helper()
	file, err := os.ReadFile("testdata/hostile.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for line := range strings.Lines(string(file)) {
		name, quoted, _ := strings.Cut(strings.TrimSpace(line), ": ")
		text, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all[name] = text
	}
	if len(all) < 20 {
		t.Fatalf("only %d hostile strings", len(all))
	}
	return all
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
	for name, text := range hostile(t) {
		t.Run(name, func(t *testing.T) {
			got := shown(t, saying(text), looking(Look{}))
			lines := strings.Split(got, "\n")
			if len(lines) != 5 || !strings.HasPrefix(lines[1], "down   ") || lines[3] != "1 target in 0 ms: 0 up, 1 down" {
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
	for _, text := range hostile(t) {
		s.Results = append(s.Results, saying(text).Results...)
	}
	for columns := 1; columns <= 1000; columns += 1 + columns/12 {
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

// On a terminal what is up folds first, then what is not up for the same reason
// as others. In a pipe nothing does.
func TestTableFolds(t *testing.T) {
	for _, test := range []struct {
		targets, height, ups, downs int
		rest, like                  string
	}{
		{1000, 0, 990, 10, "", ""},
		{1000, 50, 22, 10, "… and 968 more up, none slower than 9", ""},
		{1000, 10, 5, 3, "… and 985 more up", "… 7 more like it (status 503): host-"},
		{20, 50, 19, 1, "", ""},
		{40, 50, 39, 1, "", ""},
		{20_000, 40, 5, 15, "… and 19,795 more up", "… 185 more like it (status 503): host-1"},
	} {
		got := shown(t, many(test.targets), looking(Look{Width: 100, Height: test.height}))
		if ups := strings.Count(got, "\nup "); ups != test.ups {
			t.Errorf("%d targets on %d rows: %d are up, want %d", test.targets, test.height, ups, test.ups)
		}
		if downs := strings.Count(got, "\ndown "); downs != test.downs {
			t.Errorf("%d targets on %d rows: %d are down, want %d", test.targets, test.height, downs, test.downs)
		}
		if !strings.Contains(got, test.rest) || strings.Contains(got, "more up") != (test.rest != "") || !strings.Contains(got, test.like) {
			t.Errorf("%d targets on %d rows: no %q or %q in\n%.3000s", test.targets, test.height, test.rest, test.like, got)
		}
	}
}

// Those that are left out are named as far as the line holds; "…" says that some are not.
func TestTableNamesWhatItFolds(t *testing.T) {
	for size, want := range map[Look]string{
		{Width: 100, Height: 10}: "\n… 2 more like it (status 503): host-100.example.com/path, host-0.example.com/path\n",
		{Width: 81, Height: 10}:  "\n… 2 more like it (status 503): host-100.example.com/path, host-0.example.com/path\n",
		{Width: 80, Height: 10}:  "\n… 2 more like it (status 503): host-100.example.com/path, …\n",
		{Width: 40, Height: 10}:  "\n… 2 more like it (status 503)\n",
	} {
		if got := shown(t, many(500), looking(size)); !strings.Contains(got, want) {
			t.Errorf("%d columns: no %q in\n%.3000s", size.Width, want, got)
		}
	}
}

// Lines below the table take rows of it.
func TestTableMakesRoomForNotes(t *testing.T) {
	s := many(200)
	for i := range s.Results {
		s.Results[i].State, s.Results[i].Reason, s.Results[i].Detail = check.Up, check.OK, ""
	}
	before := strings.Count(shown(t, s, looking(Look{Width: 100, Height: 30})), "\n")
	s.Results[7].Duration = 9 * time.Second
	got := shown(t, s, looking(Look{Width: 100, Height: 30}))
	if lines := strings.Count(got, "\n"); lines != before || !strings.Contains(got, "\n1 target is slow, ") {
		t.Errorf("%d lines, without a slow target %d:\n%s", lines, before, got)
	}
}

// What an interrupted run did not begin is one line.
func TestTableFoldsWhatDidNotBegin(t *testing.T) {
	s := many(100_000)
	for i := range s.Results[1100:] {
		s.Results[1100+i] = check.Result{Name: s.Results[1100+i].Name, State: check.NotChecked, Reason: check.Unstarted,
			Detail: "the run ended before its turn came", Phases: check.NoPhases()}
	}
	got := shown(t, s, looking(Look{Width: 80, Height: 24}))
	if lines := strings.Count(got, "\n"); lines > 24 || !strings.Contains(got, "\n98,900 not checked: the run ended before their turn came\n") {
		t.Errorf("%d lines:\n%.3000s", lines, got)
	}
	if got = shown(t, s, looking(Look{})); strings.Count(got, "\nnot_checked  host") != 98_900 {
		t.Error("in a pipe not every target has its line")
	}
}

func TestTally(t *testing.T) {
	result := func(state check.State, reason check.Reason, status int) *check.Result {
		return &check.Result{State: state, Reason: reason, Status: status}
	}
	a, b := result(check.Down, check.Status, 404), result(check.Down, check.DNSNotFound, 0)
	c, d := result(check.Degraded, check.Expectation, 200), result(check.Down, check.Status, 503)
	for want, rows := range map[string][]*check.Result{
		"":             {a, b, d, c},
		"2 status 404": {a, a},
		"2 dns_not_found · 1 status 503 · 3 expectation (degraded)": {d, b, b, c, c, c},
	} {
		problems, n := monitor.Problems(append(rows, result(check.Up, check.OK, 200)))
		if got := tally(problems); got != want || n != len(rows) {
			t.Errorf("%d of %d: got %q, want %q", n, len(rows), got, want)
		}
	}
	var all []*check.Result
	for status := range 1000 {
		all = append(all, result(check.Down, check.Status, status), a)
	}
	problems, _ := monitor.Problems(all)
	if got := tally(problems); got != "1,001 status 404 · 999 with other reasons" {
		t.Errorf("got %q", got)
	}
}

// Names are cut on a terminal only, where there is no room, and in the middle.
func TestNamesAreWhole(t *testing.T) {
	s := many(2)
	s.Results[0].Name = "shop.example.com/api/v1/customers/orders/health/live"
	s.Results[1].Name = "shop.example.com/" + strings.Repeat("api/", 50) + "health/ready"
	got := shown(t, s, looking(Look{}))
	for _, r := range s.Results {
		if !strings.Contains(got, r.Name+"  ") {
			t.Errorf("no %s in\n%s", r.Name, got)
		}
	}
	for columns, want := range map[int]string{60: "shop.example.com/…/health/live ", 80: "shop.example.com/api/…/api/api/health/ready ", 200: s.Results[0].Name} {
		if got := shown(t, s, looking(Look{Width: columns})); !strings.Contains(got, want) {
			t.Errorf("at %d columns there is no %s in\n%s", columns, want, got)
		}
	}
}

// In a pipe the columns are aligned, unless a name is very long.
func TestNamesAreAligned(t *testing.T) {
	s := many(20)
	s.Results[3].Name = "shop.example.com/" + strings.Repeat("api/", 20) + "health"
	lines := strings.Split(shown(t, s, looking(Look{})), "\n")
	column := strings.Index(lines[0], "STATUS")
	for _, line := range lines[1:21] {
		if _, err := strconv.Atoi(line[column+len("STATUS")-3 : column+len("STATUS")]); err != nil {
			t.Errorf("%q is not below %q", line, lines[0])
		}
	}
}

func TestSnipMiddle(t *testing.T) {
	for _, text := range []string{"shop.example.com/api/v1/customers/orders/health/live", strings.Repeat("界", 40), strings.Repeat("x", 70), "a/" + strings.Repeat("界", 40) + "/b", "/////////////"} {
		for n := 2; n < 90; n++ {
			got := snipMiddle(text, n)
			if width(got) > n || width(text) <= n && got != text || n > 20 && width(text) > n && width(got) < n/3 {
				t.Errorf("snipMiddle(%q, %d) = %q, %d columns", text, n, got, width(got))
			}
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
		if got := strings.TrimRight(newLayout([]block{{rows: all}}, 500*ms, l).phaseBar(all[0]), " "); got != test.want {
			t.Errorf("%v: %q, want %q", test.of.Phases, got, test.want)
		}
	}
}

// A legend belongs to bars alone.
func TestLegend(t *testing.T) {
	for columns, want := range map[int]bool{0: false, 40: false, 79: false, 80: true, 160: true} {
		if got := strings.Contains(shown(t, everything(), looking(Look{Width: columns})), "a full bar: 1.5 s"); got != want {
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

// In a watch, rows of the same state stay where they are while all have room.
func TestTableSteady(t *testing.T) {
	s := many(12)
	for height, first := range map[int]string{60: "host-1.", 20: "host-11."} {
		_, up, _ := strings.Cut(shown(t, s, looking(Look{Width: 100, Height: height, Steady: true})), "\nup ")
		if !strings.HasPrefix(strings.TrimSpace(up), first) {
			t.Errorf("in %d rows the first that is up is not %s: %.100q", height, first, up)
		}
	}
}
