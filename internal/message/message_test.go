package message

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/history"
)

var update = flag.Bool("update", false, "write testdata again")

var minute = time.Date(2026, 11, 30, 14, 5, 0, 0, time.UTC)

var site = Site{Stack: "rollcall", Region: "us-east-1", Account: "123456789012", LogGroup: "/aws/lambda/rollcall", Bucket: "rollcall-page", Page: "rollcall.html", Dashboard: "rollcall-us-east-1"}

func at(clock string) time.Time {
	t, err := time.Parse("15:04", clock)
	if err != nil {
		panic(err)
	}
	return time.Date(2026, 11, 30, t.Hour(), t.Minute(), 0, 0, time.UTC)
}

var checkout = history.Change{
	Incident: "c7761e58969f-20261130T1403Z", State: history.Down, Target: "checkout", Group: "shop", URL: "https://shop.example.com/health",
	Reason: "status", Detail: "503 Service Unavailable", FirstByte: 41, Since: at("14:03"), Runs: 3,
}

// with is a change that was changed.
func with(c history.Change, change func(*history.Change)) history.Change {
	change(&c)
	return c
}

func ended(c *history.Change) {
	c.Was, c.State, c.Ended, c.Runs = c.State, history.Up, at("14:20"), 17
}

// many are changes of n targets.
func many(n int, group string) (all []history.Change) {
	for i := range n {
		all = append(all, with(checkout, func(c *history.Change) {
			c.Target, c.Group, c.URL = fmt.Sprintf("%s-%d.example.com", group, i+1), group, fmt.Sprintf("https://%s-%d.example.com/", group, i+1)
			c.Incident = fmt.Sprintf("%012x-20261130T1403Z", i+1)
			if i%3 == 2 {
				c.Reason, c.Detail = "timeout", "no first byte within 10s"
			}
		}))
	}
	return all
}

func certificate(days float64, level int) history.Change {
	return history.Change{
		Incident: "0123456789ab-20261120T0000Z-certificate", State: history.Certificate, Group: "shop", Since: minute.AddDate(0, 0, -10), Runs: 14400,
		Subject: "CN=*.shop.example.com", NotAfter: minute.Add(time.Duration(days * 24 * float64(time.Hour))), Level: level, Targets: []string{"checkout", "cart", "pay", "search", "login", "api"}, Count: 400,
	}
}

func entries(changes ...history.Change) (all []history.Entry) {
	for i, c := range changes {
		all = append(all, history.Entry{Change: c, Seq: int64(41 + i), At: minute})
	}
	return all
}

var golden = map[string]struct {
	entries []history.Entry
	more    []history.More
}{
	"down":         {entries(checkout), nil},
	"down-unknown": {entries(with(checkout, func(c *history.Change) { c.Unknown = true })), nil},
	"down-titled": {entries(with(checkout, func(c *history.Change) {
		c.Title, c.Link = "Kasse – *Bezahlen* | Übersicht", "https://wiki.example.com/checkout"
	})), nil},
	"down-again":   {entries(with(checkout, func(c *history.Change) { c.Times, c.Since, c.Again = 2, at("13:10"), at("14:03") })), nil},
	"down-through": {entries(with(checkout, func(c *history.Change) { c.Maintenance, c.Since, c.Runs = true, at("12:00"), 124 })), nil},
	"reminder":     {entries(with(checkout, func(c *history.Change) { c.Reminder, c.Since, c.Runs = true, minute.Add(-30*time.Hour), 1800 })), nil},
	"degraded": {entries(with(checkout, func(c *history.Change) {
		c.State, c.Reason, c.Detail = history.Degraded, "expectation", "duration < 500: 731.2"
	})), nil},
	"up":          {entries(with(checkout, ended)), nil},
	"up-flapping": {entries(with(checkout, func(c *history.Change) { c.Times, c.Since, c.Again = 2, at("13:10"), at("14:03"); ended(c) })), nil},
	"up-range": {entries(with(checkout, func(c *history.Change) {
		ended(c)
		c.After = at("14:08")
		c.Gaps = []history.Span{{From: at("14:08"), To: at("14:20")}}
	})), nil},
	"missed":        {entries(with(checkout, func(c *history.Change) { ended(c); c.Missed = true })), nil},
	"removed":       {entries(with(checkout, func(c *history.Change) { c.Was, c.State, c.Ended = c.State, history.Removed, at("14:20") })), nil},
	"certificate":   {entries(certificate(6.4, 7)), nil},
	"certificate-1": {entries(certificate(0.3, 1)), nil},
	"expired":       {entries(certificate(-2.5, 1)), nil},
	"renewed":       {entries(with(certificate(6.4, 7), func(c *history.Change) { c.Was, c.State, c.Ended = c.State, history.Up, minute })), nil},
	"mixed":         {entries(append(many(2, "shop"), with(checkout, ended), certificate(6.4, 7))...), nil},
	"many":          {entries(many(30, "shop")...), []history.More{{Group: "shop", State: history.Down, Count: 4000}}},
}

var totals = Totals{Total: 40, Up: 39, Down: 1}

// TestGolden compares messages with testdata; go test ./internal/message -update
// writes it again. Read what has changed as whoever is woken by it.
func TestGolden(t *testing.T) {
	for name, test := range golden {
		made := Make(site, Run{ID: "r-1", Minute: minute, Targets: totals}, test.entries, test.more)
		if len(made) != 1 {
			t.Fatalf("%s: %d messages", name, len(made))
		}
		compare(t, name, &made[0])
	}
	for _, name := range []string{"alarm", "alarm-ok"} {
		data, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		m, err := FromAlarm(Site{Stack: "rollcall", LogGroup: "/aws/lambda/rollcall", Dashboard: "rollcall-us-east-1"}, data)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, name, m)
	}
}

