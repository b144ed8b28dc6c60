package function_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// A machine is two functions on one test network: one checks lists in one run, the
// other in parts. Each has a bucket of its own.
type machine struct {
	*remembering
	parts *rig
	begun struct {
		Run, Source, List, Until string
		Scheduled                time.Time
	}
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	r, broken := remembers(t, "ROLLCALL_INTERVAL=5")
	broken.Store(true)
	r.minute = time.Now().Add(-2 * time.Minute)
	path, err := bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	parts := *r.rig
	parts.start(t, path, append(r.env, "ROLLCALL_BUCKET=other")...)
	return &machine{remembering: r, parts: &parts}
}

// list uploads a list of n targets in three groups: most are up, two are down in each
// group. white makes it another one with the same targets.
func (m *machine) list(t *testing.T, n int, white string) {
	t.Helper()
	var list strings.Builder
	for i := range n {
		host := "good.stage.test"
		if i%30 < 3 {
			host = "shop.stage.test"
		}
		fmt.Fprintf(&list, `{"url": "%s/%d", "group": "g%d", "retries": 0}%s`+"\n", m.ported(t, host), i, i%3, white)
	}
	m.s3.Put("other/urls.jsonl", []byte(list.String()))
}

// begin begins a run in parts of the minute after the one before.
func (m *machine) begin(t *testing.T, of int) {
	t.Helper()
	m.minute = m.minute.Add(time.Minute)
	m.step(t, fmt.Sprintf(`{"source": "s3://other/urls.jsonl", "scheduled": %q, "begin": {"of": %d, "execution": "one"}}`, m.minute.UTC().Format(time.RFC3339), of), &m.begun)
}

func (m *machine) part(t *testing.T, index, of int) {
	t.Helper()
	var counts struct{ Targets int }
	m.step(t, fmt.Sprintf(`{"source": %q, "scheduled": %q, "run": %q, "list": %q, "until": %q, "part": {"index": %d, "of": %d}}`,
		m.begun.Source, m.begun.Scheduled.Format(time.RFC3339), m.begun.Run, m.begun.List, m.begun.Until, index, of), &counts)
	if counts.Targets == 0 {
		t.Errorf("part %d has no targets", index)
	}
}

func (m *machine) sum(t *testing.T, execution string, of int) *summary {
	t.Helper()
	s := &summary{}
	s.raw = m.step(t, fmt.Sprintf(`{"source": %q, "scheduled": %q, "run": %q, "list": %q, "sum": {"of": %d, "execution": %q}, "history": true}`,
		m.begun.Source, m.begun.Scheduled.Format(time.RFC3339), m.begun.Run, m.begun.List, of, execution), s)
	if len(s.raw) > 256<<10 {
		t.Errorf("the response of the sum has %d bytes", len(s.raw))
	}
	return s
}

// step asks the function that checks in parts.
func (m *machine) step(t *testing.T, event string, response any) []byte {
	t.Helper()
	result := m.parts.ask(t, event)
	if result.ErrorType != "" {
		t.Fatalf("%s\nfailed with %s: %s", event, result.ErrorType, result.ErrorMessage)
	}
	if err := json.Unmarshal(result.Payload, response); err != nil {
		t.Fatalf("%v in\n%s", err, result.Payload)
	}
	return result.Payload
}

// published returns what do publishes. Of measured times it has how many there are.
func (m *machine) published(do func()) books {
	before := len(m.CloudWatch.Accepted())
	do()
	b := books{}
	for _, d := range m.CloudWatch.Accepted()[before:] {
		by := d.Timestamp.Format("15:04")
		for _, dim := range d.Dimensions {
			by += " " + dim.Name + "=" + dim.Value
		}
		values, counts := d.Values, d.Counts
		if values == nil {
			values, counts = []float64{d.Value}, []float64{1}
		}
		for i, v := range values {
			switch d.Metric {
			case "Duration", "LocalDelay", "RunDuration", "ScheduleDelay":
				v = 1
			case "CertificateDaysLeft":
				v = math.Round(v)
			}
			b.enter(d.Metric, d.Unit, by, slices.Repeat([]float64{v}, int(counts[i]))...)
		}
	}
	return b
}

// known is the history in a bucket, without what was measured and when it was sent.
func (m *machine) known(t *testing.T, bucket string) string {
	t.Helper()
	o, ok := m.s3.Object(bucket + "/history/current.json.gz")
	if !ok {
		return "none"
	}
	reader, err := gzip.NewReader(bytes.NewReader(o.Body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(reader)
	var known any
	if err != nil || json.Unmarshal(text, &known) != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var strip func(any)
	strip = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, name := range []string{"writer", "sketch", "toldAt", "firstByte", "claim"} {
				delete(v, name)
			}
			for _, member := range v {
				strip(member)
			}
		case []any:
			for _, element := range v {
				strip(element)
			}
		}
	}
	strip(known)
	text, _ = json.MarshalIndent(known, "", " ")
	return string(text)
}

