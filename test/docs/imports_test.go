// Package docs_test holds what is true of the whole tree: which package
// may import which, what every package has, and which words documents use.
package docs_test

import (
	"fmt"
	"go/ast"
	"go/doc"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"rollcall/test/tree"
)

const (
	module     = tree.Module + "/"
	aws        = "github.com/aws/aws-sdk-go-v2/"
	everything = "everything"
	plainest   = "test/bench/plainest" // a function of the benchmark, to compare ours with
)

// mayImport says for each package of the product which of ours it may import.
// Data travels one way, from plan to report, and only main packages know all of
// it. A new package is a new row.
var mayImport = map[string][]string{
	"cmd/rollcall":        {everything}, // but functions, which are main packages
	"functions/check":     {"config", "sweep", "monitor", "publish", "cloud", "cloud/s3", "cloud/secrets", "cloud/sns", "page", "probe", "check", "resolve", "secret", "text", "remember", "message"},
	"cmd/rollcall-notify": {"history", "message", "messenger", "notify"},
	"functions/notify":    {"cloud", "cloud/secrets", "cloud/sns", "cloud/sqs", "message", "notify", "plan", "secret"},

	"internal/text":          {},
	"internal/pause":         {},
	"internal/check":         {},
	"internal/expect":        {"check", "redact", "weburl"},
	"internal/guard":         {},
	"internal/maintenance":   {},
	"internal/weburl":        {"guard"},
	"internal/redact":        {},
	"internal/list":          {"text", "weburl"},
	"internal/plan":          {"check", "expect", "guard", "list", "maintenance", "redact", "text", "weburl"},
	"internal/content":       {"text"},
	"internal/probe":         {"content", "check", "expect", "guard", "redact", "weburl", "wire", "resolve", "trust"},
	"internal/wire":          {},
	"internal/resolve":       {"wire"},
	"internal/trust":         {},
	"internal/sweep":         {"check", "pause", "weburl"},
	"internal/metric":        {"check"},
	"internal/cloud":         {},
	"internal/cloud/s3":      {"cloud", "plan"},
	"internal/cloud/secrets": {"cloud", "pause"},
	"internal/cloud/sns":     {"cloud"},
	"internal/cloud/sqs":     {"cloud"},
	"internal/secret":        {"plan"},
	"internal/publish":       {"metric", "pause"},
	"internal/config":        {"check", "guard", "maintenance", "plan", "sweep", "metric", "text"},
	"internal/history":       {},
	"internal/message":       {"check", "history", "text"},
	"internal/notify":        {"message"},
	"internal/messenger":     {"message"},
	"internal/remember":      {"history", "message"},
	"internal/tally":         {"check", "history", "list", "metric", "plan", "sweep"},
	"internal/monitor":       {"check", "config", "history", "maintenance", "message", "plan", "remember", "sweep", "metric", "tally", "text"},
	"internal/cost":          {"plan", "metric", "text", "weburl"},
	"internal/page":          {"monitor", "check", "redact", "text"},
	"internal/report":        {"monitor", "check", "text"},
	"internal/manual":        {},
	"internal/testnet":       {"pause", "wire"},
}

// testsMayImport says the same for those packages of the tests that know less
// than everything of the product: what is compared with it, and what judges it.
var testsMayImport = map[string][]string{
	"test/bench/peer":      {},
	"test/bench/pool":      {"test/bench/peer"},
	"test/bench/handshake": {"test/bench/peer"},
	plainest:               {},
	"test/alarm":           {"test/cloudformation", "test/ministack"},
	"test/cloudformation":  {},
	"test/faults":          {"testnet", "pause"},
	"test/s3":              {"testnet"},
	"test/sns":             {"testnet"},
	"test/vault":           {"testnet"},
	"test/ministack":       {"test/listeners"},
	"test/listeners":       {},
	"test/meter":           {"testnet", "pause", "wire"},
}

