package plan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"rollcall/internal/list"
)

// bucket is a source of another scheme.
func bucket(contents map[string]string) map[string]Source {
	return map[string]Source{"s3": func(_ context.Context, u *url.URL, known Version) (io.ReadCloser, Version, error) {
		content, ok := contents[u.Host+u.Path]
		switch {
		case known != "":
			return nil, "", fmt.Errorf("Parse knows the version %q", known)
		case !ok:
			return nil, "", errors.New("no such key")
		case content == "":
			return nil, "", ErrUnchanged
		}
		return io.NopCloser(strings.NewReader(content)), "1", nil
	}}
}

func TestSourceByScheme(t *testing.T) {
	sources := bucket(map[string]string{
		"lists/a.txt":      "https://a.example\nhttps://b.example\n",
		"lists/b.json":     `{"defaults": {"timeout": "2s"}, "urls": ["https://a.example"]}`,
		"lists/wrong.json": `{"urls": [{"ulr": "https://a.example", "url": "https://a.example"}]}`,
		"lists/same.txt":   "",
		"lists/b.txt.gz":   "https://a.example\n",
	})
	for source, want := range map[string]string{
		"s3://lists/a.txt":               "a.example 10s, b.example 10s",
		"s3://lists/b.json":              "a.example 2s",
		"s3://lists/wrong.json":          `s3://lists/wrong.json: urls[0].ulr: is unknown (did you mean "url"?)`,
		"s3://lists/none.txt":            `source: open "s3://lists/none.txt": no such key`,
		"s3://key:MARKER@lists/?MARKER":  "source: invalid URL of an object (s3://bucket/key, or s3://bucket/key?versionId=ID)",
		"s3://lists/same.txt":            `source: open "s3://lists/same.txt": unchanged`,
		"s3://lists/b.txt.gz":            `source: read "s3://lists/b.txt.gz": is not compressed by gzip, as its name says`,
		"s3://lists/%zz":                 `source: open "s3://lists/%zz": no such key`,
		"s3://lists":                     "source: invalid URL of an object (s3://bucket/key, or s3://bucket/key?versionId=ID)",
		"s3://lists/a.txt?versionId=":    "source: invalid URL of an object (s3://bucket/key, or s3://bucket/key?versionId=ID)",
		"s3://lists/a.txt?version=3":     "source: invalid URL of an object (s3://bucket/key, or s3://bucket/key?versionId=ID)",
		"https://a.example/%zz":          "source: invalid URL",
		"https://user:MARKER@a.example/": "source: https sources are not supported",
		"file:///lists/a.txt":            "source: file sources are not supported",
		"lists/a.txt":                    "source: file sources are not supported",
		"://":                            "source: invalid URL",
	} {
		p, err := parse([]byte(fmt.Sprintf(`{"source": %q}`, source)), Inputs{Sources: sources})
		if err != nil {
			wantProblem(t, err, want)
			continue
		}
		var got []string
		for _, target := range p.Targets {
			got = append(got, fmt.Sprint(target.Name, " ", target.Timeout))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
}

// A path that names its scheme leads to the same files as one without.
func TestFilesTakesRegularFilesOnly(t *testing.T) {
	files := fstest.MapFS{"a.txt": {Data: []byte("https://a.example\n")}}
	for _, source := range []string{"file://a.txt", "file:///a.txt", "file://./a.txt", "FILE://a.txt"} {
		if p, err := parse([]byte(`{"source": "`+source+`"}`), Inputs{Sources: filesOf(files)}); err == nil {
			t.Errorf("%s: got a plan of %d targets", source, len(p.Targets))
		}
	}
	files["pipe.txt"] = &fstest.MapFile{Mode: fs.ModeNamedPipe}
	_, err := parse([]byte(`{"source": "pipe.txt"}`), Inputs{Sources: filesOf(files)})
	wantProblem(t, err, `source: open "pipe.txt": not a regular file`)
	_, err = parse([]byte(`{"source": "a\u001b.txt"}`), Inputs{Sources: filesOf(files)})
	wantProblem(t, err, `source: open "a\x1b.txt": not a path below the program's folder (for example lists/urls.txt)`)
	if _, err := parse([]byte(`{"source": "a.txt"}`), Inputs{Sources: filesOf(nil)}); err == nil {
		t.Error("there are no files, and a.txt is one of them")
	}
}

func TestReadingEnds(t *testing.T) {
	gone := errors.New("the caller has gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	files := filesOf(fstest.MapFS{"list.txt": {Data: []byte("https://a.example\n")}})
	cancel(gone)
	for _, event := range []string{`{"urls": ["https://a.example"]}`, `{"source": "list.txt"}`} {
		if p, err := Parse(ctx, strings.NewReader(event), Inputs{Sources: files}); p != nil || !errors.Is(err, gone) {
			t.Errorf("%s: got %v, %v", event, p, err)
		}
	}
	if p, err := parseLines(ctx, strings.NewReader("https://a.example"), Inputs{}); p != nil || !errors.Is(err, gone) {
		t.Errorf("lines: got %v, %v", p, err)
	}
	broken := errors.New("the pipe is broken")
	if p, err := Parse(t.Context(), iotest.ErrReader(broken), Inputs{}); p != nil || !errors.Is(err, broken) {
		t.Errorf("a broken event: got %v, %v", p, err)
	}
}

func TestEventThatIsTooLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	_, err := Parse(t.Context(), io.LimitReader(endless{}, list.MaxDocument+1), Inputs{})
	if want := "the event has 1 problem:\nthe event is larger than 64 MiB"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// endless is white space.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

// Half of a surrogate pair is found wherever it is, and nothing else is taken
// for one.
func TestSurrogates(t *testing.T) {
	for text, half := range map[string]bool{
		`\ud83d`: true, `\uDE00`: true, `a\ud83db`: true, `\ud83d\u0061`: true, `\ud83d\ud83d\ude00`: true, `\ud83d\n\ude00`: true, `\\\ud83d`: true, "\ufffd\n\\uDBFF": true,
		`\ud83d\ude00`: false, `\uFFFD`: false, "\ufffd": false, `\\ud83d\ufffd`: false, `\ufffd\uD83D\uDE00\ud7ff\ue000`: false, `\ufffd\u00d8\ud7ff`: false, `\"\ufffd\n\/`: false,
	} {
		text = strings.ReplaceAll(text, "\n", "")
		ps := &problems{}
		_, ok := readJSON(t.Context(), []byte(`[ "`+text+`"]`), "", ps).content[0].requireText()
		if ok == half {
			t.Errorf("%s: half a pair: %v, want %v (%v)", text, !ok, half, *ps)
		}
	}
}
