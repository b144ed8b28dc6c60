// Package internal_test holds what is true of the whole tree: which package
// may import which, what every package has, and what template.yaml promises.
package internal_test

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	module     = "rollcall/"
	aws        = "github.com/aws/aws-sdk-go-v2/"
	everything = "everything"
	plainest   = "internal/bench/plainest" // a function of the bench, to compare ours with
)

// mayImport says for each package which of ours it may import. Data travels
// one way, from plan to report, and only main packages know all of it. A new
// package is a new row.
var mayImport = map[string][]string{
	"cmd/rollcall":    {everything}, // but functions, which are main packages
	"functions/check": {"monitor", "publish", "page", "probe", "check", "resolve", "trust"},

	"internal":         {"plan", "check", "expect", "sweep", "metric", "monitor", "cost", "stage/cloudformation", "stage/alarm"}, // tests of the whole tree
	"internal/check":   {},
	"internal/expect":  {"check", "redact"},
	"internal/guard":   {},
	"internal/redact":  {},
	"internal/plan":    {"check", "expect", "guard", "redact"},
	"internal/probe":   {"check", "expect", "guard", "redact", "wire", "resolve", "trust"},
	"internal/wire":    {},
	"internal/resolve": {},
	"internal/trust":   {},
	"internal/sweep":   {"check"},
	"internal/metric":  {"check"},
	"internal/publish": {"metric"},
	"internal/monitor": {"check", "guard", "plan", "probe", "sweep", "metric"},
	"internal/cost":    {"plan", "metric"},
	"internal/page":    {"monitor", "check", "redact"},
	"internal/report":  {"monitor", "check"},
	"internal/manual":  {},
	"internal/stage":   {},
	"internal/bench":   {everything},

	"internal/bench/peer":      {},
	"internal/bench/pool":      {"bench/peer"}, // the peers know nothing of what they run against
	"internal/bench/handshake": {"bench/peer"},
	"internal/bench/plainest":  {},
	"internal/bench/profile":   {everything},
	"internal/interop":         {"probe", "check", "guard", "redact", "resolve", "stage"}, // tests against servers of others
	"internal/stage/run":       {everything},

	"internal/stage/camera":    {},
	"internal/stage/dashboard": {"metric", "check", "stage/cloudformation", "stage/alarm", "stage/camera"}, // a picture of the template's dashboard

	"internal/stage/cloudformation": {},
	"internal/stage/alarm":          {"stage/cloudformation"},
	"internal/stage/pictures":       {"stage", "stage/camera"},
	"internal/stage/stack":          {"stage", "report", "monitor"},
}

// mayImportAWS says who alone may import a part of the AWS SDK: one package
// talks to AWS, and main packages read its configuration.
var mayImportAWS = map[string][]string{
	aws + "service/": {"internal/publish", plainest},
	aws + "config":   {"functions/check", "cmd/rollcall", plainest},
}

func TestImports(t *testing.T) {
	for _, problem := range importProblems(parse(t, os.DirFS(".."))) {
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
		{"internal/plan/plan.go", module + "internal/sweep", "internal/plan/plan.go imports internal/sweep; internal/plan may import [check expect guard redact]"},
		{"internal/wire/wire.go", module + "internal/probe", "internal/wire/wire.go imports internal/probe; internal/wire may import []"},
		{"functions/check/main.go", module + "internal/stage", "functions/check/main.go imports internal/stage; functions/check may import [monitor publish page probe check resolve trust]"},
		{"cmd/rollcall/main.go", module + "internal/stage", ""},
		{"cmd/rollcall/main.go", module + "functions/check", "cmd/rollcall/main.go imports functions/check; nothing may import a function"},
		{"internal/plan/plan_test.go", module + "internal/stage", ""},
		{"internal/plan/plan_test.go", module + "internal/plan", ""},
		{"internal/plan/plan_test.go", module + "internal/sweep", "internal/plan/plan_test.go imports internal/sweep; internal/plan may import [check expect guard redact]"},
		{"internal/extra/extra.go", "fmt", "internal/extra/extra.go: add internal/extra to mayImport, with what it may import"},
		{"internal/publish/publish.go", aws + "service/cloudwatch/types", ""},
		{"internal/monitor/monitor.go", aws + "service/cloudwatch", "internal/monitor/monitor.go imports " + aws + "service/cloudwatch; only [internal/publish " + plainest + "] may"},
		{"internal/monitor/monitor_test.go", aws + "service/cloudwatch", ""},
		{"functions/check/main.go", aws + "config", ""},
		{"internal/publish/publish.go", aws + "config", "internal/publish/publish.go imports " + aws + "config; only [functions/check cmd/rollcall " + plainest + "] may"},
	}
	for _, tt := range tests {
		source := fmt.Sprintf("package p\nimport _ %q\n", tt.imports)
		got := importProblems(parse(t, fstest.MapFS{tt.file: {Data: []byte(source)}}))
		if strings.Join(got, "\n") != tt.want {
			t.Errorf("%s with %s: %q, want %q", tt.file, tt.imports, got, tt.want)
		}
	}
}

