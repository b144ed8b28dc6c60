package secrets

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"rollcall/internal/cloud"
	"rollcall/internal/pause"
)

// A client makes requests in AWS's JSON protocol 1.1 to one service, signed by the
// SDK's signer with the SDK's credentials.
type client struct {
	service  service
	cfg      aws.Config
	endpoint string
	http     aws.HTTPClient
	retryer  aws.Retryer
}

// A service is one of the two.
type service struct {
	cloud.Service
	id     string // as the SDK's configuration names it
	signed string // the name of the service in signatures and host names
	target string // what its operations' names begin with
}

func newClient(load cloud.Load, s service) func(context.Context) (*client, error) {
	return cloud.Lazy(load, func(cfg aws.Config) *client {
		if cfg.HTTPClient == nil {
			cfg.HTTPClient = awshttp.NewBuildableClient()
		}
		return &client{s, cfg, s.endpoint(cfg), cloud.Within(cfg.HTTPClient, cloud.HeadTimeout), cloud.Retryer()}
	})
}

// An endpointSource is a part of the configuration that may have endpoints: the
// environment, a shared file.
type endpointSource interface {
	GetServiceBaseEndpoint(ctx context.Context, service string) (string, bool, error)
	GetIgnoreConfiguredEndpoints(context.Context) (bool, bool, error)
	GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error)
	GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error)
}

// endpoint returns where a service is: what the configuration says for it, or for
// all services, else the Region's.
func (s service) endpoint(cfg aws.Config) string {
	ctx := context.Background()
	own, ignored, fips, dualStack := "", false, false, false
	for _, source := range slices.Backward(cfg.ConfigSources) { // the first one wins
		source, ok := source.(endpointSource)
		if !ok {
			continue
		}
		if value, found, err := source.GetServiceBaseEndpoint(ctx, s.id); err == nil && found {
			own = value
		}
		if value, found, err := source.GetIgnoreConfiguredEndpoints(ctx); err == nil && found {
			ignored = value
		}
		if value, found, err := source.GetUseFIPSEndpoint(ctx); err == nil && found {
			fips = value == aws.FIPSEndpointStateEnabled
		}
		if value, found, err := source.GetUseDualStackEndpoint(ctx); err == nil && found {
			dualStack = value == aws.DualStackEndpointStateEnabled
		}
	}
	_, forAll := os.LookupEnv("AWS_ENDPOINT_URL")
	_, forIt := os.LookupEnv("AWS_ENDPOINT_URL_" + strings.ToUpper(strings.ReplaceAll(s.id, " ", "_")))
	switch {
	case own != "" && !ignored && (forIt || !forAll):
		return own
	case cfg.BaseEndpoint != nil:
		return *cfg.BaseEndpoint
	}
	host := s.signed
	if fips && (s != systemsManager || !strings.HasPrefix(cfg.Region, "us-gov-") || dualStack) { // all others of that one are FIPS there
		host += "-fips"
	}
	i := slices.IndexFunc(partitions, func(p partition) bool { return strings.HasPrefix(cfg.Region, p.regions) })
	domain := partitions[i].domain
	if dualStack && (s != secretsManager || !strings.HasPrefix(domain, "amazonaws.com")) { // whose usual endpoints have IPv6 there
		domain = partitions[i].dualStack
	}
	return "https://" + host + "." + cfg.Region + "." + domain
}

// A partition is a part of AWS with domains of its own. The SDK knows them too, but
// only in the client of each of its services.
type partition struct{ regions, domain, dualStack string }

var partitions = []partition{
	{"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
	{"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
	{"us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
	{"us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
	{"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
	{"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
	{"", "amazonaws.com", "api.aws"},
}

// call is an operation: in and out are its JSON. What is retryable is retried.
func (c *client) call(ctx context.Context, operation string, in map[string]any, out any) error {
	if c.cfg.Region == "" {
		return &aws.MissingRegionError{}
	}
	if c.cfg.Credentials == nil {
		return errors.New("there are no credentials")
	}
	credentials, err := c.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		err := c.post(ctx, credentials, operation, body, out)
		if err == nil || !c.retryer.IsErrorRetryable(err) || attempt == cloud.Attempts || !pause.For(ctx, cloud.PauseAfter<<(attempt-1)) {
			return err
		}
	}
}

// post makes one attempt.
func (c *client) post(ctx context.Context, credentials aws.Credentials, operation string, body []byte, out any) error {
	const mostBytes = 1 << 20 // ten parameters have 80 kB at most, a secret 64
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.endpoint, "/")+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", c.service.target+"."+operation)
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, request, hex.EncodeToString(sum[:]), c.service.signed, c.cfg.Region, time.Now()); err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return c.lost(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, mostBytes))
	if err != nil {
		return c.lost(err)
	}
	if response.StatusCode == http.StatusOK {
		if err := json.Unmarshal(text, out); err != nil {
			return fmt.Errorf("the response can't be read: %w", err)
		}
		return nil
	}
	var refusal struct {
		Type    string `json:"__type"`
		Message string
	}
	_ = json.Unmarshal(text, &refusal) // one of a proxy may be anything
	return &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: response}, Err: &smithy.GenericAPIError{
		Code: refusal.Type[strings.LastIndexByte(refusal.Type, '#')+1:], Message: refusal.Message,
	}}
}

// lost is the error of a request without a whole response.
func (c *client) lost(err error) error {
	if _, ok := errors.AsType[*url.Error](err); !ok {
		err = &url.Error{Op: "Post", URL: c.endpoint, Err: err}
	}
	return &smithyhttp.RequestSendError{Err: err}
}
