// Package cloud is what the adapters to AWS, in the folders beside it, have in
// common: how often and for how long they try, and their errors in words. What
// the AWS variables and the shared configuration say is in an aws.Config, which
// the programs load. Each service is a package of its own, as the SDK's clients take
// time when a process starts, also one that never uses them.
package cloud

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// A Load returns the configuration of the AWS variables.
type Load func(context.Context) (aws.Config, error)

// Loaded is the Load of a configuration that there is already.
func Loaded(cfg aws.Config) Load {
	return func(context.Context) (aws.Config, error) { return cfg, nil }
}

// Lazy returns a function that returns one client, made when it is first wanted:
// most runs want none. An error is not kept.
func Lazy[C any](load Load, make func(aws.Config) *C) func(context.Context) (*C, error) {
	var mu sync.Mutex
	var client *C
	return func(ctx context.Context) (*C, error) {
		mu.Lock()
		defer mu.Unlock()
		if client == nil {
			cfg, err := load(ctx)
			if err != nil {
				return nil, err
			}
			client = make(cfg)
		}
		return client, nil
	}
}

const (
	HeadTimeout = 3 * time.Second // of one request, until its response begins
	Attempts    = 3
	PauseAfter  = 200 * time.Millisecond // the first attempt; the second: twice that
)

// Retryer makes a few attempts, however many failed before: a function lives
// for many runs, and each may try as often.
func Retryer() aws.Retryer {
	return retry.NewStandard(func(r *retry.StandardOptions) {
		r.MaxAttempts = Attempts
		r.RateLimiter = ratelimit.None
		r.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
			return PauseAfter << max(attempt-1, 0), nil
		})
	})
}

// Within returns an HTTP client with a limit for each request; others than the
// SDK's own stay as they are.
func Within(client aws.HTTPClient, limit time.Duration) aws.HTTPClient {
	if own, ok := client.(*awshttp.BuildableClient); ok {
		return own.WithTimeout(limit)
	}
	return client
}
