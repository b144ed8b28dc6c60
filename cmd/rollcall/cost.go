package main

import (
	"context"
	"fmt"
	"time"

	"rollcall/internal/config"
	"rollcall/internal/cost"
	"rollcall/internal/list"
	"rollcall/internal/metric"
	"rollcall/internal/plan"
	"rollcall/internal/text"
)

// costCommand is rollcall cost.
type costCommand struct {
	File         string `arg:"" name:"file" help:"An event or a list; - is standard input."`
	HTTPS        bool   `name:"https" help:"Put https:// before the hosts of a list that have no scheme."`
	Every        span   `required:"" placeholder:"INTERVAL" help:"Time between runs, e.g. 1m, 1h or 1d; 730h is once a month."`
	Region       string `default:"us-east-1" help:"AWS Region."`
	Metrics      string `complete:"group,target,phases" placeholder:"PROFILE" help:"Metrics profile: group, target or phases (default: the event's, or ROLLCALL_METRICS)."`
	Memory       int    `default:"1769" placeholder:"MB" help:"Memory of the function (default: ${default})."`
	Arch         string `enum:"arm64,x86_64" default:"arm64" help:"Processor architecture of the function: ${enum}."`
	VPC          bool   `name:"vpc" help:"The function is in a VPC, with a NAT gateway."`
	ResponseTime span   `name:"answer" default:"500ms" placeholder:"DURATION" help:"Average response time of a target (default: ${default})."`

	Down         int  `placeholder:"N" help:"Targets that fail at once, in every run."`
	Hang         int  `placeholder:"N" help:"Targets that use up their timeout, in every run."`
	Incidents    int  `default:"10" placeholder:"N" help:"Incidents a month, of which messages are sent (default: ${default})."`
	Dashboard    bool `default:"true" negatable:"" help:"With the stack's dashboard."`
	Alarms       int  `default:"-1" placeholder:"N" help:"Metrics that alarms look at (default: the stack's)."`
	LogRetention int  `default:"30" placeholder:"DAYS" help:"Days for which logs are kept (default: ${default})."`
	History      bool `default:"true" negatable:"" help:"With the stack's history, page and messages."`
	Notify       bool `help:"Messages go to a chat or a pager, too."`
	Targets      int  `placeholder:"N" help:"As if the list had N targets, like its own."`
	Parts        int  `placeholder:"N" help:"The list is checked in N parts, by Step Functions."`
	Concurrency  int  `default:"5" placeholder:"N" help:"Parts at once (default: ${default})."`
}

// Run prints the bill. Its error is an *exitError, or one of the event.
func (c *costCommand) Run(ctx context.Context, sys system) error {
	if err := c.check(); err != nil {
		return err
	}
	p, use, err := readWithUse(ctx, sys, c.File, c.HTTPS, plan.Inputs{
		Lookup: sys.lookup, Values: anyValues, Permit: func(plan.Reference, string) bool { return true }, // what it costs where it is allowed
	})
	if err != nil {
		return err
	}
	use.Every, use.ResponseTime = time.Duration(c.Every), time.Duration(c.ResponseTime)
	use.Memory, use.X86, use.VPC = c.Memory, c.Arch == "x86_64", c.VPC
	stack := cost.Deployed()
	if !c.Dashboard {
		stack.Dashboards = 0
	}
	if c.Alarms >= 0 {
		stack.Alarms = c.Alarms
	}
	use.Stack, use.Down, use.Hang, use.LogDays, use.NoHistory, use.Notify = &stack, c.Down, c.Hang, c.LogRetention, !c.History, c.Notify
	use.Incidents, use.Targets, use.Split, use.Concurrency = c.Incidents, c.Targets, c.Parts, c.Concurrency
	if c.Incidents == 0 {
		use.Incidents = -1 // none
	}
	if c.Metrics != "" {
		if use.Profile, err = metric.ParseProfile(c.Metrics); err != nil {
			return wrongUsage("--metrics: %v", err)
		}
	}
	if c.Region != cost.Region {
		fmt.Fprintf(sys.err, "rollcall: no prices for Region %q: using those of %s\n", c.Region, cost.Region)
	}
	for _, warning := range p.Warnings {
		fmt.Fprintln(sys.err, "rollcall:", text.Inert(warning))
	}
	if n := len(p.Targets) - use.Limit; n > 0 && use.Profile != metric.ProfileGroup {
		fmt.Fprintf(sys.err, "rollcall: %s beyond ROLLCALL_TARGET_LIMIT (%d) without metrics of their own\n", text.Plural(n, "target"), use.Limit)
	}
	for _, t := range p.Targets {
		if t.Invalid != "" {
			fmt.Fprintf(sys.err, "rollcall: %q can't be checked, and costs nothing: %s\n", text.Inert(t.Name), text.Inert(t.Invalid))
		}
	}
	if err := cost.Fit(p, use); err != nil {
		return wrongUsage("--parts %d: %v", c.Parts, err)
	}
	if err := writeError(cost.Write(sys.out, p, use)); err != nil {
		return err
	}
	if len(p.Targets) == 0 {
		return &exitError{code: exitUsage}
	}
	return nil
}

func (c *costCommand) check() error {
	const (
		maxMemory       = 10240 // MB
		maxResponseTime = 15 * time.Minute
	)
	switch {
	case c.Memory < 128 || c.Memory > maxMemory:
		return wrongUsage("invalid --memory %d: Lambda allows 128 to %d MB", c.Memory, maxMemory)
	case c.ResponseTime < 0 || time.Duration(c.ResponseTime) > maxResponseTime:
		return wrongUsage("invalid --answer %s: it must be from 0 to 15m", c.ResponseTime)
	case c.Down < 0 || c.Hang < 0 || c.Incidents < 0 || c.Targets < 0 || c.Parts < 0:
		return wrongUsage("--down, --hang, --incidents, --targets and --parts can't be negative")
	case c.Concurrency < 1 || c.LogRetention < 1:
		return wrongUsage("--concurrency and --log-retention must be at least 1")
	}
	return tooOften(c.Every)
}

// tooOften is the error of an interval that EventBridge Scheduler does not take.
func tooOften(every span) error {
	if time.Duration(every) < time.Minute {
		return wrongUsage("--every %s is too short: a schedule runs at most once a minute", every)
	}
	return nil
}

// readWithUse reads a plan, and how it is used by the environment's
// configuration.
func readWithUse(ctx context.Context, sys system, file string, https bool, in plan.Inputs) (*plan.Plan, cost.Use, error) {
	settings, err := config.Load(sys.lookup)
	if err != nil {
		return nil, cost.Use{}, err
	}
	in.Sources = newInputs(sys, settings).Sources
	secrets, permit := map[string]bool{}, in.Permit
	in.Permit = func(r plan.Reference, host string) bool {
		if r.Kind == plan.Secret {
			secrets[r.Name] = true
		}
		return permit(r, host)
	}
	p, err := readPlan(ctx, sys, file, list.Options{HTTPS: https, Fetch: fetch(settings, sys)}, in)
	if err != nil {
		return nil, cost.Use{}, err
	}
	use := cost.Use{Profile: settings.Profile, Limit: settings.TargetLimit, Secrets: len(secrets)}
	if p.Metrics != "" {
		use.Profile = metric.Profile(p.Metrics)
	}
	return p, use, nil
}
