package sqs_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"rollcall/internal/cloud/sqs"
)

// SQS here is a server that says what it was asked, and has no such queue.
func Example() {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(r.Header.Get("X-Amz-Target"), string(body))
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type": "com.amazonaws.sqs#QueueDoesNotExist"}`)
	}))
	defer web.Close()
	cfg := aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""), BaseEndpoint: aws.String(web.URL)}
	fmt.Println(sqs.NewQueues(cfg).Send(context.Background(), "https://sqs/1/chat", "hello"))
	// Output:
	// AmazonSQS.SendMessage {"MessageBody":"hello","QueueUrl":"https://sqs/1/chat"}
	// SQS responded 400 QueueDoesNotExist: there is no such queue
}
