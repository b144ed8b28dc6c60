// The plainest function that could publish anything: aws-lambda-go, the SDK's
// default configuration and a CloudWatch client. What Rollcall's start takes
// is measured beside it.
package main

import (
	"context"
	"log"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

func main() {
	c, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	client := cloudwatch.NewFromConfig(c)
	lambda.Start(func(ctx context.Context) error {
		_, err := client.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{
			Namespace:  aws.String("Plainest"),
			MetricData: []types.MetricDatum{{MetricName: aws.String("Invoked"), Value: aws.Float64(1)}},
		})
		return err
	})
}
