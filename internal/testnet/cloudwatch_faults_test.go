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

// modesOf is what a CloudWatch under fates did with 200 requests of one datum
// each, every one of them made three times.
func modesOf(t *testing.T, f RandomFaults) []string {
	t.Helper()
	c := newCloudWatch(t)
	c.SetRandomFaults(f)
	var told []string
	for i := range 200 {
		for range 3 {
			sdk(c).PutMetricData(t.Context(), input(named(i))) // its errors are what the requests say
			last := c.Requests()[len(c.Requests())-1]
			told = append(told, fmt.Sprint(i, " ", last.Status, " ", last.Code, " ", last.Kept))
		}
	}
	return told
}

func TestTheSameSeedIsTheSameRun(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	fates := RandomFaults{Seed: 1, Shares: map[Mode]float64{Throttled: 0.3, Failing: 0.1, ResetAfterAccepting: 0.05, TooLarge: 0.05}, Refuse: 0.1}
	first, second := modesOf(t, fates), modesOf(t, fates)
	if !slices.Equal(first, second) {
		t.Error("two runs with the same seed differ")
	}
	fates.Seed = 2
	if slices.Equal(first, modesOf(t, fates)) {
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
		if got := float64(count(word)); math.Abs(got-want) > 4*math.Sqrt(3*want) { // a datum's fate counts three times
			t.Errorf("%s: %v of 600, want about %v", word, got, want)
		}
	}
}

func TestARefusedDatumIsRefusedWithItsBatch(t *testing.T) {
	c := newCloudWatch(t)
	fates := RandomFaults{Seed: 7, Refuse: 0.05}
	c.SetRandomFaults(fates)
	var datums []types.MetricDatum
	condemned := map[string]bool{}
	for i := range 100 {
		datums = append(datums, named(i))
		condemned[*datums[i].MetricName] = fates.Refuses(Datum{Namespace: "Rollcall", Metric: *datums[i].MetricName})
	}
	if _, err := sdk(c).PutMetricData(t.Context(), input(datums...)); !code("InvalidParameterValue", 400)(err) || len(c.Accepted()) > 0 {
		t.Errorf("the batch: %v, %d accepted", err, len(c.Accepted()))
	}
	for range 2 {
		for _, d := range datums {
			if _, err := sdk(c).PutMetricData(t.Context(), input(d)); (err != nil) != condemned[*d.MetricName] {
				t.Errorf("%s: %v, condemned %v", *d.MetricName, err, condemned[*d.MetricName])
			}
		}
	}
	n := 0
	for _, is := range condemned {
		if is {
			n++
		}
	}
	if got := len(c.Accepted()); n == 0 || got != 2*(100-n) {
		t.Errorf("%d accepted of two times 100, of which %d are condemned", got, n)
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
	answer, err := http.ReadResponse(bufio.NewReader(strings.NewReader(completeResponse("body"))), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil || string(body) != "body" || answer.StatusCode != 200 || answer.Header.Get("Smithy-Protocol") != smithyRPC {
		t.Errorf("%v with %q, %v", answer, body, err)
	}
}
