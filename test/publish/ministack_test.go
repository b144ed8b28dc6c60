//go:build ministack

package publish_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rollcall/test/ministack"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"rollcall/internal/testnet"
)

// miniStack starts the program that MINISTACK names, and returns a client of its CloudWatch and its endpoint.
func miniStack(t *testing.T) (*cloudwatch.Client, string) {
	t.Helper()
	m, err := ministack.StartMiniStack(os.Getenv("MINISTACK"), "cloudwatch", "logs", "s3")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	cfg := aws.Config{
		Credentials:                 credentials.NewStaticCredentialsProvider("key", "secret", ""),
		RequestMinCompressSizeBytes: 10 * 1024, // as config.LoadDefaultConfig sets it
	}
	cfg.Region = "eu-central-1" // the function's, on the test network
	cfg.BaseEndpoint = &m.URL
	return cloudwatch.NewFromConfig(cfg), m.URL
}

// A summary is what is read of the function's result.
type summary struct {
	Targets, Up int
	Published   struct{ Datums, Accepted, Unclear int }
	Results     []struct{ Duration float64 }
}

// TestMiniStackAgreesWithTheSummary runs the compiled function against a
// CloudWatch that no one here wrote, and asks that what it took.
func TestMiniStackAgreesWithTheSummary(t *testing.T) {
	client, url := miniStack(t)
	st, err := testnet.Start(testnet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	f, err := testnet.StartFunction(t.Context(), os.Getenv("BOOTSTRAP"), append(st.Env(), "ROLLCALL_CLOUDWATCH_ENDPOINT="+url))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Stop()
	s := call(t, st, f)
	var durations []float64
	for _, r := range s.Results {
		rounded, _ := strconv.ParseFloat(strconv.FormatFloat(r.Duration, 'e', 2, 64), 64)
		durations = append(durations, rounded)
	}
	slices.Sort(durations)
	statistics := point(t, client, "Duration", types.StatisticSampleCount, types.StatisticMinimum, types.StatisticMaximum)
	if n := float64(len(durations)); *statistics.SampleCount != n || *statistics.Minimum != durations[0] || *statistics.Maximum != durations[len(durations)-1] {
		t.Errorf("%v observations from %v to %v, want %v from %v to %v", *statistics.SampleCount, *statistics.Minimum, *statistics.Maximum, n, durations[0], durations[len(durations)-1])
	}
	for name, p := range map[string]float64{"p50": 0.5, "p90": 0.9, "p99": 0.99} {
		at := p * float64(len(durations)-1)
		low, high := durations[int(at)], durations[min(int(math.Ceil(p*float64(len(durations)))), len(durations)-1)]
		if got := percentiles(t, client, "Duration")[name]; got < low-1e-9 || got > high+1e-9 {
			t.Errorf("%s = %v, want it from %v to %v", name, got, low, high)
		}
	}
	for metric, want := range map[string]float64{"TargetsChecked": float64(s.Targets), "Down": float64(s.Targets - s.Up), "RunCompleted": 1, "MetricsLost": 0} {
		if got := point(t, client, metric, types.StatisticSum); *got.Sum != want {
			t.Errorf("%s = %v, want %v", metric, *got.Sum, want)
		}
	}
	if up := point(t, client, "Up", types.StatisticSum, types.StatisticSampleCount); *up.Sum != float64(s.Up) || *up.SampleCount != float64(s.Targets) {
		t.Errorf("Up: %v of %v, want %d of %d", *up.Sum, *up.SampleCount, s.Up, s.Targets)
	}
}

// call hands the function 40 targets, of which one is down.
func call(t *testing.T, st *testnet.Net, f *testnet.Function) summary {
	t.Helper()
	urls := []string{`"http://status-500.stage.test"`}
	for i := range 39 {
		urls = append(urls, fmt.Sprintf(`{"url": "https://good.stage.test/%d", "name": "good-%d"}`, i, i))
	}
	event, err := st.Event([]byte(`{"defaults": {"retries": 0}, "urls": [` + strings.Join(urls, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Invoke(context.Background(), event, 30*time.Second)
	if err != nil || got.ErrorType != "" {
		t.Fatalf("%v %s %s", err, got.ErrorType, got.ErrorMessage)
	}
	var s summary
	if err := json.Unmarshal(got.Payload, &s); err != nil {
		t.Fatal(err)
	}
	if s.Targets != 40 || s.Up != 39 || s.Published.Accepted != s.Published.Datums {
		t.Fatalf("%+v: want 39 of 40 up and everything accepted", s)
	}
	return s
}

// asked is a question for a metric around now: of the one group where it has
// groups, as MiniStack takes no dimension for all of them together.
func asked(metric string) *cloudwatch.GetMetricStatisticsInput {
	now := time.Now()
	var of []types.Dimension
	if slices.Contains([]string{"Up", "Duration", "Down"}, metric) {
		of = []types.Dimension{{Name: aws.String("Group"), Value: aws.String("default")}}
	}
	return &cloudwatch.GetMetricStatisticsInput{
		Dimensions: of, Namespace: aws.String("Rollcall"), MetricName: &metric, Period: aws.Int32(3600),
		StartTime: aws.Time(now.Add(-time.Hour)), EndTime: aws.Time(now.Add(time.Hour)),
	}
}

// point is a metric's one datapoint.
func point(t *testing.T, client *cloudwatch.Client, metric string, statistics ...types.Statistic) types.Datapoint {
	t.Helper()
	in := asked(metric)
	in.Statistics = statistics
	out, err := client.GetMetricStatistics(t.Context(), in)
	if err != nil || len(out.Datapoints) != 1 {
		t.Fatalf("%s: %v, %+v, want one datapoint", metric, err, out)
	}
	return out.Datapoints[0]
}

func percentiles(t *testing.T, client *cloudwatch.Client, metric string) map[string]float64 {
	t.Helper()
	in := asked(metric)
	in.ExtendedStatistics = []string{"p50", "p90", "p99"}
	out, err := client.GetMetricStatistics(t.Context(), in)
	if err != nil || len(out.Datapoints) != 1 {
		t.Fatalf("%s: %v, %+v, want one datapoint", metric, err, out)
	}
	return out.Datapoints[0].ExtendedStatistics
}

// TestMiniStackKeepsThePage lets the compiled function put its page into a
// bucket of an S3 that no one here wrote, and reads it back.
func TestMiniStackKeepsThePage(t *testing.T) {
	_, url := miniStack(t)
	askS3(t, http.MethodPut, url+"/pages", `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>`)
	st, err := testnet.Start(testnet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	f, err := testnet.StartFunction(t.Context(), os.Getenv("BOOTSTRAP"), append(st.Env(), "ROLLCALL_PAGE_BUCKET=pages", "AWS_ENDPOINT_URL_S3="+url))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Stop()
	call(t, st, f)
	page := askS3(t, http.MethodGet, url+"/pages/rollcall.html", "")
	if !strings.Contains(page, "<title>1 of 40 targets is down · Rollcall</title>") || !strings.HasSuffix(page, "</html>\n") {
		t.Errorf("the page in the bucket is %.300s", page)
	}
}

// askS3 makes a request with the credentials that the test network gives functions,
// and returns the response's body.
func askS3(t *testing.T, method, url, body string) string {
	t.Helper()
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(body)))
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Content-Sha256", hash)
	keys := aws.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "made-up", SessionToken: "made-up"}
	if err := v4.NewSigner().SignHTTP(t.Context(), keys, r, hash, "s3", "eu-central-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %v %s", method, url, response.StatusCode, err, said)
	}
	return string(said)
}
