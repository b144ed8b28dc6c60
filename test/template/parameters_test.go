package template_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rollcall/test/tree"
)

type goodAndBad struct{ good, bad []string }

// parameterValues are good and bad ones for each parameter that is not a choice.
var parameterValues = map[string]goodAndBad{
	"Source":              {[]string{"events/gafam.json", "urls.txt", "a-b_c/d.json", "s3://lists.example/urls.txt", "s3://b-1/a/ü+&=(1).csv.gz", "s3://lists/x.json?versionId=aZ.-_9"}, []string{"", "s3://", "s3://b", "s3://bucket/", "s3://Bucket/x", "s3://bucket/a b", "s3://bucket/a*", "s3://bucket/${x}", "s3://bucket/<x>", `s3://bucket/a"b`, "s3://bucket/x?version=1", "https://example.com/list", "/etc/passwd", "../x", `a"b`, `a\b`, "a b", "-x", "${x}"}},
	"Email":               {[]string{"", "me@example.com", "first.last+tag@mail.example.org"}, []string{"me", "me@", "@example.com", "me@example", "a b@example.com", "me@@example.com", "me@example.com, you@example.com", "me@example."}},
	"Cron":                {[]string{"", "cron(0/5 8-18 ? * MON-FRI *)", "cron(0 8 1 * ? *)", "cron(15 10 ? * 6L *)", "cron(0 9 ? * 2#1 2026-2027)", "cron(* * * * ? *)"}, []string{"0 8 * * *", "cron(0 8 * * *)", "cron(0 8 * * * *)", "cron(0 8 ? * ? *)", "rate(5 minutes)", "cron()", "cron(0 8 ? * MON-FRI *", "cron(0 8 ? * mon *)", " cron(0 8 ? * MON *)"}},
	"TimeZone":            {[]string{"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+3", "EST5EDT"}, []string{"", "Europe/", "/Berlin", "Europe Berlin", strings.Repeat("x", 51)}},
	"TopicArn":            {[]string{"", "arn:aws:sns:eu-west-1:123456789012:mine", "arn:aws-cn:sns:cn-north-1:123456789012:mine"}, []string{"mine", "arn:aws:sqs:eu-west-1:123456789012:mine", "arn:aws:sns:eu-west-1:1234:mine", "arn:aws:sns:eu-west-1:123456789012:"}},
	"MaintenanceCron":     {[]string{"", "cron(0 2 * * SUN)", "cron(0 2 * * 1#2)", "cron(30 22 L * *)", "at(2027-01-31T22:00)"}, []string{"cron(0 2 ? * SUN *)", "0 2 * * SUN", "at(tomorrow)", "at(2027-01-31)", "cron(0 2 * *)"}},
	"MaintenanceDuration": {[]string{"PT2H", "PT90M", "P15D", "P2DT12H", "PT1H30M"}, []string{"", "2h", "P", "PT", "P1DT", "PT2", "2H", "P1W"}},
	"RunbookBase":         {[]string{"https://github.com/me/rollcall/blob/main/docs/runbook.md", "http://wiki.example.com/a?b=c"}, []string{"", "docs/runbook.md", "ftp://x", "https://", "https://x/y#z", "https://x/ y", "https://x/<b>", "https://x/" + strings.Repeat("y", 200)}},
	"DownCount":           {[]string{"1", "50"}, []string{"0", "-1", "", "many", "100001"}},
	"UpShare":             {[]string{"0.8", "1", "0.01"}, []string{"0", "80", "1.1", "", "80%"}},
	"SlowMilliseconds":    {[]string{"1", "3000", "900000"}, []string{"0", "-3", "3s", "900001", ""}},
	"CertificateDays":     {[]string{"1", "14", "398"}, []string{"0", "399", "", "soon"}},
	"Memory":              {[]string{"128", "1769", "10240"}, []string{"127", "10241", "", "1769MB"}},
	"ReservedConcurrency": {[]string{"", "1", "25"}, []string{"0", "-1", "1.5", "x", "10000"}},
	"SubnetIds":           {[]string{"", "subnet-01234567", "subnet-0123456789abcdef0,subnet-01234567"}, []string{"vpc-01234567", "subnet-", "subnet-01234567, subnet-01234568", "subnet-01234567,", "subnet-XYZ01234"}},
	"SecurityGroupIds":    {[]string{"", "sg-01234567", "sg-0123456789abcdef0,sg-01234567"}, []string{"default", "sg-", "subnet-01234567", "sg-01234567,,sg-01234567"}},
	"KmsKeyArn":           {[]string{"", "arn:aws:kms:eu-west-1:123456789012:key/12345678-1234-1234-1234-123456789012"}, []string{"alias/aws/sns", "arn:aws:kms:eu-west-1:123456789012:alias/mine", "12345678-1234-1234-1234-123456789012"}},
	"PermissionsBoundary": {[]string{"", "arn:aws:iam::123456789012:policy/team/Boundary", "arn:aws:iam::aws:policy/PowerUserAccess"}, []string{"Boundary", "arn:aws:iam::123456789012:role/x", "arn:aws:iam::123456789012:policy/"}},
	"Namespace":           {[]string{"", "Own/Space", "a.b_c-d#e"}, []string{"AWS/Lambda", "a b", `a"b`, "a'b", strings.Repeat("x", 256)}},
	"TargetLimit":         {[]string{"0", "1000"}, []string{"-1", "", "all"}},
	"Allow":               {[]string{"", "10.0.0.0/8", "10.0.0.0/8,fd00::/8"}, []string{"localhost", "10.0.0.0/8;x"}},
	"Env":                 {[]string{"", "API_TOKEN@api.example.com", "A@*.example.com,_b2@*,C@[::1],D@10.0.0.1"}, []string{"API_TOKEN", "A@", "@a.example", "A@*.example.com,B", "A@a.example, B@b.example", "2A@*", "A@*x", "A@a.*", "A@https://a.example"}},
	"Parameters":          {[]string{"", "/shop/token@*.shop.example.com", "a@*,b/c.d@[::1]", "a@h,b@h,c@h,d@h,e@h,f@h,g@h,h@h"}, []string{"/shop/token", "a@", "@h", "a@h, b@h", "a:3@h", "/a/@h", "a*@h", "a@h,b@h,c@h,d@h,e@h,f@h,g@h,h@h,i@h"}},
	"Secrets":             {[]string{"", "shop/api@shop.example.com", "a+b=c.d@*"}, []string{"shop/api", "a#key@h", "a*@h", "a@h,"}},
	"NotifyUrls":          {[]string{"", "ssm:/rollcall/notify", "ssm:notify", "secretsmanager:rollcall/urls", "secretsmanager:a+b=c.d#key"}, []string{"/rollcall/notify", "ssm:", "ssm:/a/", "ssm:/a:3", "secretsmanager:", "secretsmanager:a#", "slack://a/b/c"}},
	"HeartbeatUrl":        {[]string{"", "https://hc.example.com/ping/1"}, []string{"hc.example.com", "ftp://x", "https://a b"}},
	"Parts":               {[]string{"0", "1", "1000"}, []string{"-1", "1001", "many"}},
	"Concurrency":         {[]string{"1", "5", "1000"}, []string{"0", "1001", "many"}},
	"DNS":                 {[]string{"", "10.0.0.2:53", "[::1]:53", "resolver.example.com:53"}, []string{"10.0.0.2", ":53", "a b:53", "x:dns"}},
	"DNSRate":             {[]string{"", "0", "900"}, []string{"-1", "fast", "1.5"}},
	"Canary":              {[]string{"", "auto", "https://example.com/x", "http://10.0.0.1"}, []string{"none", "example.com", "ftp://x", "https://", "https://a b"}},
	"InFlight":            {[]string{"", "1", "480"}, []string{"0", "-1", "many"}},
	"PerHost":             {[]string{"", "1", "16"}, []string{"0", "-1", "many"}},
	"Reserve":             {[]string{"5s", "500ms", "1m30s", "1.5s"}, []string{"", "5", "5 s", "s", "-5s"}},
	"MaxAge":              {[]string{"5m", "90s"}, []string{"", "5", "soon"}},
	"CloudWatchEndpoint":  {[]string{"", "https://vpce-1.monitoring.eu-west-1.vpce.amazonaws.com"}, []string{"monitoring", "ftp://x", "https://a b"}},
}

