package monitor

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

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

// A troubled knows which targets were not up in the run before, by name, as far as
// this process made it.
type troubled struct {
	mu    sync.Mutex
	names map[string]bool
}

// logTargets writes a line "target" for each target that is not up, and for each
// that is again: the newest line of a target is what it is now.
func (m *Monitor) logTargets(log *slog.Logger, results []check.Result) {
	m.troubled.mu.Lock()
	defer m.troubled.mu.Unlock()
	before := m.troubled.names
	m.troubled.names = map[string]bool{}
	failed := 0
	for i := range results {
		r := &results[i]
		if r.State == check.Up {
			if before[r.Name] {
				logMembers(log, slog.LevelInfo, "target", r)
			}
			continue
		}
		m.troubled.names[r.Name] = true
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

// loggedCertificates is how many certificates are listed, once an hour.
const loggedCertificates = 10

// logCertificates writes a line "certificate" for those that expire first, of
// different certificates, in the first run of an hour.
func logCertificates(log *slog.Logger, results []check.Result, scheduled time.Time, interval time.Duration) {
	if scheduled.Sub(scheduled.Truncate(time.Hour)) >= max(interval, time.Minute) {
		return
	}
	var first []*check.Result
	for i := range results {
		if results[i].Certificate != nil {
			first = append(first, &results[i])
		}
	}
	slices.SortStableFunc(first, func(a, b *check.Result) int {
		return cmp.Compare(a.Certificate.DaysLeft, b.Certificate.DaysLeft)
	})
	listed := map[[32]byte]bool{}
	for _, r := range first {
		if c := r.Certificate; !listed[c.Fingerprint] && len(listed) < loggedCertificates {
			listed[c.Fingerprint] = true
			log.Info("certificate", "name", r.Name, "group", r.Group, "daysLeft", c.DaysLeft, "notAfter", c.NotAfter, "subject", c.Subject)
		}
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