// mayImportAWS says who alone may import a part of the AWS SDK: a package for each
// of its services that we use, and main packages read the configuration.
var mayImportAWS = map[string][]string{
	aws + "service/": {"internal/cloud/s3", "internal/cloud/sns", "internal/cloud/sqs", "internal/publish"},
	aws + "config":   {"functions/check", "functions/notify", "cmd/rollcall"},
}

func TestImports(t *testing.T) {
	for _, problem := range importProblems(tree.Parse(t, os.DirFS(tree.Root))) {
		t.Error(problem)
	}
}

// The checker has to see what it is there for.
func TestWrongImportsAreFound(t *testing.T) {
	tests := []struct {
		file, imports string
		want          string // "" is right
	}{
		{"internal/plan/plan.go", module + "internal/check", ""},
		{"internal/plan/plan.go", module + "internal/sweep", "internal/plan/plan.go imports internal/sweep; internal/plan may import [check expect guard list maintenance redact text weburl]"},
		{"internal/wire/wire.go", module + "internal/probe", "internal/wire/wire.go imports internal/probe; internal/wire may import []"},
		{"functions/check/main.go", module + "internal/testnet", "functions/check/main.go imports internal/testnet; functions/check may import [config sweep monitor publish cloud cloud/s3 cloud/secrets cloud/sns page probe check resolve secret text remember message]"},
		{"cmd/rollcall/main.go", module + "internal/testnet", ""},
		{"cmd/rollcall/main.go", module + "functions/check", "cmd/rollcall/main.go imports functions/check; nothing may import a function"},
		{"internal/plan/plan_test.go", module + "internal/testnet", ""},
		{"internal/plan/plan_test.go", module + "internal/plan", ""},
		{"internal/plan/plan_test.go", module + "internal/sweep", "internal/plan/plan_test.go imports internal/sweep; internal/plan may import [check expect guard list maintenance redact text weburl]"},
		{"internal/plan/plan_test.go", module + "test/faults", "internal/plan/plan_test.go imports test/faults; nothing of the product may import test/"},
		{"cmd/rollcall/main.go", module + "test/faults", "cmd/rollcall/main.go imports test/faults; nothing of the product may import test/"},
		{"test/docs/docs_test.go", module + "internal/plan", ""},
		{"test/bench/pool/main.go", module + "internal/probe", "test/bench/pool/main.go imports internal/probe; test/bench/pool may import [test/bench/peer]"},
		{"internal/extra/extra.go", "fmt", "internal/extra/extra.go: add internal/extra to mayImport, with what it may import"},
		{"internal/publish/publish.go", aws + "service/cloudwatch/types", ""},
		{"internal/monitor/monitor.go", aws + "service/cloudwatch", "internal/monitor/monitor.go imports " + aws + "service/cloudwatch; only [internal/cloud/s3 internal/cloud/sns internal/cloud/sqs internal/publish] may"},
		{"internal/monitor/monitor_test.go", aws + "service/cloudwatch", ""},
		{"functions/check/main.go", aws + "config", ""},
		{"internal/publish/publish.go", aws + "config", "internal/publish/publish.go imports " + aws + "config; only [functions/check functions/notify cmd/rollcall] may"},
	}
	for _, tt := range tests {
		source := fmt.Sprintf("package p\nimport _ %q\n", tt.imports)
		got := importProblems(tree.Parse(t, fstest.MapFS{tt.file: {Data: []byte(source)}}))
		if strings.Join(got, "\n") != tt.want {
			t.Errorf("%s with %s: %q, want %q", tt.file, tt.imports, got, tt.want)
		}
	}
}

func TestEveryPackageIsDocumented(t *testing.T) {
	for _, problem := range documentationProblems(tree.Parse(t, os.DirFS(tree.Root))) {
		t.Error(problem)
	}
}

