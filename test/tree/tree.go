// Package tree reads the project's own files for tests that hold all of them,
// and writes the parts of documents that such tests make.
package tree

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"iter"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Root is where the project's root lies, seen from a package of tests.
const Root = "../.."

// Module is the path of the product's module; that of the tests is below it.
const Module = "rollcall"

// Fence finds a fenced block of Markdown: its language, then its text.
var Fence = regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```$")

var (
	heading  = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	unlinked = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// A File is a parsed Go file of the tree.
type File struct {
	*ast.File
	Name string // from the tree's root, such as "internal/plan/plan.go"
	Dir  string // its package
	Test bool
}

// Parse reads every Go file of a tree, in the order of their names.
func Parse(t *testing.T, tree fs.FS) (files []File) {
	t.Helper()
	for name, source := range Files(t, tree, ".go") {
		parsed, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, File{parsed, name, path.Dir(name), strings.HasSuffix(name, "_test.go")})
	}
	return files
}

// Files are a tree's files whose names end so, in the order of their names.
func Files(t *testing.T, tree fs.FS, extension string) iter.Seq2[string, []byte] {
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

// Current holds the generated parts of a document to what they have to be, or
// writes them if UPDATE is set.
func Current(t *testing.T, name string, parts map[string]string, test string) {
	t.Helper()
	text := Document(t, name)
	want := withParts(t, text, parts)
	if text == want {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatalf("%s is not current; UPDATE=1 go -C test test ./docs ./template -run %s writes it", name, test)
	}
	if err := os.WriteFile(Root+"/"+name, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Document reads a file of the tree, by its name from the root.
func Document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(Root + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Found returns what a pattern, or its group if it has one, matches in a file;
// each once.
func Found(t *testing.T, name, pattern string) []string {
	t.Helper()
	var all []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(Document(t, name), -1) {
		if s := match[len(match)-1]; !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// Fenced returns the fenced blocks of a language.
func Fenced(text, language string) []string {
	var all []string
	for _, match := range Fence.FindAllStringSubmatch(text, -1) {
		if match[1] == language {
			all = append(all, match[2])
		}
	}
	return all
}

// Anchors returns the names under which a document's headings can be linked
// to, as GitHub and others make them.
func Anchors(text []byte) []string {
	var all []string
	for _, match := range heading.FindAllSubmatch(Fence.ReplaceAll(text, nil), -1) {
		plain := unlinked.ReplaceAll(bytes.ToLower(match[1]), nil)
		all = append(all, strings.ReplaceAll(string(plain), " ", "-"))
	}
	return all
}

// withParts returns a document with these texts between their markers.
func withParts(t *testing.T, text string, parts map[string]string) string {
	t.Helper()
	for marker, table := range parts {
		begin, end := "<!-- begin "+marker+" -->\n", "<!-- end "+marker+" -->"
		before, rest, opened := strings.Cut(text, begin)
		_, after, closed := strings.Cut(rest, end)
		if !opened || !closed {
			t.Fatalf("there are no markers for %s", marker)
		}
		text = before + begin + table + end + after
	}
	return text
}
