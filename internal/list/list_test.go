package list

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
)

// entries reads a list to its end, and writes what it says.
func entries(t *testing.T, r io.Reader, o Options) string {
	t.Helper()
	opened, err := Open(r, o)
	if err != nil {
		return err.Error()
	}
	if opened.Format().Document() {
		data, err := opened.Document(t.Context())
		if err != nil {
			return err.Error()
		}
		return string(data)
	}
	var all []string
	for e := range opened.Entries(t.Context()) {
		said := e.Text + string(e.JSON) + e.Fault
		for _, f := range e.Fields {
			said += fmt.Sprintf("%s=%s;", f.Name, f.Text)
		}
		if e.Of != "" {
			said = e.Of + ": " + said
		}
		all = append(all, fmt.Sprintf("%d %s", e.Line, said))
	}
	for _, w := range opened.Warnings() {
		all = append(all, "! "+w)
	}
	return strings.Join(all, "\n")
}

func TestEntries(t *testing.T) {
	const a, b = "https://a.example", "https://b.example"
	for _, test := range []struct{ name, file, text, want string }{
		{"nothing", "", "", ""},
		{"text", "", "# c\n\n" + a + " # d\r\n  " + b + "/#f\n", "3 " + a + "\n4 " + b + "/#f"},
		{"lists in documents", "", "- " + a + "\n* " + b + "\n• c.example\n12. d.example\n", "1 " + a + "\n2 " + b + "\n3 c.example\n4 d.example"},
		{"quoted", "", "\"" + a + "\",\n'" + b + "';\n“" + a + "”\n<" + b + ">\n", "1 " + a + "\n2 " + b + "\n3 " + a + "\n4 " + b},
		{"marks and quotations", "", "  - \"" + a + "\",\n", "1 " + a},
		{"quoted by half", "", a + "\n\"" + b + "\n", "1 " + a + "\n2 \"" + b},
		{"a line that is too long", "x.txt", a + "\n" + strings.Repeat("x", 3*MaxLine) + "\n" + b, "1 " + a + "\n2 is longer than 64 KiB\n3 " + b},
		{"the longest line", "x.txt", strings.Repeat("x", MaxLine-1) + "\n", "1 " + strings.Repeat("x", MaxLine-1)},

		{"lines of JSON", "", "\ufeff{\"url\": \"a\"}\n\n{\"url\": \"b\"}\n", "1 {\"url\": \"a\"}\n3 {\"url\": \"b\"}"},
		{"lines of JSON by name", "X.NDJSON", "\"a\"\n", "1 \"a\""},
		{"an event on lines", "", "\n {\n\"urls\": []}", "\n {\n\"urls\": []}"},
		{"an event", "", "\ufeff\n{\"urls\": []}\n", "\n{\"urls\": []}\n"},
		{"an array", "", "[\n\"a\"]", "[\n\"a\"]"},

		{"columns with a header", "", "Name, URL ,group\nshop," + a + ",\n,,\n\"Blog, new\"," + b + ",g\n", "2 Name=shop;URL=" + a + ";\n4 Name=Blog, new;URL=" + b + ";group=g;"},
		{"by semicolons", "x.csv", "url;name\n" + a + ";n,m\n", "2 url=" + a + ";name=n,m;"},
		{"by tabs", "", "name\turl\nn\t" + a + "\n", "2 name=n;url=" + a + ";"},
		{"by tabs, with commas", "x.tsv", "na,m,e\turl\nn\t" + a + "\n", "2 na,m,e=n;url=" + a + ";"},
		{"a ranking", "", "1,a.example\n2,b.example\n", "1 a.example\n2 b.example"},
		{"a header that names no url", "", "Rank,Domain,TLD\n1,a.example,example\n2,b.example,example\n", "2 a.example\n3 b.example"},
		{"URLs before hosts", "x.csv", "a.example," + a + "\nb.example," + b + "\n", "1 " + a + "\n2 " + b},
		{"one column", "x.csv", "a.example\nb.example\n", "1 a.example\n2 b.example"},
		{"numbers are not hosts", "x.csv", "1.5,2.5\n1.6,2.6\n", "1 names no column url, and there is no column of URLs or hosts"},
		{"a row without", "x.csv", a + ",1\n,2\n" + strings.Repeat(b+",3\n", 20), "1 " + a + "\n2 has no URL in column 1" + rows(3, 22, b)},
		{"too many columns", "x.csv", "url\n" + a + ",1\n" + b + "\n", "2 has 2 columns, and the header 1\n3 url=" + b + ";"},
		{"wrong quotation marks", "x.csv", "url,name\n" + a + ",a\"b\n" + b + ",c\n", "2 is not CSV: bare \" in non-quoted-field\n3 url=" + b + ";name=c;"},
		{"a quotation without end", "x.csv", "url,name\n" + a + ",\"b\n" + strings.Repeat("https://c.example\n", 1<<17), "2 begins a row of more than 1 MiB: a quotation mark may never be closed"},
		{"a long header", "x.csv", "# the shops\nurl,name," + strings.Repeat("x", MaxLine) + ",group\n" + a + ",,,shop\n", "2 begins a first row, or header, of more than 64 KiB: a quotation mark may never be closed"},
		{"URLs with commas", "", a + "/a,b\n" + b + "/c,d\n", "1 " + a + "/a,b\n2 " + b + "/c,d"},

		{"a sitemap", "", `<?xml version="1.0"?><urlset xmlns="x"><url>` + "\n<loc> " + a + "/?a&amp;b </loc><image:image xmlns:image=\"y\"><image:loc>" + b + "</image:loc></image:image></url>\n<url><loc><![CDATA[" + b + "]]></loc></url></urlset>",
			"2 " + a + "/?a&b\n3 " + b + "\n! line 3: \"b.example\" is another host than \"a.example\", and a sitemap is for one: 1 such URL"},
		{"an index", "", "<sitemapindex>\n<sitemap><loc>" + a + "/1.xml</loc></sitemap></sitemapindex>", "2 names another sitemap, as 1 line: an index is not read here (give the sitemaps themselves)"},
		{"a page", "", "<!doctype html><html></html>", "1 begins with <html>: it is not a sitemap (urlset or sitemapindex)"},
		{"broken XML", "x.xml", "<urlset>\n<url><loc>" + a + "</loc></url>\n<url", "2 " + a + "\n3 is not XML: unexpected EOF"},
		{"XML in Latin-1", "x.xml", "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><urlset><url><loc>" + a + "/\xe9</loc></url></urlset>", "1 " + a + "/é"},
		{"a deep XML", "x.xml", "<urlset>" + strings.Repeat("<url>", 200), "1 is nested too deeply"},
		{"a long text in XML", "x.xml", "<urlset><url><loc>" + strings.Repeat("x", 2*MaxLine), "1 begins a text of more than 64 KiB"},
		{"a long tag in XML", "x.xml", "<urlset a='" + strings.Repeat("x", 2<<20), "1 begins more than 1 MiB without a tag"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := entries(t, strings.NewReader(test.text), Options{Name: test.file}); got != test.want {
				t.Errorf("got\n%.2000s\nwant\n%.2000s", got, test.want)
			}
			if !strings.HasPrefix(test.text, "\ufeff") && test.text != "" && !strings.Contains(test.text, "\xe9") {
				little := []byte{0xff, 0xfe}
				for _, unit := range utf16.Encode([]rune(test.text)) {
					little = append(little, byte(unit), byte(unit>>8))
				}
				if got := entries(t, iotest.OneByteReader(bytes.NewReader(little)), Options{Name: test.file}); got != test.want {
					t.Errorf("in UTF-16: got\n%.2000s\nwant\n%.2000s", got, test.want)
				}
			}
			name := test.file
			if name != "" {
				name += ".gz"
			}
			if got := entries(t, zipped(test.text), Options{Name: name}); got != test.want {
				t.Errorf("compressed: got\n%.2000s\nwant\n%.2000s", got, test.want)
			}
		})
	}
}

