package template_test

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rollcall/test/tree"
)

// The linters check what CloudFormation would refuse. These tests check what
// it would accept, and what would then fail silently.

// everyAlarm asks for all alarms that there can be, with the longest names.
var everyAlarm = map[string]string{
	"AWS::StackName": strings.Repeat("s", 128), "RunbookBase": "https://" + strings.Repeat("r", 192),
	"MaintenanceCron": "cron(0 2 * * SUN)",
	"Source":          "events/" + strings.Repeat("e", 50) + ".json",
}

func TestAlarmsAreComplete(t *testing.T) {
	tp := readTemplate(t, everyAlarm)
	names := tp.resources("AWS::CloudWatch::Alarm")
	if len(names) < 19 {
		t.Fatalf("the template has the alarms %v, want nineteen at least", names)
	}
	for _, name := range names {
		alarm := tp.resource(name)
		// Left unset, one datapoint can alarm, and nobody knows what to do.
		for _, property := range []string{"TreatMissingData", "AlarmActions", "OKActions"} {
			if alarm[property] == nil {
				t.Errorf("%s has no %s", name, property)
			}
		}
		if got := alarm["Namespace"]; alarm["MetricName"] != nil && got != "AWS/Lambda" && got != "AWS/SQS" && got != "Rollcall/"+everyAlarm["AWS::StackName"] {
			t.Errorf("%s looks at the namespace %v, want the stack's", name, got)
		}
	}
	if got := at(tp.resource("ErrorsAlarm"), "Namespace"); got != "AWS/Lambda" {
		t.Errorf("ErrorsAlarm looks at the namespace %v, want Lambda's", got)
	}
}

// A description says to the person woken what it means, what to do, where the
// runbook goes on, and how to list the cause.
func TestDescriptionsTellWhatToDo(t *testing.T) {
	descriptionsTellWhatToDo(t, everyAlarm)
	without := maps.Clone(everyAlarm)
	without["WithDashboard"], without["History"] = "false", "false"
	descriptionsTellWhatToDo(t, without)
}

func descriptionsTellWhatToDo(t *testing.T, given map[string]string) {
	t.Helper()
	tp := readTemplate(t, given)
	look := regexp.MustCompile(` Look: https://eu-west-1\.console\.aws\.amazon\.com/cloudwatch/home\?region=eu-west-1#(dashboards/dashboard/|logsV2:logs-insights\$3FqueryDetail\$3D)\S+ What to do, step by step: `)
	for _, name := range append(tp.resources("AWS::CloudWatch::Alarm"), tp.resources("AWS::CloudWatch::CompositeAlarm")...) {
		description := fmt.Sprint(tp.resource(name)["AlarmDescription"])
		if filled := tp.fill(description); len(filled) > 1024 { // CloudWatch's limit
			t.Errorf("%s has a description of %d characters: %s", name, len(filled), filled)
		}
		if strings.Contains(description, "${") || !look.MatchString(description) || !strings.Contains(description, everyAlarm["RunbookBase"]+"#") {
			t.Errorf("%s has a description without a query or a link, or not filled in: %s", name, description)
		}
	}
}

// fill replaces references in a text by names as long as they can get.
func (tp *template) fill(text string) string {
	return regexp.MustCompile("<[A-Za-z0-9]+>").ReplaceAllStringFunc(text, func(reference string) string {
		properties := tp.resource(reference[1 : len(reference)-1])
		for _, name := range []string{"AlarmName", "LogGroupName"} {
			if properties[name] != nil {
				return fmt.Sprint(properties[name])
			}
		}
		return strings.Repeat("x", 64) // of a function; a bucket's has one less
	})
}

func TestNotRunningAlarmListensForSilence(t *testing.T) {
	alarm := readTemplate(t, nil).resource("NotRunningAlarm")
	want := map[string]any{
		"MetricName": "RunCompleted", "Statistic": "Sum", "ComparisonOperator": "LessThanThreshold", "Threshold": "1",
		"EvaluationPeriods": alarm["DatapointsToAlarm"], "TreatMissingData": "breaching",
	}
	for property, want := range want {
		if got := alarm[property]; got != want {
			t.Errorf("%s is %v, want %v", property, got, want)
		}
	}
}

func TestDownAlarmSurvivesDuplicatesAndBlindness(t *testing.T) {
	alarm := readTemplate(t, nil).resource("DownAlarm")
	want := map[string]any{
		"MetricName": "Down", "Dimensions": nil, "Statistic": "Maximum",
		"ComparisonOperator": "GreaterThanOrEqualToThreshold", "Threshold": "1", "TreatMissingData": "ignore",
	}
	for property, want := range want {
		if got := alarm[property]; got != want {
			t.Errorf("%s is %v, want %v", property, got, want)
		}
	}
}

