// Package secrets reads the values of Parameter Store and of Secrets Manager. There
// is one operation of each, requested without the SDK's clients, which have
// hundreds: docs/decisions/parameters-without-the-sdks-client.md.
package secrets

import (
	"context"
	"errors"
	"slices"
	"strings"

	"rollcall/internal/cloud"
)

// Parameters are those of Systems Manager.
type Parameters struct {
	client func(context.Context) (*client, error)
}

// NewParameters returns them as the AWS variables say, AWS_ENDPOINT_URL_SSM among
// them.
func NewParameters(load cloud.Load) *Parameters { return &Parameters{newClient(load, systemsManager)} }

// mostParameters is how many names a request may have (Systems Manager API,
// GetParameters).
const mostParameters = 10

var systemsManager = service{cloud.Service{
	Name: "Systems Manager", Variable: "AWS_ENDPOINT_URL_SSM",
	Reach: " (a function in subnets needs a NAT gateway or the VPC endpoint of ssm)",
}, "SSM", "ssm", "AmazonSSM"}

// Parameters returns the values of parameters, decrypted, and for each other
// name why it has none. A name may have a version or a label: "/a:3". One that
// may not be read does not take the others with it.
func (p *Parameters) Parameters(ctx context.Context, names []string) (map[string]string, map[string]error) {
	values, failures := map[string]string{}, map[string]error{}
	client, err := p.client(ctx)
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
func (c *client) read(ctx context.Context, batch []string, values map[string]string, failures map[string]error) (denied []string) {
	var found struct {
		Parameters []struct{ Name, ARN, Selector, Value string }
	}
	err := c.call(ctx, "GetParameters", map[string]any{"Names": batch, "WithDecryption": true}, &found)
	if err != nil && len(batch) > 1 && cloud.CodeOf(err) == "AccessDeniedException" {
		return batch
	}
	if err != nil {
		fail(ctx, batch, err, failures)
		return nil
	}
	for _, p := range found.Parameters {
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
	failed := systemsManager.Failed(ctx, err, func(r cloud.Refusal) string {
		switch {
		case strings.Contains(r.Message, "kms:") || strings.Contains(r.Code, "KMS") || r.Code == "InvalidKeyId":
			return "allow the role the action kms:Decrypt on the key of the parameter"
		case r.Code == "AccessDeniedException":
			return "allow the role the action ssm:GetParameters on the parameter, and kms:Decrypt where it has a key of yours"
		case r.Code == "ThrottlingException":
			return "too many requests (see the throughput setting of Parameter Store)"
		}
		return ""
	})
	for _, name := range batch {
		failures[name] = failed
	}
}
