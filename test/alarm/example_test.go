package alarm_test

import (
	"fmt"
	"time"

	"rollcall/test/alarm"
	"rollcall/test/cloudformation"
)

// Something is down from the fourth minute to the sixth.
func Example() {
	template, _ := cloudformation.Parse([]byte(`
Resources:
  DownAlarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: Rollcall
      MetricName: Down
      Statistic: Maximum
      Period: 60
      EvaluationPeriods: 3
      DatapointsToAlarm: 2
      ComparisonOperator: GreaterThanOrEqualToThreshold
      Threshold: 1
      TreatMissingData: ignore
      AlarmActions: [!Ref AWS::StackId]
`))
	stack, _ := template.Stack(nil)
	watch, err := alarm.Read(stack)
	if err != nil {
		fmt.Println(err)
		return
	}
	start := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for minute, down := range []float64{0, 0, 0, 1, 1, 1, 0, 0, 0} {
		at := start.Add(time.Duration(minute) * time.Minute)
		watch.Put(alarm.Datum{Namespace: "Rollcall", Metric: "Down", Time: at, Values: []float64{down}, Counts: []float64{1}})
		watch.Evaluate(at.Add(time.Minute))
	}
	for _, c := range watch.Changes {
		fmt.Println(c.Time.Format("15:04"), c.Alarm, c.From, "→", c.State)
	}
	fmt.Println("told", len(watch.Notices), "times")
	// Output:
	// 12:01 DownAlarm INSUFFICIENT_DATA → OK
	// 12:05 DownAlarm OK → ALARM
	// 12:08 DownAlarm ALARM → OK
	// told 1 times
}
