package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/maintenance"
	"rollcall/internal/metric"
	"rollcall/internal/plan"
	"rollcall/internal/text"
)

// A Variable is one environment variable. docs/configuration.md lists them.
type Variable struct {
	Name      string
	Old       string // another name, which is read where Name is not set; "": none
	Parameter string // of template.yaml; "": none sets it directly
	Type      string // what a value is, for people
	Default   string // the value where it is unset or blank; "": none
	Otherwise string // what holds instead of Default: where there is none, or in a deployment
	Meaning   string // in Markdown, with links as in docs/configuration.md

	// BlankIsNone: set but blank means that there is none; the default is for
	// where it is unset.
	BlankIsNone bool

	parse func(value string) error // stores the value in the Config
}

// Variables returns all variables in the order of the documentation: first
// Rollcall's own, then those that Lambda sets.
func Variables() []Variable { return new(Config).variables() }

// variables is the table: each row's parse stores into c.
func (c *Config) variables() []Variable {
	return []Variable{
		{Name: "ROLLCALL_NAMESPACE", Parameter: "Namespace", Type: "text", Default: "Rollcall", Otherwise: "deployed `Rollcall/<stack>`",
			Meaning: "the CloudWatch namespace; one per stack. At most 255 printable ASCII characters, not beginning with `AWS/` or `:`",
			parse:   into(&c.Namespace, namespace)},
		{Name: "ROLLCALL_METRICS", Parameter: "Metrics", Type: "`group`, `target` or `phases`", Default: "target",
			Meaning: "the metrics profile where the event names none",
			parse:   into(&c.Profile, metric.ParseProfile)},
		{Name: "ROLLCALL_TARGET_LIMIT", Parameter: "TargetLimit", Type: "integer", Default: "1000",
			Meaning: "how many targets, the first in the event's order, have metrics of their own; the others count in their groups only, and `TargetsWithoutMetrics` is how many those are",
			parse:   into(&c.TargetLimit, atLeast(0))},
		{Name: "ROLLCALL_ALLOW", Parameter: "Allow", Type: "CIDRs or addresses, comma-separated", Otherwise: "none",
			Meaning: "networks that the [address guard](#the-address-guard) allows",
			parse:   into(&c.Guard.Allow, networks)},
		{Name: "ROLLCALL_ENV", Parameter: "Env", Type: "`name@host`, comma-separated", Otherwise: "none",
			Meaning: "which variables [references](event.md#references) may use, and for which hosts: `API_TOKEN@api.example.com`, `@*.example.com` for every name below it, `@*` for all. A name alone is for any host, too; the parameter refuses that",
			parse:   c.grant(plan.Env)},
		{Name: "ROLLCALL_PARAMETERS", Parameter: "Parameters", Type: "`name@host`, comma-separated", Otherwise: "none",
			Meaning: "which parameters of Systems Manager [references](event.md#references) may use, and for which hosts: `/shop/token@*.shop.example.com`. A parameter is allowed with all of its versions",
			parse:   c.grant(plan.Parameter)},
		{Name: "ROLLCALL_SECRETS", Parameter: "Secrets", Type: "`name@host`, comma-separated", Otherwise: "none",
			Meaning: "the same for secrets of Secrets Manager, by name or ARN as the reference has it: `shop/api@shop.example.com`. A secret is allowed with all that it holds",
			parse:   c.grant(plan.Secret)},
		{Name: "ROLLCALL_DNS", Parameter: "DNS", Type: "`host:port`", Otherwise: "as `/etc/resolv.conf` says",
			Meaning: "the resolver",
			parse:   into(&c.DNS, hostPort)},
		{Name: "ROLLCALL_DNS_RATE", Parameter: "DNSRate", Type: "integer", Default: "900",
			Meaning: "query packets a second, two a lookup; 0 is unlimited, and so is a resolver on loopback. A VPC's resolver drops what exceeds 1,024",
			parse:   into(&c.DNSRate, atLeast(0))},
		{Name: "ROLLCALL_CANARY", Parameter: "Canary", Type: "URL", Default: "https://checkip.amazonaws.com", Otherwise: "deployed into subnets: none",
			Meaning:     "the URL that is checked when most targets fail, to find out whether [the monitor has a network](#the-canary); blank: none",
			BlankIsNone: true,
			parse:       into(&c.Canary, target)}, // it responds to any GET (AWS, "Allow list IP addresses")
		{Name: "ROLLCALL_IN_FLIGHT", Parameter: "InFlight", Type: "integer, at least 1", Otherwise: "by the limits of descriptors and memory",
			Meaning: "how many checks run at once",
			parse:   into(&c.InFlight, atLeast(1))},
		{Name: "ROLLCALL_PER_HOST", Parameter: "PerHost", Type: "integer, at least 1", Default: "16",
			Meaning: "how many of them at once of [one host](#checks-at-once-of-one-host) and port, where the event names no `perHost`",
			parse:   into(&c.PerHost, atLeast(1))},
		{Name: "ROLLCALL_RESERVE", Parameter: "Reserve", Type: "duration", Default: "5s",
			Meaning: "the part of the function's timeout that is kept for publishing; at most a quarter of the time that is left at the start",
			parse:   into(&c.Reserve, duration)},
		{Name: "ROLLCALL_MAX_AGE", Parameter: "MaxAge", Type: "duration", Default: "5m",
			Meaning: "an event that was scheduled longer ago is stale: no targets are checked",
			parse:   into(&c.MaxAge, duration)},
		{Name: "ROLLCALL_CLOUDWATCH_ENDPOINT", Parameter: "CloudWatchEndpoint", Type: "URL", Otherwise: "the AWS variables decide",
			Meaning: "another address of CloudWatch, such as a VPC endpoint",
			parse:   into(&c.CloudWatch, endpoint)},
		{Name: "ROLLCALL_BUCKET", Old: "ROLLCALL_PAGE_BUCKET", Type: "name of an S3 bucket", Otherwise: "none",
			Meaning: "where the function keeps [what it remembers](history.md) and [the page](page.md#the-page-of-the-last-run) of each run; its old name is `ROLLCALL_PAGE_BUCKET`. The terminal program stores none",
			parse:   into(&c.Bucket, bucket)},
		{Name: "ROLLCALL_TOPIC", Type: "ARN of an SNS topic", Otherwise: "nobody is notified",
			Meaning: "where [messages](history.md#messages) are published: which target is down, why, since when",
			parse:   into(&c.Topic, topic)},
		{Name: "ROLLCALL_GROUP_TOPIC", Type: "ARN of an SNS topic", Otherwise: "none",
			Meaning: "another topic for the same messages, whose subscriptions filter by group",
			parse:   into(&c.GroupTopic, topic)},
		{Name: "ROLLCALL_ALERT", Type: "`M/N`", Default: "3/3",
			Meaning: "an [incident](history.md#incidents) opens when M of the last N runs that checked a target failed, where neither the target nor its group has an `alert`",
			parse:   into(&c.Alert, alert)},
		{Name: "ROLLCALL_INTERVAL", Parameter: "EveryMinutes", Type: "minutes, at least 1", Default: "1",
			Meaning: "the time between two runs of the schedule",
			parse: func(s string) error {
				n, err := atLeast(1)(s)
				c.Interval = time.Duration(n) * time.Minute
				return err
			}},
		{Name: "ROLLCALL_CERTIFICATE_DAYS", Parameter: "CertificateDays", Type: "integer", Default: "14",
			Meaning: "the days before it expires at which a certificate is reported, and again 7, 3 and 1 before; 0: never",
			parse:   into(&c.Certificate, atLeast(0))},
		{Name: "ROLLCALL_MAINTENANCE", Type: "`cron(…)` or `at(…)`, a duration, a time zone", Otherwise: "none",
			Meaning: "a maintenance of all targets, such as `cron(0 2 * * SUN) PT2H Europe/Berlin`, beside those of the event",
			parse:   into(&c.Maintenance, window)},
		{Name: "ROLLCALL_HEARTBEAT_URL", Type: "URL", Otherwise: "none",
			Meaning: "is requested after each run of the schedule that is complete, was remembered, and after which nothing has waited ten minutes to be told: for a service that notices when that stops",
			parse:   into(&c.Heartbeat, endpoint)},

		{Name: "LAMBDA_TASK_ROOT", Type: "directory", Default: ".",
			Meaning: "the directory that a [source](event.md#source) is read from",
			parse:   into(&c.TaskRoot, anything)},
		{Name: "AWS_LAMBDA_RUNTIME_API", Type: "`host:port`", Otherwise: "none",
			Meaning: "what the address guard refuses whatever is allowed",
			parse:   into(&c.Guard.RuntimeAPI, runtimeAPI)},
		{Name: "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", Type: "MiB", Otherwise: "no limit",
			Meaning: "limits the checks at once, and [what they may hold](#memory)",
			parse:   into(&c.Memory, mebibytes)},
		{Name: "AWS_LAMBDA_MAX_CONCURRENCY", Type: "integer, at least 1", Default: "1",
			Meaning: "how many invocations share a process, and so its checks at once",
			parse:   into(&c.Concurrent, atLeast(1))},
	}
}

