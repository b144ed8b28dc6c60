package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

const region = "eu-central-1"

// A cloud is MiniStack, asked by AWS's own API: the query protocol and the
// plain JSON of Scheduler, which take a few lines each and no module.
type cloud struct{ url string }

// ministack starts one on a free port of loopback. What it and the functions
// that it runs write goes into the trial's folder.
func (t *trial) ministack(ctx context.Context, roots string) (*cloud, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("looking for a free port: %w", err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	c := &cloud{"http://127.0.0.1:" + port}
	_, err = t.start([]string{
		"GATEWAY_PORT=" + port, "BIND_HOST=127.0.0.1", "AWS_ENDPOINT_URL=" + c.url, "SSL_CERT_FILE=" + roots,
		"SERVICES=cloudformation,lambda,s3,iam,sts,scheduler,events,cloudwatch,logs,sns,sqs,ssm",
	}, filepath.Join(t.root, ".venv/ministack/bin/ministack"))
	if err != nil {
		return nil, fmt.Errorf("%w (make stack installs it, with python3 and its venv)", err)
	}
	return c, until(ctx, "MiniStack", time.Minute, func() (bool, error) {
		_, err := c.query(ctx, "sts", "GetCallerIdentity", nil)
		return err == nil, err
	})
}

// json makes a request of a service that takes and gives plain JSON.
func (c *cloud) json(ctx context.Context, service, method, path, body string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	return c.send(r, service)
}

// send signs in the name of a service; MiniStack looks at whom a signature is
// for, and not at the signature.
func (c *cloud) send(r *http.Request, service string) ([]byte, error) {
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/"+region+"/"+service+"/aws4_request, SignedHeaders=host, Signature=none")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("%s %s %s: %s: %s", service, r.Method, r.URL.Path, answer.Status, tail(string(text)))
	}
	return text, err
}

// version is that of a service with the query protocol.
func version(service string) string {
	return map[string]string{
		"cloudformation": "2010-05-15", "monitoring": "2010-08-01", "sns": "2010-03-31", "sqs": "2012-11-05", "sts": "2011-06-15",
	}[service]
}

// query calls an action of the query protocol and returns its XML.
func (c *cloud) query(ctx context.Context, service, action string, asked map[string]string) ([]byte, error) {
	form := url.Values{"Action": {action}, "Version": {version(service)}}
	for name, value := range asked {
		form.Set(name, value)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return c.send(r, service)
}

// every returns the texts of all elements of a name.
func every(document []byte, name string) (texts []string) {
	for d := xml.NewDecoder(strings.NewReader(string(document))); ; {
		token, err := d.Token()
		if err != nil {
			return texts
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == name {
			var text string
			if d.DecodeElement(&text, &e) == nil {
				texts = append(texts, text)
			}
		}
	}
}

// An alarm's state, and why.
type alarm struct{ Name, State string }

// alarms returns those of a stack.
func (c *cloud) alarms(ctx context.Context, stack string) (all []alarm, err error) {
	text, err := c.query(ctx, "monitoring", "DescribeAlarms", map[string]string{"AlarmNamePrefix": stack + "-", "MaxRecords": "100"})
	if err != nil {
		return nil, err
	}
	names, states := every(text, "AlarmName"), every(text, "StateValue")
	if len(names) != len(states) {
		return nil, fmt.Errorf("%d alarms have %d states", len(names), len(states))
	}
	for i := range names {
		all = append(all, alarm{strings.TrimPrefix(names[i], stack+"-"), states[i]})
	}
	return all, nil
}

// statistic returns a metric's points of the last quarter of an hour, a
// minute each.
func (c *cloud) statistic(ctx context.Context, stack, metric, statistic string) ([]string, error) {
	now := time.Now().UTC()
	text, err := c.query(ctx, "monitoring", "GetMetricStatistics", map[string]string{
		"Namespace": "Rollcall/" + stack, "MetricName": metric, "Period": "60", "Statistics.member.1": statistic,
		"StartTime": now.Add(-15 * time.Minute).Format(time.RFC3339), "EndTime": now.Add(time.Minute).Format(time.RFC3339),
	})
	return every(text, statistic), err
}

// subscribe makes a queue that hears of a topic, and returns its URL.
func (c *cloud) subscribe(ctx context.Context, topic, name string) (string, error) {
	text, err := c.query(ctx, "sqs", "CreateQueue", map[string]string{"QueueName": name})
	if err != nil || len(every(text, "QueueUrl")) != 1 {
		return "", errors.Join(err, fmt.Errorf("making a queue: %s", tail(string(text))))
	}
	arn := "arn:aws:sqs:" + region + ":000000000000:" + name
	_, err = c.query(ctx, "sns", "Subscribe", map[string]string{"TopicArn": topic, "Protocol": "sqs", "Endpoint": arn})
	return every(text, "QueueUrl")[0], err
}

// messages takes what alarms have said from a queue.
func (c *cloud) messages(ctx context.Context, queue string) (said []alarm, err error) {
	text, err := c.query(ctx, "sqs", "ReceiveMessage", map[string]string{"QueueUrl": queue, "MaxNumberOfMessages": "10"})
	if err != nil {
		return nil, err
	}
	for _, body := range every(text, "Body") {
		var notification struct{ Message string }
		var change struct{ AlarmName, NewStateValue string }
		if err := errors.Join(json.Unmarshal([]byte(body), &notification), json.Unmarshal([]byte(notification.Message), &change)); err != nil {
			return nil, fmt.Errorf("a message is none of an alarm: %w: %s", err, body)
		}
		said = append(said, alarm{change.AlarmName, change.NewStateValue})
	}
	for _, receipt := range every(text, "ReceiptHandle") {
		if _, err := c.query(ctx, "sqs", "DeleteMessage", map[string]string{"QueueUrl": queue, "ReceiptHandle": receipt}); err != nil {
			return nil, err
		}
	}
	return said, nil
}

// output is one of a stack's.
func (c *cloud) output(ctx context.Context, stack, name string) (string, error) {
	text, err := c.query(ctx, "cloudformation", "DescribeStacks", map[string]string{"StackName": stack})
	if err != nil {
		return "", err
	}
	keys, values := every(text, "OutputKey"), every(text, "OutputValue")
	for i, key := range keys {
		if key == name && i < len(values) {
			return values[i], nil
		}
	}
	return "", fmt.Errorf("the stack %s has no output %s", stack, name)
}

// schedules returns the names of those that call a stack's function.
func (c *cloud) schedules(ctx context.Context) (names []string, err error) {
	text, err := c.json(ctx, "scheduler", http.MethodGet, "/schedules", "")
	var list struct{ Schedules []struct{ Name string } }
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	for _, s := range list.Schedules {
		names = append(names, s.Name)
	}
	return names, err
}

// disable stops the schedule of a stack, as an operator does.
func (c *cloud) disable(ctx context.Context, stack string) error {
	names, err := c.schedules(ctx)
	for _, name := range names {
		path := "/schedules/" + url.PathEscape(name)
		text, e := c.json(ctx, "scheduler", http.MethodGet, path, "")
		var schedule map[string]any
		if err = errors.Join(err, e, json.Unmarshal(text, &schedule)); err != nil {
			return err
		}
		if description, _ := schedule["Description"].(string); !strings.Contains(description, " "+stack+".") {
			continue
		}
		schedule["State"] = "DISABLED"
		changed, e := json.Marshal(schedule)
		_, e2 := c.json(ctx, "scheduler", http.MethodPut, path, string(changed))
		return errors.Join(e, e2)
	}
	return errors.Join(err, fmt.Errorf("no schedule of %s among %v", stack, names))
}
