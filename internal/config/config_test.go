package config

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/maintenance"
	"rollcall/internal/metric"
	"rollcall/internal/plan"
	"rollcall/internal/sweep"
)

// environment is a lookup of what a map holds.
func environment(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		s, ok := variables[name]
		return s, ok
	}
}

// defaults is the configuration of an environment without variables.
func defaults(t *testing.T) Config {
	t.Helper()
	c, err := Load(environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoadDefaults(t *testing.T) {
	got := defaults(t)
	if c := got.Canary; c == nil || c.URL != "https://checkip.amazonaws.com/" || c.Invalid != "" {
		t.Errorf("canary %+v", c)
	}
	got.Canary = nil
	checks, seconds := sweep.Capacity(0)
	want := Config{
		Namespace: "Rollcall", Profile: metric.ProfileTarget, TargetLimit: 1000, DNSRate: 900,
		InFlight: checks, PerHost: 16, SecondDials: seconds, Reserve: 5 * time.Second, MaxAge: 5 * time.Minute, TaskRoot: ".", Concurrent: 1,
		CheckMemory: sweep.Memory(0), Alert: check.Alert{Runs: 3, Window: 3}, Interval: time.Minute, Certificate: 14,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// windows is one maintenance, in UTC.
func windows(t *testing.T, cron string, length time.Duration) []maintenance.Window {
	t.Helper()
	w, err := maintenance.Repeated(cron, length, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return []maintenance.Window{w}
}

// TestMaintenanceAt: a time in a zone of its own.
func TestMaintenanceAt(t *testing.T) {
	c, err := Load(environment(map[string]string{"ROLLCALL_MAINTENANCE": "at(2027-01-31T22:00) PT2H Europe/Berlin"}))
	if err != nil {
		t.Fatal(err)
	}
	span, under := maintenance.At(c.Maintenance, time.Date(2027, 1, 31, 21, 30, 0, 0, time.UTC))
	if !under || span.Until != time.Date(2027, 1, 31, 23, 0, 0, 0, time.UTC) {
		t.Errorf("%v, %v", span, under)
	}
}

func TestLoad(t *testing.T) {
	prefixes := func(list ...string) (all []netip.Prefix) {
		for _, s := range list {
			all = append(all, netip.MustParsePrefix(s))
		}
		return all
	}
	for _, test := range []struct {
		name, value string
		set         func(*Config)
	}{
		{"ROLLCALL_NAMESPACE", "Shop/Roll call", func(c *Config) { c.Namespace = "Shop/Roll call" }},
		{"ROLLCALL_METRICS", "phases", func(c *Config) { c.Profile = metric.ProfilePhases }},
		{"ROLLCALL_METRICS", "group", func(c *Config) { c.Profile = metric.ProfileGroup }},
		{"ROLLCALL_TARGET_LIMIT", "0", func(c *Config) { c.TargetLimit = 0 }},
		{"ROLLCALL_TARGET_LIMIT", " 7 ", func(c *Config) { c.TargetLimit = 7 }},
		{"ROLLCALL_ENV", "A, B@B.Example.,C@*.c.example,D@[::1],_@bücher.example,E@*", func(c *Config) {
			c.Grants = plan.Grants{{Kind: plan.Env, Name: "A", Host: "*"}, {Kind: plan.Env, Name: "B", Host: "b.example"}, {Kind: plan.Env, Name: "C", Host: "*.c.example"}, {Kind: plan.Env, Name: "D", Host: "::1"},
				{Kind: plan.Env, Name: "_", Host: "xn--bcher-kva.example"}, {Kind: plan.Env, Name: "E", Host: "*"}}
		}},
		{"ROLLCALL_PARAMETERS", "/shop/token@*.shop.example.com, plain@a.example,arn:aws:ssm:eu-west-1:123456789012:parameter/x@*", func(c *Config) {
			c.Grants = plan.Grants{{Kind: plan.Parameter, Name: "/shop/token", Host: "*.shop.example.com"}, {Kind: plan.Parameter, Name: "plain", Host: "a.example"},
				{Kind: plan.Parameter, Name: "arn:aws:ssm:eu-west-1:123456789012:parameter/x", Host: "*"}}
		}},
		{"ROLLCALL_SECRETS", "shop/api@shop.example.com,me@home@*", func(c *Config) {
			c.Grants = plan.Grants{{Kind: plan.Secret, Name: "shop/api", Host: "shop.example.com"}, {Kind: plan.Secret, Name: "me@home", Host: "*"}}
		}},
		{"ROLLCALL_ALLOW", "10.1.2.3/8", func(c *Config) { c.Guard.Allow = prefixes("10.0.0.0/8") }},
		{"ROLLCALL_ALLOW", "::ffff:10.0.0.0/104", func(c *Config) { c.Guard.Allow = prefixes("10.0.0.0/8") }},
		{"ROLLCALL_ALLOW", "127.0.0.1, fd00::/8,::1", func(c *Config) { c.Guard.Allow = prefixes("127.0.0.1/32", "fd00::/8", "::1/128") }},
		{"ROLLCALL_DNS", "10.0.0.2:53", func(c *Config) { c.DNS = "10.0.0.2:53" }},
		{"ROLLCALL_DNS", "[fd00::2]:53", func(c *Config) { c.DNS = "[fd00::2]:53" }},
		{"ROLLCALL_DNS", "resolver.internal:5353", func(c *Config) { c.DNS = "resolver.internal:5353" }},
		{"ROLLCALL_DNS_RATE", "0", func(c *Config) { c.DNSRate = 0 }},
		{"ROLLCALL_DNS_RATE", "100", func(c *Config) { c.DNSRate = 100 }},
		{"ROLLCALL_IN_FLIGHT", "12", func(c *Config) { c.InFlight = 12 }},
		{"ROLLCALL_PER_HOST", "3", func(c *Config) { c.PerHost = 3 }},
		{"ROLLCALL_RESERVE", "1500ms", func(c *Config) { c.Reserve = 1500 * time.Millisecond }},
		{"ROLLCALL_RESERVE", "0s", func(c *Config) { c.Reserve = 0 }},
		{"ROLLCALL_MAX_AGE", "2m", func(c *Config) { c.MaxAge = 2 * time.Minute }},
		{"ROLLCALL_CLOUDWATCH_ENDPOINT", "http://127.0.0.1:4566", func(c *Config) { c.CloudWatch = "http://127.0.0.1:4566" }},
		{"ROLLCALL_CLOUDWATCH_ENDPOINT", "https://vpce-1.monitoring.eu-west-1.vpce.amazonaws.com",
			func(c *Config) { c.CloudWatch = "https://vpce-1.monitoring.eu-west-1.vpce.amazonaws.com" }},
		{"ROLLCALL_PAGE_BUCKET", "roll-pages-1a2b", func(c *Config) { c.Bucket = "roll-pages-1a2b" }},
		{"ROLLCALL_BUCKET", "roll-1a2b", func(c *Config) { c.Bucket = "roll-1a2b" }},
		{"ROLLCALL_TOPIC", "arn:aws:sns:us-east-1:123456789012:alerts", func(c *Config) { c.Topic = "arn:aws:sns:us-east-1:123456789012:alerts" }},
		{"ROLLCALL_GROUP_TOPIC", "arn:aws-cn:sns:cn-north-1:123456789012:x", func(c *Config) { c.GroupTopic = "arn:aws-cn:sns:cn-north-1:123456789012:x" }},
		{"ROLLCALL_ALERT", "2/3", func(c *Config) { c.Alert = check.Alert{Runs: 2, Window: 3} }},
		{"ROLLCALL_INTERVAL", "15", func(c *Config) { c.Interval = 15 * time.Minute }},
		{"ROLLCALL_CERTIFICATE_DAYS", "0", func(c *Config) { c.Certificate = 0 }},
		{"ROLLCALL_MAINTENANCE", "cron(0 2 * * SUN) P1DT90M", func(c *Config) { c.Maintenance = windows(t, "cron(0 2 * * SUN)", 25*time.Hour+30*time.Minute) }},
		{"ROLLCALL_HEARTBEAT_URL", "https://hc.example/abc", func(c *Config) { c.Heartbeat = "https://hc.example/abc" }},
		{"AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001", func(c *Config) { c.Guard.RuntimeAPI = netip.MustParseAddrPort("127.0.0.1:9001") }},
		{"AWS_LAMBDA_RUNTIME_API", "localhost:9001", func(c *Config) { c.Guard.RuntimeAPI = netip.MustParseAddrPort("127.0.0.1:9001") }},
		{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128", func(c *Config) {
			c.Memory = 128 << 20
			c.InFlight, c.SecondDials = sweep.Capacity(c.Memory)
			c.CheckMemory = sweep.Memory(c.Memory)
		}},
		{"AWS_LAMBDA_MAX_CONCURRENCY", "3", func(c *Config) { c.Concurrent, c.InFlight = 3, c.InFlight/3 }},
		{"AWS_LAMBDA_MAX_CONCURRENCY", "1000000", func(c *Config) { c.Concurrent, c.InFlight = 1000000, 1 }},
		{"LAMBDA_TASK_ROOT", "/var/task", func(c *Config) { c.TaskRoot = "/var/task" }},
		{"ROLLCALL_CANARY", "", func(c *Config) { c.Canary = nil }},
		{"ROLLCALL_CANARY", "  ", func(c *Config) { c.Canary = nil }},
	} {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			got, err := Load(environment(map[string]string{test.name: test.value}))
			if err != nil {
				t.Fatal(err)
			}
			want := defaults(t)
			test.set(&want)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestLoadCanary(t *testing.T) {
	c, err := Load(environment(map[string]string{"ROLLCALL_CANARY": "http://canary.internal/health"}))
	if err != nil || c.Canary.URL != "http://canary.internal/health" {
		t.Errorf("canary %v, error %v", c.Canary, err)
	}
}

// Set but empty is the default, as a template's empty parameter comes.
func TestLoadEmpty(t *testing.T) {
	want := defaults(t)
	for _, empty := range []string{"", " "} {
		variables := map[string]string{}
		for name := range wrong() {
			if name != "ROLLCALL_CANARY" {
				variables[name] = empty
			}
		}
		got, err := Load(environment(variables))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v\nwant %+v", empty, got, want)
		}
	}
}

// wrong holds values that each variable refuses, and the problem.
func wrong() map[string]map[string]string {
	invalid := func(what, hint string, values ...string) map[string]string {
		problems := map[string]string{}
		for _, value := range values {
			problems[value] = fmt.Sprintf("invalid %s %q (%s)", what, value, hint)
		}
		return problems
	}
	const network = `invalid network %q (for example 10.0.0.0/8; several are separated by commas)`
	namespaces := map[string]string{}
	for _, value := range []string{"AWS/Lambda", ":colon", "Größe", strings.Repeat("n", 256)} {
		namespaces[value] = metric.CheckNamespace(value).Error()
	}
	_, profile := metric.ParseProfile("all")
	return map[string]map[string]string{
		"ROLLCALL_NAMESPACE":    namespaces,
		"ROLLCALL_METRICS":      {"all": profile.Error()},
		"ROLLCALL_TARGET_LIMIT": invalid("integer", "at least 0", "-1", "many", "1.5"),
		"ROLLCALL_ENV": invalid("variable", "NAME, NAME@host or NAME@*.example.com; several are separated by commas",
			"A-B", "@a.example", "A@", "A@a.*", "A@*.", "A@*a.example", "A@https://a.example", "1A@*"),
		"ROLLCALL_PARAMETERS": invalid("parameter", "NAME, NAME@host or NAME@*.example.com; several are separated by commas",
			"/x:3@*", "/x#y@*", "@a.example", "/x@", "/x y@*", "${ssm:/x}@*", "arn:aws:ssm:eu-west-1:123456789012:parameter/x:3@*"),
		"ROLLCALL_SECRETS": invalid("secret", "NAME, NAME@host or NAME@*.example.com; several are separated by commas",
			"x#y@*", "@a.example", "x@", "x y@*", "me@home@"),
		"ROLLCALL_ALLOW": {
			"10.0.0.0/33": fmt.Sprintf(network, "10.0.0.0/33"), "10.0.0.0/8;::1": fmt.Sprintf(network, "10.0.0.0/8;::1"),
			"10.0.0.0/8,": fmt.Sprintf(network, ""), "localhost": fmt.Sprintf(network, "localhost"),
		},
		"ROLLCALL_DNS": invalid("address", "host:port, for example 10.0.0.2:53",
			"10.0.0.2", ":53", "10.0.0.2:0", "10.0.0.2:domain", "::1:53"),
		"ROLLCALL_DNS_RATE":            invalid("integer", "at least 0", "fast"),
		"ROLLCALL_CANARY":              {"ftp://canary": canary("ftp://canary")},
		"ROLLCALL_IN_FLIGHT":           invalid("integer", "at least 1", "0", "-3", "x"),
		"ROLLCALL_PER_HOST":            invalid("integer", "at least 1", "0", "-1", "all"),
		"ROLLCALL_RESERVE":             invalid("duration", "for example 5s or 2m", "5", "-1s", "soon"),
		"ROLLCALL_MAX_AGE":             invalid("duration", "for example 5s or 2m", "5 minutes"),
		"ROLLCALL_CLOUDWATCH_ENDPOINT": invalid("URL", "for example https://host", "localhost:4566", "https://", "ftp://host", "https://user@host"),
		"ROLLCALL_BUCKET": invalid("bucket name", "3 to 63 of a-z, 0-9, . and -",
			"My_Pages", "a/b", "..", "-ab", strings.Repeat("p", 64)),
		"ROLLCALL_TOPIC": invalid("topic", "for example arn:aws:sns:us-east-1:123456789012:alerts",
			"alerts", "arn:aws:sqs:us-east-1:123456789012:alerts", "arn:aws:sns:us-east-1::alerts", "arn:aws:sns:us-east-1:123456789012:alerts:x"),
		"ROLLCALL_GROUP_TOPIC":      invalid("topic", "for example arn:aws:sns:us-east-1:123456789012:alerts", "x"),
		"ROLLCALL_ALERT":            invalid("alert", "for example 2/3; at most 100 runs", "3", "0/3", "4/3", "1/101", "a/b", "1/2/3", "/3"),
		"ROLLCALL_INTERVAL":         invalid("integer", "at least 1", "0", "5m"),
		"ROLLCALL_CERTIFICATE_DAYS": invalid("integer", "at least 0", "-1", "x"),
		"ROLLCALL_MAINTENANCE": {
			"cron(0 2 * * SUN)":            maintenanceProblem("cron(0 2 * * SUN)", "it has no duration"),
			"cron(0 2 * * SUN) x":          maintenanceProblem("cron(0 2 * * SUN) x", `invalid duration "x" (for example 5s or 2m)`),
			"cron(0 2 * * SUN) PT1H Mars":  maintenanceProblem("cron(0 2 * * SUN) PT1H Mars", `unknown time zone "Mars" (for example UTC or Europe/Berlin)`),
			"cron(0 2 * * SUN) P16D":       maintenanceProblem("cron(0 2 * * SUN) P16D", "a window of 384h0m0s is out of range (1m to 360h)"),
			"at(2027-01-31T22:00) PT0M":    maintenanceProblem("at(2027-01-31T22:00) PT0M", "the end is not after the beginning"),
			"at(tomorrow) PT1H":            maintenanceProblem("at(tomorrow) PT1H", `parsing time "tomorrow" as "2006-01-02T15:04": cannot parse "tomorrow" as "2006"`),
			"cron(0 2 * * SUN) PT1H UTC x": maintenanceProblem("cron(0 2 * * SUN) PT1H UTC x", "it has no duration"),
		},
		"ROLLCALL_HEARTBEAT_URL":          invalid("URL", "for example https://host", "hc.example", "ftp://host"),
		"AWS_LAMBDA_RUNTIME_API":          invalid("address", "host:port", "9001", "127.0.0.1:0"),
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": invalid("number of MiB", "at least 1", "1 GB", "-1"),
		"AWS_LAMBDA_MAX_CONCURRENCY":      invalid("integer", "at least 1", "0"),
	}
}

func maintenanceProblem(value, why string) string {
	return fmt.Sprintf("invalid maintenance %q: %s (for example cron(0 2 * * SUN) PT2H Europe/Berlin)", value, why)
}

// canary is the problem of a target with that URL.
func canary(url string) string {
	p, err := plan.ParseURLs([]string{url}, plan.Inputs{})
	if err != nil {
		return err.Error()
	}
	return p.Targets[0].Invalid
}

func TestLoadWrong(t *testing.T) {
	for name, values := range wrong() {
		for value, want := range values {
			_, err := Load(environment(map[string]string{name: value}))
			want = "Rollcall's configuration is not valid:\n" + name + ": " + want
			if err == nil || err.Error() != want {
				t.Errorf("%s=%s: got %v\nwant %s", name, value, err, want)
			}
		}
	}
}

func TestLoadAllProblemsAtOnce(t *testing.T) {
	variables := map[string]string{}
	for name, values := range wrong() {
		for value := range values {
			variables[name] = value
		}
	}
	got, err := Load(environment(variables))
	problem, ok := errors.AsType[*ConfigError](err)
	if !ok {
		t.Fatalf("error %v", err)
	}
	for name := range variables {
		if n := strings.Count(err.Error(), "\n"+name+": "); n != 1 {
			t.Errorf("%s is named %d times in %v", name, n, err)
		}
	}
	if len(problem.Problems) != len(variables) || !reflect.DeepEqual(got, Config{}) {
		t.Errorf("%d problems, want %d; config %+v", len(problem.Problems), len(variables), got)
	}
}

// Every variable of Rollcall's refuses something, or a test of it is missing.
func TestEveryVariableIsTested(t *testing.T) {
	for _, v := range Variables() {
		if _, tested := wrong()[v.Name]; !tested && v.Name != "LAMBDA_TASK_ROOT" {
			t.Errorf("no wrong value of %s is tested", v.Name)
		}
	}
}

// contents reads a file as an event's source.
func contents(t *testing.T, c Config, name string) (string, error) {
	t.Helper()
	file, _, err := c.Sources()["file"](t.Context(), &url.URL{Path: name}, "")
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	return string(text), err
}

// No path and no link leads out of the directory.
func TestSources(t *testing.T) {
	outside, root := t.TempDir(), t.TempDir()
	for _, name := range []string{filepath.Join(outside, "secret.txt"), filepath.Join(root, "urls.txt")} {
		if err := os.WriteFile(name, []byte(filepath.Base(name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(outside, "secret.txt"), filepath.Join(root, "link.txt")); err != nil {
		t.Fatal(err)
	}
	c := Config{TaskRoot: root}
	if text, err := contents(t, c, "urls.txt"); err != nil || text != "urls.txt" {
		t.Errorf("%q, %v", text, err)
	}
	for _, name := range []string{"link.txt", "../secret.txt", "/etc/hosts"} {
		if text, err := contents(t, c, name); err == nil {
			t.Errorf("%s can be read: %q", name, text)
		}
	}
}

func TestSourcesOfTheWorkingDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("here.txt", []byte("here"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := contents(t, defaults(t), "here.txt"); err != nil || text != "here" {
		t.Errorf("the working directory: %q, %v", text, err)
	}
	if text, err := contents(t, Config{TaskRoot: "nowhere"}, "here.txt"); err == nil {
		t.Errorf("a directory that does not exist has %q", text)
	}
}

// Without Lambda's word on memory, Go's own limit stands in: for the checks at
// once as for what they hold.
func TestGoMemoryLimit(t *testing.T) {
	was := debug.SetMemoryLimit(64 << 20)
	defer debug.SetMemoryLimit(was)
	c, err := Load(environment(nil))
	if err != nil || c.CheckMemory != sweep.Memory(64<<20) || c.InFlight > int(c.CheckMemory/check.InFlight) {
		t.Errorf("%d checks hold %d bytes, error %v", c.InFlight, c.CheckMemory, err)
	}
	c, err = Load(environment(map[string]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769"}))
	if err != nil || c.CheckMemory != sweep.Memory(1769<<20) {
		t.Errorf("with Lambda's word they hold %d bytes, error %v", c.CheckMemory, err)
	}
}
