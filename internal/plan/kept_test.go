package plan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A remote is a list that changes.
type remote struct {
	content string
	version Version
	err     error
	opened  int // times, with content
}

func (r *remote) open(_ context.Context, _ *url.URL, known Version) (io.ReadCloser, Version, error) {
	switch {
	case r.err != nil:
		return nil, "", r.err
	case known != "" && known == r.version:
		return nil, "", ErrUnchanged
	}
	r.opened++
	return io.NopCloser(strings.NewReader(r.content)), r.version, nil
}

func hosts100(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "https://host%d.example\n", i)
	}
	return b.String()
}

// A list is read when it has changed. One that can't be read, or has nothing any
// more, is run as it was for an hour, and the run says so.
func TestKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := &remote{content: hosts100(100), version: `"1"`}
		in := Inputs{Kept: &Kept{}, Sources: map[string]Source{"s3": list.open}}
		run := func(targets int, failure string) {
			t.Helper()
			scheduled := time.Now().UTC().Truncate(time.Second)
			event := fmt.Sprintf(`{"source": "s3://lists/shop.txt", "scheduled": %q, "metrics": "group"}`, scheduled.Format(time.RFC3339))
			p, err := parse([]byte(event), in)
			if targets < 0 {
				if err == nil || !strings.Contains(err.Error(), failure) {
					t.Fatalf("err = %v, want %q", err, failure)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(p.Failures, "|")
			if len(p.Targets) != targets || got != failure || p.Scheduled != scheduled || string(p.Event) != event || p.Metrics != "group" {
				t.Fatalf("%d targets, failures %q, scheduled %v; want %d, %q", len(p.Targets), got, p.Scheduled, targets, failure)
			}
		}
		run(100, "")
		time.Sleep(time.Minute)
		run(100, "")
		if list.opened != 1 {
			t.Errorf("it was read %d times", list.opened)
		}
		last := time.Now().UTC().Format(time.RFC3339)
		asItWas := "the list s3://lists/shop.txt is run as it was read at " + last + ": it "

		time.Sleep(time.Minute)
		list.err = errors.New("S3 responded 403 AccessDenied")
		run(100, asItWas+`can't be read: source: open "s3://lists/shop.txt": S3 responded 403 AccessDenied`)
		list.err = nil
		list.content, list.version = "https://a.example\nnot a URL\nhttps://b.example\n", `"2"`
		run(3, "the list s3://lists/shop.txt has 3 of the 100 targets that it had before "+time.Now().UTC().Format(time.RFC3339))
		list.content, list.version = `{"urls": `, `"3"`
		run(3, "the list s3://lists/shop.txt is run as it was read at "+time.Now().UTC().Format(time.RFC3339)+": it can't be read: s3://lists/shop.txt: line 1, column 9: unexpected end of JSON input")

		list.content, list.version = hosts100(50), `"4"`
		run(50, "")
		last = time.Now().UTC().Format(time.RFC3339)
		asItWas = "the list s3://lists/shop.txt is run as it was read at " + last + ": it "
		list.content, list.version = "# nothing\n", `"5"`
		time.Sleep(time.Hour)
		run(50, asItWas+"has no targets")
		list.err = errors.New("S3 did not respond in time")
		run(50, asItWas+`can't be read: source: open "s3://lists/shop.txt": S3 did not respond in time`)
		time.Sleep(time.Second)
		run(-1, `open "s3://lists/shop.txt": S3 did not respond in time`)
		list.err = nil
		shrunk := "the list s3://lists/shop.txt has 0 of the 50 targets that it had before " + time.Now().UTC().Format(time.RFC3339)
		run(0, shrunk)
		time.Sleep(time.Hour)
		run(0, shrunk)
		time.Sleep(time.Second)
		run(0, "")
	})
}

// Another event has another plan of the same list; a few of them are kept.
func TestKeptIsOfOneEvent(t *testing.T) {
	list := &remote{content: "https://a.example\n", version: `"1"`}
	in := Inputs{Kept: &Kept{}, Sources: map[string]Source{"s3": list.open}}
	for i := range 6 {
		for _, event := range []string{
			`{"source": "s3://lists/shop.txt", "defaults": {"timeout": "%ds"}}`,
			` {"defaults": {"timeout": "%ds"}, "source": "s3://lists/shop.txt", "scheduled": "2026-11-30T12:00:00Z"}`,
		} {
			p, err := parse([]byte(fmt.Sprintf(event, i+1)), in)
			if err != nil || p.Targets[0].Timeout != time.Duration(i+1)*time.Second {
				t.Errorf("%v: %+v", err, p)
			}
		}
	}
	if list.opened != 6 || len(in.Kept.plans) != maxKept {
		t.Errorf("the list was read %d times, %d plans are kept", list.opened, len(in.Kept.plans))
	}
	list.version = ""
	for range 2 {
		if _, err := parse([]byte(`{"source": "s3://lists/shop.txt", "defaults": {"timeout": "6s"}}`), in); err != nil {
			t.Error(err)
		}
	}
	if list.opened != 8 {
		t.Errorf("a list without a version was read %d times, want each time", list.opened-6)
	}
}

// What is wrong with an event itself does not count as a failure of its list.
func TestKeptDoesNotHideAnEventsProblems(t *testing.T) {
	list := &remote{content: "https://a.example\n", version: `"1"`}
	in := Inputs{Kept: &Kept{}, Sources: map[string]Source{"s3": list.open}}
	for scheduled, wrong := range map[string]bool{"2026-11-30T12:00:00Z": false, "noon": true} {
		for range 2 {
			_, err := parse([]byte(`{"source": "s3://lists/shop.txt", "scheduled": "`+scheduled+`"}`), in)
			if (err != nil) != wrong {
				t.Errorf("%s: %v", scheduled, err)
			}
		}
	}
}
