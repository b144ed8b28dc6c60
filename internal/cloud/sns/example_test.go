package sns_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"rollcall/internal/cloud/sns"
)

// SNS here is a server that says what it was asked.
func Example() {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.FormValue("Action"), r.FormValue("Subject"), r.FormValue("MessageAttributes.entry.1.Value.StringValue"))
		fmt.Fprint(w, `<PublishResponse><PublishResult/></PublishResponse>`)
	}))
	defer web.Close()
	cfg := aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""), BaseEndpoint: aws.String(web.URL)}
	topic := "arn:aws:sns:eu-central-1:123456789012:alerts"
	fmt.Println(sns.NewTopics(cfg).Publish(context.Background(), topic, "DOWN: shop", "since 10:02", false, map[string][]string{"group": {"shop"}}, 0))
	// Output:
	// Publish DOWN: shop shop
	// <nil>
}
