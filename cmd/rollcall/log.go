package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// A plainLog shows the log's warnings and errors to people: a sentence each,
// without time and level.
type plainLog struct{ w io.Writer }

// Enabled reports whether a level is shown.
func (l *plainLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle writes a record: its message, with its attributes in parentheses. A
// stack stands below.
func (l *plainLog) Handle(_ context.Context, r slog.Record) error {
	var attributes []string
	stack := ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "stack" {
			stack = a.Value.String() + "\n"
		} else {
			attributes = append(attributes, a.Key+": "+a.Value.String())
		}
		return true
	})
	line := "rollcall: " + r.Message
	if len(attributes) > 0 {
		line += " (" + strings.Join(attributes, ", ") + ")"
	}
	_, err := fmt.Fprintf(l.w, "%s\n%s", line, stack)
	return err
}

// WithAttrs returns l: no log here has attributes of its own.
func (l *plainLog) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup returns l.
func (l *plainLog) WithGroup(string) slog.Handler { return l }
