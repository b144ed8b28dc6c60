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
	selection
	Format  string        `short:"f" enum:"table,json,html,markdown,junit" default:"table" help:"How to show the result: ${enum}."`
	Output  string        `short:"o" placeholder:"FILE" help:"Write the result there instead of to standard output."`
	Watch   time.Duration `short:"w" placeholder:"D" help:"Check again every so often, e.g. 30s, and show what has changed, until Ctrl-C."`
	Publish bool          `help:"Publish the metrics to CloudWatch too, but for those of the run itself."`
	effort
}

// Run checks and reports. Its error is an *exitError, or says what was wrong
// with the usage.
func (c *checkCommand) Run(ctx context.Context, sys system) error {
	settings, err := c.settings(sys)
	if err != nil {
		return err
	}
	p := newProgress(sys)
	m, done := newMonitor(settings, sys, p)
	defer done()
	targets, err := c.plan(ctx, sys, m.Inputs)
	if err != nil {
		return unplanned(ctx, err)
	}
	if c.Publish {
		if err := c.publishTo(ctx, m, settings); err != nil {
			return err
		}
	}
	s, err := c.open(sys)
	if err != nil {
		return wrongUsage("--output: %v", err)
	}
	err = c.rounds(ctx, round{m, targets, p, s, sys})
	return cmp.Or(unwritten(s.Close()), err)
}

// settings are those of the engine, with what check's own flags say.
func (c *checkCommand) settings(sys system) (config.Config, error) {
	settings, err := c.configure(sys)
	if err != nil {
		return settings, err
	}
	if c.Watch < 0 || c.Watch > 0 && c.Watch < leastWatch {
		return settings, wrongUsage("--watch %s is too short: sites are others' machines, %s is the least", c.Watch, leastWatch)
	}
	if c.Watch > 0 && c.Output == "" && c.Format != "table" && c.Format != "json" {
		return settings, wrongUsage("--watch with --format %s needs --output FILE: each round writes the file anew", c.Format)
	}
	if !c.Publish {
		settings.Reserve = 0
	}
	return settings, nil
}

// A round is what the runs of a check, one or many, have in common.
type round struct {
	monitor  *monitor.Monitor
	plan     *plan.Plan
	progress *progress
	sink     *sink
	system
}

// run checks everything once.
func (c *checkCommand) run(ctx context.Context, r round) (*monitor.Summary, error) {
	bounded, cancel := c.bounded(ctx)
	defer cancel()
	stop := r.progress.follow(r.monitor, r.plan)
	summary, lost := r.monitor.RunPlan(bounded, "", r.plan)
	stop()
	for _, warning := range summary.Warnings {
		fmt.Fprintln(r.err, "rollcall:", report.Plain(warning))
	}
	return summary, lost
}

// rounds checks once, or again and again, and says by its error how to exit.
func (c *checkCommand) rounds(ctx context.Context, r round) error {
	summary, lost := c.run(ctx, r)
	if c.Watch > 0 && ctx.Err() == nil && summary.Targets > 0 {
		return c.watch(ctx, r, summary, lost)
	}
	if err := unwritten(r.sink.write(func(w io.Writer) error { return c.show(w, summary, r.sink.look) })); err != nil {
		return err
	}
	return verdict(ctx, summary, lost)
}

// unwritten says that the result could not be written. A reader who has gone
// has seen enough: that is nobody's fault.
func unwritten(err error) error {
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return &exitError{exitUnhealthy, fmt.Sprintf("writing the result: %v", err)}
}

// verdict is the exit code: the first reason that applies counts.
func verdict(ctx context.Context, s *monitor.Summary, lost error) error {
	switch {
	case ctx.Err() != nil:
		return &exitError{exitInterrupted, "interrupted: what had not ended was not checked"}
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

// publishTo lets m publish. A terminal has no log that CloudWatch reads, so
// what CloudWatch does not take is lost.
func (c *checkCommand) publishTo(ctx context.Context, m *monitor.Monitor, settings config.Config) error {
	aws, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return &exitError{exitUnhealthy, fmt.Sprintf("setting up AWS: %v", err)}
	}
	publisher := publish.Publisher{
		Client: cloud.CloudWatch(aws, settings.CloudWatch), Namespace: settings.Namespace, Log: m.Sweeper.Log,
	}
	m.Publish = func(ctx context.Context, _ *slog.Logger) monitor.Session { return publisher.Begin(ctx) }
	return nil
}

// show writes the summary in the format that was asked for.
func (c *checkCommand) show(out io.Writer, s *monitor.Summary, l report.Look) error {
	switch c.Format {
	case "json":
		return report.JSON(out, s)
	case "markdown":
		return report.Markdown(out, s)
	case "junit":
		return report.JUnit(out, s)
	case "html":
		return page.Write(out, s)
	}
	return report.Table(out, s, l)
}