func TestParametersTakeTheGoodAndRefuseTheBad(t *testing.T) {
	tp := readTemplate(t, nil)
	for name, values := range parameterValues {
		for _, good := range values.good {
			if said := about(name, brokenRules(t, map[string]string{name: good})); said != "" {
				t.Errorf("%s: %q is refused: %s", name, good, said)
			}
		}
		for _, bad := range values.bad {
			if about(name, brokenRules(t, map[string]string{name: bad})) == "" {
				t.Errorf("%s: %q is taken", name, bad)
			}
		}
	}
	for name := range tp.parameters {
		_, listed := parameterValues[name]
		if choice := len(tp.allowed(name)) > 0; !listed && !choice && !strings.HasPrefix(name, "AWS::") {
			t.Errorf("%s has neither a list of choices nor good and bad values in this test", name)
		} else if choice && len(brokenRules(t, map[string]string{name: "no such choice"})) == 0 {
			t.Errorf("%s takes what is not among its choices", name)
		}
	}
}

// about returns the first message about a parameter by itself: none of the
// rules, which speak of two.
func about(name string, messages []string) string {
	for _, m := range messages {
		if strings.HasPrefix(m, name+" ") && !strings.HasPrefix(m, name+" needs ") {
			return m
		}
	}
	return ""
}

