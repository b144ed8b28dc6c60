// Rollcall checks many web sites at once, from a terminal.
//
//go:debug x509negativeserial=1
package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // of windows of maintenance, where the system has no time zones
)

// version is set when the program is linked.
var version = "dev"

func main() {
	log.SetOutput(io.Discard) // of libraries, which may quote a server that quotes a secret
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills the process
	sys, closed := system{in: os.Stdin, out: os.Stdout, err: os.Stderr, lookup: os.LookupEnv}, closedOutput{}
	if stdoutFlags < 0 {
		sys.out = &closed
	}
	code := run(ctx, os.Args[1:], sys)
	if closed.written && code == 0 { // by what does not look whether that succeeded, such as help
		fmt.Fprintf(sys.err, "rollcall: %v\n", writeError(errClosed))
		code = exitUnhealthy
	}
	stop()
	os.Exit(code)
}

// A system is the program's files and environment.
type system struct {
	in       io.Reader
	out, err io.Writer
	lookup   func(name string) (string, bool) // environment variables
	roots    *x509.CertPool                   // trusted; nil: those of the system
}

// The exit codes. The first that applies counts.
const (
	exitInterrupted = 130
	exitUsage       = 2 // invalid usage or event, or no URL
	exitDown        = 1 // a target is down, and the monitor has a network
	exitUnhealthy   = 3 // a target was not checked, a metric was lost, the result could not be written, or the monitor is unhealthy
)
