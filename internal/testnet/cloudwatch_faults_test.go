package testnet

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// named is a datum of a metric that is only its own.
func named(i int) types.MetricDatum {
	return types.MetricDatum{MetricName: aws.String(fmt.Sprintf("M%03d", i)), Value: aws.Float64(1)}
}

// modesOf is what a CloudWatch with random faults did with 200 requests of one datum
// each, every one of them made three times.
func modesOf(t *testing.T, f RandomFaults) []string {
	t.Helper()
	c := newCloudWatch(t)
	c.SetRandomFaults(f)
	var modes []string
	for i := range 200 {
		for range 3 {
			sdk(c).PutMetricData(t.Context(), input(named(i))) // its errors are what the requests say
			last := c.Requests()[len(c.Requests())-1]
			modes = append(modes, fmt.Sprint(i, " ", last.Status, " ", last.Code, " ", last.Kept))
		}
	}
	return modes
}

func TestTheSameSeedIsTheSameRun(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	random := RandomFaults{Seed: 1, Shares: map[Mode]float64{Throttled: 0.3, Failing: 0.1, ResetAfterAccepting: 0.05, TooLarge: 0.05}, Refuse: 0.1}
	first, second := modesOf(t, random), modesOf(t, random)
	if !slices.Equal(first, second) {
		t.Error("two runs with the same seed differ")
	}
	random.Seed = 2
	if slices.Equal(first, modesOf(t, random)) {
		t.Error("another seed is the same run")
	}
	count := func(word string) (n int) {
		for _, line := range first {
			n += strings.Count(line, word)
		}
		return n
	}
	// Of 600; refusals as invalid are 10 % of what the modes leave.
	for word, want := range map[string]float64{"Throttling": 180, "InternalServiceError": 60, " 0  1": 27, "TooLarge": 30, "InvalidParameterValue": 33} {
		if got := float64(count(word)); math.Abs(got-want) > 4*math.Sqrt(3*want) { // each datum counts three times
			t.Errorf("%s: %v of 600, want about %v", word, got, want)
		}
	}
}

func TestARefusedDatumIsRefusedWithItsBatch(t *testing.T) {
	c := newCloudWatch(t)
	random := RandomFaults{Seed: 7, Refuse: 0.05}
	c.SetRandomFaults(random)
	var datums []types.MetricDatum
	refusable := map[string]bool{}
	for i := range 100 {
		datums = append(datums, named(i))
		refusable[*datums[i].MetricName] = random.Refuses(Datum{Namespace: "Rollcall", Metric: *datums[i].MetricName})
	}
	if _, err := sdk(c).PutMetricData(t.Context(), input(datums...)); !code("InvalidParameterValue", 400)(err) || len(c.Accepted()) > 0 {
		t.Errorf("the batch: %v, %d accepted", err, len(c.Accepted()))
	}
	for range 2 {
		for _, d := range datums {
			if _, err := sdk(c).PutMetricData(t.Context(), input(d)); (err != nil) != refusable[*d.MetricName] {
				t.Errorf("%s: %v, refusable %v", *d.MetricName, err, refusable[*d.MetricName])
			}
		}
	}
	n := 0
	for _, is := range refusable {
		if is {
			n++
		}
	}
	if got := len(c.Accepted()); n == 0 || got != 2*(100-n) {
		t.Errorf("%d accepted of two times 100, of which %d are refusable", got, n)
	}
}

// TestRandomFaultsIgnoreValuesAndOrder shows what two runs over the same targets
// have in common.
func TestRandomFaultsIgnoreValuesAndOrder(t *testing.T) {
	d := Datum{Namespace: "N", Metric: "M", Value: 1, Dimensions: []Dimension{{"A", "1"}, {"B", "2"}}}
	same := Datum{Namespace: "N", Metric: "M", Value: 2, Timestamp: time.Now(), Dimensions: []Dimension{{"B", "2"}, {"A", "1"}}}
	other := Datum{Namespace: "N", Metric: "M", Dimensions: []Dimension{{"A", "2"}, {"B", "1"}}}
	if d.key() != same.key() || d.key() == other.key() {
		t.Errorf("keys %x, %x and %x, want the first two the same", d.key(), same.key(), other.key())
	}
}

// TestADrippedResponseIsAResponse is for clients that are patient.
func TestADrippedResponseIsAResponse(t *testing.T) {
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(completeResponse("body"))), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || string(body) != "body" || response.StatusCode != 200 || response.Header.Get("Smithy-Protocol") != smithyRPC {
		t.Errorf("%v with %q, %v", response, body, err)
	}
}
