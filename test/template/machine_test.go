package template_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A machine is the state machine of a stack: of the Amazon States Language it knows
// what the template uses, and fails at all else.
type machine struct {
	text    string
	startAt string
	states  map[string]any

	invoke func(event []byte) ([]byte, error) // the function
}

// partsOf returns the state machine of a stack with parameters.
func partsOf(t *testing.T, given map[string]string) *machine {
	t.Helper()
	m := &machine{text: fmt.Sprint(readTemplate(t, given).resource("PartsMachine")["DefinitionString"])}
	var whole map[string]any
	if err := json.Unmarshal([]byte(m.text), &whole); err != nil {
		t.Fatalf("the definition is not JSON: %v\n%s", err, m.text)
	}
	m.startAt, m.states = whole["StartAt"].(string), whole["States"].(map[string]any)
	return m
}

// A trace is what an execution went through.
type trace struct {
	mu     sync.Mutex
	states []string
}

func (tr *trace) note(state string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.states = append(tr.states, state)
}

// execute runs an execution to its end. Retries are not made: invoke makes them, if
// any.
func (m *machine) execute(id string, input any) (output any, states []string, err error) {
	tr := &trace{}
	context := map[string]any{"Execution": map[string]any{"Id": id, "StartTime": "2000-01-01T00:00:07.123Z"}}
	output, err = m.walk(tr, m.states, m.startAt, input, context)
	return output, tr.states, err
}

func (m *machine) walk(tr *trace, states map[string]any, name string, input any, context map[string]any) (any, error) {
	for {
		state, ok := states[name].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("there is no state %s", name)
		}
		tr.note(name)
		var result any
		var err error
		next := state["Next"]
		switch state["Type"] {
		case "Choice":
			next = state["Default"]
			for _, choice := range state["Choices"].([]any) {
				if holds(choice.(map[string]any), input) {
					next = choice.(map[string]any)["Next"]
					break
				}
			}
			result = input
		case "Pass":
			result = state["Result"]
			if parameters := state["Parameters"]; parameters != nil {
				result, err = fill(parameters, input, context)
			}
		case "Succeed":
			return input, nil
		case "Task":
			result, err = m.task(state, input, context)
		case "Map":
			result, err = m.parts(tr, state, input, context)
		default:
			err = fmt.Errorf("%s has the type %v", name, state["Type"])
		}
		if caught := state["Catch"]; err != nil && caught != nil {
			name, err = caught.([]any)[0].(map[string]any)["Next"].(string), nil
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if path, given := state["ResultPath"]; !given {
			input = result
		} else if path != nil {
			return nil, fmt.Errorf("%s has the ResultPath %v", name, path)
		}
		if state["End"] == true {
			return input, nil
		}
		name, _ = next.(string)
	}
}

// task invokes the function.
func (m *machine) task(state map[string]any, input any, context map[string]any) (any, error) {
	parameters, err := fill(state["Parameters"], input, context)
	if err != nil {
		return nil, err
	}
	event, err := json.Marshal(parameters.(map[string]any)["Payload"])
	if err != nil {
		return nil, err
	}
	response, err := m.invoke(event)
	if err != nil {
		return nil, err
	}
	if len(response) > 256<<10 {
		return nil, errors.New("States.DataLimitExceeded")
	}
	var payload any
	if err := json.Unmarshal(response, &payload); err != nil {
		return nil, err
	}
	result := any(map[string]any{"Payload": payload})
	if selector := state["ResultSelector"]; selector != nil {
		return fill(selector, result, context)
	}
	return lookUp(state["OutputPath"].(string), result, context)
}

// parts runs all iterations of a Map, one after the other.
func (m *machine) parts(tr *trace, state map[string]any, input any, context map[string]any) (any, error) {
	items, err := lookUp(state["ItemsPath"].(string), input, context)
	if err != nil {
		return nil, err
	}
	processor := state["ItemProcessor"].(map[string]any)
	results := []any{}
	for i, item := range items.([]any) {
		own := map[string]any{"Execution": context["Execution"], "Map": map[string]any{"Item": map[string]any{"Index": i, "Value": item}}}
		child, err := fill(state["ItemSelector"], input, own)
		if err != nil {
			return nil, err
		}
		if result, err := m.walk(tr, processor["States"].(map[string]any), processor["StartAt"].(string), child, own); err == nil {
			results = append(results, result)
		} else if state["ToleratedFailurePercentage"] != 100.0 {
			return nil, err
		}
	}
	return results, nil
}

