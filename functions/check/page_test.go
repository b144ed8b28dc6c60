package main

import (
	"context"
	"testing"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"rollcall/internal/monitor"
)

// The page goes into a bucket of the account whose function was invoked.
func TestPageNamesTheBucketsOwner(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:lambda:eu-central-1:123456789012:function:rollcall":        "123456789012",
		"arn:aws-cn:lambda:cn-north-1:210987654321:function:rollcall:alias": "210987654321",
		"":                      "",
		"rollcall":              "",
		"arn:aws:lambda:::none": "",
	} {
		ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{InvokedFunctionArn: arn})
		got := "none"
		store := func(_ context.Context, owner, key, _ string, _ []byte) error {
			got = owner
			return nil
		}
		if err := pageInto(store)(ctx, &monitor.Summary{}); err != nil || got != want {
			t.Errorf("%q: the owner is %q, %v; want %q", arn, got, err, want)
		}
	}
	if got := account(t.Context()); got != "" {
		t.Errorf("without an invocation: %q", got)
	}
}
