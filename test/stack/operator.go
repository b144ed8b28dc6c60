package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// operatedStack is the stack of `make deploy`, releaseStack that of a release.
const (
	operatedStack = "roll-operated"
	releaseStack  = "roll-release"
)

// An operator works with clones and a release, as their readers do.
type operator struct {
	*trial
	cloud *cloud
	env   []string
}

// operated deploys with `make deploy` again and again, also from a second clone,
// and sees that the stack keeps what was not named; then it deploys a release
// where there is no Go.
func (t *trial) operated(ctx context.Context) (err error) {
	o := &operator{trial: t}
	if o.cloud, err = t.ministack(ctx, ""); err != nil {
		return err
	}
	o.env = o.operatorEnv(operatedStack)
	for _, step := range []func(context.Context) error{o.clones, o.refusals, o.keeps, o.changesTheList, o.release} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	t.say("all of it holds")
	return nil
}

// operatorEnv is what an operator of a stack has in the environment.
func (o *operator) operatorEnv(stack string) []string {
	return []string{"AWS_ENDPOINT_URL=" + o.cloud.url, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_DEFAULT_REGION=" + region, "SAM_CLI_TELEMETRY=0", "STACK=" + stack, "YES=1"}
}

func (o *operator) clone(name string) string { return filepath.Join(o.dir, name) }

// clones makes two. The first has a list of its own.
func (o *operator) clones(ctx context.Context) error {
	for _, name := range []string{"one", "two"} {
		if err := o.copyTree(ctx, name); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(o.clone("one"), "events", "mine.txt"), []byte("https://shop.example.com\n"), 0o644)
}

// copyTree copies the tree as it is.
func (o *operator) copyTree(ctx context.Context, name string) error {
	if err := os.Mkdir(o.clone(name), 0o755); err != nil {
		return err
	}
	const files = `git ls-files -z --cached --others --exclude-standard | xargs -0 sh -c 'for f; do [ ! -f "$f" ] || printf "%s\0" "$f"; done' sh`
	if _, _, err := o.run(ctx, command{nil, []string{"sh", "-c", files + ` | xargs -0 cp -p --parents -t "$0"`, o.clone(name)}}); err != nil {
		return err
	}
	return os.Symlink(filepath.Join(o.root, ".venv"), filepath.Join(o.clone(name), ".venv"))
}

// make runs a target in a clone and returns what it printed.
func (o *operator) make(ctx context.Context, clone, target string, variables ...string) (string, error) {
	stdout, stderr, err := o.run(ctx, command{o.env, append([]string{"make", "-C", o.clone(clone), target}, variables...)})
	return stdout + stderr, err
}

// refusals are deployments that must not be.
func (o *operator) refusals(ctx context.Context) error {
	if out, err := o.make(ctx, "one", "deploy"); err == nil || !strings.Contains(out, "name its list, SOURCE=events/mine.txt") {
		return fmt.Errorf("without a list and a stack: %v\n%s", err, tail(out))
	}
	broken := filepath.Join(o.clone("one"), "events", "broken.json")
	if err := os.WriteFile(broken, []byte(`{"urls": [{"url": "https://a.example", "tiemout": "2s"}, "ftp://b.example"]}`), 0o644); err != nil {
		return err
	}
	out, err := o.make(ctx, "one", "deploy", "SOURCE=events/broken.json")
	if err == nil || !strings.Contains(out, "tiemout") || !strings.Contains(out, "nothing was deployed") {
		return fmt.Errorf("with a broken list: %v\n%s", err, tail(out))
	}
	if _, err := o.parameters(ctx, operatedStack); err == nil {
		return errors.New("there is a stack of a broken list")
	}
	o.say("refused: no list, and a broken one")
	return os.Remove(broken)
}

// keeps deploys three times and once from the second clone.
func (o *operator) keeps(ctx context.Context) error {
	want := map[string]string{"Source": "events/mine.txt", "Email": "me@example.com", "EveryMinutes": "5", "Cron": "", "DownCount": "1", "Architecture": architecture()}
	for _, call := range []struct {
		clone, what string
		variables   []string
		changed     map[string]string
	}{
		{"one", "a new stack", []string{"SOURCE=events/mine.txt", "EMAIL=me@example.com", "PARAMS=EveryMinutes=5", "TAGS=team=web", "ARCH=" + architecture()}, nil},
		{"one", "again, with nothing named", nil, nil},
		{"one", "with one change", []string{"PARAMS=DownCount=2"}, map[string]string{"DownCount": "2"}},
		{"two", "from a second clone", []string{`PARAMS=Cron="cron(0 8 * * ? *)" GapHours=26`}, map[string]string{"Cron": "cron(0 8 * * ? *)"}},
	} {
		if call.clone == "two" {
			if out, err := o.make(ctx, "two", "deploy"); err == nil || !strings.Contains(out, "this clone has no events/mine.txt") {
				return fmt.Errorf("a clone without the list: %v\n%s", err, tail(out))
			}
			list, err := os.ReadFile(filepath.Join(o.clone("one"), "events", "mine.txt"))
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(o.clone("two"), "events", "mine.txt"), list, 0o644); err != nil {
				return err
			}
		}
		if out, err := o.make(ctx, call.clone, "deploy", call.variables...); err != nil {
			return fmt.Errorf("%w\n%s", err, tail(out))
		}
		for name, value := range call.changed {
			want[name] = value
		}
		got, err := o.parameters(ctx, operatedStack)
		if err != nil {
			return err
		}
		for name, value := range want {
			if got[name] != value {
				return fmt.Errorf("make deploy, %s: %s is %q, want %q", call.what, name, got[name], value)
			}
		}
		if got["tag team"] != "web" {
			return fmt.Errorf("make deploy, %s: the tag team is %q", call.what, got["tag team"])
		}
		o.say("make deploy %s (%s): the stack has %s, %s, every %s minutes, DownCount %s, Cron %q", strings.Join(call.variables, " "), call.what,
			got["Source"], got["Email"], got["EveryMinutes"], got["DownCount"], got["Cron"])
	}
	out, err := o.make(ctx, "one", "deploy", "SOURCE=events/gafam.json")
	if err == nil || !strings.Contains(out, "with REPLACE=1 only") {
		return fmt.Errorf("the sample in the place of a list: %v\n%s", err, tail(out))
	}
	o.say("refused: events/gafam.json in the place of events/mine.txt")
	return nil
}

