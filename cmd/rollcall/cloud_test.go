package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// A list in S3 and a secret are read as the AWS variables say.
func TestListAndSecretOfAWS(t *testing.T) {
	shop := url(t, "good.stage.test")
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("X-Amz-Target") == "secretsmanager.GetSecretValue":
			fmt.Fprint(w, `{"SecretString": "{\"path\": \"s3cr3t-path\"}"}`)
		case r.URL.Path == "/lists/a+b.csv":
			fmt.Fprintf(w, "url,name\n%s${secretsmanager:shop#path},shop\n", shop)
		default:
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, "<Error><Code>AccessDenied</Code></Error>")
		}
	}))
	defer aws.Close()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-central-1", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_ENDPOINT_URL": aws.URL,
	} {
		t.Setenv(name, value)
	}
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"check", "s3://lists/a+b.csv", "--secret", "shop@good.stage.test"}, 0, "up"},
		{[]string{"check", "--event", "s3://lists/a+b.csv", "--secret", "shop@*.stage.test"}, 0, "up"},
		{[]string{"check", "s3://lists/a+b.csv"}, 3, "${secretsmanager:shop#path} is not allowed here (ROLLCALL_SECRETS=shop@good.stage.test or --secret shop@good.stage.test)"},
		{[]string{"check", "s3://lists/none.txt"}, 2, `source: open "s3://lists/none.txt": S3 responded 403 AccessDenied: there is no such key, or it is not allowed`},
		{[]string{"check", "s3://lists"}, 2, "source: invalid URL of an object (s3://bucket/key, or s3://bucket/key?versionId=ID)"},
		{[]string{"check", shop, "--secret", "a b"}, 2, `--secret: invalid secret "a b"`},
		{[]string{"validate", "s3://lists/a+b.csv"}, 0, "needs ROLLCALL_SECRETS=shop@good.stage.test"},
	} {
		got := rollcall(t, "", test.args...)
		if text := got.out + got.err; got.code != test.code || !strings.Contains(text, test.want) || strings.Contains(text, "s3cr3t") {
			t.Errorf("%q: exit code %d, want %d with %q:\n%s", test.args, got.code, test.code, test.want, text)
		}
	}
}
