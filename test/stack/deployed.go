package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"rollcall/internal/testnet"
)

// The stacks: the first sees sites break, the second is stopped, the third had pages.
const (
	first  = "roll-one"
	second = "roll-two"
	paged  = "roll-paged"
)

// firstTemplate is the first that was ever deployed, pagesTemplate the last that
// had PageDays: stacks of them must go on.
const (
	firstTemplate = "test/stack/testdata/template-first.yaml"
	pagesTemplate = "test/stack/testdata/template-pages.yaml"
)

// aRun is what a schedule may take, at a run a minute, to be seen.
const aRun = 100 * time.Second

// A deployment is what `stack deployed` works with.
type deployment struct {
	*trial
	testnet *testnet.Net
	cloud   *cloud
	sites   sites
	webhook webhook
	queues  map[string]string // a stack's, and that of the group blog
}

// deployed deploys three stacks, and follows them from their first run to the
// messages that sites are down, and to their end.
func (t *trial) deployed(ctx context.Context) error {
	d := &deployment{trial: t, queues: map[string]string{}}
	for _, step := range []func(context.Context) error{
		d.prepare, d.upgrade, d.beside, d.pages, d.twice, d.stop, d.tells, d.silent, d.remove,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	t.say("all of it holds")
	return nil
}

// prepare brings up the web sites and AWS, and has sam build the templates.
func (d *deployment) prepare(ctx context.Context) (err error) {
	if d.testnet, err = d.trial.startNet(); err != nil {
		return err
	}
	for host, handler := range d.sites.handlers() {
		d.testnet.Handle(host, handler)
	}
	if d.cloud, err = d.ministack(ctx, variable(d.testnet, "SSL_CERT_FILE")); err != nil {
		return err
	}
	d.say("MiniStack responds at %s, the web sites are up", d.cloud.url)
	if err := d.serveWebhook(ctx); err != nil {
		return err
	}
	for _, build := range []struct{ dir, template string }{{"first", firstTemplate}, {"pages", pagesTemplate}, {"new", "template.yaml"}} {
		dir := filepath.Join(d.dir, build.dir)
		_, _, err := d.run(ctx, command{
			[]string{"SAM_CLI_TELEMETRY=0", "ARCH=" + architecture()},
			[]string{sam, "build", "--build-dir", dir, "--template", build.template, "--base-dir", d.root, "--build-in-source", "--parameter-overrides", "Architecture=" + architecture()},
		})
		if err != nil {
			return err
		}
		if err := d.lists(filepath.Join(dir, "CheckFunction", "events")); err != nil {
			return err
		}
		d.say("sam build: %s", build.template)
	}
	return nil
}

// lists writes each stack's list of URLs into a built package.
func (d *deployment) lists(dir string) error {
	for stack, text := range map[string]string{first: list, second: `{"urls": ["https://good.stage.test"]}`, paged: `{"urls": ["https://good.stage.test"]}`} {
		event, err := d.testnet.Event([]byte(text))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, stack+".json"), event, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// deploy runs sam deploy of a built template.
func (d *deployment) deploy(ctx context.Context, build, stack string, parameters ...string) error {
	began := time.Now()
	_, _, err := d.run(ctx, command{
		[]string{"SAM_CLI_TELEMETRY=0", "AWS_ENDPOINT_URL=" + d.cloud.url, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_DEFAULT_REGION=" + region},
		append([]string{sam, "deploy", "--template", filepath.Join(d.dir, build, "template.yaml"), "--stack-name", stack, "--region", region, "--resolve-s3",
			"--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-fail-on-empty-changeset", "--parameter-overrides",
			"Architecture=" + architecture(), "Source=events/" + stack + ".json", "DNS=" + variable(d.testnet, "ROLLCALL_DNS"),
			"Allow=" + variable(d.testnet, "ROLLCALL_ALLOW"), "AlarmRuns=1"}, parameters...),
	})
	if err == nil {
		d.say("sam deploy: %s, from the %s template (%.1f s)", stack, build, time.Since(began).Seconds())
	}
	return err
}

// upgrade deploys the first template that ever was, and then this one over it.
func (d *deployment) upgrade(ctx context.Context) error {
	if err := d.deploy(ctx, "first", first); err != nil {
		return err
	}
	topic, err := d.cloud.output(ctx, first, "AlertTopic")
	if err != nil {
		return err
	}
	before, err := d.cloud.alarms(ctx, first)
	if err != nil {
		return err
	}
	// Two of four may be down: no many-are-down.
	if err := d.deploy(ctx, "new", first, "UpShare=0.3", "Email=me@example.com", "NotifyUrls=ssm:"+notifyUrls); err != nil {
		return err
	}
	now, err := d.cloud.output(ctx, first, "AlertTopic")
	if err != nil {
		return err
	}
	after, err := d.cloud.alarms(ctx, first)
	if err != nil {
		return err
	}
	if now != topic || len(after) <= len(before) {
		return fmt.Errorf("the upgrade made the topic %s of %s, and %v of %v", now, topic, after, before)
	}
	d.say("%s is upgraded in place: %d alarms became %d, its topic is the same", first, len(before), len(after))
	if err := d.listen(ctx, first, "AlertTopic", first, ""); err != nil {
		return err
	}
	return d.listen(ctx, first, "GroupTopic", "blog", `{"group": ["blog"]}`)
}

// listen subscribes a queue to a topic of a stack, with a filter policy if that is
// not empty.
func (d *deployment) listen(ctx context.Context, stack, topic, queue, filter string) error {
	arn, err := d.cloud.output(ctx, stack, topic)
	if err != nil {
		return err
	}
	d.queues[queue], err = d.cloud.subscribe(ctx, arn, queue+"-heard", filter)
	return err
}

// beside deploys the second stack.
func (d *deployment) beside(ctx context.Context) error {
	if err := d.deploy(ctx, "new", second); err != nil {
		return err
	}
	return d.listen(ctx, second, "AlertTopic", second, "")
}

// pages deploys a stack of the last template that had PageDays, with pages, and this
// one over it: its bucket and what it has must stay, also when the stack goes.
func (d *deployment) pages(ctx context.Context) error {
	if err := d.deploy(ctx, "pages", paged, "PageDays=7"); err != nil {
		return err
	}
	before, err := d.cloud.resource(ctx, paged, "PageBucket")
	if err != nil {
		return err
	}
	page := s3.PutObjectInput{Bucket: aws.String(before), Key: aws.String("kept.html"), Body: strings.NewReader("a page")}
	if _, err := d.cloud.buckets.PutObject(ctx, &page); err != nil {
		return err
	}
	if err := d.deploy(ctx, "new", paged); err != nil {
		return err
	}
	after, err := d.cloud.resource(ctx, paged, "PageBucket")
	if err != nil {
		return err
	}
	if _, err := d.cloud.buckets.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(after), Key: page.Key}); err != nil || after != before {
		return fmt.Errorf("the upgrade made the bucket %s of %s: %v", after, before, err)
	}
	d.say("%s is upgraded from PageDays=7: its bucket is the same, and so is what it has", paged)
	return d.delete(ctx, paged)
}

// twice waits for both schedules to fire twice, and reads what was published.
func (d *deployment) twice(ctx context.Context) error {
	for _, stack := range []string{second, first} {
		err := until(ctx, stack+" to run twice", 2*aRun, func() (bool, error) {
			runs, err := d.cloud.statistic(ctx, stack, "RunCompleted", types.StatisticSum)
			return len(runs) >= 2, err
		})
		if err != nil {
			return err
		}
		checked, err := d.cloud.statistic(ctx, stack, "TargetsChecked", types.StatisticMaximum)
		if err != nil {
			return err
		}
		took, err := d.cloud.statistic(ctx, stack, "RunDuration", types.StatisticMaximum)
		if err != nil {
			return err
		}
		d.say("the schedule of %s has fired twice: TargetsChecked %s, RunDuration %s ms", stack, strings.Join(checked, ", "), strings.Join(took, ", "))
	}
	return nil
}

// stop disables the second stack's schedule.
func (d *deployment) stop(ctx context.Context) error {
	d.say("the schedule of %s is disabled", second)
	return d.cloud.disable(ctx, second)
}

// silent sees that the stopped stack runs no more, and that only its own
// topic is notified. MiniStack evaluates no missing data, so the state is
// set by the API here; that silence brings it about is what the simulation in
// docs/alarms.md shows.
func (d *deployment) silent(ctx context.Context) error {
	runs, err := d.cloud.statistic(ctx, second, "RunCompleted", types.StatisticSum)
	if err != nil {
		return err
	}
	others, err := d.cloud.statistic(ctx, first, "RunCompleted", types.StatisticSum)
	if err != nil {
		return err
	}
	d.say("%s has run %d times, %s, which was stopped, %d times", first, len(others), second, len(runs))
	if len(runs) >= len(others) {
		return fmt.Errorf("%s has not stopped", second)
	}
	_, err = d.cloud.metrics.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{
		AlarmName: aws.String(second + "-has-not-run"), StateValue: types.StateValueAlarm, StateReason: aws.String("MiniStack evaluates no missing data"),
	})
	if err != nil {
		return err
	}
	d.say("MiniStack evaluates no missing data: %s-has-not-run is set to ALARM by the API", second)
	if err := d.message(ctx, second, "has-not-run", "ALARM", time.Minute); err != nil {
		return err
	}
	return d.onlyItsAlarm(ctx)
}

