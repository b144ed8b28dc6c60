package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"rollcall/internal/testnet"
)

// The two stacks: the first sees a site break, the second is stopped.
const (
	first  = "roll-one"
	second = "roll-two"
)

// firstTemplate is the first that was ever deployed: stacks of it must go on.
const firstTemplate = "test/stack/testdata/template-first.yaml"

// aRun is what a schedule may take, at a run a minute, to be seen.
const aRun = 100 * time.Second

// A deployment is what `stack deployed` works with.
type deployment struct {
	*trial
	testnet *testnet.Net
	cloud   *cloud
	broken  atomic.Bool
	queues  map[string]string // a stack's
	heard   map[string][]alarm
}

// deployed deploys two stacks, and follows them from their first run to the
// message that a site is down, and to their end.
func (t *trial) deployed(ctx context.Context) error {
	d := &deployment{trial: t, queues: map[string]string{}, heard: map[string][]alarm{}}
	for _, step := range []func(context.Context) error{
		d.prepare, d.upgrade, d.beside, d.twice, d.stop, d.breakSite, d.fixSite, d.silent, d.remove,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	t.say("all of it holds")
	return nil
}

// prepare brings up the web sites and AWS, and has sam build both templates.
func (d *deployment) prepare(ctx context.Context) (err error) {
	if d.testnet, err = d.trial.startNet(); err != nil {
		return err
	}
	d.testnet.Handle("shop.stage.test", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if d.broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	if d.cloud, err = d.ministack(ctx, variable(d.testnet, "SSL_CERT_FILE")); err != nil {
		return err
	}
	d.say("MiniStack responds at %s, the web sites are up", d.cloud.url)
	for _, build := range []struct{ dir, template string }{{"old", firstTemplate}, {"new", "template.yaml"}} {
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
	for stack, hosts := range map[string][]string{first: {"shop.stage.test", "good.stage.test"}, second: {"good.stage.test"}} {
		var b strings.Builder
		for _, host := range hosts {
			b.WriteString("https://" + host + "\n")
		}
		if err := os.WriteFile(filepath.Join(dir, stack+".txt"), portedLines(d.testnet, []byte(b.String())), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// deploy runs sam deploy of a built template.
func (d *deployment) deploy(ctx context.Context, build, stack string) error {
	began := time.Now()
	_, _, err := d.run(ctx, command{
		[]string{"SAM_CLI_TELEMETRY=0", "AWS_ENDPOINT_URL=" + d.cloud.url, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_DEFAULT_REGION=" + region},
		[]string{sam, "deploy", "--template", filepath.Join(d.dir, build, "template.yaml"), "--stack-name", stack, "--region", region, "--resolve-s3",
			"--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-fail-on-empty-changeset", "--parameter-overrides",
			"Architecture=" + architecture(), "Source=events/" + stack + ".txt", "DNS=" + variable(d.testnet, "ROLLCALL_DNS"),
			"Allow=" + variable(d.testnet, "ROLLCALL_ALLOW"), "AlarmRuns=1"},
	})
	if err == nil {
		d.say("sam deploy: %s, from the %s template (%.1f s)", stack, build, time.Since(began).Seconds())
	}
	return err
}

// upgrade deploys the first template that ever was, and then this one over it.
func (d *deployment) upgrade(ctx context.Context) error {
	if err := d.deploy(ctx, "old", first); err != nil {
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
	if err := d.deploy(ctx, "new", first); err != nil {
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
	return d.listen(ctx, first)
}

// listen subscribes a queue to a stack's topic.
func (d *deployment) listen(ctx context.Context, stack string) error {
	topic, err := d.cloud.output(ctx, stack, "AlertTopic")
	if err != nil {
		return err
	}
	d.queues[stack], err = d.cloud.subscribe(ctx, topic, stack+"-heard")
	return err
}

// beside deploys the second stack.
func (d *deployment) beside(ctx context.Context) error {
	if err := d.deploy(ctx, "new", second); err != nil {
		return err
	}
	return d.listen(ctx, second)
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

func (d *deployment) breakSite(ctx context.Context) error {
	d.broken.Store(true)
	d.say("shop.stage.test responds 500 from now on")
	return d.message(ctx, first, "something-is-down", "ALARM", 2*aRun)
}

func (d *deployment) fixSite(ctx context.Context) error {
	d.broken.Store(false)
	d.say("shop.stage.test is fixed")
	return d.message(ctx, first, "something-is-down", "OK", 4*time.Minute)
}

// unjudged is the alarm that MiniStack can't judge: it takes the maximum of all 12
// periods for 6 of 12.
const unjudged = "again-and-again-down"

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

// onlyItsAlarm compares what fires in both stacks.
func (d *deployment) onlyItsAlarm(ctx context.Context) error {
	for _, stack := range []string{first, second} {
		all, err := d.cloud.alarms(ctx, stack)
		if err != nil {
			return err
		}
		var firing []string
		for _, a := range all {
			if a.State == "ALARM" && a.Name != unjudged {
				firing = append(firing, a.Name)
			}
		}
		d.say("%s: %d alarms, of which fire: %v", stack, len(all), firing)
		if want := map[string]string{second: "has-not-run"}[stack]; strings.Join(firing, " ") != want {
			return fmt.Errorf("%s has the alarms %v, want %q", stack, firing, want)
		}
	}
	return nil
}

// message waits for what an alarm has to say in a stack's queue.
func (d *deployment) message(ctx context.Context, stack, name, state string, limit time.Duration) error {
	want := alarm{stack + "-" + name, state}
	err := until(ctx, "the message that "+want.Name+" is "+state, limit, func() (bool, error) {
		said, err := d.cloud.messages(ctx, d.queues[stack])
		for _, a := range said {
			if a.State == "ALARM" || a == want { // each alarm says at first that it is OK
				d.say("a message in the queue of %s: %s is %s", stack, a.Name, a.State)
			}
			if !strings.HasPrefix(a.Name, stack+"-") {
				return false, fmt.Errorf("%s heard of %s", stack, a.Name)
			}
		}
		d.heard[stack] = append(d.heard[stack], said...)
		for i, a := range d.heard[stack] {
			if a == want {
				d.heard[stack] = d.heard[stack][i+1:]
				return true, nil
			}
		}
		return false, err
	})
	return err
}

// remove deletes both stacks and shows that nothing of them is there.
func (d *deployment) remove(ctx context.Context) error {
	for _, stack := range []string{first, second} {
		if _, err := d.cloud.stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: aws.String(stack)}); err != nil {
			return err
		}
	}
	for _, stack := range []string{first, second} {
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
		d.say("%s is deleted: no alarm, schedule, function, topic or log group is left of it", stack)
	}
	return nil
}
