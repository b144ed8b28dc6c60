package plan

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
)

// object is a source in S3 of which nothing may be read.
func object(t *testing.T, version Version) Inputs {
	return Inputs{Kept: &Kept{}, Sources: map[string]Source{"s3": func(_ context.Context, _ *url.URL, known Version) (io.ReadCloser, Version, error) {
		if known == version {
			return nil, "", ErrUnchanged
		}
		return io.NopCloser(readsNothing{t}), version, nil
	}}}
}

type readsNothing struct{ t *testing.T }

func (r readsNothing) Read([]byte) (int, error) {
	r.t.Error("the list is read")
	return 0, io.EOF
}

// The first step finds which version of the list there is, and names it for the
// parts. It reads nothing of it.
func TestBeginPinsTheList(t *testing.T) {
	for _, test := range []struct {
		source  string
		version Version
		want    string
	}{
		{"s3://lists/urls.txt", `"5d41" V1`, "s3://lists/urls.txt?versionId=V1"},
		{"s3://lists/urls.txt?versionId=V0", `"5d41" V0`, "s3://lists/urls.txt?versionId=V0"},
		{"s3://lists/urls.txt", `"5d41"`, "s3://lists/urls.txt"},
	} {
		event := `{"source": "` + test.source + `", "scheduled": "2026-11-30T06:08:59Z", "begin": {"of": 3, "execution": "x"}}`
		p, err := parse([]byte(event), object(t, test.version))
		if err != nil || p.Source != test.want || p.Version != test.version || p.Run != "20261130T0608Z" || p.Begin != (Step{3, "x"}) {
			t.Errorf("%s: %+v, error %v", test.source, p, err)
		}
	}
}

// A part reads the version of its run or none: what a part of an earlier run has
// read does not stand in for it.
func TestPartReadsNoOtherVersion(t *testing.T) {
	in := inputs()
	in.Kept = &Kept{}
	list, version := "https://a.example\nhttps://b.example\n", Version(`"1"`)
	in.Sources["s3"] = func(_ context.Context, _ *url.URL, known Version) (io.ReadCloser, Version, error) {
		if known == version {
			return nil, "", ErrUnchanged
		}
		return io.NopCloser(strings.NewReader(list)), version, nil
	}
	part := func(pinned string) (*Plan, error) {
		return parse([]byte(`{"source": "s3://lists/urls.txt", "scheduled": "2026-11-30T06:08:00Z", "part": {"index": 0, "of": 2}, "list": "\"`+pinned+`\""}`), in)
	}
	for range 2 { // the second is of what is kept
		if p, err := part("1"); err != nil || len(p.Targets) != 1 || p.Version != `"1"` {
			t.Fatalf("%+v, error %v", p, err)
		}
	}
	list, version = "https://c.example\n", `"2"`
	p, err := part("1")
	if err == nil && (p.Version != `"1"` || p.Targets[0].Name != "a.example") {
		t.Errorf("a part of the run of version 1 has %s of version %s", p.Targets[0].Name, p.Version)
	}
	if p, err := part("3"); err == nil || !strings.Contains(err.Error(), "was changed after the run began") {
		t.Errorf("a part of the run of version 3: %+v, error %v", p, err)
	}
	if p, err := part("2"); err != nil || p.Version != `"2"` || len(p.Targets) != 1 || p.Targets[0].Name != "c.example" {
		t.Errorf("a part of the run of version 2: %+v, error %v", p, err)
	}
}

// A list that can't be had stops the first step, and a context that ends does.
func TestBeginWithoutAList(t *testing.T) {
	event := []byte(`{"source": "nowhere.txt", "scheduled": "2026-11-30T06:08:59Z", "begin": {"of": 3, "execution": "x"}}`)
	if _, err := parse(event, inputs()); err == nil || !strings.Contains(err.Error(), "nowhere.txt") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Parse(ctx, bytes.NewReader(event), inputs()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// A part that is too late reads nothing, where that is wished for.
func TestLatePartReadsNothing(t *testing.T) {
	in := object(t, `"5d41"`)
	in.SkipLate = true
	const event = `{"source": "s3://lists/urls.txt", "scheduled": "2026-11-30T06:08:00Z", "part": {"index": 1, "of": 3}, "until": "2000-01-01T00:00:00Z"}`
	if p, err := parse([]byte(event), in); err != nil || p.Part != (Part{1, 3}) || p.Until.IsZero() || len(p.Targets)+len(p.Warnings) > 0 {
		t.Errorf("%+v, error %v", p, err)
	}
	soon := strings.Replace(event, "2000-01-01", "2999-01-01", 1)
	if p, err := parse([]byte(strings.Replace(soon, "s3://lists/urls.txt", "lists/good.txt", 1)), Inputs{SkipLate: true, Sources: inputs().Sources}); err != nil || len(p.Targets) == 0 {
		t.Errorf("one that is not: %+v, error %v", p, err)
	}
}
