package publish

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/metric"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// plain is one observation of a target.
func plain(name, target string, value float64) metric.Datum {
	return metric.Datum{
		Metric: name, Unit: metric.None, Time: noon, Values: []float64{value}, Counts: []float64{1},
		Dimensions: []metric.Dimension{{Name: "Target", Value: target}},
	}
}

// spread is a distribution over all: each value occurs that often.
func spread(name string, count float64, values ...float64) metric.Datum {
	counts := make([]float64, len(values))
	for i := range counts {
		counts[i] = count
	}
	return metric.Datum{Metric: name, Unit: metric.Milliseconds, Time: noon, Values: values, Counts: counts}
}

func upTo(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = float64(i)
	}
	return values
}

// calls keeps each Write apart.
type calls []string

func (c *calls) Write(b []byte) (int, error) {
	*c = append(*c, string(b))
	return len(b), nil
}

func TestEMFLines(t *testing.T) {
	var got calls
	lost, err := writeEMF(&got, "Shop", []metric.Datum{
		plain("Up", `a "b"`, 1), plain("Duration", `a "b"`, 81.24), plain("Up", "c", 0), spread("Up", 2, 0, 1),
	})
	if lost != 0 || err != nil {
		t.Errorf("writeEMF: %d lost, %v", lost, err)
	}
	want := calls{
		`{"_aws":{"Timestamp":1795435200000,"CloudWatchMetrics":[{"Namespace":"Shop","Dimensions":[["Target"]],` +
			`"Metrics":[{"Name":"Up","Unit":"None"},{"Name":"Duration","Unit":"None"}]}]},"Target":"a \"b\"","Up":1,"Duration":81.24}` + "\n",
		`{"_aws":{"Timestamp":1795435200000,"CloudWatchMetrics":[{"Namespace":"Shop","Dimensions":[["Target"]],` +
			`"Metrics":[{"Name":"Up","Unit":"None"}]}]},"Target":"c","Up":0}` + "\n",
		`{"_aws":{"Timestamp":1795435200000,"CloudWatchMetrics":[{"Namespace":"Shop","Dimensions":[[]],` +
			`"Metrics":[{"Name":"Up","Unit":"Milliseconds"}]}]},"Up":[0,0,1,1]}` + "\n",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, ""), strings.Join(want, ""))
	}
}

// document is an EMF line, read.
type document struct {
	Aws struct {
		Timestamp         int64
		CloudWatchMetrics []directive
	} `json:"_aws"`
}

// readEMF checks a line against the format's limits, and returns how often it
// has each value of each metric and series.
func readEMF(t *testing.T, line string) map[string]int {
	t.Helper()
	var doc document
	var members map[string]any
	if len(line) > 256*1000 || !strings.HasSuffix(line, "}\n") || strings.Count(line, "\n") != 1 {
		t.Fatalf("no line of at most 256 KB: %.100s…", line)
	}
	if err := errors.Join(json.Unmarshal([]byte(line), &doc), json.Unmarshal([]byte(line), &members)); err != nil {
		t.Fatal(err)
	}
	directive := doc.Aws.CloudWatchMetrics[0]
	if n := len(directive.Metrics); n == 0 || n > 100 || doc.Aws.Timestamp != noon.UnixMilli() {
		t.Fatalf("%d metrics, at %d", n, doc.Aws.Timestamp)
	}
	series := ""
	for _, name := range directive.Dimensions[0] {
		series += fmt.Sprintf(" %s=%s", name, members[name].(string))
	}
	seen := map[string]int{}
	for _, m := range directive.Metrics {
		values, ok := members[m.Name].([]any)
		if !ok {
			values = []any{members[m.Name].(float64)}
		}
		if len(values) == 0 || len(values) > 100 {
			t.Fatalf("%s has %d values", m.Name, len(values))
		}
		for _, v := range values {
			seen[fmt.Sprint(m.Name, " ", m.Unit, series, " ", v)]++
		}
	}
	return seen
}

func TestEMFHoldsEveryValueWithinTheLimits(t *testing.T) {
	datums := []metric.Datum{
		spread("Duration", 3, upTo(150)...), spread("Up", 100_000, 1), spread("LocalDelay", 1, 5e-324, -math.MaxFloat64),
	}
	for i := range 250 { // more than a line's metrics, with values of the longest kind
		d := spread(fmt.Sprintf("%s%03d", strings.Repeat("M", 200), i), 1, slices.Repeat([]float64{-1.2345678901234567e-300}, 100)...)
		datums = append(datums, d, plain(fmt.Sprintf("Small%03d", i), "one", 1))
	}
	for i := range 50 {
		datums = append(datums, plain("Up", strings.Repeat("\"", 200)+fmt.Sprint(i), 1))
	}
	var lines calls
	if lost, err := writeEMF(&lines, strings.Repeat("N", 255), datums); lost != 0 || err != nil {
		t.Fatalf("%d lost: %v", lost, err)
	}
	got, want := map[string]int{}, map[string]int{}
	for _, l := range lines {
		for k, n := range readEMF(t, l) {
			got[k] += n
		}
	}
	for _, d := range datums {
		series := ""
		for _, dim := range d.Dimensions {
			series += fmt.Sprintf(" %s=%s", dim.Name, dim.Value)
		}
		for i, v := range d.Values {
			want[fmt.Sprint(d.Metric, " ", d.Unit, series, " ", v)] += int(d.Counts[i])
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("the lines hold %d values, want %d, or not the same", len(got), len(want))
	}
	if want := 1000 + 50 + 3; len(lines) > want {
		t.Errorf("%d lines, want at most %d: metrics of one series share lines", len(lines), want)
	}
}

// brittle refuses the lines that have a word in them.
type brittle struct {
	word string
	took bytes.Buffer
}

var errPipe = errors.New("broken pipe")

func (b *brittle) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(b.word)) {
		return 0, errPipe
	}
	return b.took.Write(line)
}

func TestEMFCountsWhatItCouldNotWrite(t *testing.T) {
	nan := spread("Odd", 1, math.NaN())
	half := spread("Half", 1.5, 1)
	endless := spread("Endless", 1e12, 1)
	for name, test := range map[string]struct {
		datums []metric.Datum
		lost   int
	}{
		"one line of two":      {[]metric.Datum{plain("Up", "bad", 1), plain("Duration", "bad", 1), plain("Up", "good", 1)}, 2},
		"many lines, one loss": {[]metric.Datum{{Metric: "bad", Time: noon, Values: []float64{1}, Counts: []float64{1000}}}, 1},
		"not expressible":      {[]metric.Datum{nan, half, endless, plain("Up", "good", 1)}, 3},
	} {
		w := &brittle{word: "bad"}
		lost, err := writeEMF(w, "Shop", test.datums)
		if lost != test.lost || err == nil {
			t.Errorf("%s: %d lost, %v; want %d and an error", name, lost, err, test.lost)
		}
		if got, want := strings.Count(w.took.String(), "good"), len(test.datums)-test.lost; got != want {
			t.Errorf("%s: %d written, want %d", name, got, want)
		}
	}
}

func TestEMFOfNothing(t *testing.T) {
	var lines calls
	if lost, err := writeEMF(&lines, "Shop", nil); lost != 0 || err != nil || !reflect.DeepEqual(lines, calls(nil)) {
		t.Errorf("writeEMF(nil) = %d, %v, wrote %v", lost, err, lines)
	}
}
