package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"rollcall/internal/config"
	"rollcall/internal/history"
	"rollcall/internal/message"
	"rollcall/internal/messenger"
	"rollcall/internal/monitor"
	"rollcall/internal/plan"
	"rollcall/internal/remember"
)

// notifyFlags are the flags of a watch that sends messages: a monitor of one's own
// machine.
type notifyFlags struct {
	Notify  []string `sep:"none" placeholder:"LINE" help:"With --watch: send a message to this chat, mail or paging service when a target goes down or recovers. LINE is a URL of shoutrrr, with conditions before it, or @FILE with such lines; may be repeated."`
	History string   `placeholder:"FILE" help:"With --notify: remember here what is down and what was sent (default: rollcall/history.json.gz in the directory of the user's state)."`
}

// leastNotify is the shortest interval of a watch that is remembered: what is known
// has a state for each minute.
const leastNotify = time.Minute

// checkNotify verifies the flags of a watch that notifies.
func (f *notifyFlags) checkNotify(watch span) error {
	switch {
	case len(f.Notify) == 0 && f.History != "":
		return wrongUsage("--history needs --notify")
	case len(f.Notify) > 0 && time.Duration(watch) < leastNotify:
		return wrongUsage("--notify needs --watch, with %s or more", leastNotify)
	}
	return nil
}

// lines returns what is to be notified, a line each. No error has what a line says.
func (f *notifyFlags) lines() (string, error) {
	var all []string
	for _, line := range f.Notify {
		if name, ok := strings.CutPrefix(line, "@"); ok {
			data, err := readLines(name)
			if err != nil {
				return "", err
			}
			line = string(data)
		}
		all = append(all, strings.TrimRight(line, "\r\n"))
	}
	return strings.Join(all, "\n"), nil
}

// mostLines is how many bytes a file of lines may have.
const mostLines = 1 << 20

func readLines(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostLines+1))
	if len(data) > mostLines {
		return nil, fmt.Errorf("%s has more than %d MiB: write one URL a line", name, mostLines>>20)
	}
	return data, err
}

// remember makes the rounds of a watch be remembered, and told of, where that is asked
// for. Call forget after the last one.
func (f *notifyFlags) remember(ctx context.Context, m *monitor.Monitor, p *plan.Plan, settings config.Config, sys system, every time.Duration, log io.Writer) (forget func(), err error) {
	if len(f.Notify) == 0 {
		return func() {}, nil
	}
	lines, err := f.lines()
	if err != nil {
		return nil, wrongUsage("--notify: %v", err)
	}
	program, err := besideProgram("rollcall-notify")
	if err != nil {
		return nil, wrongUsage("--notify: %v", err)
	}
	services, keys, err := messenger.New(ctx, program, lines, func(service, subject string) {
		fmt.Fprintf(log, "rollcall: %s: sent %q\n", service, subject)
	})
	if err != nil {
		return nil, wrongUsage("--notify: %v", err)
	}
	if len(keys) == 0 {
		return nil, wrongUsage("--notify: no line names a service")
	}
	path, err := f.historyFile(sys)
	if err != nil {
		return nil, err
	}
	files, err := remember.OpenFiles(path)
	if err != nil {
		return nil, wrongUsage("--history: %v", err)
	}
	host, _ := os.Hostname() // without one, messages name none
	memory := remember.New(files, services, keys, message.Site{Host: host})
	if _, _, err := memory.Names(ctx); err != nil {
		if foreign, ok := errors.AsType[*history.ForeignError](err); ok { // which is never replaced
			files.Close()
			return nil, wrongUsage("--history: %s can't be used: %v; name another file", path, foreign)
		}
	}
	process := fmt.Sprintf("%s/%d/%d", host, os.Getpid(), time.Now().UnixNano())
	m.Remember = func(ctx context.Context, run remember.Run) remember.Outcome {
		run.ID, run.Log = process, slog.New(&plainLog{w: log})
		return memory.Remember(ctx, run)
	}
	m.Interval, p.History = every, true
	if own, _ := sys.lookup("ROLLCALL_ALERT"); strings.TrimSpace(own) == "" {
		m.Alert.Runs, m.Alert.Window = alertAt(every)
	}
	return func() { files.Close() }, nil
}

// alertAt is after how many runs of how many an incident opens, as the template has
// it: a run that is long after the one before has to be enough.
func alertAt(every time.Duration) (runs, window int) {
	switch {
	case every <= 2*time.Minute:
		return 3, 3
	case every <= 10*time.Minute:
		return 2, 3
	}
	return 1, 1
}

// besideProgram finds a program in the directory of this one, else on the path.
func besideProgram(name string) (string, error) {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if own, err := os.Executable(); err == nil {
		if own, err = filepath.EvalSymlinks(own); err == nil {
			beside := filepath.Join(filepath.Dir(own), name)
			if _, err := os.Stat(beside); err == nil {
				return beside, nil
			}
		}
	}
	found, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("messages are sent by the program %s, which is neither beside rollcall nor on the path: releases and make build have it", name)
	}
	return found, nil
}

// historyFile is --history, or a file of its own in the directory of the user's state
// (XDG Base Directory Specification).
func (f *notifyFlags) historyFile(sys system) (string, error) {
	if f.History != "" {
		return f.History, nil
	}
	state, _ := sys.lookup("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		state, _ = sys.lookup("LocalAppData") // of Windows
	}
	if !filepath.IsAbs(state) {
		home, _ := sys.lookup("HOME")
		if home == "" {
			return "", wrongUsage("--history names no file, and there is no HOME for it")
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "rollcall", "history.json.gz"), nil
}
