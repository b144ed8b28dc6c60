package function_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rollcall/internal/testnet"
)

// example serves the hosts of example.com that the packaged events are
// about.
func example(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/health":
		w.Write([]byte(`{"database": "up", "queues": [{"waiting": 3}, {"waiting": 0}]}`))
	case "/orders":
		if r.Header.Get("Authorization") != "Bearer t0k3n" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	case "/v1/orders":
		http.Redirect(w, r, "/orders", http.StatusMovedPermanently)
	case "/search":
		var asked struct{ Words string }
		if json.NewDecoder(r.Body).Decode(&asked); r.Method == http.MethodPost && asked.Words == "shoes" {
			w.Write([]byte(`{"hits": ["brown", "black"]}`))
		}
	default:
		if r.Host != "help.example.com" && r.Header.Get("Accept-Language") != "de" {
			w.WriteHeader(http.StatusTeapot)
		}
	}
}

// packaged copies the events into a folder as the function's package has them,
// with the test network's ports in them, and returns the folder.
func packaged(t *testing.T, tn *testnet.Net) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "events"), 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../events/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "events", filepath.Base(file)), portedEvent(t, tn, file, text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// portedEvent returns a file of events with the test network's ports in it. A list of lines
// goes through an event.
func portedEvent(t *testing.T, tn *testnet.Net, file string, text []byte) []byte {
	t.Helper()
	if filepath.Ext(file) == ".json" {
		event, err := tn.Event(text)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		return event
	}
	var event struct{ URLs []struct{ URL string } }
	lines, _ := json.Marshal(map[string][]string{"urls": strings.Fields(string(text[strings.Index(string(text), "\n"):]))})
	with, err := tn.Event(lines)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(with, &event); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, u := range event.URLs {
		b.WriteString(u.URL + "\n")
	}
	return []byte(b.String())
}

// Each event of the package is run by the compiled function, as Lambda would,
// from the package's folder. docs/events.md says the same of them.
func TestPackagedEvents(t *testing.T) {
	type verdict struct{ targets, up, degraded, down int }
	want := map[string]verdict{
		"gafam.json":    {5, 5, 0, 0},
		"demo.json":     {22, 4, 1, 17},
		"api.json":      {4, 4, 0, 0},
		"defaults.json": {4, 4, 0, 0},
		"secrets.json":  {1, 1, 0, 0},
		"thousand.json": {1000, 1000, 0, 0},
		"schedule.json": {5, 5, 0, 0},
	}
	o := testnet.Options{Handlers: map[string]http.Handler{"*.example.com": http.HandlerFunc(example)}}
	path, err := bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	tn, err := testnet.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tn.Close() })
	root := packaged(t, tn)
	r := &rig{Net: tn, timeout: 40 * time.Second}
	r.start(t, path, "LAMBDA_TASK_ROOT="+root, "API_TOKEN=t0k3n", "ROLLCALL_ENV=API_TOKEN@api.example.com")
	files, err := filepath.Glob(filepath.Join(root, "events", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(want) {
		t.Errorf("the package has %v, of which %d are tested", files, len(want))
	}
	for _, file := range files {
		name := filepath.Base(file)
		event, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := r.run(t, string(event))
		if got := (verdict{s.Targets, s.Up, s.Degraded, s.Down}); got != want[name] {
			t.Errorf("%s: %+v, want %+v: %s", name, got, want[name], s.raw)
		}
	}
}
