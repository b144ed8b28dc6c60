package main

import (
	"io"
	"strings"
	"testing"
)

// What can't be written is an error; a file can.
func TestClosedOutput(t *testing.T) {
	var stderr strings.Builder
	sys := system{in: strings.NewReader(""), out: &closedOutput{}, err: &stderr, lookup: func(string) (string, bool) { return "", false }}
	if code := run(t.Context(), []string{"check", "http://127.0.0.1:1/"}, sys); code != exitUnhealthy || stderr.String() != "rollcall: writing the result: standard output is closed\n" {
		t.Errorf("code %d, %q", code, stderr.String())
	}
	if code := run(t.Context(), []string{"check", "--output", t.TempDir() + "/page", "http://127.0.0.1:1/"}, sys); code != exitDown {
		t.Errorf("with a file: code %d", code)
	}
	out := closedOutput{}
	if _, err := io.WriteString(&out, "x"); err != errClosed || !out.written {
		t.Errorf("writing: %v, written %v", err, out.written)
	}
}
