//go:build ministack

package cloud_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"rollcall/internal/cloud"
	lists "rollcall/internal/cloud/s3"
	"rollcall/internal/cloud/secrets"
	"rollcall/internal/plan"
	"rollcall/internal/secret"
	"rollcall/test/ministack"
)

// miniStack starts MiniStack with services, and returns what a program would load
// to use it in a Region.
func miniStack(t *testing.T, services ...string) func(region string) aws.Config {
	t.Helper()
	m, err := ministack.StartMiniStack(os.Getenv("MINISTACK"), services...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return func(region string) aws.Config {
		return aws.Config{Region: region, BaseEndpoint: aws.String(m.URL), Credentials: credentials.NewStaticCredentialsProvider("key", "secret", "")}
	}
}

// TestMiniStackHasLists puts lists into an S3 that no one here wrote, and reads
// them.
func TestMiniStackHasLists(t *testing.T) {
	config := miniStack(t, "s3")
	client := s3.NewFromConfig(config("eu-central-1"), func(o *s3.Options) { o.UsePathStyle = true })
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: aws.String("lists"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-central-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	objects(t, client, lists.Lists(cloud.Loaded(config("eu-central-1"))))
	_, err = plan.Parse(t.Context(), strings.NewReader(`{"source": "s3://lists/plain.txt"}`), plan.Inputs{Sources: map[string]plan.Source{"s3": lists.Lists(cloud.Loaded(config("eu-west-1")))}})
	if err == nil || !strings.Contains(err.Error(), "S3 responded 301 PermanentRedirect: the bucket is in the Region eu-central-1: put the list into a bucket of the function's own Region") {
		t.Errorf("from another Region: %v", err)
	}
}

// TestMiniStackHasSecrets keeps a parameter with versions, and a secret that is
// rotated, in stores that no one here wrote.
func TestMiniStackHasSecrets(t *testing.T) {
	cfg := miniStack(t, "ssm", "secretsmanager", "kms")("eu-central-1")
	parameters, manager := ssm.NewFromConfig(cfg), secretsmanager.NewFromConfig(cfg)
	put := func(name, value string) {
		t.Helper()
		if _, err := parameters.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: ssmtypes.ParameterTypeSecureString, Overwrite: aws.Bool(true)}); err != nil {
			t.Fatal(err)
		}
	}
	put("/shop/token", "first")
	put("/shop/token", "second")
	for i := range 12 {
		put(fmt.Sprint("/many/", i), fmt.Sprint("value ", i))
	}
	if _, err := manager.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("shop/api"), SecretString: aws.String(`{"key": "before"}`)}); err != nil {
		t.Fatal(err)
	}
	cache := secret.NewCache(secrets.NewParameters(cloud.Loaded(cfg)), secrets.NewSecrets(cloud.Loaded(cfg)))
	texts := []string{"ssm:/shop/token", "ssm:/shop/token:1", "ssm:/none", "secretsmanager:shop/api#key", "secretsmanager:none"}
	for i := range 12 {
		texts = append(texts, fmt.Sprint("ssm:/many/", i))
	}
	values := map[string]string{}
	headers := func() []string {
		var all []string
		for i, text := range texts {
			all = append(all, fmt.Sprintf(`{"url": "https://a.example/%d", "name": %q, "body": "${%s}"}`, i, text, text))
		}
		return all
	}
	p, err := plan.Parse(t.Context(), strings.NewReader(`{"urls": [`+strings.Join(headers(), ",")+`]}`), plan.Inputs{
		Values: cache.Values, Permit: func(plan.Reference, string) bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range p.Targets {
		values[target.Name] = target.Body + target.Invalid
	}
	for text, want := range map[string]string{
		"ssm:/shop/token": "second", "ssm:/shop/token:1": "first", "ssm:/many/11": "value 11", "secretsmanager:shop/api#key": "before",
		"ssm:/none":           "${ssm:/none}body: ${ssm:/none} can't be read: there is no such parameter, version or label in the Region",
		"secretsmanager:none": "${secretsmanager:none}body: ${secretsmanager:none} can't be read: Secrets Manager responded 400 ResourceNotFoundException: there is no such secret in the Region, or it has no value yet",
	} {
		if values[text] != want {
			t.Errorf("%s: %q, want %q", text, values[text], want)
		}
	}
	if _, err := manager.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("shop/api"), SecretString: aws.String(`{"key": "after"}`)}); err != nil {
		t.Fatal(err)
	}
	rotated := []plan.Reference{{Kind: plan.Secret, Name: "shop/api", Part: "key"}}
	if got := cache.Values(t.Context(), rotated, time.Now().Add(-time.Minute))[0]; got.Text != "before" {
		t.Errorf("it was not kept: %+v", got)
	}
	if got := cache.Values(t.Context(), rotated, time.Now())[0]; got.Text != "after" {
		t.Errorf("rotated: %+v", got)
	}
	if _, err := manager.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("shop/api")}); err != nil {
		t.Fatal(err)
	}
	if got := cache.Values(t.Context(), rotated, time.Now())[0]; got.Text != "after" || got.Err == nil || !strings.Contains(got.Err.Error(), "marked for deletion") {
		t.Errorf("deleted: %+v", got)
	}
}
