package function_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"rollcall/internal/tally"
)

// The first step claims its minute for one execution; the parts then read the version
// of the list that it found, though the list is changed meanwhile.
func TestBeginClaimsTheRun(t *testing.T) {
	m := newMachine(t)
	m.list(t, 30, "")
	m.begin(t, 3)
	first := m.begun
	var other struct {
		Run  string
		Mine *bool
	}
	m.step(t, fmt.Sprintf(`{"source": "s3://other/urls.jsonl", "scheduled": %q, "begin": {"of": 7, "execution": "two"}}`, m.minute.UTC().Format(time.RFC3339)), &other)
	if other.Run != first.Run || other.Mine == nil || *other.Mine {
		t.Errorf("another execution of the minute: %+v", other)
	}
	m.list(t, 12, " ")
	m.step(t, fmt.Sprintf(`{"source": "s3://other/urls.jsonl", "scheduled": %q, "begin": {"of": 3, "execution": "one"}}`, m.minute.UTC().Format(time.RFC3339)), &m.begun)
	if m.begun != first {
		t.Errorf("the same execution again: %+v, want %+v", m.begun, first)
	}
	claim, _ := m.s3.Object("other/runs/" + first.Run + "/run.json")
	var written struct {
		Execution, List string
		Of              int
	}
	if err := json.Unmarshal(claim.Body, &written); err != nil || written.Execution != "one" || written.Of != 3 || written.List != first.List {
		t.Errorf("the claim is %s, %v", claim.Body, err)
	}
	m.part(t, 1, 3)
	object, _ := m.s3.Object("other/runs/" + first.Run + "/1.json.gz")
	if found, err := tally.Decode(bytes.NewReader(object.Body), nil); err != nil || found.Targets != 10 || found.List != first.List {
		t.Errorf("the part has %+v, %v: the list of the first step has 30 targets", found, err)
	}
	changed := m.parts.ask(t, fmt.Sprintf(`{"source": "s3://other/urls.jsonl", "scheduled": %q, "list": %q, "part": {"index": 0, "of": 3}}`,
		first.Scheduled.Format(time.RFC3339), first.List))
	if changed.ErrorType != "InvalidEventError" {
		t.Errorf("a part of the list as it is now: %s %s", changed.ErrorType, changed.ErrorMessage)
	}
}

// A part that begins when its run is over leaves nothing and publishes nothing, and a
// response is small, whatever the part found.
func TestPartsRespondLittle(t *testing.T) {
	m := newMachine(t)
	m.list(t, 3000, "")
	m.begin(t, 2)
	until := m.begun.Until
	published := m.published(func() {
		m.begun.Until = time.Now().Add(-time.Second).UTC().Format(time.RFC3339)
		var late struct{ Late bool }
		if m.step(t, fmt.Sprintf(`{"source": %q, "scheduled": %q, "run": %q, "list": %q, "until": %q, "part": {"index": 0, "of": 2}}`,
			m.begun.Source, m.begun.Scheduled.Format(time.RFC3339), m.begun.Run, m.begun.List, m.begun.Until), &late); !late.Late {
			t.Error("a late part does not say so")
		}
	})
	if _, there := m.s3.Object("other/runs/" + m.begun.Run + "/0.json.gz"); there || len(published) > 0 {
		t.Errorf("a late part published %v, or left a tally", published)
	}
	m.begun.Until = until
	var counts struct{ Targets, Up, Down int }
	response := m.step(t, fmt.Sprintf(`{"source": %q, "scheduled": %q, "run": %q, "list": %q, "until": %q, "part": {"index": 0, "of": 2}}`,
		m.begun.Source, m.begun.Scheduled.Format(time.RFC3339), m.begun.Run, m.begun.List, m.begun.Until), &counts)
	if counts.Targets != 1500 || counts.Up+counts.Down != 1500 || counts.Down == 0 || len(response) > 4000 {
		t.Errorf("%d bytes: %s", len(response), response)
	}
}
