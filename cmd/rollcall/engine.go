package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	neturl "net/url"
	"os"
	"slices"
	"strings"
	"time"

	"rollcall/internal/config"
	"rollcall/internal/monitor"
	"rollcall/internal/plan"
	"rollcall/internal/probe"
	"rollcall/internal/redact"
	"rollcall/internal/resolve"
)

// A selection is what to check.
type selection struct {
	URLs  []string `arg:"" optional:"" name:"url" help:"URLs to check; https:// is assumed where there is none. - reads an event, or one URL a line, from standard input."`
	Event string   `short:"e" placeholder:"FILE" help:"Check what this event names; - is standard input."`
}

// An effort is how to check it.
type effort struct {
	Allow    []string      `placeholder:"CIDR" help:"Let the address guard pass this network, e.g. 10.0.0.0/8."`
	InFlight int           `placeholder:"N" help:"Check so many at once; by default as many as this process has descriptors for."`
	Deadline time.Duration `placeholder:"D" help:"End after this time, e.g. 30s; what was not reached is not checked."`
}

// configure lays the flags over the variables.
func (e *effort) configure(sys system) (config.Config, error) {
	settings, err := config.Load(sys.lookup)
	if err != nil {
		return settings, err
	}
	for _, text := range e.Allow {
		network, err := config.ParseNetwork(text)
		if err != nil {
			return settings, wrongUsage("--allow: %v", err)
		}
		settings.Guard.Allow = append(settings.Guard.Allow, network)
	}
	if e.InFlight < 0 || e.Deadline < 0 {
		return settings, wrongUsage("--in-flight and --deadline can't be negative")
	}
	if e.InFlight > 0 {
		settings.InFlight = e.InFlight
	}
	return settings, nil
}

// newMonitor returns a monitor that logs to log. done is to be called after
// its last run.
func newMonitor(settings config.Config, sys system, log io.Writer) (m *monitor.Monitor, done func()) {
	prober := probe.New(probe.Options{
		UserAgent: "rollcall/" + version, Guard: settings.Guard, SecondDials: settings.SecondDials, RootCAs: sys.roots,
		Lookup: newResolver(settings).Lookup,
	})
	m = monitor.New(settings, monitor.Dependencies{
		Version: version, Lookup: sys.lookup, Sources: settings.Sources(), Probe: prober.Probe, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	m.Log = nil // the report says of each target what the log would
	return m, prober.Close
}

func newResolver(settings config.Config) *resolve.Resolver {
	return resolve.New(resolve.Options{Server: settings.DNS, Rate: settings.DNSRate, Search: true})
}

// bounded ends a run at the deadline that was asked for.
func (e *effort) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if e.Deadline == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, e.Deadline)
}

// plan reads what to check from wherever the arguments say.
func (s *selection) plan(ctx context.Context, sys system, in plan.Inputs) (*plan.Plan, error) {
	stdin := s.Event == "-" || len(s.URLs) == 1 && s.URLs[0] == "-"
	switch {
	case s.Event != "" && len(s.URLs) > 0:
		return nil, wrongUsage("give URLs or --event, not both")
	case len(s.URLs) > 1 && slices.Contains(s.URLs, "-"):
		return nil, wrongUsage("- is standard input and stands alone")
	case stdin:
		return planFrom(ctx, sys.in, in)
	case s.Event != "":
		file, err := os.Open(s.Event)
		if err != nil {
			return nil, wrongUsage("reading the event: %v", err)
		}
		defer file.Close()
		return plan.Parse(ctx, file, in)
	case len(s.URLs) == 0:
		return nil, wrongUsage("no URL to check: name one, or --event FILE, or - for standard input")
	}
	urls, assumed := absolute(s.URLs)
	if len(assumed) > 0 {
		fmt.Fprintf(sys.err, "rollcall: https:// is assumed: %s\n", strings.Join(assumed, " "))
	}
	return plan.ParseURLs(urls)
}

// unplanned is the error of a command that could not read a plan.
func unplanned(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &exitError{exitInterrupted, "interrupted"}
	}
	return err
}

// planFrom reads an event if the first byte is a brace, else one URL a line.
func planFrom(ctx context.Context, r io.Reader, in plan.Inputs) (*plan.Plan, error) {
	buffered := bufio.NewReader(r)
	first, err := buffered.Peek(1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, wrongUsage("reading standard input: %v", err)
	}
	if !bytes.Equal(first, []byte("{")) {
		return plan.ParseLines(ctx, buffered)
	}
	return plan.Parse(ctx, buffered, in)
}

// mostAssumed is how many URLs are named of those that https was assumed for.
const mostAssumed = 3

// absolute puts https:// before what people type where a browser would do so
// too, and returns what was made of the first of those, as it may be shown.
// Only arguments are treated so: lists are kept, and mean the same to the
// function, which assumes nothing.
func absolute(texts []string) (urls, assumed []string) {
	n := 0
	for _, text := range texts {
		if u := guess(text); u != nil {
			text = "https://" + text
			if n++; n <= mostAssumed {
				assumed = append(assumed, redact.URL(u))
			}
		}
		urls = append(urls, text)
	}
	if n > mostAssumed {
		assumed = append(assumed, fmt.Sprintf("and %d more", n-mostAssumed))
	}
	return urls, assumed
}

// guess returns the URL that a text without a scheme stands for; nil if it has
// one, or stands for none.
func guess(text string) *neturl.URL {
	if text == "" || strings.Contains(text, "://") || strings.HasPrefix(text, "/") {
		return nil
	}
	u, err := neturl.Parse("https://" + text)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.ContainsAny(text, " \t\r\n") {
		return nil
	}
	return u
}
