package plan

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rollcall/internal/check"
	"rollcall/internal/list"
)

// inputs are what the events of testdata refer to.
func inputs() Inputs {
	env := map[string]string{
		"TOKEN":                 "t0k3n",
		"EMPTY":                 "",
		"TWO_LINES":             "one\ntwo",
		"AWS_SECRET_ACCESS_KEY": "MARKER",
		"LAMBDA_TASK_ROOT":      "MARKER",
		"_HANDLER":              "MARKER",
		"aws_x":                 "lower case is not refused",
	}
	return Inputs{
		Sources: filesOf(os.DirFS("testdata/source")),
		Lookup:  func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Permit:  Grants{{Env, "TOKEN", "*"}, {Env, "EMPTY", "*"}, {Env, "TWO_LINES", "*"}, {Env, "UNSET", "*"}, {Env, "aws_x", "*.example"}}.Permit,
	}
}

func filesOf(files fs.FS) map[string]Source {
	return map[string]Source{"file": Files(files)}
}

func parse(event []byte, in Inputs) (*Plan, error) {
	return Parse(context.Background(), bytes.NewReader(event), in)
}

// parseLines reads a list that says what it is by its content.
func parseLines(ctx context.Context, r io.Reader, in Inputs) (*Plan, error) {
	return ParseInput(ctx, r, list.Options{}, in)
}

// Each file of testdata/invalid holds one fault; the text beside it is the
// error, to the letter. GOLDEN=write writes the texts.
func TestInvalidEvents(t *testing.T) {
	forEachEvent(t, "invalid", func(t *testing.T, data []byte) string {
		got, err := parse(data, inputs())
		if err == nil {
			t.Fatalf("Parse = %d targets, want an error", len(got.Targets))
		}
		if _, ok := err.(*InvalidEventError); !ok {
			t.Fatalf("Parse = %T, want an *InvalidEventError itself", err)
		}
		return err.Error() + "\n"
	})
}

// Each file of testdata/valid is an event; the text beside it is its plan.
func TestValidEvents(t *testing.T) {
	forEachEvent(t, "valid", func(t *testing.T, data []byte) string {
		got, err := parse(data, inputs())
		if err != nil {
			t.Fatal(err)
		}
		return describe(got)
	})
}

