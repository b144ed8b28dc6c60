package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"rollcall/internal/check"
	"rollcall/internal/config"
	"rollcall/internal/monitor"
	"rollcall/internal/page"
	"rollcall/internal/plan"
	"rollcall/internal/publish"
	"rollcall/internal/report"
	"rollcall/internal/text"
)

// checkCommand is rollcall check.
type checkCommand struct {
	sources
	Format  string `short:"f" enum:"auto,table,json,html,markdown,md,junit,details" default:"auto" help:"Output format: ${enum}. auto is by the ending of FILE, else a table, or details for one URL."`
	JSON    bool   `name:"json" help:"The same as --format json."`
	Output  string `short:"o" placeholder:"FILE" help:"Write the result to this file instead of standard output."`
	Watch   span   `short:"w" placeholder:"INTERVAL" help:"Repeat every INTERVAL, e.g. 30s, and print changes, until Ctrl-C."`
	Publish bool   `help:"Publish the metrics to CloudWatch too, except run-level metrics."`
	notifyFlags
	partFlags
	limits
}

// Run checks and reports. Its error is an *exitError, or one of wrong usage.
func (c *checkCommand) Run(ctx context.Context, sys system, line commandLine, k *kong.Kong) error {
	if line.bare && len(c.URLs) > 0 && isCommand(k.Model, c.URLs[0]) {
		return wrongUsage("the command comes first: rollcall %s … (a host of that name is checked by: rollcall check %[1]s)", c.URLs[0])
	}
	settings, err := c.config(sys)
	if err != nil {
		return err
	}
	var p *plan.Plan
	if c.Part == "" {
		p, err = c.plan(ctx, sys, settings)
	} else {
		p, err = c.partPlan(ctx, sys, settings)
	}
	if err != nil {
		return err
	}
	warnOfProxy(sys)
	toTerminal := c.Output == "" && sys.look(sys.out).Width > 0
	if c.Format == auto && len(p.Targets) == 1 && c.Watch == 0 && (toTerminal || line.bare && c.Output == "") {
		c.Format = "details"
	}
	c.fit(&settings, sys, len(p.Targets))
	progress := newProgress(sys)
	m, done := newMonitor(settings, sys, progress, c.Format == "details")
	defer done()
	var unpublished error
	if c.Publish {
		if m.Publish, unpublished = publishing(ctx, settings); unpublished != nil && ctx.Err() == nil {
			fmt.Fprintln(sys.err, "rollcall: no metrics will be published:", text.Inert(unpublished.Error()))
		}
	}
	forget, err := c.remember(ctx, m, p, settings, sys, time.Duration(c.Watch), progress)
	if err != nil {
		return err
	}
	defer forget()
	out, err := openOutput(c.Output, sys)
	if errors.Is(err, errClosed) {
		return writeError(err)
	}
	if err != nil {
		return wrongUsage("--output: %v", err)
	}
	runner := checkRunner{command: c, monitor: m, plan: p, progress: progress, out: out, sys: sys, unpublished: unpublished}
	err = runner.run(ctx)
	return cmp.Or(writeError(out.Close()), err)
}

// auto is the format that depends on where the result goes.
const auto = "auto"

// config is the configuration, with check's own flags verified, and Format
// resolved as far as the flags go.
func (c *checkCommand) config(sys system) (config.Config, error) {
	settings, err := c.limits.config(sys)
	if err != nil {
		return settings, err
	}
	switch {
	case c.JSON && c.Format != auto && c.Format != "json":
		return settings, wrongUsage("--json and --format %s contradict each other", c.Format)
	case c.JSON:
		c.Format = "json"
	case c.Format == "md":
		c.Format = "markdown"
	case c.Format == auto:
		endings := map[string]string{".json": "json", ".html": "html", ".htm": "html", ".md": "markdown", ".markdown": "markdown", ".xml": "junit"}
		c.Format = cmp.Or(endings[strings.ToLower(filepath.Ext(c.Output))], auto)
	}
	if c.Watch < 0 || c.Watch > 0 && time.Duration(c.Watch) < leastWatch {
		return settings, wrongUsage("--watch %s is too short: the minimum is %s", c.Watch, leastWatch)
	}
	if c.Watch > 0 && c.Output == "" && !slices.Contains([]string{auto, "table", "json"}, c.Format) {
		return settings, wrongUsage("--watch with --format %s needs --output FILE: each round replaces the file", c.Format)
	}
	if c.Format == "html" && c.Output == "" && sys.look(sys.out).Width > 0 {
		return settings, wrongUsage("a page is not for a terminal: name a file, for example --output page.html")
	}
	if !c.Publish {
		settings.Reserve = 0
	}
	if err := c.checkNotify(c.Watch); err != nil {
		return settings, err
	}
	return settings, c.checkPart()
}

// publishing returns what begins the session of a run that publishes to
// CloudWatch, or why none can.
func publishing(ctx context.Context, settings config.Config) (func(context.Context, *slog.Logger) monitor.Session, error) {
	aws, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithLogger(logging.Nop{}))
	if err != nil {
		return nil, err
	}
	if _, err = aws.Credentials.Retrieve(ctx); err != nil {
		return nil, errors.New("there are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	if aws.Region == "" {
		return nil, errors.New("there is no AWS Region: set AWS_REGION")
	}
	// A terminal has no log that CloudWatch reads: there is no EMF fallback. What
	// the session's log would say, its error says at the end.
	publisher := publish.Publisher{Client: publish.NewClient(aws, settings.CloudWatch), Namespace: settings.Namespace, Log: slog.New(slog.DiscardHandler)}
	return func(ctx context.Context, _ *slog.Logger) monitor.Session { return publisher.Begin(ctx) }, nil
}

