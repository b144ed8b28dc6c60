package main

import (
	"context"
	"time"

	"rollcall/internal/config"
	"rollcall/internal/monitor"
	"rollcall/internal/plan"
)

// A side is one way of checking a list.
type side struct {
	settings config.Config
	plan     *plan.Plan
	progress *progress
	system
}

// run checks with a prober and a resolver that remember nothing of the other
// side. cpu is what a check took of the processor; 0 where that can't be told.
func (s side) run(ctx context.Context) (summary *monitor.Summary, inFlight int, cpu time.Duration) {
	m, done := newMonitor(s.settings, s.system, s.progress)
	defer done()
	m.Sweeper.Canary = nil // what is compared is time, not whom to blame
	stop := s.progress.follow(m, s.plan)
	before := processorTime()
	summary, _ = m.RunPlan(ctx, "", s.plan)
	took := processorTime() - before
	stop()
	return summary, m.Sweeper.InFlight, took / time.Duration(max(summary.Targets, 1))
}
