package alarm_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall/test/alarm"
	"rollcall/test/cloudformation"
)

var start = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// read reads alarms written as the resources of a template.
func read(t *testing.T, resources string) (*alarm.Watch, error) {
	t.Helper()
	template, err := cloudformation.Parse([]byte("Resources:\n" + resources))
	if err != nil {
		t.Fatal(err)
	}
	stack, err := template.Stack(nil)
	if err != nil {
		t.Fatal(err)
	}
	return alarm.Read(stack)
}

func watch(t *testing.T, resources string) *alarm.Watch {
	t.Helper()
	w, err := read(t, resources)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// on is an alarm that wants one period of one, with further properties.
func on(name, further string) string {
	return fmt.Sprintf(`  %s: {Type: "AWS::CloudWatch::Alarm", Properties: {EvaluationPeriods: 1, `+
		`ComparisonOperator: GreaterThanThreshold, Threshold: 0, TreatMissingData: notBreaching, AlarmActions: [me], OKActions: [me], %s}}`+"\n", name, further)
}

// of is such an alarm on the maximum of a metric.
func of(name, metric string) string {
	return on(name, "Namespace: N, MetricName: "+metric+", Statistic: Maximum, Period: 60")
}

func datum(metric string, minute int, value float64, dimensions ...string) alarm.Datum {
	d := alarm.Datum{Namespace: "N", Metric: metric, Time: start.Add(time.Duration(minute) * time.Minute), Values: []float64{value}, Counts: []float64{1}}
	for i := 0; i+1 < len(dimensions); i += 2 {
		if d.Dimensions == nil {
			d.Dimensions = map[string]string{}
		}
		d.Dimensions[dimensions[i]] = dimensions[i+1]
	}
	return d
}

// feed puts the datums of each minute and evaluates at its end.
func feed(w *alarm.Watch, minutes int, of func(minute int) []alarm.Datum) {
	for minute := range minutes {
		w.Put(of(minute)...)
		w.Evaluate(start.Add(time.Duration(minute+1) * time.Minute))
	}
}

// notices lists the notifications, in words such as "3 Down a ALARM": after how many
// minutes, which alarm, which contributor, which state.
func notices(w *alarm.Watch) string {
	var all []string
	for _, n := range w.Notices {
		words := []string{fmt.Sprint(int(n.Time.Sub(start).Minutes())), n.Alarm, n.Contributor, string(n.State)}
		all = append(all, strings.Join(strings.Fields(strings.Join(words, " ")), " "))
	}
	return strings.Join(all, "; ")
}

// values has a value a minute of each metric, none for a space.
func values(metrics map[string]string) (minutes int, of func(minute int) []alarm.Datum) {
	for _, row := range metrics {
		minutes = max(minutes, len(row))
	}
	return minutes, func(minute int) []alarm.Datum {
		var all []alarm.Datum
		for metric, row := range metrics {
			if minute < len(row) && row[minute] != ' ' {
				all = append(all, datum(metric, minute, float64(row[minute]-'0')))
			}
		}
		return all
	}
}

func TestDimensionsAreExact(t *testing.T) {
	w := watch(t, of("Whole", "M")+on("Part", "Namespace: N, MetricName: M, Statistic: Maximum, Period: 60, Dimensions: [{Name: Group, Value: a}]")+
		on("Unit", "Namespace: N, MetricName: M, Statistic: Maximum, Period: 60, Unit: Count"))
	feed(w, 1, func(int) []alarm.Datum {
		return []alarm.Datum{datum("M", 0, 1, "Group", "a"), datum("M", 0, 1, "Group", "b")}
	})
	if got := notices(w); got != "1 Whole OK; 1 Part ALARM; 1 Unit OK" {
		t.Error(got)
	}
}

// A period of five minutes slides with each evaluation.
func TestPeriodsSlide(t *testing.T) {
	w := watch(t, on("A", "Namespace: N, MetricName: M, Statistic: Maximum, Period: 300"))
	feed(w, 12, func(minute int) []alarm.Datum {
		if minute == 3 {
			return []alarm.Datum{datum("M", minute, 1)}
		}
		return nil
	})
	// The datum is in the newest period until minute 8, and is the newest real
	// one until it leaves the range, two periods later.
	if got := notices(w); got != "1 A OK; 4 A ALARM" {
		t.Error(got)
	}
}

func TestLateDataCountsWhenItComes(t *testing.T) {
	w := watch(t, of("A", "M"))
	w.Evaluate(start.Add(1 * time.Minute))
	w.Put(datum("M", 0, 1))
	w.Evaluate(start.Add(2 * time.Minute))
	if got := notices(w); got != "1 A OK; 2 A ALARM" {
		t.Error(got)
	}
}

func TestMetricMath(t *testing.T) {
	math := func(expression string) string {
		return on("A", `Metrics: [{Id: e, Expression: "`+expression+`"}, `+
			`{Id: m, ReturnData: false, MetricStat: {Metric: {Namespace: N, MetricName: M}, Period: 60, Stat: Maximum}}, `+
			`{Id: n, ReturnData: false, MetricStat: {Metric: {Namespace: N, MetricName: N}, Period: 60, Stat: Maximum}}]`)
	}
	tests := []struct {
		expression, m, n string
		want             alarm.State
	}{
		{"m - n", "5", "3", alarm.Alarm},
		{"m - n", "3", "3", alarm.OK},
		{"m / n", "3", "0", alarm.OK}, // no number, so missing
		{"m + n", "3", "", alarm.OK},  // one is missing, so the sum is
		{"m + FILL(n, 0)", "3", "", alarm.Alarm},
		{"FILL(m, REPEAT)", "3", "", alarm.Alarm},
		{"IF(m > 2, n, 0)", "3", "1", alarm.Alarm},
		{"IF(m > 2, n, 0)", "2", "1", alarm.OK},
		{"IF(m > 2 AND n < 2, 1, 0)", "3", "1", alarm.Alarm},
		{"IF(m == 0 OR n != 1, 1, 0)", "3", "1", alarm.OK},
		{"MIN([m, n])", "3", "0", alarm.OK},
		{"MAX([m, n])", "3", "0", alarm.Alarm},
		{"SUM([m, n]) - 3", "3", "0", alarm.OK},
		{"AVG([m, n]) - 1.5", "3", "0", alarm.OK},
		{"ABS(0 - m)", "3", "", alarm.Alarm},
		{"-m + n^2", "3", "2", alarm.Alarm},
		{"100 * m / (m + n) - 50", "3", "1", alarm.Alarm},
	}
	for _, tt := range tests {
		w := watch(t, math(tt.expression))
		minutes, of := values(map[string]string{"M": tt.m, "N": tt.n})
		feed(w, minutes, of)
		if got := w.State("A"); got != tt.want {
			t.Errorf("%s with m %s, n %s: %s, want %s", tt.expression, tt.m, tt.n, got, tt.want)
		}
	}
}

const insights = `Metrics: [{Id: q, Period: 60, Expression: 'SELECT MAX(Down) FROM SCHEMA("N", Target) GROUP BY Target ORDER BY MAX() DESC'}]`

// Each contributor notifies for itself, and one without data is gone without a
// notification.
// An alarm that warms up keeps silent about missing data until its minutes are
// over or all its periods have data, whichever is first, and once only.
func TestWarmUp(t *testing.T) {
	const deadMan = `  A: {Type: "AWS::CloudWatch::Alarm", Properties: {Namespace: N, MetricName: M, Statistic: Sum, Period: 60, EvaluationPeriods: 2, ` +
		`ComparisonOperator: LessThanThreshold, Threshold: 1, TreatMissingData: breaching, WarmUpConfiguration: {WarmUpPeriodDurationInMinutes: 5}}}`
	w := watch(t, deadMan)
	var states []string
	for minute := 1; minute <= 6; minute++ {
		w.Evaluate(start.Add(time.Duration(minute) * time.Minute))
		states = append(states, string(w.State("A")))
	}
	want := "INSUFFICIENT_DATA INSUFFICIENT_DATA INSUFFICIENT_DATA INSUFFICIENT_DATA INSUFFICIENT_DATA ALARM"
	if got := strings.Join(states, " "); got != want {
		t.Errorf("without data: %s, want %s", got, want)
	}
	w, states = watch(t, deadMan), nil
	w.Put(datum("M", 0, 1), datum("M", 1, 1))
	for minute := 1; minute <= 6; minute++ {
		w.Evaluate(start.Add(time.Duration(minute) * time.Minute))
		states = append(states, string(w.State("A")))
	}
	want = "INSUFFICIENT_DATA OK OK OK OK ALARM"
	if got := strings.Join(states, " "); got != want {
		t.Errorf("with data in two minutes: %s, want %s", got, want)
	}
}

func TestContributors(t *testing.T) {
	w := watch(t, on("Down", insights))
	feed(w, 9, func(minute int) []alarm.Datum {
		all := []alarm.Datum{datum("Down", minute, 0, "Target", "good"), datum("Down", minute, 1, "Target", "odd", "Group", "g"), datum("Down", minute, 1)}
		if minute < 4 {
			all = append(all, datum("Down", minute, float64(minute/2), "Target", "a")) // from minute 2 on
		}
		if minute == 3 {
			all = append(all, datum("Down", minute, 1, "Target", "b"))
		}
		return all
	})
	if got := notices(w); got != "3 Down a ALARM; 4 Down b ALARM" {
		t.Error(got)
	}
	if got := w.State("Down"); got != alarm.OK {
		t.Errorf("the whole is %s after the contributors have gone", got)
	}
}

func TestInsightsForms(t *testing.T) {
	for query, want := range map[string]string{
		`SELECT SUM(M) FROM SCHEMA(N, Target)`:                                            "1 A ALARM",
		`SELECT MIN(M) FROM SCHEMA(N, Target)`:                                            "1 A OK",
		`select max(M) from "N"`:                                                          "1 A ALARM",
		`SELECT MAX(M) FROM SCHEMA("N", Target) WHERE Target = 'good'`:                    "1 A OK",
		`SELECT MAX(M) FROM SCHEMA("N", Target, Group)`:                                   "1 A OK", // no such series
		`SELECT AVG(M) FROM "N" WHERE Target = 'bad' AND Target = 'bad'`:                  "1 A ALARM",
		`SELECT COUNT(M) FROM "N" GROUP BY Target ORDER BY COUNT() ASC LIMIT 500`:         "1 A bad ALARM; 1 A good ALARM",
		`SELECT MAX(M) FROM SCHEMA(N, "Target") GROUP BY "Target" ORDER BY MAX() LIMIT 9`: "1 A bad ALARM",
	} {
		resource := strings.ReplaceAll(query, "'", "''")
		w := watch(t, on("A", `Metrics: [{Id: q, Period: 60, Expression: '`+resource+`'}]`))
		feed(w, 1, func(int) []alarm.Datum {
			return []alarm.Datum{datum("M", 0, 0, "Target", "good"), datum("M", 0, 1, "Target", "bad")}
		})
		if got := notices(w); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

func composite(further string) string {
	return of("X", "X") + of("Y", "Y") + of("Z", "Z") +
		`  C: {Type: "AWS::CloudWatch::CompositeAlarm", Properties: {AlarmActions: [me], OKActions: [me], ` + further + "}}\n"
}

// only returns what one alarm told.
func only(name, all string) string {
	var own []string
	for one := range strings.SplitSeq(all, "; ") {
		if strings.Contains(one, " "+name+" ") {
			own = append(own, one)
		}
	}
	return strings.Join(own, "; ")
}

func TestCompositeRules(t *testing.T) {
	for rule, want := range map[string]string{ // X, Y, Z are 1 0 0
		`ALARM(<X>)`:                             "ALARM",
		`ALARM("<X>") AND ALARM(<Y>)`:            "OK",
		`ALARM(<X>) AND NOT ALARM(<Y>)`:          "ALARM",
		`OK(<X>) OR OK(<Y>) AND ALARM(<Z>)`:      "OK",
		`(ALARM(<X>) OR OK(<Y>)) AND OK(<Z>)`:    "ALARM",
		`INSUFFICIENT_DATA(<X>)`:                 "OK",
		`TRUE AND NOT FALSE`:                     "ALARM",
		`NOT (ALARM(<X>) OR ALARM(<Y>))`:         "OK",
		"ALARM(<Y.Arn>)\n  OR\n  ALARM(<X.Arn>)": "ALARM",
	} {
		w := watch(t, composite("AlarmRule: '"+rule+"'"))
		feed(w, 1, func(int) []alarm.Datum { return []alarm.Datum{datum("X", 0, 1), datum("Y", 0, 0), datum("Z", 0, 0)} })
		if got := only("C", notices(w)); got != "1 C "+want {
			t.Errorf("%s: %s, want %s", rule, got, want)
		}
	}
}

// X is what the composite looks at, Y the suppressor. The first OK of all
// waits too, and is overtaken by what comes in the wait period.
func TestSuppression(t *testing.T) {
	tests := []struct{ name, x, y, want string }{
		{"no suppressor in alarm", "0011110000", "0000000000", "5 C ALARM; 9 C OK"},
		{"suppressed before", "0011110000000", "0111111110000", "12 C OK"},
		{"suppressed within the wait period", "00111100000", "00011110000", "10 C OK"},
		{"too late", "001111111111", "000001111111", "5 C ALARM"},
		{"still so after the extension", "0011111111111", "0011111000000", "10 C ALARM"},
		{"over within the wait period", "0010000000", "0000000000", "6 C OK"},
	}
	for _, tt := range tests {
		w := watch(t, composite("AlarmRule: ALARM(<X>), ActionsSuppressor: <Y>, ActionsSuppressorWaitPeriod: 120, ActionsSuppressorExtensionPeriod: 120"))
		minutes, of := values(map[string]string{"X": tt.x, "Y": tt.y})
		feed(w, minutes, of)
		if got := only("C", notices(w)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func muted(further string) string {
	return of("X", "X") + of("Y", "Y") +
		`  Mute: {Type: "AWS::CloudWatch::AlarmMuteRule", Properties: {MuteTargets: {AlarmNames: [!Ref X]}, Rule: {Schedule: {` + further + "}}}}\n"
}

// What still fires at the window's end is notified then; the rest never.
func TestMutes(t *testing.T) {
	tests := []struct{ name, schedule, x, want string }{
		{"it stays down", "Expression: 'cron(4 12 * * *)', Duration: PT4M", "0001111111", "1 X OK; 8 X ALARM"},
		{"it recovers", "Expression: 'cron(4 12 * * FRI)', Duration: PT4M", "0001110000", "1 X OK; 8 X OK"},
		{"another hour", "Expression: 'cron(4 13 * * *)', Duration: PT4M", "0001111111", "1 X OK; 4 X ALARM"},
		{"another weekday", "Expression: 'cron(4 12 * * MON-THU)', Duration: PT4M", "0001111111", "1 X OK; 4 X ALARM"},
		{"another zone", "Expression: 'cron(4 13 * * *)', Duration: PT4M, Timezone: Europe/Berlin", "0001111111", "1 X OK; 8 X ALARM"},
		{"every second minute", "Expression: 'cron(*/2 * * * *)', Duration: PT1M", "0001111111", "1 X OK; 5 X ALARM"},
		{"once", `Expression: "at(2026-11-27T12:04)", Duration: PT4M`, "0001111111", "1 X OK; 8 X ALARM"},
	}
	for _, tt := range tests {
		w := watch(t, muted(tt.schedule))
		minutes, of := values(map[string]string{"X": tt.x})
		feed(w, minutes, of)
		if got := only("X", notices(w)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	single := "Namespace: N, MetricName: M, Period: 60"
	metrics := func(list string) string { return on("A", "Metrics: ["+list+"]") }
	query := func(sql string) string {
		return metrics(`{Id: q, Period: 60, Expression: '` + strings.ReplaceAll(sql, "'", "''") + `'}`)
	}
	math := func(e string) string {
		return metrics(`{Id: e, Expression: "` + e + `"}, {Id: m, ReturnData: false, MetricStat: {Metric: {Namespace: N, MetricName: M}, Period: 60, Stat: Sum}}`)
	}
	mute := func(schedule string) string { return muted(schedule) }
	tests := []struct{ resources, want string }{
		{on("A", single+", Statistic: Sum, Treshold: 1"), "A: the property Treshold is not known here"},
		{on("A", single+", Statistic: Median"), `the statistic "Median" is not known here`},
		{on("A", single+", ExtendedStatistic: tm95"), `the statistic "tm95" is not known here`},
		{on("A", single+", Statistic: Sum, DatapointsToAlarm: 2"), "it wants 2 of 1 periods"},
		{on("A", single+", Statistic: Sum, EvaluateLowSampleCountPercentile: maybe"), `"maybe" is not known`},
		{on("A", single+", Statistic: Sum, Dimensions: {Group: a}"), "Dimensions is not a list"},
		{on("A", single+", Statistic: Sum, Dimensions: [{Key: a}]"), "the property Key is not known here"},
		{on("A", single+", Statistic: Sum, EvaluationWindow: {WallClockWindow: {}}"), "WallClockWindow is not known here"},
		{on("A", "Namespace: N, MetricName: M, Statistic: Sum, Period: 10"), "a period of 10 s is not known here"},
		{on("A", "MetricName: M, Statistic: Sum, Period: 60"), `it has the namespace "" and the metric "M"`},
		{strings.Replace(of("A", "M"), "notBreaching", "breeching", 1), `TreatMissingData "breeching" is not known`},
		{strings.Replace(of("A", "M"), "GreaterThanThreshold", "GreaterThanUpperThreshold", 1), `"GreaterThanUpperThreshold" is not known here`},
		{strings.Replace(of("A", "M"), "Threshold: 0", "Threshold: many", 1), `Threshold is "many", no number`},
		{strings.Replace(of("A", "M"), "EvaluationPeriods: 1", "EvaluationPeriods: few", 1), `EvaluationPeriods is "few", no whole number`},
		{math("RATE(m)"), "the function RATE(m) is not known here"},
		{math("METRICS()"), "the function METRICS() is not known here"},
		{math("FILL(m, LINEAR)"), "is not known here"},
		{math("m % 2"), "the operator % is not known here"},
		{math("m +"), "unexpected token"},
		{math("nothing + 1"), `nothing is called "nothing"`},
		{math("e + 1"), "e is made of itself"},
		{metrics(`{Id: a, Expression: "1"}, {Id: b, Expression: "2"}`), "both a and b return data"},
		{metrics(`{Id: a, MetricStat: {Metric: {Namespace: N, MetricName: M}, Period: 60, Stat: Sum}, AccountId: 1}`), "the property AccountId is not known here"},
		{query(`SELECT P95(M) FROM "N"`), "is not known here"},
		{query(`SELECT MAX(M) FORM "N"`), "is not known here"},
		{query(`SELECT MAX(M) FROM "N" WHERE a != 'b'`), `the condition "a != 'b'" is not known here`},
		{query(`SELECT MAX(M) FROM "N" GROUP BY Target`), "GROUP BY without ORDER BY"},
		{composite("AlarmRule: ALARM(<X>"), "is not known here"},
		{composite("AlarmRule: ALARM(<X>) XOR ALARM(<Y>)"), "is not known here"},
		{composite("AlarmRule: 'AT_LEAST(1, ALARM, (<X>))'"), "is not known here"},
		{composite("AlarmRule: ALARM(Other)"), "C refers to [Other], of which one is not an alarm of the stack"},
		{composite("AlarmRule: ALARM(<C>)"), "refers to itself"},
		{composite("AlarmRule: ALARM(<X>), ActionSuppressor: <Y>"), "the property ActionSuppressor is not known here"},
		{mute("Expression: 'rate(1 day)', Duration: PT1H"), "neither cron(…) nor at(…)"},
		{mute("Expression: 'cron(0 2 * * ? *)', Duration: PT1H"), "has 6 fields"},
		{mute("Expression: 'cron(61 2 * * *)', Duration: PT1H"), "out of range (0 to 59)"},
		{mute("Expression: 'cron(0 2 * * FOO)', Duration: PT1H"), "out of range"},
		{mute("Expression: 'cron(0 2 * * *)', Duration: 1h"), "not a duration such as PT2H"},
		{mute("Expression: 'cron(0 2 * * *)', Duration: P16D"), "not between PT1M and P15D"},
		{mute("Expression: 'cron(0 2 * * *)', Duration: PT1H, Timezone: Mars"), "Timezone: unknown time zone"},
		{strings.Replace(mute("Expression: 'cron(0 2 * * *)', Duration: PT1H"), "[!Ref X]", "[other]", 1), "a mute rule names other"},
		{`  A: {Type: "AWS::CloudWatch::AnomalyDetector"}`, "AnomalyDetector is not known here"},
	}
	for _, tt := range tests {
		if _, err := read(t, tt.resources); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s\ngives %v, want an error with %q", tt.resources, err, tt.want)
		}
	}
}
