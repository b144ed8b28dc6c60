package cloud_test

import (
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"rollcall/internal/cloud"
	"rollcall/internal/cloud/secrets"
)

// last keeps where a request went, and refuses it.
type last struct{ url string }

// Do is of an HTTP client.
func (l *last) Do(r *http.Request) (*http.Response, error) {
	l.url = r.URL.String()
	return &http.Response{StatusCode: http.StatusBadRequest, Body: http.NoBody, Request: r}, nil
}

// TestEndpointsAreTheSDKs asks for a parameter and a secret where the SDK's own
// clients ask for them, in each partition.
func TestEndpointsAreTheSDKs(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	for _, region := range []string{
		"us-east-1", "eu-central-1", "ca-west-1", "cn-north-1", "us-gov-west-1", "us-gov-east-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1", "eusc-de-east-1",
	} {
		for i := range 4 {
			fips, dualStack := fmt.Sprint(i&1 != 0), fmt.Sprint(i&2 != 0)
			if i == 3 && region == "cn-north-1" {
				continue // no endpoint there is FIPS
			}
			t.Run(region+" FIPS "+fips+" dual stack "+dualStack, func(t *testing.T) {
				t.Setenv("AWS_USE_FIPS_ENDPOINT", fips)
				t.Setenv("AWS_USE_DUALSTACK_ENDPOINT", dualStack)
				t.Setenv("AWS_REGION", region)
				cfg, err := config.LoadDefaultConfig(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				var ours, theirs last
				cfg.HTTPClient = &theirs
				own := cfg
				own.HTTPClient = &ours
				names := []string{"/a"}
				_, _ = ssm.NewFromConfig(cfg).GetParameters(t.Context(), &ssm.GetParametersInput{Names: names})
				ctx := t.Context()
				secrets.NewParameters(cloud.Loaded(own)).Parameters(ctx, names)
				if ours.url != theirs.url || ours.url == "" {
					t.Errorf("Systems Manager: %s, the SDK asks %s", ours.url, theirs.url)
				}
				_, _ = secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &names[0]})
				_, _ = secrets.NewSecrets(cloud.Loaded(own)).Secret(ctx, names[0])
				if ours.url != theirs.url {
					t.Errorf("Secrets Manager: %s, the SDK asks %s", ours.url, theirs.url)
				}
			})
		}
	}
}
