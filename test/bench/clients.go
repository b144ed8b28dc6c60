package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"rollcall/test/meter"

	"rollcall/test/bench/peer"
)

// The clients' names, as the table has them.
const (
	nameLimit    = "bare TLS handshake (the limit)"
	nameRollcall = "Rollcall, as it comes"
	nameAgain    = "Rollcall, the same hosts again"
	nameFull     = "Rollcall, 1,000 at once"
	nameTrickled = "Rollcall, 1,000 at once, bodies that trickle"
	namePool     = "plain Go pool, net/http's defaults"
	nameWorkers  = "aiohttp, one session, 900 workers"
	nameArticle  = "aiohttp, a session a URL, gather"
	nameRequests = "requests, one after the other"
	nameCurl     = "curl -Z"
	nameBlackbox = "blackbox_exporter"
)

// The highest numbers of checks at once that work under 1,024 descriptors.
const (
	limitInFlight    = 100 // nothing is waited for
	fullInFlight     = 1000
	poolInFlight     = 450
	workersInFlight  = 900
	curlInFlight     = 200 // more, and some never get a connection
	blackboxInFlight = 480 // two descriptors a probe
)

// A client checks the first hosts of a meter, a number at once, and returns what
// it used and what it found.
type client struct {
	name     string
	inFlight int // 0: its own choice
	check    func(r *rig, ctx context.Context, j job) (usage, []reported, error)
}

// A job is what a client has to do.
type job struct {
	urls     []string
	inFlight int
	env      []string // for Rollcall
	group    string   // control group, for Rollcall
	again    bool     // of Rollcall: a second run of the same process counts, as a monitor's next minute
	restart  func()   // begins the measurement again
}

// clients are those of the table, in its order.
func (r *rig) clients() []client {
	return []client{
		{nameLimit, limitInFlight, lines("handshake")},
		{nameRollcall, 0, (*rig).rollcall},
		{nameAgain, 0, again},
		{nameFull, fullInFlight, (*rig).rollcall},
		{namePool, poolInFlight, lines("pool")},
		{nameBlackbox, blackboxInFlight, (*rig).blackbox},
		{nameWorkers, workersInFlight, (*rig).workers},
		{nameCurl, curlInFlight, (*rig).curl},
		{nameArticle, r.hosts, (*rig).gather},
		{nameRequests, 1, (*rig).oneByOne},
	}
}

// again is Rollcall in its second run.
func again(r *rig, ctx context.Context, j job) (usage, []reported, error) {
	j.again = true
	return r.rollcall(ctx, j)
}

// sample is how many hosts a client that checks them one after the other gets:
// a hundredth, but enough to say something of.
func (r *rig) sample(c client) int {
	if c.name == nameRequests {
		return min(r.hosts, max(r.hosts/100, 20))
	}
	return r.hosts
}

// measure lets a client check the first n hosts of a meter.
func (r *rig) measure(ctx context.Context, c client, m *meter.Meter, n int, j job) (*Outcome, error) {
	r.say("%s: %d hosts", c.name, n)
	j.urls, j.inFlight = urls(m, n), c.inFlight
	time.Sleep(time.Second) // ports of the one before may be used again
	var before time.Duration
	var began time.Time
	j.restart = func() {
		m.Take()
		before, began = ownCPU(), time.Now()
	}
	j.restart()
	u, checks, err := c.check(r, ctx, j)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	origins := float64(ownCPU()-before) / float64(time.Since(began))
	waits, most := m.Take()
	o := &Outcome{Client: c.name, InFlight: c.inFlight, Held: most, Checks: n, Origins: origins}
	o.fail(checks)
	o.took(u)
	o.compare(checks, waits)
	return o, nil
}

// ownCPU is what this process has taken of its core so far.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// lines is a peer of our own: one that uses package peer.
func lines(program string) func(*rig, context.Context, job) (usage, []reported, error) {
	return func(r *rig, ctx context.Context, j job) (usage, []reported, error) {
		list, err := r.write("urls.txt", strings.Join(j.urls, "\n"))
		if err != nil {
			return usage{}, nil, err
		}
		var out bytes.Buffer
		p, err := r.start(ctx, &out, filepath.Join(r.bin, "peers", program), "-urls", list, "-in-flight", strconv.Itoa(j.inFlight),
			"-dns", r.testnet.Resolver.Addr().String(), "-timeout", clientTimeout.String())
		if err != nil {
			return usage{}, nil, err
		}
		u, err := p.wait()
		if err != nil {
			return u, nil, err
		}
		checks, err := parseLines(out.String())
		return u, checks, err
	}
}

