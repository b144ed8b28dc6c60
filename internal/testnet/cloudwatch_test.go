package testnet

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/encoding/cbor"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

func newCloudWatch(t *testing.T) *CloudWatch {
	t.Helper()
	c, err := NewCloudWatch()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// sdk is the real client, which tries once.
func sdk(c *CloudWatch, options ...func(*cloudwatch.Options)) *cloudwatch.Client {
	return cloudwatch.New(cloudwatch.Options{
		Region:       "eu-central-1",
		BaseEndpoint: aws.String(c.URL()),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "made", SecretAccessKey: "up"}, nil
		}),
		RetryMaxAttempts: 1,
		HTTPClient:       &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}, options...)
}

func input(datums ...types.MetricDatum) *cloudwatch.PutMetricDataInput {
	return &cloudwatch.PutMetricDataInput{Namespace: aws.String("Rollcall"), MetricData: datums}
}

func plainDatum(value float64) types.MetricDatum {
	return types.MetricDatum{MetricName: aws.String("Up"), Value: aws.Float64(value)}
}

func TestCloudWatchTakesTheClientsDatums(t *testing.T) {
	at := time.Now().Add(-time.Minute).UTC().Truncate(time.Millisecond)
	full := []types.MetricDatum{
		{
			MetricName: aws.String("Duration"), Unit: types.StandardUnitMilliseconds, Timestamp: &at,
			Dimensions: []types.Dimension{{Name: aws.String("Target"), Value: aws.String("a")}, {Name: aws.String("Other"), Value: aws.String("b")}},
			Values:     []float64{1.5, 2, -3e-9}, Counts: []float64{1, 20, 3}, StorageResolution: aws.Int32(60),
		},
		{MetricName: aws.String("Up"), Timestamp: &at, Value: aws.Float64(0)},
		{MetricName: aws.String("Up"), Timestamp: &at, Values: []float64{7, 8}},
		{MetricName: aws.String("Set"), Timestamp: &at, StatisticValues: &types.StatisticSet{
			SampleCount: aws.Float64(2), Sum: aws.Float64(3), Minimum: aws.Float64(1), Maximum: aws.Float64(2)}},
	}
	want := []Datum{
		{Metric: "Duration", Unit: "Milliseconds", Dimensions: []Dimension{{"Target", "a"}, {"Other", "b"}}, Values: []float64{1.5, 2, -3e-9}, Counts: []float64{1, 20, 3}},
		{Metric: "Up", Unit: "None"},
		{Metric: "Up", Unit: "None", Values: []float64{7, 8}, Counts: []float64{1, 1}},
		{Metric: "Set", Unit: "None", Statistics: &Statistics{SampleCount: 2, Sum: 3, Minimum: 1, Maximum: 2}},
	}
	for i := range want {
		want[i].Namespace, want[i].Timestamp = "Rollcall", at
	}
	for _, compressed := range []bool{true, false} {
		c := newCloudWatch(t)
		client := sdk(c, func(o *cloudwatch.Options) { o.DisableRequestCompression = !compressed })
		if _, err := client.PutMetricData(t.Context(), input(full...)); err != nil {
			t.Fatalf("PutMetricData: %v", err)
		}
		got := c.Accepted()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("Accepted\n got %+v\nwant %+v", got, want)
		}
		if got[0].Dimension("Other") != "b" || got[0].Dimension("None") != "" {
			t.Errorf("Dimension = %q and %q", got[0].Dimension("Other"), got[0].Dimension("None"))
		}
		checkRequest(t, c, compressed)
	}
}

func checkRequest(t *testing.T, c *CloudWatch, compressed bool) {
	t.Helper()
	requests := c.Requests()
	if len(requests) != 1 {
		t.Fatalf("%d requests, want 1", len(requests))
	}
	r := requests[0]
	if r.Gzip != compressed || r.Datums != 4 || r.Status != 200 || r.Code != "" || r.Namespace != "Rollcall" {
		t.Errorf("the request is remembered as %+v", r)
	}
	if compressed != (r.Wire != r.Bytes) || r.Wire == 0 || r.Bytes == 0 {
		t.Errorf("gzip %v: %d bytes on the wire, %d in all", compressed, r.Wire, r.Bytes)
	}
}

