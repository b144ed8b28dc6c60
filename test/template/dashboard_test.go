package template_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A widget is one of a dashboard's body.
type widget struct {
	Type                string
	X, Y, Width, Height int
	Properties          struct {
		Title, Markdown, Region, View, Query string
		Period                               int
		Metrics                              [][]any
		Alarms                               []string
	}
}

func widgets(t *testing.T, given map[string]string) []widget {
	t.Helper()
	text := fmt.Sprint(readTemplate(t, given).resource("Dashboard")["DashboardBody"])
	var body struct{ Widgets []widget }
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatalf("the dashboard's body is not JSON: %v", err)
	}
	if len(body.Widgets) < 15 || len(body.Widgets) > 500 {
		t.Fatalf("the dashboard has %d widgets", len(body.Widgets))
	}
	return body.Widgets
}

// CloudWatch lays widgets out on 24 columns; what overlaps it pushes away.
func TestDashboardIsLaidOut(t *testing.T) {
	all := widgets(t, nil)
	for i, w := range all {
		if w.X < 0 || w.Width < 1 || w.X+w.Width > 24 || w.Height < 1 || w.Y < 0 {
			t.Errorf("%q at %d, %d, of %d by %d, is not within 24 columns", w.Properties.Title, w.X, w.Y, w.Width, w.Height)
		}
		if (w.Properties.Title == "") != (w.Type == "text") {
			t.Errorf("widget %d, of type %s, has the title %q", i, w.Type, w.Properties.Title)
		}
		for _, o := range all[i+1:] {
			if w.X < o.X+o.Width && o.X < w.X+w.Width && w.Y < o.Y+o.Height && o.Y < w.Y+w.Height {
				t.Errorf("%q and %q overlap", w.Properties.Title, o.Properties.Title)
			}
		}
	}
}

func TestDashboardShowsMetricsThatThereAre(t *testing.T) {
	for _, every := range []string{"1", "1440"} {
		for _, w := range widgets(t, map[string]string{"EveryMinutes": every}) {
			if w.Type == "metric" && (w.Properties.Period%60 != 0 || w.Properties.Period == 0 || w.Properties.Region != "eu-west-1") {
				t.Errorf("%q has periods of %d s in %q", w.Properties.Title, w.Properties.Period, w.Properties.Region)
			}
			for _, m := range w.Properties.Metrics {
				if fault := metricFault(m); fault != "" {
					t.Errorf("%q: %v: %s", w.Properties.Title, m, fault)
				}
			}
		}
	}
}

var searchForm = regexp.MustCompile(`^(?:100\*)?SEARCH\('\{"Rollcall/roll",(\w+)\} MetricName="(\w+)"', '(?:Average|Maximum|Minimum|p\d+)', \d+\)$`)

// metricFault says what is wrong with one entry of a widget's metrics.
func metricFault(m []any) string {
	options, _ := m[len(m)-1].(map[string]any)
	expression, _ := options["expression"].(string)
	switch {
	case expression == "" && m[0] == "Rollcall/roll":
		if len(m) != 3 || !hasSeries(fmt.Sprint(m[1]), "") {
			return "there is no such metric"
		}
	case expression == "":
		if m[0] != "AWS/Lambda" && m[0] != "AWS/Logs" {
			return "it is in no namespace that is known"
		}
	case strings.HasPrefix(expression, "SELECT"):
		return sqlFault(expression)
	case strings.Contains(expression, "SEARCH"):
		if s := searchForm.FindStringSubmatch(expression); s == nil || !hasSeries(s[2], s[1]) {
			return "it searches for what there is not"
		}
	case !regexp.MustCompile(`^[a-z0-9()+*/. -]+$`).MatchString(expression):
		return "its expression has what is not known here"
	}
	return ""
}

// Every metric by itself, except the phases and what is in another's widget,
// has a place: nothing is published that nobody can see.
func TestDashboardShowsWhatIsPublished(t *testing.T) {
	text := fmt.Sprint(readTemplate(t, nil).resource("Dashboard")["DashboardBody"])
	for _, name := range []string{"Up", "Duration", "CertificateDaysLeft", "Down", "Degraded", "Flaky", "Failures", "TargetsChecked",
		"TargetsNotChecked", "TargetsWithoutMetrics", "RunDuration", "ScheduleDelay", "LocalDelay", "MonitorHealthy", "MetricsLost",
		"MetricsByLog", "InvalidEvent", "StaleEvent", "HistoryFailed", "MessagesUntold", "MessagesLost"} {
		if !strings.Contains(text, name) {
			t.Errorf("the dashboard has nothing of %s", name)
		}
	}
}

func TestDashboardHasTheAlarms(t *testing.T) {
	for _, given := range []map[string]string{nil, {"EveryMinutes": "1440"}, {"History": "false"}} {
		tp := readTemplate(t, given)
		var shown []string
		for _, w := range widgets(t, given) {
			shown = append(shown, w.Properties.Alarms...)
		}
		var want []string
		for _, id := range append(tp.resources("AWS::CloudWatch::Alarm"), tp.resources("AWS::CloudWatch::CompositeAlarm")...) {
			if id != "FlappingAloneAlarm" { // FlappingAlarm is there
				want = append(want, "<"+id+".Arn>")
			}
		}
		slices.Sort(shown)
		slices.Sort(want)
		if !slices.Equal(shown, want) {
			t.Errorf("%v: the dashboard has the alarms\n%v, the stack\n%v", given, shown, want)
		}
	}
}

func TestDashboardIsAChoice(t *testing.T) {
	if got := readTemplate(t, map[string]string{"WithDashboard": "false"}).resources("AWS::CloudWatch::Dashboard"); len(got) > 0 {
		t.Errorf("without a dashboard there is %v", got)
	}
	for _, w := range widgets(t, nil) {
		if w.Type == "log" {
			if !strings.HasPrefix(w.Properties.Query, "SOURCE '/aws/lambda/roll' | ") {
				t.Errorf("the log widget reads %s", w.Properties.Query)
			}
			query := strings.TrimPrefix(w.Properties.Query, "SOURCE '/aws/lambda/roll' | ")
			if unknown := unknownFields(query, logFields(t)); len(unknown) > 0 {
				t.Errorf("no log line has %v: %s", unknown, query)
			}
		}
	}
}
