package alarm

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A store holds datums by series and minute.
type store struct {
	series map[string]*series
	of     map[string][]*series // by namespace and metric
}

// A series is one metric with its dimensions and its unit.
type series struct {
	dimensions map[string]string
	of         string // the dimensions, as shown writes them
	unit       string
	minutes    map[int64][]observation // by Unix minute
}

type observation struct{ value, count float64 }

func newStore() *store {
	return &store{series: map[string]*series{}, of: map[string][]*series{}}
}

func (s *store) put(d Datum) {
	metric := d.Namespace + "\x00" + d.Metric
	of := shown(d.Dimensions)
	key := metric + "\x00" + d.Unit + "\x00" + of
	if s.series[key] == nil {
		s.series[key] = &series{d.Dimensions, of, d.Unit, map[int64][]observation{}}
		s.of[metric] = append(s.of[metric], s.series[key])
	}
	minute := d.Time.Unix() / 60
	at := s.series[key].minutes
	for i, value := range d.Values {
		at[minute] = append(at[minute], observation{value, d.Counts[i]})
	}
}

// shown writes dimensions in the order of their names.
func shown(dimensions map[string]string) string {
	if len(dimensions) == 0 {
		return ""
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(dimensions)) {
		all = append(all, name+"="+dimensions[name])
	}
	return strings.Join(all, ",")
}

// A window is the evaluation range of an alarm: count periods before an end.
type window struct {
	end    time.Time
	period int // seconds, whole minutes
	count  int
}

// gather merges what series have in each period of the window, newest first.
func (w window) gather(all []*series) [][]observation {
	periods := make([][]observation, w.count)
	minutes := int64(w.period / 60)
	for k := range periods {
		from := w.end.Unix()/60 - int64(k+1)*minutes
		for _, s := range all {
			for m := from; m < from+minutes; m++ {
				if here := s.minutes[m]; len(here) > 0 {
					periods[k] = append(periods[k], here...)
				}
			}
		}
	}
	return periods
}

// points are a statistic of each period of the window.
func (w window) points(all []*series, stat statistic) []point {
	points := make([]point, w.count)
	for k, observations := range w.gather(all) {
		if len(observations) > 0 {
			points[k] = stat(observations)
		}
	}
	return points
}

// A statistic reduces the observations of a period, of which there is one at
// least.
type statistic func([]observation) point

// parseStatistic reads Average, SampleCount, Sum, Minimum, Maximum or a
// percentile such as p95 or p99.9.
func parseStatistic(name string) (statistic, error) {
	simple := map[string]func([]observation) float64{
		"Average": average, "SampleCount": sampleCount, "Sum": sum, "Minimum": minimum, "Maximum": maximum,
	}
	if f, ok := simple[name]; ok {
		return func(all []observation) point { return point{known: true, value: f(all)} }, nil
	}
	percent, err := strconv.ParseFloat(strings.TrimPrefix(name, "p"), 64)
	if err != nil || !strings.HasPrefix(name, "p") || percent <= 0 || percent >= 100 {
		return nil, fmt.Errorf("the statistic %q is not known here", name)
	}
	return func(all []observation) point { return percentile(all, percent/100) }, nil
}

func sampleCount(all []observation) (n float64) {
	for _, o := range all {
		n += o.count
	}
	return n
}

func sum(all []observation) (total float64) {
	for _, o := range all {
		total += o.value * o.count
	}
	return total
}

func average(all []observation) float64 { return sum(all) / sampleCount(all) }

func minimum(all []observation) float64 {
	return slices.MinFunc(all, byValue).value
}

func maximum(all []observation) float64 {
	return slices.MaxFunc(all, byValue).value
}

func byValue(a, b observation) int {
	switch {
	case a.value < b.value:
		return -1
	case a.value > b.value:
		return 1
	}
	return 0
}

// percentile is the least value that so large a part of the samples does not
// exceed; how CloudWatch interpolates is not documented. Fewer samples than
// 10/(1-p), or 10/p below the median, are too few to mean much (User Guide,
// "Percentile-based alarms and low data samples").
func percentile(all []observation, p float64) point {
	sorted := slices.SortedFunc(slices.Values(all), byValue)
	n := sampleCount(all)
	needed := 10 / min(p, 1-p)
	at := point{known: true, few: n < math.Round(needed)}
	below := 0.0
	for _, o := range sorted {
		below += o.count
		at.value = o.value
		if below >= p*n-1e-9 {
			break
		}
	}
	return at
}
