// Package config reads the environment variables that an operator sets, and
// reports all that is wrong with them at once. Both programs use it.
package config

import (
	"cmp"
	"crypto/x509"
	"errors"
	"io/fs"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/guard"
	"rollcall/internal/maintenance"
	"rollcall/internal/metric"
	"rollcall/internal/plan"
	"rollcall/internal/sweep"
)

// A Config is the values of all variables: what was set, else the defaults.
// Variables describes each.
type Config struct {
	Namespace   string
	Profile     metric.Profile
	TargetLimit int
	Guard       guard.Guard
	DNS         string        // host:port; "": as /etc/resolv.conf says
	DNSRate     int           // query packets a second; 0: unlimited
	Canary      *check.Target // nil: none
	InFlight    int           // >= 1
	PerHost     int           // how many of them at once of one host name and port, >= 1
	SecondDials int           // how many of the checks in flight may have a second socket, >= 1
	Reserve     time.Duration
	MaxAge      time.Duration
	CloudWatch  string      // endpoint; "": the AWS variables decide
	Bucket      string      // of S3; "": nothing is remembered, and no page is stored
	Topic       string      // an ARN that messages are published to; "": nobody is notified
	GroupTopic  string      // another one, for subscriptions by group; "": none
	Alert       check.Alert // when an incident opens, where neither the target nor its group says
	Interval    time.Duration
	Certificate int                  // the days before it expires at which a certificate is reported; 0: never
	Maintenance []maintenance.Window // of all targets
	Heartbeat   string               // a URL that is called after each good run; "": none
	Grants      plan.Grants          // which references may be used, and for which hosts

	TaskRoot   string // the directory below which sources are read
	Memory     int64  // bytes that Lambda gives; 0: unknown
	Concurrent int    // invocations that share the process, >= 1

	CheckMemory int64 // bytes that all checks may hold together, > 0
}

// A ConfigError lists what is wrong with the variables, one problem a line.
// Lambda reports the name of this type.
type ConfigError struct{ Problems []string }

// Error lists all problems.
func (e *ConfigError) Error() string {
	return "Rollcall's configuration is not valid:\n" + strings.Join(e.Problems, "\n")
}

// Load reads the variables. One that is unset or blank has its default, except
// that a blank ROLLCALL_CANARY means none. The error is a *ConfigError.
func Load(lookup func(name string) (string, bool)) (Config, error) {
	var c Config
	var problems []string
	for _, v := range c.variables() {
		value, set := lookup(v.Name)
		if old, there := lookup(v.Old); v.Old != "" && there && strings.TrimSpace(value) == "" {
			value, set = old, true
		}
		value = strings.TrimSpace(value)
		if value == "" && !(set && v.BlankIsNone) {
			value = v.Default
		}
		if value == "" {
			continue
		}
		if err := v.parse(value); err != nil {
			problems = append(problems, v.Name+": "+err.Error())
		}
	}
	if problem := wrongRoots(lookup); problem != "" {
		problems = append(problems, problem)
	}
	if len(problems) > 0 {
		return Config{}, &ConfigError{problems}
	}
	memory := cmp.Or(c.Memory, memoryLimit())
	checks, seconds := sweep.Capacity(memory)
	if c.InFlight == 0 {
		c.InFlight = max(1, checks/c.Concurrent)
	}
	c.SecondDials = seconds
	c.CheckMemory = sweep.Memory(memory)
	return c, nil
}

// rootsVariable is crypto/x509's, which ignores what is wrong with it: every
// certificate would be signed by an unknown authority.
const rootsVariable = "SSL_CERT_FILE"

// wrongRoots is the problem of a file of roots that has none; "": there is no
// problem.
func wrongRoots(lookup func(string) (string, bool)) string {
	file, _ := lookup(rootsVariable)
	if file == "" || runtime.GOOS == "darwin" || runtime.GOOS == "windows" { // which have a verifier of their own
		return ""
	}
	pem, err := os.ReadFile(file)
	switch {
	case err != nil:
		if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
			err = wrapped.Err
		}
		return rootsVariable + ": read " + file + ": " + err.Error()
	case !x509.NewCertPool().AppendCertsFromPEM(pem):
		return rootsVariable + ": " + file + " has no certificate (PEM, with BEGIN CERTIFICATE)"
	}
	return ""
}

// memoryLimit is what GOMEMLIMIT says; 0: nothing.
func memoryLimit() int64 {
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		return limit
	}
	return 0
}

// Sources opens what the source of an event names, by scheme: regular files
// below TaskRoot, which no path and no link leads out of. A program may add
// other schemes.
func (c Config) Sources() map[string]plan.Source {
	var files fs.FS // nil: there are none
	if root, err := os.OpenRoot(c.TaskRoot); err == nil {
		files = root.FS()
	}
	return map[string]plan.Source{"file": plan.Files(files)}
}
