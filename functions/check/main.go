// The check function: Lambda hands it an event, it calls the roll.
package main

import (
	"context"
	"io"
	"log"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/config"

	"rollcall/internal/monitor"
	"rollcall/internal/probe"
	"rollcall/internal/publish"
	"rollcall/internal/resolve"
)

// version is set when the program is linked.
var version = "dev"

func main() {
	out := monitor.NewLineWriter(os.Stdout)
	logger := slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr}))
	log.SetFlags(0)
	log.SetOutput(monitor.LibraryLog{Logger: logger})
	h := newHandler(context.Background(), os.LookupEnv, out, logger)
	lambda.StartWithOptions(h, lambda.WithEnableSIGTERM(func() { h.stop(os.Exit) }))
}

// newHandler builds the function from its environment. What is wrong with it
// is said at each invocation, where people look.
func newHandler(ctx context.Context, lookup func(string) (string, bool), out io.Writer, logger *slog.Logger) *handler {
	h := &handler{log: logger, stopped: make(chan struct{})}
	c, err := monitor.Configure(lookup)
	if err != nil {
		h.broken = err
		return h
	}
	aws, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		h.broken = err
		return h
	}
	debug.SetGCPercent(gcPercent(c.Memory))
	if c.Memory > 0 {
		debug.SetMemoryLimit(c.Memory / 10 * 9) // the rest is the kernel's: a function that exceeds it is killed
	}
	publisher := publish.Publisher{Client: publish.NewClient(aws, c.CloudWatch), Namespace: c.Namespace, EMF: out}
	prober := probe.New(probe.Options{
		UserAgent: "rollcall/" + version, Guard: c.Guard(), SecondDials: c.SecondDials(),
		Lookup: resolve.New(resolve.Options{Server: c.DNS, Rate: c.DNSRate}).Lookup,
	})
	h.monitor = c.Monitor(monitor.Surroundings{Version: version, Lookup: lookup, Prober: prober, Log: logger})
	h.monitor.OwnMetrics = true
	h.monitor.Stopped = h.stopped
	h.monitor.AnswerLimit = maxAnswer
	if c.PageBucket != "" {
		h.monitor.Page = pageInto(ctx, aws, c.PageBucket)
	}
	h.monitor.Publish = func(ctx context.Context, log *slog.Logger) monitor.Session {
		of := publisher
		of.Log = log
		return of.Begin(ctx)
	}
	return h
}

// maxAnswer is what Lambda takes for an answer: 6 MB, less what the runtime
// adds (AWS, "Lambda quotas": 6 MB each way; seen to be 6,291,556 bytes).
const maxAnswer = 6_000_000

// gcPercent is what garbage may lie about, in percent of what is alive, for a
// function of so much memory in bytes (0: not known). A list of 100,000 is
// alive throughout a run, so it is less than Go's 100. Where memory is plenty
// (the template's default has it) 300 saves a twentieth of a check's CPU (0.433
// ms for 0.453): the collector reads the stacks of all checks in flight.
func gcPercent(memory int64) int {
	const plenty = 1 << 30
	if memory >= plenty {
		return 300
	}
	return 35
}

// stopGrace is left for the answer to leave after the last run has ended.
const stopGrace = 50 * time.Millisecond
