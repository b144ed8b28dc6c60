package monitor

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"rollcall/internal/metric"
)

// environment is a lookup of what a map holds.
func environment(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		s, ok := variables[name]
		return s, ok
	}
}

// defaults is the configuration of an empty environment.
func defaults(t *testing.T) Config {
	t.Helper()
	c, err := Configure(environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConfigureDefaults(t *testing.T) {
	got := defaults(t)
	if c := got.Canary; c == nil || c.URL.String() != "https://checkip.amazonaws.com/" || c.Invalid != "" {
		t.Errorf("canary %+v", c)
	}
	got.Canary = nil
	want := Config{
		Namespace: "Rollcall", Profile: metric.ProfileTarget, TargetLimit: 1000, DNSRate: 900,
		Reserve: 5 * time.Second, MaxAge: 5 * time.Minute, Concurrent: 1,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestConfigure(t *testing.T) {
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
		{"ROLLCALL_ALLOW", "10.1.2.3/8", func(c *Config) { c.Allow = prefixes("10.0.0.0/8") }},
		{"ROLLCALL_ALLOW", "127.0.0.1, fd00::/8,::1", func(c *Config) { c.Allow = prefixes("127.0.0.1/32", "fd00::/8", "::1/128") }},
		{"ROLLCALL_DNS", "10.0.0.2:53", func(c *Config) { c.DNS = "10.0.0.2:53" }},
		{"ROLLCALL_DNS", "[fd00::2]:53", func(c *Config) { c.DNS = "[fd00::2]:53" }},
		{"ROLLCALL_DNS", "resolver.internal:5353", func(c *Config) { c.DNS = "resolver.internal:5353" }},
		{"ROLLCALL_DNS_RATE", "0", func(c *Config) { c.DNSRate = 0 }},
		{"ROLLCALL_DNS_RATE", "100", func(c *Config) { c.DNSRate = 100 }},
		{"ROLLCALL_IN_FLIGHT", "12", func(c *Config) { c.InFlight = 12 }},
		{"ROLLCALL_RESERVE", "1500ms", func(c *Config) { c.Reserve = 1500 * time.Millisecond }},
		{"ROLLCALL_RESERVE", "0s", func(c *Config) { c.Reserve = 0 }},
		{"ROLLCALL_MAX_AGE", "2m", func(c *Config) { c.MaxAge = 2 * time.Minute }},
		{"ROLLCALL_CLOUDWATCH_ENDPOINT", "http://127.0.0.1:4566", func(c *Config) { c.CloudWatch = "http://127.0.0.1:4566" }},
		{"ROLLCALL_CLOUDWATCH_ENDPOINT", "https://vpce-1.monitoring.eu-west-1.vpce.amazonaws.com",
			func(c *Config) { c.CloudWatch = "https://vpce-1.monitoring.eu-west-1.vpce.amazonaws.com" }},
		{"ROLLCALL_PAGE_BUCKET", "roll-pages-1a2b", func(c *Config) { c.PageBucket = "roll-pages-1a2b" }},
		{"AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001", func(c *Config) { c.RuntimeAPI = netip.MustParseAddrPort("127.0.0.1:9001") }},
		{"AWS_LAMBDA_RUNTIME_API", "localhost:9001", func(c *Config) { c.RuntimeAPI = netip.MustParseAddrPort("127.0.0.1:9001") }},
		{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769", func(c *Config) { c.Memory = 1769 << 20 }},
		{"ROLLCALL_CANARY", "", func(c *Config) { c.Canary = nil }},
		{"ROLLCALL_CANARY", "  ", func(c *Config) { c.Canary = nil }},
	} {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			got, err := Configure(environment(map[string]string{test.name: test.value}))
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

func TestConfigureCanary(t *testing.T) {
	c, err := Configure(environment(map[string]string{"ROLLCALL_CANARY": "http://canary.internal/health"}))
	if err != nil || c.Canary.URL.String() != "http://canary.internal/health" {
		t.Errorf("canary %v, error %v", c.Canary, err)
	}
}

// Set but empty is the default, as a template's empty parameter comes.
func TestConfigureEmpty(t *testing.T) {
	want := defaults(t)
	for _, empty := range []string{"", " "} {
		variables := map[string]string{}
		for name := range wrong() {
			if name != "ROLLCALL_CANARY" {
				variables[name] = empty
			}
		}
		got, err := Configure(environment(variables))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v\nwant %+v", empty, got, want)
		}
	}
}

// wrong holds values that each variable refuses, and what it says.
func wrong() map[string]map[string]string {
	const whole, many = " is no whole number of 0 or more", " is no whole number of 1 or more"
	const span, address = " is no duration (write 5s or 2m)", " is no host and port (write 10.0.0.2:53)"
	const cidr = " is no network (write 10.0.0.0/8, several with commas between)"
	const noBucket = " is no name of a bucket (3 to 63 of a-z, 0-9, . and -)"
	const endpoint = " is no URL of an endpoint (write https://host)"
	return map[string]map[string]string{
		"ROLLCALL_NAMESPACE": {
			"AWS/Lambda": `"AWS/Lambda" begins as AWS's own do`, ":colon": `":colon" begins as AWS's own do`,
			"Größe": `"Größe" has characters that are no printable ASCII`, strings.Repeat("n", 256): "has 256 characters and may have 255",
		},
		"ROLLCALL_METRICS":      {"all": `"all" is no profile of metrics: it must be group, target or phases`},
		"ROLLCALL_TARGET_LIMIT": {"-1": `"-1"` + whole, "many": `"many"` + whole, "1.5": `"1.5"` + whole},
		"ROLLCALL_ALLOW": {
			"10.0.0.0/33": `"10.0.0.0/33"` + cidr, "10.0.0.0/8;::1": `"10.0.0.0/8;::1"` + cidr,
			"10.0.0.0/8,": `""` + cidr, "localhost": `"localhost"` + cidr,
		},
		"ROLLCALL_DNS": {
			"10.0.0.2": `"10.0.0.2"` + address, ":53": `":53"` + address, "10.0.0.2:0": `"10.0.0.2:0"` + address,
			"10.0.0.2:domain": `"10.0.0.2:domain"` + address, "::1:53": `"::1:53"` + address,
		},
		"ROLLCALL_DNS_RATE":  {"fast": `"fast"` + whole},
		"ROLLCALL_IN_FLIGHT": {"0": `"0"` + many, "-3": `"-3"` + many, "x": `"x"` + many},
		"ROLLCALL_RESERVE":   {"5": `"5"` + span, "-1s": `"-1s"` + span, "soon": `"soon"` + span},
		"ROLLCALL_MAX_AGE":   {"5 minutes": `"5 minutes"` + span},
		"ROLLCALL_CLOUDWATCH_ENDPOINT": {
			"localhost:4566": `"localhost:4566"` + endpoint, "https://": `"https://"` + endpoint, "ftp://host": `"ftp://host"` + endpoint,
		},
		"ROLLCALL_PAGE_BUCKET": {
			"My_Pages": `"My_Pages"` + noBucket, "a/b": `"a/b"` + noBucket, "..": `".."` + noBucket, strings.Repeat("p", 64): `"` + strings.Repeat("p", 64) + `"` + noBucket,
		},
		"ROLLCALL_CANARY":                 {"ftp://canary": "url: is neither http nor https (write https://…)"},
		"AWS_LAMBDA_RUNTIME_API":          {"9001": `"9001" is no host and port`, "127.0.0.1:0": `"127.0.0.1:0" is no host and port`},
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": {"1 GB": `"1 GB" is no number of MiB`, "-1": `"-1" is no number of MiB`},
	}
}

func TestConfigureWrong(t *testing.T) {
	for name, values := range wrong() {
		for value, want := range values {
			_, err := Configure(environment(map[string]string{name: value}))
			want = "Rollcall's configuration is not valid:\n" + name + ": " + want
			if err == nil || err.Error() != want {
				t.Errorf("%s=%s: got %v\nwant %s", name, value, err, want)
			}
		}
	}
}

func TestConfigureAllProblemsAtOnce(t *testing.T) {
	variables := map[string]string{}
	for name, values := range wrong() {
		for value := range values {
			variables[name] = value
		}
	}
	got, err := Configure(environment(variables))
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
