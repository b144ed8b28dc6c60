package function_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"rollcall/internal/testnet"
	"rollcall/test/s3"
)

// withLists starts a function beside an S3 with one bucket.
func withLists(t *testing.T) (*rig, *s3.S3) {
	t.Helper()
	s3, err := s3.NewS3("made-up", "lists")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s3.Close() })
	return newRig(t, testnet.Options{}, "AWS_ENDPOINT_URL_S3="+s3.URL()), s3
}

// lines are n URLs that are up.
func (r *rig) lines(t *testing.T, n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "%s/%d\n", r.ported(t, "good.stage.test"), i)
	}
	return b.Bytes()
}

func compressed(body []byte) s3.Object { return s3.Object{Body: body, ContentEncoding: "gzip"} }

// Keys are what they are, whatever is in them.
func TestListsFromS3(t *testing.T) {
	r, s3 := withLists(t)
	for i, key := range []string{
		"shop.txt", "of today/a b.txt", "a+b&c=d(e)'f!g*h.txt", "a//b.txt", "//c.txt", "../up.txt", "a/./b.txt", "100%.txt", "l%20ist.txt", "#1.txt", "größe/リスト.txt", "a;b:@,~$.txt",
	} {
		s3.Put("lists/"+key, r.lines(t, i+1))
		s := r.run(t, eventOf(map[string]any{"source": "s3://lists/" + key}))
		if s.Targets != i+1 || s.Up != i+1 || !s.Healthy || len(s.Warnings) > 0 {
			t.Errorf("%s: %.500s", key, s.raw)
		}
	}
	packed := compressed(zipped(string(r.lines(t, 4))))
	s3.PutObject("lists/encoded.txt", packed)
	if s := r.run(t, `{"source": "s3://lists/encoded.txt"}`); s.Up != 4 {
		t.Errorf("with Content-Encoding: gzip: %.500s", s.raw)
	}
	s3.PutObject("lists/file.txt.gz", packed)
	if s := r.run(t, `{"source": "s3://lists/file.txt.gz"}`); s.Up != 4 {
		t.Errorf("with both: %.500s", s.raw)
	}
	s3.Put("lists/event.json", []byte(`{"defaults": {"timeout": "3s"}, "urls": ["`+r.ported(t, "good.stage.test")+`"]}`))
	if s := r.run(t, `{"source": "s3://lists/event.json"}`); s.Up != 1 {
		t.Errorf("an event: %.500s", s.raw)
	}
	s3.Put("lists/shop.txt", r.lines(t, 7))
	for source, want := range map[string]int{"s3://lists/shop.txt": 7, "s3://lists/shop.txt?versionId=version-1": 1, "s3://lists/shop.txt?versionId=version-2": 7} {
		if s := r.run(t, eventOf(map[string]any{"source": source})); s.Up != want {
			t.Errorf("%s: %d are up, want %d", source, s.Up, want)
		}
	}
}

