package alarm

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// properties are read one by one; finish says what nobody asked for.
type properties struct {
	values map[string]any
	asked  map[string]bool
	faults *[]error
}

func read(values map[string]any, faults *[]error) *properties {
	return &properties{values, map[string]bool{}, faults}
}

func (p *properties) fault(format string, a ...any) {
	*p.faults = append(*p.faults, fmt.Errorf(format, a...))
}

func (p *properties) text(name string) string {
	p.asked[name] = true
	switch value := p.values[name].(type) {
	case nil:
		return ""
	case string:
		return value
	default:
		p.fault("%s is %v, no text", name, value)
		return ""
	}
}

func (p *properties) number(name string, standard int) int {
	text := p.text(name)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		p.fault("%s is %q, no whole number", name, text)
	}
	return n
}

func (p *properties) list(name string) []any {
	p.asked[name] = true
	list, ok := p.values[name].([]any)
	if p.values[name] != nil && !ok {
		p.fault("%s is not a list", name)
	}
	return list
}

func (p *properties) child(name string) *properties {
	p.asked[name] = true
	return p.inner(p.values[name])
}

func (p *properties) inner(value any) *properties {
	values, ok := value.(map[string]any)
	if value != nil && !ok {
		p.fault("%v is not a mapping", value)
	}
	return read(values, p.faults)
}

// ignore takes properties that change nothing here.
func (p *properties) ignore(names ...string) {
	for _, name := range names {
		p.asked[name] = true
	}
}

func (p *properties) finish() {
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		if !p.asked[name] {
			p.fault("the property %s is not known here", name)
		}
	}
}

// A watched is an alarm of either kind with its actions and what became of it.
type watched struct {
	id      string
	names   []string // by which rules call it
	metric  *metricAlarm
	rule    *composite // nil: a metric alarm
	actions map[State]bool

	state        State
	contributors map[string]State
}

func (w *watched) readActions(p *properties) {
	w.actions = map[State]bool{}
	enabled := p.text("ActionsEnabled") != "false"
	for property, state := range map[string]State{"AlarmActions": Alarm, "OKActions": OK, "InsufficientDataActions": InsufficientData} {
		w.actions[state] = len(p.list(property)) > 0 && enabled
	}
	p.ignore("AlarmDescription", "Tags")
	w.names = []string{p.text("AlarmName"), "<" + w.id + ">", "<" + w.id + ".Arn>"}
}

// readMetricAlarm reads the properties of an AWS::CloudWatch::Alarm.
func readMetricAlarm(id string, values map[string]any) (*watched, error) {
	var faults []error
	p := read(values, &faults)
	w := &watched{id: id, metric: &metricAlarm{}, state: InsufficientData, contributors: map[string]State{}}
	w.readActions(p)
	w.metric.read(p)
	p.finish()
	if len(faults) > 0 {
		return nil, fmt.Errorf("%s: %w", id, errors.Join(faults...))
	}
	return w, nil
}

func (a *metricAlarm) read(p *properties) {
	a.readSource(p)
	a.n = p.number("EvaluationPeriods", 0)
	a.m = p.number("DatapointsToAlarm", a.n)
	if a.m < 1 || a.m > a.n {
		p.fault("it wants %d of %d periods", a.m, a.n)
	}
	if a.period < 60 || a.period%60 != 0 {
		p.fault("a period of %d s is not known here", a.period)
	}
	a.treat = cmpOr(p.text("TreatMissingData"), "missing")
	if !slices.Contains([]string{"missing", "ignore", "breaching", "notBreaching"}, a.treat) {
		p.fault("TreatMissingData %q is not known", a.treat)
	}
	few := cmpOr(p.text("EvaluateLowSampleCountPercentile"), "evaluate")
	if a.ignoreFew = few == "ignore"; few != "evaluate" && few != "ignore" {
		p.fault("EvaluateLowSampleCountPercentile %q is not known", few)
	}
	evaluation := p.child("EvaluationWindow")
	evaluation.ignore("SlidingWindow") // the default
	evaluation.finish()
	warmUp := p.child("WarmUpConfiguration")
	a.warmUp = time.Duration(warmUp.number("WarmUpPeriodDurationInMinutes", 0)) * time.Minute
	if a.warmUp > 48*time.Hour {
		p.fault("a warm-up of %s is more than two days", a.warmUp)
	}
	warmUp.finish()
	a.readComparison(p)
}

func cmpOr(text, standard string) string {
	if text == "" {
		return standard
	}
	return text
}

func (a *metricAlarm) readSource(p *properties) {
	var err error
	if _, ok := p.values["Metrics"]; ok {
		a.source, a.period, err = readQueries(p)
	} else {
		a.period = p.number("Period", 0)
		a.source, err = readMetric(p, p.text("Statistic")+p.text("ExtendedStatistic"))
	}
	if err != nil {
		p.fault("%w", err)
	}
	// Metrics Insights sees three hours.
	if _, ok := a.source.(insights); ok && a.period*p.number("EvaluationPeriods", 0) > 3*3600 {
		p.fault("Metrics Insights sees three hours, and it looks at more")
	}
}

func (a *metricAlarm) readComparison(p *properties) {
	threshold, err := strconv.ParseFloat(p.text("Threshold"), 64)
	if err != nil {
		p.fault("Threshold is %q, no number", p.text("Threshold"))
	}
	switch operator := p.text("ComparisonOperator"); operator {
	case "GreaterThanThreshold":
		a.breaches = func(v float64) bool { return v > threshold }
	case "GreaterThanOrEqualToThreshold":
		a.breaches = func(v float64) bool { return v >= threshold }
	case "LessThanThreshold":
		a.breaches = func(v float64) bool { return v < threshold }
	case "LessThanOrEqualToThreshold":
		a.breaches = func(v float64) bool { return v <= threshold }
	default:
		p.fault("ComparisonOperator %q is not known here", operator)
	}
}

// readComposite reads the properties of an AWS::CloudWatch::CompositeAlarm.
func readComposite(id string, values map[string]any) (*watched, error) {
	var faults []error
	p := read(values, &faults)
	c := &composite{
		suppressor: p.text("ActionsSuppressor"),
		wait:       p.number("ActionsSuppressorWaitPeriod", 0),
		extension:  p.number("ActionsSuppressorExtensionPeriod", 0),
	}
	w := &watched{id: id, rule: c, state: InsufficientData}
	w.readActions(p)
	var err error
	if c.rule, err = parseRule(p.text("AlarmRule")); err != nil {
		p.fault("%w", err)
	}
	p.finish()
	if len(faults) > 0 {
		return nil, fmt.Errorf("%s: %w", id, errors.Join(faults...))
	}
	return w, nil
}

// called reports whether a rule or a mute rule means this alarm by a name.
func (w *watched) called(name string) bool {
	return slices.Contains(w.names, strings.Trim(name, `"`))
}
