package publish

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"syscall"
	"testing"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// operation wraps err as the SDK does.
func operation(err error) error {
	return &smithy.OperationError{ServiceID: "CloudWatch", OperationName: "PutMetricData", Err: err}
}

// response is a response with that status, and an error made of its body.
func response(status int, err error) error {
	return operation(&smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err})
}

func api(status int, code string) error {
	return response(status, &smithy.GenericAPIError{Code: code, Message: "because"})
}

// unsent is what the SDK makes of an error of net/http.
func unsent(err error) error {
	return response(0, &smithyhttp.RequestSendError{Err: &url.Error{Op: "Post", URL: "https://monitoring", Err: err}})
}

type clockSkew struct{ error }

func (clockSkew) RetryableError() bool { return true }

func TestClassify(t *testing.T) {
	unreadable := &smithy.DeserializationError{Err: errors.New("unexpected end of payload")}
	sts := &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: api(403, "AccessDenied")}
	for name, test := range map[string]struct {
		err    error
		class  class
		silent bool
	}{
		"throttled":                   {api(400, "Throttling"), retryable, false},
		"throttled, newer code":       {api(400, "ThrottlingException"), retryable, false},
		"too many requests":           {response(429, unreadable), retryable, false},
		"500":                         {api(500, "InternalServiceFault"), retryable, false},
		"500, no code":                {response(500, unreadable), retryable, false},
		"503, unknown code":           {api(503, "SomethingNew"), retryable, false},
		"504":                         {response(504, unreadable), retryable, true},
		"200, garbage":                {response(200, unreadable), retryable, true},
		"408":                         {response(408, unreadable), retryable, false},
		"request expired":             {api(400, "RequestExpired"), retryable, false},
		"clock just corrected":        {response(403, clockSkew{errors.New("x")}), retryable, false},
		"reset":                       {unsent(&net.OpError{Op: "read", Err: syscall.ECONNRESET}), retryable, true},
		"end of file":                 {unsent(io.EOF), retryable, true},
		"refused connection":          {unsent(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), retryable, true},
		"no such host":                {unsent(&net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}), retryable, true},
		"untrusted certificate":       {unsent(x509.UnknownAuthorityError{}), retryable, true},
		"timed out":                   {response(0, &smithy.CanceledError{Err: context.DeadlineExceeded}), retryable, true},
		"timed out before":            {operation(context.DeadlineExceeded), retryable, false},
		"cut off before":              {operation(context.Canceled), retryable, false},
		"slow credentials":            {operation(fmt.Errorf("get identity: %w", context.DeadlineExceeded)), retryable, false},
		"throttled, no response":      {operation(&smithy.GenericAPIError{Code: "Throttling"}), retryable, false},
		"reset, no response":          {operation(&smithyhttp.RequestSendError{Err: syscall.ECONNRESET}), retryable, true},
		"cut off, no response":        {operation(&smithy.CanceledError{Err: context.Canceled}), retryable, true},
		"empty response":              {&smithyhttp.ResponseError{Err: errors.New("x")}, retryable, true},
		"bare end of file":            {io.ErrUnexpectedEOF, retryable, true},
		"413":                         {response(413, unreadable), invalid, false},
		"413 by code":                 {api(400, "RequestEntityTooLarge"), invalid, false},
		"invalid value":               {api(400, "InvalidParameterValue"), invalid, false},
		"invalid combination":         {api(400, "InvalidParameterCombination"), invalid, false},
		"missing parameter":           {api(400, "MissingParameter"), invalid, false},
		"validation":                  {api(400, "ValidationError"), invalid, false},
		"bare invalid value":          {&smithy.GenericAPIError{Code: "InvalidParameterValue"}, invalid, false},
		"access denied":               {api(403, "AccessDenied"), denied, false},
		"access denied, newer code":   {api(400, "AccessDeniedException"), denied, false},
		"403, no code":                {response(403, unreadable), denied, false},
		"expired token":               {api(403, "ExpiredToken"), badIdentity, false},
		"unknown key":                 {api(403, "InvalidClientTokenId"), badIdentity, false},
		"401":                         {response(401, unreadable), badIdentity, false},
		"no credentials":              {operation(fmt.Errorf("get identity: %w", errors.New("no EC2 IMDS role found"))), unready, false},
		"role that can't be assumed":  {operation(fmt.Errorf("get identity: %w", sts)), unready, false},
		"no Region":                   {operation(errors.New("Invalid Configuration: Missing Region")), unready, false},
		"404":                         {response(404, unreadable), notCloudWatch, false},
		"bare error of an API":        {&smithy.GenericAPIError{Code: "Strange"}, notCloudWatch, false},
		"unknown operation":           {api(400, "UnknownOperationException"), notCloudWatch, false},
		"no more requests":            {&stop{reason: "x", cause: api(403, "AccessDenied")}, ended, false},
		"time is up after a throttle": {after(api(400, "Throttling"), errCut), ended, false},
		"backlog is full":             {errBehind, ended, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, silent := classify(test.err); got != test.class || silent != test.silent {
				t.Errorf("classify = %v, silent %v; want %v, %v", got, silent, test.class, test.silent)
			}
		})
	}
}

func TestMayHaveArrived(t *testing.T) {
	reset := unsent(&net.OpError{Op: "read", Err: syscall.ECONNRESET})
	refused := unsent(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED})
	for name, test := range map[string]struct {
		asked, left bool
		err         error
		want        bool
	}{
		"left, no response":           {true, true, reset, true},
		"never left":                  {true, false, reset, false},
		"response":                    {true, true, api(500, "InternalFailure"), false},
		"credentials came from afar":  {true, true, operation(fmt.Errorf("get identity: %w", context.DeadlineExceeded)), false},
		"no trace, reset":             {false, false, reset, true},
		"no trace, connection denied": {false, false, refused, false},
		"no trace, no such host":      {false, false, &net.DNSError{IsNotFound: true}, false},
	} {
		var tr trace
		tr.started.Store(test.asked)
		tr.sent.Store(test.left)
		if got := tr.mayHaveArrived(test.err); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestATraceForgetsTheLookupOfCredentials(t *testing.T) {
	var tr trace
	hooks := httptrace.ContextClientTrace(tr.follow(t.Context()))
	refused := unsent(syscall.ECONNREFUSED)
	for _, step := range []struct {
		hook func()
		want bool
	}{
		{func() { hooks.GetConn("169.254.170.2:80") }, false},
		{hooks.WroteHeaders, true},
		{func() { hooks.GetConn("monitoring:443") }, false},
		{hooks.WroteHeaders, true},
	} {
		step.hook()
		if got := tr.mayHaveArrived(refused); got != step.want {
			t.Errorf("mayHaveArrived = %v, want %v", got, step.want)
		}
	}
}