// s3Faults are what can happen to a list in S3, and its words.
func s3Faults(t *testing.T, r *rig) map[string]struct {
	source string
	set    func(*s3.S3)
	words  string
} {
	truncated := zipped(string(r.lines(t, 100)))
	return map[string]struct {
		source string
		set    func(*s3.S3)
		words  string
	}{
		"denied": {"s3://lists/shop.txt", func(s *s3.S3) { s.SetFault(testnet.AccessDenied, -1) },
			`source: open "s3://lists/shop.txt": S3 responded 403 AccessDenied: there is no such key, or it is not allowed: allow the role s3:GetObject on arn:aws:s3:::lists/shop.txt (and kms:Decrypt, where the bucket has a key of yours)`},
		"a version denied": {"s3://lists/shop.txt?versionId=version-1", func(s *s3.S3) { s.SetFault(testnet.AccessDenied, -1) },
			`source: open "s3://lists/shop.txt": S3 responded 403 AccessDenied: there is no such key, or it is not allowed: allow the role s3:GetObject and s3:GetObjectVersion on arn:aws:s3:::lists/shop.txt (and kms:Decrypt, where the bucket has a key of yours)`},
		"no key":     {"s3://lists/shopp.txt", nil, `source: open "s3://lists/shopp.txt": S3 responded 404 NoSuchKey: there is no such key in the bucket`},
		"no version": {"s3://lists/shop.txt?versionId=version-9", nil, `source: open "s3://lists/shop.txt": S3 responded 404 NoSuchVersion: there is no such version of the object`},
		"no bucket":  {"s3://list/shop.txt", nil, `source: open "s3://list/shop.txt": S3 responded 404 NoSuchBucket: there is no bucket list`},
		"elsewhere": {"s3://lists/shop.txt", func(s *s3.S3) { s.SetRegion("eu-west-1") },
			`source: open "s3://lists/shop.txt": S3 responded 301 PermanentRedirect: the bucket is in the Region eu-west-1: put the list into a bucket of the function's own Region`},
		"throttled": {"s3://lists/shop.txt", func(s *s3.S3) { s.SetFault(testnet.Throttled, -1) }, `source: open "s3://lists/shop.txt": S3 responded 503 SlowDown: too many requests`},
		"failing":   {"s3://lists/shop.txt", func(s *s3.S3) { s.SetFault(testnet.Failing, -1) }, `source: open "s3://lists/shop.txt": S3 responded 500 InternalError`},
		"cut off": {"s3://lists/shop.txt", func(s *s3.S3) {
			s.Put("lists/shop.txt", r.lines(t, 4))
			s.CutOff(true)
		}, `can't be read: the connection to S3 broke off in the middle of the object`},
		"truncated gzip": {"s3://lists/shop.txt", func(s *s3.S3) {
			s.PutObject("lists/shop.txt", compressed(truncated[:len(truncated)-20]))
		}, `can't be read: the compressed data is truncated`},
	}
}

// A list that can't be read makes the event invalid in a new process, in words
// that say what to do; where it was read before it is run as it was.
func TestListsThatCanNotBeRead(t *testing.T) {
	for name, fault := range s3Faults(t, newRig(t, testnet.Options{})) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s3 := withLists(t)
			s3.Put("lists/shop.txt", r.lines(t, 3))
			warm := eventOf(map[string]any{"source": strings.TrimSuffix(fault.source, "9"), "scheduled": "<aws.scheduler.scheduled-time>"})
			readable := fault.set != nil
			if readable {
				if s := r.run(t, warm); s.Up != 3 || !s.Healthy {
					t.Fatalf("%.500s", s.raw)
				}
				fault.set(s3)
				s := r.run(t, warm)
				if s.Up != 3 || s.Healthy || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], " is run as it was read at ") || !strings.Contains(s.Warnings[0], fault.words) {
					t.Errorf("as read last: %.700s", s.raw)
				}
			}
			cold := newRig(t, testnet.Options{}, "AWS_ENDPOINT_URL_S3="+s3.URL())
			result := cold.ask(t, eventOf(map[string]any{"source": fault.source}))
			if result.ErrorType != "InvalidEventError" || !strings.Contains(result.ErrorMessage, fault.words) {
				t.Errorf("in a new process: %s: %s\nwant %s", result.ErrorType, result.ErrorMessage, fault.words)
			}
		})
	}
}

// An unchanged list costs one request, and one that shrinks says so.
func TestListsThatChange(t *testing.T) {
	r, s3 := withLists(t)
	for i, step := range []struct {
		lines, targets int
		healthy        bool
		warning        string
	}{
		{100, 100, true, ""}, {100, 100, true, ""}, {99, 99, true, ""},
		{9, 9, false, "the list s3://lists/shop.txt has 9 of the 99 targets that it had before"},
		{9, 9, false, "the list s3://lists/shop.txt has 9 of the 99 targets that it had before"},
		{0, 9, false, "it has no targets"},
		{20, 20, true, ""},
	} {
		s3.Put("lists/shop.txt", r.lines(t, step.lines))
		s := r.run(t, `{"source": "s3://lists/shop.txt"}`)
		if s.Targets != step.targets || s.Healthy != step.healthy || !strings.Contains(strings.Join(s.Warnings, "\n"), step.warning) || (step.warning == "") != (len(s.Warnings) == 0) {
			t.Errorf("step %d: %d targets, healthy %v, warnings %q", i, s.Targets, s.Healthy, s.Warnings)
		}
		if got := s3.Requests(); got != i+1 {
			t.Errorf("step %d: %d requests to S3", i, got)
		}
	}
}
