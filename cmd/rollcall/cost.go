package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"rollcall/internal/config"
	"rollcall/internal/cost"
	"rollcall/internal/metric"
	"rollcall/internal/plan"
)

// leastInterval is the shortest that Scheduler has.
const leastInterval = time.Minute

// costCommand is rollcall cost.
type costCommand struct {
	File    string        `arg:"" name:"file" help:"An event, or one URL a line; - is standard input."`
	Every   time.Duration `required:"" placeholder:"D" help:"From one run to the next: 1m, 1h, 730h is once a month."`
	Region  string        `default:"us-east-1" help:"Where it runs."`
	Metrics string        `placeholder:"PROFILE" help:"group, target or phases, instead of what the event or ROLLCALL_METRICS says."`
	Memory  int           `default:"1769" placeholder:"MB" help:"The function's memory: ${default} by default."`
	Arch    string        `enum:"arm64,x86_64" default:"arm64" help:"The function's processor: ${enum}."`
	VPC     bool          `name:"vpc" help:"The function is in a VPC and goes out by a NAT gateway."`
	Answer  time.Duration `default:"500ms" placeholder:"D" help:"What a target takes to answer, on average: ${default} by default."`
}

// Run prints the bill. Its error is an *exitError, or says what was wrong with
// the usage or the event.
func (c *costCommand) Run(ctx context.Context, sys system) error {
	if err := c.check(); err != nil {
		return err
	}
	p, use, err := readFor(ctx, sys, c.File, sys.lookup)
	if err != nil {
		return err
	}
	use.Every, use.Memory, use.X86, use.VPC, use.Answer = c.Every, c.Memory, c.Arch == "x86_64", c.VPC, c.Answer
	if c.Metrics != "" {
		if use.Profile, err = metric.ParseProfile(c.Metrics); err != nil {
			return wrongUsage("--metrics: %v", err)
		}
	}
	if c.Region != cost.Region {
		fmt.Fprintf(sys.err, "rollcall: no prices of the Region %q are known here: those of %s are shown\n", c.Region, cost.Region)
	}
	remark(sys.err, p, use)
	if err := cost.Write(sys.out, p, use); err != nil {
		return wrongUsage("writing the bill: %v", err)
	}
	if len(p.Targets) == 0 {
		return &exitError{code: exitUsage}
	}
	return nil
}

func (c *costCommand) check() error {
	const most = 10240 // MB that Lambda gives
	switch {
	case c.Every < leastInterval:
		return wrongUsage("--every is %s: a schedule runs once a minute at most", c.Every)
	case c.Memory < 128 || c.Memory > most:
		return wrongUsage("--memory is %d: Lambda has 128 to %d MB", c.Memory, most)
	case c.Answer < 0 || c.Answer > 15*time.Minute:
		return wrongUsage("--answer is %s: it must be from 0 to 15m", c.Answer)
	}
	return nil
}

// readFor reads a plan, and what the variables say of how it is used.
func readFor(ctx context.Context, sys system, file string, lookup func(string) (string, bool)) (*plan.Plan, cost.Use, error) {
	settings, err := config.Load(sys.lookup)
	if err != nil {
		return nil, cost.Use{}, err
	}
	p, err := planOf(ctx, sys, file, plan.Inputs{Sources: settings.Sources(), Lookup: lookup})
	if err != nil {
		return nil, cost.Use{}, unplanned(ctx, err)
	}
	use := cost.Use{Profile: settings.Profile, Limit: settings.TargetLimit}
	if p.Metrics != "" {
		use.Profile = metric.Profile(p.Metrics)
	}
	return p, use, nil
}

// planOf reads an event, if the file is called so or begins with a brace, else
// one URL a line.
func planOf(ctx context.Context, sys system, file string, in plan.Inputs) (*plan.Plan, error) {
	r := sys.in
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return nil, wrongUsage("reading the event: %v", err)
		}
		defer opened.Close()
		r = opened
	}
	buffered := bufio.NewReader(r)
	first, err := buffered.Peek(1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, wrongUsage("reading the event: %v", err)
	}
	if !strings.HasSuffix(file, ".json") && !bytes.Equal(first, []byte("{")) {
		return plan.ParseLines(ctx, buffered)
	}
	return plan.Parse(ctx, buffered, in)
}

// remark says what of a plan is right but may not be meant.
func remark(w io.Writer, p *plan.Plan, use cost.Use) {
	for _, warning := range p.Warnings {
		fmt.Fprintln(w, "rollcall:", warning)
	}
	if n := len(p.Targets) - use.Limit; n > 0 && use.Profile != metric.ProfileGroup {
		fmt.Fprintf(w, "rollcall: %d targets are beyond ROLLCALL_TARGET_LIMIT (%d) and have no metrics of their own\n", n, use.Limit)
	}
	for _, t := range p.Targets {
		if t.Invalid != "" {
			fmt.Fprintf(w, "rollcall: %q can't be checked, and costs nothing: %s\n", t.Name, t.Invalid)
		}
	}
}
