package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/plan"
	"rollcall/internal/tally"
)

// An inMemory is where steps leave things. A write is refused as often as it says.
type inMemory struct {
	mu      sync.Mutex
	objects map[string][]byte
	refuse  int
	fails   error
}

func (m *inMemory) Read(_ context.Context, key string) ([]byte, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if body, found := m.objects[key]; found {
		return body, fmt.Sprint(len(body)), m.fails
	}
	return nil, "", m.fails
}

func (m *inMemory) Write(ctx context.Context, key string, body []byte, tag string) (string, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuse > 0 || m.objects[key] != nil || tag != "" {
		m.refuse--
		return "", true, m.fails
	}
	m.objects[key] = body
	return "1", false, m.fails
}

func (m *inMemory) Put(_ context.Context, key string, body []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails == nil {
		m.objects[key] = body
	}
	return m.fails
}

// inParts gives a rig a bucket, and a list of n targets in S3.
func (g *rig) inParts(n int) *inMemory {
	runs := &inMemory{objects: map[string][]byte{}}
	g.Runs, g.Interval, g.ResponseLimit = runs, 5*time.Minute, 6_000_000
	var list strings.Builder
	for i := range n {
		fmt.Fprintf(&list, "https://t%d.example\n", i)
	}
	g.Inputs.Sources = map[string]plan.Source{"s3": func(_ context.Context, u *url.URL, _ plan.Version) (io.ReadCloser, plan.Version, error) {
		return io.NopCloser(strings.NewReader(list.String())), `"5d41" V1`, nil
	}}
	return runs
}

func (g *rig) respond(t *testing.T, event string) string {
	t.Helper()
	response, err := g.Respond(t.Context(), "r-1", []byte(event), 6_000_000)
	if err != nil {
		t.Fatal(err)
	}
	return string(response)
}

func beginEvent(of int, execution string) string {
	return fmt.Sprintf(`{"source": "s3://lists/urls.txt", "scheduled": "2000-01-01T00:00:07Z", "begin": {"of": %d, "execution": "%s"}}`, of, execution)
}

// The first execution has the run and gets all that its parts need, each time that it
// asks. Another one has nothing to do.
func TestBegin(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		runs := g.inParts(5)
		want := `{"run":"20000101T0000Z","mine":true,"scheduled":"2000-01-01T00:00:07Z","source":"s3://lists/urls.txt?versionId=V1",` +
			`"list":"\"5d41\" V1","until":"2000-01-01T00:04:07Z","of":3,"parts":[0,1,2]}`
		for range 2 {
			if got := g.respond(t, beginEvent(3, "one")); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
		if got := g.respond(t, beginEvent(7, "two")); got != `{"run":"20000101T0000Z","mine":false}` {
			t.Errorf("another execution got %s", got)
		}
		if got := g.respond(t, beginEvent(9, "one")); got != want { // as it was claimed
			t.Errorf("the first one then got %s", got)
		}
		if len(runs.objects) != 1 || runs.objects["runs/20000101T0000Z/run.json"] == nil || len(g.datums) > 0 || len(g.probed) > 0 {
			t.Errorf("%d objects, %d datums, probed %q", len(runs.objects), len(g.datums), g.probed)
		}
	})
}

// Executions that begin at once: one has the run.
func TestBeginAtOnce(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		g.inParts(5)
		var mu sync.Mutex
		mine := 0
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				response, err := g.Respond(t.Context(), "", []byte(beginEvent(3, fmt.Sprint("x", i))), 0)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if bytes.Contains(response, []byte(`"mine":true`)) {
					mine++
				}
			})
		}
		all.Wait()
		if mine != 1 {
			t.Errorf("%d executions have the run", mine)
		}
	})
}