// CloudFormation takes an alarm that wants more datapoints than it looks at;
// CloudWatch then refuses it in the middle of a deployment.
func TestAlarmsNeverWantMoreThanTheySee(t *testing.T) {
	tp := readTemplate(t, nil)
	for _, runs := range tp.allowed("AlarmRuns") {
		for _, window := range tp.allowed("AlarmWindow") {
			given := readTemplate(t, map[string]string{"AlarmRuns": runs, "AlarmWindow": window})
			for _, name := range given.resources("AWS::CloudWatch::Alarm") {
				alarm := given.resource(name)
				m, n := number(t, alarm["DatapointsToAlarm"]), number(t, alarm["EvaluationPeriods"])
				if m < 1 || m > n {
					t.Errorf("AlarmRuns %s, AlarmWindow %s: %s wants %d of %d periods", runs, window, name, m, n)
				}
			}
		}
	}
}

func TestScheduleAndPeriodsFollowTheInterval(t *testing.T) {
	allowed := readTemplate(t, nil).allowed("EveryMinutes")
	if !slices.Contains(allowed, "1") || !slices.Contains(allowed, "5") {
		t.Fatalf("EveryMinutes allows %v, want 1 and 5 among them", allowed)
	}
	for _, every := range allowed {
		tp := readTemplate(t, map[string]string{"EveryMinutes": every})
		want := fmt.Sprintf("rate(%s minutes)", every)
		if every == "1" {
			want = "rate(1 minute)"
		}
		if got := at(tp.resource("CheckFunction"), "Events.Schedule.Properties.ScheduleExpression"); got != want {
			t.Errorf("every %s: the schedule is %v, want %s", every, got, want)
		}
		for _, name := range tp.resources("AWS::CloudWatch::Alarm") {
			want := 60 * number(t, every)
			if name == "CertificateAlarm" { // looks hourly at most
				want = max(want, 3600)
			}
			if got := number(t, tp.resource(name)["Period"]); got != want {
				t.Errorf("every %s: %s has periods of %d s, want %d", every, name, got, want)
			}
		}
		checkSpans(t, tp, "every "+every)
	}
}

// checkSpans holds alarms to what CloudWatch evaluates at the most: a day where
// periods are below an hour, else a week (PutMetricAlarm); three hours where
// the alarm has a query of Metrics Insights.
func checkSpans(t *testing.T, tp *template, when string) {
	t.Helper()
	for _, name := range tp.resources("AWS::CloudWatch::Alarm") {
		alarm := tp.resource(name)
		period, longest := alarm["Period"], 7*86400
		if queries, ok := alarm["Metrics"].([]any); ok {
			period, longest = at(queries[0], "Period"), 3*3600
		}
		if number(t, period) < 3600 {
			longest = min(longest, 86400)
		}
		if got := number(t, period) * number(t, alarm["EvaluationPeriods"]); got > longest || number(t, period) > 86400 || number(t, period)%60 != 0 {
			t.Errorf("%s: %s has periods of %v s and looks at %d s, more than %d, or in parts of minutes", when, name, period, got, longest)
		}
	}
}

func TestSpansOfQueriesAndCron(t *testing.T) {
	text := readTemplate(t, nil)
	for _, every := range text.allowed("EveryMinutes") {
		given := map[string]string{"EveryMinutes": every, "AlarmWindow": "5"}
		checkSpans(t, readTemplate(t, given), "window 5, every "+every)
	}
	for _, hours := range text.allowed("GapHours") {
		tp := readTemplate(t, map[string]string{"Cron": "cron(0 8 ? * MON-FRI *)", "GapHours": hours, "EveryMinutes": "1440"})
		if got := at(tp.resource("CheckFunction"), "Events.Schedule.Properties.ScheduleExpression"); got != "cron(0 8 ? * MON-FRI *)" {
			t.Errorf("with a cron expression the schedule is %v", got)
		}
		checkSpans(t, tp, "gap of "+hours+" h")
		alarm := tp.resource("NotRunningAlarm")
		if got := number(t, alarm["Period"]) * number(t, alarm["EvaluationPeriods"]); hours != "0" && got != 3600*number(t, hours) {
			t.Errorf("a gap of %s h: NotRunningAlarm waits %d s", hours, got)
		}
	}
}