func (m *machine) title(bucket string) string {
	page, _ := m.s3.Object(bucket + "/rollcall.html")
	_, title, _ := strings.Cut(string(page.Body), "<title>")
	title, _, _ = strings.Cut(title, "</title>")
	return title
}

// A list that is checked in twenty parts and added up is the one run: its metrics, its
// history, its one message, its page.
func TestPartsAreTheOneRun(t *testing.T) {
	const of, targets = 20, 120
	m := newMachine(t)
	m.list(t, targets, "")
	m.begin(t, of)
	var whole, sum *summary
	want := m.published(func() {
		whole = m.run(t, fmt.Sprintf(`{"source": "s3://other/urls.jsonl", "scheduled": %q, "history": true}`, m.begun.Scheduled.Format(time.RFC3339)))
	})
	got := m.published(func() {
		for i := range of {
			m.part(t, (i*7)%of, of)
		}
		sum = m.sum(t, "one", of)
	})
	if whole.Targets != targets || whole.Down != 12 || !whole.Healthy {
		t.Fatalf("the one run: %s", whole.raw)
	}
	if sum.Targets != whole.Targets || sum.Up != whole.Up || sum.Down != whole.Down || !sum.Healthy || len(sum.Warnings) > 0 || sum.Published.Lost > 0 {
		t.Errorf("the sum: %s", sum.raw)
	}
	if d := got.differences(want); len(d) > 0 {
		t.Errorf("the metrics:\n%s", strings.Join(d, "\n"))
	}
	if got, want := m.known(t, "other"), m.known(t, "state"); got != want {
		t.Errorf("the history is\n%s\nnot\n%s", got, want)
	}
	if got, want := open(t, sum), open(t, whole); !slices.Equal(got, want) || len(got) != 12 {
		t.Errorf("open are %q, not %q", got, want)
	}
	if got := m.subjects(mailTopic); len(got) != 6 || !slices.Equal(got[:3], got[3:]) { // one of each group
		t.Errorf("%q were sent", got)
	}
	if got, want := m.title("other"), m.title("state"); got != want || got == "" {
		t.Errorf("the page's title is %q, not %q", got, want)
	}
	again := m.published(func() {
		if s := m.sum(t, "two", of); s.Targets != 0 || len(s.Warnings) != 1 {
			t.Errorf("another execution: %s", s.raw)
		}
	})
	if len(again) > 0 || len(m.subjects(mailTopic)) != 6 {
		t.Errorf("another execution published %v", again)
	}
}

// What is missing of a run in parts is named, the rest is added up once, and the run
// is not complete. Nothing changes for what nobody looked at.
func TestPartsThatDoNotBelong(t *testing.T) {
	const of = 20
	m := newMachine(t)
	m.list(t, 120, "")
	m.begin(t, of)
	for i := range of {
		m.part(t, i, of)
	}
	if s := m.sum(t, "one", of); !s.Healthy || s.Down != 12 {
		t.Fatalf("%s", s.raw)
	}
	first, before := m.begun.Run, open(t, m.sum(t, "one", of))
	m.begin(t, of)
	other := *m
	m.list(t, 120, " ")
	other.begin(t, of) // of another list
	other.begun.Run, other.begun.Scheduled = m.begun.Run, m.begun.Scheduled
	tally := func(run string) string { return "other/runs/" + run + "/5.json.gz" }
	for i := range of {
		switch i {
		case 0: // it is lost: two that are down are of it
		case 2:
			other.part(t, i, of)
		case 3: // twice
			m.part(t, i, of)
			m.part(t, i, of)
		case 5: // of the run before
			o, _ := m.s3.Object(tally(first))
			m.s3.Put(tally(m.begun.Run), o.Body)
		default:
			m.part(t, i, of)
		}
	}
	sent := len(m.subjects(mailTopic))
	var sum *summary
	published := m.published(func() { sum = m.sum(t, "one", of) })
	warnings := strings.Join(sum.Warnings, "\n")
	for _, want := range []string{
		"the tally of part 3/20 can't be added up: its list was another one (",
		"the tally of part 6/20 can't be added up: it is of the run ",
		"3 parts are missing of 20: their targets were not checked (1, 3, 6)",
	} {
		if !strings.Contains(warnings, want) {
			t.Errorf("the warnings are\n%s\nwithout %s", warnings, want)
		}
	}
	at := m.begun.Scheduled.Format("15:04")
	if sum.Targets != 102 || sum.Down != 8 || sum.Healthy || published["RunCompleted Count "+at] != nil || !slices.Equal(published["TargetsChecked Count "+at], []float64{102}) {
		t.Errorf("%s\npublished %v", sum.raw, published)
	}
	if got := open(t, sum); !slices.Equal(got, before) || len(m.subjects(mailTopic)) != sent {
		t.Errorf("open are %q, not %q; sent %q", got, before, m.subjects(mailTopic))
	}
}
