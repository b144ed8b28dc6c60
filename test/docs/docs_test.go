package docs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"rollcall/internal/check"
	"rollcall/internal/expect"
	"rollcall/internal/metric"
	"rollcall/internal/monitor"
	"rollcall/internal/plan"
	"rollcall/test/tree"
)

func TestLinksResolve(t *testing.T) {
	for _, problem := range linkProblems(t, os.DirFS(tree.Root)) {
		t.Error(problem)
	}
}

func TestBrokenLinksAreFound(t *testing.T) {
	tests := []struct{ text, want string }{
		{"[a](docs/b.md) [a](docs/b.md#two-words--more) [a](#one) [a](https://example.com)\n# One\n", ""},
		{"[a](docs/c.md)", "README.md links to docs/c.md, which is not there"},
		{"[a](docs/b.md#nothing)", "README.md links to docs/b.md#nothing, which has no such heading"},
		{"[a](#nothing)", "README.md links to #nothing, which has no such heading"},
		{"```\n[a](docs/c.md)\n```\n`[a](docs/c.md)`", ""},
		{"[a](../a.md)", "README.md links to ../a.md, which is not there"},
	}
	for _, tt := range tests {
		tree := fstest.MapFS{"README.md": {Data: []byte(tt.text)}, "docs/b.md": {Data: []byte("## `Two` words: + more\n")}}
		if got := strings.Join(linkProblems(t, tree), "\n"); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestDocumentedEventsAreValid(t *testing.T) {
	files := plan.Files(os.DirFS(tree.Root))
	lists := func(ctx context.Context, _ *url.URL, known plan.Version) (io.ReadCloser, plan.Version, error) {
		return files(ctx, &url.URL{Path: "events/thousand.txt"}, known)
	}
	inputs := plan.Inputs{Sources: map[string]plan.Source{"file": files, "s3": lists}, Lookup: func(string) (string, bool) { return "x", true }, Permit: func(plan.Reference, string) bool { return true }}
	for _, name := range []string{"README.md", "docs/event.md"} {
		events := tree.Fenced(tree.Document(t, name), "json")
		if len(events) == 0 {
			t.Errorf("%s shows no event", name)
		}
		for _, event := range events {
			p, err := plan.Parse(t.Context(), strings.NewReader(event), inputs)
			if err != nil {
				t.Errorf("%s: %v\n%s", name, err, event)
				continue
			}
			for _, target := range p.Targets {
				if target.Invalid != "" {
					t.Errorf("%s: %s is invalid: %s\n%s", name, target.Name, target.Invalid, event)
				}
			}
		}
	}
}

// docs/events.md has a row for each event of the package, and no other.
func TestPackagedEventsAreDocumented(t *testing.T) {
	documented := tree.Found(t, "docs/events.md", "(?m)^\\| `(events/[^`]+\\.json)` \\|")
	files, err := fs.Glob(os.DirFS(tree.Root), "events/*.json")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(documented)
	if !slices.Equal(documented, files) {
		t.Errorf("docs/events.md has %v, the package %v", documented, files)
	}
}

func TestDocumentedExpressionsCompile(t *testing.T) {
	text := tree.Document(t, "docs/event.md")
	blocks := tree.Fenced(text, "text expressions")
	if len(blocks) == 0 {
		t.Error("docs/event.md shows no expressions")
	}
	for line := range strings.Lines(strings.Join(blocks, "")) {
		if _, err := expect.Compile(strings.TrimSpace(line)); err != nil {
			t.Errorf("%s: %v", strings.TrimSpace(line), err)
		}
	}
	for _, name := range expect.Names() {
		if !strings.Contains(text, "`"+name) && !strings.Contains(text, "."+name+"`") {
			t.Errorf("docs/event.md has nothing of %s, which expressions know", name)
		}
	}
}

func TestFieldsAreDocumented(t *testing.T) {
	text := tree.Document(t, "docs/event.md")
	var whole any
	if err := json.Unmarshal(plan.Schema(), &whole); err != nil {
		t.Fatal(err)
	}
	fields := properties(whole, nil)
	if len(fields) < 25 {
		t.Fatalf("the schema has the fields %v only", fields)
	}
	for _, field := range fields {
		if !strings.Contains(text, "\n| `"+field+"` |") {
			t.Errorf("docs/event.md has no row for %s", field)
		}
	}
}

// properties adds the names of all properties in a part of a JSON Schema.
func properties(part any, names []string) []string {
	switch part := part.(type) {
	case []any:
		for _, element := range part {
			names = properties(element, names)
		}
	case map[string]any:
		for name, member := range part {
			if of, ok := member.(map[string]any); ok && name == "properties" {
				names = slices.AppendSeq(names, maps.Keys(of))
			}
			names = properties(member, names)
		}
	}
	return names
}

func TestVariablesAreDocumented(t *testing.T) {
	const variable = `ROLLCALL_[A-Z_]*[A-Z]`
	inCode := tree.Found(t, "internal/config/variables.go", variable)
	if len(inCode) == 0 {
		t.Fatal("no variable was found in internal/config/variables.go")
	}
	inCode = append(inCode, tree.Found(t, "functions/notify/main.go", variable)...)
	for _, name := range []string{"docs/configuration.md", "template.yaml"} {
		documented := tree.Found(t, name, variable)
		for _, v := range inCode {
			old := name == "template.yaml" && v == "ROLLCALL_PAGE_BUCKET" // the old name of another
			if !old && !slices.Contains(documented, v) {
				t.Errorf("%s lacks %s", name, v)
			}
		}
		for _, v := range documented {
			if !slices.Contains(inCode, v) {
				t.Errorf("%s has %s, which nothing reads", name, v)
			}
		}
	}
}

func TestReasonsAreDocumented(t *testing.T) {
	for _, problem := range reasonProblems(tree.Document(t, "docs/reasons.md"), check.Reasons()) {
		t.Error(problem)
	}
}

// The page and docs/reasons.md explain the reasons in the same words.
func TestExplanationsAreTheDocumentedOnes(t *testing.T) {
	text := "\n" + regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(tree.Document(t, "docs/reasons.md"), "$1")
	for _, r := range check.Reasons() {
		_, section, _ := strings.Cut(text, "\n### `"+r.String()+"`\n")
		said := strings.Join(strings.Fields(section), " ")
		e := r.Explain()
		if want := "**Meaning.** " + e.Meaning + " **Cause.** " + e.Cause + " **Action.** " + e.Action + " ```text"; !strings.HasPrefix(said, want) {
			t.Errorf("docs/reasons.md and probe's explanation of %v differ: it should begin\n%s\nand is\n%.600s", r, want, said)
		}
	}
}

func TestMissingReasonsAreFound(t *testing.T) {
	const (
		ok     = "### `ok`\n\n**Meaning.** a\n\n**Cause.** b\n\n**Action.** c\n\n```text\nup  x\n```\n"
		status = "### `status`\n\n**Meaning.** a\n\n**Cause.** b\n\n**Action.** c\n\n```text\ndown  x  status: 500\n```\n"
	)
	tests := []struct{ name, text, want string }{
		{"all there", ok + status, ""},
		{"one missing", ok, "the sections are [ok], want [ok status]"},
		{"one too many", ok + status + "### `other`\n", "the sections are [ok status other], want [ok status]"},
		{"wrong order", status + ok, "the sections are [status ok], want [ok status]"},
		{"a part missing", ok + strings.Replace(status, "**Action.**", "Action.", 1), "status has no part **Action.**"},
		{"no example", ok + strings.Replace(status, "```text", "```", 1), "status has 0 examples, want one"},
		{"another's example", ok + strings.Replace(status, "status: 500", "timeout: no", 1), "status has an example of something else: down  x  timeout: no"},
	}
	for _, tt := range tests {
		got := strings.Join(reasonProblems(tt.text, []check.Reason{check.OK, check.Status}), "\n")
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// The summary in the documentation has to be what a summary is: read and
// written again, it is the same.
func TestDocumentedSummaryIsTheContract(t *testing.T) {
	blocks := tree.Fenced(tree.Document(t, "docs/summary.md"), "json")
	if len(blocks) != 1 {
		t.Fatalf("docs/summary.md has %d blocks of JSON, want one", len(blocks))
	}
	var s monitor.Summary
	if err := json.Unmarshal([]byte(blocks[0]), &s); err != nil {
		t.Fatal(err)
	}
	written, err := json.Marshal(&s)
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := json.Unmarshal(written, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(blocks[0]), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("docs/summary.md: read and written again it is\n%s", written)
	}
}

func TestExitCodesAreDocumented(t *testing.T) {
	documented := tree.Found(t, "docs/summary.md", "(?m)^\\| `(\\d+)` \\|")
	codes := append(tree.Found(t, "cmd/rollcall/main.go", `(?m)^\texit\w+ += (\d+)`), "0")
	slices.Sort(codes)
	slices.Sort(documented)
	if !slices.Equal(documented, codes) {
		t.Errorf("docs/summary.md has the exit codes %v, cmd/rollcall %v", documented, codes)
	}
}

func TestCommandsAreDocumented(t *testing.T) {
	documented := tree.Found(t, "docs/terminal.md", "(?m)^\\| `rollcall (\\w+)` \\|")
	commands := tree.Found(t, "cmd/rollcall/cli.go", `(?m)^\t\w+ +(\w+)Command +.cmd:`)
	if len(commands) == 0 || !slices.Equal(documented, commands) {
		t.Errorf("docs/terminal.md has the commands %v, cmd/rollcall %v", documented, commands)
	}
}

// Each place in the table of docs/architecture.md says what mayImport says.
// Tests of the whole tree and the peers of the bench have no row.
func TestPackagesAreDocumented(t *testing.T) {
	text := tree.Document(t, "docs/architecture.md")
	for dir, allowed := range mayImport {
		if false {
			continue
		}
		imports := strings.Join(allowed, ", ")
		switch imports {
		case "":
			imports = "nothing"
		case everything:
			imports = "everything but functions"
		}
		row := regexp.MustCompile("(?m)^\\| `" + dir + "` \\| .* \\| " + imports + " \\|$")
		if !row.MatchString(text) {
			t.Errorf("docs/architecture.md has no row for %s that ends in %q", dir, imports)
		}
	}
}

// The ways from an event to a datum, and from a target to its result, are short and
// as documented.
func TestWays(t *testing.T) {
	for heading, most := range map[string]int{"From an event to a datum": 20, "From a target to its result": 16} {
		_, section, _ := strings.Cut(tree.Document(t, "docs/architecture.md"), "## "+heading+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		files, functions := map[string]bool{}, 0
		for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9/]+\\.go)` \\| (`[^|]+`) \\|").FindAllStringSubmatch(section, -1) {
			files[row[1]] = true
			for name := range strings.SplitSeq(row[2], ", ") {
				functions++
				if name = strings.Trim(name, "`"); len(tree.Found(t, row[1], `(?m)^func (\([^)]*\) )?(`+name+`)\(`)) == 0 {
					t.Errorf("docs/architecture.md names %s of %s, which is not there", name, row[1])
				}
			}
		}
		if functions == 0 || functions > most || len(files) > 8 {
			t.Errorf("%s: %d functions in %d files, want at most %d in 8", heading, functions, len(files), most)
		}
	}
}

