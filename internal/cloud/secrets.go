package cloud

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// Secrets are those of Secrets Manager.
type Secrets struct{ client lazy[secretsmanager.Client] }

// NewSecrets returns them as the AWS variables say, AWS_ENDPOINT_URL_SECRETS_MANAGER
// among them.
func NewSecrets(load Load) *Secrets {
	return &Secrets{lazy[secretsmanager.Client]{load: load, make: func(cfg aws.Config) *secretsmanager.Client {
		return secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) {
			if o.BaseEndpoint != nil {
				o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateDisabled
				o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateDisabled
			}
			o.Retryer = retryer()
			o.HTTPClient = within(o.HTTPClient, headTimeout).(secretsmanager.HTTPClient)
		})
	}}}
}

var secretsManager = service{
	name: "Secrets Manager", variable: "AWS_ENDPOINT_URL_SECRETS_MANAGER",
	reach: " (a function in subnets needs a NAT gateway or the VPC endpoint of secretsmanager)",
}

// Secret returns the present value of a secret, by name or ARN.
func (s *Secrets) Secret(ctx context.Context, id string) (string, error) {
	client, err := s.client.get(ctx)
	var out *secretsmanager.GetSecretValueOutput
	if err == nil {
		out, err = client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
	}
	switch {
	case err == nil && out.SecretString == nil:
		return "", errors.New("it holds bytes, not a text (SecretBinary)")
	case err == nil:
		return *out.SecretString, nil
	}
	return "", secretsManager.failed(ctx, err, func(r refusal) string {
		switch r.code {
		case "AccessDeniedException":
			if strings.Contains(r.message, "kms") || strings.Contains(r.message, "KMS") {
				return "allow the role the action kms:Decrypt on the key of the secret"
			}
			return "allow the role the action secretsmanager:GetSecretValue on the secret, and kms:Decrypt where it has a key of yours"
		case "DecryptionFailure":
			return "allow the role the action kms:Decrypt on the key of the secret, which has to be enabled"
		case "ResourceNotFoundException":
			return "there is no such secret in the Region, or it has no value yet"
		case "InvalidRequestException":
			if strings.Contains(r.message, "delet") {
				return "the secret is marked for deletion"
			}
		case "ThrottlingException", "LimitExceededException":
			return "too many requests"
		}
		return ""
	})
}
