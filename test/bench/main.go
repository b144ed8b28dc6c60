// Bench measures Rollcall beside its peers: all of them check the same hosts
// on the test network, one after another, on a core of their own. It prints a table,
// judges the goals, draws a plot and keeps every figure in bench.json.
//
//	make bench          all of it
//	make bench-small    1,000 hosts, once
//	make million        lists in parts
//
// It exits 1 when a goal is missed, 2 when it could not measure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// hold is how long every origin waits before it responds.
const hold = 200 * time.Millisecond

// The exit codes.
const (
	exitMissed = 1
	exitBroken = 2
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == launchCommand {
		fmt.Fprintln(os.Stderr, launch(os.Args[2:])) // comes back only if it failed
		os.Exit(exitBroken)
	}
	if err := pinSelf(); err != nil {
		fmt.Fprintln(os.Stderr, "bench: not pinned:", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	missed, err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(exitBroken)
	case missed:
		os.Exit(exitMissed)
	}
}

// The parts of the bench.
const (
	partPeers   = "peers"   // the table
	partTruth   = "truth"   // the plot
	partMany    = "many"    // 100,000 hosts
	partStarts  = "starts"  // cold start, and a terminal's first second
	partSizes   = "sizes"   // Lambda's sizes; asked for alone
	partMillion = "million" // lists in parts; asked for alone
)

// Settings are what the user chose.
type settings struct {
	parts   []string
	hosts   int   // of the table
	many    int   // of the part of that name
	urls    []int // of the lists in parts
	tallies int   // to add up; 0: none
	rounds  int   // how often each client runs
	lenient bool  // only goals that noise can't miss count
	more    bool  // add to what the file has already
	bin     string
	python  string
	file    string // bench.json
	plot    string
	growth  string // another plot, of lists in parts
}

func parse(args []string) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	parts := flags.String("parts", strings.Join([]string{partPeers, partTruth, partMany, partStarts}, ","), "what to measure, of peers, truth, many, starts, sizes and million; none: judge the file")
	flags.IntVar(&s.hosts, "hosts", 10_000, "hosts of the table")
	flags.IntVar(&s.many, "many", 100_000, "hosts of the part many")
	urls := flags.String("urls", "10000", "URLs of the part million: a number, or several")
	flags.IntVar(&s.tallies, "tallies", 1000, "tallies that the part million adds up; 0: none")
	flags.IntVar(&s.rounds, "rounds", 3, "how often each client runs")
	flags.BoolVar(&s.lenient, "lenient", false, "exit 0 where only the clock has missed a goal")
	flags.BoolVar(&s.more, "more", false, "add to what the file has, and show all of it")
	flags.StringVar(&s.bin, "bin", "bin", "where the programs are")
	flags.StringVar(&s.python, "python", ".venv/bench/bin/python", "the Python that has the peers' packages")
	flags.StringVar(&s.file, "file", "bench.json", "where the figures go")
	flags.StringVar(&s.plot, "plot", "bench.svg", "where the plot goes")
	flags.StringVar(&s.growth, "growth", "growth.svg", "where the plot of the part million goes")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("%q is not a flag", flags.Arg(0))
	}
	for part := range strings.SplitSeq(*parts, ",") {
		if !slices.Contains([]string{partPeers, partTruth, partMany, partStarts, partSizes, partMillion, "none"}, part) {
			return s, fmt.Errorf("there is no part %q", part)
		}
		s.parts = append(s.parts, part)
	}
	for word := range strings.SplitSeq(*urls, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < faultyEvery || n > 10_000_000 {
			return s, fmt.Errorf("-urls %s: from %d to 10,000,000", word, faultyEvery)
		}
		s.urls = append(s.urls, n)
	}
	if s.hosts < 1 || s.many < 1 || s.rounds < 1 {
		return s, errors.New("hosts, many and rounds have to be 1 or more")
	}
	return s, nil
}

// run measures what is asked for, shows it, and reports whether a goal was
// missed.
func run(ctx context.Context, args []string, w io.Writer) (missed bool, err error) {
	s, err := parse(args)
	if err != nil {
		return false, err
	}
	figures := &Figures{}
	if s.more {
		if figures, err = load(s.file); err != nil {
			return false, err
		}
	}
	failed := measure(ctx, s, figures)
	figures.judge()
	if err := errors.Join(failed, figures.save(s.file)); err != nil { // what was measured before is kept
		return false, err
	}
	if len(figures.Truth) > 0 {
		if err := os.WriteFile(s.plot, plotTruth(figures.Truth), 0o644); err != nil {
			return false, err
		}
	}
	if len(figures.Trials) > 0 {
		if err := os.WriteFile(s.growth, plotGrowth(figures.Trials), 0o644); err != nil {
			return false, err
		}
	}
	show(w, figures)
	return slices.ContainsFunc(figures.Goals, func(g Goal) bool { return g.missed() && (!s.lenient || g.Steady) }), nil
}

// measure adds to the figures what the settings ask for.
func measure(ctx context.Context, s settings, f *Figures) (err error) {
	if slices.Contains(s.parts, "none") {
		return nil
	}
	earlier := f.Machine
	f.Machine = describe(ctx, s)
	f.Machine.Load = max(f.Machine.Load, earlier.Load)
	if slices.Equal(s.parts, []string{partMillion}) {
		f.Machine.Missing = nil // which measures no peer
	}
	rig, err := newRig(s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rig.Close()) }()
	steps := map[string]func(context.Context, *Figures) error{
		partPeers: rig.peers, partTruth: rig.truth, partMany: rig.many, partStarts: rig.starts, partSizes: rig.sizes, partMillion: rig.million,
	}
	before := readSteal()
	for _, part := range s.parts {
		if err := steps[part](ctx, f); err != nil {
			return fmt.Errorf("measuring %s: %w", part, err)
		}
	}
	f.Machine.Stolen = max(readSteal().since(before), earlier.Stolen)
	return nil
}