// How many checks Lambda's 1,024 descriptors let run at once: the
// documents say it, and the bill assumes it.
func TestChecksAtOnceAreDocumented(t *testing.T) {
	checks := tree.Found(t, "internal/sweep/capacity_test.go", `"Lambda's limit", 1024, 0, (\d+),`)
	if len(checks) != 1 {
		t.Fatalf("internal/sweep says %v checks at once under Lambda's limit, want one number", checks)
	}
	for name, pattern := range map[string]string{
		"docs/configuration.md":            `at most 4,000: (\d+) under Lambda's`,
		"docs/decisions/our-own-limits.md": `So (\d+) checks are in flight`,
		"docs/cost.md":                     `(\d+) checks at once`,
		"internal/cost/bill.go":            `inFlight += (\d+)`,
	} {
		if got := tree.Found(t, name, pattern); !slices.Equal(got, checks) {
			t.Errorf("%s says %v checks at once, want %v", name, got, checks)
		}
	}
}

// The tables of docs/metrics.md are written by this test when UPDATE is set in
// its environment.
func TestMetricsTableIsCurrent(t *testing.T) {
	tree.Current(t, "docs/metrics.md", map[string]string{"metrics": metricsTable(), "series": seriesTable()}, "MetricsTable")
}

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	codeSpan = regexp.MustCompile("`[^`\n]*`")
)

