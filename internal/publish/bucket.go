package publish

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

const (
	putTimeout  = 2 * time.Second // one request: a page has a few megabytes at most
	putAttempts = 3
	putPause    = 200 * time.Millisecond // before the second attempt, twice that before the third
)

// A Bucket is an S3 bucket that objects are put into. It speaks S3's one
// operation that is needed, with the SDK's credentials and signature: the SDK's
// client of S3 would make the function larger than it may be.
type Bucket struct {
	Name string

	base        *url.URL // of the bucket; its objects are below
	region      string
	credentials aws.CredentialsProvider
	client      aws.HTTPClient
	signer      *v4.Signer
}

// NewBucket returns a bucket. Region, credentials and endpoint are as the AWS
// variables say, AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL among them.
func NewBucket(ctx context.Context, cfg aws.Config, name string) (*Bucket, error) {
	base, err := bucketURL(ctx, cfg, name)
	if err != nil {
		return nil, fmt.Errorf("the endpoint of S3: %w", err)
	}
	b := &Bucket{
		Name: name, base: base, region: cfg.Region, credentials: cfg.Credentials, client: cfg.HTTPClient,
		// S3 takes paths as they are, other services encode them twice.
		signer: v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }),
	}
	if b.client == nil {
		b.client = awshttp.NewBuildableClient()
	}
	return b, nil
}

// Put makes an object of body, in place of the one that has the key. It tries
// again what may pass, within ctx. A bucket gets what others may not see: that
// is for the bucket's own settings to say.
func (b *Bucket) Put(ctx context.Context, key, contentType string, body []byte) error {
	if b.region == "" || b.credentials == nil {
		return errors.New("there is no AWS_REGION, or there are no credentials")
	}
	var err error
	for n := range putAttempts {
		if err = b.attempt(ctx, key, contentType, body); err == nil || !mayPass(err) {
			return err
		}
		timer := time.NewTimer(putPause << n)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
	return err
}

// attempt makes one request.
func (b *Bucket) attempt(ctx context.Context, key, contentType string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, putTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, b.base.JoinPath(key).String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Cache-Control", "no-cache") // the next run replaces it
	r.Header.Set("X-Amz-Content-Sha256", hash)
	credentials, err := b.credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("finding credentials: %w", err)
	}
	if err := b.signer.SignHTTP(ctx, credentials, r, hash, "s3", b.region, time.Now()); err != nil {
		return err
	}
	answer, err := b.client.Do(r)
	if err != nil {
		return &unanswered{err, ctx.Err() != nil}
	}
	defer answer.Body.Close()
	return b.read(answer)
}

// read returns nil for an answer that says the object is there.
func (b *Bucket) read(answer *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(answer.Body, 16*1024))
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	refused := &refusedObject{status: answer.StatusCode, bucket: b.Name}
	if err == nil {
		// What is no XML has no code, and the status says enough.
		_ = xml.Unmarshal(text, &refused.said)
	}
	return refused
}

// An unanswered request got no answer, or none in time.
type unanswered struct {
	cause error
	late  bool
}

func (e *unanswered) Error() string {
	if e.late {
		return "S3 did not answer in time"
	}
	cause := e.cause
	if u, ok := errors.AsType[*url.Error](cause); ok {
		cause = u.Err // without the URL, which says nothing that the bucket's name does not
	}
	return "S3 can't be reached: " + cause.Error()
}

func (e *unanswered) Unwrap() error { return e.cause }

// A refusedObject is what S3 said instead of taking an object.
type refusedObject struct {
	status int
	bucket string
	said   struct{ Code string }
}

// Error says what to do, where that is known.
func (e *refusedObject) Error() string {
	text := fmt.Sprintf("S3 answered %d", e.status)
	if code := e.said.Code; code != "" && len(code) <= 64 {
		text += " " + code
	}
	switch {
	case e.said.Code == "AccessDenied":
		text += ": allow the role the action s3:PutObject on arn:aws:s3:::" + e.bucket + "/*"
	case e.said.Code == "NoSuchBucket":
		text += ": there is no bucket " + e.bucket
	case e.status >= 300 && e.status < 400:
		text += ": the bucket is in another Region"
	}
	return text
}