func compare(t *testing.T, name string, m *Message) {
	t.Helper()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, m.JSON, "", "  "); err != nil {
		t.Fatal(err)
	}
	attributes, _ := json.Marshal(m.Attributes())
	got := fmt.Sprintf("Subject: %s\n\n%s\n--- SMS\n%s\n--- Markdown\n%s\n--- attributes, seq %d\n%s\n--- JSON\n%s\n", m.Subject, m.Text, m.SMS, m.Markdown, m.Seq, attributes, &pretty)
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
	bounds(t, name, m)
}

func bounds(t *testing.T, name string, m *Message) {
	t.Helper()
	for what, s := range map[string]string{"subject": m.Subject, "SMS": m.SMS} {
		if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%s: the %s is %q", name, what, s)
		}
	}
	if len(m.Subject) >= 100 || len(m.SMS) > 140 || m.encodedLength() > maxEncoded {
		t.Errorf("%s: subject %d, SMS %d, call %d bytes", name, len(m.Subject), len(m.SMS), m.encodedLength())
	}
	if !json.Valid(m.JSON) || !json.Valid([]byte(m.Envelope())) {
		t.Errorf("%s: invalid JSON", name)
	}
}

// At most five messages: the four groups with the most to tell, and one for the
// rest; nothing is left out.
func TestGroups(t *testing.T) {
	var changes []history.Change
	for i, n := range []int{1, 7, 3, 2, 5, 4, 1} {
		changes = append(changes, many(n, fmt.Sprintf("group%d", i))...)
	}
	made := Make(site, Run{Minute: minute, Targets: totals}, entries(changes...), []history.More{{Group: "group6", State: history.Down, Count: 9}})
	var groups []string
	told := 0
	for i := range made {
		groups = append(groups, strings.Join(made[i].Groups, " "))
		told += made[i].count()
		bounds(t, "groups", &made[i])
	}
	if want := []string{"group6", "group1", "group4", "group5", "group2 group3 group0"}; !slices.Equal(groups, want) {
		t.Errorf("%q, want %q", groups, want)
	}
	if told != 23+9 {
		t.Errorf("%d changes are notified", told)
	}
	if made := Make(site, Run{}, nil, nil); len(made) != 0 {
		t.Error("a message about nothing")
	}
}

// However much there is to tell, and however long the texts are, a call is small.
func TestMuchToTell(t *testing.T) {
	long := strings.Repeat(`"<☃\`, 2000)
	var changes []history.Change
	for _, c := range many(1000, "shop") {
		c.Title, c.Detail, c.URL, c.Link = long[:600], long[:200], "https://example.com/"+long, "https://example.com/"+strings.Repeat("a", 4000)
		changes = append(changes, c)
	}
	made := Make(site, Run{Minute: minute}, entries(changes...), nil)
	bounds(t, "much", &made[0])
	var groups []history.Change
	for i := range 1000 {
		groups = append(groups, with(checkout, func(c *history.Change) { c.Group = fmt.Sprint(i, long[:200]) }))
	}
	for _, m := range Make(site, Run{Minute: minute}, entries(groups...), nil) {
		bounds(t, "many groups", &m)
	}
}

// What an alarm invokes a function with is the same to people as what it sends to a
// topic.
func TestFromAlarmDirect(t *testing.T) {
	var made []*Message
	for _, name := range []string{"alarm", "alarm-direct", "composite-direct"} {
		data, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		m, err := FromAlarm(Site{Stack: "rollcall"}, data)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, m)
	}
	if !reflect.DeepEqual(made[0], made[1]) {
		t.Errorf("by the topic: %+v\n%s\ndirect: %+v\n%s", made[0], made[0].JSON, made[1], made[1].JSON)
	}
	if got := made[2].Subject; got != "ALARM: rollcall-something-is-down-untold" {
		t.Errorf("the composite alarm is %q", got)
	}
}

func TestFromAlarmRefuses(t *testing.T) {
	for _, data := range []string{"", "x", "{}", `{"AlarmName": "a"}`, `{"AlarmName": 3}`} {
		if m, err := FromAlarm(site, []byte(data)); err == nil {
			t.Errorf("%s: %+v", data, m)
		}
	}
}

func TestLinksByPartition(t *testing.T) {
	for partition, want := range map[string]string{
		"": "https://us-east-1.console.aws.amazon.com/", "aws-cn": "https://us-east-1.console.amazonaws.cn/", "aws-us-gov": "https://us-east-1.console.amazonaws-us-gov.com/",
	} {
		of := site
		of.Partition = partition
		l := of.links(minute)
		for _, url := range []string{l.Page, l.Dashboard, l.Log} {
			if !strings.HasPrefix(url, want) {
				t.Errorf("%s: %s", partition, url)
			}
		}
	}
	if l := (Site{}).links(minute); l != (Links{}) {
		t.Errorf("of nothing: %+v", l)
	}
}

// People read a group's title, programs its name.
func TestGroupTitles(t *testing.T) {
	run := Run{Minute: minute, Titles: map[string]string{"shop": "The shop"}}
	m := Make(site, run, entries(many(2, "shop")...), nil)[0]
	if m.Subject != "DOWN: 2 (The shop): shop-1.example.com, shop-2.example.com" || m.Groups[0] != "shop" || m.Attributes()["group"][0] != "shop" {
		t.Errorf("%s: %q", m.Subject, m.Groups)
	}
}
