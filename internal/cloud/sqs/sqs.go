// Package sqs is the queues of SQS: the adapter to the SDK's client.
package sqs

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"

	"rollcall/internal/cloud"
)

// Queues are those of SQS.
type Queues struct{ client *sdk.Client }

// NewQueues returns them as the AWS variables say, AWS_ENDPOINT_URL_SQS among them.
func NewQueues(cfg aws.Config) *Queues {
	return &Queues{sdk.NewFromConfig(cfg, func(o *sdk.Options) {
		if o.BaseEndpoint != nil {
			o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateDisabled
			o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateDisabled
		}
		o.Retryer = cloud.Retryer()
		o.HTTPClient = cloud.Within(o.HTTPClient, cloud.HeadTimeout)
	})}
}

var inSQS = cloud.Service{Name: "SQS", Variable: "AWS_ENDPOINT_URL_SQS",
	Reach: " (a function in subnets needs a NAT gateway or the VPC endpoint of sqs)",
}

// Send puts a message into a queue, by its URL.
func (q *Queues) Send(ctx context.Context, queue, body string) error {
	_, err := q.client.SendMessage(ctx, &sdk.SendMessageInput{QueueUrl: &queue, MessageBody: &body})
	return queueError(ctx, err, "sqs:SendMessage")
}

// Hide makes a message that was received come again after a time in whole seconds, at
// most twelve hours.
func (q *Queues) Hide(ctx context.Context, queue, receipt string, delay time.Duration) error {
	seconds := int32(min(delay, 12*time.Hour) / time.Second)
	_, err := q.client.ChangeMessageVisibility(ctx, &sdk.ChangeMessageVisibilityInput{QueueUrl: &queue, ReceiptHandle: &receipt, VisibilityTimeout: seconds})
	return queueError(ctx, err, "sqs:ChangeMessageVisibility")
}

func queueError(ctx context.Context, err error, action string) error {
	if err == nil {
		return nil
	}
	return inSQS.Failed(ctx, err, func(r cloud.Refusal) string {
		switch {
		case strings.Contains(r.Code, "NonExistentQueue") || strings.Contains(r.Code, "QueueDoesNotExist"):
			return "there is no such queue"
		case strings.Contains(r.Message, "kms") || strings.HasPrefix(r.Code, "KMS"):
			return "allow the role kms:GenerateDataKey and kms:Decrypt on the key of the queue"
		case r.Status == http.StatusForbidden || r.Code == "AccessDeniedException":
			return "allow the role the action " + action + " on the queue"
		}
		return ""
	})
}
