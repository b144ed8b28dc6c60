package cloud

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"rollcall/internal/plan"
)

const (
	// maxList bounds a list, in bytes as it is stored, and of one with a
	// Content-Encoding unpacked, too: a million URLs have about 42 MB.
	maxList = 64 << 20

	dialTimeout = 2 * time.Second
	stallAfter  = 5 * time.Second // without any byte of a list
)

// Lists is the source of objects in S3, as the AWS variables say. A version is an
// entity tag and, where the bucket has versions, the object's.
func Lists(load Load) plan.Source {
	clients := lazy[s3.Client]{load: load, make: func(cfg aws.Config) *s3.Client {
		return newS3(cfg, func(o *s3.Options) {
			if client, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
				o.HTTPClient = client.WithTransportOptions(func(t *http.Transport) {
					t.ResponseHeaderTimeout, t.TLSHandshakeTimeout = headTimeout, headTimeout
				}).WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout })
			}
		})
	}}
	return func(ctx context.Context, u *url.URL, known plan.Version) (io.ReadCloser, plan.Version, error) {
		object := object{bucket: u.Host, key: strings.TrimPrefix(u.Path, "/"), version: strings.TrimPrefix(u.RawQuery, "versionId=")}
		client, err := clients.get(ctx)
		if err != nil {
			return nil, "", inS3.failed(ctx, err, object.hint)
		}
		in := &s3.GetObjectInput{Bucket: &object.bucket, Key: &object.key}
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
			if known != "" && statusOf(err) == http.StatusNotModified {
				return nil, "", plan.ErrUnchanged
			}
			return nil, "", inS3.failed(ctx, err, object.hint)
		}
		body := &listBody{body: out.Body, cancel: cancel, left: maxList}
		var list io.Reader = body
		if strings.EqualFold(aws.ToString(out.ContentEncoding), "gzip") && !strings.EqualFold(path.Ext(object.key), ".gz") {
			list = &unpacked{packed: body, left: maxList}
		}
		version := aws.ToString(out.ETag)
		if id := aws.ToString(out.VersionId); version != "" && id != "" && id != "null" {
			version += " " + id
		}
		return struct {
			io.Reader
			io.Closer
		}{list, body}, plan.Version(version), nil
	}
}

// An object is one that a list is in.
type object struct{ bucket, key, version string }

// hint says what to do about a refusal.
func (o object) hint(r refusal) string {
	action, arn := "s3:GetObject", "arn:aws:s3:::"+o.bucket+"/"+o.key
	if o.version != "" {
		action += " and s3:GetObjectVersion"
	}
	switch {
	case r.region != "" && (r.status >= 300 && r.status < 400 || r.status == http.StatusBadRequest):
		return "the bucket is in the Region " + r.region + ": put the list into a bucket of the function's own Region"
	case r.status >= 300 && r.status < 400:
		return "the bucket is in another Region: put the list into one of the function's own Region"
	case strings.Contains(r.message, "kms:"):
		return "allow the role the action kms:Decrypt on the key of the bucket"
	case r.code == "AccessDenied" || r.status == http.StatusForbidden && r.code == "Forbidden":
		return fmt.Sprintf("there is no such key, or it is not allowed: allow the role %s on %s (and kms:Decrypt, where the bucket has a key of yours)", action, arn)
	case r.code == "InvalidObjectState":
		return "the object is archived: restore it"
	case r.code == "NoSuchKey":
		return "there is no such key in the bucket"
	case r.code == "NoSuchVersion" || r.code == "MethodNotAllowed" && o.version != "":
		return "there is no such version of the object"
	case r.code == "NoSuchBucket":
		return "there is no bucket " + o.bucket
	case r.code == "SlowDown" || r.code == "Throttling":
		return "too many requests"
	}
	return ""
}

// A listBody is the body of an object, up to a limit, whose sender may not
// pause for long.
type listBody struct {
	body   io.ReadCloser
	cancel func() // of the request
	left   int64
}

var errLarge = fmt.Errorf("is larger than %d MiB", maxList>>20)

func (b *listBody) Read(p []byte) (int, error) {
	stalled := time.AfterFunc(stallAfter, b.cancel)
	n, err := b.body.Read(p)
	switch b.left -= int64(n); {
	case b.left < 0:
		return 0, errLarge
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

// unpacked is a body without its gzip, up to a limit.
type unpacked struct {
	packed io.Reader
	reader *gzip.Reader // nil: it has not begun
	left   int64
}

func (u *unpacked) Read(p []byte) (n int, err error) {
	if u.reader == nil {
		u.reader, err = gzip.NewReader(u.packed)
	}
	if err == nil {
		n, err = u.reader.Read(p)
	}
	switch u.left -= int64(n); {
	case u.left < 0:
		return 0, errLarge
	case errors.Is(err, io.ErrUnexpectedEOF):
		return n, errors.New("the object is truncated: its gzip data ends in the middle")
	case errors.Is(err, gzip.ErrHeader):
		return n, errors.New("the object says Content-Encoding: gzip, and is not gzip")
	}
	return n, err
}