// warnOfProxy says that the variables that other programs send requests through a
// proxy by have no effect.
func warnOfProxy(sys system) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		if value, _ := sys.lookup(name); value != "" {
			fmt.Fprintf(sys.err, "rollcall: %s has no effect: targets are checked directly\n", name)
			return
		}
	}
}

// A checkRunner checks a plan, once or many times, and shows the results.
type checkRunner struct {
	command  *checkCommand
	monitor  *monitor.Monitor
	plan     *plan.Plan
	progress *progress
	out      *output
	sys      system

	unpublished error    // why no metrics are published although they should be; it was reported
	changes     []string // the last ones of a watch
}

// run checks once, or again and again. Its error is an *exitError with the
// program's exit code.
func (r *checkRunner) run(ctx context.Context) error {
	summary, lost := r.check(ctx)
	if r.command.Watch > 0 && ctx.Err() == nil && summary.Targets > 0 {
		return r.watch(ctx, r.command.shown(summary))
	}
	if r.command.Part != "" {
		if err := r.command.writeTally(summary, r.plan); err != nil {
			return &exitError{exitUnhealthy, fmt.Sprintf("writing the tally: %v", err)}
		}
	}
	summary = r.command.shown(summary)
	if err := writeError(r.out.write(func(w io.Writer) error { return r.show(w, summary) })); err != nil {
		return err
	}
	r.noteAssumed(summary)
	r.noteFile(func(w io.Writer) error { return report.Digest(w, summary, report.Look{}) })
	if r.command.Part != "" && summary.Targets == 0 && ctx.Err() == nil {
		return nil // a list may have fewer targets than parts
	}
	return exitCode(ctx, summary, lost)
}

// noteAssumed says that http:// may be meant, where https:// was assumed and the
// server does not speak TLS.
func (r *checkRunner) noteAssumed(s *monitor.Summary) {
	i := slices.IndexFunc(s.Results, func(r check.Result) bool { return r.Reason == check.TLSNotSpoken })
	if r.command.assumed && i >= 0 {
		fmt.Fprintf(r.sys.err, "rollcall: https:// was assumed; you may mean http%s\n", report.Plain(strings.TrimPrefix(s.Results[i].URL, "https")))
	}
}

// noteFile says on standard error what was written to the file, if there is one.
func (r *checkRunner) noteFile(digest func(io.Writer) error) {
	var b bytes.Buffer
	if r.out.file == nil || digest(&b) != nil {
		return
	}
	fmt.Fprintf(r.sys.err, "%s. Written: %s\n", bytes.TrimSpace(b.Bytes()), r.command.Output)
}

// check checks everything once. lost is why metrics were not published; it has
// been reported.
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
	if lost != nil {
		fmt.Fprintln(r.sys.err, "rollcall:", report.Plain(lost.Error()))
	} else if n := summary.Published.Lost; n > 0 {
		fmt.Fprintf(r.sys.err, "rollcall: CloudWatch refused %s as invalid\n", text.Plural(n, "metric"))
	}
	return summary, cmp.Or(lost, r.unpublished)
}

// shown is a summary in the format that was asked for. Of a run without a network, what
// programs read as down is not checked for people.
func (c *checkCommand) shown(s *monitor.Summary) *monitor.Summary {
	if !s.VantageUnhealthy || c.Format != "table" && c.Format != "details" && c.Format != auto {
		return s
	}
	unknown := *s
	unknown.Results = slices.Clone(s.Results)
	for i := range unknown.Results {
		if r := &unknown.Results[i]; r.State == check.Down {
			r.State = check.NotChecked
		}
	}
	unknown.NotChecked, unknown.Down = s.NotChecked+s.Down, 0
	return &unknown
}

// show writes the summary in the format that was asked for.
func (r *checkRunner) show(w io.Writer, s *monitor.Summary) error {
	switch r.command.Format {
	case "json":
		if r.out.look.Width > 0 {
			return indented(w, s)
		}
		return report.JSON(w, s)
	case "details":
		return report.Details(w, s, r.out.look)
	case "markdown":
		return report.Markdown(w, s)
	case "junit":
		return report.JUnit(w, s)
	case "html":
		return page.Write(w, s)
	}
	return report.Table(w, s, r.out.look)
}

// indented writes the summary's JSON for people.
func indented(w io.Writer, s *monitor.Summary) error {
	var line, lines bytes.Buffer
	if err := report.JSON(&line, s); err != nil {
		return err
	}
	if err := json.Indent(&lines, line.Bytes(), "", "  "); err != nil {
		return err
	}
	_, err := lines.WriteTo(w)
	return err
}

// exitCode is the error with the exit code: the first reason that applies
// counts.
func exitCode(ctx context.Context, s *monitor.Summary, lost error) error {
	switch {
	case ctx.Err() != nil && s.NotChecked == 0: // after the checks
		return &exitError{exitInterrupted, "interrupted"}
	case ctx.Err() != nil:
		return &exitError{exitInterrupted, "interrupted: unfinished targets were not checked"}
	case s.Targets == 0 && !s.Stale:
		return &exitError{code: exitUsage}
	case s.Down > 0 && !s.VantageUnhealthy:
		return &exitError{code: exitDown}
	case lost != nil:
		return &exitError{code: exitUnhealthy}
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
