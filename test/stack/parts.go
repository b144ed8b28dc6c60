package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"rollcall/internal/testnet"
)

// The list in parts: which of its hosts are down, and in which part a process is
// killed, when it is half-way.
const (
	partsStack = "roll-parts"
	listBucket = "roll-lists"
	parts      = 20
	ofAPart    = 2000
	listed     = parts * ofAPart
	downEvery  = 10_000
	killed     = 7 // counted from 0
	killedAt   = killed + parts*ofAPart/2
)

// A split is what `stack parts` works with.
type split struct {
	*operator
	testnet *testnet.Net
	queue   string
	kill    atomic.Bool // whether the target that does so kills the process that checks it
	dead    atomic.Int64
}

// parts has `make deploy` make a stack whose list is checked in parts. Its schedule
// starts a run of which one part is killed; a second one, by hand and started twice,
// is complete.
func (t *trial) parts(ctx context.Context) error {
	s := &split{operator: &operator{trial: t}}
	for _, step := range []func(context.Context) error{s.prepare, s.deploy, s.scheduled, s.byHand} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	t.say("all of it holds")
	return nil
}

// prepare brings up the web sites and AWS, and puts the list into a bucket.
func (s *split) prepare(ctx context.Context) (err error) {
	if s.testnet, err = s.startNet(); err != nil {
		return err
	}
	s.testnet.Handle("*.parts.stage.test", http.HandlerFunc(s.respond))
	if s.cloud, err = s.ministack(ctx, variable(s.testnet, "SSL_CERT_FILE")); err != nil {
		return err
	}
	s.say("MiniStack responds at %s, the web sites are up", s.cloud.url)
	port, _ := s.testnet.Hosts.Port("http", "h0.parts.stage.test")
	var list bytes.Buffer
	z := gzip.NewWriter(&list)
	for i := range listed {
		fmt.Fprintf(z, "http://h%d.parts.stage.test:%d\n", i, port)
	}
	if err := z.Close(); err != nil {
		return err
	}
	if _, err := s.cloud.buckets.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket: aws.String(listBucket), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
	}); err != nil {
		return err
	}
	if _, err := s.cloud.buckets.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: aws.String(listBucket), VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	}); err != nil {
		return err
	}
	size := list.Len()
	_, err = s.cloud.buckets.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(listBucket), Key: aws.String("urls.txt.gz"), Body: bytes.NewReader(list.Bytes())})
	s.say("s3://%s/urls.txt.gz has %d URLs (%d kB)", listBucket, listed, size/1000)
	return err
}

// respond is each of the hosts, by its number.
func (s *split) respond(w http.ResponseWriter, r *http.Request) {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.Host, "h"), ".")
	number, err := strconv.Atoi(name)
	switch {
	case err != nil:
		w.WriteHeader(http.StatusNotFound)
	case number == killedAt && s.kill.CompareAndSwap(true, false):
		if pid, err := s.processOf(r.RemoteAddr, fmt.Sprint(r.Context().Value(http.LocalAddrContextKey))); err != nil {
			s.say("the process could not be killed: %v", err)
		} else {
			s.dead.Store(int64(pid))
			syscall.Kill(pid, syscall.SIGKILL)
		}
	case number%downEvery == downEvery/2:
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// processOf is the function's process that has a connection from one port of loopback
// to another. It has the address of this trial's MiniStack, so it is of no other.
func (s *split) processOf(from, to string) (int, error) {
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0, err
	}
	socket := ""
	for line := range strings.Lines(string(table)) { // number: local remote state … inode at the tenth place
		f := strings.Fields(line)
		if len(f) > 9 && f[9] != "0" && strings.HasSuffix(f[1], hexPort(from)) && strings.HasSuffix(f[2], hexPort(to)) {
			socket = "socket:[" + f[9] + "]"
		}
	}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, process := range processes {
		environment, err := os.ReadFile(filepath.Join(process, "environ"))
		if err != nil || !slices.Contains(strings.Split(string(environment), "\x00"), "AWS_ENDPOINT_URL="+s.cloud.url) {
			continue
		}
		files, err := filepath.Glob(filepath.Join(process, "fd", "*"))
		if err != nil {
			return 0, err
		}
		for _, file := range files {
			if to, err := os.Readlink(file); err == nil && to == socket {
				return strconv.Atoi(filepath.Base(process))
			}
		}
	}
	return 0, fmt.Errorf("no process of the function has the connection %s to %s (%q)", from, to, socket)
}

