package secrets_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"rollcall/internal/cloud"
	"rollcall/internal/cloud/secrets"
)

// Secrets Manager here is a server that has one value.
func Example() {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"SecretString": "open sesame"}`)
	}))
	defer web.Close()
	cfg := aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""), BaseEndpoint: aws.String(web.URL)}
	fmt.Println(secrets.NewSecrets(cloud.Loaded(cfg)).Secret(context.Background(), "shop/api"))
	// Output: open sesame <nil>
}
