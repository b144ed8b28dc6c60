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

// A libraryLog turns what libraries write to package log into lines of ours.
type libraryLog struct{ logger *slog.Logger }

// Write logs one message. Two kinds are left out: net/http's message about a
// server that sends more than its response, since it quotes the server, which
// may quote a secret; and the errors that aws-lambda-go writes as JSON when a
// handler returns them, since they are logged where they arise. Those with a
// stack are panics and stay.
func (l libraryLog) Write(p []byte) (int, error) {
	message := strings.TrimSpace(string(p))
	returned := strings.HasPrefix(message, `{"errorMessage":`) && !strings.Contains(message, `"stackTrace":[`)
	if !returned && !strings.HasPrefix(message, "Unsolicited response") {
		l.logger.Warn(message)
	}
	return len(p), nil
}