// into returns a function that stores a parsed value in a field.
func into[T any](field *T, parse func(string) (T, error)) func(string) error {
	return func(value string) (err error) {
		*field, err = parse(value)
		return err
	}
}

func anything(s string) (string, error) { return s, nil }

func namespace(s string) (string, error) { return s, metric.CheckNamespace(s) }

func atLeast(least int) func(string) (int, error) {
	return func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least {
			return 0, fmt.Errorf("invalid integer %q (at least %d)", s, least)
		}
		return n, nil
	}
}

func duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("invalid duration %q (for example 5s or 2m)", s)
	}
	return d, nil
}

// topic reads the ARN of a topic.
func topic(s string) (string, error) {
	parts := strings.Split(s, ":")
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "sns" || slices.Contains(parts, "") {
		return "", fmt.Errorf("invalid topic %q (for example arn:aws:sns:us-east-1:123456789012:alerts)", s)
	}
	return s, nil
}

// alert reads M/N: how many of how many runs.
func alert(s string) (check.Alert, error) {
	const most = 100
	of := strings.Split(s, "/")
	runs, err := strconv.Atoi(of[0])
	window, bad := strconv.Atoi(of[len(of)-1])
	if len(of) != 2 || err != nil || bad != nil || runs < 1 || window < runs || window > most {
		return check.Alert{}, fmt.Errorf("invalid alert %q (for example 2/3; at most %d runs)", s, most)
	}
	return check.Alert{Runs: runs, Window: window}, nil
}

