package cloud

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// Parameters are those of Systems Manager.
type Parameters struct{ client lazy[ssm.Client] }

// NewParameters returns them as the AWS variables say, AWS_ENDPOINT_URL_SSM among
// them.
func NewParameters(load Load) *Parameters {
	return &Parameters{lazy[ssm.Client]{load: load, make: func(cfg aws.Config) *ssm.Client {
		return ssm.NewFromConfig(cfg, func(o *ssm.Options) {
			if o.BaseEndpoint != nil {
				o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateDisabled
				o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateDisabled
			}
			o.Retryer = retryer()
			o.HTTPClient = within(o.HTTPClient, headTimeout).(ssm.HTTPClient)
		})
	}}}
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
			p.fail(ctx, batch, err, failures)
			continue
		}
		denied := p.read(ctx, client, batch, values, failures)
		for _, name := range denied {
			p.read(ctx, client, []string{name}, values, failures)
		}
	}
	return values, failures
}

// read reads a batch. It returns the batch if access was denied to some of it:
// AWS then responds with none.
func (p *Parameters) read(ctx context.Context, client *ssm.Client, batch []string, values map[string]string, failures map[string]error) (denied []string) {
	out, err := client.GetParameters(ctx, &ssm.GetParametersInput{Names: batch, WithDecryption: aws.Bool(true)})
	if err != nil {
		p.fail(ctx, batch, err, failures)
		if len(batch) > 1 && codeOf(err) == "AccessDeniedException" {
			for _, name := range batch {
				delete(failures, name)
			}
			return batch
		}
		return nil
	}
	for _, found := range out.Parameters {
		selector := aws.ToString(found.Selector)
		for _, name := range []string{aws.ToString(found.Name), aws.ToString(found.ARN)} {
			if slices.Contains(batch, name+selector) {
				values[name+selector] = aws.ToString(found.Value)
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

func (p *Parameters) fail(ctx context.Context, batch []string, err error, failures map[string]error) {
	failed := systemsManager.failed(ctx, err, func(r refusal) string {
		switch {
		case strings.Contains(r.message, "kms:") || strings.Contains(r.code, "KMS") || r.code == "InvalidKeyId":
			return "allow the role the action kms:Decrypt on the key of the parameter"
		case r.code == "AccessDeniedException":
			return "allow the role the action ssm:GetParameters on the parameter, and kms:Decrypt where it has a key of yours"
		case r.code == "ThrottlingException" || r.code == "TooManyUpdates":
			return "too many requests (see the throughput setting of Parameter Store)"
		}
		return ""
	})
	for _, name := range batch {
		failures[name] = failed
	}
}
