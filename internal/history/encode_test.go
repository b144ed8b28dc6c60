package history

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// packed is text as it is kept.
func packed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDecodeRefuses(t *testing.T) {
	const minute = `"minute":"2026-11-30T14:00:00Z","begun":"2026-11-30T14:00:00Z"`
	for _, test := range []struct {
		text, want string
		foreign    bool
	}{
		{``, "it is not a history: unexpected end of JSON input", false},
		{`[]`, "it is not a history: json: cannot unmarshal array", false},
		{`{}`, "it has no version", false},
		{`{"version":1,"stack":"s"}`, "it has no minute", false},
		{`{"version":2,"stack":"s",` + minute + `}`, "version 2, which a later Rollcall wrote; this one knows 1", true},
		{`{"version":1,"stack":"other",` + minute + `}`, `it is of "other", not of "s"`, true},
		{`{"version":1,"stack":"s","minute":"2026-11-30T14:06:00Z","begun":"2026-11-30T14:00:00Z"}`, "ahead of this machine's clock", false},
		{`{"version":1,"stack":"s",` + minute + `,"incidents":[{"id":"a"}]}`, "incidents[0] has no id, state or time", false},
		{`{"version":1,"stack":"s",` + minute + `,"incidents":[{"id":"a","state":"up","since":"2026-11-30T14:00:00Z"}]}`, "incidents[0] has no id, state or time", false},
		{`{"version":1,"stack":"s",` + minute + `,"today":{"all":{"sketch":[1]}}}`, "not a sketch", false},
		{`{"version":1,"stack":"s",` + minute + `,"today":{"all":{"sketch":[2,1,1,1]}}}`, "not a sketch", false},
		{`{"version":1,"stack":"s",` + minute + `,"today":{"all":{"sketch":[-2000000000,1]}}}`, "not a sketch", false},
		{`{"version":1,"stack":"s",` + minute + `,"today":{"all":{"sketch":[762,1]}}}`, "not a sketch", false},
		{`{"version":1,"stack":"s",` + minute + `,"outbox":[{"incident":"a","state":"gone"}]}`, "outbox[0] has no incident or state", false},
		{`{"version":1,"stack":"s",` + minute + `,"more":[{"group":"g","count":2}]}`, "more[0] has no state", false},
		{`{"version":1,"stack":"s",` + minute + `,"seq":"x"}`, "it is not a history: json", false},
	} {
		_, err := Decode(packed(t, test.text), "s", start)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.text, err, test.want)
		}
		if _, foreign := errors.AsType[*ForeignError](err); foreign != test.foreign {
			t.Errorf("%s: another's is %t", test.text, foreign)
		}
	}
	if testing.Short() {
		return // what follows is large
	}
	bomb := packed(t, `{"version":1,"stack":"`+strings.Repeat("s", MaxDocument)+`"}`)
	if _, err := Decode(bomb, "s", start); err == nil || err.Error() != "it has more than 64 MiB" {
		t.Errorf("%d bytes: %v", len(bomb), err)
	}
	if _, err := DecodePast(packed(t, `{"version":3}`), ""); err == nil {
		t.Error("days of a later version")
	}
}

// Whatever is decoded can be folded and encoded.
func FuzzDecode(f *testing.F) {
	p := newPlay(f)
	p.runs("DDD.D", "..ddd", "..___")
	data, err := json.Marshal(p.known)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Decode(packed(t, string(text)), "", start.AddDate(1, 0, 0))
		if err != nil {
			return
		}
		run := &Run{Minute: start.AddDate(1, 0, 0), Interval: time.Minute, Fresh: true, Limit: 3, Certificate: 14, Targets: []Target{{Name: "a", Group: "g", State: Down}, {Name: "b", State: Up, Fingerprint: "f"}}}
		next, _, _ := Fold(d, run)
		next, entries, more := next.Claim("r", run.Minute)
		next = next.Settle("r", entries, nil, more, run.Minute)
		data, err := next.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(data, "", run.Minute); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
	})
}

// The example of docs/history.md is a history, with nothing that has no field here.
func TestDocumentedExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/history.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```json\n")
	example, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("docs/history.md has no example")
	}
	var known Document
	strict := json.NewDecoder(strings.NewReader(example))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&known); err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(packed(t, example), known.Stack, known.Minute); err != nil {
		t.Fatal(err)
	}
	var plain, again any
	data, err := json.Marshal(known)
	if err != nil {
		t.Fatal(err)
	}
	if json.Unmarshal([]byte(example), &plain) != nil || json.Unmarshal(data, &again) != nil || !reflect.DeepEqual(plain, again) {
		t.Errorf("it is written as\n%s", data)
	}
	for _, field := range fieldsOf(reflect.TypeFor[Document](), map[reflect.Type]bool{}) {
		if !strings.Contains(string(page), "`"+field+"`") {
			t.Errorf("docs/history.md does not describe the member %s", field)
		}
	}
}

// fieldsOf are the JSON members of a type and of those that it has.
func fieldsOf(t reflect.Type, seen map[reflect.Type]bool) (all []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] || t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[bucket]() {
		return nil
	}
	seen[t] = true
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			all = append(all, name)
		}
		all = append(all, fieldsOf(f.Type, seen)...)
	}
	return all
}
