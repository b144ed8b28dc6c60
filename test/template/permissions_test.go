package template_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rollcall/test/tree"
)

// byAWS are the calls that AWS makes under the stack's roles, and that no code
// of ours shows. "when" is the parameter that brings them, or with "no" before it prevents them; "" is always.
var byAWS = []struct{ role, action, when, why string }{
	{"CheckRole", "logs:CreateLogStream", "", "Lambda opens a log stream for each of its machines"},
	{"CheckRole", "logs:PutLogEvents", "", "Lambda writes there what the function prints"},
	{"CheckRole", "sqs:SendMessage", "", "Lambda keeps what became of an invocation that failed (EventInvokeConfig)"},
	{"CheckRole", "xray:PutTraceSegments", "Tracing", "Lambda's daemon sends a segment an invocation"},
	{"CheckRole", "xray:PutTelemetryRecords", "Tracing", "and how many it sent"},
	{"CheckRole", "ec2:CreateNetworkInterface", "SubnetIds", "Lambda makes the interfaces in the subnets,"},
	{"CheckRole", "ec2:DescribeNetworkInterfaces", "SubnetIds", "waits until they are there,"},
	{"CheckRole", "ec2:DescribeSubnets", "SubnetIds", "looks at the subnets,"},
	{"CheckRole", "ec2:AssignPrivateIpAddresses", "SubnetIds", "moves addresses between interfaces,"},
	{"CheckRole", "ec2:UnassignPrivateIpAddresses", "SubnetIds", "back,"},
	{"CheckRole", "ec2:DeleteNetworkInterface", "SubnetIds", "and takes them away"},
	{"CheckRole", "s3:ListBucket", "", "S3 says 404 instead of 403 of what is not there yet"},
	{"CheckRole", "s3:GetObjectVersion", "", "S3 asks for it where a list is read by its version"},
	{"CheckRole", "kms:Decrypt", "KmsKeyArn", "S3, SNS and SQS read"},
	{"CheckRole", "kms:GenerateDataKey", "KmsKeyArn", "and write with the customer's key"},
	{"NotifyRole", "logs:CreateLogStream", "", "Lambda opens a log stream for each of its machines"},
	{"NotifyRole", "logs:PutLogEvents", "", "Lambda writes there what the function prints"},
	{"NotifyRole", "sqs:ReceiveMessage", "", "Lambda receives for the function,"},
	{"NotifyRole", "sqs:DeleteMessage", "", "deletes what it served,"},
	{"NotifyRole", "sqs:GetQueueAttributes", "", "and looks at how much waits"},
	{"NotifyRole", "kms:Decrypt", "KmsKeyArn", "SNS and SQS read"},
	{"NotifyRole", "kms:GenerateDataKey", "KmsKeyArn", "and write with the customer's key"},
	{"NotifyRole", "xray:PutTraceSegments", "Tracing", "Lambda's daemon sends a segment an invocation"},
	{"NotifyRole", "xray:PutTelemetryRecords", "Tracing", "and how many it sent"},
	{"ScheduleRole", "lambda:InvokeFunction", "no Parts", "Scheduler starts a run"},
	{"ScheduleRole", "states:StartExecution", "Parts", "or a run in parts"},
	{"PartsRole", "lambda:InvokeFunction", "Parts", "Step Functions does each step,"},
	{"PartsRole", "states:StartExecution", "Parts", "starts an execution for each part,"},
	{"PartsRole", "states:DescribeExecution", "Parts", "looks at it,"},
	{"PartsRole", "states:StopExecution", "Parts", "and stops it where the run is stopped"},
	{"ScheduleRole", "sqs:SendMessage", "", "Scheduler keeps a run that it could not start (DeadLetterConfig)"},
}

