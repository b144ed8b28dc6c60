package s3_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"rollcall/internal/cloud/s3"
)

// A page is put into a bucket; S3 here is a server that says what it was asked.
func Example() {
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path, r.Header.Get("Content-Type"))
	}))
	defer web.Close()
	cfg := aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""), BaseEndpoint: aws.String(web.URL)}
	err := s3.NewBucket(cfg, "pages").Put(context.Background(), "123456789012", "rollcall.html", "text/html", []byte("<h1>all up</h1>"))
	fmt.Println(err)
	// Output:
	// PUT /pages/rollcall.html text/html
	// <nil>
}
