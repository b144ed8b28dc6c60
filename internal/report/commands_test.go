package report

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
)

// TestNoWordIsACommand: what a server or a list says commands no pipeline that
// reads an output as its log: Azure's obeys ##vso[ anywhere in a line, GitHub's
// ##[ too, and :: at a line's start.
func TestNoWordIsACommand(t *testing.T) {
	const words = "##vso[task.complete result=Succeeded;]##[add-path]x ::set-output name=a::b " + "::error::x"
	result := func(state check.State) check.Result {
		return check.Result{
			Name: words, Group: words, URL: words, State: state, Reason: check.Expectation, Detail: words, Expression: words,
			Flaky: true, Attempts: 2, Phases: check.NoPhases(), Redirects: []string{words}, Certificate: &check.Certificate{Subject: words, Issuer: words},
		}
	}
	s := &monitor.Summary{Version: "1", Targets: 4, Warnings: []string{words},
		Results: []check.Result{result(check.Up), result(check.Degraded), result(check.Down), result(check.NotChecked)}}
	for name, write := range map[string]func(io.Writer) error{
		"JSON": func(w io.Writer) error { return JSON(w, s) }, "JUnit": func(w io.Writer) error { return JUnit(w, s) },
		"Markdown": func(w io.Writer) error { return Markdown(w, s) }, "table": func(w io.Writer) error { return Table(w, s, Look{}) },
		"narrow table": func(w io.Writer) error { return Table(w, s, Look{Width: 40}) },
		"changes": func(w io.Writer) error {
			before := &monitor.Summary{Results: []check.Result{{Name: words, State: check.Up}}}
			_, err := io.WriteString(w, strings.Join(Changes(before, &monitor.Summary{Results: s.Results[2:3]}, Look{}), "\n"))
			return err
		},
	} {
		var out bytes.Buffer
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if strings.Contains(line, "##vso[") || strings.Contains(line, "##[") || strings.HasPrefix(strings.TrimSpace(line), "::") {
				t.Errorf("%s: %s", name, line)
			}
		}
		if name == "JSON" {
			var same monitor.Summary
			if err := json.Unmarshal(out.Bytes(), &same); err != nil || same.Results[0].Name != words || same.Results[2].Detail != words || same.Warnings[0] != words {
				t.Errorf("JSON means something else: %v", err)
			}
		}
	}
}
