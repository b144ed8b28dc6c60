package docs_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rollcall/test/tree"
)

// allowedIn are phrases that one folder may use in a meaning of its own. All
// else is held in every folder, tests included.
var allowedIn = map[string][]string{
	"internal/resolve": {"answer"},           // a DNS message has an answer section
	"test/docs":        {"answer", "roster"}, // named here, and in the name of a file
}

func TestDocumentsUseTheTerms(t *testing.T) {
	bans := bannedPhrases(t, tree.Document(t, "docs/terms.md"))
	names := []string{"README.md", "CHANGELOG.md", "template.yaml"}
	for _, pattern := range []string{"docs/*.md", "docs/decisions/*.md"} {
		matches, err := fs.Glob(os.DirFS(tree.Root), pattern)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, matches...)
	}
	for _, name := range names {
		text := tree.Document(t, name)
		if path.Ext(name) == ".md" {
			text = prose(text)
		}
		for _, problem := range bannedIn(bans, text) {
			t.Errorf("%s: %s", name, problem)
		}
	}
}

func TestGoUsesTheTerms(t *testing.T) {
	bans := bannedPhrases(t, tree.Document(t, "docs/terms.md"))
	names := map[string][]string{}
	for _, f := range tree.Parse(t, os.DirFS(tree.Root)) {
		names[f.Dir] = append(names[f.Dir], f.Name)
	}
	for dir, files := range names {
		own := slices.Clone(bans)
		own = slices.DeleteFunc(own, func(b ban) bool {
			return slices.ContainsFunc(allowedIn[dir], func(phrase string) bool { return b.pattern.MatchString(phrase) })
		})
		for _, name := range files {
			for _, piece := range goTexts(t, name, tree.Document(t, name)) {
				for _, problem := range bannedIn(own, piece.text) {
					t.Errorf("%s:%d: %s", name, piece.line, problem)
				}
			}
		}
	}
}

// Each decision has the same headings, as docs/decisions/README.md explains.
func TestDecisionsHaveTheirHeadings(t *testing.T) {
	names, err := fs.Glob(os.DirFS(tree.Root), "docs/decisions/*.md")
	if err != nil || len(names) < 10 {
		t.Fatalf("only the decisions %v (%v)", names, err)
	}
	second := regexp.MustCompile(`(?m)^## (.*)$`)
	for _, name := range names {
		if path.Base(name) == "README.md" {
			continue
		}
		var got []string
		for _, match := range second.FindAllStringSubmatch(tree.Document(t, name), -1) {
			got = append(got, match[1])
		}
		if want := []string{"Context", "Decision", "Alternatives", "Consequences"}; !slices.Equal(got, want) {
			t.Errorf("%s has the headings %q, want %q", name, got, want)
		}
	}
}

func TestBannedPhrasesAreFound(t *testing.T) {
	bans := bannedPhrases(t, "## What we do not write\n\n| We do not write | We write | Except in |\n|---|---|---|\n"+
		"| `grues?` | bird | `(red\\|blue) grue` |\n| `old wive(s\\|n)` | women | |\n")
	tests := []struct{ text, want string }{
		{"A bird, and gruel.", ""},
		{"A Grue\nhere.", `line 1: "Grue": write bird`},
		{"One\ntwo old\n  wives", `line 2: "old wives": write women`},
		{"a red grue, a blue grue", ""},
		{"a red grue\nand two grues", `line 2: "grues": write bird`},
	}
	for _, tt := range tests {
		if got := strings.Join(bannedIn(bans, tt.text), "\n"); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.text, got, tt.want)
		}
	}
	if got, want := prose("a `grue`\n```\ngrue\n```\n<!-- begin x -->\ngrue\n<!-- end x -->\nb\n"), "a \n\n\n\n\n\n\nb\n"; got != want {
		t.Errorf("prose: %q, want %q", got, want)
	}
	const source = "package p // a\n\nimport \"grue\"\n\n// b\n// c\nvar x = struct {\n\ty int `d:\"e\"`\n}{}\nvar zGrue = \"f\\n\"\n"
	var got []string
	for _, piece := range goTexts(t, "p.go", source) {
		got = append(got, fmt.Sprint(piece.line, piece.text))
	}
	if want := []string{"1a\n", "5b\nc\n", "7x", "8y", "10z Grue", "10f\n"}; !slices.Equal(got, want) {
		t.Errorf("texts of Go: %q, want %q", got, want)
	}
}

// A ban is a phrase that is not written.
type ban struct {
	pattern *regexp.Regexp
	except  []*regexp.Regexp // phrases in which it is allowed
	instead string
}

