package plan

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	lists "rollcall/internal/list"
)

// Lists that are nearly lists of URLs, as people have them. The problem names
// what each is, with its lines, and what can't be a URL.
func TestListsThatAreNearlyLists(t *testing.T) {
	const (
		invisible = "has an invisible character"
		quoted    = "begins with a quotation mark or a bracket"
		several   = "has more than one URL"
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
		{"many", strings.Repeat("https://a.example/a,\nhttps://a.example/b,\n", 500), []string{"line 1, line 2, line 3 and 997 more: " + ends}, ""},

		{"of Markdown links", "[A](https://a.example/a)\n", []string{"line 1: " + quoted}, "url: " + quoted},

		{"CSV", "https://a.example/a,Shop\nhttps://a.example/b,\"Blog, new\"x\n", []string{"line 2: " + white, csv}, ""},
		{"CSV by semicolons", "https://a.example/a;Shop\nhttps://a.example/b;Blog\n", []string{`every line has a ";"`}, ""},
		{"a semicolon in one", "https://a.example/a;v=1\n", nil, ""},
		{"columns by tabs", "https://a.example/a\tShop\n", []string{"line 1: " + white}, "url: has a tab"},
		{"columns by blanks", "https://a.example/a 200\n", []string{"line 1: " + white}, ""},
		{"columns of a table", "https://a.example/a | Shop\n", []string{"line 1: " + white}, ""},

		{"two by a comma", "https://a.example/a,https://a.example/b\n", []string{"line 1: " + several}, ""},
		{"two by a comma and a blank", "https://a.example/a?b, HTTPS://a.example/b\n", []string{"line 1: " + several}, ""},
		{"two by a blank", "https://a.example https://b.example\n", []string{"line 1: " + several}, "url: " + several},
		{"a zero-width space", "https://a.example/a\u200b\n", []string{"line 1: " + invisible}, ""},
		{"a no-break space", "https://a.example/a\u00a0b\n", []string{"line 1: " + invisible}, ""},
		{"a byte order mark within", "https://a.example\n\ufeffhttps://b.example\n", []string{"line 2: " + invisible}, "url: " + invisible},

		{"one without", "https://a.example\nb.example\n", []string{"line 2: has no scheme"}, "url: is not absolute"},
		{"many without", strings.Repeat("a.example\nb.example\n", 5000) + "https://a.example\n", []string{"line 1, line 2, line 3 and 9,997 more: has no scheme"}, ""},
		{"half of a quotation", "https://b.example\n\"https://a.example/a\n", []string{"line 2: " + quoted}, "url: " + quoted},
		{"another encoding", "https://a.example/\xe9\n", []string{"line 1: is not valid UTF-8"}, "url: is not valid UTF-8"},
		{"another scheme", "ftp://a.example\n", []string{"line 1: is neither http nor https"}, "url: is neither http nor https"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := parseLines(context.Background(), strings.NewReader(test.lines), Inputs{})
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

// A list in which nothing has a scheme has one problem, however long it is.
func TestNoSchemes(t *testing.T) {
	for list, want := range map[string]string{
		"b.example\n": "the list: its only line has no scheme: use --https, or write https:// before each",
		strings.Repeat("a.example\nb.example:8443/b\n", 5000): "the list: none of 10,000 lines has a scheme: use --https, or write https:// before each",
		"https.example\nhttpbin.example\n":                    "the list: none of 2 lines has a scheme: use --https, or write https:// before each",
		"1,a.example\n2,b.example\n":                          "the list: none of 2 lines has a scheme: use --https, or write https:// before each",
		`["a.example", {"url": "b.example"}]`:                 "the list: none of 2 lines has a scheme: use --https, or write https:// before each",
	} {
		_, err := parseLines(t.Context(), strings.NewReader(list), Inputs{})
		wantProblem(t, err, want)
		p, err := ParseInput(t.Context(), strings.NewReader(list), lists.Options{HTTPS: true}, Inputs{})
		if err != nil || !strings.HasPrefix(p.Targets[len(p.Targets)-1].URL, "https:") || len(p.Warnings) > 0 {
			t.Errorf("%.20q with https: %v, %v", list, p, err)
		}
	}
	_, err := parse([]byte(`{"source": "hosts.txt"}`), Inputs{Sources: filesOf(fstest.MapFS{"hosts.txt": {Data: []byte("a.example\n")}})})
	wantProblem(t, err, "hosts.txt: its only line has no scheme: write https:// before each")
}

// Rows of something else, as an array of JSON: the first of each kind are listed, as of a list with lines.
func TestArrayOfSomethingElse(t *testing.T) {
	rows := strings.TrimSuffix(strings.Repeat("{\"host\": \"a.example\"},\n", 500), ",\n")
	_, err := parseLines(t.Context(), strings.NewReader("["+rows+"]"), Inputs{})
	for _, want := range []string{
		"the event has 1000 problems:",
		"\nline 20: [19].host: is unknown (and 480 more like it)",
		"\nline 20: [19].url: is missing (and 480 more like it)",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("got %v, want %q", err, want)
		}
	}
	if lines := strings.Count(err.Error(), "\n"); lines != 2*mostAlike {
		t.Errorf("got %d problems, want %d", lines, 2*mostAlike)
	}
}

// What --https does not make a URL of says why: to write https:// before it would not help.
func TestNoHosts(t *testing.T) {
	for line, want := range map[string]string{
		"platform.example....": "has an invalid host name",
		"a.example:99999":      "has a port that is not a number from 1 to 65535",
		"/path":                "is not absolute (write https://…)",
	} {
		p, err := ParseInput(t.Context(), strings.NewReader("a.example\n"+line+"\n"), lists.Options{HTTPS: true}, Inputs{})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Targets[1].Invalid; got != "url: "+want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
		if warning := "line 2: " + want; want[0] == 'h' && !slices.Equal(p.Warnings, []string{warning}) {
			t.Errorf("%q: got the warnings %q, want %q", line, p.Warnings, warning)
		}
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
