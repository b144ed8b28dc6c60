package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	neturl "net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"rollcall/internal/check"
	"rollcall/internal/cloud/s3"
	"rollcall/internal/cloud/secrets"
	"rollcall/internal/config"
	"rollcall/internal/list"
	"rollcall/internal/monitor"
	"rollcall/internal/plan"
	"rollcall/internal/probe"
	"rollcall/internal/redact"
	"rollcall/internal/resolve"
	"rollcall/internal/secret"
	"rollcall/internal/text"
	"rollcall/internal/weburl"
)

// sources are the flags and arguments that say what to check.
type sources struct {
	URLs  []string `arg:"" optional:"" name:"url" complete:":" help:"URLs to check; https:// is assumed if there is no scheme. Or one file: an event, or a list (text, JSON, YAML, JSONL, CSV, TSV, a sitemap; also gzip). - is standard input."`
	Event string   `short:"e" placeholder:"FILE" help:"Check the targets of this event or list; - is standard input."`

	HTTPS    bool     `name:"https" help:"Put https:// before the hosts of a list that have no scheme."`
	Header   []string `short:"H" sep:"none" placeholder:"'NAME: VALUE'" help:"Send this request header; may be repeated."`
	Method   string   `placeholder:"METHOD" help:"Request with this method, e.g. HEAD (default: GET)."`
	Body     string   `placeholder:"TEXT" help:"Send this body."`
	Timeout  span     `placeholder:"DURATION" help:"Give up an attempt after this time, e.g. 2s (default: 10s)."`
	Expect   []string `sep:"none" placeholder:"EXPRESSION" help:"What a response must satisfy, else the target is down, e.g. 'status == 404'; may be repeated."`
	Insecure bool     `short:"k" help:"Accept any certificate."`
	PerHost  count    `placeholder:"N" help:"Maximum concurrent checks of one host and port (default: 16)."`
	Guard    bool     `help:"Refuse private addresses of URLs on the command line too, as the function does."`

	assumed bool // https:// was put before an argument
}

// plan reads what to check. What a person typed as an argument may have private
// addresses; what a file names may not, nor what a redirect leads to.
func (s *sources) plan(ctx context.Context, sys system, config config.Config) (*plan.Plan, error) {
	inputs := newInputs(sys, config)
	var err error
	if inputs.Defaults, err = s.defaults(); err != nil {
		return nil, err
	}
	urls, file, err := s.arguments()
	if err != nil {
		return nil, err
	}
	var p *plan.Plan
	if file != "" {
		p, err = readPlan(ctx, sys, file, list.Options{HTTPS: s.HTTPS, Fetch: fetch(config, sys)}, inputs)
	} else {
		var assumed []string
		if urls, assumed = absolute(urls); len(assumed) > 0 {
			fmt.Fprintf(sys.err, "rollcall: https:// is assumed: %s\n", strings.Join(assumed, " "))
			s.assumed = true
		}
		p, err = plan.ParseURLs(urls, inputs)
	}
	if err != nil {
		return nil, err
	}
	for i := range p.Targets {
		p.Targets[i].Typed = file == "" && !s.Guard
	}
	p.PerHost = cmp.Or(int(s.PerHost), p.PerHost)
	return p, nil
}

// newInputs returns what an event may refer to. AWS is set up where it refers to
// it.
func newInputs(sys system, c config.Config) plan.Inputs {
	load := func(ctx context.Context) (aws.Config, error) {
		return awsconfig.LoadDefaultConfig(ctx, awsconfig.WithLogger(logging.Nop{}))
	}
	sources := c.Sources()
	sources["s3"] = s3.Lists(load)
	values := secret.NewCache(secrets.NewParameters(load), secrets.NewSecrets(load)).Values
	return plan.Inputs{Sources: sources, Lookup: sys.lookup, Values: values, Permit: c.Grants.Permit}
}

