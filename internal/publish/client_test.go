package publish

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/encoding/cbor"

	"rollcall/internal/metric"
)

// A server is just enough of CloudWatch to hear what the SDK says to it. It
// accepts request n, from 1, unless refuse responds to it.
type server struct {
	*httptest.Server
	refuse func(n int, w http.ResponseWriter) bool

	mu     sync.Mutex
	n      int
	bodies [][]byte // of accepted requests, decompressed
	packed []bool   // whether they came compressed
	signed int
}

func serve(t *testing.T, refuse func(n int, w http.ResponseWriter) bool) *server {
	s := &server{refuse: refuse}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, packed := r.Body, r.Header.Get("Content-Encoding") == "gzip"
	if packed {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unpacked
	}
	data, _ := io.ReadAll(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	if strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=key/") {
		s.signed++
	}
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	if s.refuse != nil && s.refuse(s.n, w) {
		return
	}
	s.bodies, s.packed = append(s.bodies, data), append(s.packed, packed)
	w.Write(cbor.Encode(cbor.Map{}))
}

// once refuses the first request.
func once(refuse func(w http.ResponseWriter)) func(int, http.ResponseWriter) bool {
	return func(n int, w http.ResponseWriter) bool {
		if n == 1 {
			refuse(w)
		}
		return n == 1
	}
}

// fault writes an error as the service does.
func fault(w http.ResponseWriter, status int, code string) {
	w.Header().Set("X-Amzn-Query-Error", code+";Sender")
	w.WriteHeader(status)
	w.Write(cbor.Encode(cbor.Map{
		"__type":  cbor.String("com.amazonaws.cloudwatch#" + code),
		"message": cbor.String("because"),
	}))
}

