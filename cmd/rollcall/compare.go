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
	"rollcall/internal/monitor"
	"rollcall/internal/plan"
	"rollcall/internal/report"
)

// compareCommand is rollcall compare.
type compareCommand struct {
	selection
	effort
}

// Run checks the same list twice, and says how long each way took.
func (c *compareCommand) Run(ctx context.Context, sys system) error {
	settings, err := c.configure(sys)
	if err != nil {
		return err
	}
	settings.Reserve = 0
	p := newProgress(sys)
	m, done := newMonitor(settings, sys, p)
	done() // each side has its own
	targets, err := c.plan(ctx, sys, m.Inputs)
	if err != nil {
		return unplanned(ctx, err)
	}
	if len(targets.Targets) == 0 {
		return wrongUsage("%s", strings.Join(targets.Warnings, "; "))
	}
	targets = unconfirmed(targets)
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	way := side{settings, targets, p, sys}
	comparison := &report.Comparison{Cores: runtime.GOMAXPROCS(0), Names: newResolver(settings).Pace()}
	slow := way
	slow.settings.InFlight = 1
	var least time.Duration
	comparison.OneByOne, _, least = slow.run(ctx)
	if err := ended(ctx, "one after the other", comparison.OneByOne); err != nil {
		return err
	}
	comparison.AtOnce, comparison.InFlight, comparison.CPU = way.run(ctx)
	comparison.CPU = min(comparison.CPU, least) // the rest is what begins once
	if err := ended(ctx, "all at once", comparison.AtOnce); err != nil {
		return err
	}
	if err := unwritten(comparison.Write(sys.out)); err != nil {
		return err
	}
	return verdict(ctx, comparison.AtOnce, nil)
}

// ended says that a side has come to its end too early to be compared.
func ended(ctx context.Context, how string, s *monitor.Summary) error {
	cut := slices.ContainsFunc(s.Results, func(r check.Result) bool { return r.Reason == check.Deadline || r.Reason == check.Unstarted })
	if !cut && ctx.Err() == nil {
		return nil
	}
	e := &exitError{exitUnhealthy, "the deadline came"}
	if errors.Is(ctx.Err(), context.Canceled) {
		e = &exitError{exitInterrupted, "interrupted"}
	}
	e.text += fmt.Sprintf(" %s, at %d of %d: there is nothing to compare", how, s.Targets-s.NotChecked, s.Targets)
	return e
}

// unconfirmed is a plan that looks at each target once: a confirmation waits
// for three seconds, and neither way is the faster for that.
func unconfirmed(p *plan.Plan) *plan.Plan {
	once := *p
	once.Targets = append([]check.Target(nil), p.Targets...)
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
