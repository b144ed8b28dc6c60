package monitor

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/metric"
	"rollcall/internal/plan"
)

// A Config is what the operator set: the ROLLCALL_… variables. docs/configuration.md
// has them with their defaults.
type Config struct {
	Namespace   string
	Profile     metric.Profile
	TargetLimit int
	Allow       []netip.Prefix
	DNS         string        // host:port; "": /etc/resolv.conf
	DNSRate     int           // query packets a second; 0: unpaced
	Canary      *check.Target // nil: none
	InFlight    int           // 0: by descriptors and memory
	Reserve     time.Duration
	MaxAge      time.Duration
	CloudWatch  string // endpoint; "": the AWS variables decide
	PageBucket  string // of S3, for the page of the last run; "": none is made

	RuntimeAPI netip.AddrPort // of Lambda; zero: there is none
	Memory     int64          // bytes that Lambda gives; 0: not known
	Concurrent int            // invocations that share the process, at least 1
}

// A ConfigError lists what is wrong with the variables, one a line.
type ConfigError struct{ Problems []string }

// Error lists all problems.
func (e *ConfigError) Error() string {
	return "Rollcall's configuration is not valid:\n" + strings.Join(e.Problems, "\n")
}

// Configure reads the variables. Set but empty is the default, but for the
// canary, of which there then is none. The error is a *ConfigError.
func Configure(lookup func(name string) (string, bool)) (Config, error) {
	v := &variables{lookup: lookup}
	c := Config{
		Namespace:   read(v, "ROLLCALL_NAMESPACE", "Rollcall", namespace),
		Profile:     read(v, "ROLLCALL_METRICS", metric.ProfileTarget, metric.ParseProfile),
		TargetLimit: read(v, "ROLLCALL_TARGET_LIMIT", 1000, wholeNumber),
		Allow:       read(v, "ROLLCALL_ALLOW", nil, networks),
		DNS:         read(v, "ROLLCALL_DNS", "", hostPort),
		DNSRate:     read(v, "ROLLCALL_DNS_RATE", 900, wholeNumber),
		InFlight:    read(v, "ROLLCALL_IN_FLIGHT", 0, positive),
		Reserve:     read(v, "ROLLCALL_RESERVE", 5*time.Second, duration),
		MaxAge:      read(v, "ROLLCALL_MAX_AGE", 5*time.Minute, duration),
		CloudWatch:  read(v, "ROLLCALL_CLOUDWATCH_ENDPOINT", "", webAddress),
		PageBucket:  read(v, "ROLLCALL_PAGE_BUCKET", "", bucket),
		RuntimeAPI:  read(v, "AWS_LAMBDA_RUNTIME_API", netip.AddrPort{}, runtimeAPI),
		Memory:      read(v, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 0, mebibytes),
		Concurrent:  read(v, "AWS_LAMBDA_MAX_CONCURRENCY", 1, positive),
	}
	if _, set := lookup("ROLLCALL_CANARY"); set {
		c.Canary = read(v, "ROLLCALL_CANARY", nil, target)
	} else {
		c.Canary, _ = target(standardCanary)
	}
	if len(v.problems) > 0 {
		return Config{}, &ConfigError{v.problems}
	}
	return c, nil
}

// variables reads the environment and gathers what is wrong with it.
type variables struct {
	lookup   func(string) (string, bool)
	problems []string
}

func (v *variables) text(name, standard string) string {
	if s, _ := v.lookup(name); s != "" {
		return s
	}
	return standard
}

func read[T any](v *variables, name string, standard T, parse func(string) (T, error)) T {
	s := strings.TrimSpace(v.text(name, ""))
	if s == "" {
		return standard
	}
	value, err := parse(s)
	if err != nil {
		v.problems = append(v.problems, fmt.Sprintf("%s: %v", name, err))
		return standard
	}
	return value
}

func namespace(s string) (string, error) { return s, metric.CheckNamespace(s) }

func wholeNumber(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is no whole number of 0 or more", s)
	}
	return n, nil
}

func positive(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no whole number of 1 or more", s)
	}
	return n, nil
}

func duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no duration (write 5s or 2m)", s)
	}
	return d, nil
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

// ParseNetwork reads a CIDR; an address alone is that address.
func ParseNetwork(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Prefix(addr.BitLen())
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no network (write 10.0.0.0/8, several with commas between)", s)
	}
	if prefix.Addr().Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), nil
}

// standardCanary answers any GET with the caller's address (AWS, "Allow list
// IP addresses": checkip.amazonaws.com).
const standardCanary = "https://checkip.amazonaws.com"

func target(text string) (*check.Target, error) {
	p, err := plan.ParseURLs([]string{text})
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
		return "", fmt.Errorf("%q is no host and port (write 10.0.0.2:53)", s)
	}
	return s, nil
}

func webAddress(s string) (string, error) {
	if u, err := url.Parse(s); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return "", fmt.Errorf("%q is no URL of an endpoint (write https://host)", s)
	}
	return s, nil
}

// bucket refuses what S3 does not allow in a name (S3 User Guide, "General
// purpose bucket naming rules"), as far as characters and length go.
func bucket(s string) (string, error) {
	const ends, inside = "abcdefghijklmnopqrstuvwxyz0123456789", ".-"
	if len(s) < 3 || len(s) > 63 || strings.Trim(s, ends+inside) != "" || strings.Trim(s, inside) != s {
		return "", fmt.Errorf("%q is no name of a bucket (3 to 63 of a-z, 0-9, . and -)", s)
	}
	return s, nil
}

// runtimeAPI reads where Lambda's own API is. Its host is an address in
// Lambda; a name can only be this machine's own here.
func runtimeAPI(s string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(s)
	n, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || n == 0 {
		return netip.AddrPort{}, fmt.Errorf("%q is no host and port", s)
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
		return 0, fmt.Errorf("%q is no number of MiB", s)
	}
	return n << 20, nil
}