// window reads a maintenance as the template has it: when it begins, how long it
// lasts, and the time zone, which is UTC if it is missing.
func window(s string) ([]maintenance.Window, error) {
	invalid := func(why any) ([]maintenance.Window, error) {
		return nil, fmt.Errorf("invalid maintenance %q: %v (for example cron(0 2 * * SUN) PT2H Europe/Berlin)", s, why)
	}
	begin, rest, _ := strings.Cut(s, ")")
	fields := strings.Fields(rest)
	if len(fields) < 1 || len(fields) > 2 {
		return invalid("it has no duration")
	}
	length, err := isoDuration(fields[0])
	if err != nil {
		return invalid(err)
	}
	zone := time.UTC
	if len(fields) == 2 {
		if zone, err = maintenance.Zone(fields[1]); err != nil {
			return invalid(err)
		}
	}
	var w maintenance.Window
	if at, once := strings.CutPrefix(begin, "at("); once {
		var from time.Time
		if from, err = time.ParseInLocation("2006-01-02T15:04", at, zone); err == nil {
			w, err = maintenance.Once(from, from.Add(length))
		}
	} else {
		w, err = maintenance.Repeated(begin+")", length, zone)
	}
	if err != nil {
		return invalid(err)
	}
	return []maintenance.Window{w}, nil
}

var isoForm = text.Pattern(`^P(?:(\d{1,3})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,5})M)?)?$`)

// isoDuration reads a duration of days, hours and minutes in ISO 8601, or Go's.
func isoDuration(s string) (time.Duration, error) {
	m := isoForm().FindStringSubmatch(s)
	if m == nil {
		return duration(s)
	}
	total := time.Duration(0)
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute} {
		n, _ := strconv.Atoi(m[i+1]) // "" is 0
		total += time.Duration(n) * unit
	}
	return total, nil
}

func networks(s string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for part := range strings.SplitSeq(s, ",") {
		prefix, err := ParseNetwork(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		all = append(all, prefix)
	}
	return all, nil
}

// ParseNetwork reads a CIDR; an address alone is a network of one address.
func ParseNetwork(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Prefix(addr.BitLen())
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("invalid network %q (for example 10.0.0.0/8; several are separated by commas)", s)
	}
	if prefix.Addr().Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), nil
}

// grant returns a function that adds what references of a kind may use.
func (c *Config) grant(kind plan.Kind) func(string) error {
	return func(s string) error {
		for part := range strings.SplitSeq(s, ",") {
			grant, err := plan.ParseGrant(kind, strings.TrimSpace(part))
			if err != nil {
				return err
			}
			c.Grants = append(c.Grants, grant)
		}
		return nil
	}
}

func target(s string) (*check.Target, error) {
	p, err := plan.ParseURLs([]string{s}, plan.Inputs{})
	if err != nil {
		return nil, err
	}
	if t := &p.Targets[0]; t.Invalid == "" {
		return t, nil
	}
	return nil, errors.New(p.Targets[0].Invalid)
}

func hostPort(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" {
		return "", fmt.Errorf("invalid address %q (host:port, for example 10.0.0.2:53)", s)
	}
	return s, nil
}

func endpoint(s string) (string, error) {
	if u, err := url.Parse(s); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return "", fmt.Errorf("invalid URL %q (for example https://host)", s)
	}
	return s, nil
}

// bucket refuses what S3 does not allow in a name (S3 User Guide, "General
// purpose bucket naming rules"), as far as characters and length go.
func bucket(s string) (string, error) {
	const ends, inside = "abcdefghijklmnopqrstuvwxyz0123456789", ".-"
	if len(s) < 3 || len(s) > 63 || strings.Trim(s, ends+inside) != "" || strings.Trim(s, inside) != s {
		return "", fmt.Errorf("invalid bucket name %q (3 to 63 of a-z, 0-9, . and -)", s)
	}
	return s, nil
}

// runtimeAPI reads the address of Lambda's own API. Its host is an IP address
// in Lambda; a name can only be this machine's own here.
func runtimeAPI(s string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(s)
	n, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || n == 0 {
		return netip.AddrPort{}, fmt.Errorf("invalid address %q (host:port)", s)
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.AddrPortFrom(addr, uint16(n)), nil
}

func mebibytes(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("invalid number of MiB %q (at least 1)", s)
	}
	return n << 20, nil
}
