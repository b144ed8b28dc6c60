// Package cloud adapts AWS's clients to what our packages want of them: one
// file an adapter. The interfaces are declared by those who use them. What the
// AWS variables and the shared configuration say is in an aws.Config, which the
// programs load.
package cloud

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
)

// CloudWatch returns a client that makes one attempt a call, as a
// publish.Session does the retrying. With no endpoint the AWS variables decide.
func CloudWatch(cfg aws.Config, endpoint string) *cloudwatch.Client {
	return cloudwatch.NewFromConfig(cfg, func(o *cloudwatch.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
		o.Retryer = aws.NopRetryer{}
	})
}

// A Load returns the configuration of the AWS variables.
type Load func(context.Context) (aws.Config, error)

// Loaded is the Load of a configuration that there is already.
func Loaded(cfg aws.Config) Load {
	return func(context.Context) (aws.Config, error) { return cfg, nil }
}

// A lazy client is made when it is first wanted: most runs want none.
type lazy[C any] struct {
	load Load
	make func(aws.Config) *C

	mu     sync.Mutex
	client *C
}

func (l *lazy[C]) get(ctx context.Context) (*C, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.client == nil {
		cfg, err := l.load(ctx)
		if err != nil {
			return nil, err
		}
		l.client = l.make(cfg)
	}
	return l.client, nil
}

const (
	headTimeout = 3 * time.Second // of one request, until its response begins
	attempts    = 3
	pauseAfter  = 200 * time.Millisecond // the first attempt; the second: twice that
)

// retryer makes a few attempts, however many failed before: a function lives
// for many runs, and each may try as often.
func retryer() aws.Retryer {
	return retry.NewStandard(func(r *retry.StandardOptions) {
		r.MaxAttempts = attempts
		r.RateLimiter = ratelimit.None
		r.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
			return pauseAfter << max(attempt-1, 0), nil
		})
	})
}

// patient makes more attempts, whose pauses double up to a few seconds and are of
// random length, so that those who failed at once do not return at once.
func patient() aws.Retryer {
	return retry.NewStandard(func(r *retry.StandardOptions) {
		r.MaxAttempts, r.MaxBackoff = 8, 5*time.Second
		r.RateLimiter = ratelimit.None
	})
}

// within returns an HTTP client with a limit for each request; others than the
// SDK's own stay as they are.
func within(client any, limit time.Duration) any {
	if own, ok := client.(*awshttp.BuildableClient); ok {
		return own.WithTimeout(limit)
	}
	return client
}
