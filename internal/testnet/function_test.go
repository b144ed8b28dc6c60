package testnet

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

const functionSwitch = "STAGE_TEST_FUNCTION"

// A brokenError is an error with a type that operators can tell.
type brokenError struct{}

func (brokenError) Error() string { return "broken on purpose" }

// runFunction is the test's Lambda function, in its own process.
func runFunction(name string) {
	fmt.Println("starting", name)
	var options []lambda.Option
	if name == "sigterm" {
		options = append(options, lambda.WithEnableSIGTERM(func() {
			fmt.Println("asked to end")
			os.Exit(7)
		}))
	}
	lambda.StartWithOptions(handle, options...)
}

func handle(ctx context.Context, event json.RawMessage) (any, error) {
	deadline, _ := ctx.Deadline()
	lc, _ := lambdacontext.FromContext(ctx)
	switch string(event) {
	case `"fail"`:
		return nil, brokenError{}
	case `"panic"`:
		panic("on purpose")
	case `"large"`:
		return strings.Repeat("x", MaxPayload), nil
	case `"exit"`:
		os.Exit(3)
	case `"hang"`:
		select {}
	}
	fmt.Fprintln(os.Stderr, "to standard error")
	dir, err := os.Getwd()
	return map[string]any{
		"event": event, "id": lc.AwsRequestID, "arn": lc.InvokedFunctionArn,
		"left": time.Until(deadline).Seconds(), "env": os.Environ(), "dir": dir,
	}, err
}

func startFunction(t *testing.T, env ...string) *Function {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := StartFunction(t.Context(), path, append([]string{functionSwitch + "=plain"}, env...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Stop() })
	return f
}

func invokeEvent(t *testing.T, f *Function, event string) Result {
	t.Helper()
	a, err := f.Invoke(t.Context(), []byte(event), time.Minute)
	if err != nil {
		t.Fatalf("Invoke(%s): %v", event, err)
	}
	return a
}

func TestColdStartEndsWithTheFirstQuestionForAnEvent(t *testing.T) {
	began := time.Now()
	f := startFunction(t)
	took, err := f.ColdStart(t.Context())
	if err != nil || took <= 0 || took > time.Since(began) {
		t.Errorf("ColdStart = %v, %v", took, err)
	}
	invokeEvent(t, f, `{}`) // which asks for another event later
	if again, err := f.ColdStart(t.Context()); again != took || err != nil {
		t.Errorf("asked again: ColdStart = %v, %v, want %v", again, err, took)
	}
}