// holds reports whether a choice's condition holds.
func holds(choice map[string]any, input any) bool {
	if all, ok := choice["And"].([]any); ok {
		return !slices.ContainsFunc(all, func(one any) bool { return !holds(one.(map[string]any), input) })
	}
	if not, ok := choice["Not"].(map[string]any); ok {
		return !holds(not, input)
	}
	value, err := lookUp(choice["Variable"].(string), input, nil)
	if want, ok := choice["IsPresent"]; ok {
		return (err == nil) == want
	}
	if pattern, ok := choice["StringMatches"].(string); ok {
		prefix, _ := strings.CutSuffix(pattern, "*")
		text, is := value.(string)
		return is && strings.HasPrefix(text, prefix)
	}
	return choice["BooleanEquals"] != nil && value == choice["BooleanEquals"]
}

// fill returns parameters with what their paths lead to.
func fill(parameters, input any, context map[string]any) (any, error) {
	object, ok := parameters.(map[string]any)
	if !ok {
		return parameters, nil
	}
	filled := map[string]any{}
	for name, value := range object {
		var err error
		if of, isPath := strings.CutSuffix(name, ".$"); isPath {
			filled[of], err = lookUp(value.(string), input, context)
		} else {
			filled[name], err = fill(value, input, context)
		}
		if err != nil {
			return nil, err
		}
	}
	return filled, nil
}

// lookUp follows a path such as $.parts, or $$.Execution.Id into the context.
func lookUp(path string, input any, context map[string]any) (any, error) {
	from := input
	if strings.HasPrefix(path, "$$") {
		from, path = any(context), path[1:]
	}
	for _, name := range strings.Split(path, ".")[1:] {
		object, _ := from.(map[string]any)
		next, found := object[name]
		if !found {
			return nil, fmt.Errorf("States.ParameterPathFailure: %s", path)
		}
		from = next
	}
	return from, nil
}

// inParts are the parameters of a stack whose list is checked in parts.
var inParts = map[string]string{"Parts": "3", "Concurrency": "2", "Source": "s3://lists/urls.txt", "EveryMinutes": "5"}