// clientTimeout is every client's timeout: nothing on the test network takes as long.
const clientTimeout = time.Minute

func parseLines(text string) ([]reported, error) {
	var all []reported
	for line := range strings.Lines(text) {
		c, err := peer.Parse(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, err
		}
		all = append(all, reported{Check: c})
	}
	return all, nil
}

// script runs one of the Python peers.
func (r *rig) script(ctx context.Context, j job, name string, args ...string) (usage, []reported, error) {
	list, err := r.write("urls.txt", strings.Join(j.urls, "\n"))
	if err != nil {
		return usage{}, nil, err
	}
	script, err := filepath.Abs(filepath.Join("test", "bench", "peers", name))
	if err != nil {
		return usage{}, nil, err
	}
	python, err := filepath.Abs(r.python)
	if err != nil {
		return usage{}, nil, err
	}
	out := filepath.Join(r.dir, "lines.txt")
	p, err := r.start(ctx, nil, python, append([]string{script, "--urls", list, "--lines", out}, args...)...)
	if err != nil {
		return usage{}, nil, err
	}
	u, err := p.wait()
	if err != nil {
		return u, nil, err
	}
	text, err := os.ReadFile(out)
	if err != nil {
		return u, nil, err
	}
	checks, err := parseLines(string(text))
	return u, checks, err
}

func (r *rig) workers(ctx context.Context, j job) (usage, []reported, error) {
	return r.script(ctx, j, "workers.py", "--in-flight", strconv.Itoa(j.inFlight))
}

func (r *rig) gather(ctx context.Context, j job) (usage, []reported, error) {
	return r.script(ctx, j, "article.py", "--only", "async")
}

func (r *rig) oneByOne(ctx context.Context, j job) (usage, []reported, error) {
	return r.script(ctx, j, "article.py", "--only", "sync")
}

// curlFormat is a line as package peer has it, except the seconds and a
// column more: of the request's leaving and of the first byte.
const curlFormat = `%{url}\t%{http_code}\t%{errormsg}\t%{time_total}\t%{time_pretransfer}\t%{time_starttransfer}\n`

// curl gets all URLs by a configuration file, and the one address.
func (r *rig) curl(ctx context.Context, j job) (usage, []reported, error) {
	var config strings.Builder
	for _, url := range j.urls {
		fmt.Fprintf(&config, "url = %q\noutput = /dev/null\n", url)
	}
	path, err := r.write("curl.txt", config.String())
	if err != nil {
		return usage{}, nil, err
	}
	_, port, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(j.urls[0], "https://"), "/"), ":")
	var out bytes.Buffer
	p, err := r.start(ctx, &out, "curl", "--disable", "--silent", "--parallel", "--parallel-max", strconv.Itoa(j.inFlight),
		"--resolve", "*:"+port+":127.0.0.1", "--max-time", fmt.Sprint(clientTimeout.Seconds()), "--write-out", curlFormat, "--config", path)
	if err != nil {
		return usage{}, nil, err
	}
	u, err := p.wait(curlFailures...)
	if err != nil {
		return u, nil, err
	}
	checks, err := parseCurl(out.String())
	return u, checks, err
}

// curlFailures are curl's exit codes when the last transfer that failed could
// not connect, was timed out, was reset, or had a broken handshake (curl(1)).
var curlFailures = []int{7, 28, 35, 52, 55, 56}

func parseCurl(text string) ([]reported, error) {
	var all []reported
	for line := range strings.Lines(text) {
		columns := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(columns) != 6 {
			return nil, fmt.Errorf("%q has %d columns, not 6", line, len(columns))
		}
		var seconds [3]time.Duration
		for i := range seconds {
			s, err := strconv.ParseFloat(columns[3+i], 64)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", line, err)
			}
			seconds[i] = time.Duration(s * float64(time.Second))
		}
		c := peer.Check{URL: columns[0], Failure: columns[2], Duration: seconds[0], First: seconds[2] - seconds[1]}
		if c.Failure == "" && columns[1] != "200" {
			c.Failure = columns[1]
		}
		all = append(all, reported{Check: c})
	}
	return all, nil
}
