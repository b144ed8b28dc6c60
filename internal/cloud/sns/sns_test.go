package sns

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// at is a configuration whose services are at an endpoint.
func at(endpoint string) aws.Config {
	return aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""), BaseEndpoint: &endpoint}
}

// What is published arrives as SNS has it, and what is refused says how.
func TestTopics(t *testing.T) {
	const arn = "arn:aws:sns:eu-central-1:123456789012:alerts"
	for _, test := range []struct {
		reply            string
		want             string // "" is success
		invalid, certain bool
	}{
		{"", "", false, false},
		{"400 InvalidParameter", "SNS responded 400 InvalidParameter", true, true},
		{"403 AuthorizationError", "SNS responded 403 AuthorizationError: allow the role the action sns:Publish on " + arn, false, true},
		{"400 KMSAccessDenied", "SNS responded 400 KMSAccessDenied: allow the role kms:GenerateDataKey and kms:Decrypt on the key of the topic " + arn, false, true},
		{"404 NotFound", "SNS responded 404 NotFound: there is no topic " + arn, false, true},
		{"400 Throttling", "SNS responded 400 Throttling", false, true},
		{"500 InternalError", "SNS responded 500 InternalError", false, false},
	} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := r.ParseForm(); err != nil {
				t.Error(err)
			}
			for name, want := range map[string]string{"Action": "Publish", "TopicArn": arn, "Subject": "DOWN: ü", "Message": "{}", "MessageStructure": "json"} {
				if got := r.PostForm.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			attributes := map[string]string{}
			for i := 1; r.PostForm.Get(fmt.Sprintf("MessageAttributes.entry.%d.Name", i)) != ""; i++ {
				entry := fmt.Sprintf("MessageAttributes.entry.%d.", i)
				attributes[r.PostForm.Get(entry+"Name")] = r.PostForm.Get(entry+"Value.DataType") + " " + r.PostForm.Get(entry+"Value.StringValue")
			}
			if got := fmt.Sprint(attributes); got != `map[group:String.Array ["a","b"] kind:String incident seq:Number 7]` {
				t.Errorf("attributes %s", got)
			}
			w.Header().Set("Content-Type", "text/xml")
			if status, code, refused := strings.Cut(test.reply, " "); refused {
				n := 0
				fmt.Sscan(status, &n)
				w.WriteHeader(n)
				fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>because</Message></Error></ErrorResponse>`, code)
				return
			}
			io.WriteString(w, `<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`)
		}))
		defer web.Close()
		err := NewTopics(at(web.URL)).Publish(t.Context(), arn, "DOWN: ü", "{}", true, map[string][]string{"kind": {"incident"}, "group": {"a", "b"}}, 7)
		if test.want == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		r, ok := err.(*Refusal)
		if !ok || r.Error() != test.want {
			t.Fatalf("%s: %v, want %s", test.reply, err, test.want)
		}
		if invalid, certain := r.Refused(); invalid != test.invalid || certain != test.certain {
			t.Errorf("%s: invalid %t, certain %t", test.reply, invalid, certain)
		}
	}
	if err := NewTopics(at("http://127.0.0.1:1")).Publish(t.Context(), arn, "s", "b", false, nil, 0); err == nil || !strings.HasPrefix(err.Error(), "SNS can't be reached: ") {
		t.Error(err)
	}
}
