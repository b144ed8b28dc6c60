package report

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
)

// While the monitor has no network, nothing has failed.
func TestJUnitWithoutNetwork(t *testing.T) {
	s := everything()
	if got := shown(t, s, JUnit); strings.Count(got, "<failure") != s.Down || strings.Count(got, "<error") != s.NotChecked {
		t.Errorf("with a network: %s", got)
	}
	s.VantageUnhealthy = true
	if got := shown(t, s, JUnit); strings.Count(got, "<failure") != 0 || strings.Count(got, "<error") != s.Down+s.NotChecked {
		t.Errorf("without a network: %s", got)
	}
}

func TestMarkdownWarns(t *testing.T) {
	if got := shown(t, &monitor.Summary{Targets: 2, Down: 2, VantageUnhealthy: true}, Markdown); !strings.Contains(got, "> **Warning:** the monitor has no network") {
		t.Errorf("nothing warns:\n%s", got)
	}
}

// Whatever a name holds, nothing of it means anything in Markdown or HTML: it
// stands in a code span that it can't end, or as entities.
func TestMarkdownEscapes(t *testing.T) {
	for name, text := range hostile(t) {
		got := shown(t, saying(text), Markdown)
		cells := strings.Split(got[strings.Index(got, "| 🔴"):], "|")
		if len(cells) != 7 {
			t.Errorf("%s: %d cells: %q", name, len(cells)-2, cells)
		}
		for _, cell := range []string{cells[2], cells[5]} {
			cell = strings.TrimSpace(cell)
			forbidden, inside, isSpan := "<>`*_[]\\~$@\x1b", strings.NewReplacer("<code>", "", "</code>", "").Replace(cell), false
			if strings.HasPrefix(cell, "`") && strings.HasSuffix(cell, "`") {
				forbidden, inside, isSpan = "`|\x1b", cell[1:len(cell)-1], true
			}
			if strings.ContainsAny(inside, forbidden) || !isSpan && strings.Contains(inside, "://") {
				t.Errorf("%s: not escaped: %q", name, cell)
			}
		}
	}
}

// What is plain stays readable in the raw text.
func TestMarkdownIsReadable(t *testing.T) {
	for text, want := range map[string]string{
		"www.example.com/a_b?x&y": "`www.example.com/a_b?x&y`", "duration < 300: 345.0": "`duration < 300: 345.0`", "": "",
		"a|b": "<code>a&#124;b</code>", "a <b>": "<code>a &lt;b&gt;</code>", " a": "<code> a</code>", "@team": "<code>&#64;team</code>",
	} {
		if got := code(text); got != want {
			t.Errorf("code(%q) = %q, want %q", text, got, want)
		}
	}
	for url, want := range map[string]string{
		"https://a.example/b?…": "https://a.example/b", "https://a.example/(b)": "", "https://a.example/b#c": "", "ftp://a.example": "", "": "", "https://": "",
		"javascript:x": "", "https://a.example/::error::": "", "https://[2001:db8::1]/": "",
	} {
		if got := link(&check.Result{URL: url}); got != want {
			t.Errorf("link(%q) = %q, want %q", url, got, want)
		}
	}
}

// However many targets there are, and whatever their names, Markdown stays
// below what GitHub shows, and says what it leaves out.
func TestMarkdownIsBounded(t *testing.T) {
	s := many(20_000)
	got := shown(t, s, Markdown)
	for _, want := range []string{"| 🔴 down | … 100 more like it |  |  | `status 503` |", "| 🟢 up | … 19,300 more up, none slower than 4.9 s |", "200 status 503.\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%.2000s", want, got)
		}
	}
	reasons := check.Reasons()
	for i := range s.Results {
		r := &s.Results[i]
		r.Name, r.Detail = strings.Repeat("<|", 1000)+r.Name, strings.Repeat("@", 2000)
		if r.State == check.Up && i%2 == 0 {
			r.State, r.Reason, r.Status = check.Down, reasons[i%len(reasons)], i%1000
		}
	}
	if got = shown(t, s, Markdown); len(got) > mostMarkdown || len(got) < mostMarkdown/2 || !strings.HasSuffix(got, "</details>\n") {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-20:])
	}
}

func TestExpiring(t *testing.T) {
	s := everything()
	if got := expiring(s, Plain); got != "" {
		t.Errorf("got %q of one that is down for it", got)
	}
	for i, days := range []float64{.9, 13.9, 14, -3.5, 5} {
		s.Results[len(s.Results)-1-i].Certificate = &check.Certificate{
			Subject: fmt.Sprint(i), DaysLeft: days, NotAfter: s.Started.Add(time.Duration(days * 24 * float64(time.Hour)))}
	}
	const want = "4 certificates expire within 14 days: "
	got := expiring(s, Plain)
	if !strings.HasPrefix(got, want) || !strings.Contains(got, ", expired 3 days ago; ") || !strings.Contains(got, ", tomorrow; ") || !strings.HasSuffix(got, ", in 5 days; 1 more") {
		t.Errorf("got %q", got)
	}
	for name, show := range map[string]func(io.Writer, *monitor.Summary) error{"table": looking(Look{}), "Markdown": Markdown, "JUnit": JUnit} {
		if out := shown(t, s, show); !strings.Contains(out, "certificates expire within 14 days: ") && !strings.Contains(out, "certificate expires tomorrow") {
			t.Errorf("%s does not say so:\n%s", name, out)
		}
	}
}
