package cloud

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Queues are those of SQS.
type Queues struct{ client *sqs.Client }

// NewQueues returns them as the AWS variables say, AWS_ENDPOINT_URL_SQS among them.
func NewQueues(cfg aws.Config) *Queues {
	return &Queues{sqs.NewFromConfig(cfg, func(o *sqs.Options) {
		if o.BaseEndpoint != nil {
			o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateDisabled
			o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateDisabled
		}
		o.Retryer = retryer()
		o.HTTPClient = within(o.HTTPClient, headTimeout).(sqs.HTTPClient)
	})}
}

var inSQS = service{
	name: "SQS", variable: "AWS_ENDPOINT_URL_SQS",
	reach: " (a function in subnets needs a NAT gateway or the VPC endpoint of sqs)",
}

// Send puts a message into a queue, by its URL.
func (q *Queues) Send(ctx context.Context, queue, body string) error {
	_, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &body})
	return queueError(ctx, err, "sqs:SendMessage")
}

// Hide makes a message that was received come again after a time in whole seconds, at
// most twelve hours.
func (q *Queues) Hide(ctx context.Context, queue, receipt string, delay time.Duration) error {
	seconds := int32(min(delay, 12*time.Hour) / time.Second)
	_, err := q.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &queue, ReceiptHandle: &receipt, VisibilityTimeout: seconds})
	return queueError(ctx, err, "sqs:ChangeMessageVisibility")
}

func queueError(ctx context.Context, err error, action string) error {
	if err == nil {
		return nil
	}
	return inSQS.failed(ctx, err, func(r refusal) string {
		switch {
		case strings.Contains(r.code, "NonExistentQueue") || strings.Contains(r.code, "QueueDoesNotExist"):
			return "there is no such queue"
		case strings.Contains(r.message, "kms") || strings.HasPrefix(r.code, "KMS"):
			return "allow the role kms:GenerateDataKey and kms:Decrypt on the key of the queue"
		case r.status == http.StatusForbidden || r.code == "AccessDeniedException":
			return "allow the role the action " + action + " on the queue"
		}
		return ""
	})
}
