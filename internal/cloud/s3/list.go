package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"rollcall/internal/cloud"
	"rollcall/internal/plan"
)

const (
	dialTimeout = 2 * time.Second
	stallAfter  = 5 * time.Second // without any byte of a list
)

// Lists is the source of objects in S3, as the AWS variables say. A version is an
// entity tag and, where the bucket has versions, the object's. What is compressed
// stays so.
func Lists(load cloud.Load) plan.Source {
	client := cloud.Lazy(load, func(cfg aws.Config) *sdk.Client {
		return newS3(cfg, func(o *sdk.Options) {
			if client, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
				o.HTTPClient = client.WithTransportOptions(func(t *http.Transport) {
					t.ResponseHeaderTimeout, t.TLSHandshakeTimeout = cloud.HeadTimeout, cloud.HeadTimeout
				}).WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout })
			}
		})
	})
	return func(ctx context.Context, u *url.URL, known plan.Version) (io.ReadCloser, plan.Version, error) {
		object := object{bucket: u.Host, key: strings.TrimPrefix(u.Path, "/"), version: strings.TrimPrefix(u.RawQuery, "versionId=")}
		client, err := client(ctx)
		if err != nil {
			return nil, "", inS3.Failed(ctx, err, object.hint)
		}
		in := &sdk.GetObjectInput{Bucket: &object.bucket, Key: &object.key}
		if object.version != "" {
			in.VersionId = &object.version
		}
		if tag, _, _ := strings.Cut(string(known), " "); tag != "" {
			in.IfNoneMatch = &tag
		}
		reading, cancel := context.WithCancel(ctx)
		out, err := client.GetObject(reading, in)
		if err != nil {
			cancel()
			if known != "" && cloud.StatusOf(err) == http.StatusNotModified {
				return nil, "", plan.ErrUnchanged
			}
			return nil, "", inS3.Failed(ctx, err, object.hint)
		}
		version := aws.ToString(out.ETag)
		if id := aws.ToString(out.VersionId); version != "" && id != "" && id != "null" {
			version += " " + id
		}
		return &listBody{out.Body, cancel}, plan.Version(version), nil
	}
}

// An object is one that a list is in.
type object struct{ bucket, key, version string }

// hint says what to do about a refusal.
func (o object) hint(r cloud.Refusal) string {
	action, arn := "s3:GetObject", "arn:aws:s3:::"+o.bucket+"/"+o.key
	if o.version != "" {
		action += " and s3:GetObjectVersion"
	}
	switch {
	case r.Region != "" && (r.Status >= 300 && r.Status < 400 || r.Status == http.StatusBadRequest):
		return "the bucket is in the Region " + r.Region + ": put the list into a bucket of the function's own Region"
	case r.Status >= 300 && r.Status < 400:
		return "the bucket is in another Region: put the list into one of the function's own Region"
	case strings.Contains(r.Message, "kms:"):
		return "allow the role the action kms:Decrypt on the key of the bucket"
	case r.Code == "AccessDenied" || r.Status == http.StatusForbidden && r.Code == "Forbidden":
		return fmt.Sprintf("there is no such key, or it is not allowed: allow the role %s on %s (and kms:Decrypt, where the bucket has a key of yours)", action, arn)
	case r.Code == "InvalidObjectState":
		return "the object is archived: restore it"
	case r.Code == "NoSuchKey":
		return "there is no such key in the bucket"
	case r.Code == "NoSuchVersion" || r.Code == "MethodNotAllowed" && o.version != "":
		return "there is no such version of the object"
	case r.Code == "NoSuchBucket":
		return "there is no bucket " + o.bucket
	case r.Code == "SlowDown" || r.Code == "Throttling":
		return "too many requests"
	}
	return ""
}

// A listBody is the body of an object, whose sender may not pause for long.
type listBody struct {
	body   io.ReadCloser
	cancel func() // of the request
}

func (b *listBody) Read(p []byte) (int, error) {
	stalled := time.AfterFunc(stallAfter, b.cancel)
	n, err := b.body.Read(p)
	switch {
	case !stalled.Stop() && err != nil && err != io.EOF:
		return n, fmt.Errorf("S3 stopped sending the object for %s", stallAfter)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return n, errors.New("the connection to S3 broke off in the middle of the object")
	}
	return n, err
}

func (b *listBody) Close() error {
	b.cancel()
	return b.body.Close()
}
