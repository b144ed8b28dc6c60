package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/config"
	"rollcall/internal/monitor"
	"rollcall/internal/plan"
	"rollcall/internal/report"
	"rollcall/internal/text"
)

// compareCommand is rollcall compare.
type compareCommand struct {
	sources
	limits
}

// Run checks the same targets twice, and compares the times.
func (c *compareCommand) Run(ctx context.Context, sys system) error {
	settings, err := c.config(sys)
	if err != nil {
		return err
	}
	settings.Reserve = 0
	p, err := c.plan(ctx, sys, settings)
	if err != nil {
		return err
	}
	if len(p.Targets) == 0 {
		return wrongUsage("%s", strings.Join(p.Warnings, "; "))
	}
	if len(p.Targets) == 1 {
		return wrongUsage("one target takes as long either way: name two or more to compare")
	}
	warnOfProxy(sys)
	p = withoutRetries(p)
	ctx, cancel := c.withDeadline(ctx)
	defer cancel()
	c.fit(&settings, sys, len(p.Targets))
	progress := newProgress(sys)
	comparison := &report.Comparison{Look: sys.look(sys.out), Cores: runtime.GOMAXPROCS(0), Names: newResolver(settings).Pace()}

	// What begins once in a process, and what resolvers and servers remember of
	// a first visit, is then in neither side's time.
	warm, _, _ := runMode(ctx, settings, p, progress, sys)
	if err := incomplete(ctx, "before the comparison", warm); err != nil {
		return err
	}
	if !slices.ContainsFunc(warm.Results, func(r check.Result) bool { return r.Status != 0 }) {
		return wrongUsage("none of %s responded, so there is nothing to compare: rollcall check says why", text.Plural(warm.Targets, "target"))
	}
	oneByOne := settings
	oneByOne.InFlight = 1
	var cpu time.Duration
	comparison.OneByOne, _, cpu = runMode(ctx, oneByOne, p, progress, sys)
	if err := incomplete(ctx, "one after the other", comparison.OneByOne); err != nil {
		return err
	}
	comparison.AtOnce, comparison.InFlight, comparison.CPU = runMode(ctx, settings, p, progress, sys)
	comparison.CPU = min(comparison.CPU, cpu) // the rest are fixed costs
	if err := incomplete(ctx, "all at once", comparison.AtOnce); err != nil {
		return err
	}
	if err := writeError(comparison.Write(sys.out)); err != nil {
		return err
	}
	return exitCode(ctx, comparison.AtOnce, nil)
}

// runMode checks with a prober and a resolver that remember nothing of the
// other mode. cpu is the processor time of a check; 0: unknown.
func runMode(ctx context.Context, settings config.Config, p *plan.Plan, progress *progress, sys system) (s *monitor.Summary, inFlight int, cpu time.Duration) {
	m, done := newMonitor(settings, sys, progress, false)
	defer done()
	m.Sweeper.Canary = nil // it would cost time in one mode only
	stop := progress.follow(m, p)
	before := cpuTime()
	s, _ = m.RunPlan(ctx, "", p)
	cpu = (cpuTime() - before) / time.Duration(max(s.Targets, 1))
	stop()
	return s, m.Sweeper.InFlight, cpu
}

// incomplete is the error of a run that ended too early to be compared.
func incomplete(ctx context.Context, mode string, s *monitor.Summary) error {
	cut := slices.ContainsFunc(s.Results, func(r check.Result) bool { return r.Reason == check.Deadline || r.Reason == check.Unstarted })
	if !cut && ctx.Err() == nil {
		return nil
	}
	code, why := exitUnhealthy, "deadline exceeded"
	if errors.Is(ctx.Err(), context.Canceled) {
		code, why = exitInterrupted, "interrupted"
	}
	return &exitError{code, fmt.Sprintf("%s while checking %s, %d of %d done: nothing to compare", why, mode, s.Targets-s.NotChecked, s.Targets)}
}

// withoutRetries is a plan that checks each target once: a confirmation waits
// three seconds, in either mode.
func withoutRetries(p *plan.Plan) *plan.Plan {
	once := *p
	once.Targets = slices.Clone(p.Targets)
	changed := map[*check.Settings]*check.Settings{} // many targets share one
	for i := range once.Targets {
		t := &once.Targets[i]
		if changed[t.Settings] == nil {
			s := *t.Settings
			s.Retries = 0
			changed[t.Settings] = &s
		}
		t.Settings = changed[t.Settings]
	}
	return &once
}
