package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/testnet"
	"rollcall/test/bench/peer"
)

// invocation is the longest that Lambda lets a function run.
const invocation = 15 * time.Minute

// rollcall invokes the function once, as it would be deployed: the list is a
// file of its package, one URL a line.
func (r *rig) rollcall(ctx context.Context, j job) (usage, []told, error) {
	if _, err := r.write("hosts.txt", strings.Join(j.urls, "\n")); err != nil {
		return usage{}, nil, err
	}
	launcher := r.launcher(j.group)
	for i, word := range launcher {
		launcher[i] = "'" + word + "'"
	}
	script, err := r.write("function", fmt.Sprintf("#!/bin/sh\nexec %s '%s/bootstrap'\n", strings.Join(launcher, " "), r.bin))
	if err != nil {
		return usage{}, nil, err
	}
	env := append(r.stageEnv(), "LAMBDA_TASK_ROOT="+r.dir)
	if j.inFlight > 0 {
		env = append(env, fmt.Sprintf("ROLLCALL_IN_FLIGHT=%d", j.inFlight))
	}
	began := time.Now()
	f, err := testnet.StartFunction(ctx, script, append(env, j.env...))
	if err != nil {
		return usage{}, nil, err
	}
	defer f.Stop()
	event := fmt.Sprintf(`{"source": "hosts.txt", "metrics": "group", "defaults": {"retries": 0, "timeout": "%.0fs"}}`, patience.Seconds())
	answer, err := f.Invoke(ctx, []byte(event), invocation)
	if err != nil {
		return usage{}, nil, err
	}
	wall := time.Since(began)
	if answer.ErrorType != "" {
		return usage{}, nil, fmt.Errorf("%s: %s\n%s", answer.ErrorType, answer.ErrorMessage, f.Stderr())
	}
	exit := f.Stop()
	checks, err := toldBy(answer.Payload, len(j.urls))
	return usage{Wall: wall, CPU: exit.CPU, Peak: exit.PeakMemory}, checks, err
}

// toldBy reads a summary. Results that are up are left out where an answer may
// not hold all: of those it says that they are up and no more.
func toldBy(payload []byte, targets int) ([]told, error) {
	var s monitor.Summary
	if err := json.Unmarshal(payload, &s); err != nil {
		return nil, err
	}
	if s.Targets != targets {
		return nil, fmt.Errorf("the summary speaks of %d targets, not %d", s.Targets, targets)
	}
	var all []told
	up := 0
	for _, res := range s.Results {
		t := told{Check: peer.Check{URL: res.URL, Duration: res.Duration}, unsure: res.Unsure, uncertainty: res.Uncertainty}
		if res.State == check.Up {
			up++
			t.First, t.process = res.Phases.FirstByte, res.Duration+res.LocalDelay
			t.connect = max(0, res.Phases.Connect)
		} else {
			t.Failure = res.Reason.String() + ": " + res.Detail
		}
		all = append(all, t)
	}
	for range s.Up - up {
		all = append(all, told{})
	}
	return all, nil
}
