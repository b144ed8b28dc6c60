package s3

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"rollcall/internal/cloud"
)

// A Store is objects of a bucket that are replaced only by who has read what they
// replace.
type Store struct {
	bucket *Bucket
	owner  func(context.Context) string // the account whose the bucket must be; "": any
	limit  int64                        // bytes of an object that is read

	patient bool // a read is retried longer where S3 is busy
}

// NewStore returns a store in a bucket. limit is how many bytes of an object it
// reads at most.
func NewStore(b *Bucket, limit int64, owner func(context.Context) string) *Store {
	return &Store{bucket: b, owner: owner, limit: limit}
}

// Patient returns the store as one whose reads are retried longer where S3 is busy:
// many may read at once.
func (s *Store) Patient() *Store {
	own := *s
	own.patient = true
	return &own
}

// Read returns an object and its entity tag. A tag "" says that there is no such
// object; a nil body with a tag, that it is larger than the limit.
func (s *Store) Read(ctx context.Context, key string) (body []byte, tag string, err error) {
	out, err := s.bucket.client.GetObject(ctx, &sdk.GetObjectInput{Bucket: &s.bucket.name, Key: &key, ExpectedBucketOwner: s.expected(ctx)},
		func(o *sdk.Options) {
			if s.patient {
				o.Retryer = patient()
			}
		})
	if err != nil {
		if cloud.CodeOf(err) == "NoSuchKey" {
			return nil, "", nil
		}
		return nil, "", s.failed(ctx, "s3:GetObject and s3:ListBucket", err)
	}
	defer out.Body.Close()
	tag = aws.ToString(out.ETag)
	if aws.ToInt64(out.ContentLength) > s.limit {
		return nil, tag, nil
	}
	body, err = io.ReadAll(io.LimitReader(out.Body, s.limit+1))
	switch {
	case err != nil:
		return nil, "", s.failed(ctx, "s3:GetObject", err)
	case int64(len(body)) > s.limit:
		return nil, tag, nil
	}
	return body, tag, nil
}

// Write makes an object of body, in place of the one that has the tag; with the tag
// "", where there is none. Otherwise it changes nothing and reports that the object
// is another: so it also does when an attempt of its own was accepted and its
// response lost.
func (s *Store) Write(ctx context.Context, key string, body []byte, tag string) (newTag string, another bool, err error) {
	in := &sdk.PutObjectInput{
		Bucket: &s.bucket.name, Key: &key, ExpectedBucketOwner: s.expected(ctx), Body: bytes.NewReader(body),
		ContentType: contentTypeOf(key), CacheControl: aws.String("no-store"),
	}
	if tag == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = &tag
	}
	out, err := s.bucket.client.PutObject(ctx, in)
	if err == nil {
		return aws.ToString(out.ETag), false, nil
	}
	switch status, c := cloud.StatusOf(err), cloud.CodeOf(err); {
	case status == http.StatusPreconditionFailed || status == http.StatusConflict:
		return "", true, nil
	case tag != "" && (c == "NoSuchKey" || status == http.StatusNotFound && c != "NoSuchBucket"): // it was removed
		return "", true, nil
	}
	return "", false, s.failed(ctx, "s3:PutObject", err)
}

// Put makes an object of body, in place of whatever there is. It retries longer than
// the other calls where S3 is busy: many may write at once.
func (s *Store) Put(ctx context.Context, key string, body []byte) error {
	in := &sdk.PutObjectInput{
		Bucket: &s.bucket.name, Key: &key, ExpectedBucketOwner: s.expected(ctx), Body: bytes.NewReader(body),
		ContentType: contentTypeOf(key), CacheControl: aws.String("no-store"),
	}
	if _, err := s.bucket.client.PutObject(ctx, in, func(o *sdk.Options) { o.Retryer = patient() }); err != nil {
		return s.failed(ctx, "s3:PutObject", err)
	}
	return nil
}

// patient makes more attempts, whose pauses double up to a few seconds and are of
// random length, so that those who failed at once do not return at once.
func patient() aws.Retryer {
	return retry.NewStandard(func(r *retry.StandardOptions) {
		r.MaxAttempts, r.MaxBackoff = 8, 5*time.Second
		r.RateLimiter = ratelimit.None
	})
}

// Copy makes a copy of an object within the bucket, as it is now.
func (s *Store) Copy(ctx context.Context, from, to string) error {
	source := s.bucket.name + "/" + (&url.URL{Path: from}).EscapedPath()
	_, err := s.bucket.client.CopyObject(ctx, &sdk.CopyObjectInput{
		Bucket: &s.bucket.name, Key: &to, CopySource: &source, ExpectedBucketOwner: s.expected(ctx), ExpectedSourceBucketOwner: s.expected(ctx),
	})
	if err != nil {
		return s.failed(ctx, "s3:GetObject and s3:PutObject", err)
	}
	return nil
}

// contentTypeOf is that of an object, for whoever opens it in the console.
func contentTypeOf(key string) *string {
	if strings.HasSuffix(key, ".json") {
		return aws.String("application/json")
	}
	return aws.String("application/gzip")
}

func (s *Store) expected(ctx context.Context) *string {
	if owner := s.owner(ctx); owner != "" {
		return &owner
	}
	return nil
}

// failed says in one line why a call failed, and what to do where that is known.
func (s *Store) failed(ctx context.Context, actions string, err error) error {
	return inS3.Failed(ctx, err, func(r cloud.Refusal) string {
		switch {
		case r.Status == http.StatusForbidden:
			return fmt.Sprintf("allow the role the actions %s on the bucket %s", actions, s.bucket.name)
		case r.Code == "NoSuchBucket":
			return "there is no bucket " + s.bucket.name
		case r.Status >= 300 && r.Status < 400:
			return "the bucket is in another Region"
		}
		return ""
	})
}
