package main

import (
	"bytes"
	"context"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"rollcall/internal/monitor"
	"rollcall/internal/page"
)

// lastPage is the key of the object that holds the page of the last run. The
// template's outputs and alarms name it.
const lastPage = "rollcall.html"

// A put makes an object of a body in a bucket of an account; cloud.Bucket has one.
type put func(ctx context.Context, owner, key, contentType string, body []byte) error

// pageInto returns a monitor's Page that stores it.
func pageInto(store put) func(context.Context, *monitor.Summary) error {
	return func(ctx context.Context, s *monitor.Summary) error {
		var body bytes.Buffer
		if err := page.Write(&within{ctx, &body}, s); err != nil {
			return err
		}
		return store(ctx, account(ctx), lastPage, "text/html; charset=utf-8", body.Bytes())
	}
}

// account returns the account of the function that was invoked, whose bucket it
// is; "" where the invocation does not say.
func account(ctx context.Context) string {
	lc, ok := lambdacontext.FromContext(ctx)
	if !ok {
		return ""
	}
	function, err := arn.Parse(lc.InvokedFunctionArn)
	if err != nil {
		return ""
	}
	return function.AccountID
}

// A within buffers what is written to it until its context ends.
type within struct {
	ctx context.Context
	to  *bytes.Buffer
}

func (w *within) Write(p []byte) (int, error) {
	if err := context.Cause(w.ctx); err != nil {
		return 0, err
	}
	return w.to.Write(p)
}
