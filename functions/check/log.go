package monitor

import (
	"io"
	"log/slog"
	"strings"
	"sync"
)

// A LineWriter lets several write to one place, a line a call.
type LineWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// NewLineWriter returns a LineWriter to w.
func NewLineWriter(w io.Writer) *LineWriter { return &LineWriter{w: w} }

// Write writes one or more whole lines.
func (l *LineWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// A LibraryLog takes what libraries say to package log, and makes it a line
// of ours.
type LibraryLog struct{ Logger *slog.Logger }

// Write logs one message. Two kinds are left out: what net/http says of a
// server that goes on talking, which quotes the server, who may quote a secret;
// and the errors that aws-lambda-go writes as JSON when a handler returns them,
// which were logged where they arose. Those with a stack are panics and stay.
func (l LibraryLog) Write(p []byte) (int, error) {
	text := strings.TrimSpace(string(p))
	returned := strings.HasPrefix(text, `{"errorMessage":`) && !strings.Contains(text, `"stackTrace":[`)
	if !returned && !strings.HasPrefix(text, "Unsolicited response") {
		l.Logger.Warn(text)
	}
	return len(p), nil
}
