package plan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"rollcall/internal/check"
	"rollcall/internal/list"
	"rollcall/internal/weburl"
)

func mustParse(t *testing.T, event string) *Plan {
	t.Helper()
	p, err := parse([]byte(event), inputs())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func names(p *Plan) []string {
	all := []string{}
	for _, t := range p.Targets {
		all = append(all, t.Name)
	}
	return all
}

func TestTargetsThatSetNothingShareSettings(t *testing.T) {
	urls := make([]any, 10_000)
	for i := range urls {
		urls[i] = fmt.Sprintf("https://host%d.example/health", i)
	}
	urls[1] = map[string]string{"url": "https://b.example", "name": "b", "group": "g"}
	event, err := json.Marshal(map[string]any{"urls": urls, "defaults": map[string]any{"headers": map[string]string{"A": "${env:TOKEN}"}}})
	if err != nil {
		t.Fatal(err)
	}
	p := mustParse(t, string(event))
	if len(p.Targets) != len(urls) {
		t.Fatalf("got %d targets, want %d", len(p.Targets), len(urls))
	}
	for _, target := range p.Targets {
		if target.Settings != p.Targets[0].Settings {
			t.Fatalf("%s has settings of its own", target.Name)
		}
	}
	if got := p.Targets[0].Header.Get("A"); got != "t0k3n" {
		t.Errorf("the shared header is %q, want t0k3n", got)
	}
}

func TestOwnHeadersLeaveOthersAlone(t *testing.T) {
	p := mustParse(t, `{"defaults": {"headers": {"A": "defaults"}}, "urls": [
		{"url": "https://a.example", "headers": {"A": "own", "B": "own"}}, "https://b.example", "https://user@c.example", "https://d.example"]}`)
	for i, want := range []string{"own own ", "defaults  ", "defaults  Basic dXNlcjo=", "defaults  "} {
		h := p.Targets[i].Header
		if got := h.Get("A") + " " + h.Get("B") + " " + h.Get("Authorization"); got != want {
			t.Errorf("target %d: got headers %q, want %q", i, got, want)
		}
	}
}

// Metrics and alarms hang on a name: nothing but the target's own object may
// change it.
func TestIdentityDependsOnTheTargetAlone(t *testing.T) {
	const target = `{"url": "https://a.example/p?q=1", "headers": {"Authorization": "Bearer ${env:TOKEN}", "X-A": "1"}, "method": "POST"}`
	const want = "a.example/p#433e9d12f8db"
	events := map[string]string{
		"alone":             `{"urls": [` + target + `]}`,
		"among others":      `{"urls": ["https://a.example/p", "https://a.example/p?q=2", ` + target + `, "https://z.example"]}`,
		"defaults":          `{"defaults": {"timeout": "1s", "method": "PUT", "headers": {"X-A": "2", "X-B": "1"}, "userAgent": "chrome", "body": "x", "group": "g"}, "urls": [` + target + `]}`,
		"other settings":    `{"urls": [` + strings.Replace(target, `{`, `{"timeout": "1s", "retries": 3, "redirects": 1, "maxBody": 5, "group": "g", `, 1) + `]}`,
		"order and space":   `{"urls": [{"method":"POST","headers":{"X-A":"\u0031","Authorization":"Bearer ${env:TOKEN}"},"url":"HTTPS://A.example:443/p?q=1#f"}]}`,
		"user information":  `{"urls": [` + strings.Replace(target, "a.example", "user:secret@a.example", 1) + `]}`,
		"profile, schedule": `{"metrics": "phases", "scheduled": "2026-11-01T12:00:00Z", "urls": [` + target + `]}`,
	}
	for name, event := range events {
		if got := names(mustParse(t, event)); !slices.Contains(got, want) {
			t.Errorf("%s: got names %q, want one %q", name, got, want)
		}
	}
	unset, err := parse([]byte(events["alone"]), Inputs{})
	if err != nil || unset.Targets[0].Name != want || unset.Targets[0].Invalid == "" {
		t.Errorf("without the variable: got %v, %v; want an invalid target named %s", unset, err, want)
	}
}

// Each of these differs from the others in its query or its request.
func TestIdentityTellsRequestsApart(t *testing.T) {
	p := mustParse(t, `{"urls": ["https://a.example", "http://a.example", "https://a.example:444", "https://a.example/p", "https://a.example/p/", "https://a.example?q", "https://a.example?q=",
		{"url": "https://a.example", "method": "HEAD"}, {"url": "https://a.example", "body": "HEAD"}, {"url": "https://a.example", "userAgent": "HEAD"},
		{"url": "https://a.example", "headers": {"A": "1"}}, {"url": "https://a.example", "headers": {"A": "2"}}, {"url": "https://a.example", "headers": {"B": "1"}}]}`)
	if len(p.Targets) != 13 {
		t.Errorf("got %d targets, want 13: %q", len(p.Targets), names(p))
	}
}

// Whether two targets are one never depends on what the environment holds.
func TestSameNameIsJudgedBeforeReferences(t *testing.T) {
	event := []byte(`{"urls": [{"name": "a", "url": "https://a.example", "headers": {"A": "${env:ONE}"}},
		{"name": "a", "url": "https://a.example", "headers": {"A": "${env:TWO}"}}]}`)
	for name, lookup := range map[string]func(string) (string, bool){
		"unset": nil,
		"equal": func(string) (string, bool) { return "same", true },
	} {
		if _, err := parse(event, Inputs{Lookup: lookup}); err == nil || !strings.Contains(err.Error(), `has the same name "a" as urls[0]`) {
			t.Errorf("%s: got %v, want the name's problem", name, err)
		}
	}
	twice := `{"urls": ["https://a.example/", {"name": "b", "url": "https://b.example", "body": "${env:UNSET}"}, {"name": "b", "url": "https://b.example:443/", "body": "${env:UNSET}"}]}`
	if got := names(mustParse(t, twice)); len(got) != 2 {
		t.Errorf("got %q, want a.example and one b", got)
	}
}

func TestVariablesAreReadOnce(t *testing.T) {
	asked := map[string]int{}
	lookup := func(name string) (string, bool) {
		asked[name]++
		return fmt.Sprint(asked[name]), name == "A"
	}
	p, err := parse([]byte(`{"urls": [{"url": "https://a.example", "body": "${env:A}${env:A}${env:B}"}, {"url": "https://b.example", "body": "${env:A}"},
		{"url": "https://c.example", "body": "${env:B}"}, {"url": "https://d.example", "body": "${env:AWS_SESSION_TOKEN}"}]}`), Inputs{Lookup: lookup, Permit: everything})
	if err != nil {
		t.Fatal(err)
	}
	if asked["A"] != 1 || asked["B"] != 1 || len(asked) != 2 {
		t.Errorf("asked for %v, want A and B once each and no refused one", asked)
	}
	if got := p.Targets[1].Body; got != "1" {
		t.Errorf("got body %q, want 1", got)
	}
}

// A marker stands wherever a secret can be. Nothing that people see may hold
// it, in whatever way the event is right or wrong.
func TestSecretsStayInside(t *testing.T) {
	const secret = "MARKER"
	lookup := func(name string) (string, bool) { return secret + "\n", name == "BROKEN" || name == "GOOD" }
	targets := []string{
		`"https://user:MARKER@a.example/?MARKER#MARKER"`,
		`"https://MARKER@a.example:port/?MARKER"`,
		`"https://user:MARKER@a b.example/"`,
		`"https://user:MARKER#1@a.example/"`,
		`"https://user:MARKER?1@a.example/"`,
		`"https://user:MA/RKER MARKER@a.example/"`,
		`"https://user:MARKER%zz@a.example/"`,
		`"https://user:MARKER"`,
		`"user:MARKER@a.example"`,
		`"MARKER@a.example"`,
		`"ftp://user:MARKER@a.example/?MARKER"`,
		`" https://user:MARKER@a.example/?q=@MARKER"`,
		`"https://a.example/%zz?MARKER"`,
		`{"url": "https://a.example/", "headers": {"Authorization": "MARKER\n"}}`,
		`{"url": "https://a.example/", "headers": {"Authorization: MARKER": "MARKER"}}`,
		`{"url": "https://a.example/", "headers": {"Connection": "MARKER", "Host": "MARKER MARKER"}}`,
		`{"url": "https://a.example/", "headers": {"A": "${MARKER", "B": "${env:MARKER MARKER}", "C": "${ssm:MARKER}", "D": "${x:MARKER}"}}`,
		`{"url": "https://a.example/", "headers": {"A": "MARKER${env:BROKEN}"}}`,
		`{"url": "https://a.example/", "headers": {"Host": "${env:BROKEN}"}}`,
		`{"url": "https://a.example/", "headers": {"A": "MARKER", "B": "${env:UNSET}"}, "body": "MARKER"}`,
		`{"url": "https://a.example/", "body": "MARKER${env:UNSET}"}`,
		`{"url": "https://a.example/", "body": "MARKER${env:GOOD}", "userAgent": "MARKER"}`,
		`{"url": "https://a.example/", "body": "MARKER${"}`,
		`"https://a.example/p;jsessionid=MARKER"`,
		`"https://a.example/p;jsessionid=MARKER/p?q"`,
		`"https://a b.example/p;jsessionid=MARKER"`,
		`"https://a.example/${env:GOOD}?q=${env:GOOD}"`,
		`"https://a.example/${env:UNSET}?q=${env:GOOD}"`,
		`"https://${env:GOOD}.example/"`,
		`"https://a.example/${ssm:MARKER"`,
		`{"url": "https://a.example/", "userAgent": "MARKER\n"}`,
		`{"url": "https://user:MARKER@a.example/", "name": "a", "headers": {"A": "MARKER"}}, {"url": "https://user:MARKER2@a.example/", "name": "a"}`,
	}
	for _, target := range targets {
		for _, event := range []string{`{"urls": [` + target + `]}`, `{"urls": [` + target + `], "metrics": "?"}`} {
			p, err := parse([]byte(event), Inputs{Lookup: lookup, Permit: everything})
			if seen := seen(p, err); strings.Contains(seen, secret) {
				t.Errorf("%s shows the secret: %s", event, seen)
			}
		}
	}
}

func everything(Reference, string) bool { return true }

// seen returns all that people may see of what Parse returned.
func seen(p *Plan, err error) string {
	if err != nil {
		return err.Error()
	}
	all := slices.Clone(p.Warnings)
	for _, t := range p.Targets {
		all = append(all, t.Name, t.Group, t.RedactedURL, t.Invalid)
	}
	return strings.Join(all, "\n")
}

func TestLines(t *testing.T) {
	long := "https://a.example/" + strings.Repeat("x", list.MaxLine-len("https://a.example/")-1)
	tests := []struct {
		name, lines string
		want        []string // URLs
		problem     string
	}{
		{name: "nothing", lines: "", want: []string{}},
		{name: "comments", lines: "#a\n # b\n\t#c\r\n\r\n  \n", want: []string{}},
		{name: "ends", lines: "https://a.example\r\nhttps://b.example\nhttps://c.example", want: []string{"https://a.example/", "https://b.example/", "https://c.example/"}},
		{name: "byte order mark", lines: "\ufeffhttps://a.example\n", want: []string{"https://a.example/"}},
		{name: "fragment", lines: "https://a.example/#b # c # d\nhttps://b.example/\t#c", want: []string{"https://a.example/", "https://b.example/"}},
		{name: "longest", lines: long + "\n", want: []string{long}},
		{name: "too long", lines: "\n\n" + long + "x\nhttps://b.example\n", problem: "line 3: is longer than 64 KiB"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := parseLines(context.Background(), iotest.OneByteReader(strings.NewReader(test.lines)), Inputs{})
			if test.problem != "" {
				wantProblem(t, err, test.problem)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for _, target := range p.Targets {
				got = append(got, target.URL)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func wantProblem(t *testing.T, err error, want string) {
	t.Helper()
	invalid, ok := err.(*InvalidEventError)
	if !ok || len(invalid.Problems) != 1 || invalid.Problems[0].String() != want {
		t.Errorf("got %v, want the one problem %q", err, want)
	}
}

func TestLinesThatCanNotBeRead(t *testing.T) {
	broken := iotest.DataErrReader(strings.NewReader("https://a.example\nhttps://b.ex"))
	p, err := parseLines(context.Background(), &failing{broken, errors.New("the disk is gone")}, Inputs{})
	if p != nil {
		t.Errorf("got a plan of %d targets, want none", len(p.Targets))
	}
	wantProblem(t, err, "line 3: can't be read: the disk is gone")
}

// failing reads as its Reader does, but ends with an error.
type failing struct {
	from io.Reader
	err  error
}

func (f *failing) Read(b []byte) (int, error) {
	n, err := f.from.Read(b)
	if err != nil {
		err = f.err
	}
	return n, err
}

// A list of 100,000 lines has each fault where it stands, and nothing else
// suffers from it.
func TestLongLists(t *testing.T) {
	const lines = 100_000
	lined := func(at int, instead string) io.Reader {
		var b strings.Builder
		for i := 1; i <= lines; i++ {
			if i == at {
				b.WriteString(instead + "\n")
				continue
			}
			fmt.Fprintf(&b, "https://host-%d.example\n", i)
		}
		return strings.NewReader(b.String())
	}
	p, err := parseLines(context.Background(), lined(lines, "https://[host.example"), Inputs{})
	if err != nil || len(p.Targets) != lines {
		t.Fatalf("a bad one at the end: %v, and a plan of %d", err, len(p.Targets))
	}
	for i := range p.Targets {
		if invalid := p.Targets[i].Invalid; (invalid != "") != (i == lines-1) {
			t.Errorf("a bad one at the end: line %d is invalid: %q", i+1, invalid)
		}
	}
	_, err = parseLines(context.Background(), lined(70_000, "https://long.example/"+strings.Repeat("x", 10<<20)), Inputs{})
	wantProblem(t, err, "line 70000: is longer than 64 KiB")
	_, err = parseLines(context.Background(), &failing{lined(0, ""), errors.New("unexpected EOF")}, Inputs{})
	wantProblem(t, err, "line 100001: can't be read: unexpected EOF")
}

func TestParseURLs(t *testing.T) {
	p, err := ParseURLs([]string{"https://a.example", "b.example", "https://a.example/"}, Inputs{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a.example", "b.example#8543219a446a"}; !slices.Equal(names(p), want) {
		t.Errorf("got %q, want %q", names(p), want)
	}
	_, err = ParseURLs([]string{"https://a.example", "https://user@a.example"}, Inputs{})
	wantProblem(t, err, `URL 2: has the same name "a.example" as URL 1, which is another target: give it a name of its own`)
}

func TestSourceWithoutFiles(t *testing.T) {
	_, err := parse([]byte(`{"source": "list.txt"}`), Inputs{})
	wantProblem(t, err, `source: file sources are not supported`)
}

func TestSourceDoesNotLeaveItsRoot(t *testing.T) {
	outside, inside := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "list.txt")
	if err := os.WriteFile(secret, []byte("https://a.example\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(inside, "list.txt")); err != nil {
		t.Skip(err)
	}
	root, err := os.OpenRoot(inside)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	_, err = parse([]byte(`{"source": "list.txt"}`), Inputs{Sources: filesOf(root.FS())})
	wantProblem(t, err, `source: open "list.txt": path escapes from parent`)
}

func TestSourceThatIsTooLarge(t *testing.T) {
	folder := t.TempDir()
	for name, size := range map[string]int64{"big.json": list.MaxDocument + 1, "big.txt": list.MaxLine + 1} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(folder, name), size); err != nil {
			t.Fatal(err)
		}
	}
	_, err := parse([]byte(`{"source": "big.txt"}`), Inputs{Sources: filesOf(os.DirFS(folder))})
	wantProblem(t, err, "big.txt:1: is longer than 64 KiB")
	_, err = parse([]byte(`{"source": "big.json"}`), Inputs{Sources: filesOf(os.DirFS(folder))})
	wantProblem(t, err, `source: read "big.json": is larger than 64 MiB`)
}

// A source that ends too early is not checked half-way, whichever kind it is.
func TestSourceThatBreaksOff(t *testing.T) {
	for name, want := range map[string]string{
		"list.txt":   "list.txt:2: can't be read: unexpected EOF",
		"event.json": `source: read "event.json": unexpected EOF`,
	} {
		files := breaking{fstest.MapFS{name: {Data: []byte("https://a.example\n")}}}
		_, err := parse([]byte(`{"source": "`+name+`"}`), Inputs{Sources: filesOf(files)})
		wantProblem(t, err, want)
	}
}

// breaking is a file system whose files end with an error.
type breaking struct{ fstest.MapFS }

func (b breaking) Open(name string) (fs.File, error) {
	f, err := b.MapFS.Open(name)
	return &breakingFile{f, failing{f, io.ErrUnexpectedEOF}}, err
}

type breakingFile struct {
	fs.File
	failing
}

func (f *breakingFile) Read(b []byte) (int, error) { return f.failing.Read(b) }

func TestErrorListsThousandProblems(t *testing.T) {
	for _, test := range []struct {
		problems  int
		lines     int
		first, at string
	}{
		{1, 2, "the event has 1 problem:", "urls[0]: is null, neither a string nor an object"},
		{1000, 1001, "the event has 1000 problems:", "urls[999]: is null, neither a string nor an object"},
		{1234, 1002, "the event has 1234 problems:", "and 234 more"},
	} {
		_, err := parse([]byte(`{"urls": [`+strings.TrimSuffix(strings.Repeat("null,", test.problems), ",")+`]}`), Inputs{})
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != test.lines || lines[0] != test.first || lines[len(lines)-1] != test.at {
			t.Errorf("%d problems: got %d lines, from %q to %q", test.problems, len(lines), lines[0], lines[len(lines)-1])
		}
	}
}

func TestSuggestion(t *testing.T) {
	known := []string{"url", "name", "timeout", "headers", "userAgent", "http", "ip", "warn"}
	for got, want := range map[string]string{
		"tiemout": "timeout", "TIMEOUT": "timeout", "time_out": "timeout", "timeouts": "timeout", "header": "headers",
		"useragent": "userAgent", "ulr": "url", "uri": "url", "https": "http", "nmae": "name", "warning": "",
		"": "", "x": "", "expectations": "", strings.Repeat("timeout", 10): "",
	} {
		if want != "" {
			want = ` (did you mean "` + want + `"?)`
		}
		if hint := suggestion(got, known); hint != want {
			t.Errorf("suggestion(%q) = %q, want %q", got, hint, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "ab", 1}, {"abc", "axc", 1}, {"abc", "acb", 1}, {"abcd", "badc", 2}, {"kitten", "sitting", 3},
	} {
		if got, back := distance(test.a, test.b), distance(test.b, test.a); got != test.want || back != test.want {
			t.Errorf("distance(%q, %q) = %d and %d back, want %d", test.a, test.b, got, back, test.want)
		}
	}
}

func TestQuoteIsBounded(t *testing.T) {
	for in, want := range map[string]string{
		"5x":                      `"5x"`,
		"a\nb":                    `"a\nb"`,
		strings.Repeat("ü", 64):   `"` + strings.Repeat("ü", 64) + `"`,
		strings.Repeat("ü", 9999): `"` + strings.Repeat("ü", 64) + `…"`,
	} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestInvalidTargetsHaveSettings(t *testing.T) {
	for _, target := range mustParse(t, `{"urls": ["nothing", {"url": "https://a.example", "body": "${env:UNSET}", "timeout": "2s"}]}`).Targets {
		if target.Settings == nil || target.URL != "" || target.Invalid == "" {
			t.Errorf("got %+v, want settings, no URL, and a reason", target)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	const urls = 100_000
	event := []byte(`{"urls": [`)
	for i := range urls {
		event = fmt.Appendf(event, "%q,", fmt.Sprintf("https://host%d.example/health", i))
	}
	event = append(event[:len(event)-1], "]}"...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parse(event, Inputs{}); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzParse holds what every user of a plan relies on: what Parse accepts is
// valid, and what it refuses it refuses as an InvalidEventError.
func FuzzParse(f *testing.F) {
	for _, folder := range []string{"valid", "invalid"} {
		for _, file := range eventFiles(f, folder) {
			f.Add(readFile(f, file))
		}
	}
	in := inputs()
	f.Fuzz(func(t *testing.T, event []byte) {
		p, err := parse(event, in)
		if err != nil {
			if invalid, ok := err.(*InvalidEventError); !ok || len(invalid.Problems) == 0 {
				t.Fatalf("Parse = %#v, want an *InvalidEventError with problems", err)
			}
			return
		}
		checkPlan(t, p)
		if lines, err := parseLines(context.Background(), bytes.NewReader(event), Inputs{}); err == nil {
			checkPlan(t, lines)
		}
	})
}

func checkPlan(t *testing.T, p *Plan) {
	names, groups := map[string]bool{}, map[string]bool{}
	for i := range p.Targets {
		target := &p.Targets[i]
		names[target.Name], groups[target.Group] = true, true
		if target.Name == "" || target.Settings == nil || target.Group == "" {
			t.Fatalf("%+v lacks a name, a group or settings", target)
		}
		bare := strings.TrimSuffix(strings.TrimSuffix(target.RedactedURL, "?…"), "…")
		if !printableASCII(bare) || len(bare) > 300 || strings.Contains(bare, "?") {
			t.Fatalf("shown is %q, want at most 300 characters of ASCII and no query", target.RedactedURL)
		}
		if target.Invalid == "" {
			checkValid(t, target)
		} else if target.URL != "" {
			t.Fatalf("%+v is invalid and has a URL", target)
		}
	}
	if len(names) != len(p.Targets) || len(groups) > maxGroups {
		t.Fatalf("%d names and %d groups of %d targets", len(names), len(groups), len(p.Targets))
	}
	if step := p.Begin.Of > 0 || p.Sum.Of > 0; (len(p.Targets) == 0 && !step) != slices.Contains(p.Warnings, noURL) {
		t.Fatalf("%d targets, warnings %q", len(p.Targets), p.Warnings)
	}
}

func checkValid(t *testing.T, target *check.Target) {
	u, s := weburl.Parsed(target.URL), target.Settings
	if u == nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || !printableASCII(weburl.String(u)) {
		t.Fatalf("URL is %v, want http or https, a host, no user, no fragment, ASCII", u)
	}
	if weburl.String(u) != target.URL {
		t.Fatalf("URL %s is read as %s", target.URL, u)
	}
	if s.Timeout <= 0 || s.Timeout > maxTimeout || s.Redirects < 0 || s.Retries < 0 || s.MaxBody <= 0 || s.Method == "" {
		t.Fatalf("settings %+v are out of range", s)
	}
	for name, values := range s.Header {
		if len(values) != 1 || !validHeader(name, values[0]) {
			t.Fatalf("header %s: %q can't be sent", name, values)
		}
	}
}

func printableASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// TestDifferentExpressionsAreBounded: each takes memory as long as the event does. Equal
// ones are one.
func TestDifferentExpressionsAreBounded(t *testing.T) {
	event := func(different int) string {
		var b strings.Builder
		for i := range 6000 {
			fmt.Fprintf(&b, `,{"url": "https://a.example/%d", "expect": ["body contains 'the title of page %5d, padded'"]}`, i, i%different)
		}
		return `{"urls": [` + b.String()[1:] + `]}`
	}
	if _, err := Parse(t.Context(), strings.NewReader(event(4000)), Inputs{}); err != nil {
		t.Errorf("4,000 different expressions: %v", err)
	}
	_, err := Parse(t.Context(), strings.NewReader(event(6000)), Inputs{})
	if want := "the event's different expressions have more than 250000 bytes together"; err == nil || strings.Count(err.Error(), want) != 1 {
		t.Errorf("6,000 different expressions: %v", err)
	}
}
