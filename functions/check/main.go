// The check function: Lambda invokes it with an event, it runs the checks.
//
//go:debug x509negativeserial=1
package main

import (
	"context"
	"io"
	"log"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"time"
	_ "time/tzdata" // of windows of maintenance, where the system has no time zones

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"rollcall/internal/cloud"
	"rollcall/internal/cloud/s3"
	"rollcall/internal/cloud/secrets"
	"rollcall/internal/config"
	"rollcall/internal/monitor"
	"rollcall/internal/probe"
	"rollcall/internal/publish"
	"rollcall/internal/resolve"
	"rollcall/internal/secret"
)

// version is set when the program is linked.
var version = "dev"

func main() {
	out := &lineWriter{w: os.Stdout}
	logger := slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr}))
	log.SetFlags(0)
	libraries := &libraryLog{logger: logger}
	log.SetOutput(libraries)
	h := newHandler(context.Background(), os.LookupEnv, out, logger)
	h.libraries = libraries
	lambda.StartWithOptions(h, lambda.WithEnableSIGTERM(func() { h.stop(os.Exit) }))
}

// newHandler builds the function from its environment. What is wrong with it
// becomes the error of each invocation, where people look.
func newHandler(ctx context.Context, lookup func(string) (string, bool), out io.Writer, logger *slog.Logger) *handler {
	stopping, cancel := context.WithCancel(ctx)
	h := &handler{log: logger, cancel: cancel}
	c, err := config.Load(lookup)
	if err != nil {
		h.broken = err
		return h
	}
	aws, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		h.broken = err
		return h
	}
	h.tune = sync.OnceFunc(func() { // not at the start, where a percentage below 100 would cost a collection
		debug.SetGCPercent(gcPercent(c.Memory))
		if c.Memory > 0 {
			debug.SetMemoryLimit(c.Memory / 10 * 9) // the rest is the kernel's: a function that exceeds it is killed
		}
	})
	resolver := sync.OnceValue(func() *resolve.Resolver { // not at the start, which looks up nothing
		return resolve.New(resolve.Options{Server: c.DNS, Rate: c.DNSRate})
	})
	prober := probe.New(probe.Options{
		UserAgent: "rollcall/" + version, Guard: c.Guard, SecondDials: c.SecondDials, Memory: c.CheckMemory,
		Lookup: func(ctx context.Context, network, host string, timeout time.Duration) (resolve.Answer, error) {
			return resolver().Lookup(ctx, network, host, timeout)
		},
	})
	sources, load := c.Sources(), cloud.Loaded(aws)
	sources["s3"] = s3.Lists(load)
	values := secret.NewCache(secrets.NewParameters(load), secrets.NewSecrets(load)).Values
	h.monitor = monitor.New(c, monitor.Dependencies{Version: version, Lookup: lookup, Sources: sources, Values: values, Probe: prober.Probe, Log: logger})
	h.monitor.OwnMetrics = true
	h.monitor.Stopping = stopping
	h.monitor.ResponseLimit = maxResponse
	if c.Bucket != "" {
		bucket := s3.NewBucket(aws, c.Bucket)
		h.monitor.Page = pageInto(bucket.Put)
		memory := memoryIn(bucket, c, aws, lookup)
		h.monitor.Remember, h.monitor.Names = memory.Remember, memory.Names
		h.monitor.Runs = s3.NewStore(bucket, maxTally, account).Patient()
	}
	if c.Heartbeat != "" {
		h.monitor.Heartbeat = heartbeat(c.Heartbeat)
	}
	publisher := publish.Publisher{Client: publish.NewClient(aws, c.CloudWatch), Namespace: c.Namespace, EMF: out, Silence: &publish.Silence{}}
	h.monitor.Publish = func(ctx context.Context, log *slog.Logger) monitor.Session {
		own := publisher
		own.Log = log
		return own.Begin(ctx)
	}
	return h
}

// maxResponse is Lambda's limit for a response: 6 MB, less what the runtime
// adds (AWS, "Lambda quotas": 6 MB each way; measured: 6,291,556 bytes).
const maxResponse = 6_000_000

// gcPercent is the garbage collector's target percentage for a function with
// this much memory in bytes (0: unknown). A list of 100,000 targets is alive
// throughout a run, so it is less than Go's 100. With plenty of memory (the
// template's default) 300 saves a twentieth of a check's CPU (0.433 ms instead of
// 0.453): the collector reads the stacks of all checks in flight.
func gcPercent(memory int64) int {
	const plenty = 1 << 30
	if memory >= plenty {
		return 300
	}
	return 35
}

// stopGrace is the time for the response to leave after the last run has ended.
const stopGrace = 50 * time.Millisecond