// linkProblems returns one line for each relative link of the tree's Markdown
// that leads nowhere.
func linkProblems(t *testing.T, files fs.FS) (problems []string) {
	t.Helper()
	for name, text := range tree.Files(t, files, ".md") {
		for _, match := range link.FindAllSubmatch(codeSpan.ReplaceAll(tree.Fence.ReplaceAll(text, nil), nil), -1) {
			if why := deadEnd(files, name, string(match[1])); why != "" {
				problems = append(problems, fmt.Sprintf("%s links to %s, which %s", name, match[1], why))
			}
		}
	}
	return problems
}

// deadEnd says why a link of a document leads nowhere, or "".
func deadEnd(files fs.FS, from, to string) string {
	if strings.Contains(to, "://") {
		return ""
	}
	to, anchor, anchored := strings.Cut(to, "#")
	name := from
	if to != "" {
		name = path.Join(path.Dir(from), to)
	}
	if _, err := fs.Stat(files, name); err != nil {
		return "is not there"
	}
	if !anchored {
		return ""
	}
	text, err := fs.ReadFile(files, name)
	if err != nil || !slices.Contains(tree.Anchors(text), anchor) {
		return "has no such heading"
	}
	return ""
}

// reasonProblems returns one line for each thing that the documentation of
// reasons lacks.
func reasonProblems(text string, reasons []check.Reason) []string {
	var want, got, problems []string
	for _, r := range reasons {
		want = append(want, r.String())
	}
	for _, section := range strings.Split("\n"+text, "\n### ")[1:] {
		name, rest, _ := strings.Cut(section, "\n")
		name = strings.Trim(name, "`")
		got = append(got, name)
		if slices.Contains(want, name) {
			problems = append(problems, sectionProblems(name, rest)...)
		}
	}
	if !slices.Equal(got, want) {
		problems = append(problems, fmt.Sprintf("the sections are %v, want %v", got, want))
	}
	return problems
}

