package secrets

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"rollcall/internal/cloud"
)

// served is a configuration whose requests a function responds to.
func served(respond doer) aws.Config {
	return aws.Config{
		Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""), BaseEndpoint: aws.String("http://aws.test"),
		HTTPClient: respond,
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

func response(r *http.Request, status int, body io.Reader) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(body), Request: r, ContentLength: -1}, nil
}

// A call is what was asked for in AWS's JSON protocol.
type call struct {
	target string
	Names  []string
	Secret string `json:"SecretId"`

	WithDecryption bool
}

// jsonService responds to calls; a code is a refusal.
func jsonService(t *testing.T, calls *[]call, respond func(c call) (body, code string)) cloud.Load {
	return cloud.Loaded(served(func(r *http.Request) (*http.Response, error) {
		c := call{target: r.Header.Get("X-Amz-Target")}
		text, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(text, &c)
		}
		if err != nil {
			t.Error(err)
		}
		*calls = append(*calls, c)
		body, code := respond(c)
		if code == "" {
			return response(r, 200, strings.NewReader(body))
		}
		text, _ = json.Marshal(map[string]string{"__type": code, "message": body})
		return response(r, 400, strings.NewReader(string(text)))
	}))
}

// Parameters are asked for in tens. A batch of which one is denied is asked for
// one by one.
func TestParameters(t *testing.T) {
	var calls []call
	const arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/shared"
	p := NewParameters(jsonService(t, &calls, func(c call) (string, string) {
		if !c.WithDecryption || c.target != "AmazonSSM.GetParameters" {
			t.Errorf("%+v", c)
		}
		if slices.Contains(c.Names, "/denied") {
			return "User: x is not authorized to perform: ssm:GetParameters on resource: y", "AccessDeniedException"
		}
		if slices.Contains(c.Names, "/key") {
			return "The ciphertext refers to a customer master key that does not exist", "InvalidKeyId"
		}
		var found []map[string]string
		for _, name := range c.Names {
			bare, selector, selected := strings.Cut(name, ":")
			switch {
			case name == arn:
				found = append(found, map[string]string{"Name": "/shared", "ARN": arn, "Value": "shared"})
			case selected && name != arn:
				found = append(found, map[string]string{"Name": bare, "Selector": ":" + selector, "Value": "of " + name})
			case strings.HasPrefix(name, "/p"):
				found = append(found, map[string]string{"Name": name, "Value": "of " + name})
			}
		}
		text, _ := json.Marshal(map[string]any{"Parameters": found})
		return string(text), ""
	}))
	names := []string{"/denied", arn, "/none"}
	for i := range 12 {
		names = append(names, fmt.Sprint("/p", i))
	}
	names = append(names, "/p0:3", "/p0:live")
	values, failures := p.Parameters(t.Context(), names)
	for name, want := range map[string]string{"/p0": "of /p0", "/p11": "of /p11", "/p0:3": "of /p0:3", "/p0:live": "of /p0:live", arn: "shared"} {
		if values[name] != want {
			t.Errorf("%s: %q, %v", name, values[name], failures[name])
		}
	}
	if len(values)+len(failures) != len(names) || len(calls) != 1+10+1 {
		t.Errorf("%d values, %d failures, %d calls", len(values), len(failures), len(calls))
	}
	for name, want := range map[string]string{
		"/none":   "there is no such parameter, version or label in the Region",
		"/denied": "Systems Manager responded 400 AccessDeniedException: allow the role the action ssm:GetParameters on the parameter, and kms:Decrypt where it has a key of yours",
	} {
		if err := failures[name]; err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	_, failures = p.Parameters(t.Context(), []string{"/key"})
	if got := fmt.Sprint(failures["/key"]); got != "Systems Manager responded 400 InvalidKeyId: allow the role the action kms:Decrypt on the key of the parameter" {
		t.Errorf("a key: %s", got)
	}
}

func TestSecretRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			body, code string
			want       string
			calls      int
		}{
			{`{"SecretString": "text"}`, "", "text", 1},
			{`{"SecretBinary": "AAAA"}`, "", "it holds bytes, not a text (SecretBinary)", 1},
			{"x is not authorized to perform: secretsmanager:GetSecretValue", "AccessDeniedException", "Secrets Manager responded 400 AccessDeniedException: allow the role the action secretsmanager:GetSecretValue on the secret, and kms:Decrypt where it has a key of yours", 1},
			{"", "DecryptionFailure", "Secrets Manager responded 400 DecryptionFailure: allow the role the action kms:Decrypt on the key of the secret, which has to be enabled", 1},
			{"Rate exceeded", "ThrottlingException", "Secrets Manager responded 400 ThrottlingException: too many requests", cloud.Attempts},
			{"", "InternalServiceError", "Secrets Manager responded 400 InternalServiceError", 1},
		} {
			var calls []call
			s := NewSecrets(jsonService(t, &calls, func(call) (string, string) { return test.body, test.code }))
			text, err := s.Secret(t.Context(), "shop/api")
			if err != nil {
				text = err.Error()
			}
			if text != test.want || len(calls) != test.calls || calls[0].Secret != "shop/api" {
				t.Errorf("%s: %q after %+v", test.code, text, calls)
			}
		}
		began := time.Now()
		hanging := NewSecrets(cloud.Loaded(served(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := hanging.Secret(ctx, "x")
		if want := "Secrets Manager did not respond in time (a function in subnets needs a NAT gateway or the VPC endpoint of secretsmanager)"; err == nil || err.Error() != want || time.Since(began) < time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// A service is where the AWS variables say. (test/cloud compares the endpoints of
// Regions with the SDK's.)
func TestEndpoints(t *testing.T) {
	for _, test := range []struct {
		name string
		env  map[string]string
		want string // of Systems Manager
	}{
		{"the Region's", nil, "https://ssm.eu-central-1.amazonaws.com"},
		{"its own variable", map[string]string{"AWS_ENDPOINT_URL_SSM": "http://ssm.test:9", "AWS_ENDPOINT_URL": "http://127.0.0.1:8", "AWS_USE_FIPS_ENDPOINT": "true"}, "http://ssm.test:9"},
		{"another's variable", map[string]string{"AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://127.0.0.1:9"}, "https://ssm.eu-central-1.amazonaws.com"},
		{"everybody's variable", map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:8/"}, "http://127.0.0.1:8/"},
		{"variables that are to be ignored", map[string]string{"AWS_ENDPOINT_URL_SSM": "http://127.0.0.1:9", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, "https://ssm.eu-central-1.amazonaws.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := configured(t, test.env)
			if got := systemsManager.endpoint(cfg); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
	cfg := configured(t, map[string]string{"AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://127.0.0.1:9"})
	if got := secretsManager.endpoint(cfg); got != "http://127.0.0.1:9" {
		t.Errorf("Secrets Manager is at %s", got)
	}
}

// configured is what the SDK loads where only these variables are set.
func configured(t *testing.T, env map[string]string) aws.Config {
	t.Helper()
	for _, name := range []string{"", "_SSM", "_SECRETS_MANAGER"} {
		t.Setenv("AWS_ENDPOINT_URL"+name, "") // restored when the test ends
		os.Unsetenv("AWS_ENDPOINT_URL" + name)
	}
	for name, value := range map[string]string{"AWS_REGION": "eu-central-1", "AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull} {
		t.Setenv(name, value)
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// What is retryable is retried; where there is no response the words say so.
func TestParametersNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			respond  func(r *http.Request) (*http.Response, error)
			want     string
			requests int
		}{
			{func(r *http.Request) (*http.Response, error) { return response(r, 503, http.NoBody) }, "Systems Manager responded 503 ", 3},
			{func(r *http.Request) (*http.Response, error) {
				return response(r, 200, strings.NewReader("<html>"))
			}, "no request to Systems Manager can be made (see AWS_REGION, the credentials and AWS_ENDPOINT_URL_SSM): the response can't be read", 1},
			{func(r *http.Request) (*http.Response, error) { return nil, io.EOF }, "Systems Manager can't be reached: EOF (a function in subnets needs a NAT gateway or the VPC endpoint of ssm)", 3},
			{func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }, "Systems Manager did not respond in time (a function", 1},
		} {
			requests := 0
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			_, failures := NewParameters(cloud.Loaded(served(func(r *http.Request) (*http.Response, error) {
				requests++
				return test.respond(r)
			}))).Parameters(ctx, []string{"/a"})
			cancel()
			if err := failures["/a"]; err == nil || !strings.HasPrefix(err.Error(), test.want) || requests != test.requests {
				t.Errorf("%v after %d requests, want %s", err, requests, test.want)
			}
		}
		for _, cfg := range []aws.Config{{}, {Region: "eu-central-1"}} {
			_, failures := NewParameters(cloud.Loaded(cfg)).Parameters(t.Context(), []string{"/a"})
			if err := failures["/a"]; err == nil || !strings.HasPrefix(err.Error(), "no request to Systems Manager can be made (see AWS_REGION, the credentials") {
				t.Errorf("%+v: %v", cfg, err)
			}
		}
	})
}
