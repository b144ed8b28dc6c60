package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// A failure says in one line why a call failed, and what to do where that is
// known. It wraps the SDK's, which says that and much else.
type failure struct {
	text  string
	cause error
}

func (f *failure) Error() string { return f.text }

func (f *failure) Unwrap() error { return f.cause }

// A service is who responds, in words.
type service struct {
	name     string // "S3"
	variable string // that has its endpoint: "AWS_ENDPOINT_URL_S3"
	reach    string // what to do where it can't be reached; "": nothing is known
}

// A refusal is a response that is not a success.
type refusal struct {
	status  int
	code    string // "AccessDenied"
	message string // AWS's own
	region  string // that S3 names; "": none
}

// failed returns a failure. hint has what to do about a refusal.
func (s service) failed(ctx context.Context, err error, hint func(refusal) string) error {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) || response.HTTPStatusCode() == 0 {
		return &failure{s.unsent(ctx, err), err}
	}
	r := refusal{status: response.HTTPStatusCode(), region: response.Response.Header.Get("X-Amz-Bucket-Region")}
	text := fmt.Sprintf("%s responded %d", s.name, r.status)
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		r.code, r.message = api.ErrorCode(), api.ErrorMessage()
		text += " " + r.code
	}
	if what := hint(r); what != "" {
		text += ": " + what
	}
	return &failure{text, err}
}

// unsent says why there was no response.
func (s service) unsent(ctx context.Context, err error) string {
	var timeout interface{ Timeout() bool }
	if ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout() {
		return s.name + " did not respond in time" + s.reach
	}
	if request, ok := errors.AsType[*url.Error](err); ok {
		return s.name + " can't be reached: " + request.Err.Error() + s.reach
	}
	return fmt.Sprintf("no request to %s can be made (see AWS_REGION, the credentials and %s): %v", s.name, s.variable, err)
}

// statusOf is the status of a response that is an error; 0: there was none.
func statusOf(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

// codeOf is AWS's code of an error.
func codeOf(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}
