package cloud

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
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"rollcall/internal/pause"
)

// Parameters are those of Systems Manager. There is one operation, asked for
// without the SDK's client, which has a hundred and fifty:
// docs/decisions/parameters-without-the-sdks-client.md.
type Parameters struct{ client lazy[parameterClient] }

// NewParameters returns them as the AWS variables say, AWS_ENDPOINT_URL_SSM among
// them.
func NewParameters(load Load) *Parameters {
	return &Parameters{lazy[parameterClient]{load: load, make: newParameterClient}}
}

// mostParameters is how many names a request may have (Systems Manager API,
// GetParameters).
const mostParameters = 10

var systemsManager = service{
	name: "Systems Manager", variable: "AWS_ENDPOINT_URL_SSM",
	reach: " (a function in subnets needs a NAT gateway or the VPC endpoint of ssm)",
}

// Parameters returns the values of parameters, decrypted, and for each other
// name why it has none. A name may have a version or a label: "/a:3". One that
// may not be read does not take the others with it.
func (p *Parameters) Parameters(ctx context.Context, names []string) (map[string]string, map[string]error) {
	values, failures := map[string]string{}, map[string]error{}
	client, err := p.client.get(ctx)
	for batch := range slices.Chunk(names, mostParameters) {
		if err != nil {
			fail(ctx, batch, err, failures)
			continue
		}
		denied := client.read(ctx, batch, values, failures)
		for _, name := range denied {
			client.read(ctx, []string{name}, values, failures)
		}
	}
	return values, failures
}

// read reads a batch. It returns the batch if access was denied to some of it:
// AWS then responds with none.
func (c *parameterClient) read(ctx context.Context, batch []string, values map[string]string, failures map[string]error) (denied []string) {
	found, err := c.getParameters(ctx, batch)
	if err != nil && len(batch) > 1 && codeOf(err) == "AccessDeniedException" {
		return batch
	}
	if err != nil {
		fail(ctx, batch, err, failures)
		return nil
	}
	for _, p := range found {
		for _, name := range []string{p.Name, p.ARN} {
			if slices.Contains(batch, name+p.Selector) {
				values[name+p.Selector] = p.Value
			}
		}
	}
	for _, name := range batch {
		if _, found := values[name]; !found {
			failures[name] = errors.New("there is no such parameter, version or label in the Region")
		}
	}
	return nil
}

// fail notes for each name why it has no value.
func fail(ctx context.Context, batch []string, err error, failures map[string]error) {
	failed := systemsManager.failed(ctx, err, func(r refusal) string {
		switch {
		case strings.Contains(r.message, "kms:") || strings.Contains(r.code, "KMS") || r.code == "InvalidKeyId":
			return "allow the role the action kms:Decrypt on the key of the parameter"
		case r.code == "AccessDeniedException":
			return "allow the role the action ssm:GetParameters on the parameter, and kms:Decrypt where it has a key of yours"
		case r.code == throttling:
			return "too many requests (see the throughput setting of Parameter Store)"
		}
		return ""
	})
	for _, name := range batch {
		failures[name] = failed
	}
}

// A parameterClient makes requests to Systems Manager.
type parameterClient struct {
	cfg      aws.Config
	endpoint string
	err      error // why there is no endpoint
	http     aws.HTTPClient
	signer   *v4.Signer
}

func newParameterClient(cfg aws.Config) *parameterClient {
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = awshttp.NewBuildableClient()
	}
	c := &parameterClient{cfg: cfg, http: within(cfg.HTTPClient, headTimeout).(aws.HTTPClient), signer: v4.NewSigner()}
	c.endpoint, c.err = parameterEndpoint(cfg)
	return c
}

