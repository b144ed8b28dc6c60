package plan

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"rollcall/internal/check"
)

const theRun = `"scheduled": "2026-11-30T06:08:00Z"`

// partOf reads a part of a list.
func partOf(t *testing.T, name string, content []byte, index, of int) (*Plan, error) {
	t.Helper()
	event := fmt.Sprintf(`{"source": %q, "part": {"index": %d, "of": %d}, %s}`, name, index, of, theRun)
	return parse([]byte(event), Inputs{Sources: filesOf(fstest.MapFS{name: {Data: content}})})
}

// lists are some targets in each format of which there are parts.
func listsOf(targets []map[string]any) map[string][]byte {
	var text, lines, table, array bytes.Buffer
	table.WriteString("name;url;group;timeout\n")
	for i, target := range targets {
		fmt.Fprintf(&text, "# %d\n%s\n\n", i, target["url"])
		encoded, _ := json.Marshal(target)
		fmt.Fprintf(&lines, "%s\n", encoded)
		cell := func(name string) any {
			if target[name] == nil {
				return ""
			}
			return target[name]
		}
		fmt.Fprintf(&table, "%s;%s;%s;%s\n", cell("name"), cell("url"), cell("group"), cell("timeout"))
		fmt.Fprintf(&array, ", %s\n", encoded)
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	w.Write(lines.Bytes())
	w.Close()
	elements := append([]byte("["), array.Bytes()[1:]...)
	return map[string][]byte{
		"list.txt": text.Bytes(), "list.jsonl": lines.Bytes(), "list.jsonl.gz": zipped.Bytes(), "list.csv": table.Bytes(),
		"list.json": append(slices.Clone(elements), ']'), "event.json": slices.Concat([]byte(`{"defaults": {"retries": 3}, "urls": `), elements, []byte("]}")),
	}
}

// All parts together are the whole list, whatever its format: each target once,
// with the name, the group and the settings that it has there.
func TestPartsAreTheWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var targets []map[string]any
	for i := range 200 {
		target := map[string]any{"url": fmt.Sprintf("https://host%d.example/p?q=%d", i, i%7)}
		for name, value := range map[string]any{"name": fmt.Sprintf("name %d \"ü\\", i), "group": fmt.Sprint("g", i%5), "timeout": fmt.Sprint(i%9+1, "s")} {
			if random.IntN(2) == 0 && (name != "name" || i%3 > 0) {
				target[name] = value
			}
		}
		targets = append(targets, target)
	}
	for name, content := range listsOf(targets) {
		if name == "list.csv" {
			content = bytes.ReplaceAll(content, []byte(`"`), []byte("'"))
		}
		whole, err := parse([]byte(`{"source": "`+name+`"}`), Inputs{Sources: filesOf(fstest.MapFS{name: {Data: content}})})
		if err != nil {
			t.Fatal(err)
		}
		for _, of := range []int{1, 3, 7, 250} {
			got := make([]check.Target, len(targets))
			claims := map[Claim]bool{}
			for index := range of {
				p, err := partOf(t, name, content, index, of)
				if err != nil {
					t.Fatalf("%s, %d of %d: %v", name, index, of, err)
				}
				for i, target := range p.Targets {
					got[index+i*of] = target
				}
				for _, c := range p.Claims {
					claims[c] = true
				}
			}
			if !reflect.DeepEqual(got, whole.Targets) {
				t.Errorf("%s in %d parts is another list", name, of)
			}
			derived := 0
			for _, target := range targets {
				if target["name"] == nil || name == "list.txt" {
					derived++
				}
			}
			if len(claims) != derived {
				t.Errorf("%s in %d parts: %d claims, want %d", name, of, len(claims), derived)
			}
		}
	}
}

