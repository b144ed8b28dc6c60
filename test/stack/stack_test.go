package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestToHost(t *testing.T) {
	const asked = `{"Entrypoint": ["/var/rapid/aws-lambda-rie"], "ExposedPorts": {"8080/tcp": {}},
		"HostConfig": {"Memory": 5, "PortBindings": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "5612"}]}}}`
	const want = `{"Entrypoint": ["/var/rapid/aws-lambda-rie", "--runtime-interface-emulator-address", "127.0.0.1:5612"],
		"HostConfig": {"Memory": 5, "NetworkMode": "host"}}`
	if got := decoded(t, asked); !reflect.DeepEqual(changed(got), decoded(t, want)) {
		t.Errorf("%v, want %s", got, want)
	}
	for _, other := range []string{`{}`, `{"HostConfig": {"PortBindings": {}}}`, `{"HostConfig": 1, "Entrypoint": "x"}`} {
		if got := decoded(t, other); !reflect.DeepEqual(changed(got), decoded(t, other)) {
			t.Errorf("%s was changed to %v", other, got)
		}
	}
}

func changed(asked map[string]any) map[string]any {
	toHost(asked)
	return asked
}

func decoded(t *testing.T, text string) (v map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEndUndoesTheLastFirst(t *testing.T) {
	var order []string
	failed := errors.New("it failed")
	var dir string
	err := perform(t.Context(), io.Discard, func(tr *trial, _ context.Context) error {
		dir = tr.dir
		tr.later(func() error { order = append(order, "first"); return nil })
		tr.later(func() error { order = append(order, "second"); return failed })
		return nil
	})
	if !errors.Is(err, failed) || strings.Join(order, " ") != "second first" {
		t.Errorf("%v, %v: want the last first, and its error", err, order)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}

// A program that is started ends with the trial, and so do its children.
func TestStartedProgramsEnd(t *testing.T) {
	var pid int
	err := perform(t.Context(), io.Discard, func(tr *trial, ctx context.Context) error {
		log, err := tr.start(nil, "sh", "-c", "sleep 600 & echo $!; wait")
		if err != nil {
			return err
		}
		return until(ctx, "its child", 10*time.Second, func() (bool, error) {
			said, err := os.ReadFile(log)
			return json.Unmarshal(said, &pid) == nil, err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := until(t.Context(), "the child's end", 10*time.Second, func() (bool, error) {
		return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH), nil
	}); err != nil {
		t.Error(err)
	}
}

func TestAFailedCommandShowsWhatItSaid(t *testing.T) {
	tr := &trial{root: t.TempDir()}
	_, _, err := tr.run(t.Context(), command{nil, []string{"sh", "-c", "echo why >&2; exit 3"}})
	if err == nil || !strings.Contains(err.Error(), "exit status 3\nwhy") {
		t.Errorf("%v: want its status and its words", err)
	}
}

func TestSummaryIn(t *testing.T) {
	s, err := summaryIn("START\n" + `{"message": "summary", "targets": 3}` + "\n" + `{"targets": 2, "up": 2, "results": []}` + "\n")
	if err != nil || s.Targets != 2 || s.Up != 2 {
		t.Errorf("%+v, %v: want the one with results", s, err)
	}
	if _, err := summaryIn("nothing\n"); err == nil {
		t.Error("no error without a summary")
	}
}

func TestImageHasWhatSamNeeds(t *testing.T) {
	roots := t.TempDir() + "/roots.pem"
	if err := os.WriteFile(roots, []byte("root"), 0o600); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := writeImage(&b, roots, roots); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for r := tar.NewReader(&b); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		found[h.Name] = true
	}
	for _, name := range []string{"bin/sh", "bin/busybox", "bin/chmod", "etc/passwd", "etc/ssl/certs/ca-certificates.crt", "var/task", "tmp"} {
		if !found[name] {
			t.Errorf("the image has no %s", name)
		}
	}
}

func TestMissingToolsAreNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	tr := &trial{root: t.TempDir(), dir: t.TempDir()}
	if _, err := tr.engine(t.Context()); err == nil || !strings.Contains(err.Error(), "apt-get install docker.io") {
		t.Errorf("no dockerd: %v", err)
	}
	if _, err := static(); err == nil || !strings.Contains(err.Error(), "apt-get install busybox-static") {
		t.Errorf("no busybox: %v", err)
	}
	if _, err := tr.build(t.Context()); err == nil || !strings.Contains(err.Error(), "python3") {
		t.Errorf("no sam: %v", err)
	}
}