func TestNothingRunsAgain(t *testing.T) {
	function := readTemplate(t, nil).resource("CheckFunction")
	for _, path := range []string{"EventInvokeConfig", "Events.Schedule.Properties.RetryPolicy"} {
		if got := at(function, path+".MaximumRetryAttempts"); got != "0" {
			t.Errorf("%s allows %v further attempts, want 0", path, got)
		}
		if got := at(function, path+".MaximumEventAgeInSeconds"); got != "60" {
			t.Errorf("%s keeps an event for %v s, want 60, the least there is", path, got)
		}
	}
	if got := at(function, "Events.Schedule.Properties.OmitName"); got != "true" {
		t.Errorf("OmitName is %v: two stacks would share the schedule's name", got)
	}
}

// Whatever the rules let through, a run ends before the next one begins.
func TestTimeoutIsBelowTheInterval(t *testing.T) {
	text := readTemplate(t, nil)
	for _, every := range text.allowed("EveryMinutes") {
		refused := 0
		for _, timeout := range text.allowed("Timeout") {
			given := map[string]string{"EveryMinutes": every, "Timeout": timeout}
			if len(brokenRules(t, given)) > 0 {
				refused++
				continue
			}
			if got := number(t, readTemplate(t, given).resource("CheckFunction")["Timeout"]); got >= 60*number(t, every) || got > 900 {
				t.Errorf("every %s min, Timeout %s: a run may take %d s", every, timeout, got)
			}
		}
		if all := len(text.allowed("Timeout")); refused == all || every == "1" && refused != 6 {
			t.Errorf("every %s min, %d of %d timeouts are refused", every, refused, all)
		}
	}
}

func TestEnvironmentIsTheConfiguration(t *testing.T) {
	want := map[string]any{
		"ROLLCALL_NAMESPACE":           "Rollcall/roll",
		"ROLLCALL_METRICS":             "target",
		"ROLLCALL_TARGET_LIMIT":        "1000",
		"ROLLCALL_ALLOW":               "",
		"ROLLCALL_ENV":                 "", // no variable may be referred to
		"ROLLCALL_DNS":                 "", // /etc/resolv.conf
		"ROLLCALL_DNS_RATE":            "", // 900, unpaced to a loopback resolver
		"ROLLCALL_CANARY":              "https://checkip.amazonaws.com",
		"ROLLCALL_IN_FLIGHT":           "", // by the descriptors
		"ROLLCALL_PER_HOST":            "", // 16
		"ROLLCALL_RESERVE":             "5s",
		"ROLLCALL_MAX_AGE":             "5m",
		"ROLLCALL_CLOUDWATCH_ENDPOINT": "", // the Region's own
		"ROLLCALL_BUCKET":              "<PageBucket>",
		"ROLLCALL_PARAMETERS":          "", // none may be referred to
		"ROLLCALL_SECRETS":             "",
		"ROLLCALL_TOPIC":               "<AlertTopic>",
		"ROLLCALL_GROUP_TOPIC":         "<GroupTopic>",
		"ROLLCALL_ALERT":               "3/3",
		"ROLLCALL_INTERVAL":            "1",
		"ROLLCALL_CERTIFICATE_DAYS":    "14",
		"ROLLCALL_MAINTENANCE":         "", // none
		"ROLLCALL_HEARTBEAT_URL":       "",
	}
	got := at(readTemplate(t, nil).resource("CheckFunction"), "Environment.Variables")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the function's environment is\n%v, want\n%v", got, want)
	}
}

// Each variable has a parameter that changes it and nothing else.
func TestParametersReachTheEnvironment(t *testing.T) {
	const path = "Environment.Variables"
	variables := map[string]string{
		"Namespace": "ROLLCALL_NAMESPACE", "Metrics": "ROLLCALL_METRICS", "TargetLimit": "ROLLCALL_TARGET_LIMIT",
		"Allow": "ROLLCALL_ALLOW", "Env": "ROLLCALL_ENV", "Parameters": "ROLLCALL_PARAMETERS", "Secrets": "ROLLCALL_SECRETS", "HeartbeatUrl": "ROLLCALL_HEARTBEAT_URL", "DNS": "ROLLCALL_DNS", "DNSRate": "ROLLCALL_DNS_RATE", "Canary": "ROLLCALL_CANARY",
		"InFlight": "ROLLCALL_IN_FLIGHT", "PerHost": "ROLLCALL_PER_HOST", "Reserve": "ROLLCALL_RESERVE", "MaxAge": "ROLLCALL_MAX_AGE",
		"CloudWatchEndpoint": "ROLLCALL_CLOUDWATCH_ENDPOINT", "CertificateDays": "ROLLCALL_CERTIFICATE_DAYS",
	}
	defaults := at(readTemplate(t, nil).resource("CheckFunction"), path).(map[string]any)
	for parameter, variable := range variables {
		want := maps.Clone(defaults)
		want[variable] = "changed"
		// No dashboard: it knows the three profiles only.
		got := at(readTemplate(t, map[string]string{parameter: "changed", "WithDashboard": "false"}).resource("CheckFunction"), path)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s gives the environment\n%v, want\n%v", parameter, got, want)
		}
	}
}

