package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rollcall/internal/config"
	"rollcall/internal/cost"
	"rollcall/internal/monitor"
	"rollcall/internal/plan"
	"rollcall/internal/text"
)

// validateCommand is rollcall validate.
type validateCommand struct {
	File  string `arg:"" name:"file" help:"An event or a list; - is standard input."`
	HTTPS bool   `name:"https" help:"Put https:// before the hosts of a list that have no scheme."`
	Every span   `placeholder:"INTERVAL" default:"1m" help:"Time between runs, which limits the time of a check."`
}

// Run prints all that is wrong with a file, or a summary of it. Its error is an
// *exitError, or one of the event.
//
// A variable that is not set or not allowed here may be so where the function
// runs: what refers to it is valid, and printed.
func (c *validateCommand) Run(ctx context.Context, sys system) error {
	if err := tooOften(c.Every); err != nil {
		return err
	}
	var unset []string
	lookup := func(name string) (string, bool) {
		value, set := sys.lookup(name)
		if !set && !slices.Contains(unset, name) {
			unset = append(unset, name)
		}
		return value, true
	}
	grants := map[plan.Kind]map[string]bool{plan.Env: {}, plan.Parameter: {}, plan.Secret: {}}
	permit := func(r plan.Reference, host string) bool {
		grants[r.Kind][r.Name+"@"+host] = true
		return true
	}
	p, use, err := readWithUse(ctx, sys, c.File, c.HTTPS, plan.Inputs{Lookup: lookup, Values: anyValues, Permit: permit})
	if err != nil {
		return err
	}
	settings, err := config.Load(sys.lookup)
	if err != nil {
		return err
	}
	longest := monitor.CheckTime(cost.Timeout(time.Duration(c.Every)), settings.Reserve)
	for _, warning := range append(p.Warnings, p.Doubts(settings.Guard, longest)...) {
		fmt.Fprintln(sys.err, "rollcall:", text.Inert(warning))
	}
	if err := invalid(p); err != nil {
		return err
	}
	if len(p.Targets) == 0 {
		return &exitError{code: exitUsage}
	}
	use.Every, use.Memory, use.ResponseTime = time.Duration(c.Every), 1769, 500*time.Millisecond
	fmt.Fprintf(sys.out, "valid: %s\n%s\n", describe(p), cost.Line(p, use))
	if len(unset) > 0 {
		fmt.Fprintf(sys.out, "refers to variables that are not set here: %s\n", strings.Join(unset, ", "))
	}
	for _, of := range []struct {
		kind     plan.Kind
		variable string
	}{{plan.Env, "ROLLCALL_ENV"}, {plan.Parameter, "ROLLCALL_PARAMETERS"}, {plan.Secret, "ROLLCALL_SECRETS"}} {
		if needed := grants[of.kind]; len(needed) > 0 {
			fmt.Fprintf(sys.out, "needs %s=%s\n", of.variable, strings.Join(slices.Sorted(maps.Keys(needed)), ","))
		}
	}
	return nil
}

// anyValues stand for the values of parameters and secrets, which are the
// function's to read.
func anyValues(_ context.Context, references []plan.Reference, _ time.Time) []plan.Value {
	return slices.Repeat([]plan.Value{{Text: "x", Fetched: time.Now()}}, len(references))
}

// invalid lists the targets that can't be checked, and where they are.
func invalid(p *plan.Plan) error {
	var lines []string
	n := 0
	for i := range p.Targets {
		if p.Targets[i].Invalid != "" {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	for _, problem := range p.Invalid {
		lines = append(lines, problem.String())
	}
	if left := n - len(lines); left > 0 {
		lines = append(lines, fmt.Sprintf("and %s more", text.Count(left)))
	}
	return wrongUsage("%s of %s can't be checked:\n%s", text.Count(n), text.Plural(len(p.Targets), "target"), strings.Join(lines, "\n"))
}

// describe is a plan in a line: 5 targets in 1 group, 5 https, timeout 10s.
func describe(p *plan.Plan) string {
	groups := map[string]bool{}
	https := 0
	least, most := p.Targets[0].Timeout, p.Targets[0].Timeout
	for i := range p.Targets {
		t := &p.Targets[i]
		groups[t.Group] = true
		least, most = min(least, t.Timeout), max(most, t.Timeout)
		if strings.HasPrefix(t.URL, "https:") {
			https++
		}
	}
	timeout := cost.Interval(least)
	if least != most {
		timeout += " to " + cost.Interval(most)
	}
	return fmt.Sprintf("%s in %s, %s https, timeout %s", text.Plural(len(p.Targets), "target"), text.Plural(len(groups), "group"), text.Count(https), timeout)
}
