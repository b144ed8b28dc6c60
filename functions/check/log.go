package main

import (
	"io"
	"log/slog"
	"strings"
	"sync"

	"rollcall/internal/text"
)

// A lineWriter lets several goroutines write lines to one place.
type lineWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write writes one or more whole lines of JSON, which no pipeline takes for
// commands.
func (l *lineWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.w.Write(text.InertJSON(p))
	return len(p), err
}

// A libraryLog turns what libraries write to package log into lines of ours:
// at most mostLines a run, since servers may be what it is about, and then one
// with the number of the others.
type libraryLog struct {
	logger *slog.Logger

	mu    sync.Mutex
	lines int // in this run
}

const mostLines = 20

// Write logs one message. Two kinds are left out: net/http's message about a
// server that sends more than its response, since it quotes the server, which
// may quote a secret; and the errors that aws-lambda-go writes as JSON when a
// handler returns them, since they are logged where they arise. Those with a
// stack are panics: they stay, and are not counted.
func (l *libraryLog) Write(p []byte) (int, error) {
	message := strings.TrimSpace(string(p))
	ofLambda := strings.HasPrefix(message, `{"errorMessage":`)
	switch {
	case ofLambda && strings.Contains(message, `"stackTrace":[`):
		l.logger.Warn(message)
	case !ofLambda && !strings.HasPrefix(message, "Unsolicited response") && l.count():
		l.logger.Warn(message)
	}
	return len(p), nil
}

// count counts a line, and reports whether it is one of the first.
func (l *libraryLog) count() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines++
	return l.lines <= mostLines
}

// endRun says how many lines were left out, and begins to count again.
func (l *libraryLog) endRun() {
	if l == nil {
		return
	}
	l.mu.Lock()
	more := l.lines - mostLines
	l.lines = 0
	l.mu.Unlock()
	if more > 0 {
		l.logger.Warn("libraries had more to say than is logged", "lines", more)
	}
}