// reset breaks the connection without a response.
func reset(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

func static() aws.Config {
	return aws.Config{
		Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
		RequestMinCompressSizeBytes: 10 * 1024, // as config.LoadDefaultConfig sets it
	}
}

// over publishes through a real client to url, without pauses.
func over(cfg aws.Config, url string, emf io.Writer, log io.Writer) *Publisher {
	return &Publisher{
		Client: NewClient(cfg, url), Namespace: "Shop", EMF: emf,
		Log:    slog.New(slog.NewTextHandler(log, nil)),
		jitter: func(time.Duration) time.Duration { return 0 },
	}
}

// numbers decodes a list of numbers; the SDK writes whole ones as it likes.
func numbers(t *testing.T, v cbor.Value) []float64 {
	t.Helper()
	var out []float64
	for _, n := range v.(cbor.List) {
		f, err := cbor.AsFloat64(n)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
	}
	return out
}

// heard decodes what a server accepted into the datums that were sent.
func heard(t *testing.T, body []byte) []metric.Datum {
	t.Helper()
	value, err := cbor.Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	request := value.(cbor.Map)
	if ns := request["Namespace"].(cbor.String); ns != "Shop" {
		t.Errorf("namespace %q", ns)
	}
	var datums []metric.Datum
	for _, v := range request["MetricData"].(cbor.List) {
		m := v.(cbor.Map)
		at, err := cbor.AsTime(m["Timestamp"])
		if err != nil {
			t.Fatal(err)
		}
		d := metric.Datum{Metric: string(m["MetricName"].(cbor.String)), Unit: metric.Unit(m["Unit"].(cbor.String)), Time: at.UTC()}
		if dims, ok := m["Dimensions"].(cbor.List); ok {
			for _, dim := range dims {
				d.Dimensions = append(d.Dimensions, metric.Dimension{
					Name:  string(dim.(cbor.Map)["Name"].(cbor.String)),
					Value: string(dim.(cbor.Map)["Value"].(cbor.String)),
				})
			}
		}
		if one, ok := m["Value"]; ok {
			d.Values, d.Counts = numbers(t, cbor.List{one}), []float64{1}
		} else {
			d.Values, d.Counts = numbers(t, m["Values"]), numbers(t, m["Counts"])
		}
		datums = append(datums, d)
	}
	return datums
}

func TestCloudWatchHearsWhatWasAdded(t *testing.T) {
	want := []metric.Datum{
		plain("Up", "a", 1), plain("Duration", "a", 81.24), spread("Duration", 3, 0, 0.5, 12.5, 1e6),
		spread("Up", 7, 1), plain("CertificateDaysLeft", "a", -3.5),
	}
	for i := range 200 { // enough for compression
		want = append(want, plain("Up", fmt.Sprint(i), 0))
	}
	s := serve(t, nil)
	session := over(static(), s.URL, nil, io.Discard).Begin(t.Context())
	defer session.Close()
	session.Add(want...)
	check(t, session.Flush(t.Context()), metric.DeliveryStats{Datums: 205, Accepted: 205, Requests: 1})
	session.Add(want[0])
	session.Flush(t.Context())
	if got := heard(t, s.bodies[0]); !reflect.DeepEqual(got, want) {
		t.Errorf("CloudWatch heard %v, want %v", got, want)
	}
	if want := []bool{true, false}; !reflect.DeepEqual(s.packed, want) || s.signed != 2 {
		t.Errorf("compressed: %v, signed: %d; want %v and 2", s.packed, s.signed, want)
	}
}

func TestEncodedSizeIsAnUpperBound(t *testing.T) {
	cfg := static()
	cfg.DisableRequestCompression = true
	long := strings.Repeat("x", 255)
	odd := slicesOf(150, math.Pi)
	for name, d := range map[string]metric.Datum{
		"plain":        plain("Up", "a", 1),
		"long":         plain(long, long, math.Pi),
		"distribution": {Metric: "Duration", Unit: metric.Milliseconds, Time: noon.Add(time.Millisecond), Values: odd, Counts: odd},
	} {
		s := serve(t, nil)
		session := over(cfg, s.URL, nil, io.Discard).Begin(t.Context())
		bound := 0
		for range 100 {
			session.Add(d)
			bound += encodedSize(d)
		}
		session.Flush(t.Context())
		session.Close()
		const frame = 64 // of the request
		if got := len(s.bodies[0]); got > bound+frame || got < bound/4 {
			t.Errorf("%s: %d bytes, estimated %d", name, got, bound)
		}
	}
	if frame := 255 + 64; maxBytes+frame > 1_000_000 {
		t.Error("a full batch may be larger than a megabyte")
	}
}

func slicesOf(n int, v float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func TestARealClientsFaults(t *testing.T) {
	for name, test := range map[string]struct {
		refuse func(int, http.ResponseWriter) bool
		want   metric.DeliveryStats
	}{
		"throttled once":  {once(func(w http.ResponseWriter) { fault(w, 400, "Throttling") }), metric.DeliveryStats{Datums: 4, Accepted: 4, Requests: 2, Retries: 1}},
		"500 once":        {once(func(w http.ResponseWriter) { w.WriteHeader(500) }), metric.DeliveryStats{Datums: 4, Accepted: 4, Requests: 2, Retries: 1}},
		"reset once":      {once(reset), metric.DeliveryStats{Datums: 4, Accepted: 4, Unclear: 4, Requests: 2, Retries: 1}},
		"garbage once":    {once(func(w http.ResponseWriter) { io.WriteString(w, "<html>") }), metric.DeliveryStats{Datums: 4, Accepted: 4, Unclear: 4, Requests: 2, Retries: 1}},
		"too large once":  {once(func(w http.ResponseWriter) { w.WriteHeader(413) }), metric.DeliveryStats{Datums: 4, Accepted: 4, Requests: 3}},
		"invalid once":    {once(func(w http.ResponseWriter) { fault(w, 400, "InvalidParameterValue") }), metric.DeliveryStats{Datums: 4, Accepted: 4, Requests: 3}},
		"denied":          {func(_ int, w http.ResponseWriter) bool { fault(w, 403, "AccessDenied"); return true }, metric.DeliveryStats{Datums: 4, EMF: 4, Requests: 1}},
		"not CloudWatch":  {func(_ int, w http.ResponseWriter) bool { w.WriteHeader(404); return true }, metric.DeliveryStats{Datums: 4, EMF: 4, Requests: 1}},
		"always breaking": {func(_ int, w http.ResponseWriter) bool { reset(w); return true }, metric.DeliveryStats{Datums: 4, EMF: 4, Unclear: 4, Requests: 8, Retries: 7}},
	} {
		t.Run(name, func(t *testing.T) {
			var lines lockedLines
			session := over(static(), serve(t, test.refuse).URL, &lines, io.Discard).Begin(t.Context())
			defer session.Close()
			session.Add(many(4)...)
			check(t, session.Flush(t.Context()), test.want)
			if len(lines.lines) != test.want.EMF || session.Err() != nil {
				t.Errorf("%d lines of EMF, Err %v", len(lines.lines), session.Err())
			}
		})
	}
}

func TestWhatNeverLeftIsNotUnclear(t *testing.T) {
	s := httptest.NewServer(nil)
	s.Close()
	var lines lockedLines
	var log bytes.Buffer
	session := over(static(), s.URL, &lines, &log).Begin(t.Context())
	defer session.Close()
	session.Add(many(4)...)
	check(t, session.Flush(t.Context()), metric.DeliveryStats{Datums: 4, EMF: 4, Requests: 8, Retries: 7})
	if l := log.String(); !strings.Contains(l, "connection refused") || strings.Count(l, "\n") != 1 {
		t.Errorf("log %q, want one line with the cause", l)
	}
}

func TestWithoutCredentialsOrRegion(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_MAX_ATTEMPTS", "5")
	nobody, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	nowhere := static()
	nowhere.Region = ""
	for want, cfg := range map[string]aws.Config{"get credentials": nobody, "Missing Region": nowhere} {
		var lines lockedLines
		var log bytes.Buffer
		session := over(cfg, "", &lines, &log).Begin(t.Context())
		session.Add(many(1001)...)
		got := session.Flush(t.Context())
		session.Close()
		if got.EMF != 1001 || got.Requests > 2 || got.Unclear != 0 {
			t.Errorf("%s: tally %+v, want all by EMF after a try", want, got)
		}
		l := log.String()
		if !strings.Contains(l, want) || !strings.Contains(l, "Set AWS_REGION, and credentials") || strings.Count(l, "\n") != 1 {
			t.Errorf("log %q, want one line with %q that says what to set", l, want)
		}
	}
}

func TestTheSDKDoesNotRetry(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "5")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	cfg, err := config.LoadDefaultConfig(context.Background(), config.WithRegion("eu-west-1"),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("key", "secret", "")))
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, func(_ int, w http.ResponseWriter) bool { w.WriteHeader(500); return true })
	one := batch{datums: many(1)}
	if _, err := NewClient(cfg, s.URL)(t.Context(), one.input("Shop")); err == nil || s.n != 1 {
		t.Errorf("%d requests, error %v; want 1 and an error", s.n, err)
	}
}
