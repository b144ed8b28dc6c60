package remember

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
)

// What one process remembers the next one knows: a message comes once.
func TestFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "state", "rollcall", "history.json.gz")
		d := &desk{}
		for i, step := range []struct {
			letters string
			want    []string
		}{{".", nil}, {"D", []string{"mail DOWN: a (g): status"}}, {"D", nil}, {".", nil}, {".", []string{"mail UP: a (g): was down for 2 minutes"}}} {
			files, err := OpenFiles(path)
			if err != nil {
				t.Fatal(err)
			}
			if out := remember(New(files, d, []string{"mail"}, site), step.letters); !out.Written || len(out.Problems) > 0 {
				t.Errorf("step %d: %+v", i, out)
			}
			wantTold(t, d, step.want...)
			if err := files.Close(); err != nil {
				t.Error(err)
			}
		}
		left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
		if len(left) != 2 || err != nil { // and the lock
			t.Errorf("files %v, %v", left, err)
		}
	})
}

// A file that others wrote meanwhile is not replaced; one that can't be read is put
// aside; only one program has it open.
func TestFilesOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.json.gz")
	files, err := OpenFiles(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFiles(path); err == nil || !strings.Contains(err.Error(), "history.json.gz is in use by another program") {
		t.Errorf("opened twice: %v", err)
	}
	if err := os.WriteFile(path, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, another, err := files.Write(t.Context(), currentKey, nil, ""); !another || err != nil {
		t.Errorf("another %t, %v", another, err)
	}
	for i := range 3 {
		r := run("r", ".")
		r.Minute = r.Minute.AddDate(0, 0, i-3)
		out := New(files, &desk{}, nil, site).Remember(t.Context(), r)
		if out.Written != (i == 2) || i < 2 && out.Problems[0] != "the history was not written: "+path+" can't be read: it can't be decompressed: unexpected EOF" {
			t.Errorf("run %d: %+v", i, out)
		}
	}
	copies, _ := filepath.Glob(path + ".unreadable-*.json.gz")
	if len(copies) != 1 {
		t.Fatalf("copies %v", copies)
	}
	if kept, err := os.ReadFile(copies[0]); string(kept) != "hello" || err != nil {
		t.Errorf("the copy has %q, %v", kept, err)
	}
	if err := files.Close(); err != nil {
		t.Error(err)
	}
	if _, err := OpenFiles(filepath.Dir(path)); err == nil {
		t.Error("a directory is opened as a file")
	}
}
