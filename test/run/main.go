// Run runs the compiled function: it sends it events exactly as Lambda would,
// and prints the results.
//
//	make run                  the events of the project, on the test network
//	make run EVENT=my.json    your own targets; only AWS is imitated
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"rollcall/internal/monitor"
	"rollcall/internal/testnet"
)

// invocation is how long Lambda would give the function: the template's
// default.
const invocation = 50 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := perform(ctx, os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
}

// perform runs events of the user's own, or the built-in ones.
func perform(ctx context.Context, w io.Writer, events []string) (err error) {
	tn, err := testnet.Start(testnet.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tn.Close()) }()
	s := &runner{w: w, testnet: tn}
	if len(events) > 0 {
		return s.runOwn(ctx, events)
	}
	return s.runBuiltIn(ctx)
}

// A runner runs events with the CloudWatch of a test network.
type runner struct {
	w       io.Writer
	testnet *testnet.Net
}

// A run is one event and its results.
type run struct {
	event   string
	summary monitor.Summary
	datums  []testnet.Datum
}

// runBuiltIn runs the built-in events, all at once and then one after the other.
func (s *runner) runBuiltIn(ctx context.Context) error {
	s.printf("%s", introduction)
	var atOnce, oneByOne []run
	for _, event := range []string{"events/gafam.json", "events/demo.json"} {
		run, err := s.invoke(ctx, event, s.testnet.Event, s.testnet.Env())
		if err != nil {
			return err
		}
		s.targets(run)
		atOnce = append(atOnce, run)
	}
	for _, run := range atOnce {
		s.metrics(run)
	}
	for _, run := range atOnce {
		slow, err := s.invoke(ctx, run.event, s.testnet.Event, append(s.testnet.Env(), "ROLLCALL_IN_FLIGHT=1"))
		if err != nil {
			return err
		}
		oneByOne = append(oneByOne, slow)
	}
	s.times(atOnce, oneByOne)
	s.printf("%s", next)
	return nil
}

// runOwn runs the user's events against the real world.
func (s *runner) runOwn(ctx context.Context, events []string) error {
	var all []run
	for _, event := range events {
		run, err := s.invoke(ctx, event, unchanged, []string{"ROLLCALL_CLOUDWATCH_ENDPOINT=" + s.testnet.CloudWatch.URL()})
		if err != nil {
			return err
		}
		s.targets(run)
		all = append(all, run)
	}
	for _, run := range all {
		s.metrics(run)
	}
	s.times(all, nil)
	return nil
}

// unchanged leaves an event as it is.
func unchanged(event []byte) ([]byte, error) { return event, nil }

// invoke starts a function and sends it one event, as adapt changes it: for the
// test network, its URLs get the ports of their servers.
func (s *runner) invoke(ctx context.Context, event string, adapt func([]byte) ([]byte, error), env []string) (run, error) {
	data, err := os.ReadFile(event)
	if err != nil {
		return run{}, fmt.Errorf("reading the event: %w", err)
	}
	if data, err = adapt(data); err != nil {
		return run{}, fmt.Errorf("%s: %w", event, err)
	}
	root, err := filepath.Abs(".")
	if err != nil {
		return run{}, err
	}
	f, err := testnet.StartFunction(ctx, "bin/bootstrap", append(env, "LAMBDA_TASK_ROOT="+root))
	if err != nil {
		return run{}, err
	}
	defer f.Stop()
	before := len(s.testnet.CloudWatch.Accepted())
	result, err := f.Invoke(ctx, data, invocation)
	if err != nil {
		return run{}, err
	}
	if result.ErrorType != "" {
		return run{}, fmt.Errorf("%s: the function failed with %s: %s", event, result.ErrorType, result.ErrorMessage)
	}
	run := run{event: event, datums: s.testnet.CloudWatch.Accepted()[before:]}
	return run, json.Unmarshal(result.Payload, &run.summary)
}

func (s *runner) printf(format string, args ...any) { fmt.Fprintf(s.w, format, args...) }