// The steps get the events that the function knows, in order, with numbers for
// numbers; a part that fails stops nothing, and so does a second execution.
func TestMachineInvokesTheSteps(t *testing.T) {
	const begun = `{"run": "20000101T0000Z", "mine": true, "scheduled": "2000-01-01T00:00:00Z", "source": "s3://lists/urls.txt?versionId=V1",
		"list": "\"5d41\" V1", "until": "2000-01-01T00:04:00Z", "of": 3, "parts": [0, 1, 2]}`
	const common = `"list":"\"5d41\" V1",%s"run":"20000101T0000Z","scheduled":"2000-01-01T00:00:00Z","source":"s3://lists/urls.txt?versionId=V1"`
	part := func(i int) string {
		return "{" + fmt.Sprintf(common, fmt.Sprintf(`"part":{"index":%d,"of":3},`, i)) + `,"until":"2000-01-01T00:04:00Z"}`
	}
	sum := func(history bool) string {
		return fmt.Sprintf(`{"history":%v,`, history) + fmt.Sprintf(common, "") + `,"sum":{"execution":"arn:1","of":3}}`
	}
	begin := func(scheduled string) string {
		return fmt.Sprintf(`{"begin":{"execution":"arn:1","of":3},"scheduled":"%s","source":"s3://lists/urls.txt"}`, scheduled)
	}
	const midnight, now = "2000-01-01T00:00:00Z", "2000-01-01T00:00:07.123Z"
	for name, test := range map[string]struct {
		input, history string
		fails          string // the events that do
		begun          string
		events         []string
		states         string
	}{
		"all is well": {`{"scheduled": "2000-01-01T00:00:00Z"}`, "true", "", begun,
			[]string{begin(midnight), part(0), part(1), part(2), sum(true)}, "Scheduled Begin Mine Parts Check Check Check Sum"},
		"by hand, without history": {`{}`, "false", "", begun,
			[]string{begin(now), part(0), part(1), part(2), sum(false)}, "Scheduled Now Begin Mine Parts Check Check Check Sum"},
		"a placeholder": {`{"scheduled": "<aws.scheduler.scheduled-time>"}`, "true", "", begun,
			[]string{begin(now), part(0), part(1), part(2), sum(true)}, "Scheduled Now Begin Mine Parts Check Check Check Sum"},
		"a part fails": {`{"scheduled": "2000-01-01T00:00:00Z"}`, "true", `"index":1`, begun,
			[]string{begin(midnight), part(0), part(1), part(2), sum(true)}, "Scheduled Begin Mine Parts Check Check Lost Check Sum"},
		"a second execution": {`{"scheduled": "2000-01-01T00:00:00Z"}`, "true", "", `{"run": "20000101T0000Z", "mine": false}`,
			[]string{begin(midnight)}, "Scheduled Begin Mine NothingToDo"},
	} {
		given := map[string]string{"History": test.history}
		for parameter, value := range inParts {
			given[parameter] = value
		}
		m := partsOf(t, given)
		var events []string
		m.invoke = func(event []byte) ([]byte, error) {
			events = append(events, string(event))
			switch {
			case test.fails != "" && strings.Contains(string(event), test.fails):
				return nil, errors.New("Sandbox.Timedout")
			case strings.Contains(string(event), `"begin":`):
				return []byte(test.begun), nil
			}
			return []byte(`{"down": 0}`), nil
		}
		var input any
		if err := json.Unmarshal([]byte(test.input), &input); err != nil {
			t.Fatal(err)
		}
		_, states, err := m.execute("arn:1", input)
		if got := strings.Join(states, " "); err != nil || got != test.states {
			t.Errorf("%s: went through %s, want %s; error %v", name, got, test.states, err)
		}
		if !reflect.DeepEqual(events, test.events) {
			t.Errorf("%s: invoked with\n%s\nwant\n%s", name, strings.Join(events, "\n"), strings.Join(test.events, "\n"))
		}
	}
}

// What the interpreter above does not look at: who fails in which way is tried again,
// how many parts are checked at once, and as what.
func TestMachineIsCareful(t *testing.T) {
	m := partsOf(t, inParts)
	parts := m.states["Parts"].(map[string]any)
	for path, want := range map[string]string{
		"MaxConcurrency": "2", "ToleratedFailurePercentage": "100", "Label": "parts",
		"ItemProcessor.ProcessorConfig": "map[ExecutionType:EXPRESS Mode:DISTRIBUTED]",
		"Catch":                         "[map[ErrorEquals:[States.DataLimitExceeded] Next:Sum ResultPath:<nil>] map[ErrorEquals:[States.ALL] Next:Sum ResultPath:<nil>]]",
	} {
		if got := fmt.Sprint(at(parts, path)); got != want {
			t.Errorf("of the Map, %s is %s, want %s", path, got, want)
		}
	}
	for _, task := range []any{m.states["Begin"], at(parts, "ItemProcessor.States.Check"), m.states["Sum"]} {
		retry := at(task, "Retry").([]any)[0].(map[string]any)
		if retry["MaxDelaySeconds"] != 10.0 || retry["JitterStrategy"] != "FULL" || !slices.Contains(retry["ErrorEquals"].([]any), any("Lambda.TooManyRequestsException")) {
			t.Errorf("retries are %v", retry)
		}
	}
	for _, step := range []string{"Begin", "Sum"} { // a process that is killed loses neither
		if again := at(m.states[step], "Retry").([]any)[1].(map[string]any); fmt.Sprint(again["ErrorEquals"], again["MaxAttempts"]) != "[States.TaskFailed] 2" {
			t.Errorf("%s is repeated so: %v", step, again)
		}
	}
	if got := m.text[:60]; !regexp.MustCompile(`^\{\s+"Comment"`).MatchString(got) {
		t.Errorf("the definition begins with %s", got)
	}
	tp := readTemplate(t, inParts)
	if got := fmt.Sprint(tp.resource("PartsMachine")["StateMachineName"]); got != "roll-parts" {
		t.Errorf("the machine is called %s: its role names roll-parts", got)
	}
}