// changesTheList uploads a list twice, and an invalid one.
func (o *operator) changesTheList(ctx context.Context) error {
	list := filepath.Join(o.dir, "shop.txt")
	upload := func(text string) (string, error) {
		if err := os.WriteFile(list, []byte(text), 0o644); err != nil {
			return "", err
		}
		return o.make(ctx, "one", "list", "SOURCE="+list)
	}
	out, err := upload("https://shop.example.com\n")
	if err != nil {
		return err
	}
	bucket, err := o.cloud.output(ctx, operatedStack, "ListBucket")
	if err != nil {
		return err
	}
	source := "s3://" + bucket + "/shop.txt"
	if !strings.Contains(out, "SOURCE="+source) {
		return fmt.Errorf("make list does not say how the stack gets %s:\n%s", source, tail(out))
	}
	if _, err := o.make(ctx, "two", "deploy", "SOURCE="+source); err != nil {
		return err
	}
	if out, err := upload("https://shop.example.com\nhttps://blog.example.com\n"); err != nil || !strings.Contains(out, "The next run of "+operatedStack+" takes it") {
		return fmt.Errorf("a changed list: %v\n%s", err, tail(out))
	}
	if out, err := upload("not a url at all\n"); err == nil || !strings.Contains(out, "was not uploaded") {
		return fmt.Errorf("an invalid list: %v\n%s", err, tail(out))
	}
	versions, err := o.cloud.buckets.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: aws.String(bucket)})
	if err != nil {
		return err
	}
	if n := len(versions.Versions); n != 2 {
		return fmt.Errorf("%s has %d versions, want 2", source, n)
	}
	o.say("make list: %s has two versions, and no deployment for the second", strings.TrimPrefix(source, "s3://"))
	return nil
}

// release deploys a copy of dist/ with no Go on the path.
func (o *operator) release(ctx context.Context) error {
	out, err := o.make(ctx, "one", "release", "PLATFORMS=linux/"+runtime.GOARCH)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, tail(out))
	}
	dist := filepath.Join(o.dir, "dist")
	if err := os.Rename(filepath.Join(o.clone("one"), "dist"), dist); err != nil {
		return err
	}
	tools := filepath.Join(o.dir, "tools") // the AWS CLI, and what every machine has
	if err := os.Mkdir(tools, 0o755); err != nil {
		return err
	}
	if err := os.Symlink(filepath.Join(o.root, ".venv/aws/bin/aws"), filepath.Join(tools, "aws")); err != nil {
		return err
	}
	if _, err := o.cloud.buckets.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket: aws.String("roll-code"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
	}); err != nil {
		return err
	}
	env := append(o.env, "PATH="+tools+":/usr/bin:/bin", "STACK="+releaseStack, "ARCH="+architecture(), "BUCKET=roll-code", "SOURCE=events/gafam.json")
	stdout, _, err := o.run(ctx, command{env, []string{"sh", "-c", `! command -v go && "$0"`, filepath.Join(dist, "deploy.sh")}})
	if err != nil {
		return err
	}
	function, err := o.cloud.output(ctx, releaseStack, "FunctionName")
	if err != nil {
		return fmt.Errorf("%w\n%s", err, tail(stdout))
	}
	response, err := o.cloud.functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(function), Payload: []byte(`{"urls": ["http://127.0.0.1:1"]}`)})
	if err != nil {
		return err
	}
	if !strings.Contains(string(response.Payload), `"targets": 1`) {
		return fmt.Errorf("the function of the release responds %.500s", response.Payload)
	}
	o.say("deploy.sh of dist/, without Go: %s is there, and its function responds", releaseStack)
	return nil
}

// parameters returns a stack's parameters, and its tags as "tag NAME".
func (o *operator) parameters(ctx context.Context, stack string) (map[string]string, error) {
	found, err := o.cloud.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(stack)})
	if err != nil {
		return nil, err
	}
	got := map[string]string{}
	for _, p := range found.Stacks[0].Parameters {
		got[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
	}
	for _, tag := range found.Stacks[0].Tags {
		got["tag "+aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return got, nil
}
