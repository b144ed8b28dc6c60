// Run shows the product at work: it hands events to the compiled function
// exactly as Lambda would, and prints for a person what came of it.
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
	st, err := testnet.Start(testnet.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	s := &show{w: w, stage: st}
	if len(events) > 0 {
		return s.own(ctx, events)
	}
	return s.demo(ctx)
}

// A show is one evening on the stage.
type show struct {
	w     io.Writer
	stage *testnet.Net
}

// A scene is one event and what came of it.
type scene struct {
	event   string
	summary monitor.Summary
	datums  []testnet.Datum
}

// demo runs the built-in events, all at once and then one after the other.
func (s *show) demo(ctx context.Context) error {
	s.printf("%s", opening)
	var atOnce, oneByOne []scene
	for _, event := range []string{"events/gafam.json", "events/demo.json"} {
		sc, err := s.play(ctx, event, s.stage.Event, s.stage.Env())
		if err != nil {
			return err
		}
		s.targets(sc)
		atOnce = append(atOnce, sc)
	}
	for _, sc := range atOnce {
		s.metrics(sc)
	}
	for _, sc := range atOnce {
		slow, err := s.play(ctx, sc.event, s.stage.Event, append(s.stage.Env(), "ROLLCALL_IN_FLIGHT=1"))
		if err != nil {
			return err
		}
		oneByOne = append(oneByOne, slow)
	}
	s.times(atOnce, oneByOne)
	s.printf("%s", next)
	return nil
}

// own runs the user's events against the real world.
func (s *show) own(ctx context.Context, events []string) error {
	var all []scene
	for _, event := range events {
		sc, err := s.play(ctx, event, unchanged, []string{"ROLLCALL_CLOUDWATCH_ENDPOINT=" + s.stage.CloudWatch.URL()})
		if err != nil {
			return err
		}
		s.targets(sc)
		all = append(all, sc)
	}
	for _, sc := range all {
		s.metrics(sc)
	}
	s.times(all, nil)
	return nil
}

// unchanged leaves an event as it is.
func unchanged(event []byte) ([]byte, error) { return event, nil }

// play hands one event to a fresh function, adapted to where it plays: on the
// stage it gets the ports that the stage's servers have.
func (s *show) play(ctx context.Context, event string, adapt func([]byte) ([]byte, error), env []string) (scene, error) {
	data, err := os.ReadFile(event)
	if err != nil {
		return scene{}, fmt.Errorf("reading the event: %w", err)
	}
	if data, err = adapt(data); err != nil {
		return scene{}, fmt.Errorf("%s: %w", event, err)
	}
	root, err := filepath.Abs(".")
	if err != nil {
		return scene{}, err
	}
	f, err := testnet.StartFunction(ctx, "bin/bootstrap", append(env, "LAMBDA_TASK_ROOT="+root))
	if err != nil {
		return scene{}, err
	}
	defer f.Stop()
	before := len(s.stage.CloudWatch.Accepted())
	answer, err := f.Invoke(ctx, data, invocation)
	if err != nil {
		return scene{}, err
	}
	if answer.ErrorType != "" {
		return scene{}, fmt.Errorf("%s: the function failed with %s: %s", event, answer.ErrorType, answer.ErrorMessage)
	}
	sc := scene{event: event, datums: s.stage.CloudWatch.Accepted()[before:]}
	return sc, json.Unmarshal(answer.Payload, &sc.summary)
}

func (s *show) printf(format string, args ...any) { fmt.Fprintf(s.w, format, args...) }
