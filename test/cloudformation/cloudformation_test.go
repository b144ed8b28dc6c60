package cloudformation_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"rollcall/test/cloudformation"
)

func Example() {
	template, err := cloudformation.Parse([]byte(`
Parameters: {Email: {Default: ""}}
Conditions: {HasEmail: !Not [!Equals [!Ref Email, ""]]}
Resources:
  Topic: {Type: "AWS::SNS::Topic", Properties: {DisplayName: !Sub "of ${AWS::StackName}"}}
  Mail: {Type: "AWS::SNS::Subscription", Condition: HasEmail, Properties: {TopicArn: !Ref Topic, Endpoint: !Ref Email}}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, email := range []string{"", "me@example.com"} {
		stack, err := template.Stack(map[string]string{"Email": email})
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, r := range stack.Resources {
			fmt.Println(r.Name, r.Properties)
		}
	}
	// Output:
	// Topic map[DisplayName:of roll]
	// Topic map[DisplayName:of roll]
	// Mail map[Endpoint:me@example.com TopicArn:<Topic>]
}

// property evaluates one value in a template that has something of each kind.
func property(t *testing.T, value string, given map[string]string) (any, error) {
	t.Helper()
	template, err := cloudformation.Parse([]byte(`
Parameters: {Name: {Default: ""}, Size: {Default: small, AllowedValues: [small, large]}}
Conditions:
  Named: !Not [!Equals [!Ref Name, ""]]
  Large: {"Fn::Equals": [{Ref: Size}, large]}
  Both: !And [!Condition Named, {Condition: Large}]
  Either: !Or [!Condition Named, !Condition Large]
  Own: !Not [!Condition Own]
  Odd: !EachMemberIn [a, b]
Mappings: {Sizes: {small: {Bytes: 10}, large: {Bytes: 1000}}}
Resources:
  Other: {Type: A::B::C}
  Sometimes: {Type: A::B::C, Condition: Named}
  Thing: {Type: A::B::D, Properties: {Value: ` + value + `}}
`))
	if err != nil {
		t.Fatal(err)
	}
	stack, err := template.Stack(given)
	if err != nil {
		return nil, err
	}
	return stack.Resource("Thing")["Value"], nil
}

func TestFunctions(t *testing.T) {
	named, large := map[string]string{"Name": "given"}, map[string]string{"Size": "large"}
	both := maps.Clone(named)
	maps.Copy(both, large)
	tests := []struct {
		value string
		given map[string]string
		want  string
	}{
		{`!If [Named, !Ref Name, !Sub "${AWS::StackName}/${Other.Arn}"]`, nil, "roll/<Other.Arn>"},
		{`!If [Named, !Ref Name, !Sub "${AWS::StackName}/${Other.Arn}"]`, named, "given"},
		{`{"Fn::If": [Both, yes, no]}`, named, "no"},
		{`!If [Both, "yes", "no"]`, both, "yes"},
		{`!If [Either, "yes", "no"]`, nil, "no"},
		{`!If [Either, "yes", "no"]`, large, "yes"},
		{`[!Ref Other, !GetAtt Other.Arn, !GetAtt [Other, Arn], !FindInMap [Sizes, !Ref Size, Bytes]]`, large, "[<Other> <Other.Arn> <Other.Arn> 1000]"},
		{`!Sub ["${A} ${Size} ${!Literal}", {A: !Ref Name}]`, named, "given small ${Literal}"},
		{`!Join ["-", [a, !Ref Size, !If [Named, b, !Ref "AWS::NoValue"]]]`, nil, "a-small"},
		{`!Select [1, !Split [",", "a,b,c"]]`, nil, "b"},
		{`{A: !Ref "AWS::NoValue", B: true, C: 1.50}`, nil, "map[B:true C:1.50]"},
		{`!If [Named, !Ref Sometimes, 0]`, nil, "0"},
		{`!Ref Sometimes`, named, "<Sometimes>"},
	}
	for _, tt := range tests {
		got, err := property(t, tt.value, tt.given)
		if err != nil || fmt.Sprint(got) != tt.want {
			t.Errorf("%s with %v: %v, %v; want %s", tt.value, tt.given, got, err, tt.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		value string
		given map[string]string
		want  string
	}{
		{"!Ref Nothing", nil, "there is no parameter and no resource Nothing"},
		{`!Sub "${Nothing}"`, nil, "no resource Nothing"},
		{`!Sub "${Nothing.Arn}"`, nil, "no resource Nothing"},
		{"!GetAtt Nothing.Arn", nil, "no resource Nothing"},
		{"!Ref Sometimes", nil, "it refers to Sometimes, whose condition does not hold"},
		{"!If [Unknown, a, b]", nil, "there is no condition Unknown"},
		{"!If [Named, a]", nil, "If takes a condition and two values"},
		{"!If [Own, a, b]", nil, "the condition Own needs itself"},
		{"!If [Odd, a, b]", nil, "the condition EachMemberIn is not known here"},
		{"!FindInMap [Sizes, medium, Bytes]", nil, "no mapping has [Sizes medium Bytes]"},
		{"!Base64 abc", nil, "the function Base64 is not known here"},
		{"{\"Fn::Cidr\": [a, 1, 2]}", nil, "the function Cidr is not known here"},
		{"!Select [3, [a]]", nil, "the list [a] has no element 3"},
		{"!Join [a, b]", nil, "Join takes a separator and a list"},
		{"!Join [a]", nil, "takes two arguments"},
		{"a", map[string]string{"Nmae": "x"}, "the template has no parameter Nmae"},
	}
	for _, tt := range tests {
		if got, err := property(t, tt.value, tt.given); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, %v; want an error with %q", tt.value, got, err, tt.want)
		}
	}
}

func TestOutputs(t *testing.T) {
	const text = `
Conditions: {Never: !Equals [a, b]}
Outputs:
  Region: {Value: !Ref "AWS::Region"}
  Gone: {Condition: Never, Value: !Ref Nothing}
`
	template, err := cloudformation.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	stack, err := template.Stack(nil)
	if err != nil || fmt.Sprint(stack.Outputs) != "map[Region:eu-west-1]" {
		t.Errorf("%v, %v", stack, err)
	}
	template, err = cloudformation.Parse([]byte("Outputs: {A: {Value: !Ref Nothing}}"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = template.Stack(nil); err == nil || !strings.Contains(err.Error(), "output A: there is no parameter") {
		t.Errorf("error %v", err)
	}
}

func TestParseErrors(t *testing.T) {
	for _, text := range []string{"", "a: [", "- a"} {
		if _, err := cloudformation.Parse([]byte(text)); err == nil {
			t.Errorf("%q is a template", text)
		}
	}
}

func TestAllowed(t *testing.T) {
	template, err := cloudformation.Parse([]byte("Parameters: {Size: {AllowedValues: [1, 2]}}"))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(template.Allowed("Size"), template.Allowed("Other")); got != "[1 2] []" {
		t.Errorf("allowed: %s", got)
	}
}

func TestBroken(t *testing.T) {
	template, err := cloudformation.Parse([]byte(`
Parameters:
  Size: {Type: String, Default: small, AllowedValues: [small, large]}
  Count: {Type: Number, Default: 5, MinValue: 1, MaxValue: 9.5}
  Name: {Type: String, Default: "", MaxLength: 5, AllowedPattern: "^$|^(?!AWS)[A-Z]+$", ConstraintDescription: capitals}
  Span: {Type: String, Default: PT1H, AllowedPattern: "^P(T([0-9]H)?)?(?<![PT])$"}
Rules:
  LargeHasAName:
    RuleCondition: !Equals [!Ref Size, large]
    Assertions: [{Assert: !Not [!Equals [!Ref Name, ""]], AssertDescription: large needs a name}]
  Few: {Assertions: [{Assert: !Contains [["1", "5", "9"], !Ref Count], AssertDescription: an odd count}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		given map[string]string
		want  string
	}{
		{nil, "[]"},
		{map[string]string{"Size": "large"}, "[large needs a name]"},
		{map[string]string{"Size": "large", "Name": "A"}, "[]"},
		{map[string]string{"Size": "huge"}, "[Size is none of the allowed values]"},
		{map[string]string{"Count": "3"}, "[an odd count]"},
		{map[string]string{"Count": "0"}, "[Count is below 1 an odd count]"},
		{map[string]string{"Count": "10"}, "[Count is above 9.5 an odd count]"},
		{map[string]string{"Count": "x"}, "[Count is not a number an odd count]"},
		{map[string]string{"Name": "lower"}, "[Name must be capitals]"},
		{map[string]string{"Name": "AWSX"}, "[Name must be capitals]"},
		{map[string]string{"Name": "ABCDEF"}, "[Name must be capitals]"},
		{map[string]string{"Span": "PT"}, "[Span does not match ^P(T([0-9]H)?)?(?<![PT])$]"},
	}
	for _, tt := range tests {
		got, err := template.Broken(tt.given)
		if fmt.Sprint(got) != tt.want || err != nil {
			t.Errorf("%v: %v, %v; want %s", tt.given, got, err, tt.want)
		}
	}
	if _, err := template.Broken(map[string]string{"Sise": "small"}); err == nil {
		t.Error("an unknown parameter is taken")
	}
}
