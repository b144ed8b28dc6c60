package main

import (
	"io"
	"log/slog"
	"strings"
	"sync"
)

// A lineWriter lets several goroutines write lines to one place.
type lineWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write writes one or more whole lines.
func (l *lineWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// A libraryLog turns what libraries write to package log into lines of ours.
type libraryLog struct{ logger *slog.Logger }

// Write logs one message. Two kinds are left out: net/http's message about a
// server that sends more than its response, since it quotes the server, which
// may quote a secret; and the errors that aws-lambda-go writes as JSON when a
// handler returns them, since they are logged where they arise. Those with a
// stack are panics and stay.
func (l libraryLog) Write(p []byte) (int, error) {
	text := strings.TrimSpace(string(p))
	returned := strings.HasPrefix(text, `{"errorMessage":`) && !strings.Contains(text, `"stackTrace":[`)
	if !returned && !strings.HasPrefix(text, "Unsolicited response") {
		l.logger.Warn(text)
	}
	return len(p), nil
}
