package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A list is read by its ending or its content, whatever it is, by every command
// that takes one.
func TestLists(t *testing.T) {
	good := url(t, "good.stage.test")
	host := strings.TrimSuffix(strings.TrimPrefix(good, "https://"), "/")
	for name, text := range map[string]string{
		"event.yaml":   "urls:\n  - " + good + "\n",
		"event.txt":    "---\nurls: [" + good + "]\n",
		"array.json":   "[\n\"" + good + "\"]",
		"list.jsonl":   "{\"url\": \"" + good + "\"}\n",
		"list.csv":     "Name;URL\n" + host + ";" + good + "\n",
		"list.tsv":     good + "\t1\n",
		"sitemap.xml":  "<urlset><url><loc>" + good + "</loc></url></urlset>",
		"list.txt":     "- \"" + good + "\", # ours\n",
		"windows.list": "\ufeff\r\n" + good + "\r\n",
	} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for args, want := range map[string]string{
			"check " + file: host, "check --event " + file: host, "validate " + file: "valid: 1 target", "cost --every 1h " + file: "1 target, every 1h",
		} {
			if got := rollcall(t, "", strings.Fields(args)...); got.code != 0 || !strings.Contains(got.out, want) || strings.HasPrefix(args, "validate") && got.err != "" {
				t.Errorf("%s: code %d, output %s, error %s", args, got.code, got.out, got.err)
			}
		}
		if name == "list.tsv" {
			continue // without its name it is a line with a tab
		}
		if got := rollcall(t, text, "check", "-"); got.code != 0 || !strings.Contains(got.out, host) {
			t.Errorf("%s on standard input: code %d, output %s, error %s", name, got.code, got.out, got.err)
		}
	}
}

// A source is looked up beside its event, then in the working directory.
func TestSourceBesideItsEvent(t *testing.T) {
	good := url(t, "good.stage.test")
	beside, here := t.TempDir(), t.TempDir()
	t.Chdir(here)
	event := filepath.Join(beside, "event.json")
	for file, text := range map[string]string{
		event: `{"source": "list.txt"}`, filepath.Join(beside, "list.txt"): good + "beside\n", "list.txt": good + "here\n", "other.txt": good + "here\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := rollcall(t, "", "check", event); got.code != 0 || !strings.Contains(got.out, "/beside") {
		t.Errorf("beside: code %d, output %s, error %s", got.code, got.out, got.err)
	}
	if got := rollcall(t, `{"source": "list.txt"}`, "check", "-"); got.code != 0 || !strings.Contains(got.out, "/here") {
		t.Errorf("standard input: code %d, output %s, error %s", got.code, got.out, got.err)
	}
	if err := os.WriteFile(event, []byte(`{"source": "other.txt"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := rollcall(t, "", "check", event); got.code != 0 || !strings.Contains(got.out, "/here") {
		t.Errorf("in the working directory: code %d, output %s, error %s", got.code, got.out, got.err)
	}
}

// The sitemaps that an index names are fetched, with the guard's leave only.
func TestSitemapIndex(t *testing.T) {
	good := url(t, "good.stage.test")
	world.Handle("sitemaps.stage.test", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/1.xml" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, "<urlset><url><loc>%s</loc></url></urlset>", good)
	}))
	index := "<sitemapindex><sitemap><loc>" + url(t, "sitemaps.stage.test") + "%s</loc></sitemap></sitemapindex>"
	if got := rollcall(t, fmt.Sprintf(index, "1.xml"), "check", "-"); got.code != 0 || !strings.Contains(got.out, "1 up") {
		t.Errorf("code %d, output %s, error %s", got.code, got.out, got.err)
	}
	if got := rollcall(t, fmt.Sprintf(index, "2.xml"), "validate", "-"); got.code != 2 || !strings.Contains(got.err, "line 1: names a sitemap that can't be read: status 404 Not Found") {
		t.Errorf("a missing one: code %d, error %s", got.code, got.err)
	}
	if got := rollcallWith(t, map[string]string{"ROLLCALL_ALLOW": ""}, fmt.Sprintf(index, "1.xml"), "validate", "-"); got.code != 2 || !strings.Contains(got.err, "is not a public address") {
		t.Errorf("guarded: code %d, error %s", got.code, got.err)
	}
}
