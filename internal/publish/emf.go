package publish

import (
	"encoding/json"
	"fmt"
	"io"
	"math"

	"rollcall/internal/metric"
)

// Limits of the embedded metric format (CloudWatch user guide, "Specification:
// Embedded metric format"): 100 metrics a line, 100 numbers an array; 256 KB a
// line is what the oldest readers stop at.
const (
	lineMetrics = 100
	lineNumbers = 100
	lineBytes   = 256 * 1000

	// mostNumbers is how many numbers a datum may repeat in all: far more
	// than a run has targets, and 10,000 lines.
	mostNumbers = 1_000_000
)

// writeEMF writes datums to w, one call a line, and returns how many of them
// were not written whole, and why the last of those was not.
//
// The format knows a number or an array of numbers for a value, no counts: a
// value that occurred n times stands there n times. AWS's own collectors also
// write {"Values": …, "Counts": …}, which would be shorter, but no document
// promises that it is read; and the longest distribution, of 100,000 targets,
// is 1,000 lines of less than a kilobyte.
func writeEMF(w io.Writer, namespace string, datums []metric.Datum) (lost int, err error) {
	failed := map[int]bool{}
	var p page
	for i, d := range datums {
		if e := p.spread(i, d); e != nil {
			failed[i], err = true, e
		}
	}
	for _, l := range p.lines {
		if _, e := w.Write(l.encoded(namespace)); e != nil {
			err = e
			for _, i := range l.datums {
				failed[i] = true
			}
		}
	}
	return len(failed), err
}

// A page is lines in the order in which they were begun.
type page struct {
	lines  []*line
	series map[string]*series
}

// A series is the lines that have the same dimensions and time. Parts of one
// metric stand in different lines, as a line has each name once; parts of
// different metrics share them.
type series struct {
	lines []*line
	next  map[string]int // metric → the first line that does not have it
}

// A line is one EMF document.
type line struct {
	time       int64 // Unix, milliseconds
	dimensions []metric.Dimension
	metrics    []definition
	values     [][]byte // JSON, of metrics
	datums     []int    // whose parts it has
	bytes      int      // an upper bound of its length
}

type definition struct {
	Name string
	Unit metric.Unit
}

// spread writes a datum into lines that have room for it.
func (p *page) spread(i int, d metric.Datum) error {
	if err := expressible(d); err != nil {
		return err
	}
	if p.series == nil {
		p.series = map[string]*series{}
	}
	key := fmt.Sprintf("%d %q", d.Time.UnixMilli(), d.Dimensions)
	s := p.series[key]
	if s == nil {
		s = &series{next: map[string]int{}}
		p.series[key] = s
	}
	for part := range parts(d) {
		value, err := json.Marshal(part)
		if err != nil {
			return err
		}
		l := s.line(d, len(value))
		if l == nil {
			l = newLine(d)
			s.lines = append(s.lines, l)
			p.lines = append(p.lines, l)
		}
		l.put(i, d, value)
		s.next[d.Metric]++
	}
	return nil
}

// expressible says why a datum can't be written in EMF.
func expressible(d metric.Datum) error {
	total := 0.0
	for i, n := range d.Counts {
		if v := d.Values[i]; math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%s has the value %v", d.Metric, v)
		}
		if n < 1 || n != math.Trunc(n) {
			return fmt.Errorf("%s counts a value %v times", d.Metric, n)
		}
		total += n
	}
	if total > mostNumbers {
		return fmt.Errorf("%s is a distribution of %v values", d.Metric, total)
	}
	return nil
}

// parts yields what a datum is in EMF: a number, or arrays of them.
func parts(d metric.Datum) func(yield func(any) bool) {
	return func(yield func(any) bool) {
		if len(d.Values) == 1 && d.Counts[0] == 1 {
			yield(d.Values[0])
			return
		}
		part := make([]float64, 0, lineNumbers)
		for i, v := range d.Values {
			for range int(d.Counts[i]) {
				part = append(part, v)
				if len(part) == lineNumbers {
					if !yield(part) {
						return
					}
					part = part[:0]
				}
			}
		}
		if len(part) > 0 {
			yield(part)
		}
	}
}

// line returns the first line that has room for a value of d of that length
// in bytes and not yet its metric; nil if none does.
func (s *series) line(d metric.Datum, length int) *line {
	for ; s.next[d.Metric] < len(s.lines); s.next[d.Metric]++ {
		l := s.lines[s.next[d.Metric]]
		if len(l.metrics) < lineMetrics && l.bytes+cost(d, length) <= lineBytes {
			return l
		}
	}
	return nil
}

func newLine(d metric.Datum) *line {
	l := &line{time: d.Time.UnixMilli(), dimensions: d.Dimensions, bytes: 1024} // the frame and the namespace
	for _, dim := range d.Dimensions {
		l.bytes += 2*len(dim.Name) + 6*len(dim.Value) + 16 // JSON escapes a character in at most six
	}
	return l
}

func (l *line) put(i int, d metric.Datum, value []byte) {
	l.metrics = append(l.metrics, definition{d.Metric, d.Unit})
	l.values = append(l.values, value)
	l.datums = append(l.datums, i)
	l.bytes += cost(d, len(value))
}

// cost is an upper bound of the bytes that a part of d adds to a line.
func cost(d metric.Datum, length int) int {
	return length + 2*len(d.Metric) + len(d.Unit) + 32
}

// encoded returns the document and its line feed, the metadata first.
func (l *line) encoded(namespace string) []byte {
	names := make([]string, len(l.dimensions))
	for i, dim := range l.dimensions {
		names[i] = dim.Name
	}
	out := append([]byte(`{"_aws":`), marshal(metadata{
		Timestamp:         l.time,
		CloudWatchMetrics: []directive{{namespace, [][]string{names}, l.metrics}},
	})...)
	for _, dim := range l.dimensions {
		out = member(out, dim.Name, marshal(dim.Value))
	}
	for i, m := range l.metrics {
		out = member(out, m.Name, l.values[i])
	}
	return append(out, "}\n"...)
}

// metadata and directive are named as the specification names their members.
type metadata struct {
	Timestamp         int64
	CloudWatchMetrics []directive
}

type directive struct {
	Namespace  string
	Dimensions [][]string // one set, empty for the series over all
	Metrics    []definition
}

func member(out []byte, name string, value []byte) []byte {
	out = append(append(out, ','), marshal(name)...)
	return append(append(out, ':'), value...)
}

// marshal encodes what can't fail: texts and integers.
func marshal(v any) []byte {
	out, _ := json.Marshal(v)
	return out
}