// onlyItsAlarm compares what fires in both stacks. In the first two are about
// targets: MiniStack takes the maximum of all 12 periods for 6 of 12.
func (d *deployment) onlyItsAlarm(ctx context.Context) error {
	mayFire := map[string][]string{first: {"something-is-down", "again-and-again-down"}, second: {"has-not-run"}}
	for _, stack := range []string{first, second} {
		all, err := d.cloud.alarms(ctx, stack)
		if err != nil {
			return err
		}
		var firing []string
		for _, a := range all {
			if a.State == "ALARM" {
				firing = append(firing, a.Name)
				if !slices.Contains(mayFire[stack], a.Name) {
					return fmt.Errorf("%s has the alarm %s", stack, a.Name)
				}
			}
		}
		d.say("%s: %d alarms, of which fire: %v", stack, len(all), firing)
	}
	return nil
}

// message waits for what an alarm has to say in a stack's queue.
func (d *deployment) message(ctx context.Context, stack, name, state string, limit time.Duration) error {
	want := alarm{stack + "-" + name, state}
	return until(ctx, "the message that "+want.Name+" is "+state, limit, func() (found bool, err error) {
		said, err := d.cloud.messages(ctx, d.queues[stack])
		for _, m := range said {
			switch {
			case m.Run != nil:
				return false, fmt.Errorf("%s heard %q", stack, m.Run.Subject)
			case !strings.HasPrefix(m.Name, stack+"-"):
				return false, fmt.Errorf("%s heard of %s", stack, m.Name)
			case m.State == "ALARM": // each says at first that it is OK
				d.say("a message in the queue of %s: %s is %s", stack, m.Name, m.State)
			}
			found = found || m.alarm == want
		}
		return found, err
	})
}