// mayPass reports whether another attempt may succeed.
func mayPass(err error) bool {
	if refused, ok := errors.AsType[*refusedObject](err); ok {
		return refused.status >= 500 || refused.status == http.StatusTooManyRequests || refused.said.Code == "RequestTimeout"
	}
	_, silent := errors.AsType[*unanswered](err)
	return silent
}

// bucketURL is where a bucket's objects are: below its own host, or below its
// name where another endpoint is set, or where its name has a dot, which no
// certificate of S3's covers.
func bucketURL(ctx context.Context, cfg aws.Config, name string) (*url.URL, error) {
	configured, err := configuredEndpoint(ctx, cfg)
	if err != nil {
		return nil, err
	}
	host, err := endpointHost(ctx, cfg)
	if err != nil {
		return nil, err
	}
	switch {
	case configured != "":
		u, err := url.Parse(configured)
		if err != nil {
			return nil, errors.New("AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL is no URL")
		}
		return u.JoinPath(name), nil
	case strings.Contains(name, "."):
		return &url.URL{Scheme: "https", Host: host, Path: "/" + name}, nil
	}
	return &url.URL{Scheme: "https", Host: name + "." + host, Path: "/"}, nil
}

// What config.LoadDefaultConfig leaves in an aws.Config's sources, as the SDK's
// own clients read it.
type (
	ignoresEndpoints interface {
		GetIgnoreConfiguredEndpoints(context.Context) (bool, bool, error)
	}
	namesEndpoints interface {
		GetServiceBaseEndpoint(context.Context, string) (string, bool, error)
	}
	wantsFIPS interface {
		GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error)
	}
	wantsDualStack interface {
		GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error)
	}
)

// setting is what the first source says that says anything.
func setting[S, T any](cfg aws.Config, ask func(S) (T, bool, error)) (T, error) {
	for _, source := range cfg.ConfigSources {
		if s, ok := source.(S); ok {
			if v, found, err := ask(s); err != nil || found {
				return v, err
			}
		}
	}
	var none T
	return none, nil
}

// configuredEndpoint is the one that variables or the shared configuration
// name; "" if they name none.
func configuredEndpoint(ctx context.Context, cfg aws.Config) (string, error) {
	ignored, err := setting(cfg, func(s ignoresEndpoints) (bool, bool, error) { return s.GetIgnoreConfiguredEndpoints(ctx) })
	if ignored || err != nil {
		return "", err
	}
	endpoint, err := setting(cfg, func(s namesEndpoints) (string, bool, error) { return s.GetServiceBaseEndpoint(ctx, "S3") })
	if endpoint != "" || err != nil {
		return endpoint, err
	}
	return aws.ToString(cfg.BaseEndpoint), nil
}

// endpointHost is S3's own in the Region (AWS General Reference, "Amazon S3
// endpoints"), that of FIPS or of both IP versions where it is asked for.
func endpointHost(ctx context.Context, cfg aws.Config) (string, error) {
	host, domain := "s3", ".amazonaws.com"
	fips, err := setting(cfg, func(s wantsFIPS) (aws.FIPSEndpointState, bool, error) { return s.GetUseFIPSEndpoint(ctx) })
	if err != nil {
		return "", err
	}
	if fips == aws.FIPSEndpointStateEnabled {
		host = "s3-fips"
	}
	dual, err := setting(cfg, func(s wantsDualStack) (aws.DualStackEndpointState, bool, error) {
		return s.GetUseDualStackEndpoint(ctx)
	})
	if err != nil {
		return "", err
	}
	if dual == aws.DualStackEndpointStateEnabled {
		host += ".dualstack"
	}
	if strings.HasPrefix(cfg.Region, "cn-") {
		domain += ".cn"
	}
	return host + "." + cfg.Region + domain, nil
}
