package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"syscall"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"rollcall/internal/cloud"
	"rollcall/internal/config"
	"rollcall/internal/monitor"
	"rollcall/internal/page"
	"rollcall/internal/plan"
	"rollcall/internal/publish"
	"rollcall/internal/report"
)

// checkCommand is rollcall check.
type checkCommand struct {
	sources
	Format  string        `short:"f" enum:"table,json,html,markdown,junit" default:"table" help:"Output format: ${enum}."`
	Output  string        `short:"o" placeholder:"FILE" help:"Write the result to this file instead of standard output."`
	Watch   time.Duration `short:"w" placeholder:"INTERVAL" help:"Repeat every INTERVAL, e.g. 30s, and print changes, until Ctrl-C."`
	Publish bool          `help:"Publish the metrics to CloudWatch too, except run-level metrics."`
	limits
}

// Run checks and reports. Its error is an *exitError, or one of wrong usage.
func (c *checkCommand) Run(ctx context.Context, sys system) error {
	settings, err := c.config(sys)
	if err != nil {
		return err
	}
	p, err := c.plan(ctx, sys, settings)
	if err != nil {
		return err
	}
	progress := newProgress(sys)
	m, done := newMonitor(settings, sys, progress)
	defer done()
	if c.Publish {
		aws, err := awsconfig.LoadDefaultConfig(ctx)
		if err != nil {
			return &exitError{exitUnhealthy, fmt.Sprintf("setting up AWS: %v", err)}
		}
		// A terminal has no log that CloudWatch reads: there is no EMF fallback.
		publisher := publish.Publisher{Client: cloud.CloudWatch(aws, settings.CloudWatch), Namespace: settings.Namespace, Log: m.Sweeper.Log}
		m.Publish = func(ctx context.Context, _ *slog.Logger) monitor.Session { return publisher.Begin(ctx) }
	}
	out, err := openOutput(c.Output, sys)
	if errors.Is(err, errClosed) {
		return writeError(err)
	}
	if err != nil {
		return wrongUsage("--output: %v", err)
	}
	runner := checkRunner{command: c, monitor: m, plan: p, progress: progress, out: out, sys: sys}
	err = runner.run(ctx)
	return cmp.Or(writeError(out.Close()), err)
}

// config is the configuration, with check's own flags verified.
func (c *checkCommand) config(sys system) (config.Config, error) {
	settings, err := c.limits.config(sys)
	if err != nil {
		return settings, err
	}
	if c.Watch < 0 || c.Watch > 0 && c.Watch < leastWatch {
		return settings, wrongUsage("--watch %s is too short: the minimum is %s", c.Watch, leastWatch)
	}
	if c.Watch > 0 && c.Output == "" && c.Format != "table" && c.Format != "json" {
		return settings, wrongUsage("--watch with --format %s needs --output FILE: each round replaces the file", c.Format)
	}
	if !c.Publish {
		settings.Reserve = 0
	}
	return settings, nil
}

// A checkRunner checks a plan, once or many times, and shows the results.
type checkRunner struct {
	command  *checkCommand
	monitor  *monitor.Monitor
	plan     *plan.Plan
	progress *progress
	out      *output
	sys      system

	changes []string // the last ones of a watch
}

// run checks once, or again and again. Its error is an *exitError with the
// program's exit code.
func (r *checkRunner) run(ctx context.Context) error {
	summary, lost := r.check(ctx)
	if r.command.Watch > 0 && ctx.Err() == nil && summary.Targets > 0 {
		return r.watch(ctx, summary, lost)
	}
	if err := writeError(r.out.write(func(w io.Writer) error { return r.show(w, summary) })); err != nil {
		return err
	}
	return exitCode(ctx, summary, lost)
}

// check checks everything once. lost is why metrics were not published.
func (r *checkRunner) check(ctx context.Context) (summary *monitor.Summary, lost error) {
	ctx, cancel := r.command.withDeadline(ctx)
	defer cancel()
	r.plan = r.plan.Resolved(ctx) // in a watch, values of references may be new
	stop := r.progress.follow(r.monitor, r.plan)
	summary, lost = r.monitor.RunPlan(ctx, "", r.plan)
	stop()
	for _, warning := range summary.Warnings {
		fmt.Fprintln(r.sys.err, "rollcall:", report.Plain(warning))
	}
	return summary, lost
}

// show writes the summary in the format that was asked for.
func (r *checkRunner) show(w io.Writer, s *monitor.Summary) error {
	switch r.command.Format {
	case "json":
		return report.JSON(w, s)
	case "markdown":
		return report.Markdown(w, s)
	case "junit":
		return report.JUnit(w, s)
	case "html":
		return page.Write(w, s)
	}
	return report.Table(w, s, r.out.look)
}

// exitCode is the error with the exit code: the first reason that applies
// counts.
func exitCode(ctx context.Context, s *monitor.Summary, lost error) error {
	switch {
	case ctx.Err() != nil:
		return &exitError{exitInterrupted, "interrupted: unfinished targets were not checked"}
	case s.Targets == 0 && !s.Stale:
		return &exitError{code: exitUsage}
	case s.Down > 0 && !s.VantageUnhealthy:
		return &exitError{code: exitDown}
	case lost != nil:
		return &exitError{exitUnhealthy, lost.Error()}
	case s.NotChecked > 0 || !s.Healthy:
		return &exitError{code: exitUnhealthy}
	}
	return nil
}

// writeError is the error of a result that could not be written. A reader may
// close the pipe.
func writeError(err error) error {
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return &exitError{exitUnhealthy, fmt.Sprintf("writing the result: %v", err)}
}