// remove deletes the stacks.
func (d *deployment) remove(ctx context.Context) error {
	for _, stack := range []string{first, second} {
		if err := d.delete(ctx, stack); err != nil {
			return err
		}
	}
	return nil
}

// delete deletes a stack and shows that nothing of it is there but its two buckets.
// Those it empties and deletes, as docs/deploy.md says.
func (d *deployment) delete(ctx context.Context, stack string) error {
	var buckets []string
	for _, name := range []string{"PageBucket", "ListBucket"} {
		bucket, err := d.cloud.resource(ctx, stack, name)
		if err != nil {
			return err
		}
		buckets = append(buckets, bucket)
	}
	if _, err := d.cloud.stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: aws.String(stack)}); err != nil {
		return err
	}
	err := until(ctx, "the end of "+stack, time.Minute, func() (bool, error) {
		left, err := d.cloud.left(ctx, stack)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("there are still: %v", left)
		}
		return err == nil, err
	})
	if err != nil {
		return err
	}
	for _, bucket := range buckets {
		keys, err := d.cloud.discard(ctx, bucket)
		if err != nil {
			return fmt.Errorf("the bucket %s, which the stack should have left: %w", bucket, err)
		}
		d.say("%s left its bucket %s %v, which is deleted by hand", stack, bucket, keys)
	}
	d.say("%s is deleted: no alarm, schedule, function, topic or log group is left of it", stack)
	return nil
}
