package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/alecthomas/kong"
)

// cli is the program's grammar.
type cli struct {
	Check      checkCommand      `cmd:"" help:"Check URLs once, all at the same time."`
	Compare    compareCommand    `cmd:"" help:"Check URLs one after the other, then all at once, and say what that saves."`
	Demo       demoCommand       `cmd:"" help:"Show every kind of failure, on web sites that run on this machine for that."`
	Validate   validateCommand   `cmd:"" help:"Say what is wrong with an event, or what it asks for."`
	Cost       costCommand       `cmd:"" help:"Say what an event costs a month, item by item."`
	Completion completionCommand `cmd:"" help:"Print what a shell needs to complete rollcall's words."`
	Candidates candidates        `cmd:"" hidden:"" passthrough:"" name:"__complete"`
	Man        manCommand        `cmd:"" hidden:"" help:"Print the man page."`
	Version    kong.VersionFlag  `help:"Print the version."`
}

// An exitError ends the program with a code; its text, if any, is for people.
type exitError struct {
	code int
	text string
}

func (e *exitError) Error() string { return e.text }

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
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(sys.err, "rollcall: %v\nTry rollcall --help.\n", err)
		return exitUsage
	}
	return explain(parsed.Run(), sys)
}

// explain says what went wrong, and returns the code for it.
func explain(err error, sys system) int {
	if err == nil {
		return 0
	}
	code := exitUsage
	if e, ok := errors.AsType[*exitError](err); ok {
		code = e.code
	}
	if err.Error() != "" {
		fmt.Fprintf(sys.err, "rollcall: %v\n", err)
	}
	return code
}
