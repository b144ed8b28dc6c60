package template_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/test/tree"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"rollcall/internal/check"
	"rollcall/internal/metric"
	"rollcall/internal/monitor"
	"rollcall/internal/sweep"
)

// Each alarm's message links to a section of the runbook, and each section is
// some alarm's.
func TestEveryAlarmHasItsSection(t *testing.T) {
	const base = "https://example.com/docs/runbook.md"
	given := maps.Clone(everyAlarm)
	given["RunbookBase"] = base
	tp := readTemplate(t, given)
	sections := tree.Anchors([]byte(tree.Document(t, "docs/runbook.md")))
	unused := tree.Found(t, "docs/runbook.md", `(?m)^### (.*)$`)
	given["History"] = "false" // has one alarm more
	other := readTemplate(t, given)
	descriptions := map[string]string{}
	for _, one := range []*template{tp, other} {
		for _, name := range append(one.resources("AWS::CloudWatch::Alarm"), one.resources("AWS::CloudWatch::CompositeAlarm")...) {
			descriptions[name] = fmt.Sprint(one.resource(name)["AlarmDescription"])
		}
	}
	for name, description := range descriptions {
		link := regexp.MustCompile(regexp.QuoteMeta(base) + `#([a-z-]+)`).FindStringSubmatch(description)
		if link == nil || !slices.Contains(sections, link[1]) {
			t.Errorf("%s links to %q, which is not a section of docs/runbook.md", name, link)
			continue
		}
		unused = slices.DeleteFunc(unused, func(s string) bool { return s == link[1] })
	}
	if len(unused) > 0 {
		t.Errorf("no alarm links to the sections %v", unused)
	}
}

// logFields are the fields of the log lines of runs in which much goes wrong,
// nested ones with a dot, as Logs Insights names them.
func logFields(t *testing.T) map[string]bool {
	t.Helper()
	var out bytes.Buffer
	m := &monitor.Monitor{
		Version: "test", Profile: metric.ProfileTarget, Limit: 10, Reserve: time.Second, MaxAge: time.Minute, Interval: time.Hour,
		Log: slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr})), // as the function's
		Sweeper: sweep.Sweeper{InFlight: 5, Log: slog.New(slog.DiscardHandler), Probe: func(_ context.Context, target *check.Target) check.Result {
			r := good(target)
			r.Certificate.Subject = "CN=a.example"
			switch target.Name {
			case "down":
				down(&r, check.Status)
				r.Detail, r.Status, r.IP = "503 Service Unavailable", 503, netip.MustParseAddr("192.0.2.1")
			case "open":
				return check.Unprobed(target, check.Deadline, "the budget has ended")
			}
			return r
		}},
	}
	for _, event := range []string{
		`{"urls": [{"url": "https://a.example", "name": "down", "retries": 0}, {"url": "https://b.example", "name": "open"}, "https://c.example"], "scheduled": "` + time.Now().UTC().Format(time.RFC3339) + `"}`,
		`{"urls": ["https://a.example"], "scheduled": "2020-01-01T00:00:00Z"}`,
		`{"urls": 5}`,
	} {
		_, _ = m.Run(t.Context(), "request", []byte(event)) // the last is invalid on purpose
	}
	fields := map[string]bool{"@timestamp": true, "@message": true}
	for line := range strings.Lines(out.String()) {
		var members map[string]any
		if err := json.Unmarshal([]byte(line), &members); err != nil {
			t.Fatalf("a log line is not JSON: %v: %s", err, line)
		}
		collect(fields, "", members)
	}
	return fields
}

func collect(fields map[string]bool, prefix string, members map[string]any) {
	for name, value := range members {
		fields[prefix+name] = true
		if inner, ok := value.(map[string]any); ok {
			collect(fields, prefix+name+".", inner)
		}
	}
}

// insightsWords are what a query has beside names of fields: commands and
// functions of Logs Insights. What "as" introduces is a name too.
var insightsWords = strings.Fields("filter stats fields sort limit desc asc by as and or like count latest count_distinct min max")

// unknownFields returns the words of a query of Logs Insights that are neither
// its language's nor a field.
func unknownFields(query string, fields map[string]bool) []string {
	query = regexp.MustCompile(`"[^"]*"|/(?:[^/\\]|\\.)*/`).ReplaceAllString(query, "")
	known := maps.Clone(fields)
	for _, alias := range regexp.MustCompile(`\bas (\w+)`).FindAllStringSubmatch(query, -1) {
		known[alias[1]] = true
	}
	var unknown []string
	for _, word := range regexp.MustCompile(`@?[A-Za-z_][\w.]*`).FindAllString(query, -1) {
		if !known[word] && !slices.Contains(insightsWords, word) {
			unknown = append(unknown, word)
		}
	}
	return unknown
}

// linkedQuery is the query of Logs Insights that an alarm's link has, as the
// console reads it.
func linkedQuery(t *testing.T, description string) string {
	t.Helper()
	link := regexp.MustCompile(`queryDetail\$3D(\S+)`).FindStringSubmatch(description)
	if link == nil {
		t.Fatalf("no query is linked: %s", description)
	}
	detail, err := url.PathUnescape(strings.ReplaceAll(link[1], "$", "%"))
	if err != nil {
		t.Fatal(err)
	}
	editor := regexp.MustCompile(`~editorString~'([^~]*)~source~\(~'\*2faws\*2flambda\*2froll(?:-notify)?\)\)$`).FindStringSubmatch(detail)
	if editor == nil {
		t.Fatalf("the link's detail is %s", detail)
	}
	query, err := url.PathUnescape(strings.ReplaceAll(editor[1], "*", "%"))
	if err != nil {
		t.Fatal(err)
	}
	return query
}

