// Package s3 is what is kept in S3: pages in a Bucket, the history in a Store, and
// Lists of targets. It adapts the SDK's client.
package s3

import (
	"bytes"
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"rollcall/internal/cloud"
)

const putTimeout = 2 * time.Second // one request: a page has a few megabytes at most

// A Bucket is an S3 bucket that objects are put into.
type Bucket struct {
	name   string
	client *sdk.Client
}

// NewBucket returns a bucket. Region, credentials and endpoint are as the AWS
// variables say, AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL among them; below
// such an endpoint a bucket is a path.
func NewBucket(cfg aws.Config, name string) *Bucket {
	return &Bucket{name, newS3(cfg, func(o *sdk.Options) { o.HTTPClient = cloud.Within(o.HTTPClient, putTimeout) })}
}

// newS3 returns a client of S3.
func newS3(cfg aws.Config, options func(*sdk.Options)) *sdk.Client {
	return sdk.NewFromConfig(cfg, func(o *sdk.Options) {
		if o.BaseEndpoint != nil {
			o.UsePathStyle = true
			o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateDisabled
			o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateDisabled
		}
		// Only the signed hash of the body: imitations of S3 do not all know
		// the SDK's checksums, and they would be one more pass.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.Retryer = cloud.Retryer()
		options(o)
	})
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
	_, err := b.client.PutObject(ctx, &sdk.PutObjectInput{
		ExpectedBucketOwner: expected,
		Bucket:              &b.name, Key: &key, Body: bytes.NewReader(body),
		ContentType:  &contentType,
		CacheControl: aws.String("no-cache"), // the next run replaces it
	})
	if err == nil {
		return nil
	}
	return inS3.Failed(ctx, err, func(r cloud.Refusal) string {
		switch {
		case r.Code == "AccessDenied":
			text := "allow the role the action s3:PutObject on arn:aws:s3:::" + b.name + "/*"
			if owner != "" {
				text += ", a bucket of the account " + owner
			}
			return text
		case r.Code == "NoSuchBucket":
			return "there is no bucket " + b.name
		case r.Status >= 300 && r.Status < 400:
			return "the bucket is in another Region"
		}
		return ""
	})
}

var inS3 = cloud.Service{Name: "S3", Variable: "AWS_ENDPOINT_URL_S3"}
