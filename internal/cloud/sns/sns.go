// Package sns is the topics of SNS: the adapter to the SDK's client.
package sns

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"rollcall/internal/cloud"
)

const publishTimeout = 2 * time.Second // one request

// Topics publishes to topics of SNS. With a field of the client's own type, the
// linker would keep all of its operations.
type Topics struct {
	publish func(context.Context, *sdk.PublishInput, ...func(*sdk.Options)) (*sdk.PublishOutput, error)
}

// NewTopics returns Topics as the AWS variables say, AWS_ENDPOINT_URL_SNS among
// them.
func NewTopics(cfg aws.Config) *Topics {
	client := sdk.NewFromConfig(cfg, func(o *sdk.Options) {
		if o.BaseEndpoint != nil {
			o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateDisabled
			o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateDisabled
		}
		o.Retryer = cloud.Retryer()
		o.HTTPClient = cloud.Within(o.HTTPClient, publishTimeout)
	})
	return &Topics{client.Publish}
}

var inSNS = cloud.Service{Name: "SNS", Variable: "AWS_ENDPOINT_URL_SNS"}

// A Refusal is an error of Publish.
type Refusal struct {
	Text    string
	Invalid bool // SNS will never accept the message
	Certain bool // nobody was sent it; otherwise it may have been
}

// Error says why.
func (r *Refusal) Error() string { return r.Text }

// Publish sends a message to a topic. With structured its body is a JSON object
// that has a text for each protocol. An attribute of several values is a list; seq
// is a number. The error is a *Refusal.
func (t *Topics) Publish(ctx context.Context, topic, subject, body string, structured bool, attributes map[string][]string, seq int64) error {
	in := &sdk.PublishInput{TopicArn: &topic, Subject: &subject, Message: &body}
	if structured {
		in.MessageStructure = aws.String("json")
	}
	in.MessageAttributes = map[string]types.MessageAttributeValue{}
	for name, values := range attributes {
		value, kind := values[0], "String"
		if len(values) > 1 {
			list, err := json.Marshal(values)
			if err != nil {
				return &Refusal{"encoding the message's attributes: " + err.Error(), true, true}
			}
			value, kind = string(list), "String.Array"
		}
		in.MessageAttributes[name] = types.MessageAttributeValue{DataType: &kind, StringValue: &value}
	}
	if seq > 0 {
		in.MessageAttributes["seq"] = types.MessageAttributeValue{DataType: aws.String("Number"), StringValue: aws.String(strconv.FormatInt(seq, 10))}
	}
	_, err := t.publish(ctx, in)
	if err == nil {
		return nil
	}
	status := cloud.StatusOf(err)
	if status == 0 {
		return &Refusal{Text: inSNS.Unsent(ctx, err)}
	}
	r := &Refusal{Text: fmt.Sprintf("SNS responded %d %s", status, cloud.CodeOf(err)), Certain: status < 500}
	switch c := cloud.CodeOf(err); {
	case c == "InvalidParameter" || c == "ParameterValueInvalid" || c == "ValidationError" || status == http.StatusRequestEntityTooLarge:
		r.Invalid = true
	case strings.HasPrefix(c, "KMS"):
		r.Text += ": allow the role kms:GenerateDataKey and kms:Decrypt on the key of the topic " + topic
	case status == http.StatusForbidden:
		r.Text += ": allow the role the action sns:Publish on " + topic
	case status == http.StatusNotFound:
		r.Text += ": there is no topic " + topic
	}
	return r
}

// Refused says whether SNS will never accept the message, and whether it is certain
// that nobody was sent it.
func (r *Refusal) Refused() (invalid, certain bool) { return r.Invalid, r.Certain }