// parameterEndpoint returns where Systems Manager is: what the configuration says
// for it, or for all services, else the Region's. That is where SNS is,
// with another name, for which the SDK knows the rules.
func parameterEndpoint(cfg aws.Config) (string, error) {
	own, ignored := "", false
	for _, source := range slices.Backward(cfg.ConfigSources) { // the first one wins
		if s, ok := source.(endpointSource); ok {
			if value, found, err := s.GetServiceBaseEndpoint(context.Background(), "SSM"); err == nil && found {
				own = value
			}
			if value, found, err := s.GetIgnoreConfiguredEndpoints(context.Background()); err == nil && found {
				ignored = value
			}
		}
	}
	_, forAll := os.LookupEnv("AWS_ENDPOINT_URL")
	_, forIt := os.LookupEnv("AWS_ENDPOINT_URL_SSM")
	switch {
	case own != "" && !ignored && (forIt || !forAll):
		return own, nil
	case cfg.BaseEndpoint != nil:
		return *cfg.BaseEndpoint, nil
	}
	options := sns.NewFromConfig(cfg).Options().EndpointOptions
	fips, dualStack := options.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled, options.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled
	resolved, err := sns.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(), sns.EndpointParameters{
		Region: &cfg.Region, UseFIPS: &fips, UseDualStack: &dualStack,
	})
	if err != nil {
		return "", err
	}
	host := strings.Replace(resolved.URI.Host, "sns", "ssm", 1)
	if strings.HasPrefix(cfg.Region, "us-gov-") {
		host = strings.Replace(host, "ssm-fips.", "ssm.", 1) // all of it is FIPS there
	}
	return "https://" + host, nil
}

// An endpointSource is a part of the configuration that may have endpoints: the
// environment, a shared file.
type endpointSource interface {
	GetServiceBaseEndpoint(ctx context.Context, service string) (string, bool, error)
	GetIgnoreConfiguredEndpoints(context.Context) (bool, bool, error)
}

const throttling = "ThrottlingException"

// A foundParameter is one of a response of GetParameters.
type foundParameter struct{ Name, ARN, Selector, Value string }

// getParameters is the operation of that name, in AWS's JSON protocol 1.1. What is
// retryable is retried.
func (c *parameterClient) getParameters(ctx context.Context, names []string) ([]foundParameter, error) {
	body, err := json.Marshal(map[string]any{"Names": names, "WithDecryption": true})
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		found, retryable, err := c.post(ctx, body)
		if err == nil || !retryable || attempt == attempts || !pause.For(ctx, pauseAfter<<(attempt-1)) {
			return found, err
		}
	}
}

// post makes one attempt.
func (c *parameterClient) post(ctx context.Context, body []byte) (found []foundParameter, retryable bool, err error) {
	const mostBytes = 1 << 20 // ten parameters have 80 kB at most
	if c.err != nil {
		return nil, false, c.err
	}
	if c.cfg.Region == "" {
		return nil, false, &aws.MissingRegionError{}
	}
	if c.cfg.Credentials == nil {
		return nil, false, errors.New("there are no credentials")
	}
	credentials, err := c.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, false, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.endpoint, "/")+"/", bytes.NewReader(body))
	if err != nil {
		return nil, false, err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "AmazonSSM.GetParameters")
	sum := sha256.Sum256(body)
	if err := c.signer.SignHTTP(ctx, credentials, request, hex.EncodeToString(sum[:]), "ssm", c.cfg.Region, time.Now()); err != nil {
		return nil, false, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		if _, ok := errors.AsType[*url.Error](err); !ok {
			err = &url.Error{Op: "Post", URL: c.endpoint, Err: err}
		}
		return nil, true, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, mostBytes))
	if err != nil {
		return nil, true, &url.Error{Op: "Post", URL: c.endpoint, Err: err}
	}
	var out struct {
		Parameters []foundParameter
		Type       string `json:"__type"`
		Message    string
	}
	err = json.Unmarshal(text, &out)
	if response.StatusCode == http.StatusOK {
		if err != nil {
			err = fmt.Errorf("the response can't be read: %w", err)
		}
		return out.Parameters, false, err
	}
	code := out.Type[strings.LastIndexByte(out.Type, '#')+1:]
	return nil, response.StatusCode >= 500 || code == throttling, &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: response}, Err: &smithy.GenericAPIError{Code: code, Message: out.Message},
	}
}