func TestDefaultsAreTaken(t *testing.T) {
	if got := brokenRules(t, nil); len(got) > 0 {
		t.Errorf("the defaults are refused: %v", got)
	}
}

// What does not fit together is refused before anything is made.
func TestRulesRefuseWhatDoesNotFit(t *testing.T) {
	const cron = "cron(0 8 ? * MON-FRI *)"
	tests := []struct {
		given map[string]string
		want  string
	}{
		{map[string]string{"Cron": cron}, "needs GapHours"},
		{map[string]string{"GapHours": "26"}, "GapHours is for a cron expression"},
		{map[string]string{"Cron": cron, "GapHours": "78", "EveryMinutes": "1440"}, ""},
		{map[string]string{"Timeout": "110"}, "at most 50 s"},
		{map[string]string{"Timeout": "110", "EveryMinutes": "2"}, ""},
		{map[string]string{"Timeout": "890", "EveryMinutes": "10"}, "at most 590 s"},
		{map[string]string{"Timeout": "890", "EveryMinutes": "15"}, ""},
		{map[string]string{"Parts": "20"}, "Parts needs EveryMinutes 3 or more"},
		{map[string]string{"Parts": "20", "EveryMinutes": "3"}, ""},
		{map[string]string{"Parts": "20", "EveryMinutes": "10", "Timeout": "290"}, "With Parts, Timeout may be 240 s"},
		{map[string]string{"Parts": "20", "EveryMinutes": "10", "Timeout": "240"}, ""},
		{map[string]string{"Timeout": "240", "EveryMinutes": "3"}, "at most 170 s"},
		{map[string]string{"SubnetIds": "subnet-01234567"}, "needs SecurityGroupIds"},
		{map[string]string{"SecurityGroupIds": "sg-01234567"}, "needs SubnetIds"},
		{map[string]string{"SubnetIds": "subnet-01234567", "SecurityGroupIds": "sg-01234567"}, ""},
	}
	for _, tt := range tests {
		got := strings.Join(brokenRules(t, tt.given), "; ")
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%v: %q, want %q", tt.given, got, tt.want)
		}
	}
}

