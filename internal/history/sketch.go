package history

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"
)

// A Sketch counts durations in buckets of 4 %: a percentile of it is at most 2 %
// wrong, and two sketches can be added up. A day's has some 300 buckets at most,
// whatever the number of durations. In JSON it is [bucket, count, bucket, count…].
type Sketch []bucket

type bucket struct{ at, count int32 }

const growth = 1.04

var perBucket = math.Log(growth)

// The buckets of the shortest duration that a sketch tells apart, and of the longest that there
// is.
var (
	leastBucket = bucketOf(0)
	mostBucket  = bucketOf(math.MaxInt64)
)

func bucketOf(d time.Duration) int32 {
	return int32(math.Round(math.Log(max(float64(d)/1e6, 0.01)) / perBucket))
}

// Add counts a duration.
func (s *Sketch) Add(d time.Duration) { s.add(bucket{bucketOf(d), 1}) }

// Merge adds another sketch up with this one.
func (s *Sketch) Merge(other Sketch) {
	if len(other) == 0 {
		return
	}
	own := *s
	merged := make(Sketch, 0, max(len(own), len(other)))
	for len(own) > 0 && len(other) > 0 {
		switch a, b := own[0], other[0]; {
		case a.at < b.at:
			merged, own = append(merged, a), own[1:]
		case a.at > b.at:
			merged, other = append(merged, b), other[1:]
		default:
			merged, own, other = append(merged, bucket{a.at, a.count + b.count}), own[1:], other[1:]
		}
	}
	*s = append(append(merged, own...), other...)
}

func (s *Sketch) add(b bucket) {
	i, found := slices.BinarySearchFunc(*s, b.at, func(b bucket, at int32) int { return int(b.at - at) })
	if found {
		(*s)[i].count += min(b.count, math.MaxInt32-(*s)[i].count)
		return
	}
	*s = slices.Insert(*s, i, b)
}

// Percentile returns the nearest rank in milliseconds, with three digits; 0 where
// nothing was counted.
func (s Sketch) Percentile(percent int) float64 {
	total := 0
	for _, b := range s {
		total += int(b.count)
	}
	rank := max((total*percent+99)/100, 1)
	for _, b := range s {
		if rank -= int(b.count); rank <= 0 {
			return threeDigits(math.Exp(float64(b.at) * perBucket))
		}
	}
	return 0
}

func threeDigits(v float64) float64 {
	scale := math.Pow(10, 2-math.Floor(math.Log10(v)))
	return math.Round(v*scale) / scale
}

// MarshalJSON writes the buckets and counts in one list.
func (s Sketch) MarshalJSON() ([]byte, error) {
	flat := make([]int32, 0, 2*len(s))
	for _, b := range s {
		flat = append(flat, b.at, b.count)
	}
	return json.Marshal(flat)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Sketch) UnmarshalJSON(data []byte) error {
	var flat []int32
	if err := json.Unmarshal(data, &flat); err != nil {
		return err
	}
	*s = make(Sketch, 0, len(flat)/2)
	for pair := range slices.Chunk(flat, 2) {
		n := len(*s)
		if len(pair) != 2 || pair[1] < 1 || n > 0 && (*s)[n-1].at >= pair[0] || pair[0] < leastBucket || pair[0] > mostBucket {
			return errors.New("not a sketch: buckets of durations must ascend, each with a count")
		}
		*s = append(*s, bucket{pair[0], pair[1]})
	}
	return nil
}
