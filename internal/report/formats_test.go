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