func TestCloudWatchFillsTheTimestampIn(t *testing.T) {
	c, before := newCloudWatch(t), time.Now().Truncate(time.Millisecond)
	if _, err := sdk(c).PutMetricData(t.Context(), input(plainDatum(1))); err != nil {
		t.Fatal(err)
	}
	if got := c.Accepted()[0]; got.Timestamp.Before(before) || got.Timestamp.After(time.Now()) || got.Value != 1 {
		t.Errorf("accepted %+v", got)
	}
}

// TestCloudWatchRefusesTheClient shows refusals as the real client sees them,
// and that all of a batch is refused.
func TestCloudWatchRefusesTheClient(t *testing.T) {
	c := newCloudWatch(t)
	_, err := sdk(c).PutMetricData(t.Context(), input(plainDatum(1), plainDatum(1e300)))
	refused, ok := errors.AsType[*types.InvalidParameterValueException](err)
	if !ok || refused.ErrorCode() != "InvalidParameterValue" || !strings.Contains(err.Error(), "MetricData.member.2.Value is 1e+300, beyond 2^360") {
		t.Errorf("the client says %v", err)
	}
	if got := c.Accepted(); len(got) != 0 {
		t.Errorf("of a refused batch %v is accepted", got)
	}
	if got := c.Requests()[0]; got.Status != 400 || got.Code != "InvalidParameterValue" || got.Datums != 2 {
		t.Errorf("the request is remembered as %+v", got)
	}
}

func TestCloudWatchFaults(t *testing.T) {
	tests := []struct {
		mode     Mode
		is       func(error) bool
		status   int
		accepted int
	}{
		{Normal, func(err error) bool { return err == nil }, 200, 1},
		{Throttled, code("Throttling", 400), 400, 0},
		{AccessDenied, code("AccessDenied", 403), 403, 0},
		{Failing, code("InternalServiceError", 500), 500, 0},
		{Hanging, timedOut, 0, 0},
		{ResetAfterAccepting, func(err error) bool { return errors.Is(err, syscall.ECONNRESET) }, 0, 1},
		{Garbage, func(err error) bool { _, ok := errors.AsType[*smithy.DeserializationError](err); return ok }, 200, 0},
		{TooLarge, code("RequestEntityTooLarge", 413), 413, 0},
		{Dripping, timedOut, 0, 1},
		{CutShort, unfinished, 0, 0},
	}
	for _, test := range tests {
		c := newCloudWatch(t)
		c.SetFault(Always(Fault{Mode: test.mode}))
		ctx, cancel := context.WithTimeout(t.Context(), timeoutOf(test.mode))
		_, err := sdk(c).PutMetricData(ctx, input(plainDatum(1)))
		cancel()
		if !test.is(err) {
			t.Errorf("mode %d: the client says %v", test.mode, err)
		}
		if got := c.Requests(); len(got) != 1 || got[0].Status != test.status || got[0].Kept != test.accepted {
			t.Errorf("mode %d: remembered as %+v, want status %d", test.mode, got, test.status)
		}
		if got := len(c.Accepted()); got != test.accepted {
			t.Errorf("mode %d: %d datums accepted, want %d", test.mode, got, test.accepted)
		}
	}
}

// timeoutOf is how long a client waits for a CloudWatch in a mode.
func timeoutOf(m Mode) time.Duration {
	if m == Hanging || m == Dripping {
		return 50 * time.Millisecond
	}
	return 10 * time.Second
}

