package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"rollcall/internal/text"
)

// cli is the program's grammar.
type cli struct {
	Check      checkCommand      `cmd:"" bare:"" help:"Check URLs once, all at the same time. The word check may be left out."`
	Compare    compareCommand    `cmd:"" help:"Check URLs one after the other, then all at once, and compare the times."`
	Demo       demoCommand       `cmd:"" help:"Check faulty servers on this machine: every kind of failure."`
	Validate   validateCommand   `cmd:"" help:"Validate an event and summarize it."`
	Sum        sumCommand        `cmd:"" help:"Add up the parts of a list that was checked in parts."`
	Cost       costCommand       `cmd:"" help:"Estimate the monthly cost of an event, item by item."`
	Completion completionCommand `cmd:"" help:"Generate a shell completion script."`
	Candidates candidates        `cmd:"" hidden:"" passthrough:"" name:"__complete"`
	Man        manCommand        `cmd:"" hidden:"" help:"Print the man page."`
	Version    kong.VersionFlag  `short:"v" help:"Print the version."`
}

// An exitError ends the program with a code, and a message unless it is empty.
type exitError struct {
	code    int
	message string
}

func (e *exitError) Error() string { return e.message }

func wrongUsage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Sprintf(format, args...)}
}

// run is the program: it returns the exit code.
func run(ctx context.Context, args []string, sys system) (code int) {
	// Kong asks to exit where it has shown help or the version.
	type exited int
	defer func() {
		switch e := recover().(type) {
		case nil:
		case exited:
			code = int(e)
		default:
			panic(e)
		}
	}()
	parser, err := kong.New(&cli{},
		kong.Name("rollcall"),
		kong.Description("Rollcall checks many web sites at once and says what is down, slow or about to expire."),
		kong.Vars{"version": version},
		kong.Writers(sys.out, sys.err),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(sys),
	)
	if err != nil {
		panic(err) // the grammar itself is wrong
	}
	line := readArguments(args, parser.Model)
	if line.typo != "" {
		if hint := meant(parser, line.typo); hint != "" {
			fmt.Fprintf(sys.err, "rollcall: unknown command %q, did you mean %s? (A host of that name is checked by: rollcall check %[1]s.)\nTry rollcall --help.\n", line.typo, hint)
			return exitUsage
		}
	}
	parsed, err := parser.Parse(line.words)
	if errors.Is(err, errClosed) || errors.Is(err, syscall.EPIPE) { // to help
		return 0 // of the first main says so, of the second no one has to know
	}
	if err != nil {
		fmt.Fprintf(sys.err, "rollcall: %s\nTry rollcall %s.\n", text.Inert(err.Error()), strings.TrimSpace(line.commandOf(parser.Model)+" --help"))
		return exitUsage
	}
	parsed.Bind(line)
	err = parsed.Run()
	if err == nil {
		return 0
	}
	exit, ok := errors.AsType[*exitError](err)
	switch {
	case !ok && ctx.Err() != nil:
		exit = &exitError{exitInterrupted, "interrupted"}
	case !ok:
		exit = &exitError{exitUsage, err.Error()}
	}
	if exit.Error() != "" {
		fmt.Fprintf(sys.err, "rollcall: %s\n", text.Inert(exit.Error()))
	}
	return exit.code
}
