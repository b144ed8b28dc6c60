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

// Write logs one message. What net/http says of a server that goes on talking
// is left out: it quotes the server, which may quote a secret.
func (l LibraryLog) Write(p []byte) (int, error) {
	if text := strings.TrimSpace(string(p)); !strings.HasPrefix(text, "Unsolicited response") {
		l.Logger.Warn(text)
	}
	return len(p), nil
}
