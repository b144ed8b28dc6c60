package monitor

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"

	"rollcall/internal/check"
)

// logger returns the log of one run, whose lines bear its id.
func (m *Monitor) logger(id string) *slog.Logger {
	switch {
	case m.Log == nil:
		return slog.New(slog.DiscardHandler)
	case id == "":
		return m.Log
	}
	return m.Log.With("requestId", id)
}

// loggedTargets limits the log: a line costs money, and nobody reads a list of
// a hundred thousand names.
const loggedTargets = 1000

// logTargets writes a line "target" for each target that is not up.
func logTargets(log *slog.Logger, results []check.Result) {
	failed := 0
	for i := range results {
		r := &results[i]
		if r.State == check.Up {
			continue
		}
		if failed++; failed > loggedTargets {
			continue
		}
		level := slog.LevelWarn
		if r.State == check.Down {
			level = slog.LevelError
		}
		logMembers(log, level, "target", r)
	}
	if failed > loggedTargets {
		log.Warn("more targets are not up than are listed", "more", failed-loggedTargets)
	}
}

// logSummary writes the warnings, then a line "summary" with all of the summary
// except its results and incidents.
func logSummary(log *slog.Logger, s *Summary) {
	for _, w := range s.Warnings {
		log.Warn(w)
	}
	head := *s
	head.Results, head.encoded, head.Incidents, head.IncidentsTruncated = nil, nil, nil, false
	logMembers(log, slog.LevelInfo, "summary", &head)
}

// logMembers writes a line with the members of v's JSON object, except
// "results", in the order of their names.
func logMembers(log *slog.Logger, level slog.Level, message string, v any) {
	text, err := json.Marshal(v)
	var members map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(text, &members)
	}
	if err != nil {
		log.Error("a log line can't be encoded", "line", message, "error", err.Error())
		return
	}
	delete(members, "results")
	var attrs []slog.Attr
	for _, name := range slices.Sorted(maps.Keys(members)) {
		attrs = append(attrs, slog.Any(name, members[name]))
	}
	log.LogAttrs(context.Background(), level, message, attrs...)
}