// The function may publish to the namespace that it and the alarms are given
// of, and write to its own log group. That is all.
func TestPermissions(t *testing.T) {
	for _, given := range []string{"", "Own/Space"} {
		tp := readTemplate(t, map[string]string{"Namespace": given})
		function := tp.resource("CheckFunction")
		namespace := at(function, "Environment.Variables.ROLLCALL_NAMESPACE")
		want := map[string]string{
			"cloudwatch:PutMetricData":                 fmt.Sprintf("* map[StringEquals:map[cloudwatch:namespace:%v]]", namespace),
			"[logs:CreateLogStream logs:PutLogEvents]": "<CheckLogs.Arn> <nil>",
			"sqs:SendMessage":                          "<FailedRuns.Arn> <nil>",
			"s3:PutObject":                             "<PageBucket.Arn>/rollcall.html <nil>",
			"[s3:GetObject s3:PutObject]":              "<PageBucket.Arn>/history/* <nil>",
			"s3:ListBucket":                            "<PageBucket.Arn> <nil>",
			"[s3:GetObject s3:GetObjectVersion]":       "arn:aws:s3:::<ListBucket>/none <nil>",
			"sns:Publish":                              "[<GroupTopic> <AlertTopic>] <nil>",
		}
		if got := function["Role"]; got != "<CheckRole.Arn>" || function["Policies"] != nil {
			t.Errorf("the function has the role %v and the policies %v, want CheckRole and none", got, function["Policies"])
		}
		if got := statements(tp.resource("CheckRole")); !maps.Equal(got, want) {
			t.Errorf("Namespace %q: the role allows %v, want %v", given, got, want)
		}
	}
}

// What a list may refer to, and where it is, the role may read, and nothing else.
func TestRightsOfReferencesAndLists(t *testing.T) {
	tp := readTemplate(t, map[string]string{
		"Parameters": "/shop/token@*.shop.example.com,plain@a.example", "Secrets": "shop/api@shop.example.com",
		"Source": "s3://lists.example/a/ü+b.csv.gz?versionId=x1",
	})
	got := statements(tp.resource("CheckRole"))
	const prefix = "arn:aws:ssm:eu-west-1:123456789012:parameter/"
	if parameters := got["ssm:GetParameters"]; !strings.HasPrefix(parameters, "["+prefix+"shop/token "+prefix+"plain "+prefix+" ") || strings.Count(parameters, "token")+strings.Count(parameters, "plain") != 2 {
		t.Errorf("ssm:GetParameters is allowed on %s", parameters)
	}
	const secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
	if secrets := got["secretsmanager:GetSecretValue"]; !strings.HasPrefix(secrets, "["+secret+"shop/api-?????? "+secret+"-?????? ") {
		t.Errorf("secretsmanager:GetSecretValue is allowed on %s", secrets)
	}
	if list := got["[s3:GetObject s3:GetObjectVersion]"]; list != "arn:aws:s3:::lists.example/a/ü+b.csv.gz <nil>" {
		t.Errorf("the list may be read at %s", list)
	}
	for action, on := range statements(readTemplate(t, nil).resource("CheckRole")) {
		if strings.Contains(action, "ssm:") || strings.Contains(action, "secretsmanager:") || strings.Contains(action, "GetObjectVersion") && on != "arn:aws:s3:::<ListBucket>/none <nil>" {
			t.Errorf("by default the role allows %s on %s", action, on)
		}
	}
}