func rows(from, to int, said string) string {
	var b strings.Builder
	for ; from <= to; from++ {
		fmt.Fprintf(&b, "\n%d %s", from, said)
	}
	return b.String()
}

func zipped(text string) io.Reader {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return &b
}

// YAML is the JSON that it means, and each value is where it was.
func TestYAML(t *testing.T) {
	for _, test := range []struct{ name, yaml, want string }{
		{"nothing", "# nothing\n", ""},
		{"values", "a: 1\nb: [x, 1.5, yes, true, null, ~, 0x1f, 1_000, .inf, 2026-11-30T12:00:00Z, '1']\n", "{\"a\":1,\n\"b\":[\"x\",1.5,\"yes\",true,null,null,31,1000,\".inf\",\"2026-11-30T12:00:00Z\",\"1\"]}"},
		{"lines", "---\n# c\nurls:\n\n  - a\n  - url: b\n    body: |\n      x\n      y\n", "\n\n{\"urls\":\n\n[\"a\",\n{\"url\":\"b\",\n\"body\":\"x\\ny\\n\"}]}"},
		{"anchors", "x: &a {b: 1}\ny: *a\nz: {<<: *a, c: 2}\nw: {<<: [*a, {d: 3}], b: 4}\n", "{\"x\":{\"b\":1},\n\"y\":{\"b\":1},\n\"z\":{\"c\":2,\"b\":1},\n\"w\":{\"b\":4,\"d\":3}}"},
		{"a key twice", "a: 1\na: 2\n", "{\"a\":1,\n\"a\":2}"},
		{"two documents", "a: 1\n---\nb: 2\n", "line 2: begins a second document: an event is one"},
		{"syntax", "a: [1\nb: 2\n", "line 2: is not YAML: did not find expected ',' or ']'"},
		{"a key that is a list", "? [a]\n: b\n", "line 1: has a key that is not a text"},
		{"merging a text", "<<: x\n", "line 1: merges what is not a mapping"},
		{"itself", "a: &a [*a]\n", "line 1: is nested too deeply: more than 100 levels"},
		{"merging itself", "a: &a {<<: *a}\n", "line 1: is nested too deeply: more than 100 levels"},
		{"merging itself twice", "a: &a {<<: [*a, *a]}\n", "line 1: is nested too deeply: more than 100 levels"},
		{"too deep", strings.Repeat("[", 200) + strings.Repeat("]", 200), "line 1: is nested too deeply: more than 100 levels"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := entries(t, strings.NewReader(test.yaml), Options{Name: "x.yml"}); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%[1]c [%s*%c]\n", c, strings.Repeat(fmt.Sprintf("*%c,", c-1), 8), c-1)
	}
	if got := entries(t, strings.NewReader(bomb), Options{Name: "x.yml"}); !strings.HasSuffix(got, "is too much: its aliases make more than twenty times as much of it") {
		t.Errorf("a bomb: %.100s", got)
	}
	merges := "a0: &a0 {}\n"
	for i := range 60 {
		merges += fmt.Sprintf("a%d: &a%[1]d {<<: [*a%d, *a%[2]d]}\n", i+1, i)
	}
	if got := entries(t, strings.NewReader(merges), Options{Name: "x.yml"}); !strings.HasSuffix(got, "is too much: its aliases make more than twenty times as much of it") {
		t.Errorf("a bomb of merges without members: %.100s", got)
	}
	if got := entries(t, strings.NewReader(strings.Repeat("#\n", maxYAML/2+1)), Options{Name: "x.yml"}); !strings.HasPrefix(got, "is larger than 16 MiB") {
		t.Errorf("a large one: %.100s", got)
	}
}

// What standard input holds is known by its beginning.
func TestRecognise(t *testing.T) {
	for text, want := range map[string]Format{
		"": Text, "\n\n#x\n": Text, "https://a.example,b": Text, "a.example": Text, "localhost:8080/x": Text, "a.example:80\nb.example:80": Text, "Shop": Text,
		"[a](https://a.example)": Text, "<https://a.example>": Text, "- https://a.example": Text, "\"https://a.example\",\n": Text, "a.example,\n": Text,
		"{": JSON, "{}": JSON, " \r\n# x\n{\"urls\": []}": JSON, "{\"urls\": []}\n{}": JSON, "[": JSON, "[]": JSON, "[\n1]": JSON, "[ \"a\" ]": JSON,
		"{\"url\": 1}\n{": JSONLines, "{\"url\": 1}": JSONLines, "{\"urls\": [{\"url\": 1}]}": JSON,
		"---\nx": YAML, "%YAML 1.2": YAML, "urls:\n- x": YAML, "\"urls\": [x]": YAML, "- url: x": YAML, "- - url: x": YAML, "$schema: x": YAML,
		"<urlset>": Sitemap, "\n<?xml version='1.0'?>": Sitemap, "<html>": Sitemap,
		"url": CSV, "URL\nx": CSV, "name,url": CSV, "name\tUrl\n": CSV, "\"url\";\"name\"": CSV, "1,a.example": CSV, "a.example,1\nb.example,2": CSV, "\"https://a.example\",\"Shop\"": CSV, "Shop,https://a.example": CSV,
	} {
		if got := recognise([]byte(text)); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}

func TestWithScheme(t *testing.T) {
	for text, want := range map[string]string{
		"a.example": "https://a.example", "a.example:8443/x?y": "https://a.example:8443/x?y", "localhost": "https://localhost", "[::1]:443": "https://[::1]:443",
		"https://a.example": "", "": "", "/x": "", "//a.example": "", "a b": "", "user@a.example": "", "mailto:a@b.example": "",
	} {
		if got := WithScheme(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// The sitemaps of an index are read where there is a way to fetch them.
func TestIndex(t *testing.T) {
	const index = "<sitemapindex>\n<sitemap><loc>https://a.example/1.xml</loc></sitemap>\n<sitemap><loc>https://a.example/2.xml.gz?k</loc></sitemap>\n<sitemap><loc>https://a.example/3.txt</loc></sitemap>\n<sitemap><loc>https://a.example/gone</loc></sitemap>\n<sitemap><loc>https://b.example/index</loc></sitemap>\n</sitemapindex>"
	sitemap := "<urlset>\n<url><loc>https://a.example/x</loc></url></urlset>"
	contents := map[string]io.Reader{
		"https://a.example/1.xml": strings.NewReader(sitemap), "https://a.example/2.xml.gz?k": zipped(sitemap), "https://a.example/3.txt": strings.NewReader("https://a.example/y\n"),
		"https://b.example/index": strings.NewReader(index),
	}
	fetch := func(_ context.Context, url string) (io.ReadCloser, error) {
		if contents[url] == nil {
			return nil, errors.New("status 404 Not Found")
		}
		return io.NopCloser(contents[url]), nil
	}
	want := `2 https://a.example/1.xml: https://a.example/x
2 https://a.example/2.xml.gz: https://a.example/x
1 https://a.example/3.txt: https://a.example/y
5 names a sitemap that can't be read: status 404 Not Found
6 names a sitemap that is an index itself
! line 6: "b.example" is another host than "a.example", and a sitemap is for one: 1 such URL`
	if got := entries(t, strings.NewReader(index), Options{Fetch: fetch}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	contents["https://a.example/1.xml"] = strings.NewReader("<urlset>" + strings.Repeat("<url><loc>https://a.example/x</loc></url>", maxOfIndex+1))
	got := entries(t, strings.NewReader(index), Options{Fetch: fetch})
	if !strings.HasSuffix(got, "\n2 is of an index that has more than 50,000 URLs") || strings.Count(got, "\n") != maxOfIndex {
		t.Errorf("too many: %d lines, …%s", strings.Count(got, "\n"), got[len(got)-100:])
	}
}

func TestWhatCanNotBeRead(t *testing.T) {
	broken := errors.New("the disk is gone")
	for text, want := range map[string]string{
		"":                       "1 can't be read: the disk is gone",
		"https://a.example\n":    "1 https://a.example\n2 can't be read: the disk is gone",
		"url\nhttps://a.example": "2 can't be read: the disk is gone",
		"<urlset>":               "1 can't be read: the disk is gone",
		"{":                      "the disk is gone",
	} {
		if got := entries(t, io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), Options{}); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{"https://a.example": "is not compressed by gzip, as its name says", "\x1f\x8b": "can't be decompressed: unexpected EOF", "\x1f\x8bxxxxxxxxxxxx": "can't be decompressed: invalid header"} {
		if got := entries(t, strings.NewReader(text), Options{Name: "x.txt.gz"}); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// However much there is, and however small it is when compressed, reading ends.
func TestEndless(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	for text, want := range map[string]string{
		"a\n":                fmt.Sprintf("line %d is one too many: a list has at most 10,000,000 lines", MaxLines+1),
		"x":                  "line 1 is larger than 1 GiB",
		"<urlset>\n":         "line 101 is nested too deeply",
		"url\n":              fmt.Sprintf("line %d is one too many: a list has at most 10,000,000 lines", MaxLines+1),
		"{\"url\": \"a\"}\n": fmt.Sprintf("line %d is one too many: a list has at most 10,000,000 lines", MaxLines+1),
	} {
		r, err := Open(&endless{text: text}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		last := ""
		for e := range r.Entries(t.Context()) {
			last = fmt.Sprintf("line %d %s", e.Line, e.Fault)
		}
		if last != want {
			t.Errorf("%q: the last is %q, want %q", text, last, want)
		}
	}
}

// endless repeats a text.
type endless struct {
	text string
	at   int
}

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = e.text[e.at]
		e.at = (e.at + 1) % len(e.text)
	}
	return len(b), nil
}

// Reading ends with the context, between two entries.
func TestReadingEnds(t *testing.T) {
	for _, text := range []string{"https://a.example\n", "url\n", "{\"url\": \"a\"}\n", "<urlset><url><loc>x</loc></url></urlset>"} {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := Open(&endless{text: text}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for range r.Entries(ctx) {
			if n++; n == 3 {
				cancel()
			}
		}
		if n > 3 {
			t.Errorf("%q: %d entries after the end", text, n-3)
		}
		cancel()
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Open(io.MultiReader(strings.NewReader(strings.Repeat(`["a",`, MaxLine)), atRead(cancel), &endless{text: `["a",`}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Document(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a document without an end: error %v", err)
	}
}

// atRead is a reader without bytes that calls itself.
type atRead func()

func (f atRead) Read([]byte) (int, error) {
	f()
	return 0, io.EOF
}

// FuzzRead holds what users of a list rely on: lines that grow, exactly one thing
// in each entry, JSON that is valid where it is made here, parts that are the whole.
func FuzzRead(f *testing.F) {
	names := []string{"", "x.txt", "x.json", "x.yaml", "x.jsonl", "x.csv", "x.tsv", "x.xml", "x.csv.gz"}
	for i, text := range []string{
		"# c\nhttps://a.example # d\n", "\"https://a.example\",\n- b.example\n", "{\"urls\": []}", "a: &a [1, {<<: *a}]\n? x\n: |\n  y\n", "{\"url\": 1}\n", "name,url\na,\"b\nc\"\n", "1\ta.example\n",
		"<urlset><url><loc>https://a.example</loc></url></urlset>", "\x1f\x8b", "\xff\xfeh\x00\n\x00", "\xef\xbb\xbf[1]",
	} {
		f.Add([]byte(text), uint8(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, name uint8) {
		r, err := Open(bytes.NewReader(data), Options{Name: names[int(name)%len(names)]})
		if err != nil {
			if _, ok := errors.AsType[*Fault](err); !ok {
				t.Fatalf("Open = %T: %v", err, err)
			}
			return
		}
		if r.Format().Document() {
			made, err := r.Document(t.Context())
			if r.Format() == YAML && err == nil && len(made) > 0 && !json.Valid(made) {
				t.Fatalf("YAML %q became %q", data, made)
			}
			return
		}
		line := 1
		for e := range r.Entries(t.Context()) {
			things := 0
			for _, is := range []bool{e.Text != "", len(e.JSON) > 0, len(e.Fields) > 0, e.Fault != ""} {
				if is {
					things++
				}
			}
			if things != 1 || e.Line < line && e.Fault == "" {
				t.Fatalf("after line %d: %+v", line, e)
			}
			line = max(line, e.Line)
		}
		said := func(index, of int) (all []string) {
			r, err := Open(bytes.NewReader(data), Options{Name: names[int(name)%len(names)], Index: index, Of: of, Written: func(name, group []byte, row uint64) {}})
			if err != nil {
				t.Fatal(err)
			}
			for e := range r.Entries(t.Context()) {
				if e.Fault == "" {
					all = append(all, fmt.Sprint(e.Line, e.Text, string(e.JSON), e.Fields))
				}
			}
			return all
		}
		whole, parts := said(0, 0), slices.Concat(said(0, 3), said(1, 3), said(2, 3))
		slices.Sort(whole)
		slices.Sort(parts)
		if !slices.Equal(whole, parts) {
			t.Fatalf("the parts of %q have %q, the whole %q", data, parts, whole)
		}
	})
}

func BenchmarkText(b *testing.B) {
	var text []byte
	for i := range 100_000 {
		text = fmt.Appendf(text, "https://host%d.example/health\n", i)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r, err := Open(bytes.NewReader(text), Options{})
		if err != nil {
			b.Fatal(err)
		}
		for e := range r.Entries(b.Context()) {
			_ = e.Text
		}
	}
}