// inNotify are the calls that the notify function makes; of these nothing else makes
// those that it has alone.
var (
	inNotify = map[string]string{
		"sqs:SendMessage": "", "sqs:ChangeMessageVisibility": "", "sns:Publish": "",
		"ssm:GetParameters": "NotifyUrls", "secretsmanager:GetSecretValue": "NotifyUrls",
	}
	notifyAlone = []string{"sqs:SendMessage", "sqs:ChangeMessageVisibility"}
)

// byParameter says what else of the code's calls a parameter has to allow.
// Without the parameter the call is not made. "History" is on by default.
var byParameter = map[string]string{"ssm:GetParameters": "Parameters", "secretsmanager:GetSecretValue": "Secrets"}

// The roles allow what the code and AWS do under them, and nothing else.
func TestRolesAllowWhatIsDone(t *testing.T) {
	calls := callsOfTheCode(t)
	for _, given := range []map[string]string{
		nil,
		{"Tracing": "true"},
		{"Source": "s3://lists/x.csv", "Parameters": "a@*", "Secrets": "b@*", "KmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/0"},
		{"NotifyUrls": "ssm:/rollcall/notify", "Email": "a@example.com"},
		{"SubnetIds": "subnet-0123456789abcdef0", "SecurityGroupIds": "sg-0123456789abcdef0"},
		inParts,
		{"Tracing": "true", "SubnetIds": "subnet-0123456789abcdef0", "SecurityGroupIds": "sg-0123456789abcdef0"},
	} {
		tp := readTemplate(t, given)
		for _, role := range tp.resources("AWS::IAM::Role") {
			want := done(calls, role, given)
			if got := allowedActions(tp.resource(role)); !slices.Equal(got, want) {
				t.Errorf("%v: %s allows\n%v; what is done under it is\n%v", given, role, got, want)
			}
		}
	}
}