// The buckets are private, encrypted, reached by TLS only, and stay when the
// stack goes. What runs leave there goes by itself; a list's old versions after
// 90 days.
func TestBuckets(t *testing.T) {
	const key = "arn:aws:kms:eu-west-1:123456789012:key/0"
	own, theirs := readTemplate(t, nil), readTemplate(t, map[string]string{"KmsKeyArn": key})
	if got := own.resources("AWS::S3::Bucket"); !slices.Equal(got, []string{"PageBucket", "ListBucket"}) {
		t.Fatalf("the buckets are %v", got)
	}
	lifecycles := map[string]string{
		"PageBucket": "map[Rules:[map[ExpirationInDays:30 Id:the-last-page-goes Prefix:rollcall.html Status:Enabled] map[ExpirationInDays:2 Id:runs-in-parts-go Prefix:runs/ Status:Enabled]]]",
		"ListBucket": "map[Rules:[map[AbortIncompleteMultipartUpload:map[DaysAfterInitiation:1] Id:old-lists-go NoncurrentVersionExpiration:map[NoncurrentDays:90] Status:Enabled]]]",
	}
	for name, lifecycle := range lifecycles {
		for path, want := range map[string]string{
			"PublicAccessBlockConfiguration": "map[BlockPublicAcls:true BlockPublicPolicy:true IgnorePublicAcls:true RestrictPublicBuckets:true]",
			"BucketEncryption":               "map[ServerSideEncryptionConfiguration:[map[BucketKeyEnabled:false ServerSideEncryptionByDefault:map[SSEAlgorithm:AES256]]]]",
			"OwnershipControls":              "map[Rules:[map[ObjectOwnership:BucketOwnerEnforced]]]",
			"LifecycleConfiguration":         lifecycle,
		} {
			if got := fmt.Sprint(at(own.resource(name), path)); got != want {
				t.Errorf("%s: %s is %s, want %s", name, path, got, want)
			}
		}
		if got := fmt.Sprint(at(theirs.resource(name), "BucketEncryption")); !strings.Contains(got, "KMSMasterKeyID:"+key) || !strings.Contains(got, "BucketKeyEnabled:true") {
			t.Errorf("%s: with a key it is encrypted by %s", name, got)
		}
		policy := fmt.Sprint(own.resource(name + "Policy"))
		if !strings.Contains(policy, "Effect:Deny") || !strings.Contains(policy, "aws:SecureTransport:false") || strings.Contains(policy, "Allow") {
			t.Errorf("%s: its policy is %s", name, policy)
		}
	}
	if got := fmt.Sprint(at(own.resource("ListBucket"), "VersioningConfiguration")); got != "map[Status:Enabled]" {
		t.Errorf("the lists' versions are %s", got)
	}
}

func TestPage(t *testing.T) {
	tp := readTemplate(t, nil)
	if got := at(tp.resource("CheckFunction"), "Environment.Variables.ROLLCALL_BUCKET"); got != "<PageBucket>" {
		t.Errorf("the function is given the bucket %v", got)
	}
	link := tp.Outputs["LastPage"]
	if !strings.HasPrefix(link, "https://") || !strings.Contains(link, "rollcall.html") {
		t.Errorf("the output is %s", link)
	}
}

// The queue takes requests by TLS only, and has a key of the customer's.
func TestQueue(t *testing.T) {
	const key = "arn:aws:kms:eu-west-1:123456789012:key/0"
	tp := readTemplate(t, map[string]string{"KmsKeyArn": key})
	if got := tp.resource("FailedRuns"); got["KmsMasterKeyId"] != key || got["SqsManagedSseEnabled"] != nil {
		t.Errorf("with a key the queue is %v", got)
	}
	if got := readTemplate(t, nil).resource("FailedRuns")["SqsManagedSseEnabled"]; got != "true" {
		t.Errorf("without one it has %v", got)
	}
	if got := fmt.Sprint(tp.resource("FailedRunsPolicy")); !strings.Contains(got, "Effect:Deny") || !strings.Contains(got, "aws:SecureTransport:false") || strings.Contains(got, "Allow") {
		t.Errorf("the queue's policy is %s", got)
	}
}

// A topic without a policy that denies it takes messages without TLS, too.
func TestTopicsByTLSOnly(t *testing.T) {
	tp := readTemplate(t, nil)
	for _, name := range tp.resources("AWS::SNS::Topic") {
		policy := tp.resource(name + "Policy")
		if got := fmt.Sprint(policy["Topics"]); got != "[<"+name+">]" {
			t.Errorf("%sPolicy is that of %s", name, got)
		}
		want := "Action:sns:Publish Condition:map[Bool:map[aws:SecureTransport:false]] Effect:Deny Principal:* Resource:<" + name + ">"
		if got := fmt.Sprint(policy["PolicyDocument"]); !strings.Contains(got, want) {
			t.Errorf("%sPolicy is %s, want %s", name, got, want)
		}
	}
}

