package publish

import (
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"rollcall/internal/metric"
)

// Limits of a PutMetricData request. CloudWatch documents 1,000 datums and
// 1 MB, and not whether before or after compression: ours is before, with
// room for the namespace and the frame.
const (
	maxDatums = 1000
	maxBytes  = 900_000
	small     = 64 // datums of most runs
)

// A batch is what goes in one request.
type batch struct {
	datums  []metric.Datum
	bytes   int  // an upper bound of the encoded datums
	unclear bool // a request with them may have arrived; they are counted
	guesses int  // how many refusals were believed about the invalid datum
}

// maxGuesses bounds what refusals cost that name the wrong datum.
const maxGuesses = 8

func (b *batch) size() int { return len(b.datums) }

func (b *batch) hasRoom(d metric.Datum) bool {
	return len(b.datums) < maxDatums && b.bytes+encodedSize(d) <= maxBytes
}

func (b *batch) append(d metric.Datum) {
	if len(b.datums) == small {
		b.datums = slices.Grow(b.datums, maxDatums-small) // one copy instead of many
	}
	b.datums = append(b.datums, d)
	b.bytes += encodedSize(d)
}

// divided returns a refused batch, of two datums at least, in two parts: the
// datum that the refusal names and the others, or halves if it names none. The
// name saves some twenty requests; that it may be wrong costs one.
func (b *batch) divided(refusal error) (first, second batch) {
	first, second = *b, *b
	middle := len(b.datums) / 2
	if i, ok := invalidMember(refusal); ok && i < len(b.datums) && b.guesses < maxGuesses {
		first.guesses++
		others := slices.Concat(b.datums[:i], b.datums[i+1:])
		first.datums, second.datums = others, b.datums[i:i+1]
		return first, second
	}
	first.datums, second.datums = b.datums[:middle], b.datums[middle:]
	return first, second
}

// invalidMember reads the index, from 0, of the datum that a refusal is about.
// CloudWatch calls it by its place from 1, as in "The parameter
// MetricData.member.7.Value must be a number"; no document promises that.
func invalidMember(refusal error) (i int, ok bool) {
	const before = "MetricData.member."
	_, after, found := strings.Cut(refusal.Error(), before)
	digits := 0
	for digits < len(after) && '0' <= after[digits] && after[digits] <= '9' {
		digits++
	}
	n, err := strconv.Atoi(after[:digits])
	return n - 1, found && err == nil && n > 0
}

// encodedSize returns an upper bound of a datum's bytes in CBOR: 9 bytes a
// number, 10 the time, and a head of at most 5 for each text, list and map.
func encodedSize(d metric.Datum) int {
	const (
		frame     = 128 // the names of the members, the heads, the time
		dimension = 32  // the same of a dimension
		number    = 9
	)
	n := frame + len(d.Metric) + len(d.Unit) + number*(len(d.Values)+len(d.Counts))
	for _, dim := range d.Dimensions {
		n += dimension + len(dim.Name) + len(dim.Value)
	}
	return n
}

func (b *batch) input(namespace string) *cloudwatch.PutMetricDataInput {
	in := &cloudwatch.PutMetricDataInput{
		Namespace:  aws.String(namespace),
		MetricData: make([]types.MetricDatum, len(b.datums)),
	}
	for i := range b.datums {
		in.MetricData[i] = encoded(&b.datums[i])
	}
	return in
}

func encoded(d *metric.Datum) types.MetricDatum {
	out := types.MetricDatum{
		MetricName: &d.Metric,
		Unit:       types.StandardUnit(d.Unit),
		Timestamp:  &d.Time,
	}
	for i := range d.Dimensions {
		out.Dimensions = append(out.Dimensions, types.Dimension{Name: &d.Dimensions[i].Name, Value: &d.Dimensions[i].Value})
	}
	if len(d.Values) == 1 && d.Counts[0] == 1 {
		out.Value = &d.Values[0]
	} else {
		out.Values, out.Counts = d.Values, d.Counts
	}
	return out
}