// done lists the actions under a role, in order, where the code makes these calls.
func done(calls []string, role string, given map[string]string) []string {
	actions := map[string]bool{}
	for _, call := range byAWS {
		prevents, not := strings.CutPrefix(call.when, "no ")
		if call.role == role && (call.when == "" || not && given[prevents] == "" || given[call.when] != "") {
			actions[call.action] = true
		}
	}
	if role == "CheckRole" {
		for _, call := range calls {
			if when := byParameter[call]; !slices.Contains(notifyAlone, call) && (when == "" || given[when] != "") {
				actions[call] = true
			}
		}
	}
	if role == "NotifyRole" {
		for _, call := range calls {
			if when, does := inNotify[call]; does && (when == "" || given[when] != "") {
				actions[call] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(actions))
}

// callsOfTheCode finds the AWS calls in what is not a test: an SDK client's
// operations by their input types, and requests that are written by hand.
func callsOfTheCode(t *testing.T) []string {
	t.Helper()
	calls := map[string]bool{}
	for _, f := range tree.Parse(t, os.DirFS(tree.Root)) {
		if f.Test || !strings.HasPrefix(f.Name, "internal/") && !strings.HasPrefix(f.Name, "functions/") ||
			strings.HasPrefix(f.Name, "internal/testnet/") {
			continue
		}
		text := tree.Document(t, f.Name)
		services := map[string]string{} // by the name that the file has for the package
		for _, of := range regexp.MustCompile(`(?m)^\s*(\w*) ?"github.com/aws/aws-sdk-go-v2/service/(\w+)"`).FindAllStringSubmatch(text, -1) {
			services[cmp.Or(of[1], of[2])] = of[2]
		}
		for _, in := range regexp.MustCompile(`\*?&?(\w+)\.(\w+)Input\b`).FindAllStringSubmatch(text, -1) {
			if service := services[in[1]]; service != "" {
				if in[2] == "CopyObject" { // its two rights
					calls["s3:GetObject"], calls["s3:PutObject"] = true, true
					continue
				}
				calls[service+":"+in[2]] = true
			}
		}
		// A request that is written by hand: of the service whose signing name stands before its target.
		if signed := regexp.MustCompile(`, "(\w+)", "\w+"\}\n`).FindStringSubmatch(text); signed != nil {
			for _, operation := range regexp.MustCompile(`\.call\(ctx, "(\w+)"`).FindAllStringSubmatch(text, -1) {
				calls[signed[1]+":"+operation[1]] = true
			}
		}
	}
	if len(calls) == 0 {
		t.Fatal("no AWS call was found in the code")
	}
	return slices.Sorted(maps.Keys(calls))
}

// allowedActions lists the actions of the Allow statements of a role.
func allowedActions(role map[string]any) []string {
	actions := map[string]bool{}
	for _, policy := range role["Policies"].([]any) {
		for _, one := range at(policy, "PolicyDocument.Statement").([]any) {
			statement := one.(map[string]any)
			if statement["Effect"] != "Allow" {
				continue
			}
			for _, action := range asList(statement["Action"]) {
				actions[action] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(actions))
}

func asList(value any) []string {
	if list, ok := value.([]any); ok {
		var all []string
		for _, one := range list {
			all = append(all, fmt.Sprint(one))
		}
		return all
	}
	return []string{fmt.Sprint(value)}
}

// The notify function may read the parameter or the secret that it is to read.
func TestNotifyReadsWhatItsParameterNames(t *testing.T) {
	for given, want := range map[string]string{
		"ssm:/rollcall/notify":         "parameter/rollcall/notify secret:rollcall-none-??????",
		"ssm:notify":                   "parameter/notify secret:rollcall-none-??????",
		"secretsmanager:rollcall#urls": "parameter/rollcall-none secret:rollcall-??????",
	} {
		var got []string
		for _, policy := range readTemplate(t, map[string]string{"NotifyUrls": given, "Email": "a@example.com"}).resource("NotifyRole")["Policies"].([]any) {
			if at(policy, "PolicyName") == "read-urls" {
				for _, statement := range at(policy, "PolicyDocument.Statement").([]any) {
					_, name, _ := strings.Cut(fmt.Sprint(at(statement, "Resource")), ":123456789012:")
					got = append(got, name)
				}
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", given, got, want)
		}
	}
}

// The function leaves alarms of the topic alone that invoke it by themselves: those
// must be the ones that do, and may.
func TestAlarmsThatInvokeNotify(t *testing.T) {
	for history, want := range map[string]string{"true": "has-not-run,history-failed,messages-untold", "false": ""} {
		tp := readTemplate(t, map[string]string{"History": history, "AWS::StackName": "roll"})
		var direct []string
		for _, name := range tp.resources("AWS::CloudWatch::Alarm") {
			alarm := tp.resource(name)
			if strings.Contains(fmt.Sprint(alarm["AlarmActions"]), "NotifyFunction") {
				direct = append(direct, strings.TrimPrefix(fmt.Sprint(alarm["AlarmName"]), "roll-"))
			}
		}
		slices.Sort(direct)
		if got := strings.Join(direct, ","); got != want {
			t.Errorf("with history %s these alarms invoke the function: %s, want %s", history, got, want)
		}
		if want == "" {
			continue
		}
		if got := at(tp.resource("NotifyFunction"), "Environment.Variables.ROLLCALL_DIRECT"); got != want {
			t.Errorf("ROLLCALL_DIRECT is %v, want %s", got, want)
		}
		p := tp.resource("NotifyPermission")
		if got := fmt.Sprint(p["Principal"], " ", p["SourceArn"]); !strings.HasPrefix(got, "lambda.alarms.cloudwatch.amazonaws.com arn:") || !strings.HasSuffix(got, ":alarm:roll-*") {
			t.Errorf("the permission is for %s", got)
		}
	}
}

// What AWS does in the VPC for the function, the function itself may not do;
// without a VPC nobody may.
func TestNoInterfacesForTheCode(t *testing.T) {
	const subnets, groups = "subnet-0123456789abcdef0", "sg-0123456789abcdef0"
	tp := readTemplate(t, map[string]string{"SubnetIds": subnets, "SecurityGroupIds": groups})
	if got, want := fmt.Sprint(at(tp.resource("CheckFunction"), "VpcConfig")), "map[SecurityGroupIds:["+groups+"] SubnetIds:["+subnets+"]]"; got != want {
		t.Errorf("the function is in %s, want %s", got, want)
	}
	if got := at(tp.resource("CheckFunction"), "Environment.Variables.ROLLCALL_CANARY"); got != "" {
		t.Errorf("in a VPC the canary is %v: one that can't be reached would hide every outage", got)
	}
	policies := tp.resource("CheckRole")["Policies"].([]any)
	statements := at(policies[len(policies)-1], "PolicyDocument.Statement").([]any)
	allowed, denied := asList(at(statements[0], "Action")), asList(at(statements[1], "Action"))
	if !slices.Equal(allowed, denied) || at(statements[1], "Effect") != "Deny" {
		t.Errorf("allowed is %v, denied to the code %v", allowed, denied)
	}
	if got := fmt.Sprint(at(statements[1], "Condition")); !strings.Contains(got, "lambda:SourceFunctionArn:arn:aws:lambda:eu-west-1:123456789012:function:roll-*") {
		t.Errorf("the denial is for %s", got)
	}
}

// docs/security.md goes through every statement.
func TestPermissionsAreDocumented(t *testing.T) {
	text := tree.Document(t, "docs/security.md")
	given := map[string]string{"Source": "s3://lists/x.csv", "Parameters": "a@*", "Secrets": "b@*", "KmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/0", "Tracing": "true", "SubnetIds": "subnet-01234567", "SecurityGroupIds": "sg-01234567"}
	for _, role := range readTemplate(t, given).resources("AWS::IAM::Role") {
		for _, action := range allowedActions(readTemplate(t, given).resource(role)) {
			if !strings.Contains(text, "`"+action+"`") {
				t.Errorf("docs/security.md has nothing of %s, which %s allows", action, role)
			}
		}
	}
}

func TestBoundaryKeyAndTopicOfYours(t *testing.T) {
	const boundary = "arn:aws:iam::123456789012:policy/Boundary"
	const key = "arn:aws:kms:eu-west-1:123456789012:key/0"
	const topic = "arn:aws:sns:eu-west-1:123456789012:mine"
	tp := readTemplate(t, map[string]string{"PermissionsBoundary": boundary, "KmsKeyArn": key})
	for _, role := range tp.resources("AWS::IAM::Role") {
		if got := tp.resource(role)["PermissionsBoundary"]; got != boundary {
			t.Errorf("%s has the boundary %v", role, got)
		}
	}
	if got := fmt.Sprint(tp.resource("AlertTopic")["KmsMasterKeyId"], tp.resource("CheckLogs")["KmsKeyId"]); got != key+key && got != key+" "+key {
		t.Errorf("topic and logs have the keys %s", got)
	}
	tp = readTemplate(t, map[string]string{"TopicArn": topic, "Email": "me@example.com"})
	if topics := tp.resources("AWS::SNS::Topic"); !slices.Equal(topics, []string{"GroupTopic"}) {
		t.Errorf("beside a topic of the user's there is %v", topics)
	}
	for _, name := range tp.resources("AWS::CloudWatch::Alarm") {
		want := "[" + topic + "]"
		if slices.Contains([]string{"NotRunningAlarm", "HistoryFailedAlarm", "MessagesUntoldAlarm"}, name) {
			want = "[" + topic + " <NotifyFunction.Arn>]"
		}
		if got := fmt.Sprint(tp.resource(name)["AlarmActions"]); got != want || fmt.Sprint(tp.resource(name)["OKActions"]) != want {
			t.Errorf("%s notifies %s, want %s", name, got, want)
		}
	}
	if got := tp.resource("AlertEmail")["TopicArn"]; got != topic {
		t.Errorf("the e-mail is subscribed to %v", got)
	}
}