func TestMissingDocumentationIsFound(t *testing.T) {
	files := func(code, test string) fs.FS {
		return fstest.MapFS{"internal/p/p.go": {Data: []byte(code)}, "internal/p/p_test.go": {Data: []byte(test)}}
	}
	const (
		documented = "// Package p does it.\npackage p\n"
		example    = "package p_test\nfunc Example() {\n\t// Output: it\n}\n"
		noComment  = "internal/p has no package comment"
		noExample  = "internal/p has no Example with output"
	)
	tests := []struct{ name, code, test, want string }{
		{"all there", documented, example, ""},
		{"no package comment", "package p\n", example, noComment},
		{"no example", documented, "package p_test\n", noExample},
		{"example without output", documented, "package p_test\nfunc Example() {}\n", noExample},
		{"program", "// Command p does it.\npackage main\n", "package main\n", ""},
		{"neither", "package p\n", "package p\n", noComment + "\n" + noExample},
	}
	for _, tt := range tests {
		got := documentationProblems(tree.Parse(t, files(tt.code, tt.test)))
		if strings.Join(got, "\n") != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// importProblems returns one line for each import that no table allows, and
// for each file whose package stands in none.
func importProblems(files []tree.File) []string {
	var problems []string
	for _, f := range files {
		allowed, known := mayImport[f.Dir]
		if strings.HasPrefix(f.Dir, "test/") {
			if allowed, known = testsMayImport[f.Dir]; !known {
				allowed, known = []string{everything}, true
			}
		}
		if !known {
			problems = append(problems, fmt.Sprintf("%s: add %s to mayImport, with what it may import", f.Name, f.Dir))
			continue
		}
		for _, spec := range f.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			if why := refusal(f, imported, allowed); why != "" {
				problems = append(problems, fmt.Sprintf("%s imports %s; %s", f.Name, strings.TrimPrefix(imported, module), why))
			}
		}
	}
	return problems
}

// refusal says why f may not import a package, or "". A test may import its
// package and testnet beside what the package itself may.
func refusal(f tree.File, imported string, allowed []string) string {
	ours, isOurs := strings.CutPrefix(imported, module)
	if !isOurs {
		for prefix, only := range mayImportAWS {
			if strings.HasPrefix(imported, prefix) && !f.Test && !strings.HasPrefix(f.Dir, "test/") && !slices.Contains(only, f.Dir) {
				return fmt.Sprintf("only %v may", only)
			}
		}
		return ""
	}
	switch {
	case strings.HasPrefix(ours, "functions/"):
		return "nothing may import a function"
	case strings.HasPrefix(ours, "test/") && !strings.HasPrefix(f.Dir, "test/"):
		return "nothing of the product may import test/"
	case slices.Contains(allowed, everything):
	case slices.Contains(allowed, strings.TrimPrefix(ours, "internal/")):
	case f.Test && (ours == f.Dir || ours == "internal/testnet"):
	default:
		return fmt.Sprintf("%s may import %v", f.Dir, allowed)
	}
	return ""
}

// documentationProblems returns one line for each package without a package
// comment, and for each that is not a program and has no example with output.
// Packages of tests only have neither.
func documentationProblems(files []tree.File) []string {
	named, commented, shown := map[string]string{}, map[string]bool{}, map[string]bool{}
	for _, f := range files {
		switch {
		case !f.Test:
			named[f.Dir] = f.File.Name.Name
			commented[f.Dir] = commented[f.Dir] || f.Doc != nil
		case hasExample(f.File):
			shown[f.Dir] = true
		}
	}
	var problems []string
	for _, dir := range slices.Sorted(maps.Keys(named)) {
		if !commented[dir] {
			problems = append(problems, dir+" has no package comment")
		}
		if named[dir] != "main" && !shown[dir] && !strings.HasPrefix(dir, "test/") {
			problems = append(problems, dir+" has no Example with output")
		}
	}
	return problems
}

// hasExample reports whether a test file has an example that go test runs.
func hasExample(f *ast.File) bool {
	return slices.ContainsFunc(doc.Examples(f), func(e *doc.Example) bool { return e.Output != "" || e.EmptyOutput })
}