// A link to the console is one of the stack's partition.
func TestConsoleOfThePartition(t *testing.T) {
	for partition, host := range map[string]string{"aws": "console.aws.amazon.com", "aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"} {
		tp := readTemplate(t, map[string]string{"AWS::Partition": partition})
		for name, text := range tp.Outputs {
			if strings.Contains(text, ".console.") && !strings.Contains(text, "."+host+"/") {
				t.Errorf("%s: the output %s is %s", partition, name, text)
			}
		}
		if got := fmt.Sprint(tp.resource("DownAlarm")["AlarmDescription"]); !strings.Contains(got, "."+host+"/") {
			t.Errorf("%s: DownAlarm says %s", partition, got)
		}
	}
}

func TestInputIsTheEventForSchedules(t *testing.T) {
	text, err := os.ReadFile(tree.Root + "/events/schedule.json")
	if err != nil {
		t.Fatal(err)
	}
	input := at(readTemplate(t, nil).resource("CheckFunction"), "Events.Schedule.Properties.Input").(string)
	var got, want map[string]any
	if err := json.Unmarshal([]byte(input), &got); err != nil {
		t.Fatalf("the schedule's input %s: %v", input, err)
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatalf("events/schedule.json: %v", err)
	}
	if !maps.Equal(got, want) {
		t.Errorf("the schedule's input is %v, events/schedule.json %v: want the same", got, want)
	}
}

func TestMakeBuildsForLambda(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	for arch, want := range map[string]elf.Machine{"arm64": elf.EM_AARCH64, "x86_64": elf.EM_X86_64} {
		t.Run(arch, func(t *testing.T) {
			dir := t.TempDir()
			if output, err := buildCheckFunction(t, dir, arch); err != nil {
				t.Fatalf("make: %v\n%s", err, output)
			}
			bootstrap, err := elf.Open(filepath.Join(dir, "bootstrap"))
			if err != nil {
				t.Fatal(err)
			}
			defer bootstrap.Close()
			if bootstrap.Machine != want || bootstrap.Type != elf.ET_EXEC {
				t.Errorf("bootstrap is %v for %v, want a program for %v", bootstrap.Type, bootstrap.Machine, want)
			}
			if libraries, _ := bootstrap.ImportedLibraries(); len(libraries) > 0 {
				t.Errorf("bootstrap needs the libraries %v, want none", libraries)
			}
			source := readTemplate(t, nil).parameters["Source"]
			if _, err := os.Stat(filepath.Join(dir, source)); err != nil {
				t.Errorf("the package lacks the default source: %v", err)
			}
		})
	}
}

func TestMakeRefusesAnotherArchitecture(t *testing.T) {
	output, err := buildCheckFunction(t, t.TempDir(), "sparc")
	if err == nil || !strings.Contains(output, `ARCH is "sparc"; Lambda has arm64 and x86_64`) {
		t.Errorf("make: %v\n%s\nwant an error that says which there are", err, output)
	}
}

// buildCheckFunction runs the make target that `sam build` calls, as sam does.
func buildCheckFunction(t *testing.T, artifacts, arch string) (output string, err error) {
	t.Helper()
	// What a test opens or looks at is part of its cached result; make's own
	// reading is not. TestImports reads the Go files.
	for _, name := range []string{"Makefile", "go.mod", "go.sum", "events"} {
		if _, err := os.Stat(tree.Root + "/" + name); err != nil {
			t.Fatal(err)
		}
	}
	// A make that runs this test hands down its own flags and variables.
	environment := slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "MAKE") })
	command := exec.CommandContext(t.Context(), "make", "-C", tree.Root, "build-CheckFunction")
	command.Env = append(environment, "ARTIFACTS_DIR="+artifacts, "ARCH="+arch)
	combined, err := command.CombinedOutput()
	return string(combined), err
}

// statements returns what the inline policies of a role allow: action to
// resource and condition.
func statements(role map[string]any) map[string]string {
	all := map[string]string{}
	for _, policy := range role["Policies"].([]any) {
		for _, statement := range at(policy, "PolicyDocument.Statement").([]any) {
			s := statement.(map[string]any)
			all[fmt.Sprint(s["Action"])] = fmt.Sprint(s["Resource"], " ", s["Condition"])
		}
	}
	return all
}

func number(t *testing.T, value any) int {
	t.Helper()
	n, err := strconv.Atoi(fmt.Sprint(value))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
