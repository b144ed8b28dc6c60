package monitor

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"

	"rollcall/internal/check"
)

// loggedTargets bounds the log: a line costs money, and a list of a hundred
// thousand names helps nobody.
const loggedTargets = 1000

// A logger writes what operators read: a "target" line for each target that
// is not up, and one "summary".
type logger struct{ *slog.Logger }

// targets writes a line for each target that is not up.
func (l logger) targets(s *Summary) {
	left := loggedTargets
	unlisted := 0
	for i := range s.Results {
		switch r := &s.Results[i]; {
		case r.State == check.Up:
		case left == 0:
			unlisted++
		default:
			left--
			l.target(r)
		}
	}
	if unlisted > 0 {
		l.Warn("more targets are not up than are listed", "more", unlisted)
	}
}

func (l logger) target(r *check.Result) {
	level := slog.LevelWarn
	if r.State == check.Down {
		level = slog.LevelError
	}
	l.object(level, "target", r)
}

// summary writes the whole of it but the results, its warnings before.
func (l logger) summary(s *Summary) {
	for _, w := range s.Warnings {
		l.Warn(w)
	}
	short := *s
	short.Results = nil
	l.object(slog.LevelInfo, "summary", &short, "results")
}

// object logs a line with the members of v's JSON, but for those left out, in
// the order of their names.
func (l logger) object(level slog.Level, message string, v any, without ...string) {
	text, err := json.Marshal(v)
	var members map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(text, &members)
	}
	if err != nil {
		l.Error("a log line could not be written", "line", message, "error", err.Error())
		return
	}
	var attrs []slog.Attr
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(without, name) {
			attrs = append(attrs, slog.Any(name, members[name]))
		}
	}
	l.LogAttrs(context.Background(), level, message, attrs...)
}
