package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/joshdk/go-junit"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
)

// A parser that no one here wrote has to find in JUnit's XML what we put there.
func TestJUnitIsRead(t *testing.T) {
	suites, err := junit.Ingest([]byte(shown(t, everything(), JUnit)))
	if err != nil {
		t.Fatal(err)
	}
	if len(suites) != 2 || suites[0].Name != "default" || suites[1].Name != "shop" {
		t.Fatalf("the suites are %+v", suites)
	}
	found := map[string]junit.Test{}
	for _, suite := range suites {
		for _, test := range suite.Tests {
			found[test.Name] = test
		}
	}
	want := map[check.State]junit.Status{
		check.Up: junit.StatusPassed, check.Degraded: junit.StatusPassed, check.Down: junit.StatusFailed, check.NotChecked: junit.StatusError,
	}
	for _, r := range everything().Results {
		test := found[r.Name]
		if test.Status != want[r.State] || test.Classname != r.Group || test.Duration != max(r.Duration, 0) {
			t.Errorf("%s, which is %s after %v, is %+v", r.Name, r.State, r.Duration, test)
		}
		if want[r.State] == junit.StatusPassed {
			continue
		}
		var failure junit.Error
		switch e := test.Error.(type) {
		case junit.Error:
			failure = e
		case *junit.Error:
			failure = *e
		}
		if failure.Type != r.Reason.String() || failure.Message != r.Detail || !strings.Contains(failure.Body, r.URL) {
			t.Errorf("%s: %+v", r.Name, test.Error)
		}
	}
	if late := found["late.example"]; !strings.Contains(late.SystemOut, "degraded: expectation: duration < 300") {
		t.Errorf("nothing says that it is degraded: %+v", late)
	}
}

// Where nothing could be seen, nothing has failed.
func TestJUnitOfABlindRun(t *testing.T) {
	s := everything()
	s.VantageUnhealthy = true
	suites, err := junit.Ingest([]byte(shown(t, s, JUnit)))
	if err != nil {
		t.Fatal(err)
	}
	for _, suite := range suites {
		if suite.Totals.Failed != 0 || suite.Totals.Error == 0 {
			t.Errorf("%+v", suite.Totals)
		}
	}
}

func TestJUnitHostile(t *testing.T) {
	for name, text := range hostile {
		suites, err := junit.Ingest([]byte(shown(t, saying(text), JUnit)))
		if err != nil || len(suites) != 1 || len(suites[0].Tests) != 1 {
			t.Errorf("%s: error %v, suites %+v", name, err, suites)
			continue
		}
		if got := suites[0].Tests[0].Name; got != Plain(text) && strings.TrimSpace(got) != strings.TrimSpace(Plain(text)) {
			t.Errorf("%s: the name is %q, want %q", name, got, Plain(text))
		}
	}
}

// rendered is what a pipeline's page makes of our Markdown; HTML in it is kept
// as it is.
func rendered(t *testing.T, s *monitor.Summary) string {
	t.Helper()
	var b bytes.Buffer
	page := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	if err := page.Convert([]byte(shown(t, s, Markdown)), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMarkdownIsRead(t *testing.T) {
	page := rendered(t, everything())
	if rows, want := strings.Count(page, "<tr>"), len(everything().Results)+2; rows != want {
		t.Errorf("%d rows, want %d", rows, want)
	}
	for _, want := range []string{
		"<h2>Rollcall: 26 of 35 targets are down</h2>", "<summary>4 up</summary>", "<code>broken.example/health</code>",
		"<code>status: 503 Service Unavailable</code>", "a placeholder was left as it is", "</details>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}

func TestMarkdownWarns(t *testing.T) {
	if got := shown(t, &monitor.Summary{Targets: 2, Down: 2, VantageUnhealthy: true}, Markdown); !strings.Contains(got, "> **Warning:** the monitor has no network") {
		t.Errorf("nothing warns:\n%s", got)
	}
}

// Whatever a name holds, the table has its row, the row its cells, and each
// cell nothing but the text.
func TestMarkdownHostile(t *testing.T) {
	for name, text := range hostile {
		page := rendered(t, saying(text))
		if strings.Count(page, "<tr>") != 2 || strings.Count(page, "<td") != 5 {
			t.Errorf("%s breaks the table:\n%s", name, page)
		}
		for _, tag := range []string{"<script", "<a ", "<strong", "<em", "<!--", "\x1b"} {
			if strings.Contains(page, tag) {
				t.Errorf("%s brings %q in:\n%s", name, tag, page)
			}
		}
	}
}