// The queries of runbook, alarms and dashboard use fields that log lines have.
func TestQueriesUseFieldsOfRealLogLines(t *testing.T) {
	fields := logFields(t)
	queries := tree.Fenced(tree.Document(t, "docs/runbook.md"), "text insights")
	tp := readTemplate(t, everyAlarm)
	saved := tp.resources("AWS::Logs::QueryDefinition")
	for _, name := range saved {
		queries = append(queries, fmt.Sprint(tp.resource(name)["QueryString"]))
	}
	without := readTemplate(t, map[string]string{"WithDashboard": "false"})
	for _, name := range without.resources("AWS::CloudWatch::Alarm") {
		queries = append(queries, linkedQuery(t, fmt.Sprint(without.resource(name)["AlarmDescription"])))
	}
	if len(saved) < 6 || len(queries) < 30 {
		t.Fatalf("only %d queries were found", len(queries))
	}
	for _, query := range queries {
		if unknown := unknownFields(query, fields); len(unknown) > 0 {
			t.Errorf("no log line has %v, as this query does:\n%s", unknown, query)
		}
	}
	if got := unknownFields(`filter mesage = "target" | stats count(*) as runs by nam | sort runs desc`, fields); !slices.Equal(got, []string{"mesage", "nam"}) {
		t.Errorf("of two slips of the pen %v were found", got)
	}
}

// sqlForm is the part of Metrics Insights that is in use here.
var sqlForm = regexp.MustCompile(`^SELECT (AVG|COUNT|MAX|MIN|SUM)\((\w+)\) FROM SCHEMA\("([^"]+)"(?:, (?:(\w+)|"(\w+)"))?\)(?: GROUP BY (?:(\w+)|"(\w+)") ORDER BY (AVG|COUNT|MAX|MIN|SUM)\(\) (ASC|DESC)(?: LIMIT \d+)?)?$`)

// sqlFault says what is wrong with a query of Metrics Insights.
func sqlFault(query string) string {
	m := sqlForm.FindStringSubmatch(query)
	if m == nil {
		return "it has no form that is known here"
	}
	by := m[4] + m[5]
	switch {
	case by != m[6]+m[7] && m[6]+m[7] != "":
		return "it groups by " + m[6] + m[7] + ", which is not in its schema"
	case m[8] != "" && m[8] != m[1]:
		return "it orders by another function than it selects"
	case m[4] == "Group":
		return "Group is a word of SQL: it needs quotes"
	case m[3] == "AWS/Lambda":
		return ""
	case !hasSeries(m[2], by):
		return "there is no metric " + m[2] + " by " + by
	}
	return ""
}

// hasSeries reports whether a metric with this dimension is published.
func hasSeries(name, by string) bool {
	return slices.ContainsFunc(metric.Table(), func(d metric.Definition) bool {
		return d.Name == name && slices.Contains(d.Dimensions, by)
	})
}

func TestMetricsInsightsQueries(t *testing.T) {
	queries := []string{}
	for _, block := range tree.Fenced(tree.Document(t, "docs/runbook.md"), "sql") {
		queries = append(queries, strings.TrimSpace(block))
	}
	tp := readTemplate(t, everyAlarm)
	for _, name := range tp.resources("AWS::CloudWatch::Alarm") {
		text := fmt.Sprint(tp.resource(name)["AlarmDescription"], ". ", at(tp.resource(name), "Metrics"))
		queries = append(queries, regexp.MustCompile(`SELECT [^.;\]]*?(?:LIMIT \d+|\b(?:ASC|DESC)\b(?: LIMIT \d+)?|SCHEMA\("[^"]+"\))`).FindAllString(text, -1)...)
	}
	if len(queries) < 2 {
		t.Fatalf("only the queries %q were found", queries)
	}
	for _, query := range queries {
		if fault := sqlFault(query); fault != "" {
			t.Errorf("%s: %s", query, fault)
		}
	}
	for query, want := range map[string]string{
		`SELECT MIN(Up) FROM SCHEMA("N", Target) GROUP BY Target ORDER BY MIN() ASC`:        "",
		`SELECT MIN(Up) FORM SCHEMA("N", Target)`:                                           "no form",
		`SELECT P95(Duration) FROM SCHEMA("N", Target)`:                                     "no form",
		`SELECT MIN(Up) FROM SCHEMA("N", Target) GROUP BY Target ORDER BY MAX() ASC`:        "orders by",
		`SELECT MIN(Up) FROM SCHEMA("N", Target) GROUP BY "Group" ORDER BY MIN() ASC`:       "groups by",
		`SELECT MIN(Up) FROM SCHEMA("N", Group) GROUP BY Group ORDER BY MIN() ASC`:          "needs quotes",
		`SELECT MIN(Upp) FROM SCHEMA("N", Target) GROUP BY Target ORDER BY MIN() ASC`:       "no metric Upp",
		`SELECT MIN(DNSTime) FROM SCHEMA("N", "Group") GROUP BY "Group" ORDER BY MIN() ASC`: "no metric DNSTime by Group",
	} {
		if got := sqlFault(query); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}
