package hostile

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rollcall/internal/testnet"
	"rollcall/internal/wire"
)

const (
	timeout = 300 * time.Millisecond
	beyond  = 200 * time.Millisecond // what a check may last beyond its timeout, and beyond what was late
	batch   = 60
)

// TestHostile checks random servers with the compiled program until the time of
// HOSTILE is over: each check ends in time, and so does the program. The seed of
// what fails is in its message; HOSTILE_SEED begins there.
func TestHostile(t *testing.T) {
	program, given := os.Getenv("ROLLCALL"), os.Getenv("HOSTILE")
	if program == "" || given == "" {
		t.Skip("make fuzz-hostile")
	}
	lasting, err := time.ParseDuration(given)
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano()) &^ 0xffff
	if text := os.Getenv("HOSTILE_SEED"); text != "" {
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d", seed)
	authority, err := testnet.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := authority.Leaf("127.0.0.1", testnet.Valid)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{*certificate}, NextProtos: []string{"h2", "http/1.1"}}
	var sum tally
	for end := time.Now().Add(lasting); time.Now().Before(end); seed += batch {
		checkBatch(t, program, seed, config, &sum)
		if t.Failed() {
			break
		}
	}
	t.Logf("%d checks, none beyond its timeout by more than %v, less what was late; by reason: %v", sum.checks, sum.longest, sum.reasons)
}

type tally struct {
	checks  int
	longest time.Duration // beyond the timeout, and what was late
	reasons map[string]int
}

// A summary is what the test reads of the program's.
type summary struct {
	Results []struct {
		Name, Reason, Detail string
		Duration, LocalDelay float64 // ms
	}
}

func checkBatch(t *testing.T, program string, seed uint64, config *tls.Config, sum *tally) {
	var process wire.Lateness
	process.Start()
	defer process.Stop()
	servers := map[string]*server{}
	type target struct {
		Name string `json:"name"`
		URL  string `json:"url"`
		HTTP string `json:"http"`
	}
	var event struct {
		Defaults map[string]any `json:"defaults"`
		URLs     []target       `json:"urls"`
	}
	event.Defaults = map[string]any{"timeout": timeout.String(), "retries": 0, "tls": map[string]any{"insecureSkipVerify": true}}
	for i := range uint64(batch) {
		s, err := start(seed+i, config)
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		name := fmt.Sprint(s.seed)
		servers[name] = s
		url, version := s.url()
		event.URLs = append(event.URLs, target{name, url, version})
	}
	text, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	cmd := exec.CommandContext(ctx, program, "check", "--event", file, "--allow", "127.0.0.0/8", "--in-flight", "10", "--format", "json")
	var said, complained bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &complained
	err = cmd.Run()
	var s summary
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended || json.Unmarshal(said.Bytes(), &s) != nil || len(s.Results) != batch {
		t.Errorf("seed %d: after %v the program says %v, %d results, and %.2000s", seed, time.Since(began), err, len(s.Results), &complained)
		return
	}
	// One that was given up and had ended by the end of the run was late for lack of
	// a CPU. What each took, less that, is looked at below.
	if text := strings.ReplaceAll(complained.String(), "still: 0)", ""); strings.Contains(text, "goroutine ") ||
		strings.Contains(text, "left behind") && strings.Contains(text, "still: ") {
		t.Errorf("seed %d: %.4000s", seed, text)
	}
	late := process.Since(began)
	for _, s := range servers {
		s.close() // so that each has noticed the end of its client
	}
	for _, r := range s.Results {
		ours := time.Duration(r.LocalDelay * 1e6)
		over := servers[r.Name].stay() - timeout - ours - late
		sum.checks++
		sum.longest = max(sum.longest, over)
		if sum.reasons == nil {
			sum.reasons = map[string]int{}
		}
		sum.reasons[r.Reason]++
		if over > beyond {
			t.Errorf("seed %s (%s): %s (%s), connected for %v; the timeout is %v, the program was %v late, this one at most %v",
				r.Name, servers[r.Name].kind, r.Reason, r.Detail, servers[r.Name].stay(), timeout, ours, late)
		}
		if r.Duration > float64(timeout.Milliseconds()) || r.Reason == "internal" || r.Reason == "deadline" {
			t.Errorf("seed %s (%s): %s (%s) after %v ms", r.Name, servers[r.Name].kind, r.Reason, r.Detail, r.Duration)
		}
	}
}
