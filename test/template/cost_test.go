package template_test

import (
	"strings"
	"testing"

	"rollcall/internal/cost"
)

// The bill has what the template deploys by default: a plain alarm is billed by
// the metrics that it looks at.
func TestBillHasWhatTheTemplateDeploys(t *testing.T) {
	tp := readTemplate(t, nil)
	want := cost.Parts{
		Composites: len(tp.resources("AWS::CloudWatch::CompositeAlarm")),
		Dashboards: len(tp.resources("AWS::CloudWatch::Dashboard")),
	}
	for _, name := range tp.resources("AWS::CloudWatch::Alarm") {
		alarm := tp.resource(name)
		queries, _ := alarm["Metrics"].([]any)
		looked := 0
		for _, query := range queries {
			if expression, _ := at(query, "Expression").(string); strings.HasPrefix(expression, "SELECT") {
				t.Errorf("%s is a Metrics Insights alarm, which the bill does not have by default", name)
			}
			if at(query, "MetricStat") != nil {
				looked++
			}
		}
		want.Alarms += max(looked, 1)
	}
	if got := cost.Deployed(); got != want {
		t.Errorf("cost.Deployed() is %+v, and the template deploys %+v", got, want)
	}
}
