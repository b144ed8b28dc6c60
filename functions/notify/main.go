// The notify function: SQS invokes it with what the alert topic got, and with what is
// to be sent to one service; some alarms invoke it by themselves.
package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"rollcall/internal/cloud"
	"rollcall/internal/cloud/secrets"
	"rollcall/internal/cloud/sns"
	"rollcall/internal/cloud/sqs"
	"rollcall/internal/message"
	"rollcall/internal/notify"
	"rollcall/internal/secret"
)

func main() {
	logger := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr}))
	transport := &notify.Transport{Base: http.DefaultTransport}
	h, err := newHandler(context.Background(), os.Getenv, transport, logger)
	if err != nil {
		logger.Error("the function is not set up", "error", err.Error())
		lambda.Start(func() error { return err })
		return
	}
	// The clients of most services have no other transport. It is set with the first
	// invocation: aws-lambda-go makes its own from a *http.Transport when it starts.
	h.begin = sync.OnceFunc(func() { http.DefaultTransport = transport })
	h.lines(context.Background()) // says what is wrong with them at the start
	lambda.Start(h.Invoke)
}

// newHandler builds the function from its environment.
func newHandler(ctx context.Context, getenv func(string) string, transport *notify.Transport, logger *slog.Logger) (*handler, error) {
	source, err := parseSource(getenv("ROLLCALL_NOTIFY"))
	if err != nil {
		return nil, err
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	load := cloud.Loaded(cfg)
	stack := strings.TrimSuffix(strings.TrimPrefix(getenv("AWS_LAMBDA_LOG_GROUP_NAME"), "/aws/lambda/"), "-notify")
	return &handler{
		site:   message.Site{Stack: stack, Region: cfg.Region},
		source: source,
		values: secret.NewCache(secrets.NewParameters(load), secrets.NewSecrets(load)).Values,
		queue:  getenv("ROLLCALL_QUEUE"), deadLetters: getenv("ROLLCALL_DEAD_LETTERS"), groupTopic: getenv("ROLLCALL_GROUP_TOPIC"),
		direct: strings.FieldsFunc(getenv("ROLLCALL_DIRECT"), func(r rune) bool { return r == ',' || r == ' ' }),
		queues: sqs.NewQueues(cfg), topics: sns.NewTopics(cfg),
		sender: &notify.Sender{Transport: transport}, log: logger, sent: map[string]int64{},
	}, nil
}
