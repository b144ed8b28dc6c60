package cloud

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	putTimeout  = 2 * time.Second // one request: a page has a few megabytes at most
	putAttempts = 3
	putPause    = 200 * time.Millisecond // before the second attempt, twice that before the third
)

// A Bucket is an S3 bucket that objects are put into.
type Bucket struct {
	name   string
	client *s3.Client
}

// NewBucket returns a bucket. Region, credentials and endpoint are as the AWS
// variables say, AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL among them; below
// such an endpoint a bucket is a path.
func NewBucket(cfg aws.Config, name string) *Bucket {
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		if o.BaseEndpoint != nil {
			o.UsePathStyle = true
			o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateDisabled
			o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateDisabled
		}
		// Only the signed hash of the body: imitations of S3 do not all know
		// the SDK's checksums, and they would be one more pass.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.RetryMaxAttempts = putAttempts
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = putAttempts
			r.RateLimiter = ratelimit.None // a function lives for many runs, and each may try as often
			r.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
				return putPause << max(attempt-1, 0), nil
			})
		})
		if client, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
			o.HTTPClient = client.WithTimeout(putTimeout)
		}
	})
	return &Bucket{name, client}
}

// Put makes an object of body, in place of the one that has the key. It retries
// what is retryable, within ctx. Who may read it is for the bucket's settings to
// say. A bucket of another account than owner, twelve digits, is refused: anyone
// may take the name of a bucket that was removed. "" is any account.
func (b *Bucket) Put(ctx context.Context, owner, key, contentType string, body []byte) error {
	var expected *string
	if owner != "" {
		expected = &owner
	}
	_, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		ExpectedBucketOwner: expected,
		Bucket:              &b.name, Key: &key, Body: bytes.NewReader(body),
		ContentType:  &contentType,
		CacheControl: aws.String("no-cache"), // the next run replaces it
	})
	if err == nil {
		return nil
	}
	return &putError{b.explain(ctx, owner, err), err}
}

// A putError says in one line why an object was not put, and what to do where
// that is known. It wraps the SDK's, which says that and much else.
type putError struct {
	text  string
	cause error
}

func (e *putError) Error() string { return e.text }

func (e *putError) Unwrap() error { return e.cause }

func (b *Bucket) explain(ctx context.Context, owner string, err error) string {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.HTTPStatusCode() > 0 {
		text, code := fmt.Sprintf("S3 responded %d", response.HTTPStatusCode()), ""
		if api, ok := errors.AsType[smithy.APIError](err); ok {
			code = api.ErrorCode()
			text += " " + code
		}
		switch {
		case code == "AccessDenied":
			text += ": allow the role the action s3:PutObject on arn:aws:s3:::" + b.name + "/*"
			if owner != "" {
				text += ", a bucket of the account " + owner
			}
		case code == "NoSuchBucket":
			text += ": there is no bucket " + b.name
		case response.HTTPStatusCode() >= 300 && response.HTTPStatusCode() < 400:
			text += ": the bucket is in another Region"
		}
		return text
	}
	var timeout interface{ Timeout() bool }
	if ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout() {
		return "S3 did not respond in time"
	}
	if unsent, ok := errors.AsType[*url.Error](err); ok {
		return "S3 can't be reached: " + unsent.Err.Error()
	}
	return "no request to S3 can be made (see AWS_REGION, the credentials and AWS_ENDPOINT_URL_S3): " + err.Error()
}
