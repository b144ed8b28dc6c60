package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"rollcall/internal/cloud/s3"
	"rollcall/internal/cloud/sns"
	"rollcall/internal/config"
	"rollcall/internal/message"
	"rollcall/internal/remember"
)

// maxHistory is how many bytes of an object of the history are read: far more than
// one of a hundred thousand targets has that are all down.
const maxHistory = 16 << 20

// maxTally is the same for a tally of a run in parts: of 10,000 targets that are all
// down it has a megabyte.
const maxTally = 16 << 20

// memoryIn returns the memory of the function in a bucket.
func memoryIn(b *s3.Bucket, c config.Config, cfg aws.Config, lookup func(string) (string, bool)) *remember.Memory {
	var topics []string
	for _, topic := range []string{c.Topic, c.GroupTopic} {
		if topic != "" {
			topics = append(topics, topic)
		}
	}
	return remember.New(s3.NewStore(b, maxHistory, account), sns.NewTopics(cfg), topics, siteOf(c, cfg.Region, lookup))
}

// siteOf is where the function's messages come from and lead to. Its log group is
// named after its stack, and so is the dashboard.
func siteOf(c config.Config, region string, lookup func(string) (string, bool)) message.Site {
	s := message.Site{Region: region, Bucket: c.Bucket, Page: lastPage}
	if parts := strings.Split(c.Topic, ":"); len(parts) > 4 {
		s.Partition, s.Account = parts[1], parts[4]
	}
	s.LogGroup, _ = lookup("AWS_LAMBDA_LOG_GROUP_NAME")
	if stack, ok := strings.CutPrefix(s.LogGroup, "/aws/lambda/"); ok {
		s.Stack, s.Dashboard = stack, stack+"-"+region
	}
	return s
}

// heartbeat returns a function that requests a URL, which is secret: whoever knows
// it can say that all is well.
func heartbeat(address string) func(context.Context) error {
	client := &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			next.Header.Del("Referer") // the secret, for whom it redirects to
			if len(via) >= 10 {
				return errors.New("there are more than ten redirects")
			}
			return nil
		},
	}
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return errors.New("its URL is invalid")
		}
		request.Header.Set("User-Agent", "rollcall/"+version)
		response, err := client.Do(request)
		if err != nil {
			if failed, ok := errors.AsType[*url.Error](err); ok {
				err = failed.Err // without the URL
			}
			return err
		}
		response.Body.Close()
		if response.StatusCode >= 300 {
			return fmt.Errorf("the response is %s", response.Status)
		}
		return nil
	}
}