// hexPort is a port as /proc/net/tcp has it.
func hexPort(address string) string {
	_, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port)
	return fmt.Sprintf(":%04X", n)
}

// deploy makes the stack, as an operator does.
func (s *split) deploy(ctx context.Context) error {
	s.env = s.operatorEnv(partsStack)
	if err := s.copyTree(ctx, "one"); err != nil {
		return err
	}
	if out, err := s.make(ctx, "one", "deploy", "SOURCE=events/gafam.json", "PARAMS=Parts=20"); err == nil || !strings.Contains(out, "Parts needs a list in S3") {
		return fmt.Errorf("parts of a list of the package: %v\n%s", err, tail(out))
	}
	const parameters = "Parts=20 Concurrency=5 EveryMinutes=5 Metrics=group AlarmRuns=1"
	began := time.Now()
	if out, err := s.make(ctx, "one", "deploy", "SOURCE=s3://"+listBucket+"/urls.txt.gz", "ARCH="+architecture(),
		"PARAMS="+parameters+" Canary= DNS="+variable(s.testnet, "ROLLCALL_DNS")+" Allow="+variable(s.testnet, "ROLLCALL_ALLOW")); err != nil {
		return fmt.Errorf("%w\n%s", err, tail(out))
	}
	s.say("make deploy PARAMS='%s' (%.0f s)", parameters, time.Since(began).Seconds())
	topic, err := s.cloud.output(ctx, partsStack, "AlertTopic")
	if err != nil {
		return err
	}
	s.queue, err = s.cloud.subscribe(ctx, topic, partsStack+"-heard", "")
	s.kill.Store(true)
	return err
}

// An execution of the state machine, as the AWS CLI shows it.
type execution struct {
	ARN    string `json:"executionArn"`
	Status string `json:"status"`
	Input  string `json:"input"`
	Output string `json:"output"`
}

// executions are those of the state machine, the newest first.
func (s *split) executions(ctx context.Context) ([]execution, error) {
	machine, err := s.cloud.resource(ctx, partsStack, "PartsMachine")
	if err != nil {
		return nil, err
	}
	var all struct{ Executions []execution }
	return all.Executions, s.aws(ctx, &all, "stepfunctions", "list-executions", "--state-machine-arn", machine)
}

// aws calls the AWS CLI.
func (s *split) aws(ctx context.Context, into any, args ...string) error {
	out, _, err := s.run(ctx, command{s.env, append([]string{filepath.Join(s.root, ".venv/aws/bin/aws"), "--output", "json"}, args...)})
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(out), into)
}

// ended waits for the end of an execution, and returns the summary that is its output.
func (s *split) ended(ctx context.Context, arn string) (output map[string]any, err error) {
	var e execution
	err = until(ctx, "the end of "+arn, 5*time.Minute, func() (bool, error) {
		err := s.aws(ctx, &e, "stepfunctions", "describe-execution", "--execution-arn", arn)
		return e.Status != "" && e.Status != "RUNNING", err
	})
	if err != nil {
		return nil, err
	}
	if e.Status != "SUCCEEDED" {
		return nil, fmt.Errorf("%s is %s: %.2000s", arn, e.Status, e.Output)
	}
	return output, json.Unmarshal([]byte(e.Output), &output)
}

// scheduled waits for the run of the schedule, of which one part is killed.
func (s *split) scheduled(ctx context.Context) error {
	var all []execution
	err := until(ctx, "the schedule", 6*time.Minute, func() (found bool, err error) {
		all, err = s.executions(ctx)
		return len(all) > 0, err
	})
	if err != nil {
		return err
	}
	s.say("the schedule has started an execution of the state machine")
	began := time.Now()
	sum, err := s.ended(ctx, all[0].ARN)
	if err != nil {
		return err
	}
	if s.dead.Load() == 0 {
		return errors.New("no process was killed")
	}
	s.say("the process %d was killed in the middle of part %d; the run took %.0f s", s.dead.Load(), killed+1, time.Since(began).Seconds())
	warning := fmt.Sprintf("part %d is missing of %d", killed+1, parts)
	if err := s.counts(sum, listed-ofAPart, listed/downEvery, warning); err != nil {
		return err
	}
	if err := s.metrics(ctx, map[string]string{"TargetsChecked": "38000", "TargetsNotChecked": "2000", "Down": "4", "RunCompleted": "", "MonitorHealthy": "0"}); err != nil {
		return err
	}
	return s.told(ctx, warning)
}

