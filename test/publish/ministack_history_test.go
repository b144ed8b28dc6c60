//go:build ministack

package publish_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"rollcall/internal/message"
	"rollcall/internal/testnet"
	"rollcall/test/ministack"
)

// TestMiniStackDeliversMessages lets the compiled function remember its runs in an S3
// and notify by an SNS that no one here wrote. Two queues subscribe, of which one
// filters by another group.
func TestMiniStackDeliversMessages(t *testing.T) {
	m, err := ministack.StartMiniStack(os.Getenv("MINISTACK"), "cloudwatch", "logs", "s3", "sns", "sqs")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	cfg := aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""), BaseEndpoint: aws.String(m.URL)}
	topics, queues := sns.NewFromConfig(cfg), sqs.NewFromConfig(cfg)
	askS3(t, http.MethodPut, m.URL+"/state", `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>`)
	topic, err := topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("alerts")})
	if err != nil {
		t.Fatal(err)
	}
	subscribe := func(name, filter string) *string {
		queue, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name})
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(*topic.TopicArn, ":")
		if _, err := topics.Subscribe(t.Context(), &sns.SubscribeInput{
			TopicArn: topic.TopicArn, Protocol: aws.String("sqs"), Endpoint: aws.String(fmt.Sprintf("arn:aws:sqs:%s:%s:%s", parts[3], parts[4], name)),
			Attributes: map[string]string{"RawMessageDelivery": "true", "FilterPolicy": filter},
		}); err != nil {
			t.Fatal(err)
		}
		return queue.QueueUrl
	}
	shop := subscribe("shop", `{"$or": [{"group": ["shop"]}, {"kind": ["monitor"]}]}`)
	blog := subscribe("blog", `{"group": ["blog"]}`)

	broken := &atomic.Bool{}
	st, err := testnet.Start(testnet.Options{Handlers: map[string]http.Handler{"shop.stage.test": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})}})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	env := append(st.Env(), "ROLLCALL_BUCKET=state", "ROLLCALL_TOPIC="+*topic.TopicArn, "ROLLCALL_ALERT=1/1", "AWS_ENDPOINT_URL_S3="+m.URL, "AWS_ENDPOINT_URL_SNS="+m.URL)
	minute := time.Now().Add(-4 * time.Minute)
	for _, fails := range []bool{false, true, false, false} {
		f, err := testnet.StartFunction(t.Context(), os.Getenv("BOOTSTRAP"), env) // a process for each run: it reads what the last one wrote
		if err != nil {
			t.Fatal(err)
		}
		broken.Store(fails)
		minute = minute.Add(time.Minute)
		event, err := st.Event(fmt.Appendf(nil, `{"history": true, "scheduled": %q, "defaults": {"retries": 0}, "urls": [{"url": "https://shop.stage.test", "name": "checkout", "group": "shop"}]}`, minute.UTC().Format(time.RFC3339)))
		if err != nil {
			t.Fatal(err)
		}
		result, err := f.Invoke(t.Context(), event, 30*time.Second)
		if err != nil || result.ErrorType != "" || !strings.Contains(string(result.Payload), `"warnings":[]`) {
			t.Fatalf("%v: %+v", err, result)
		}
		f.Stop()
	}
	var subjects []string
	for range 2 {
		out, err := queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: shop, WaitTimeSeconds: 5, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, received := range out.Messages {
			var content message.Document
			if err := json.Unmarshal([]byte(*received.Body), &content); err != nil {
				t.Fatalf("%v: %s", err, *received.Body)
			}
			subjects = append(subjects, content.Subject)
		}
		if len(subjects) == 2 {
			break
		}
	}
	if got, want := strings.Join(subjects, "\n"), "DOWN: checkout (shop): 503 Service Unavailable\nUP: checkout (shop): was down for 1 minute"; got != want {
		t.Errorf("received %q, want %q", got, want)
	}
	if out, err := queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: blog}); err != nil || len(out.Messages) > 0 {
		t.Errorf("another group's queue has %v, %v", out, err)
	}
}
