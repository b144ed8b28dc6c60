package main

import (
	"context"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"rollcall/test/meter"

	"rollcall/internal/testnet"
)

// peers measures the table's clients, a number of rounds.
func (r *rig) peers(ctx context.Context, f *Figures) error {
	if err := r.prepare(r.hosts); err != nil {
		return err
	}
	for range r.rounds {
		var round Round
		for _, c := range r.clients() {
			if f.Machine.lacks(c.name) {
				continue
			}
			o, err := r.measure(ctx, c, r.plain, r.sample(c), job{})
			if err != nil {
				return err
			}
			round.Outcomes = append(round.Outcomes, *o)
		}
		o, err := r.measure(ctx, client{nameTrickled, fullInFlight, (*rig).rollcall}, r.trickle, r.hosts, job{})
		if err != nil {
			return err
		}
		round.Outcomes = append(round.Outcomes, *o)
		f.Rounds = append(f.Rounds, round)
	}
	return nil
}

// prepare makes certificates beforehand.
func (r *rig) prepare(hosts int) error {
	r.say("making %d certificates", hosts)
	for _, m := range []*meter.Meter{r.plain, r.trickle} {
		if err := m.Prepare(hosts); err != nil {
			return err
		}
	}
	return nil
}

// lacks reports whether a client can't run because something is not installed.
func (m Machine) lacks(client string) bool {
	word, _, _ := strings.Cut(strings.TrimSuffix(client, " -Z"), ",")
	for _, missing := range m.Missing {
		if strings.Contains(missing, word) {
			return true
		}
	}
	return false
}

// truth measures the errors of clients with ever more checks at once.
func (r *rig) truth(ctx context.Context, f *Figures) error {
	const most = 4000
	hosts := func(inFlight int) int { return min(10*inFlight, most, r.hosts) }
	if err := r.prepare(min(most, r.hosts)); err != nil {
		return err
	}
	f.Truth = nil
	lanes := []struct {
		client
		upTo int // more do not work
	}{
		{client{nameRollcall, 0, (*rig).rollcall}, fullInFlight},
		{client{namePool, 0, lines("pool")}, poolInFlight},
		{client{nameWorkers, 0, (*rig).workers}, workersInFlight},
	}
	for _, lane := range lanes {
		for _, inFlight := range []int{10, 30, 100, 200, 450, 900, 1000} {
			if inFlight > lane.upTo || f.Machine.lacks(lane.name) {
				continue
			}
			c := lane.client
			c.inFlight = inFlight
			o, err := r.measure(ctx, c, r.plain, hosts(inFlight), job{})
			if err != nil {
				return err
			}
			f.Truth = append(f.Truth, *o)
		}
	}
	return nil
}

// Many is what one invocation does with a hundred thousand hosts.
type Many struct {
	Outcome
	Few   Outcome // a thousand hosts, for comparison
	Bound float64 // seconds that it takes at least
}

// manyMemory is the size of the function, in MB.
const manyMemory = 512

// many checks a hundred thousand hosts in one invocation.
func (r *rig) many(ctx context.Context, f *Figures) error {
	if err := r.prepare(r.settings.many); err != nil {
		return err
	}
	c := client{nameRollcall, 0, (*rig).rollcall}
	j := job{env: []string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(manyMemory)}}
	few, err := r.measure(ctx, c, r.plain, min(fullInFlight, r.settings.many), j)
	if err != nil {
		return err
	}
	all, err := r.measure(ctx, c, r.plain, r.settings.many, j)
	if err != nil {
		return err
	}
	n, tail := float64(all.Checks), all.MeanChecks/1000
	bound := math.Max(n*all.CPU/1000, n*all.MeanChecks/1000/float64(max(all.Held, 1))) + tail
	f.Many = &Many{*all, *few, bound}
	return nil
}

// Starts are what it takes to begin, in ms; and the package's size in MB.
type Starts struct {
	Function, Plainest     Range // from the start of the process to its first question for an event
	Help, CurlHelp         Range
	Check, CurlCheck       Range // of one URL that responds at once
	Zip                    float64
	FunctionMB, PlainestMB float64 // the programs
}

// begun is how often each start is measured.
const begun = 100

// starts measures starts side by side, in turns.
func (r *rig) starts(ctx context.Context, f *Figures) error {
	r.say("starts, %d of each", begun)
	s := &Starts{}
	var installed [3]string
	for i, name := range []string{"bootstrap", filepath.Join("peers", "plainest"), "rollcall"} {
		var err error
		if installed[i], err = r.install(name); err != nil {
			return err
		}
	}
	var err error
	if s.Function, s.Plainest, err = inTurns(r.cold(ctx, installed[0]), r.cold(ctx, installed[1])); err != nil {
		return err
	}
	if s.Zip, err = zipped(filepath.Join(r.bin, "bootstrap-arm64"), "events"); err != nil {
		return err
	}
	s.FunctionMB, s.PlainestMB = megabytes(filepath.Join(r.bin, "bootstrap")), megabytes(filepath.Join(r.bin, "peers", "plainest"))
	f.Starts = s
	if f.Machine.lacks("curl") {
		return nil
	}
	url := urls(r.prompt, 1)[0]
	port := strconv.Itoa(int(r.prompt.Port()))
	rollcall := installed[2]
	if s.Help, s.CurlHelp, err = inTurns(r.terminal(ctx, rollcall, "--help"), r.terminal(ctx, "curl", "--help")); err != nil {
		return err
	}
	s.Check, s.CurlCheck, err = inTurns(r.terminal(ctx, rollcall, "check", url),
		r.terminal(ctx, "curl", "--disable", "--silent", "--show-error", "--fail", "--resolve", "*:"+port+":127.0.0.1", url))
	return err
}

// install copies a program, as a deployment and make install do, and returns where
// it is. The kernel has what the linker has just written in single pages, and starts
// it a millisecond and a half later than a file that was written at once.
func (r *rig) install(program string) (string, error) {
	content, err := os.ReadFile(filepath.Join(r.bin, program))
	if err != nil {
		return "", err
	}
	path := filepath.Join(r.dir, filepath.Base(program))
	return path, os.WriteFile(path, content, 0o755)
}

// inTurns measures two things in turns, so that what disturbs one of them
// disturbs the other.
func inTurns(a, b func() (time.Duration, error)) (of, beside Range, err error) {
	var took [2][]float64
	for range begun {
		for i, one := range []func() (time.Duration, error){a, b} {
			d, err := one()
			if err != nil {
				return of, beside, err
			}
			took[i] = append(took[i], ms(d))
		}
	}
	return rangeOf(took[0]), rangeOf(took[1]), nil
}

// cold starts a function until it asks for an event.
func (r *rig) cold(ctx context.Context, program string) func() (time.Duration, error) {
	return func() (took time.Duration, err error) {
		var fn *testnet.Function
		err = onClientCore(func() (err error) {
			fn, err = testnet.StartFunction(ctx, program, r.testnetEnv())
			return err
		})
		if err != nil {
			return 0, err
		}
		defer fn.Stop()
		return fn.ColdStart(ctx)
	}
}

// terminal runs a program to its end.
func (r *rig) terminal(ctx context.Context, program string, args ...string) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env, cmd.Stdout, cmd.Stderr = r.environment(), io.Discard, nil
		began := time.Now()
		if err := onClientCore(cmd.Start); err != nil {
			return 0, err
		}
		err := cmd.Wait()
		return time.Since(began), err
	}
}
