package monitor

import (
	"context"
	"encoding/hex"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/history"
	"rollcall/internal/maintenance"
	"rollcall/internal/metric"
	"rollcall/internal/remember"
)

// An Incident of a summary is one that is open after the run.
type Incident struct {
	ID     string        `json:"id"`
	Target string        `json:"target,omitzero"` // one about a certificate has none
	Title  string        `json:"title,omitzero"`
	Group  string        `json:"group"`
	State  history.State `json:"state"`
	Reason string        `json:"reason,omitzero"`
	Detail string        `json:"detail,omitzero"`
	Since  time.Time     `json:"since"`
	Runs   int           `json:"runs"`
	Told   bool          `json:"told"` // a topic has accepted a message of this state
}

const (
	maxIncidents     = 100
	maxIncidentBytes = 250_000          // of their JSON
	longestMemory    = 10 * time.Second // of a run without a deadline
	heartbeatTime    = 2 * time.Second
)

// underMaintenance returns for each group of the plan whether maintenance is planned
// for the run's minute.
func (r *run) underMaintenance() map[string]bool {
	_, all := maintenance.At(append(r.plan.Maintenance[:len(r.plan.Maintenance):len(r.plan.Maintenance)], r.monitor.Maintenance...), r.at)
	quiet := map[string]bool{}
	for i := range r.plan.Targets {
		name := r.plan.Targets[i].Group
		if _, known := quiet[name]; !known {
			_, own := maintenance.At(r.plan.Groups[name].Maintenance, r.at)
			quiet[name] = all || own
		}
	}
	return quiet
}

// remember remembers the run and tells of it, in half of the time that is left: the
// metrics of the run itself come after. It is nil for a run that is not remembered.
func (r *run) remember(ctx context.Context, known func() *history.Run) *metric.Memory {
	m, s := r.monitor, r.summary
	if m.Remember == nil || !r.plan.History {
		return nil
	}
	limit := longestMemory
	if !r.budget.publishEnd.IsZero() {
		limit = min(limit, time.Until(r.budget.publishEnd)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out := m.Remember(ctx, remember.Run{Run: known(), ID: s.Run, Log: r.log})
	const most = 3
	for _, p := range out.Problems[:min(most, len(out.Problems))] {
		s.Warnings = append(s.Warnings, shortened(p))
	}
	if out.Written || out.Incidents != nil {
		s.takeIncidents(out.Incidents)
	}
	r.remembered = out.Written && out.Untold == 0
	return &metric.Memory{Failed: !out.Written, Untold: out.Untold, Lost: out.Lost}
}

// known is the run as the history knows it.
func (r *run) known(quiet map[string]bool) *history.Run {
	m, s := r.monitor, r.summary
	h := &history.Run{
		Minute: r.at, Interval: m.Interval, Blind: s.VantageUnhealthy, Fresh: len(r.plan.Failures) == 0, Limit: m.Limit,
		Alert: alertOf(&m.Alert), Certificate: m.Certificate, Targets: make([]history.Target, len(s.Results)), Titles: map[string]string{},
	}
	for name, g := range r.plan.Groups {
		if g.Title != "" {
			h.Titles[name] = g.Title
		}
	}
	for i := range s.Results {
		res, t := &s.Results[i], &r.plan.Targets[i]
		k := history.Target{
			Name: res.Name, Title: res.Title, Group: res.Group, URL: res.URL, Link: res.Link,
			State: history.State(res.State.String()), Reason: res.Reason.String(), Detail: res.Detail,
			Maintenance: quiet[res.Group],
		}
		switch {
		case t.Alert != nil:
			k.Alert = alertOf(t.Alert)
		case r.plan.Groups[t.Group].Alert != nil:
			k.Alert = alertOf(r.plan.Groups[t.Group].Alert)
		}
		if res.Complete {
			k.Duration = res.Duration
		}
		if res.Phases.FirstByte != check.Absent {
			k.FirstByte = res.Phases.FirstByte
		}
		// Of 100,000 targets fingerprints in hex are 6 MB: only what is reported, or failed, needs one.
		if c := res.Certificate; c != nil && (c.DaysLeft < float64(m.Certificate) || res.State != check.Up) {
			k.Fingerprint, k.Subject, k.NotAfter, k.DaysLeft = hex.EncodeToString(c.Fingerprint[:]), c.Subject, c.NotAfter, c.DaysLeft
		}
		h.Targets[i] = k
	}
	return h
}

func alertOf(a *check.Alert) history.Alert {
	return history.Alert{Runs: a.Runs, Window: a.Window, Remind: a.Remind, Off: a.Off}
}

// takeIncidents puts what is open into the summary, as much of it as there is room for.
func (s *Summary) takeIncidents(open []history.Incident) {
	s.Incidents = []Incident{}
	room := maxIncidentBytes
	if s.countsOnly {
		room = maxIncidentBytes / 4
	}
	for i := range open {
		inc := &open[i]
		room -= 6*(len(inc.Target)+len(inc.Title)+len(inc.Group)+len(inc.Detail)) + 300 // JSON makes up to six bytes of one
		if len(s.Incidents) == maxIncidents || room < 0 {
			s.IncidentsTruncated = true
			return
		}
		s.Incidents = append(s.Incidents, Incident{
			ID: inc.ID, Target: inc.Target, Title: inc.Title, Group: inc.Group, State: inc.State, Reason: inc.Reason, Detail: inc.Detail,
			Since: inc.Since, Runs: inc.Runs, Told: inc.Told == inc.State,
		})
	}
}

// beat calls the heartbeat's URL after a run of the schedule with which all is well:
// it is complete, remembered, and nobody waits to be told of anything.
func (r *run) beat(ctx context.Context) {
	m, s := r.monitor, r.summary
	if m.Heartbeat == nil || !r.plan.History || m.Remember != nil && !r.remembered || s.VantageUnhealthy || s.Published.Lost > 0 || r.missing > 0 || ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, heartbeatTime)
	defer cancel()
	if err := m.Heartbeat(ctx); err != nil {
		s.Warnings = append(s.Warnings, shortened("the heartbeat was not accepted: "+err.Error()))
	}
}