func TestColdStartOfAFunctionThatEnds(t *testing.T) {
	path, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	f, err := StartFunction(t.Context(), path, []string{"LAMBDA_TASK_ROOT=" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Stop()
	if took, err := f.ColdStart(t.Context()); err == nil {
		t.Errorf("ColdStart = %v of a function that never asked", took)
	}
}

func TestFunctionRunsAsInLambda(t *testing.T) {
	t.Setenv("STAGE_TEST_SECRET", "of the parent")
	dir := t.TempDir()
	f := startFunction(t, "LAMBDA_TASK_ROOT="+dir, "EXTRA=1")
	a := invokeEvent(t, f, `{"x": 1}`)
	var got struct {
		Event   map[string]int
		ID, ARN string
		Left    float64
		Env     []string
		Dir     string
	}
	if err := json.Unmarshal(a.Payload, &got); err != nil {
		t.Fatalf("%+v: %v", a, err)
	}
	if got.Event["x"] != 1 || got.ID != a.RequestID || got.ARN != functionARN || got.Left < 50 || got.Left > 60 {
		t.Errorf("the function saw %+v", got)
	}
	if same(t, got.Dir, dir) && !slices.Contains(got.Env, "EXTRA=1") {
		t.Errorf("the caller's variables are not in %q", got.Env)
	}
	for _, name := range []string{"AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "_HANDLER", "PATH"} {
		if last(got.Env, name) == "" {
			t.Errorf("%s is not set", name)
		}
	}
	if last(got.Env, "STAGE_TEST_SECRET") != "" || last(got.Env, "HOME") != "" {
		t.Errorf("the parent's environment is in %q", got.Env)
	}
	exit := f.Stop()
	if exit.Signal != syscall.SIGTERM || exit.Code != -1 || exit.PeakMemory < 1<<20 || exit != f.Stop() {
		t.Errorf("Stop = %+v", exit)
	}
	if got := f.Stdout(); !slices.Equal(got, []string{"starting plain"}) || !strings.Contains(f.Stderr(), "to standard error") {
		t.Errorf("standard output %q, standard error %q", got, f.Stderr())
	}
}

// same reports whether two paths are one directory.
func same(t *testing.T, a, b string) bool {
	t.Helper()
	x, err := os.Stat(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.Stat(b)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(x, y) {
		t.Errorf("the function works in %s, want %s", a, b)
	}
	return true
}

func TestFunctionErrors(t *testing.T) {
	f := startFunction(t)
	if a := invokeEvent(t, f, `"fail"`); a.ErrorType != "brokenError" || a.ErrorMessage != "broken on purpose" || a.Payload != nil {
		t.Errorf("fail: %+v", a)
	}
	if a := invokeEvent(t, f, `1`); a.ErrorType != "" || len(a.Payload) == 0 {
		t.Errorf("after an error: %+v", a)
	}
	if a := invokeEvent(t, f, `"panic"`); a.ErrorType != "string" || a.ErrorMessage != "on purpose" {
		t.Errorf("panic: %+v", a)
	}
	<-f.Done()
	if a := invokeEvent(t, f, `1`); a.ErrorType != "Runtime.ExitError" {
		t.Errorf("after a panic: %+v", a)
	}
	if exit := f.Stop(); exit.Code != 1 || exit.Signal != 0 {
		t.Errorf("Stop = %+v", exit)
	}
}

func TestFunctionReturnsTooMuch(t *testing.T) {
	t.Parallel()
	f := startFunction(t)
	if a := invokeEvent(t, f, `"large"`); a.ErrorType != "Function.ResponseSizeTooLarge" {
		t.Errorf("large: %s: %s, %d bytes", a.ErrorType, a.ErrorMessage, len(a.Payload))
	}
}

func TestFunctionEndsWithoutAResult(t *testing.T) {
	f := startFunction(t)
	if a := invokeEvent(t, f, `"exit"`); a.ErrorType != "Runtime.ExitError" || !strings.Contains(a.ErrorMessage, "exit status 3") {
		t.Errorf("exit: %+v", a)
	}
}

func TestFunctionIsAskedToEnd(t *testing.T) {
	f := startFunction(t, functionSwitch+"=sigterm")
	invokeEvent(t, f, `1`)
	if exit := f.Stop(); exit.Code != 7 {
		t.Errorf("Stop = %+v, want the function's own exit", exit)
	}
	if got := f.Stdout(); got[len(got)-1] != "asked to end" {
		t.Errorf("standard output %q", got)
	}
}

func TestFunctionIsKilledWithItsContext(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	f, err := StartFunction(ctx, path, []string{functionSwitch + "=plain"})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Stop()
	var group sync.WaitGroup
	group.Go(func() {
		if a, err := f.Invoke(t.Context(), []byte(`"hang"`), time.Minute); err != nil || a.ErrorType != "Runtime.ExitError" {
			t.Errorf("Invoke = %+v (%v)", a, err)
		}
	})
	cancel()
	group.Wait()
	<-f.Done()
	if exit := f.Stop(); exit.Signal != syscall.SIGKILL {
		t.Errorf("Stop = %+v", exit)
	}
}

func TestFunctionThatCannotStart(t *testing.T) {
	if _, err := StartFunction(t.Context(), t.TempDir()+"/nothing", nil); err == nil || !strings.Contains(err.Error(), "starting the function") {
		t.Errorf("StartFunction = %v", err)
	}
}

// A function's memory is its own: the process that starts it may be larger.
func TestPeakMemoryIsTheFunctions(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	const ours = 200 << 20
	ballast := make([]byte, ours)
	for i := 0; i < len(ballast); i += 1 << 12 {
		ballast[i] = 1
	}
	f := startFunction(t)
	invokeEvent(t, f, `1`)
	if peak := f.Stop().PeakMemory; peak < 1<<20 || peak >= ours && runtime.GOOS == "linux" {
		t.Errorf("the function took %d bytes at most, beside our own %d", peak, len(ballast))
	}
	runtime.KeepAlive(ballast)
}