func TestBeginFails(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*rig, *inMemory)
		want   string
	}{
		"no bucket":        {func(g *rig, _ *inMemory) { g.Runs = nil }, "the step begin: there is no bucket for what the parts find out: set ROLLCALL_BUCKET"},
		"the bucket fails": {func(_ *rig, m *inMemory) { m.fails = errors.New("S3 responded 503") }, "the step begin: claiming the run: S3 responded 503"},
		"made and removed": {func(_ *rig, m *inMemory) { m.refuse = 3 }, "the step begin: claiming the run: the object runs/20000101T0000Z/run.json was made and removed by others"},
		"something else is there": {func(_ *rig, m *inMemory) { m.objects["runs/20000101T0000Z/run.json"] = []byte(`{"version":2}`) },
			"the step begin: the object runs/20000101T0000Z/run.json is not the claim of a run: delete it"},
	} {
		t.Run(name, func(t *testing.T) {
			rigged(t, func(t *testing.T, g *rig) {
				test.change(g, g.inParts(5))
				_, err := g.Respond(t.Context(), "r-1", []byte(beginEvent(3, "one")), 0)
				if step, ok := err.(*StepError); !ok || step.Error() != test.want || !strings.Contains(g.log.String(), "level\":\"ERROR") {
					t.Errorf("error %v", err)
				}
			})
		})
	}
	rigged(t, func(t *testing.T, g *rig) { // two write at once
		g.inParts(5).refuse = 2
		if got := g.respond(t, beginEvent(3, "one")); !strings.Contains(got, `"mine":true`) {
			t.Errorf("got %s", got)
		}
	})
	rigged(t, func(t *testing.T, g *rig) { // the schedule's event was held up
		runs := g.inParts(5)
		time.Sleep(5*time.Minute + 8*time.Second)
		if got := g.respond(t, beginEvent(3, "one")); got != `{"run":"20000101T0000Z","mine":false,"stale":true}` || len(runs.objects) > 0 || !slices.Equal(names(g.datums), []string{"StaleEvent"}) {
			t.Errorf("got %s, datums %q", got, names(g.datums))
		}
	})
}

func partEvent(index, of int, more string) string {
	return fmt.Sprintf(`{"source": "s3://lists/urls.txt?versionId=V1", "scheduled": "2000-01-01T00:00:07Z", "run": "20000101T0000Z",
		"list": "\"5d41\" V1", "part": {"index": %d, "of": %d}%s}`, index, of, more)
}

// A part publishes the series of its targets and nothing else, leaves its tally, and
// responds counts. A second one leaves the same again.
func TestPart(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		runs := g.inParts(5)
		g.Remember, g.Page = nil, func(context.Context, *Summary) error { t.Error("a part has a page"); return nil }
		g.Heartbeat = func(context.Context) error { t.Error("a part calls the heartbeat"); return nil }
		g.Limit = 4
		g.endings["t4.example"] = ending{check.Down, check.Status, ms}
		for range 2 {
			g.datums = nil
			got := g.respond(t, partEvent(1, 3, `, "until": "2000-01-01T00:04:07Z"`))
			if !strings.Contains(got, `"targets":2,"up":1,"degraded":0,"down":1,`) || !strings.HasSuffix(got, `"truncated":true,"results":[]}`) {
				t.Errorf("got %s", got)
			}
			if got := names(g.datums); !slices.Equal(got, []string{"Up t1.example", "Duration t1.example"}) { // t4 is beyond the limit
				t.Errorf("published %q", got)
			}
		}
		if len(runs.objects) != 1 {
			t.Fatalf("%d objects", len(runs.objects))
		}
		found, err := tally.Decode(bytes.NewReader(runs.objects["runs/20000101T0000Z/1.json.gz"]), nil)
		if err != nil || found.Run != "20000101T0000Z" || found.Of != 3 || !slices.Equal(found.Parts, []int{1}) || found.List != `"5d41" V1` || found.Down != 1 || found.Up != 1 || found.Unhealthy != 0 {
			t.Errorf("the tally is %+v, error %v", found, err)
		}
	})
}

// A part that begins too late does nothing: the sum may have been made.
func TestLatePart(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		runs := g.inParts(5)
		g.Inputs.SkipLate = true
		g.Inputs.Sources["s3"] = func(context.Context, *url.URL, plan.Version) (io.ReadCloser, plan.Version, error) {
			t.Error("a late part reads the list")
			return nil, "", io.EOF
		}
		time.Sleep(4*time.Minute + 8*time.Second)
		got := g.respond(t, partEvent(1, 3, `, "until": "2000-01-01T00:04:07Z"`))
		if !strings.Contains(got, `"late":true`) || !strings.Contains(got, `"the part began after 2000-01-01T00:04:07Z: no targets were checked"`) {
			t.Errorf("got %s", got)
		}
		if len(runs.objects)+len(g.datums)+len(g.probed) > 0 {
			t.Errorf("%d objects, %d datums, probed %q", len(runs.objects), len(g.datums), g.probed)
		}
	})
}

