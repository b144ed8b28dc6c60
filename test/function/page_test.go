package function_test

import (
	"strings"
	"testing"
	"time"

	"rollcall/test/s3"

	"rollcall/internal/testnet"
)

// withPages starts a function that keeps its pages in a bucket of an S3.
func withPages(t *testing.T) (*rig, *s3.S3) {
	t.Helper()
	s3, err := s3.NewS3("made-up", "pages")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s3.Close() })
	return newRig(t, testnet.Options{}, "ROLLCALL_PAGE_BUCKET=pages", "AWS_ENDPOINT_URL_S3="+s3.URL()), s3
}

const mixed = `{"defaults": {"retries": 0, "headers": {"X-Key": "s3cret"}}, "urls": ["https://good.stage.test", "https://status-500.stage.test"]}`

// completed is how often a run has said that it is complete.
func (r *rig) completed() (n int) {
	for _, d := range r.CloudWatch.Accepted() {
		if d.Metric == "RunCompleted" {
			n++
		}
	}
	return n
}

func TestPageOfTheLastRun(t *testing.T) {
	r, s3 := withPages(t)
	for _, event := range []string{`{"urls": ["https://good.stage.test"]}`, mixed} {
		if s := r.run(t, event); len(s.Warnings) > 0 || !s.Healthy {
			t.Errorf("%s", s.raw)
		}
	}
	page, ok := s3.Object("pages/rollcall.html")
	if !ok || page.ContentType != "text/html; charset=utf-8" || page.Owner != "123456789012" {
		t.Fatalf("there is a page: %v, %q, for a bucket of %q", ok, page.ContentType, page.Owner)
	}
	text := string(page.Body)
	for _, part := range []string{"<title>1 of 2 targets is down · Rollcall</title>", "status-500.stage.test", "500 Internal Server Error", "accepted by CloudWatch", "good.stage.test:", "</html>"} {
		if !strings.Contains(text, part) {
			t.Errorf("the page has no %q", part)
		}
	}
	if strings.Contains(text, "s3cret") {
		t.Error("the page has a header's value in it")
	}
	if n := s3.Requests(); n != 2 {
		t.Errorf("%d requests to S3", n)
	}
}

// A page that can't be kept is a warning; the metrics have left before.
func TestPageThatCannotBeKept(t *testing.T) {
	for mode, want := range map[testnet.Mode]string{
		testnet.AccessDenied: "S3 responded 403 AccessDenied: allow the role the action s3:PutObject on arn:aws:s3:::pages/*, a bucket of the account 123456789012",
		testnet.Hanging:      "S3 did not respond in time",
	} {
		r, s3 := withPages(t)
		s3.SetFault(mode, -1)
		r.timeout = 4 * time.Second
		var s *summary
		runs := 0
		inTime(t, testnet.Slowdown*r.timeout, func() { runs, s = runs+1, r.run(t, mixed) })
		if len(s.Warnings) != 1 || s.Warnings[0] != "the page of this run was not stored: "+want || !s.Healthy || s.Published.Lost > 0 {
			t.Errorf("%s", s.raw)
		}
		if n := r.completed(); n != runs {
			t.Errorf("%v: %d runs of %d are complete", want, n, runs)
		}
		r.function.Stop() // what it wrote last has then been read
		if log := strings.Join(r.function.Stdout(), "\n"); !strings.Contains(log, want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
}

// Nobody is asked for anything where no bucket is named.
func TestNoPageByDefault(t *testing.T) {
	s3, err := s3.NewS3("made-up", "pages")
	if err != nil {
		t.Fatal(err)
	}
	defer s3.Close()
	r := newRig(t, testnet.Options{}, "ROLLCALL_PAGE_BUCKET=", "AWS_ENDPOINT_URL_S3="+s3.URL())
	if s := r.run(t, mixed); len(s.Warnings) > 0 || s3.Requests() > 0 {
		t.Errorf("%d requests; %s", s3.Requests(), s.raw)
	}
}
