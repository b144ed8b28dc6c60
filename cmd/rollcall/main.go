// Rollcall checks many web sites at once, from a terminal.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
)

// version is set when the program is linked.
var version = "dev"

func main() {
	log.SetOutput(io.Discard) // of libraries, which may quote a server that quotes a secret
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], system{os.Stdin, os.Stdout, os.Stderr, os.LookupEnv})
	stop()
	os.Exit(code)
}

// A system is what the program finds around it.
type system struct {
	in       io.Reader
	out, err io.Writer
	lookup   func(name string) (string, bool)
}

// The exit codes. The first that applies counts.
const (
	exitInterrupted = 130
	exitUsage       = 2 // wrong usage or event, or no URL
	exitDown        = 1 // something is down, and it is not us who can't see
	exitUnhealthy   = 3 // something was not checked or lost, or the monitor is unhealthy
)