// sam deploy --guided asks for every parameter, in the template's order.
func TestThreeQuestionsComeFirst(t *testing.T) {
	groups := tree.Found(t, "template.yaml", `(?m)^        Parameters: \[(.*)\]$`)
	var grouped []string
	for _, g := range groups {
		grouped = append(grouped, strings.Split(g, ", ")...)
	}
	declared := tree.Found(t, "template.yaml", `(?m)^  (\w+):\n    Type: (?:String|Number)$`)
	if !slices.Equal(declared[:3], []string{"Source", "EveryMinutes", "Email"}) || !slices.Equal(grouped[:3], declared[:3]) {
		t.Errorf("the first parameters are %v, grouped %v", declared[:3], grouped[:3])
	}
	slices.Sort(grouped)
	slices.Sort(declared)
	if !slices.Equal(grouped, declared) {
		t.Errorf("the groups have\n%v, the parameters are\n%v", grouped, declared)
	}
}

// Two stacks in one account share no name.
func TestTwoStacksShareNothing(t *testing.T) {
	names := func(stack string) map[string]string {
		given := maps.Clone(everyAlarm)
		given["AWS::StackName"] = stack
		tp := readTemplate(t, given)
		all := map[string]string{}
		for _, r := range tp.Resources {
			for property, value := range r.Properties {
				text := fmt.Sprint(value)
				if strings.HasSuffix(property, "Name") && property != "PolicyName" && property != "MetricName" && property != "DisplayName" && !strings.HasPrefix(text, "<") {
					all[text] = r.Name + "." + property
				}
			}
		}
		return all
	}
	one, other := names("roll"), names("call")
	if len(one) < 25 {
		t.Errorf("only the names %v were found", one)
	}
	for name, where := range one {
		if other[name] != "" && !strings.HasPrefix(name, "AWS/") {
			t.Errorf("two stacks have %s %q", where, name)
		}
	}
}

// Every name is a name once.
func TestAlarmNamesAreUnique(t *testing.T) {
	tp := readTemplate(t, everyAlarm)
	seen := map[any]string{}
	for _, kind := range []string{"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"} {
		for _, id := range tp.resources(kind) {
			name := tp.resource(id)["AlarmName"]
			if other := seen[name]; other != "" {
				t.Errorf("%s and %s are both %v", id, other, name)
			}
			if len(fmt.Sprint(name)) > 255 {
				t.Errorf("the name of %s has %d characters", id, len(fmt.Sprint(name)))
			}
			seen[name] = id
		}
	}
}

// The alarm of each kind of trouble that maintenance brings is muted, and none
// that speaks of the monitor itself.
func TestMaintenanceMutesWhatIsWatched(t *testing.T) {
	for _, given := range []map[string]string{{"MaintenanceCron": "cron(0 2 * * SUN)"}, everyAlarm} {
		tp := readTemplate(t, given)
		muted := fmt.Sprint(at(tp.resource("Maintenance"), "MuteTargets.AlarmNames"))
		for _, id := range append(tp.resources("AWS::CloudWatch::Alarm"), tp.resources("AWS::CloudWatch::CompositeAlarm")...) {
			watches := regexp.MustCompile(`^(Down|Degraded|FlappingAlone|Many|Slow|Untold)\w*Alarm$`).MatchString(id)
			if strings.Contains(muted, "<"+id+">") != watches {
				t.Errorf("of %s, muted is %v, want %v", id, !watches, watches)
			}
		}
	}
	if rules := readTemplate(t, nil).resources("AWS::CloudWatch::AlarmMuteRule"); len(rules) > 0 {
		t.Errorf("without maintenance there is %v", rules)
	}
}
