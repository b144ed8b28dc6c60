package publish

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// A class says what to do about an error of PutMetricData.
type class uint8

const (
	retryable     class = iota // throttles, 5xx, no response
	invalid                    // one of the datums, or their number, is invalid
	denied                     // the role may not
	badIdentity                // the credentials were refused
	unready                    // no request can be made: no Region, no credentials
	notCloudWatch              // what responds is not CloudWatch, or not in words that we know
	ended                      // we make no more requests
)

// classify says what to do about an error, and whether there was no response
// that says whether the datums were taken. Most specific first.
func classify(err error) (c class, noResponse bool) {
	var stopped *stop
	if errors.As(err, &stopped) || errors.Is(err, errCut) || errors.Is(err, errBehind) {
		return ended, false
	}
	if beforeRequest(err) {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return retryable, false
		}
		return unready, false
	}
	status := statusOf(err)
	if code, ok := apiCode(err); ok {
		if c, known := classOfCode(code); known {
			return c, false
		}
	}
	var clock interface{ RetryableError() bool } // the SDK's word for a clock it has just corrected
	if errors.As(err, &clock) && clock.RetryableError() {
		return retryable, false
	}
	return classOfStatus(status), status < 300 || status == http.StatusGatewayTimeout
}

// beforeRequest reports whether the SDK failed before it had a request to
// send: it wraps what happens later in an error that has a response, even if
// that is an empty one.
func beforeRequest(err error) bool {
	var op *smithy.OperationError
	if !errors.As(err, &op) {
		return false
	}
	switch op.Err.(type) {
	case interface{ HTTPStatusCode() int }, smithy.APIError, *smithyhttp.RequestSendError, *smithy.CanceledError:
		return false
	}
	return true
}

// statusOf returns the status of the response; 0: there was none; 400 where an
// API error came without its response.
func statusOf(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.Response != nil && response.Response.Response != nil {
		return response.HTTPStatusCode()
	}
	if _, ok := apiCode(err); ok {
		return http.StatusBadRequest
	}
	return 0
}

func apiCode(err error) (code string, ok bool) {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return "", false
	}
	return api.ErrorCode(), true
}

// classOfCode knows the codes of PutMetricData and those that every AWS
// service has (API reference, Common Errors).
func classOfCode(code string) (c class, known bool) {
	if _, throttled := retry.DefaultThrottleErrorCodes[code]; throttled {
		return retryable, true
	}
	switch code {
	case "InternalServiceFault", "InternalServiceError", "InternalFailure", "InternalError", "ServiceUnavailable",
		"ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException",
		"RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture":
		return retryable, true
	case "InvalidParameterValue", "InvalidParameterValueException", "InvalidParameterCombination", "InvalidParameterCombinationException",
		"MissingParameter", "MissingRequiredParameterException", "ValidationError", "ValidationException",
		"InvalidFormat", "InvalidFormatFault", "RequestEntityTooLarge", "SerializationException":
		return invalid, true
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "OptInRequired":
		return denied, true
	case "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId",
		"InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature", "IncompleteSignatureException",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException", "AuthFailure":
		return badIdentity, true
	}
	return 0, false
}

func classOfStatus(status int) class {
	switch {
	case status == http.StatusRequestEntityTooLarge:
		return invalid
	case status == http.StatusForbidden:
		return denied
	case status == http.StatusUnauthorized:
		return badIdentity
	case status < 300, status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
		return retryable
	}
	return notCloudWatch
}

// neverConnected reports whether there was no connection to send a request
// on.
func neverConnected(err error) bool {
	var name *net.DNSError
	var op *net.OpError
	return errors.As(err, &name) || errors.As(err, &op) && op.Op == "dial"
}