// What is wrong with the whole list is wrong with each part, in whichever the
// entries are.
func TestPartsOfAWrongList(t *testing.T) {
	targets := []map[string]any{}
	for i := range 12 {
		targets = append(targets, map[string]any{"url": fmt.Sprintf("https://host%d.example", i)})
	}
	named := func(i int, name, url string) []map[string]any {
		all := slices.Clone(targets)
		all[1] = map[string]any{"url": "https://a.example", "name": "a"}
		all[i] = map[string]any{"url": url, "name": name}
		return all
	}
	for title, test := range map[string]struct {
		targets []map[string]any
		want    map[int]string // by part of 3; -1: all others
	}{
		"one name twice":          {named(5, "a", "https://b.example"), map[int]string{1: `has the same name "a" as another entry of the list`, 2: `has the same name "a" as another entry of the list`, -1: "has 1 names that entries share"}},
		"equal ones":              {named(5, "a", "https://a.example"), map[int]string{-1: ""}},
		"equal ones of one part":  {named(4, "a", "https://a.example"), map[int]string{-1: ""}},
		"as one of them derives":  {named(5, "host0.example", "https://b.example"), map[int]string{0: `has the name "host0.example" by its URL`, -1: ""}},
		"too many groups, spread": {manyGroups(), map[int]string{-1: "has more than 50 groups"}},
	} {
		for name, content := range listsOf(test.targets) {
			if name == "list.txt" {
				continue // has neither
			}
			for index := range 3 {
				want, ok := test.want[index]
				if !ok {
					want = test.want[-1]
				}
				_, err := partOf(t, name, content, index, 3)
				invalid, _ := errors.AsType[*InvalidEventError](err)
				switch {
				case want == "" && err != nil:
					t.Errorf("%s: %s, part %d: %v", title, name, index, err)
				case want != "" && (invalid == nil || !strings.HasPrefix(invalid.Problems[len(invalid.Problems)-1].Message, want)):
					t.Errorf("%s: %s, part %d: %v, want %s", title, name, index, err, want)
				}
			}
		}
	}
	_, err := partOf(t, "event.yaml", []byte("urls: [https://a.example]"), 0, 3)
	wantProblem(t, err, "event.yaml: is YAML, of which there are no parts (use JSON lines, CSV, text or JSON)")
}

func manyGroups() []map[string]any {
	var all []map[string]any
	for i := range maxGroups + 1 {
		all = append(all, map[string]any{"url": fmt.Sprintf("https://host%d.example", i), "group": fmt.Sprint(i)})
	}
	return all
}

// Two parts that claim a name for different checks can be told from two that ask
// for the same one.
func TestClaims(t *testing.T) {
	list := []byte(`{"url": "https://a.example/x", "timeout": "1s"}
{"url": "https://a.example:443/x", "timeout": "1s"}
"https://user:secret@b.example"
"https://b.example/"
{"url": "https://a.example/x", "timeout": "2s"}
`)
	var claims []Claim
	for index := range 5 {
		p, err := partOf(t, "list.jsonl", list, index, 5)
		if err != nil || len(p.Claims) != 1 {
			t.Fatal(err, p)
		}
		claims = append(claims, p.Claims[0])
	}
	if claims[0] != claims[1] || claims[2] != claims[3] || claims[4].Name != claims[0].Name || claims[4].Check == claims[0].Check || claims[2].Name == claims[0].Name {
		t.Errorf("claims %x", claims)
	}
}

func TestShare(t *testing.T) {
	for _, of := range []int{0, 1, 3, 1000} {
		for _, limit := range []int{0, 1, 2, 3, 10, 1000, 12345} {
			all := 0
			for index := range max(of, 1) {
				all += Part{index, of}.Share(limit)
			}
			if all != limit {
				t.Errorf("%d parts have %d of %d", of, all, limit)
			}
		}
	}
}

// BenchmarkPart reads a hundredth of a million lines.
func BenchmarkPart(b *testing.B) {
	const n = 1_000_000
	var text, lines, table, array bytes.Buffer
	table.WriteString("name,url\n")
	array.WriteString("[")
	for i := range n {
		fmt.Fprintf(&text, "https://host%d.example/health/check\n", i)
		fmt.Fprintf(&lines, "{\"url\": \"https://host%d.example/health/check\", \"name\": \"host %d\"}\n", i, i)
		fmt.Fprintf(&table, "host %d,https://host%d.example/health/check\n", i, i)
		fmt.Fprintf(&array, "%s{\"url\": \"https://host%d.example/\", \"timeout\": \"2s\"}", strings.Repeat(",", min(i, 1)), i)
	}
	array.WriteString("]")
	for name, content := range map[string][]byte{"list.txt": text.Bytes(), "list.jsonl": lines.Bytes(), "list.csv": table.Bytes(), "list.json": array.Bytes()} {
		for _, ending := range []string{"", ".gz"} {
			if ending != "" {
				var zipped bytes.Buffer
				w := gzip.NewWriter(&zipped)
				w.Write(content)
				w.Close()
				content = zipped.Bytes()
			}
			b.Run(name+ending, func(b *testing.B) {
				in := Inputs{Sources: filesOf(fstest.MapFS{name + ending: {Data: content}})}
				var before, after runtime.MemStats
				b.ReportAllocs()
				for b.Loop() {
					runtime.GC()
					runtime.ReadMemStats(&before)
					p, err := parse([]byte(fmt.Sprintf(`{"source": %q, "part": {"index": 17, "of": 100}, %s}`, name+ending, theRun)), in)
					runtime.ReadMemStats(&after)
					if err != nil || len(p.Targets) != n/100 {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB/heap")
			})
		}
	}
}