func TestEveryPackageIsDocumented(t *testing.T) {
	for _, problem := range documentationProblems(parse(t, os.DirFS(".."))) {
		t.Error(problem)
	}
}

func TestMissingDocumentationIsFound(t *testing.T) {
	tree := func(code, test string) fs.FS {
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
		got := documentationProblems(parse(t, tree(tt.code, tt.test)))
		if strings.Join(got, "\n") != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// A file is a parsed Go file of the tree.
type file struct {
	*ast.File
	name string // from the tree's root, such as "internal/plan/plan.go"
	dir  string // its package
	test bool
}

// parse reads every Go file of a tree, in the order of their names.
func parse(t *testing.T, tree fs.FS) (files []file) {
	t.Helper()
	for name, source := range filesOf(t, tree, ".go") {
		parsed, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file{parsed, name, path.Dir(name), strings.HasSuffix(name, "_test.go")})
	}
	return files
}

// filesOf are a tree's files whose names end so, in the order of their names.
func filesOf(t *testing.T, tree fs.FS, extension string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && name != "." && ignored(d.Name()):
				return fs.SkipDir
			case d.IsDir() || path.Ext(name) != extension:
				return nil
			}
			text, err := fs.ReadFile(tree, name)
			if err == nil && !yield(name, text) {
				return fs.SkipAll
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// ignored reports whether the go command ignores a directory too.
func ignored(dir string) bool {
	return dir == "testdata" || strings.HasPrefix(dir, ".") || strings.HasPrefix(dir, "_")
}

// importProblems returns one line for each import that no table allows, and
// for each file whose package stands in none.
func importProblems(files []file) []string {
	var problems []string
	for _, f := range files {
		if _, known := mayImport[f.dir]; !known {
			problems = append(problems, fmt.Sprintf("%s: add %s to mayImport, with what it may import", f.name, f.dir))
			continue
		}
		for _, spec := range f.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			if why := refusal(f, imported); why != "" {
				problems = append(problems, fmt.Sprintf("%s imports %s; %s", f.name, strings.TrimPrefix(imported, module), why))
			}
		}
	}
	return problems
}

// refusal says why f may not import a package, or "".
func refusal(f file, imported string) string {
	if ours, ok := strings.CutPrefix(imported, module); ok {
		return refusalOfOurs(f, ours)
	}
	for prefix, allowed := range mayImportAWS {
		if strings.HasPrefix(imported, prefix) && !f.test && !slices.Contains(allowed, f.dir) {
			return fmt.Sprintf("only %v may", allowed)
		}
	}
	return ""
}

// refusalOfOurs is refusal for our own packages. Tests may import their
// package and the stage beside what the package itself may.
func refusalOfOurs(f file, imported string) string {
	if strings.HasPrefix(imported, "functions/") {
		return "nothing may import a function"
	}
	allowed := mayImport[f.dir]
	switch {
	case slices.Contains(allowed, everything):
	case slices.Contains(allowed, strings.TrimPrefix(imported, "internal/")):
	case f.test && (imported == f.dir || imported == "internal/stage"):
	default:
		return fmt.Sprintf("%s may import %v", f.dir, allowed)
	}
	return ""
}

// documentationProblems returns one line for each package without a package
// comment, and for each that is no program and has no example with output.
// Packages of tests only have neither.
func documentationProblems(files []file) []string {
	named, commented, shown := map[string]string{}, map[string]bool{}, map[string]bool{}
	for _, f := range files {
		switch {
		case !f.test:
			named[f.dir] = f.Name.Name
			commented[f.dir] = commented[f.dir] || f.Doc != nil
		case hasExample(f.File):
			shown[f.dir] = true
		}
	}
	var problems []string
	for _, dir := range slices.Sorted(maps.Keys(named)) {
		if !commented[dir] {
			problems = append(problems, dir+" has no package comment")
		}
		if named[dir] != "main" && !shown[dir] {
			problems = append(problems, dir+" has no Example with output")
		}
	}
	return problems
}

// hasExample reports whether a test file has an example that go test runs.
func hasExample(f *ast.File) bool {
	return slices.ContainsFunc(doc.Examples(f), func(e *doc.Example) bool { return e.Output != "" || e.EmptyOutput })
}