// bannedPhrases reads the table at the end of docs/terms.md.
func bannedPhrases(t *testing.T, text string) []ban {
	t.Helper()
	words := func(phrase string) *regexp.Regexp {
		phrase = strings.ReplaceAll(strings.ReplaceAll(phrase, `\|`, "|"), " ", `\s+`)
		begins := `(?:^|\b)`
		if strings.HasPrefix(phrase, "-") { // a flag begins with no word
			begins = ""
		}
		r, err := regexp.Compile(`(?i)` + begins + `(?:` + phrase + `)(?:\b|$)`)
		if err != nil {
			t.Fatalf("docs/terms.md: %v", err)
		}
		return r
	}
	_, table, _ := strings.Cut(text, "\n| We do not write | We write | Except in |\n")
	_, table, _ = strings.Cut("\n"+table, "|---|---|---|\n")
	var bans []ban
	row := regexp.MustCompile("^\\| `([^`]+)` \\| ([^|]+) \\| (.*)\\|$")
	for line := range strings.Lines(table) {
		cells := row.FindStringSubmatch(strings.TrimSpace(line))
		if cells == nil {
			t.Fatalf("docs/terms.md: not a row of a banned phrase: %s", line)
		}
		b := ban{pattern: words(cells[1]), instead: strings.TrimSpace(cells[2])}
		for _, exception := range codeSpan.FindAllString(cells[3], -1) {
			b.except = append(b.except, words(strings.Trim(exception, "`")))
		}
		bans = append(bans, b)
	}
	if len(bans) == 0 {
		t.Fatal("docs/terms.md bans nothing")
	}
	return bans
}

// bannedIn returns a line for each banned phrase of a text.
func bannedIn(bans []ban, text string) []string {
	var problems []string
	for _, b := range bans {
		rest := []byte(text)
		for _, exception := range b.except {
			rest = exception.ReplaceAllFunc(rest, blank)
		}
		for _, at := range b.pattern.FindAllIndex(rest, -1) {
			problems = append(problems, fmt.Sprintf("line %d: %q: write %s",
				1+bytes.Count(rest[:at[0]], []byte("\n")), bytes.Join(bytes.Fields(rest[at[0]:at[1]]), []byte(" ")), b.instead))
		}
	}
	return problems
}

var generated = regexp.MustCompile(`(?ms)^<!-- begin .*?^<!-- end .*? -->$`)

// prose returns a document without its code and its generated parts, whose
// words are those of the program. Its lines keep their numbers.
func prose(text string) string {
	lines := func(s string) string { return strings.Repeat("\n", strings.Count(s, "\n")) }
	text = generated.ReplaceAllStringFunc(text, lines)
	text = tree.Fence.ReplaceAllStringFunc(text, lines)
	return codeSpan.ReplaceAllString(text, "")
}

// camelWord finds the words of a Go name: Reset, HTTP, 2, ok.
var camelWord = regexp.MustCompile(`[A-Z]+[a-z]*|[a-z]+|[0-9]+`)

// blank returns as many spaces as a text has bytes, with its line breaks.
func blank(text []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return ' '
	}, text)
}

// A goText is a comment, a string literal or a declared name of a Go file.
type goText struct {
	line int
	text string
}

// goTexts returns the comments, string literals and declared names of a file,
// without import paths and tags. A name is split into its words.
func goTexts(t *testing.T, name, source string) []goText {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var texts []goText
	for _, comment := range file.Comments {
		texts = append(texts, goText{files.Position(comment.Pos()).Line, comment.Text()})
	}
	declared := func(names ...*ast.Ident) {
		for _, name := range names {
			words := strings.Join(camelWord.FindAllString(name.Name, -1), " ")
			texts = append(texts, goText{files.Position(name.Pos()).Line, words})
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			n.Tag = nil
			declared(n.Names...)
		case *ast.FuncDecl:
			declared(n.Name)
		case *ast.TypeSpec:
			declared(n.Name)
		case *ast.ValueSpec:
			declared(n.Names...)
		case *ast.AssignStmt:
			for _, left := range n.Lhs {
				if name, ok := left.(*ast.Ident); ok && n.Tok == token.DEFINE {
					declared(name)
				}
			}
		case *ast.RangeStmt:
			for _, e := range []ast.Expr{n.Key, n.Value} {
				if name, ok := e.(*ast.Ident); ok && n.Tok == token.DEFINE {
					declared(name)
				}
			}
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil {
				texts = append(texts, goText{files.Position(n.Pos()).Line, text})
			}
		}
		return true
	})
	return texts
}