// counts compares a sum with what is true, and its warnings.
func (s *split) counts(sum map[string]any, checked, down int, warning string) error {
	s.say("the sum: %v targets: %v up, %v down, healthy %v; %v", sum["targets"], sum["up"], sum["down"], sum["healthy"], sum["warnings"])
	got := fmt.Sprint(sum["up"], sum["down"], sum["healthy"])
	if want := fmt.Sprint(float64(checked-down), float64(down), warning == ""); got != want || !strings.Contains(fmt.Sprint(sum["warnings"]), warning) {
		return fmt.Errorf("up, down and healthy are %s, want %s, with the warning %q", got, want, warning)
	}
	return nil
}

// metrics compares the points of metrics of the last minutes.
func (s *split) metrics(ctx context.Context, want map[string]string) error {
	for _, name := range []string{"TargetsChecked", "TargetsNotChecked", "Down", "RunCompleted", "MonitorHealthy"} {
		points, err := s.cloud.statistic(ctx, partsStack, name, types.StatisticMaximum)
		if err != nil {
			return err
		}
		got := strings.Join(points, ", ")
		s.say("CloudWatch has %s: %s", name, got)
		if expected, given := want[name]; given && got != expected {
			return fmt.Errorf("%s is %q, want %q", name, got, expected)
		}
	}
	return nil
}

// told reads the message and the page of a run.
func (s *split) told(ctx context.Context, warning string) error {
	subject := ""
	err := until(ctx, "the message", time.Minute, func() (bool, error) {
		said, err := s.cloud.messages(ctx, s.queue)
		for _, m := range said {
			if m.Run != nil {
				subject = m.Run.Subject
			}
		}
		return subject != "", err
	})
	if err != nil {
		return err
	}
	s.say("a message: %s", subject)
	if !strings.HasPrefix(subject, "DOWN: 4 ") && !strings.Contains(subject, "4 targets") {
		return fmt.Errorf("the message is %q", subject)
	}
	bucket, err := s.cloud.resource(ctx, partsStack, "PageBucket")
	if err != nil {
		return err
	}
	page, err := s.cloud.buckets.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("rollcall.html")})
	if err != nil {
		return err
	}
	defer page.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(page.Body); err != nil {
		return err
	}
	if !strings.Contains(text.String(), warning) || !strings.Contains(text.String(), "h5000.parts.stage.test") {
		return fmt.Errorf("the page says neither %q nor what is down:\n%.1000s", warning, text.String())
	}
	s.say("the page of the run (%d kB) says what is down, and %q", text.Len()/1000, warning)
	return nil
}

// byHand starts two executions for one minute: one has the run, and it is complete.
func (s *split) byHand(ctx context.Context) error {
	if err := s.cloud.disable(ctx, partsStack); err != nil {
		return err
	}
	machine, err := s.cloud.resource(ctx, partsStack, "PartsMachine")
	if err != nil {
		return err
	}
	next := time.Now().Truncate(time.Minute).Add(time.Minute) // this one's run may be that of the schedule
	if err := until(ctx, "the next minute", 2*time.Minute, func() (bool, error) { return time.Now().After(next), nil }); err != nil {
		return err
	}
	input := fmt.Sprintf(`{"scheduled": %q}`, time.Now().UTC().Format(time.RFC3339))
	complete, idle := 0, 0
	var started [2]execution
	for i := range started {
		if err := s.aws(ctx, &started[i], "stepfunctions", "start-execution", "--state-machine-arn", machine, "--input", input); err != nil {
			return err
		}
	}
	s.say("two executions are started by hand with %s", input)
	for i := range started {
		sum, err := s.ended(ctx, started[i].ARN)
		if err != nil {
			return err
		}
		if sum["mine"] == false {
			idle++
			s.say("one of them: %v", sum)
			continue
		}
		complete++
		if err := s.counts(sum, listed, listed/downEvery, ""); err != nil {
			return err
		}
	}
	if complete != 1 || idle != 1 {
		return fmt.Errorf("%d executions are complete, and %d had nothing to do", complete, idle)
	}
	return s.metrics(ctx, map[string]string{"RunCompleted": "1"}) // of the second run only
}
