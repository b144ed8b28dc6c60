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

// A Service is who responds, in words.
type Service struct {
	Name     string // "S3"
	Variable string // that has its endpoint: "AWS_ENDPOINT_URL_S3"
	Reach    string // what to do where it can't be reached; "": nothing is known
}

// A Refusal is a response that is not a success.
type Refusal struct {
	Status  int
	Code    string // "AccessDenied"
	Message string // AWS's own
	Region  string // that S3 names; "": none
}

// Failed says in one line why a call failed, and what to do about a refusal, which
// hint has ("": nothing is known). It wraps err.
func (s Service) Failed(ctx context.Context, err error, hint func(Refusal) string) error {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) || response.HTTPStatusCode() == 0 {
		return &failure{s.Unsent(ctx, err), err}
	}
	r := Refusal{Status: response.HTTPStatusCode(), Region: response.Response.Header.Get("X-Amz-Bucket-Region")}
	text := fmt.Sprintf("%s responded %d", s.Name, r.Status)
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		r.Code, r.Message = api.ErrorCode(), api.ErrorMessage()
		text += " " + r.Code
	}
	if what := hint(r); what != "" {
		text += ": " + what
	}
	return &failure{text, err}
}

// Unsent says why there was no response.
func (s Service) Unsent(ctx context.Context, err error) string {
	var timeout interface{ Timeout() bool }
	if ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout() {
		return s.Name + " did not respond in time" + s.Reach
	}
	if request, ok := errors.AsType[*url.Error](err); ok {
		return s.Name + " can't be reached: " + request.Err.Error() + s.Reach
	}
	return fmt.Sprintf("no request to %s can be made (see AWS_REGION, the credentials and %s): %v", s.Name, s.Variable, err)
}

// StatusOf is the status of a response that is an error; 0: there was none.
func StatusOf(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

// CodeOf is AWS's code of an error.
func CodeOf(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}
