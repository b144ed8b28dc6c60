// Package cloud adapts AWS's clients to what our packages want of them: one
// file an adapter. The interfaces are declared by those who use them. What the
// AWS variables and the shared configuration say is in an aws.Config, which the
// programs load.
package cloud

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
)

// CloudWatch returns a client that makes one attempt a call, as a
// publish.Session does the retrying. With no endpoint the AWS variables decide.
func CloudWatch(cfg aws.Config, endpoint string) *cloudwatch.Client {
	return cloudwatch.NewFromConfig(cfg, func(o *cloudwatch.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
		o.Retryer = aws.NopRetryer{}
	})
}
