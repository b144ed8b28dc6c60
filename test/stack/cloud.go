package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"rollcall/internal/message"
)

const region = "eu-central-1"

// A cloud is MiniStack, asked by AWS's own clients.
type cloud struct {
	url       string
	stacks    *cloudformation.Client
	metrics   *cloudwatch.Client
	logs      *cloudwatchlogs.Client
	functions *lambda.Client
	schedules *scheduler.Client
	topics    *sns.Client
	queues    *sqs.Client
	buckets   *s3.Client
	values    *ssm.Client
	schema    *jsonschema.Schema // of the messages of runs
}

// ministack starts one on a free port of loopback. What it and the functions
// that it runs write goes into the trial's folder.
func (t *trial) ministack(ctx context.Context, roots string) (*cloud, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("looking for a free port: %w", err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	url := "http://127.0.0.1:" + port
	_, err = t.start([]string{
		"GATEWAY_PORT=" + port, "BIND_HOST=127.0.0.1", "AWS_ENDPOINT_URL=" + url, "SSL_CERT_FILE=" + roots, "IOT_MTLS_ENABLED=0",
		"SERVICES=cloudformation,lambda,s3,iam,sts,scheduler,events,cloudwatch,logs,sns,sqs,ssm,states",
	}, filepath.Join(t.root, ".venv/ministack/bin/ministack"))
	if err != nil {
		return nil, fmt.Errorf("%w (make stack installs it, with python3 and its venv)", err)
	}
	c := newCloud(url)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if c.schema, err = compiler.Compile(filepath.Join(t.root, "docs/message.schema.json")); err != nil {
		return nil, err
	}
	return c, until(ctx, "MiniStack", time.Minute, func() (bool, error) {
		_, err := c.stacks.ListStacks(ctx, nil)
		return err == nil, err
	})
}

func newCloud(url string) *cloud {
	cfg := aws.Config{Region: region, BaseEndpoint: aws.String(url), Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	return &cloud{
		url: url, stacks: cloudformation.NewFromConfig(cfg), metrics: cloudwatch.NewFromConfig(cfg), logs: cloudwatchlogs.NewFromConfig(cfg),
		functions: lambda.NewFromConfig(cfg), values: ssm.NewFromConfig(cfg), schedules: scheduler.NewFromConfig(cfg), topics: sns.NewFromConfig(cfg), queues: sqs.NewFromConfig(cfg),
		buckets: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
	}
}

// keep puts a value into a parameter of Systems Manager, encrypted.
func (c *cloud) keep(ctx context.Context, name, value string) error {
	_, err := c.values.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String(name), Value: aws.String(value), Type: ssmtypes.ParameterTypeSecureString})
	return err
}

// An alarm and its state.
type alarm struct{ Name, State string }

// alarms returns those of a stack, composites too.
func (c *cloud) alarms(ctx context.Context, stack string) (all []alarm, err error) {
	found, err := c.metrics.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{
		AlarmNamePrefix: aws.String(stack + "-"), MaxRecords: aws.Int32(100),
		AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm},
	})
	if err != nil {
		return nil, err
	}
	for _, a := range found.MetricAlarms {
		all = append(all, alarm{strings.TrimPrefix(aws.ToString(a.AlarmName), stack+"-"), string(a.StateValue)})
	}
	for _, a := range found.CompositeAlarms {
		all = append(all, alarm{strings.TrimPrefix(aws.ToString(a.AlarmName), stack+"-"), string(a.StateValue)})
	}
	return all, nil
}

// statistic returns a metric's sums (of RunCompleted) or maxima of the last
// quarter of an hour, a minute each.
func (c *cloud) statistic(ctx context.Context, stack, metric string, statistic types.Statistic) (points []string, err error) {
	now := time.Now()
	found, err := c.metrics.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("Rollcall/" + stack), MetricName: aws.String(metric), Period: aws.Int32(60), Statistics: []types.Statistic{statistic},
		StartTime: aws.Time(now.Add(-15 * time.Minute)), EndTime: aws.Time(now.Add(time.Minute)),
	})
	if err != nil {
		return nil, err
	}
	for _, p := range found.Datapoints {
		value := p.Sum
		if statistic == types.StatisticMaximum {
			value = p.Maximum
		}
		points = append(points, strconv.FormatFloat(aws.ToFloat64(value), 'f', -1, 64))
	}
	return points, nil
}

// subscribe makes a queue that gets those messages of a topic that a filter policy
// lets through, and returns its URL.
func (c *cloud) subscribe(ctx context.Context, topic, name, filter string) (string, error) {
	queue, err := c.queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(name)})
	if err != nil {
		return "", err
	}
	subscription := &sns.SubscribeInput{
		TopicArn: aws.String(topic), Protocol: aws.String("sqs"), Endpoint: aws.String("arn:aws:sqs:" + region + ":000000000000:" + name),
	}
	if filter != "" {
		subscription.Attributes = map[string]string{"FilterPolicy": filter}
	}
	_, err = c.topics.Subscribe(ctx, subscription)
	return aws.ToString(queue.QueueUrl), err
}

// A heard is what a queue got: the message of a run, or else of an alarm.
type heard struct {
	alarm
	Run *message.Document
}