// Until says when a part is too late, however old its event is.
func TestPartIsNotStale(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		g.inParts(5)
		time.Sleep(9 * time.Minute)
		if got := g.respond(t, partEvent(1, 3, `, "until": "2000-01-01T00:19:07Z"`)); !strings.Contains(got, `"stale":false`) || !strings.Contains(got, `"up":2`) {
			t.Errorf("got %s", got)
		}
		if got := g.respond(t, partEvent(1, 3, "")); !strings.Contains(got, `"stale":true`) {
			t.Errorf("without until got %s", got)
		}
	})
}

// A part whose tally is not written is lost, and its error says so; one whose metrics
// are lost leaves a tally that says so.
func TestPartFails(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		g.inParts(5).fails = errors.New("S3 responded 503 SlowDown")
		_, err := g.Respond(t.Context(), "r-1", []byte(partEvent(1, 3, "")), 0)
		if step, ok := err.(*StepError); !ok || step.Error() != "the step part: writing the tally: S3 responded 503 SlowDown" || len(g.probed) != 2 {
			t.Errorf("error %v", err)
		}
	})
	rigged(t, func(t *testing.T, g *rig) {
		runs := g.inParts(5)
		g.lose, g.err = 1, errors.New("a datum was lost")
		_, err := g.Respond(t.Context(), "r-1", []byte(partEvent(1, 3, "")), 0)
		found, decoding := tally.Decode(bytes.NewReader(runs.objects["runs/20000101T0000Z/1.json.gz"]), nil)
		if err != g.err || decoding != nil || found.Unhealthy != 1 {
			t.Errorf("errors %v, %v", err, decoding)
		}
	})
	rigged(t, func(t *testing.T, g *rig) { // the list was changed since
		runs := g.inParts(5)
		_, err := g.Respond(t.Context(), "r-1", []byte(strings.Replace(partEvent(1, 3, ""), "5d41", "6e52", 1)), 0)
		if _, ok := err.(*plan.InvalidEventError); !ok || len(runs.objects)+len(g.probed) > 0 || !slices.Equal(names(g.datums), []string{"InvalidEvent"}) {
			t.Errorf("error %v, published %q", err, names(g.datums))
		}
	})
}

// Publishing that does not end leaves time for the tally.
func TestTallyHasItsTime(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		runs := g.inParts(5)
		g.flush = func(ctx context.Context) { <-ctx.Done() }
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		g.endings["t1.example"] = ending{check.Up, check.OK, time.Hour}
		if _, err := g.Respond(ctx, "r-1", []byte(partEvent(1, 3, "")), 0); err != nil || len(runs.objects) != 1 || ctx.Err() != nil {
			t.Errorf("error %v, %d objects", err, len(runs.objects))
		}
	})
}

// The response of a part is a task's output, of which there are up to a thousand.
func TestPartRespondsLittle(t *testing.T) {
	rigged(t, func(t *testing.T, g *rig) {
		g.inParts(3000)
		p, err := g.read(t.Context(), "", []byte(partEvent(0, 1, "")))
		if err != nil {
			t.Fatal(err)
		}
		for range 9 {
			p.Warnings = append(p.Warnings, strings.Repeat("<\x00\"☃\xff", 1000))
		}
		for i := range p.Targets {
			g.endings[p.Targets[i].Name] = ending{check.Down, check.Status, ms}
		}
		s, err := g.RunPlan(t.Context(), "654b955c-7406-9693-04b6-71ab2ebbfc0f", p)
		if err != nil {
			t.Fatal(err)
		}
		response, err := s.Encode(6_000_000)
		if err != nil || len(response) > 4000 || !json.Valid(response) {
			t.Errorf("%d bytes, error %v: %s", len(response), err, response)
		}
		if len(s.Warnings) != mostWarnings+1 || s.Warnings[mostWarnings] != "and 4 more warnings" {
			t.Errorf("warnings %q", s.Warnings)
		}
	})
}