// arguments sorts out what was named: URLs and hosts, or the one file that is to
// be read. What has a scheme is a URL, what exists is a file, all else is a host.
func (s *sources) arguments() (urls []string, file string, err error) {
	if s.Event != "" {
		if len(s.URLs) > 0 {
			return nil, "", wrongUsage("give URLs or --event, not both")
		}
		return nil, s.Event, nil
	}
	for _, argument := range s.URLs {
		info, err := os.Stat(argument)
		switch {
		case argument == "-":
			file = "-"
		case strings.HasPrefix(argument, "s3://"):
			file = argument
		case strings.Contains(argument, "://"):
		case oneSlash().MatchString(argument):
			return nil, "", wrongUsage("%q is not a URL: did you mean %s?", argument, oneSlash().ReplaceAllString(argument, "$1://$2"))
		case err == nil && !info.IsDir():
			file = argument
		case err == nil && (strings.HasSuffix(argument, "/") || withScheme(argument) == nil):
			return nil, "", wrongUsage("%s is a directory", argument)
		case err != nil && listName().MatchString(argument) && !strings.HasPrefix(argument, "localhost/"):
			return nil, "", wrongUsage("no such file: %s", argument)
		case withScheme(argument) == nil:
			shown := argument[strings.LastIndexByte(argument, '@')+1:] // what stands before may be secret
			return nil, "", wrongUsage("%q is not a host or a URL, and there is no such file", redact.Cut(shown, 100))
		}
	}
	switch {
	case len(s.URLs) == 0:
		return nil, "", wrongUsage("no URL to check: name one, or a file, or - for standard input")
	case file == "-" && len(s.URLs) > 1:
		return nil, "", wrongUsage("- is standard input and stands alone")
	case file != "" && len(s.URLs) > 1:
		return nil, "", wrongUsage("%s is a file and stands alone", file)
	case file != "":
		return nil, file, nil
	}
	return s.URLs, "", nil
}

var (
	// oneSlash is a URL that lacks a slash.
	oneSlash = text.Pattern(`^(?i)(https?):/([^/].*)$`)
	// listName is what no host is called, but files are: a path of this machine, or
	// an ending of lists that is not behind a host.
	listName = text.Pattern(`^(?i)(\.{0,2}/[^/].*|([^/.:]+/)*[^/]*\.(json|jsonl|ndjson|txt|csv|tsv|yaml|yml|xml|gz))$`)
)

// defaults are the flags as an event's defaults, in JSON; nil: none was given.
// The error is of wrong usage and names the flag.
func (s *sources) defaults() ([]byte, error) {
	fields := map[string]any{}
	headers := map[string]string{}
	for _, header := range s.Header {
		name, value, ok := strings.Cut(header, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, wrongUsage("--header: invalid header %q (for example 'Accept: text/html')", header)
		}
		if _, twice := headers[name]; twice {
			return nil, wrongUsage("--header: %s is given twice", name)
		}
		headers[name], fields["headers"] = strings.TrimSpace(value), headers
	}
	for name, value := range map[string]string{"method": s.Method, "body": s.Body} {
		if value != "" {
			fields[name] = value
		}
	}
	if s.Timeout != 0 {
		fields["timeout"] = s.Timeout.String()
	}
	if len(s.Expect) > 0 {
		fields["expect"] = s.Expect
	}
	if s.Insecure {
		fields["tls"] = map[string]any{"insecureSkipVerify": true}
	}
	if len(fields) == 0 {
		return nil, nil
	}
	encoded, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	_, err = plan.ParseURLs(nil, plan.Inputs{Defaults: encoded})
	if invalid, ok := errors.AsType[*plan.InvalidEventError](err); ok {
		problem := invalid.Problems[0]
		_, field, _ := strings.Cut(problem.Path, ": ")
		field, header, _ := strings.Cut(field, ".")
		field, _, _ = strings.Cut(field, "[")
		if header != "" {
			header += ": "
		}
		return nil, wrongUsage("--%s: %s%s", strings.TrimSuffix(field, "s"), header, problem.Message)
	}
	return encoded, nil
}

