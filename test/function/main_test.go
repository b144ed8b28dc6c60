package function_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall/test/faults"

	"rollcall/internal/testnet"
)

// TestMain gives all that is built or written here one place to vanish with.
func TestMain(m *testing.M) {
	os.Exit(inOwnFolder(m.Run))
}

func inOwnFolder(run func() int) int {
	dir, err := os.MkdirTemp("", "rollcall-check-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	os.Setenv("TMPDIR", dir)
	return run()
}

// bootstrap is the path of the compiled function, built at the first call.
var bootstrap = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "bootstrap-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "bootstrap")
	build := exec.Command("go", "build", "-buildvcs=false", "-tags", "lambda.norpc", "-o", path, "./functions/check")
	build.Dir = filepath.Join("..", "..") // the product's module
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the function: %w\n%s", err, out)
	}
	return path, nil
})

// A rig is the compiled function, as Lambda runs it, on a test network of its own.
type rig struct {
	*testnet.Net
	function *testnet.Function
	timeout  time.Duration // of an invocation
}

// newRig starts both; env comes after the test network's variables and wins.
func newRig(t *testing.T, o testnet.Options, env ...string) *rig {
	t.Helper()
	path, err := bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	return rigOf(t, path, o, env...)
}

// rigOf starts the program at path for a function.
func rigOf(t *testing.T, path string, o testnet.Options, env ...string) *rig {
	t.Helper()
	o.Servers = append(o.Servers, faults.Servers()...)
	tn, err := testnet.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tn.Close() })
	r := &rig{Net: tn, timeout: 40 * time.Second}
	r.start(t, path, env...)
	return r
}

func (r *rig) start(t *testing.T, path string, env ...string) {
	t.Helper()
	var err error
	r.function, err = testnet.StartFunction(t.Context(), path, append(r.Env(), env...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.function.Stop() })
}

// ask hands the function an event as it is.
func (r *rig) ask(t *testing.T, event string) testnet.Result {
	t.Helper()
	result, err := r.function.Invoke(t.Context(), []byte(event), r.timeout)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// run hands the function a copy of the event with the test network's ports in it, and
// returns its summary.
func (r *rig) run(t *testing.T, event string) *summary {
	t.Helper()
	ported, err := r.Event([]byte(event))
	if err != nil {
		t.Fatal(err)
	}
	result := r.ask(t, string(ported))
	if result.ErrorType != "" {
		t.Fatalf("the function failed with %s: %s", result.ErrorType, result.ErrorMessage)
	}
	s := &summary{raw: result.Payload}
	if err := json.Unmarshal(result.Payload, s); err != nil {
		t.Fatalf("%v in\n%s", err, result.Payload)
	}
	return s
}

// ported is the URL of an origin with its port in it.
func (r *rig) ported(t *testing.T, host string) string {
	t.Helper()
	o, ok := r.Origin(host)
	if !ok {
		t.Fatalf("the test network has no %s", host)
	}
	return fmt.Sprintf("%s://%s:%d", o.Scheme, host, o.Addr.Port())
}

// shippedEvent is one of the events that the product comes with, with some of
// its fields set to something else.
func shippedEvent(t *testing.T, name string, set map[string]any) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "events", name))
	if err != nil {
		t.Fatal(err)
	}
	event := map[string]any{}
	if err := json.Unmarshal(data, &event); err != nil {
		t.Fatal(err)
	}
	for field, value := range set {
		event[field] = value
	}
	return eventOf(event)
}

// eventOf is an event as JSON.
func eventOf(event map[string]any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(event) // what tests put in can be encoded
	return b.String()
}

// A summary is what the tests read of a result: the contract's names, and
// nothing of the code that wrote it.
type summary struct {
	Run              string
	Scheduled        time.Time
	Started          time.Time
	Duration         float64
	Healthy          bool
	VantageUnhealthy bool
	Stale            bool
	Profile          string
	Warnings         []string

	Targets, Up, Degraded, Down, NotChecked, Flaky int

	LocalDelay struct{ P50, P99, Max float64 }
	Published  struct{ Datums, Accepted, EMF, Lost, Unclear, Requests, Retries int }
	Results    []result

	raw []byte
}

type result struct {
	Name, Group, URL, State, Reason, Detail string

	Flaky       bool
	Warnings    []string
	Attempts    int
	Duration    float64
	Phases      map[string]float64
	Certificate *struct{ DaysLeft float64 }
	LocalDelay  float64
}

func (r *result) checked() bool { return r.State != "not_checked" }

// of returns the result of a name.
func (s *summary) of(t *testing.T, name string) result {
	t.Helper()
	for _, r := range s.Results {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("no result is called %s in %s", name, s.raw)
	return result{}
}

// warned reports whether a warning holds all of these words.
func (s *summary) warned(words ...string) bool {
	return slices.ContainsFunc(s.Warnings, func(w string) bool {
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(w, word) })
	})
}