func forEachEvent(t *testing.T, folder string, text func(*testing.T, []byte) string) {
	for _, file := range eventFiles(t, folder) {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			got := text(t, readFile(t, file))
			golden := strings.TrimSuffix(file, ".json") + ".txt"
			if os.Getenv("GOLDEN") == "write" {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := string(readFile(t, golden)); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func eventFiles(tb testing.TB, folder string) []string {
	files, err := filepath.Glob("testdata/" + folder + "/*.json")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no events in %s: %v", folder, err)
	}
	return files
}

func readFile(tb testing.TB, name string) []byte {
	data, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// describe writes a plan for people: what differs from the built-in settings
// only.
func describe(p *Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "metrics %q", p.Metrics)
	if p.PerHost != 0 {
		fmt.Fprintf(&b, ", perHost %d", p.PerHost)
	}
	if !p.Scheduled.IsZero() {
		fmt.Fprintf(&b, ", scheduled %s", p.Scheduled)
	}
	b.WriteString("\n")
	for _, flag := range []struct {
		name string
		on   bool
	}{{"history", p.History}, {"witness", p.Witness}, {"begin", p.Begin.Of > 0}, {"sum", p.Sum.Of > 0}} {
		if flag.on {
			fmt.Fprintf(&b, "%s\n", flag.name)
		}
	}
	if step := (Step{p.Begin.Of + p.Sum.Of, p.Begin.Execution + p.Sum.Execution}); step.Of > 0 {
		fmt.Fprintf(&b, "of %d, execution %q, run %q, source %q\n", step.Of, step.Execution, p.Run, p.Source)
		if p.Sum.Of > 0 {
			fmt.Fprintf(&b, "list %q\n", p.Version)
		}
	}
	if p.Part.Of != 0 {
		fmt.Fprintf(&b, "part %d of %d, run %q, until %s\n", p.Part.Index, p.Part.Of, p.Run, p.Until)
	}
	for _, w := range p.Maintenance {
		fmt.Fprintf(&b, "maintenance %s\n", w)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Groups)) {
		if g := p.Groups[name]; g.Title != "" || g.Alert != nil || len(g.Maintenance) > 0 {
			fmt.Fprintf(&b, "group %s: title %q, alert %s, maintenance %s\n", name, g.Title, describeAlert(g.Alert), g.Maintenance)
		}
	}
	for _, w := range p.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	for _, t := range p.Targets {
		fmt.Fprintf(&b, "\n%s\n  group %s\n  shown %s\n", t.Name, t.Group, t.RedactedURL)
		if t.Invalid != "" {
			fmt.Fprintf(&b, "  invalid %s\n", t.Invalid)
			continue
		}
		if t.Title != "" || t.Link != "" {
			fmt.Fprintf(&b, "  title %q\n  link %s\n", t.Title, t.Link)
		}
		fmt.Fprintf(&b, "  URL %s\n%s", t.URL, describeSettings(t.Settings))
	}
	return b.String()
}

func describeSettings(s *check.Settings) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.Header)) {
		fmt.Fprintf(&b, "  header %s: %q\n", name, s.Header[name])
	}
	std := builtIn().settings
	httpVersions := [...]string{"1.1", "2", "auto"}
	for _, f := range []struct {
		name      string
		got, want any
	}{
		{"method", s.Method, std.Method},
		{"body", s.Body, std.Body},
		{"userAgent", s.UserAgent, std.UserAgent},
		{"timeout", s.Timeout, std.Timeout},
		{"redirects", s.Redirects, std.Redirects},
		{"retries", s.Retries, std.Retries},
		{"maxBody", s.MaxBody, std.MaxBody},
		{"noCookies", s.NoCookies, std.NoCookies},
		{"ip", s.IP, std.IP},
		{"http", httpVersions[s.HTTP], httpVersions[std.HTTP]},
		{"tls", fmt.Sprintf("{%s %t %d}", s.TLS.ServerName, s.TLS.InsecureSkipVerify, s.TLS.MinVersion), "{ false 0}"},
		{"legacy cipher suites", s.TLS.LegacyCiphers, false},
		{"client certificate", s.TLS.ClientCertificate, ""},
		{"client key", s.TLS.ClientKey, ""},
		{"expect", fmt.Sprint(s.Expect), fmt.Sprint(std.Expect)},
		{"warn", fmt.Sprint(s.Warn), fmt.Sprint(std.Warn)},
		{"public", s.Public, false},
		{"alert", describeAlert(s.Alert), describeAlert(nil)},
	} {
		if f.got != f.want {
			fmt.Fprintf(&b, "  %s %v\n", f.name, f.got)
		}
	}
	return b.String()
}

func describeAlert(a *check.Alert) string {
	if a == nil {
		return "of the stack"
	}
	return fmt.Sprintf("%+v", *a)
}

// Each file of testdata/doubtful is an event that Parse takes, with a target that
// can't be checked or with a warning; the text beside it says which.
func TestDoubtfulEvents(t *testing.T) {
	forEachEvent(t, "doubtful", func(t *testing.T, data []byte) string {
		p, err := parse(data, inputs())
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Invalid) == 0 && len(p.Warnings) == 0 {
			t.Error("there is nothing wrong with it")
		}
		var b strings.Builder
		for _, problem := range p.Invalid {
			fmt.Fprintf(&b, "%s\n", problem)
		}
		for _, w := range p.Warnings {
			fmt.Fprintf(&b, "warning: %s\n", w)
		}
		return b.String()
	})
}
