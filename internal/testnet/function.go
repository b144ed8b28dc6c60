package testnet

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	handlerName   = "bootstrap"
	functionGrace = 2 * time.Second // what Lambda gives a function between SIGTERM and SIGKILL
)

// A Function is a compiled bootstrap that runs as Lambda runs it: as a process
// with its own runtime API and nothing in its environment but what Lambda and
// the caller put there.
type Function struct {
	runtime *Runtime
	cmd     *exec.Cmd
	started time.Time
	ended   context.Context // ends with the process
	stdout  *output
	stderr  *output

	sample sync.Once
	peak   int64 // resident set in bytes, sampled while the process ran; 0 if not known
}

// An Exit says how a function's process ended.
type Exit struct {
	Code       int            // -1 if a signal ended it
	Signal     syscall.Signal // 0 if none did
	PeakMemory int64          // its largest resident set until Stop, in bytes; 0 if not known
	CPU        time.Duration  // user and system
}

// StartFunction starts the program at path. env ("NAME=value") comes after
// Lambda's variables and wins over them; the process works in LAMBDA_TASK_ROOT,
// by default the program's directory. When ctx ends the process is killed. Stop
// must be called.
func StartFunction(ctx context.Context, path string, env []string) (*Function, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	runtime, err := NewRuntime()
	if err != nil {
		return nil, fmt.Errorf("starting the runtime API: %w", err)
	}
	ended, end := context.WithCancel(context.Background())
	f := &Function{runtime: runtime, ended: ended, stdout: &output{}, stderr: &output{}}
	f.cmd = exec.CommandContext(ctx, path)
	f.cmd.Env = append(lambdaEnv(path, runtime.Addr()), env...)
	f.cmd.Dir = last(f.cmd.Env, "LAMBDA_TASK_ROOT")
	f.cmd.Stdout, f.cmd.Stderr = f.stdout, f.stderr
	f.cmd.WaitDelay = functionGrace
	f.started = time.Now()
	if err := f.cmd.Start(); err != nil {
		end()
		return nil, errors.Join(fmt.Errorf("starting the function: %w", err), runtime.Close())
	}
	go func() {
		f.cmd.Wait() // its error is in ProcessState
		end()
	}()
	return f, nil
}

// lambdaEnv is what Lambda sets for a function on provided.al2023, with made-up
// credentials.
func lambdaEnv(path, runtimeAPI string) []string {
	return []string{
		"AWS_LAMBDA_RUNTIME_API=" + runtimeAPI,
		"AWS_LAMBDA_FUNCTION_NAME=" + functionName,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1769",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + functionName,
		"AWS_LAMBDA_LOG_STREAM_NAME=testnet",
		"AWS_REGION=eu-central-1",
		"AWS_DEFAULT_REGION=eu-central-1",
		"AWS_ACCESS_KEY_ID=ASIAEXAMPLE",
		"AWS_SECRET_ACCESS_KEY=made-up",
		"AWS_SESSION_TOKEN=made-up",
		"LAMBDA_TASK_ROOT=" + filepath.Dir(path),
		"LAMBDA_RUNTIME_DIR=/var/runtime",
		"_HANDLER=" + handlerName,
		"PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin",
		"LANG=en_US.UTF-8",
		"TZ=:UTC",
	}
}

// last is the value of the last entry for a variable.
func last(env []string, name string) string {
	value := ""
	for _, entry := range env {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}

// Invoke hands the function an event and waits for its result, as
// [Runtime.Invoke] does. If the process ends first, the result's ErrorType is
// "Runtime.ExitError".
func (f *Function) Invoke(ctx context.Context, event []byte, timeout time.Duration) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(f.ended, func() { cancel(errExited) })()
	result, err := f.runtime.Invoke(ctx, event, timeout)
	if errors.Is(err, errExited) {
		message := fmt.Sprintf("Runtime exited: %v", f.cmd.ProcessState)
		return Result{ErrorType: "Runtime.ExitError", ErrorMessage: message}, nil
	}
	return result, err
}

var errExited = errors.New("the function's process ended")

// ColdStart waits until the function asks for its first event, and returns how
// long that took from the start of its process.
func (f *Function) ColdStart(ctx context.Context) (time.Duration, error) {
	select {
	case <-f.runtime.ready:
		return f.runtime.asked.Sub(f.started), nil
	case <-f.runtime.failed:
		return 0, errors.New(f.runtime.initialError("").ErrorMessage)
	case <-f.ended.Done():
		return 0, errExited
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// Runtime returns the function's own runtime API.
func (f *Function) Runtime() *Runtime { return f.runtime }

// Pid returns the process's id.
func (f *Function) Pid() int { return f.cmd.Process.Pid }

// Signal sends the process a signal.
func (f *Function) Signal(s os.Signal) error { return f.cmd.Process.Signal(s) }

// Done returns a channel that is closed when the process has ended.
func (f *Function) Done() <-chan struct{} { return f.ended.Done() }

// Stop sends SIGTERM, then SIGKILL if the process is still there two seconds
// later, ends the runtime API and says how the process ended. Asked again it
// says the same.
func (f *Function) Stop() Exit {
	f.sample.Do(func() { f.peak = ResidentPeak(f.Pid()) })
	f.Signal(syscall.SIGTERM) // fails if it has ended already
	timer := time.NewTimer(functionGrace)
	defer timer.Stop()
	select {
	case <-f.ended.Done():
	case <-timer.C:
		f.cmd.Process.Kill()
		<-f.ended.Done()
	}
	f.runtime.Close()
	state := f.cmd.ProcessState
	return Exit{
		Code: state.ExitCode(), Signal: exitSignal(state), PeakMemory: cmp.Or(f.peak, peakMemory(state)),
		CPU: state.UserTime() + state.SystemTime(),
	}
}

// ResidentPeak returns the largest resident set so far of a process that runs,
// where /proc has it (proc_pid_status(5)), else 0. Unlike wait4(2)'s of
// an ended process it is the program's alone: that has in it what the parent
// had when it forked.
func ResidentPeak(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if kilobytes, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kilobytes), "kB")), 10, 64)
			return n * 1024
		}
	}
	return 0
}

// Stdout returns the whole lines that the process has written so far, without
// their ends.
func (f *Function) Stdout() []string { return f.stdout.lines() }

// Stderr returns what the process has written to standard error so far.
func (f *Function) Stderr() string { return f.stderr.String() }

// An output is a buffer for one goroutine that writes and others that read.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write keeps p.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// String returns all that was written.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// lines returns the lines that are complete.
func (o *output) lines() []string {
	text := o.String()
	end := strings.LastIndexByte(text, '\n')
	if end < 0 {
		return nil
	}
	return strings.Split(text[:end], "\n")
}
