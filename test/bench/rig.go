package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"rollcall/test/meter"

	"rollcall/internal/testnet"
)

// A rig is the test network with its meters, and what it takes to run clients there.
type rig struct {
	settings
	testnet *testnet.Net
	plain   *meter.Meter // responds after hold
	trickle *meter.Meter // the same, and its bodies come in pieces
	prompt  *meter.Meter // responds at once
	dir     string       // what is written for the clients
	self    string       // this program
	log     io.Writer    // says what runs
}

// trickled is how long a body takes that comes in pieces.
const trickled = 40 * time.Millisecond

func newRig(s settings) (*rig, error) {
	// The origins' memory is not measured, their core's time is scarce.
	debug.SetGCPercent(400)
	r := &rig{settings: s, log: os.Stderr}
	if err := r.open(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *rig) open() (err error) {
	if r.bin, err = filepath.Abs(r.bin); err != nil {
		return err
	}
	if r.self, err = os.Executable(); err != nil {
		return err
	}
	if r.dir, err = os.MkdirTemp("", "rollcall-bench-"); err != nil {
		return err
	}
	if r.testnet, err = testnet.Start(testnet.Options{Servers: lapsed()}); err != nil {
		return err
	}
	if r.plain, err = meter.New(r.testnet, "bench.stage.test", meter.Options{Hold: hold}); err != nil {
		return err
	}
	if r.trickle, err = meter.New(r.testnet, "trickle.stage.test", meter.Options{Hold: hold, Trickle: trickled}); err != nil {
		return err
	}
	r.prompt, err = meter.New(r.testnet, "prompt.stage.test", meter.Options{})
	return err
}

// Close ends the test network and removes what was written.
func (r *rig) Close() error {
	var errs []error
	if r.testnet != nil {
		errs = append(errs, r.testnet.Close())
	}
	if r.dir != "" {
		errs = append(errs, os.RemoveAll(r.dir))
	}
	return errors.Join(errs...)
}

func (r *rig) say(format string, args ...any) { fmt.Fprintf(r.log, format+"\n", args...) }

// write writes a file for the clients and returns its path.
func (r *rig) write(name, text string) (string, error) {
	path := filepath.Join(r.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o755)
}

// urls are those of a meter's first n hosts.
func urls(m *meter.Meter, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("https://%s:%d/", m.Host(i), m.Port())
	}
	return all
}

// environment is what every client gets beside its own.
func (r *rig) environment() []string {
	root := ""
	env := append(os.Environ(), r.testnetEnv()...)
	for _, entry := range env {
		if path, ok := strings.CutPrefix(entry, "SSL_CERT_FILE="); ok {
			root = path
		}
	}
	return append(env, "REQUESTS_CA_BUNDLE="+root, "CURL_CA_BUNDLE="+root, "BENCH_HERE=1", "PYTHONDONTWRITEBYTECODE=1",
		"AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench", "AWS_REGION=eu-central-1")
}

// testnetEnv is the test network's environment, without the system's own roots:
// every client reads the test network's root and no other.
func (r *rig) testnetEnv() []string {
	return append(r.testnet.Env(), "SSL_CERT_DIR="+filepath.Join(r.dir, "no-roots"))
}

// launcher is the command that starts a client where clients run, under
// Lambda's limit of descriptors; group as launch has it.
func (r *rig) launcher(group string) []string {
	core := clientCore
	if cores() < 2 {
		core = -1
	}
	return []string{r.self, launchCommand, "-core", strconv.Itoa(core), "-descriptors", strconv.Itoa(lambdaDescriptors), "-group", group}
}

// A usage is what a client's process took.
type usage struct {
	Wall, CPU time.Duration
	Peak      int64 // bytes
}

// A process is a client that runs.
type process struct {
	cmd     *exec.Cmd
	began   time.Time
	ended   chan struct{} // closed by wait
	watched chan int64    // its peak of memory, once
	errors  bytes.Buffer
}

// start starts a program as a client. wait must be called.
func (r *rig) start(ctx context.Context, stdout io.Writer, program string, args ...string) (*process, error) {
	argv := append(append(r.launcher(""), program), args...)
	p := &process{cmd: exec.CommandContext(ctx, argv[0], argv[1:]...), ended: make(chan struct{}), watched: make(chan int64, 1)}
	p.cmd.Env, p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = r.environment(), r.dir, stdout, &p.errors
	p.cmd.WaitDelay = time.Second
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.watch()
	return p, nil
}

// watch samples the peak of memory: what the kernel tells of an ended process
// has in it what this process had when it forked.
func (p *process) watch() {
	const often = 20 * time.Millisecond
	tick := time.NewTicker(often)
	defer tick.Stop()
	var peak int64
	for {
		peak = max(peak, testnet.ResidentPeak(p.cmd.Process.Pid))
		select {
		case <-p.ended:
			p.watched <- peak
			return
		case <-tick.C:
		}
	}
}

// wait waits for the process's end and says what it took. A status other than
// 0 is not an error if it is one of allowed.
func (p *process) wait(allowed ...int) (usage, error) {
	err := p.cmd.Wait()
	u := usage{Wall: time.Since(p.began), CPU: p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()}
	close(p.ended)
	u.Peak = <-p.watched
	for _, code := range allowed {
		if p.cmd.ProcessState.ExitCode() == code {
			return u, nil
		}
	}
	if err != nil {
		return u, fmt.Errorf("%s: %w\n%s", strings.Join(p.cmd.Args, " "), err, p.errors.String())
	}
	return u, nil
}

// stop ends a process that serves.
func (p *process) stop() (usage, error) {
	p.cmd.Process.Signal(syscall.SIGTERM)
	u, err := p.wait(0, -1)
	return u, err
}