// With parts one schedule starts the machine, and the function's own is off.
func TestScheduleOfParts(t *testing.T) {
	tp := readTemplate(t, inParts)
	schedule := tp.resource("PartsSchedule")
	for path, want := range map[string]string{
		"ScheduleExpression": "rate(5 minutes)", "ScheduleExpressionTimezone": "UTC", "State": "<nil>", "Target.Arn": "<PartsMachine>",
		"Target.Input":       `{"scheduled": "<aws.scheduler.scheduled-time>"}`,
		"Target.RetryPolicy": "map[MaximumEventAgeInSeconds:60 MaximumRetryAttempts:0]",
	} {
		if got := fmt.Sprint(at(schedule, path)); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	if got := at(tp.resource("CheckFunction"), "Events.Schedule.Properties.State"); got != "DISABLED" {
		t.Errorf("with parts the function's schedule is %v", got)
	}
	without := readTemplate(t, nil)
	if got := at(without.resource("CheckFunction"), "Events.Schedule.Properties.State"); got != "ENABLED" || len(without.resources("AWS::StepFunctions::StateMachine"))+len(without.resources("AWS::Scheduler::Schedule")) > 0 {
		t.Errorf("without parts the function's schedule is %v", got)
	}
}

// A part ends within the five minutes of an express execution, whatever the interval.
func TestTimeoutOfParts(t *testing.T) {
	for _, every := range readTemplate(t, nil).allowed("EveryMinutes") {
		for _, timeout := range readTemplate(t, nil).allowed("Timeout") {
			given := map[string]string{"EveryMinutes": every, "Timeout": timeout, "Parts": "1000"}
			refused := len(brokenRules(t, given)) > 0
			if got := number(t, readTemplate(t, given).resource("CheckFunction")["Timeout"]); !refused && (got > 240 || got >= 60*number(t, every)) {
				t.Errorf("every %s min, Timeout %s: a part may take %d s", every, timeout, got)
			}
			if (every == "1" || every == "2") && !refused {
				t.Errorf("every %s min, parts are taken", every)
			}
			if every == "5" && timeout == "auto" && refused {
				t.Error("the default is refused")
			}
		}
	}
}

// The linter of the language, where make lint names it: cfn-lint sees none of its
// typos. Mistakes are found by it, so that it is known to look.
func TestLintedDefinition(t *testing.T) {
	validator := os.Getenv("ASL_VALIDATOR")
	if validator == "" {
		t.Skip("needs asl-validator: make lint")
	}
	lint := func(definition string) error {
		file := filepath.Join(t.TempDir(), "parts.json")
		if err := os.WriteFile(file, []byte(definition), 0o600); err != nil {
			t.Fatal(err)
		}
		output, err := exec.Command(validator, "--json-path", file).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w\n%s", err, output)
		}
		return nil
	}
	text := regexp.MustCompile(`<CheckFunction(\.Arn)?>`).ReplaceAllString(partsOf(t, inParts).text, "arn:aws:lambda:eu-west-1:123456789012:function:roll")
	if err := lint(text); err != nil {
		t.Error(err)
	}
	for _, change := range [][2]string{
		{`"Mode": "DISTRIBUTED"`, `"Mode": "DISTRIBUTE"`}, {`"ExecutionType": "EXPRESS"`, `"ExecutionType": "EXPRES"`}, {`"Next": "Sum"`, `"Next": "Summ"`},
		{`"ToleratedFailurePercentage": 100`, `"ToleratedFailurePercentage": 150`}, {`"ItemSelector"`, `"ItemSelecter"`},
	} {
		if !strings.Contains(text, change[0]) {
			t.Fatalf("the definition has no %s", change[0])
		}
		if lint(strings.Replace(text, change[0], change[1], 1)) == nil {
			t.Errorf("%s is taken", change[1])
		}
	}
}
