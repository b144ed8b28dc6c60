package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Four at a time check twenty parts; what they add up to is one run over the list.
func TestParts(t *testing.T) {
	good, missing := url(t, "good.stage.test"), url(t, "status-404.stage.test")
	var list strings.Builder
	for i := range 130 {
		of := good
		if i%10 == 3 {
			of = missing
		}
		fmt.Fprintf(&list, "%sshop/%d\n", of, i)
	}
	name, dir := listFile(t, list.String()), filepath.Join(t.TempDir(), "parts")
	part := func(k string, more ...string) outcome {
		return rollcall(t, "", append([]string{"check", name, "--part", k, "--run", "monday", "--tally", dir}, more...)...)
	}
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for k := worker + 1; k <= 20; k += 4 {
				if got := part(fmt.Sprintf("%d/20", k)); got.code > exitDown || got.err != "" {
					t.Errorf("part %d: code %d, error %q", k, got.code, got.err)
				}
			}
		})
	}
	group.Wait()

	whole := rollcall(t, "", "check", name, "--json")
	sum := rollcall(t, "", "sum", dir, "--json")
	if sum.code != exitDown || sum.code != whole.code || sum.err != "" {
		t.Errorf("code %d, of one run %d, error %q", sum.code, whole.code, sum.err)
	}
	type counts struct {
		Targets, Up, Degraded, Down, NotChecked, Flaky int
		Healthy                                        bool
		Run                                            string
		Results                                        []struct{ Name, State, Reason, Detail string }
	}
	var one, added counts
	for text, into := range map[string]*counts{whole.out: &one, sum.out: &added} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	failed := one.Results[:0]
	for _, r := range one.Results {
		if r.State != "up" {
			failed = append(failed, r)
		}
	}
	one.Results, one.Run = failed, "monday"
	if fmt.Sprint(added) != fmt.Sprint(one) {
		t.Errorf("the sum is\n%v\nnot\n%v", added, one)
	}
	table := rollcall(t, "", "sum", dir)
	shows(t, "the table", table.out, "shop/3", "404", "13 status 404", "130 targets in", "117 up, 13 down")
	markdown := rollcall(t, "", "sum", dir, "--format", "md")
	shows(t, "Markdown", markdown.out, "13 of 130 targets are down", "shop/3")

	credentials(t)
	before := len(world.CloudWatch.Accepted())
	published := rollcallWith(t, map[string]string{"ROLLCALL_NAMESPACE": "Sum"}, "", "sum", dir, "--publish", "--json")
	if published.code != exitDown || published.err != "" {
		t.Errorf("published: code %d, error %q", published.code, published.err)
	}
	downs := map[string]float64{}
	for _, d := range world.CloudWatch.Accepted()[before:] {
		if d.Namespace != "Sum" || d.Dimension("Target") != "" || d.Metric == "RunCompleted" {
			t.Errorf("%s of %q is in %s", d.Metric, d.Dimension("Target"), d.Namespace)
		}
		if d.Metric == "Down" {
			downs[d.Dimension("Group")] = d.Value
		}
	}
	if want := map[string]float64{"": 13, "default": 13}; !maps.Equal(downs, want) {
		t.Errorf("Down is %v, want %v", downs, want)
	}

	// A part that comes again replaces itself; ones that are not there are named.
	if got := part("7/20"); got.code > exitDown {
		t.Errorf("part 7 again: code %d, error %q", got.code, got.err)
	}
	for _, k := range []int{5, 7, 8, 9} {
		if err := os.Remove(filepath.Join(dir, fmt.Sprintf("%04d-of-0020.tally.gz", k))); err != nil {
			t.Fatal(err)
		}
	}
	if got := rollcall(t, "", "sum", dir); got.code != exitDown || got.err != "rollcall: 4 parts are missing of 20: their targets were not checked (5, 7 to 9)\n" {
		t.Errorf("code %d, error %q", got.code, got.err)
	}

	// What does not belong together is refused, by its file's name.
	refuse := func(want string) {
		t.Helper()
		if got := rollcall(t, "", "sum", dir); got.code != exitUsage || got.out != "" || !strings.Contains(got.err, want) {
			t.Errorf("code %d, output %q, error %q, want %q", got.code, got.out, got.err, want)
		}
	}
	copied, err := os.ReadFile(filepath.Join(dir, "0001-of-0020.tally.gz"))
	if err != nil {
		t.Fatal(err)
	}
	stray := filepath.Join(dir, "x.tally.gz")
	for content, want := range map[string]string{
		string(copied): "x.tally.gz can't be added up: the part 1/20 is there twice",
		"hello":        "x.tally.gz: it is not a tally: ",
	} {
		if err := os.WriteFile(stray, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		refuse(want)
	}
	if err := errors.Join(os.Remove(stray), os.Mkdir(stray, 0o700)); err != nil {
		t.Fatal(err)
	}
	refuse("x.tally.gz is not a file")
	os.Remove(stray)
	part("2/19")
	refuse("it is one of 19 parts, and others are of 20")
	os.Remove(filepath.Join(dir, "0002-of-0019.tally.gz"))
	part("5/20", "--run", "tuesday")
	refuse(`it is of the run "tuesday", and others are of "monday"`)
	if err := os.WriteFile(name, append(bytes.Clone([]byte(list.String())), good+"more\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	part("5/20")
	refuse("its list was another one")
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 17 {
		t.Errorf("%d files are in the directory, not 17 (%v)", len(entries), err)
	}
}

func TestPartOfAShortListIsEmpty(t *testing.T) {
	name, dir := listFile(t, url(t, "good.stage.test")+"\n"), t.TempDir()
	for _, k := range []string{"1/2", "2/2"} {
		if got := rollcall(t, "", "check", name, "--part", k, "--run", "r", "--tally", dir); got.code != 0 {
			t.Errorf("part %s: code %d, error %q", k, got.code, got.err)
		}
	}
	if got := rollcall(t, "", "sum", dir); got.code != 0 {
		t.Errorf("code %d, error %q", got.code, got.err)
	}
}

func TestWrongParts(t *testing.T) {
	name, dir := listFile(t, url(t, "good.stage.test")+"\n"), t.TempDir()
	for _, test := range []struct {
		want string
		args []string
	}{
		{`invalid --part "3" (for example 3/100: the third of 100)`, []string{name, "--part", "3", "--run", "r", "--tally", dir}},
		{"invalid --part 3/2: from 1/N to N/N, with N up to 1000", []string{name, "--part", "3/2", "--run", "r", "--tally", dir}},
		{"invalid --part 3/1001", []string{name, "--part", "3/1001", "--run", "r", "--tally", dir}},
		{"--part needs --run NAME, the same for all parts", []string{name, "--part", "1/2", "--tally", dir}},
		{"--part needs --run NAME, the same for all parts", []string{name, "--part", "1/2", "--run", "../r", "--tally", dir}},
		{"--part needs --tally DIR", []string{name, "--part", "1/2", "--run", "r"}},
		{"--run and --tally belong to a part", []string{name, "--run", "r"}},
		{"--part cannot be used with --watch or --publish", []string{name, "--part", "1/2", "--run", "r", "--tally", dir, "--publish"}},
		{"--part cannot be used with --https", []string{name, "--part", "1/2", "--run", "r", "--tally", dir, "--https"}},
		{"--part needs a file", []string{"https://example.com", "--part", "1/2", "--run", "r", "--tally", dir}},
		{"--tally: mkdir " + name + ": not a directory", []string{name, "--part", "1/2", "--run", "r", "--tally", name + "/x"}},
		{"--part needs a file", []string{"-", "--part", "1/2", "--run", "r", "--tally", dir}},
	} {
		if got := rollcall(t, "", append([]string{"check"}, test.args...)...); got.code != exitUsage || !strings.Contains(got.err, test.want) {
			t.Errorf("%v: code %d, error %q, want %q", test.args, got.code, got.err, test.want)
		}
	}
	if got := rollcall(t, "", "sum", dir); got.code != exitUsage || !strings.Contains(got.err, "has no tallies") {
		t.Errorf("code %d, error %q", got.code, got.err)
	}
	if got := rollcall(t, "", "sum", filepath.Join(dir, "nowhere")); got.code != exitUsage || !strings.Contains(got.err, "no such file") {
		t.Errorf("code %d, error %q", got.code, got.err)
	}
}

// Parts that all have no network are a run without one, as a table says.
func TestSumWithoutNetwork(t *testing.T) {
	var list strings.Builder
	for i := range 10 {
		fmt.Fprintf(&list, "https://h%d.nowhere.test\n", i)
	}
	name, dir := listFile(t, list.String()), filepath.Join(t.TempDir(), "parts")
	for _, k := range []string{"1/2", "2/2"} {
		got := rollcallWith(t, map[string]string{"ROLLCALL_CANARY": url(t, "refusing.stage.test")}, "", "check", name, "--part", k, "--run", "r", "--tally", dir)
		if got.code != exitUnhealthy {
			t.Errorf("part %s: code %d, %s", k, got.code, got.out)
		}
	}
	if got := rollcall(t, "", "sum", dir); got.code != exitUnhealthy || !strings.Contains(got.out, "0 up, 10 not checked; the monitor has no network") {
		t.Errorf("code %d\n%s%s", got.code, got.out, got.err)
	}
	if got := rollcall(t, "", "sum", dir, "--json"); got.code != exitUnhealthy || !strings.Contains(got.out, `"vantageUnhealthy":true`) || !strings.Contains(got.out, `"down":10`) {
		t.Errorf("code %d\n%s", got.code, got.out)
	}
}

// The first and the last step of a run in parts are the function's.
func TestStepsAreTheFunctions(t *testing.T) {
	for _, step := range []string{"begin", "sum"} {
		event := `{"source": "list.txt", "scheduled": "2026-11-30T06:08:00Z", "` + step + `": {"of": 3, "execution": "x"}}`
		files := t.TempDir()
		for name, text := range map[string]string{"list.txt": "https://a.example\n", "step.json": event} {
			if err := os.WriteFile(filepath.Join(files, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, command := range []string{"check", "validate"} {
			got := rollcall(t, "", command, filepath.Join(files, "step.json"))
			if got.code != exitUsage || got.out != "" || !strings.Contains(got.err, "step.json is a step of a run in parts, which the function does") {
				t.Errorf("%s of %s: %d, %s%s", command, step, got.code, got.out, got.err)
			}
		}
	}
}