// readPlan reads a file, a list in S3, or standard input if its name is -: an event,
// or a list in any format.
func readPlan(ctx context.Context, sys system, file string, options list.Options, inputs plan.Inputs) (*plan.Plan, error) {
	if strings.HasPrefix(file, "s3://") {
		event, _ := json.Marshal(map[string]string{"source": file}) // a map of texts can be encoded
		return plan.Parse(ctx, bytes.NewReader(event), inputs)
	}
	in := openInput(ctx, sys, file)
	defer in.Close()
	start := bufio.NewReader(in)
	if _, err := start.Peek(1); ctx.Err() != nil {
		return nil, context.Cause(ctx)
	} else if err != nil && !errors.Is(err, io.EOF) {
		return nil, wrongUsage("reading the event: %v", err)
	}
	if file != "-" {
		options.Name = file
		inputs.Sources = besideFile(file, inputs.Sources)
	}
	p, err := plan.ParseInput(ctx, start, options, inputs)
	if err == nil && (p.Begin.Of > 0 || p.Sum.Of > 0) {
		return nil, wrongUsage("%s is a step of a run in parts, which the function does: check the list (with --part K/N in parts, which rollcall sum adds up)", file)
	}
	return p, err
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
	Allow     []string `placeholder:"CIDR" help:"Allow addresses of this network that the address guard would refuse, e.g. 10.0.0.0/8; private and loopback stand for all such networks."`
	Env       []string `placeholder:"NAME[@HOST]" help:"Let references use this environment variable, for URLs of this host only, e.g. TOKEN@api.example.com or TOKEN@*.example.com."`
	Parameter []string `placeholder:"NAME" help:"Let references use this parameter of Systems Manager, for URLs of one host only as --env, e.g. /shop/token@shop.example.com."`
	Secret    []string `placeholder:"NAME" help:"The same for a secret of Secrets Manager."`
	InFlight  count    `placeholder:"N" help:"Maximum concurrent checks (default: up to 2000, by the open-file limit and the number of targets)."`
	Deadline  span     `placeholder:"DURATION" help:"Stop after this time, e.g. 30s; targets not reached by then are not checked."`
}

// namedNetworks are what --allow takes beside networks.
var namedNetworks = map[string]string{
	"private":  "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,fc00::/7",
	"loopback": "127.0.0.0/8,::1",
}

// config is the environment's configuration, with the flags over it.
func (l *limits) config(sys system) (config.Config, error) {
	c, err := config.Load(sys.lookup)
	if err != nil {
		return c, err
	}
	c.Guard.Option = "--allow "
	for _, named := range l.Allow {
		for text := range strings.SplitSeq(cmp.Or(namedNetworks[named], named), ",") {
			network, err := config.ParseNetwork(text)
			if err != nil {
				return c, wrongUsage("--allow: %v", err)
			}
			c.Guard.Allow = append(c.Guard.Allow, network)
		}
	}
	for _, of := range []struct {
		kind  plan.Kind
		flag  string
		texts []string
	}{{plan.Env, "--env", l.Env}, {plan.Parameter, "--parameter", l.Parameter}, {plan.Secret, "--secret", l.Secret}} {
		for _, text := range of.texts {
			grant, err := plan.ParseGrant(of.kind, text)
			if err != nil {
				return c, wrongUsage("%s: %v", of.flag, err)
			}
			c.Grants = append(c.Grants, grant)
		}
	}
	if l.Deadline < 0 {
		return c, wrongUsage("--deadline can't be negative")
	}
	c.InFlight = cmp.Or(int(l.InFlight), c.InFlight)
	return c, nil
}

// fit bounds the memory of a run of that many targets.
func (l *limits) fit(c *config.Config, sys system, targets int) {
	if own, _ := sys.lookup("ROLLCALL_IN_FLIGHT"); l.InFlight == 0 && strings.TrimSpace(own) == "" {
		c.InFlight = min(c.InFlight, inFlight(targets))
	}
	boundMemory(targets)
}

// withDeadline ends a run at the deadline that was asked for.
func (l *limits) withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if l.Deadline == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(l.Deadline))
}

// newMonitor returns a monitor that logs to log. Call done after its last run.
func newMonitor(c config.Config, sys system, log io.Writer, legs bool) (m *monitor.Monitor, done func()) {
	prober := probe.New(probe.Options{
		UserAgent: "rollcall/" + version, Guard: c.Guard, SecondDials: c.SecondDials, Memory: c.CheckMemory, RootCAs: sys.roots,
		Lookup: newResolver(c).Lookup, Legs: legs,
	})
	m = monitor.New(c, monitor.Dependencies{
		Version: version, Lookup: sys.lookup, Sources: c.Sources(), Log: slog.New(&plainLog{w: log}),
		Probe: func(ctx context.Context, t *check.Target) check.Result {
			r := prober.Probe(ctx, t)
			if r.Reason == check.BlockedAddress { // no packet went to it: whoever typed the name knows more of it than we do
				r.State = check.NotChecked
			}
			return r
		},
	})
	m.Log = nil // the report says of each target what the log would
	return m, prober.Close
}

func newResolver(c config.Config) *resolve.Resolver {
	return resolve.New(resolve.Options{Server: c.DNS, Rate: c.DNSRate, Search: true})
}
