package report

import (
	"strings"
	"testing"

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

// Whatever a name holds, nothing of it means anything in Markdown or HTML.
func TestMarkdownEscapes(t *testing.T) {
	for name, text := range hostile(t) {
		got := shown(t, saying(text), Markdown)
		cells := strings.Split(got[strings.Index(got, "| 🔴"):], "|")
		if len(cells) != 7 {
			t.Errorf("%s: %d cells: %q", name, len(cells)-2, cells)
		}
		for _, cell := range cells {
			inside := strings.NewReplacer("<code>", "", "</code>", "").Replace(strings.TrimPrefix(cell, " 🔴"))
			if strings.ContainsAny(inside, "<>`*_[]\\~$@\x1b") || strings.Contains(inside, "://") {
				t.Errorf("%s: not escaped: %q", name, cell)
			}
		}
	}
}
