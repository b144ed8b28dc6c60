package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"rollcall/test/alarm"
)

// Every widget of the template's dashboard can be drawn, and none is empty: it
// asks for metrics that the engine makes.
func TestEveryWidgetShowsSomething(t *testing.T) {
	stack, err := read("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var body struct{ Widgets []widget }
	if err := json.Unmarshal([]byte(fmt.Sprint(stack.Resource("Dashboard")["DashboardBody"])), &body); err != nil {
		t.Fatal(err)
	}
	// InvalidEvent and StaleEvent are there only when they happen.
	p := painter{data: sample()}
	for _, w := range body.Widgets {
		if w.Type != "metric" {
			continue
		}
		all, err := p.query(w.Properties.Metrics)
		if err != nil || len(all) == 0 {
			t.Errorf("%s: %v, %v", w.Properties.Title, all, err)
			continue
		}
		for _, s := range all {
			if last := number(s.values[0]); last == "–" && s.label != "invalid" && s.label != "stale" && !strings.HasPrefix(w.Properties.Title, "Why") {
				t.Errorf("%s: %s has no value", w.Properties.Title, s.label)
			}
		}
	}
}

// What is down until the end is in alarm at the end, and what is well is not.
func TestSampleAlarms(t *testing.T) {
	stack, err := read("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	watch, err := alarm.Read(stack)
	if err != nil {
		t.Fatal(err)
	}
	judge(watch, sample())
	for id, want := range map[string]alarm.State{"DownAlarm": alarm.Alarm, "CertificateAlarm": alarm.Alarm, "ManyDownAlarm": alarm.OK, "NotRunningAlarm": alarm.OK} {
		if got := watch.State(id); got != want {
			t.Errorf("%s is %s, want %s", id, got, want)
		}
	}
}

func TestMarkdown(t *testing.T) {
	if got, want := markdown("# A <b>\n**bold** [x](y)"), `<h1>A &lt;b&gt;</h1><p><b>bold</b> <a href="y">x</a></p>`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
