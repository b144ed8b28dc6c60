package hostile

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"rollcall/internal/testnet"
	"rollcall/test/cgroup"
)

const wholeCore = 1769 // MB with which Lambda gives one virtual CPU

// each is how many faulty servers there are, and as many honest ones; deadline is
// the template's for runs a minute apart.
var each, deadline = 1000, 50 * time.Second

// TestCrowds runs the compiled function, in a control group with the memory and
// the CPU of Lambda's sizes, over each kind of faulty servers among as many
// honest ones: it responds in time, no honest target is anything but up, and
// the kernel kills nothing. BOOTSTRAP is the function; it takes root. Short, it is all
// kinds together, with the least and the most memory.
func TestCrowds(t *testing.T) {
	program := os.Getenv("BOOTSTRAP")
	if program == "" {
		t.Skip("make hostile")
	}
	if n, err := strconv.Atoi(os.Getenv("CROWD")); err == nil {
		each = n
	}
	if d, err := time.ParseDuration(os.Getenv("CROWD_DEADLINE")); err == nil {
		deadline = d
	}
	kinds := crowds()
	all := kind{name: "all of them"}
	var servers []testnet.Server
	for _, k := range kinds {
		for _, s := range k.servers {
			s.Name = "*." + s.Name
			servers = append(servers, s)
		}
	}
	handlers := map[string]http.Handler{}
	for _, h := range honests() {
		handlers["*."+h.name+".stage.test"] = h.handler
	}
	n, err := testnet.Start(testnet.Options{Servers: servers, Handlers: handlers})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	var table []string
	for _, megabytes := range []int{128, 512, wholeCore} {
		for _, k := range append(kinds, all) {
			if testing.Short() && (len(k.servers) > 0 || megabytes == 512) {
				continue
			}
			t.Run(fmt.Sprintf("%s, %d MB", k.name, megabytes), func(t *testing.T) {
				table = append(table, crowd(t, n, program, k, megabytes))
			})
		}
	}
	t.Log("\n" + strings.Join(table, "\n"))
}

// core is how much of one the function has. CROWD_CPU=lambda: as much as Lambda gives.
// crowd makes one run, and returns it as a line.
func crowd(t *testing.T, n *testnet.Net, program string, k kind, megabytes int) string {
	core := 1.0
	if os.Getenv("CROWD_CPU") == "lambda" {
		core = min(1, float64(megabytes)/wholeCore)
	}
	group, err := cgroup.New(core, int64(megabytes)<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer group.Close()
	script := "#!/bin/sh\nulimit -n 1024\n"
	for _, dir := range filepath.SplitList(group.Path()) {
		script += fmt.Sprintf("echo $$ > '%s/cgroup.procs'\n", dir)
	}
	launcher := filepath.Join(t.TempDir(), "function")
	if err := os.WriteFile(launcher, []byte(script+"exec '"+program+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := testnet.StartFunction(t.Context(), launcher, append(n.Env(), fmt.Sprint("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=", megabytes)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Stop()
	event, err := n.Event(k.event())
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	result, err := f.Invoke(t.Context(), event, deadline)
	took := time.Since(began)
	exit := f.Stop()
	usage, usageErr := group.Usage()
	if err != nil || usageErr != nil || result.ErrorType != "" {
		t.Fatalf("after %v: %v, %v, %s %s\n%.3000s", took, err, usageErr, result.ErrorType, result.ErrorMessage, f.Stderr())
	}
	if took > deadline || usage.Kills > 0 || usage.Memory > int64(megabytes)<<20 {
		t.Errorf("the response came after %v, with %d kills and %d bytes", took, usage.Kills, usage.Memory)
	}
	var s struct {
		Healthy   bool
		Warnings  []string
		Published struct{ Lost int }
		Results   []struct {
			Name, Group, State, Reason, Detail string
			Duration, LocalDelay               float64 // ms
		}
	}
	if err := json.Unmarshal(result.Payload, &s); err != nil {
		t.Fatal(err)
	}
	reasons, wrong := map[string]int{}, 0
	for _, r := range s.Results {
		if r.Group == "faulty" {
			reasons[r.Reason]++
		} else if r.State != "up" {
			if wrong++; wrong <= 5 {
				t.Errorf("%s: %s for %s: %s, after %.0f ms, without our own delay of %.0f ms", r.Name, r.State, r.Reason, r.Detail, r.Duration, r.LocalDelay)
			}
		}
	}
	if len(s.Results) != 2*each || wrong > 0 || s.Published.Lost > 0 {
		t.Errorf("%d results; %d honest targets are not up; %d datums are lost", len(s.Results), wrong, s.Published.Lost)
	}
	line := fmt.Sprintf("%6d MB  %-18s  %5.1f s  CPU %5.1f s  peak %6.1f MB (group %6.1f)  honest not up: %d  %v",
		megabytes, k.name, took.Seconds(), exit.CPU.Seconds(), float64(exit.PeakMemory)/1e6, float64(usage.Memory)/1e6, wrong, reasons)
	t.Log(line)
	t.Logf("healthy %v; log %d lines; %v", s.Healthy, len(f.Stdout()), s.Warnings)
	return line
}

// event lists the servers of a kind, all kinds if it has none, and between two of
// them an honest one.
func (k kind) event() []byte {
	type target map[string]any
	var bad []target
	add := func(k kind, s testnet.Server, i int) {
		t := target{"name": fmt.Sprintf("faulty-%d", i), "url": fmt.Sprintf("https://n%d.%s.stage.test/", i, s.Name), "group": "faulty"}
		for name, value := range k.settings {
			t[name] = value
		}
		bad = append(bad, t)
	}
	kinds := []kind{k}
	if len(k.servers) == 0 {
		kinds = crowds()
	}
	for i := range each {
		of := kinds[i%len(kinds)]
		add(of, of.servers[i/len(kinds)%len(of.servers)], i)
	}
	var urls []target
	good := honests()
	for i, b := range bad {
		h := good[i%len(good)]
		t := target{"name": fmt.Sprintf("honest-%d", i), "url": fmt.Sprintf("https://n%d.%s.stage.test/", i, h.name), "group": "honest"}
		for name, value := range h.settings {
			t[name] = value
		}
		urls = append(urls, b, t)
	}
	event := map[string]any{"urls": urls, "metrics": "group"}
	if testing.Short() {
		event["defaults"] = map[string]any{"timeout": "5s", "retries": 0}
	}
	text, err := json.Marshal(event)
	if err != nil {
		panic(err) // what is here can be encoded
	}
	return text
}