// sectionProblems: a section has what it means, the likely cause, what to do,
// and an example.
func sectionProblems(name, text string) []string {
	var problems []string
	for _, part := range []string{"**Meaning.**", "**Cause.**", "**Action.**"} {
		if !strings.Contains(text, "\n"+part+" ") {
			problems = append(problems, name+" has no part "+part)
		}
	}
	examples := tree.Fenced(text, "text")
	if len(examples) != 1 {
		return append(problems, fmt.Sprintf("%s has %d examples, want one", name, len(examples)))
	}
	example := strings.TrimSpace(examples[0])
	if !strings.Contains(example, " "+name+": ") && (name != check.OK.String() || !strings.HasPrefix(example, "up ")) {
		problems = append(problems, name+" has an example of something else: "+example)
	}
	return problems
}

// metricsTable is every metric, a row each.
func metricsTable() string {
	var b strings.Builder
	b.WriteString("| Metric | Dimension | Unit | Profiles | Value |\n|---|---|---|---|---|\n")
	for _, d := range metric.Table() {
		profiles := "instead of all else"
		if len(d.Profiles) > 0 {
			profiles = fmt.Sprint(d.Profiles)
			profiles = strings.ReplaceAll(profiles[1:len(profiles)-1], " ", ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", d.Name, dimensionsOf(d), d.Unit, profiles, d.Meaning)
	}
	return b.String()
}

func dimensionsOf(d metric.Definition) string {
	var names []string
	for _, dimension := range d.Dimensions {
		if dimension == "" {
			dimension = "none"
		}
		names = append(names, dimension)
	}
	return strings.Join(names, "; ")
}

// seriesTable counts the series of each profile.
func seriesTable() string {
	var b strings.Builder
	b.WriteString("| Profile | A URL | A group | A reason that occurs | Over all |\n|---|---|---|---|---|\n")
	all := metric.Census{Targets: 1, Secure: 1, Groups: 1, SecureGroups: 1, Reasons: 1}
	for _, profile := range metric.Profiles() {
		without := func(change func(*metric.Census)) int {
			less := all
			change(&less)
			return profile.Count(all) - profile.Count(less)
		}
		target := without(func(c *metric.Census) { c.Targets, c.Secure = 0, 0 })
		group := without(func(c *metric.Census) { c.Groups, c.SecureGroups = 2, 2 })
		reason := without(func(c *metric.Census) { c.Reasons = 0 })
		fmt.Fprintf(&b, "| `%s` | %d | %d | %d | %d |\n", profile, target, -group, reason, profile.Count(all)-target+group-reason)
	}
	return b.String()
}
