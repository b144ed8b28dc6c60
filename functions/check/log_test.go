package main

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

func TestLineWriter(t *testing.T) {
	var out bytes.Buffer
	w := &lineWriter{w: &out}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { w.Write([]byte("one line\n")) })
	}
	wg.Wait()
	if got, want := out.String(), strings.Repeat("one line\n", 20); got != want {
		t.Errorf("got %q", got)
	}
	out.Reset()
	line := []byte(`{"detail":"##vso[task.complete]"}` + "\n") // no pipeline obeys a server
	if n, err := w.Write(line); n != len(line) || err != nil || out.String() != `{"detail":"#\u0023vso[task.complete]"}`+"\n" {
		t.Errorf("Write = %d, %v: %s", n, err, out.String())
	}
}

func TestLibraryLog(t *testing.T) {
	for text, want := range map[string]string{
		"http: something odd\n": `level=WARN msg="http: something odd"` + "\n",
		"Unsolicited response received on idle HTTP channel starting with \"secret\"; err=<nil>\n": "",
		`{"errorMessage":"nobody took it","errorType":"PublishError"}`:                             "",
		`{"errorMessage":"oops","errorType":"string","stackTrace":[{"path":"a.go"}]}`:              `level=WARN msg="{\"errorMessage\":\"oops\",\"errorType\":\"string\",\"stackTrace\":[{\"path\":\"a.go\"}]}"` + "\n",
	} {
		var out bytes.Buffer
		withoutTime := func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
		l := &libraryLog{logger: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: withoutTime}))}
		if n, err := l.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("Write = %d, %v", n, err)
		}
		if got := out.String(); got != want {
			t.Errorf("of %s: %q, want %q", text, got, want)
		}
	}
}

// TestLibraryLogIsBounded: twenty lines a run, one with the number of the others,
// and panics in any case.
func TestLibraryLogIsBounded(t *testing.T) {
	const panicked = `{"errorMessage":"oops","errorType":"string","stackTrace":[{"path":"a.go"}]}`
	var out bytes.Buffer
	l := &libraryLog{logger: slog.New(slog.NewTextHandler(&out, nil))}
	lines := func() int { defer out.Reset(); return strings.Count(out.String(), "\n") }
	for range 100_000 {
		l.Write([]byte("odd\n"))
	}
	l.Write([]byte(panicked))
	if got := lines(); got != mostLines+1 {
		t.Errorf("%d lines, want %d and a panic", got, mostLines)
	}
	l.endRun()
	if got := out.String(); !strings.Contains(got, "lines=99980") || lines() != 1 {
		t.Errorf("at the end of the run: %q", got)
	}
	for range mostLines {
		l.Write([]byte("odd\n"))
	}
	l.endRun()
	if got := lines(); got != mostLines {
		t.Errorf("%d lines in the next run, want %d", got, mostLines)
	}
}
