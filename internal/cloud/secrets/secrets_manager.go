package secrets

import (
	"context"
	"errors"
	"strings"

	"rollcall/internal/cloud"
)

// Secrets are those of Secrets Manager.
type Secrets struct {
	client func(context.Context) (*client, error)
}

// NewSecrets returns them as the AWS variables say, AWS_ENDPOINT_URL_SECRETS_MANAGER
// among them.
func NewSecrets(load cloud.Load) *Secrets { return &Secrets{newClient(load, secretsManager)} }

var secretsManager = service{cloud.Service{
	Name: "Secrets Manager", Variable: "AWS_ENDPOINT_URL_SECRETS_MANAGER",
	Reach: " (a function in subnets needs a NAT gateway or the VPC endpoint of secretsmanager)",
}, "Secrets Manager", "secretsmanager", "secretsmanager"}

// Secret returns the present value of a secret, by name or ARN.
func (s *Secrets) Secret(ctx context.Context, id string) (string, error) {
	client, err := s.client(ctx)
	var out struct{ SecretString *string }
	if err == nil {
		err = client.call(ctx, "GetSecretValue", map[string]any{"SecretId": id}, &out)
	}
	switch {
	case err == nil && out.SecretString == nil:
		return "", errors.New("it holds bytes, not a text (SecretBinary)")
	case err == nil:
		return *out.SecretString, nil
	}
	return "", secretsManager.Failed(ctx, err, func(r cloud.Refusal) string {
		switch r.Code {
		case "AccessDeniedException":
			if strings.Contains(r.Message, "kms") || strings.Contains(r.Message, "KMS") {
				return "allow the role the action kms:Decrypt on the key of the secret"
			}
			return "allow the role the action secretsmanager:GetSecretValue on the secret, and kms:Decrypt where it has a key of yours"
		case "DecryptionFailure":
			return "allow the role the action kms:Decrypt on the key of the secret, which has to be enabled"
		case "ResourceNotFoundException":
			return "there is no such secret in the Region, or it has no value yet"
		case "InvalidRequestException":
			if strings.Contains(r.Message, "delet") {
				return "the secret is marked for deletion"
			}
		case "ThrottlingException", "LimitExceededException":
			return "too many requests"
		}
		return ""
	})
}