// unfinished wants a response that is cut short.
func unfinished(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// code wants an error of the API.
func code(code string, status int) func(error) bool {
	return func(err error) bool {
		api, ok := errors.AsType[smithy.APIError](err)
		reply, sent := errors.AsType[*smithyhttp.ResponseError](err)
		return ok && api.ErrorCode() == code && sent && reply.HTTPStatusCode() == status
	}
}

// TestCloudWatchRecovers shows that the real client's retries get through.
func TestCloudWatchRecovers(t *testing.T) {
	c := newCloudWatch(t)
	c.SetFault(func(attempt int) Fault {
		if attempt < 3 {
			return Fault{Mode: Failing}
		}
		return Fault{Delay: 20 * time.Millisecond}
	})
	began := time.Now()
	client := sdk(c, func(o *cloudwatch.Options) { o.Retryer, o.RetryMaxAttempts = retryAll{}, 0 })
	if _, err := client.PutMetricData(t.Context(), input(plainDatum(1))); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 20*time.Millisecond {
		t.Errorf("the delayed response came after %v", took)
	}
	if got := len(c.Requests()); got != 3 || len(c.Accepted()) != 1 {
		t.Errorf("%d requests and %d datums, want 3 and 1", got, len(c.Accepted()))
	}
	c.SetFault(nil)
	if _, err := client.PutMetricData(t.Context(), input(plainDatum(1))); err != nil || len(c.Accepted()) != 2 {
		t.Errorf("without a fault again: %v, %d datums", err, len(c.Accepted()))
	}
}

// retryAll tries three times at once.
type retryAll struct{ aws.NopRetryer }

func (retryAll) IsErrorRetryable(error) bool                  { return true }
func (retryAll) MaxAttempts() int                             { return 3 }
func (retryAll) RetryDelay(int, error) (time.Duration, error) { return 0, nil }
func (retryAll) GetInitialToken() func(error) error           { return func(error) error { return nil } }
func (retryAll) GetAttemptToken(context.Context) (func(error) error, error) {
	return func(error) error { return nil }, nil
}

// post sends a request as it is, and returns status, error header and body.
func post(t *testing.T, c *CloudWatch, r *http.Request) (int, string, cbor.Map) {
	t.Helper()
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Header.Get("Smithy-Protocol"); got != "rpc-v2-cbor" {
		t.Errorf("the response's Smithy-Protocol is %q", got)
	}
	decoded, err := cbor.Decode(body)
	if err != nil {
		t.Fatalf("the response's body %q: %v", body, err)
	}
	return res.StatusCode, res.Header.Get("X-Amzn-Query-Error"), decoded.(cbor.Map)
}

// request is a signed request in the protocol.
func request(t *testing.T, c *CloudWatch, body []byte) *http.Request {
	t.Helper()
	url := c.URL() + "/service/GraniteServiceVersion20100801/operation/PutMetricData"
	r, err := http.NewRequestWithContext(t.Context(), "POST", url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
	r.Header.Set("Content-Type", "application/cbor")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=made/up")
	return r
}

func TestCloudWatchRefusesRequests(t *testing.T) {
	t.Parallel()
	c := newCloudWatch(t)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(make([]byte, 20<<20))
	z.Close()
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	tests := []struct {
		name   string
		body   []byte
		change func(*http.Request)
		status int
		want   string
	}{
		{"another protocol", nil, set("Smithy-Protocol", "rpc-v2-json"), 404, "UnknownOperation;Sender"},
		{"another operation", nil, func(r *http.Request) { r.URL.Path += "2" }, 404, "UnknownOperation;Sender"},
		{"another method", nil, func(r *http.Request) { r.Method = "GET" }, 404, "UnknownOperation;Sender"},
		{"another type", nil, set("Content-Type", "text/plain"), 400, "SerializationException;Sender"},
		{"no signature", nil, set("Authorization", ""), 403, "MissingAuthenticationToken;Sender"},
		{"another signature", nil, set("Authorization", "Basic Zm9v"), 403, "IncompleteSignature;Sender"},
		{"no CBOR", []byte("\xff"), nil, 400, "SerializationException;Sender"},
		{"empty body", []byte{}, nil, 400, "SerializationException;Sender"},
		{"no map", cbor.Encode(cbor.String("x")), nil, 400, "SerializationException;Sender"},
		{"no gzip", []byte("plain"), set("Content-Encoding", "gzip"), 400, "SerializationException;Sender"},
		{"truncated gzip", bomb.Bytes()[:bomb.Len()/2], set("Content-Encoding", "gzip"), 413, "RequestEntityTooLarge;Sender"},
		{"unknown encoding", nil, set("Content-Encoding", "br"), 400, "SerializationException;Sender"},
		{"large", make([]byte, maxRequestBytes+1), nil, 413, "RequestEntityTooLarge;Sender"},
		{"large when unzipped", bomb.Bytes(), set("Content-Encoding", "gzip"), 413, "RequestEntityTooLarge;Sender"},
	}
	for _, test := range tests {
		r := request(t, c, test.body)
		if test.change != nil {
			test.change(r)
		}
		status, got, body := post(t, c, r)
		if status != test.status || got != test.want {
			t.Errorf("%s: %d %s, want %d %s", test.name, status, got, test.status, test.want)
		}
		if kind, _ := body["__type"].(cbor.String); !strings.HasPrefix(string(kind), "com.amazonaws.cloudwatch#") {
			t.Errorf("%s: the error's type is %q", test.name, kind)
		}
	}
	for _, r := range c.Requests() {
		if r.Bytes > maxRequestBytes+1 {
			t.Errorf("%d bytes of a request were read", r.Bytes)
		}
	}
}

func timedOut(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
