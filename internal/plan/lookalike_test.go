package plan

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Lists that are nearly lists of URLs, as people have them. The problem names
// what each is, with its lines, and what can't be a URL.
func TestListsThatAreNearlyLists(t *testing.T) {
	const (
		invisible = "has an invisible character"
		quoted    = "begins with a quotation mark or a bracket"
		mark      = "begins with the mark of a list"
		several   = "has more than one URL"
		before    = "has other columns before the URL"
		ends      = "ends in a comma"
		white     = "has white space within"
		csv       = `every line has a ",", as in CSV`
	)
	for _, test := range []struct {
		name, lines string
		warnings    []string // beginnings
		invalid     string   // beginning of what the last target says; "" is valid
	}{
		{"a list", "https://a.example/a\nhttp://b.example:81/b?c=d&e=[f]#g\nHTTP://C.example\n", nil, ""},
		{"a comment behind a tab", "https://a.example/a\t# ours, all\n", nil, ""},
		{"what a path may have", "https://a.example/(a)_b~c!$*+=@:%20\nhttps://a.example/a,b;c\nhttps://a.example\n", nil, ""},
		{"URLs in a query", "https://a.example/?u=https://b.example/\nhttps://a.example/?u=https://b.example,https://c.example\n", nil, ""},
		{"a URL in a path", "https://archive.example/2026/https://b.example/,https://c.example\nhttps://a.example\n", nil, ""},

		{"trailing commas", "https://a.example/a,\nhttps://a.example/b,\n", []string{"line 1, line 2: " + ends}, ""},
		{"a trailing comma behind a host", "https://a.example,\n", []string{"line 1: " + ends}, "url: " + ends},
		{"trailing semicolons", "https://a.example/a;\n", []string{"line 1: " + ends}, ""},
		{"the end of an attribute", "https://a.example/a\">\n", []string{"line 1: " + ends}, ""},
		{"many", strings.Repeat("https://a.example/a,\n", 1000), []string{"line 1, line 2, line 3 and 997 more: " + ends}, ""},

		{"quoted", "\"https://a.example/a\"\n'https://a.example/b'\n", []string{"line 1, line 2: " + quoted}, "url: " + quoted},
		{"of JSON", "[\n\"https://a.example/a\",\n]\n", []string{"line 1, line 2: " + quoted, "line 3: has no scheme"}, "url: is not absolute"},
		{"of curly quotes", "“https://a.example/a”\n", []string{"line 1: " + quoted}, "url: " + quoted},
		{"of HTML", "<a href=\"https://a.example/a\">\n", []string{"line 1: " + quoted}, "url: " + quoted},
		{"of Markdown links", "[A](https://a.example/a)\n", []string{"line 1: " + quoted}, "url: " + quoted},
		{"of Markdown", "- https://a.example/a\n* https://a.example/b\n12. https://a.example/c\n", []string{"line 1, line 2, line 3: " + mark}, "url: " + mark},
		{"of YAML", "urls:\n  - https://a.example/a\n", []string{"line 2: " + mark}, "url: " + mark},

		{"CSV", "https://a.example/a,Shop\nhttps://a.example/b,\"Blog, new\"x\n", []string{"line 2: " + white, csv}, ""},
		{"CSV with names of columns", "url,name\nhttps://a.example/a,Shop\n", []string{"line 1: has no scheme", csv}, ""},
		{"CSV whose URLs come last", "name,url\nShop,https://a.example/a\n", []string{"line 1: has no scheme", "line 2: " + before, csv}, "url: " + before},
		{"CSV that is quoted", "\"https://a.example/a\",\"Shop\"\n", []string{"line 1: " + quoted}, "url: " + quoted},
		{"CSV by semicolons", "https://a.example/a;Shop\nhttps://a.example/b;Blog\n", []string{`every line has a ";"`}, ""},
		{"a semicolon in one", "https://a.example/a;v=1\n", nil, ""},
		{"columns by tabs", "https://a.example/a\tShop\n", []string{"line 1: " + white}, "url: has a tab"},
		{"columns by tabs, URLs last", "Shop\thttps://a.example/a\n", []string{"line 1: " + before}, "url: has a tab"},
		{"columns by blanks", "https://a.example/a 200\n", []string{"line 1: " + white}, ""},
		{"columns of a table", "https://a.example/a | Shop\n", []string{"line 1: " + white}, ""},
		{"fields", "url: https://a.example/a\n", []string{"line 1: " + before}, "url: " + before},

		{"two by a comma", "https://a.example/a,https://a.example/b\n", []string{"line 1: " + several}, ""},
		{"two by a comma and a blank", "https://a.example/a?b, HTTPS://a.example/b\n", []string{"line 1: " + several}, ""},
		{"two by a blank", "https://a.example https://b.example\n", []string{"line 1: " + several}, "url: " + several},
		{"a zero-width space", "https://a.example/a\u200b\n", []string{"line 1: " + invisible}, ""},
		{"a no-break space", "https://a.example/a\u00a0b\n", []string{"line 1: " + invisible}, ""},
		{"a byte order mark within", "https://a.example\n\ufeffhttps://b.example\n", []string{"line 2: " + invisible}, "url: " + invisible},

		{"no schemes", "a.example\nb.example:8443/b\nwww.c.example\n", []string{noSchemes}, "url: is not absolute"},
		{"one without", "https://a.example\nb.example\n", []string{"line 2: has no scheme"}, "url: is not absolute"},
		{"one that is all", "b.example\n", []string{"line 1: has no scheme"}, "url: is not absolute"},
		{"no schemes in CSV", "a.example,A\nb.example,B\n", []string{noSchemes, csv}, "url: is not absolute"},
		{"another encoding", "https://a.example/\xe9\n", nil, "url: is not valid UTF-8"},
		{"another scheme", "ftp://a.example\n", nil, "url: is neither http nor https"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := ParseLines(context.Background(), strings.NewReader(test.lines), Inputs{})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(p.Warnings, test.warnings, strings.HasPrefix) {
				t.Errorf("got the warnings %q, want %q", p.Warnings, test.warnings)
			}
			last := p.Targets[len(p.Targets)-1].Invalid
			if !strings.HasPrefix(last, test.invalid) || test.invalid == "" && last != "" {
				t.Errorf("the last target says %q, want %q", last, test.invalid)
			}
		})
	}
}

// An event's URLs are looked at one by one: that they have something in common
// means nothing there, and each says itself that it has no scheme.
func TestEventsThatAreNearlyLists(t *testing.T) {
	for urls, want := range map[string]string{
		`"https://a.example/a,b", "https://a.example/c,d"`:                                   "[]",
		`"a.example", "b.example"`:                                                           "[]",
		`"https://a.example/a", {"url": "https://a.example/b, https://a.example/c"}`:         "[urls[1].url: has more than one URL (write each on its own)]",
		`"https://a.example/a b", {"name": "b", "url": "https://a.example/b\tc"}, "https:x"`: "[urls[0], urls[1].url: has white space within: blanks become %20, tabs and line feeds are dropped (write the URL alone; %20 is a blank that is meant)]",
	} {
		p := mustParse(t, `{"urls": [`+urls+`]}`)
		if got := fmt.Sprint(p.Warnings); got != want {
			t.Errorf("%s: got %s, want %s", urls, got, want)
		}
		for _, to := range p.Targets {
			if strings.Contains(urls, "https:") != (to.Invalid == "") {
				t.Errorf("%s: %s says %q", urls, to.Name, to.Invalid)
			}
		}
	}
}
