package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
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
func (r *rig) rollcall(ctx context.Context, j job) (usage, []reported, error) {
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
	env := append(r.testnetEnv(), "LAMBDA_TASK_ROOT="+r.dir)
	if j.inFlight > 0 {
		env = append(env, fmt.Sprintf("ROLLCALL_IN_FLIGHT=%d", j.inFlight))
	}
	began, spent := time.Now(), time.Duration(0)
	f, err := testnet.StartFunction(ctx, script, append(env, j.env...))
	if err != nil {
		return usage{}, nil, err
	}
	defer f.Stop()
	event := fmt.Sprintf(`{"source": "hosts.txt", "metrics": "group", "defaults": {"retries": 0, "timeout": "%.0fs"}}`, clientTimeout.Seconds())
	if j.again {
		if _, err := f.Invoke(ctx, []byte(event), invocation); err != nil {
			return usage{}, nil, err
		}
		if spent, err = cpuOf(f.Pid()); err != nil {
			return usage{}, nil, err
		}
		j.restart()
		began = time.Now()
	}
	result, err := f.Invoke(ctx, []byte(event), invocation)
	if err != nil {
		return usage{}, nil, err
	}
	wall := time.Since(began)
	if result.ErrorType != "" {
		return usage{}, nil, fmt.Errorf("%s: %s\n%s", result.ErrorType, result.ErrorMessage, f.Stderr())
	}
	exit := f.Stop()
	checks, err := readSummary(result.Payload, len(j.urls))
	return usage{Wall: wall, CPU: exit.CPU - spent, Peak: exit.PeakMemory}, checks, err
}

// cpuOf is what a process has taken of its processors so far, to a hundredth
// of a second (proc_pid_stat(5)).
func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("reading the processor time of %d: %q", pid, text)
	}
	var ticks int64
	for _, field := range fields[11:13] { // user and system
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	const second = 100 // ticks, on every Linux that Go runs on
	return time.Duration(ticks) * time.Second / second, nil
}

// readSummary reads a summary. Results that are up are left out where a result may
// not hold all: of those it only says that they are up.
func readSummary(payload []byte, targets int) ([]reported, error) {
	var s monitor.Summary
	if err := json.Unmarshal(payload, &s); err != nil {
		return nil, err
	}
	if s.Targets != targets {
		return nil, fmt.Errorf("the summary speaks of %d targets, not %d", s.Targets, targets)
	}
	var all []reported
	up := 0
	for _, res := range s.Results {
		t := reported{Check: peer.Check{URL: res.URL, Duration: res.Duration}, unsure: res.Unsure, uncertainty: res.Uncertainty}
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
		all = append(all, reported{})
	}
	return all, nil
}
