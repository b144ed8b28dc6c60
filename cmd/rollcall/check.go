package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"rollcall/internal/monitor"
	"rollcall/internal/page"
	"rollcall/internal/plan"
	"rollcall/internal/probe"
	"rollcall/internal/publish"
	"rollcall/internal/report"
	"rollcall/internal/resolve"
)

// checkCommand is rollcall check.
type checkCommand struct {
	URLs     []string      `arg:"" optional:"" name:"url" help:"URLs to check; - reads an event, or one URL a line, from standard input."`
	Event    string        `short:"e" placeholder:"FILE" help:"Check what this event names; - is standard input."`
	Format   string        `short:"f" enum:"table,json,html,markdown,junit" default:"table" help:"How to show the result: ${enum}."`
	Output   string        `short:"o" placeholder:"FILE" help:"Write the result there instead of to standard output."`
	Publish  bool          `help:"Publish the metrics to CloudWatch too, but for those of the run itself."`
	Allow    []string      `placeholder:"CIDR" help:"Let the address guard pass this network, e.g. 10.0.0.0/8."`
	InFlight int           `placeholder:"N" help:"Check so many at once; by default as many as this process has descriptors for."`
	Deadline time.Duration `placeholder:"D" help:"End after this time; what was not reached is not checked."`
}

// Run checks and reports. Its error is an *exitError, or says what was wrong
// with the usage.
func (c *checkCommand) Run(ctx context.Context, sys system) error {
	settings, err := c.configure(sys)
	if err != nil {
		return err
	}
	prober := probe.New(probe.Options{
		UserAgent: "rollcall/" + version, Guard: settings.Guard(), SecondDials: settings.SecondDials(),
		Lookup: resolve.New(resolve.Options{Server: settings.DNS, Rate: settings.DNSRate}).Lookup,
	})
	defer prober.Close()
	m := settings.Monitor(monitor.Surroundings{
		Version: version, Lookup: sys.lookup, Prober: prober,
		Log: slog.New(slog.NewTextHandler(sys.err, nil)),
	})
	p, err := c.plan(sys, m.Inputs)
	if err != nil {
		return err
	}
	m.Log = nil // the report says of each target what the log would
	if c.Publish {
		if err := c.publishTo(ctx, m, settings); err != nil {
			return err
		}
	}
	return c.check(ctx, m, p, sys)
}

// check runs the plan, and says by its error how to exit.
func (c *checkCommand) check(ctx context.Context, m *monitor.Monitor, p *plan.Plan, sys system) error {
	out, done, err := c.output(sys)
	if err != nil {
		return wrongUsage("%v", err)
	}
	running := ctx
	if c.Deadline > 0 {
		var cancel context.CancelFunc
		running, cancel = context.WithTimeout(ctx, c.Deadline)
		defer cancel()
	}
	summary, lost := m.RunPlan(running, "", p)
	for _, warning := range summary.Warnings {
		fmt.Fprintln(sys.err, "rollcall:", warning)
	}
	if err := errors.Join(c.show(out, summary), done()); err != nil {
		return &exitError{exitUnhealthy, fmt.Sprintf("writing the result: %v", err)}
	}
	return c.verdict(ctx, summary, lost)
}

// verdict is the exit code: the first reason that applies counts.
func (c *checkCommand) verdict(ctx context.Context, s *monitor.Summary, lost error) error {
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

// configure lays the flags over the variables.
func (c *checkCommand) configure(sys system) (monitor.Config, error) {
	settings, err := monitor.Configure(sys.lookup)
	if err != nil {
		return settings, err
	}
	for _, s := range c.Allow {
		network, err := monitor.ParseNetwork(s)
		if err != nil {
			return settings, wrongUsage("--allow: %v", err)
		}
		settings.Allow = append(settings.Allow, network)
	}
	if c.InFlight < 0 || c.Deadline < 0 {
		return settings, wrongUsage("--in-flight and --deadline can't be negative")
	}
	if c.InFlight > 0 {
		settings.InFlight = c.InFlight
	}
	if !c.Publish {
		settings.Reserve = 0
	}
	return settings, nil
}

// plan reads what to check from wherever the arguments say.
func (c *checkCommand) plan(sys system, in plan.Inputs) (*plan.Plan, error) {
	stdin := c.Event == "-" || len(c.URLs) == 1 && c.URLs[0] == "-"
	switch {
	case c.Event != "" && len(c.URLs) > 0:
		return nil, wrongUsage("give URLs or --event, not both")
	case len(c.URLs) > 1 && slices.Contains(c.URLs, "-"):
		return nil, wrongUsage("- is standard input and stands alone")
	case stdin:
		return planFrom(sys.in, in)
	case c.Event != "":
		data, err := os.ReadFile(c.Event)
		if err != nil {
			return nil, wrongUsage("reading the event: %v", err)
		}
		return plan.Parse(data, in)
	case len(c.URLs) == 0:
		return nil, wrongUsage("no URL to check: name one, or --event FILE, or - for standard input")
	}
	return plan.ParseURLs(c.URLs)
}

// planFrom reads an event if the first byte is a brace, else one URL a line.
func planFrom(r io.Reader, in plan.Inputs) (*plan.Plan, error) {
	buffered := bufio.NewReader(r)
	first, err := buffered.Peek(1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, wrongUsage("reading standard input: %v", err)
	}
	if !bytes.Equal(first, []byte("{")) {
		return plan.ParseLines(buffered)
	}
	data, err := io.ReadAll(buffered)
	if err != nil {
		return nil, wrongUsage("reading standard input: %v", err)
	}
	return plan.Parse(data, in)
}

// publishTo lets m publish. A terminal has no log that CloudWatch reads, so
// what CloudWatch does not take is lost.
func (c *checkCommand) publishTo(ctx context.Context, m *monitor.Monitor, settings monitor.Config) error {
	aws, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return &exitError{exitUnhealthy, fmt.Sprintf("setting up AWS: %v", err)}
	}
	publisher := publish.Publisher{
		Client: publish.NewClient(aws, settings.CloudWatch), Namespace: settings.Namespace, Log: m.Sweeper.Log,
	}
	m.Publish = func(ctx context.Context, _ *slog.Logger) monitor.Session { return publisher.Begin(ctx) }
	return nil
}

// output opens where the result belongs, before there is one: a name that is
// wrong should not cost a run. done closes it.
func (c *checkCommand) output(sys system) (out io.Writer, done func() error, err error) {
	if c.Output == "" {
		return sys.out, func() error { return nil }, nil
	}
	file, err := os.Create(c.Output)
	if err != nil {
		return nil, nil, err
	}
	return file, file.Close, nil
}

func (c *checkCommand) show(out io.Writer, s *monitor.Summary) error {
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
	return report.Table(out, s, report.Look{})
}
