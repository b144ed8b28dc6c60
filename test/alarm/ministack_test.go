//go:build ministack

package alarm

import (
	"fmt"
	"os"
	"testing"
	"time"

	"rollcall/test/ministack"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"rollcall/test/cloudformation"
)

// MiniStack has an evaluator that no one here wrote. It looks at one stretch of
// time, without M of N, dimensions and missing data; what it can tell are
// statistics, comparisons, and the rules of composite alarms.
func miniStack(t *testing.T) *cloudwatch.Client {
	t.Helper()
	m, err := ministack.StartMiniStack(os.Getenv("MINISTACK"), "cloudwatch")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return cloudwatch.New(cloudwatch.Options{
		Region: "eu-central-1", BaseEndpoint: aws.String(m.URL), Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
		DisableRequestCompression: true,
	})
}

// states are what MiniStack says of all alarms, by their names.
func states(t *testing.T, client *cloudwatch.Client) map[string]State {
	t.Helper()
	out, err := client.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{
		AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm}, MaxRecords: aws.Int32(100),
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]State{}
	for _, a := range out.MetricAlarms {
		all[*a.AlarmName] = State(a.StateValue)
	}
	for _, a := range out.CompositeAlarms {
		all[*a.AlarmName] = State(a.StateValue)
	}
	return all
}

func TestMiniStackAgreesOnStatisticsAndComparisons(t *testing.T) {
	client := miniStack(t)
	now := time.Now().UTC().Truncate(time.Minute)
	told := Datum{Namespace: "N", Metric: "M", Time: now.Add(-time.Minute), Values: []float64{10, 20, 30}, Counts: []float64{97, 1, 2}}
	text := "Resources:\n"
	number := 0
	for statistic, thresholds := range map[string][]float64{
		"Average": {10, 10.5, 11}, "Sum": {1049, 1050, 1051}, "SampleCount": {99, 100, 101},
		"Minimum": {9, 10, 11}, "Maximum": {29, 30, 31}, "p50": {9, 10, 11}, "p90": {9, 10, 11}, "p99.9": {29, 30, 31},
	} {
		for _, operator := range []types.ComparisonOperator{"GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"} {
			for _, threshold := range thresholds {
				number++
				text += put(t, client, fmt.Sprint("A", number), statistic, operator, threshold)
			}
		}
	}
	_, err := client.PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: &told.Namespace, MetricData: []types.MetricDatum{{
		MetricName: &told.Metric, Timestamp: &told.Time, Values: told.Values, Counts: told.Counts,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, client, text, told, now)
}

// put makes an alarm of MiniStack, and returns the same as a resource.
func put(t *testing.T, client *cloudwatch.Client, name, statistic string, operator types.ComparisonOperator, threshold float64) string {
	t.Helper()
	in := &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, Namespace: aws.String("N"), MetricName: aws.String("M"),
		Period: aws.Int32(3600), EvaluationPeriods: aws.Int32(1), ComparisonOperator: operator, Threshold: &threshold,
	}
	property := "Statistic"
	if statistic[0] == 'p' {
		property, in.ExtendedStatistic = "ExtendedStatistic", &statistic
	} else {
		in.Statistic = types.Statistic(statistic)
	}
	if _, err := client.PutMetricAlarm(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("  %s: {Type: 'AWS::CloudWatch::Alarm', Properties: {Namespace: N, MetricName: M, %s: %s, Period: 3600, "+
		"EvaluationPeriods: 1, ComparisonOperator: %s, Threshold: %v, TreatMissingData: missing}}\n", name, property, statistic, operator, threshold)
}

// compare holds the states of our evaluation against MiniStack's.
func compare(t *testing.T, client *cloudwatch.Client, text string, told Datum, now time.Time) {
	t.Helper()
	template, err := cloudformation.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	stack, err := template.Stack(nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := Read(stack)
	if err != nil {
		t.Fatal(err)
	}
	w.Put(told)
	w.Evaluate(now)
	theirs, fired := states(t, client), 0
	for _, r := range stack.Resources {
		if got, want := w.State(r.Name), theirs[r.Name]; got != want {
			t.Errorf("%v: we say %s, MiniStack %q", r.Properties, got, want)
		} else if got == Alarm {
			fired++
		}
	}
	if fired < 20 || fired > len(stack.Resources)-20 {
		t.Errorf("%d of %d alarms fired: that compares little", fired, len(stack.Resources))
	}
}

func TestMiniStackAgreesOnCompositeRules(t *testing.T) {
	client := miniStack(t)
	children := []string{"X", "Y", "Z"}
	for _, name := range children {
		_, err := client.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
			AlarmName: &name, Namespace: aws.String("N"), MetricName: &name, Statistic: types.StatisticSum, Period: aws.Int32(60),
			EvaluationPeriods: aws.Int32(1), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, Threshold: aws.Float64(0),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	rules := []string{
		`ALARM(X)`, `NOT ALARM("X")`, `ALARM(X) AND ALARM(Y)`, `ALARM(X) OR ALARM(Y) AND ALARM(Z)`, `(ALARM(X) OR ALARM(Y)) AND ALARM(Z)`,
		`NOT ALARM(X) AND OK(Y)`, `INSUFFICIENT_DATA(Z) OR NOT (OK(X) AND OK(Y))`, `OK(X) AND NOT ALARM(Y) OR FALSE`, `TRUE AND ALARM(Z)`,
	}
	for i, rule := range rules {
		if _, err := client.PutCompositeAlarm(t.Context(), &cloudwatch.PutCompositeAlarmInput{AlarmName: aws.String(fmt.Sprint("C", i)), AlarmRule: &rule}); err != nil {
			t.Fatal(err)
		}
	}
	all := []State{OK, Alarm, InsufficientData}
	for n := range 27 {
		now := map[string]State{"X": all[n%3], "Y": all[n/3%3], "Z": all[n/9]}
		for name, state := range now {
			if _, err := client.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateReason: aws.String("a trial"), StateValue: types.StateValue(state)}); err != nil {
				t.Fatal(err)
			}
		}
		theirs := states(t, client)
		for i, text := range rules {
			r, err := parseRule(text)
			if err != nil {
				t.Fatal(err)
			}
			want := OK
			if r.holds(func(name string) State { return now[name] }) {
				want = Alarm
			}
			if got := theirs[fmt.Sprint("C", i)]; got != want {
				t.Errorf("%s with %v: we say %s, MiniStack %s", text, now, want, got)
			}
		}
	}
}