// messages takes all from a queue.
func (c *cloud) messages(ctx context.Context, queue string) (said []heard, err error) {
	got, err := c.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: aws.String(queue), MaxNumberOfMessages: 10})
	if err != nil {
		return nil, err
	}
	for _, m := range got.Messages {
		one, err := c.hear([]byte(aws.ToString(m.Body)))
		if err != nil {
			return nil, fmt.Errorf("a message: %w: %s", err, aws.ToString(m.Body))
		}
		said = append(said, one)
		if _, err := c.queues.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: aws.String(queue), ReceiptHandle: m.ReceiptHandle}); err != nil {
			return nil, err
		}
	}
	return said, nil
}

// hear parses a notification of SNS. A run's message has to be as
// docs/message.schema.json says.
func (c *cloud) hear(body []byte) (h heard, err error) {
	var notification struct{ Subject, Message string }
	var change struct{ AlarmName, NewStateValue string }
	if err := errors.Join(json.Unmarshal(body, &notification), json.Unmarshal([]byte(notification.Message), &change)); err != nil {
		return h, err
	}
	if change.AlarmName != "" {
		return heard{alarm: alarm{change.AlarmName, change.NewStateValue}}, nil
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(notification.Message))
	if err != nil {
		return h, err
	}
	if err := c.schema.Validate(document); err != nil {
		return h, err
	}
	h.Run = &message.Document{}
	if err := json.Unmarshal([]byte(notification.Message), h.Run); err != nil {
		return h, err
	}
	if notification.Subject != h.Run.Subject {
		return h, fmt.Errorf("its subject is %q", notification.Subject)
	}
	return h, nil
}

// resource is what a resource of a stack is called.
func (c *cloud) resource(ctx context.Context, stack, name string) (string, error) {
	found, err := c.stacks.DescribeStackResource(ctx, &cloudformation.DescribeStackResourceInput{StackName: aws.String(stack), LogicalResourceId: aws.String(name)})
	if err != nil {
		return "", err
	}
	return aws.ToString(found.StackResourceDetail.PhysicalResourceId), nil
}

// discard empties a bucket and deletes it, and returns what it had.
func (c *cloud) discard(ctx context.Context, bucket string) (keys []string, err error) {
	found, err := c.buckets.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(bucket)})
	if err != nil {
		return nil, err
	}
	for _, object := range found.Contents {
		keys = append(keys, aws.ToString(object.Key))
		if _, err := c.buckets.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: object.Key}); err != nil {
			return nil, err
		}
	}
	_, err = c.buckets.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String(bucket)})
	return keys, err
}

// output is one of a stack's.
func (c *cloud) output(ctx context.Context, stack, name string) (string, error) {
	found, err := c.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(stack)})
	if err != nil {
		return "", err
	}
	for _, o := range found.Stacks[0].Outputs {
		if aws.ToString(o.OutputKey) == name {
			return aws.ToString(o.OutputValue), nil
		}
	}
	return "", fmt.Errorf("the stack %s has no output %s", stack, name)
}

// disable stops the schedules of a stack, as an operator does.
func (c *cloud) disable(ctx context.Context, stack string) error {
	list, err := c.schedules.ListSchedules(ctx, nil)
	if err != nil {
		return err
	}
	disabled := 0
	for _, s := range list.Schedules {
		found, err := c.schedules.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: s.Name, GroupName: s.GroupName})
		if err != nil {
			return err
		}
		if !strings.Contains(aws.ToString(found.Description), " "+stack+".") {
			continue
		}
		_, err = c.schedules.UpdateSchedule(ctx, &scheduler.UpdateScheduleInput{
			Name: found.Name, GroupName: found.GroupName, Description: found.Description, State: schedulertypes.ScheduleStateDisabled,
			ScheduleExpression: found.ScheduleExpression, ScheduleExpressionTimezone: found.ScheduleExpressionTimezone,
			FlexibleTimeWindow: found.FlexibleTimeWindow, Target: found.Target,
		})
		if err != nil {
			return err
		}
		disabled++
	}
	if disabled == 0 {
		return fmt.Errorf("%d schedules, and none is of %s", len(list.Schedules), stack)
	}
	return nil
}

// left lists what is still there of a stack.
func (c *cloud) left(ctx context.Context, stack string) (left []string, err error) {
	alarms, err := c.alarms(ctx, stack)
	functions, err1 := c.functions.ListFunctions(ctx, nil)
	schedules, err2 := c.schedules.ListSchedules(ctx, nil)
	topics, err3 := c.topics.ListTopics(ctx, nil)
	groups, err4 := c.logs.DescribeLogGroups(ctx, nil)
	if err := errors.Join(err, err1, err2, err3, err4); err != nil {
		return nil, err
	}
	for _, a := range alarms {
		left = append(left, "alarm "+a.Name)
	}
	note := func(kind, name string) {
		if strings.Contains(name, stack+"-") {
			left = append(left, kind+" "+name)
		}
	}
	for _, f := range functions.Functions {
		note("function", aws.ToString(f.FunctionName))
	}
	for _, s := range schedules.Schedules {
		note("schedule", aws.ToString(s.Name))
	}
	for _, t := range topics.Topics {
		note("topic", aws.ToString(t.TopicArn))
	}
	for _, g := range groups.LogGroups {
		note("log group", aws.ToString(g.LogGroupName))
	}
	return left, nil
}
