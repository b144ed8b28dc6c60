// Package report_test has the report's formats read by programs that no one
// here wrote.
package report_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/joshdk/go-junit"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/report"
)

const testdata = "../../internal/report/testdata/"

// everything is a summary that has every state and every reason.
func everything(t *testing.T) *monitor.Summary {
	t.Helper()
	text, err := os.ReadFile(testdata + "summary.json")
	if err != nil {
		t.Fatal(err)
	}
	var s monitor.Summary
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// hostile are names, and texts of servers, that no format may obey.
func hostile(t *testing.T) map[string]string {
	t.Helper()
	file, err := os.ReadFile(testdata + "hostile.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for line := range strings.Lines(string(file)) {
		name, quoted, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if all[name], err = strconv.Unquote(quoted); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return all
}

// saying is a summary with one target that is down.
func saying(text string) *monitor.Summary {
	return &monitor.Summary{Targets: 1, Down: 1, Started: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Results: []check.Result{
		{Name: text, Group: text, URL: text, State: check.Down, Reason: check.BadResponse, Detail: text, Expression: text, Attempts: 1, Phases: check.NoPhases()},
	}}
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

// A parser that no one here wrote has to find in JUnit's XML what we put there.
func TestJUnitIsRead(t *testing.T) {
	suites, err := junit.Ingest([]byte(shown(t, everything(t), report.JUnit)))
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
	for _, r := range everything(t).Results {
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

func TestJUnitHostile(t *testing.T) {
	for name, text := range hostile(t) {
		suites, err := junit.Ingest([]byte(shown(t, saying(text), report.JUnit)))
		if err != nil || len(suites) != 1 || len(suites[0].Tests) != 1 {
			t.Errorf("%s: error %v, suites %+v", name, err, suites)
			continue
		}
		if got := suites[0].Tests[0].Name; got != report.Plain(text) && strings.TrimSpace(got) != strings.TrimSpace(report.Plain(text)) {
			t.Errorf("%s: the name is %q, want %q", name, got, report.Plain(text))
		}
	}
}

// rendered is what a pipeline's page makes of our Markdown; HTML in it is kept
// as it is.
func rendered(t *testing.T, s *monitor.Summary) string {
	t.Helper()
	var b bytes.Buffer
	page := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	if err := page.Convert([]byte(shown(t, s, report.Markdown)), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMarkdownIsRead(t *testing.T) {
	page := rendered(t, everything(t))
	if rows, want := strings.Count(page, "<tr>"), len(everything(t).Results)+2; rows != want {
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

// Whatever a name holds, the table has its row, the row its cells, and each
// cell nothing but the text.
func TestMarkdownHostile(t *testing.T) {
	for name, text := range hostile(t) {
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
