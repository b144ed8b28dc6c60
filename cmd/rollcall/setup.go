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
	"rollcall/internal/weburl"
)

// sources are the flags and arguments that say what to check.
type sources struct {
	URLs  []string `arg:"" optional:"" name:"url" help:"URLs to check; https:// is assumed if there is no scheme. - reads an event, or one URL a line, from standard input."`
	Event string   `short:"e" placeholder:"FILE" help:"Check the targets of this event, or of a list with one URL a line; - is standard input."`
}

// plan reads what to check.
func (s *sources) plan(ctx context.Context, sys system, config config.Config) (*plan.Plan, error) {
	inputs := plan.Inputs{Sources: config.Sources(), Lookup: sys.lookup, Permit: config.Env.Permit}
	switch {
	case s.Event != "" && len(s.URLs) > 0:
		return nil, wrongUsage("give URLs or --event, not both")
	case len(s.URLs) > 1 && slices.Contains(s.URLs, "-"):
		return nil, wrongUsage("- is standard input and stands alone")
	case s.Event != "":
		return readPlan(ctx, sys, s.Event, inputs)
	case len(s.URLs) == 1 && s.URLs[0] == "-":
		return readPlan(ctx, sys, "-", inputs)
	case len(s.URLs) == 0:
		return nil, wrongUsage("no URL to check: name one, or --event FILE, or - for standard input")
	}
	urls, assumed := absolute(s.URLs)
	if len(assumed) > 0 {
		fmt.Fprintf(sys.err, "rollcall: https:// is assumed: %s\n", strings.Join(assumed, " "))
	}
	return plan.ParseURLs(urls, inputs)
}

// readPlan reads a file, or standard input if its name is -: an event if the
// name ends in .json or the text begins with a brace, else one URL a line.
func readPlan(ctx context.Context, sys system, file string, inputs plan.Inputs) (*plan.Plan, error) {
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
	var start []byte
	for n := 1; len(bytes.TrimSpace(start)) == 0; n++ {
		var err error
		if start, err = buffered.Peek(n); errors.Is(err, io.EOF) || errors.Is(err, bufio.ErrBufferFull) {
			break
		} else if err != nil {
			return nil, wrongUsage("reading the event: %v", err)
		}
	}
	if strings.HasSuffix(file, ".json") || bytes.HasSuffix(start, []byte("{")) {
		return plan.Parse(ctx, buffered, inputs)
	}
	return plan.ParseLines(ctx, buffered, inputs)
}

// absolute puts https:// before what people type where a browser would do so
// too, and returns the first URLs that this made, redacted. It is for arguments
// only: lists are kept, and mean the same to the function, which assumes
// nothing.
func absolute(arguments []string) (urls, assumed []string) {
	const most = 3 // are returned
	n := 0
	for _, argument := range arguments {
		if u := withScheme(argument); u != nil {
			argument = "https://" + argument
			if n++; n <= most {
				assumed = append(assumed, redact.URL(u))
			}
		}
		urls = append(urls, argument)
	}
	if n > most {
		assumed = append(assumed, fmt.Sprintf("and %d more", n-most))
	}
	return urls, assumed
}

// withScheme is the URL that an argument without a scheme stands for; nil if it
// has one, or stands for none.
func withScheme(argument string) *neturl.URL {
	if argument == "" || strings.Contains(argument, "://") || strings.HasPrefix(argument, "/") {
		return nil
	}
	u, err := weburl.Parse("https://"+argument, nil)
	if err != nil || u.User != nil || strings.ContainsAny(argument, " \t\r\n") {
		return nil
	}
	return u
}

// limits are the flags that say how to check.
type limits struct {
	Allow    []string      `placeholder:"CIDR" help:"Allow addresses of this network, e.g. 10.0.0.0/8, that the address guard would refuse."`
	Env      []string      `placeholder:"NAME[@HOST]" help:"Let references use this environment variable, for URLs of this host only, e.g. TOKEN@api.example.com or TOKEN@*.example.com."`
	InFlight int           `placeholder:"N" help:"Maximum concurrent checks (default: the open-file limit)."`
	Deadline time.Duration `placeholder:"DURATION" help:"Stop after this time, e.g. 30s; targets not reached by then are not checked."`
}

// config is the environment's configuration, with the flags over it.
func (l *limits) config(sys system) (config.Config, error) {
	c, err := config.Load(sys.lookup)
	if err != nil {
		return c, err
	}
	for _, cidr := range l.Allow {
		network, err := config.ParseNetwork(cidr)
		if err != nil {
			return c, wrongUsage("--allow: %v", err)
		}
		c.Guard.Allow = append(c.Guard.Allow, network)
	}
	for _, text := range l.Env {
		grant, err := plan.ParseGrant(text)
		if err != nil {
			return c, wrongUsage("--env: %v", err)
		}
		c.Env = append(c.Env, grant)
	}
	if l.InFlight < 0 || l.Deadline < 0 {
		return c, wrongUsage("--in-flight and --deadline can't be negative")
	}
	if l.InFlight > 0 {
		c.InFlight = l.InFlight
	}
	return c, nil
}

// withDeadline ends a run at the deadline that was asked for.
func (l *limits) withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if l.Deadline == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, l.Deadline)
}

// newMonitor returns a monitor that logs to log. Call done after its last run.
func newMonitor(c config.Config, sys system, log io.Writer) (m *monitor.Monitor, done func()) {
	prober := probe.New(probe.Options{
		UserAgent: "rollcall/" + version, Guard: c.Guard, SecondDials: c.SecondDials, Memory: c.CheckMemory, RootCAs: sys.roots,
		Lookup: newResolver(c).Lookup,
	})
	m = monitor.New(c, monitor.Dependencies{
		Version: version, Lookup: sys.lookup, Sources: c.Sources(), Probe: prober.Probe, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	m.Log = nil // the report says of each target what the log would
	return m, prober.Close
}

func newResolver(c config.Config) *resolve.Resolver {
	return resolve.New(resolve.Options{Server: c.DNS, Rate: c.DNSRate, Search: true})
}
