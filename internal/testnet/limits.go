package testnet

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// The limits of PutMetricData, from AWS's API reference and quotas.
const (
	maxDatums         = 1000
	maxValues         = 150
	maxDimensions     = 30
	maxName           = 255 // of a namespace, a metric, a dimension
	maxDimensionValue = 1024
	maxPast           = 14 * 24 * time.Hour
	maxFuture         = 2 * time.Hour
	maxExponent       = 360 // values lie within ±2^360
)

// A Datum is one accepted member of MetricData. Exactly one of three holds the
// observation: Value if Values and Statistics are nil, else the other that is
// not nil.
type Datum struct {
	Namespace  string
	Metric     string
	Dimensions []Dimension // in the order of the request
	Unit       string      // "None" where the request had none
	Timestamp  time.Time   // UTC, milliseconds; the time of arrival where the request had none
	Value      float64
	Values     []float64
	Counts     []float64 // as long as Values; all 1 where the request had none
	Statistics *Statistics
}

// A Dimension is a part of a metric's identity.
type Dimension struct{ Name, Value string }

// Statistics are observations of which only a summary is known.
type Statistics struct{ SampleCount, Sum, Minimum, Maximum float64 }

// Dimension returns the value of a dimension, "" if the datum does not have it.
func (d Datum) Dimension(name string) string {
	for _, dimension := range d.Dimensions {
		if dimension.Name == name {
			return dimension.Value
		}
	}
	return ""
}

// readInput reads the members of a request, or says what is wrong with the
// first one that is. Nothing of a refused request is kept.
func readInput(input cbor.Map, now time.Time, seen *Request) ([]Datum, *refusal) {
	f := &fields{of: input, now: now}
	namespace := f.text("Namespace")
	f.namespace(namespace)
	members := f.list("MetricData")
	seen.Namespace, seen.Datums = namespace, len(members)
	switch {
	case f.has("EntityMetricData"):
		f.invalid("EntityMetricData", "is not taken by this test network")
	case len(members) == 0:
		f.missing("MetricData")
	case len(members) > maxDatums:
		f.invalid("MetricData", fmt.Sprintf("has %d members, more than %d", len(members), maxDatums))
	}
	datums := make([]Datum, 0, len(members))
	for i, member := range members {
		m := f.member("MetricData", i, member)
		d := m.datum()
		d.Namespace = namespace
		datums = append(datums, d)
		f.take(m)
	}
	if f.err != nil {
		return nil, f.err
	}
	return datums, nil
}

// fields reads the members of one CBOR map and keeps the first thing that is
// wrong. After that it reads on, and what it returns means nothing.
type fields struct {
	of   cbor.Map
	path string // of the map, ends with a dot unless empty
	now  time.Time
	err  *refusal
}

// member is the reader of a list's i-th member, counted from 1 in messages.
func (f *fields) member(list string, i int, v cbor.Value) *fields {
	m := &fields{path: fmt.Sprintf("%s%s.member.%d.", f.path, list, i+1), now: f.now}
	var ok bool
	if m.of, ok = v.(cbor.Map); !ok {
		m.fail(malformed("The parameter " + strings.TrimSuffix(m.path, ".") + " is not a structure."))
	}
	return m
}

// take takes over what another reader found wrong.
func (f *fields) take(other *fields) {
	if other.err != nil {
		f.fail(other.err)
	}
}

func (f *fields) fail(err *refusal) {
	if f.err == nil {
		f.err = err
	}
}

func (f *fields) missing(name string) {
	f.fail(&refusal{http.StatusBadRequest, "MissingRequiredParameterException", "MissingParameter",
		"The parameter " + f.path + name + " is required."})
}

func (f *fields) invalid(name, problem string) {
	f.fail(&refusal{http.StatusBadRequest, "InvalidParameterValueException", "InvalidParameterValue",
		"The parameter " + f.path + name + " " + problem + "."})
}

func (f *fields) exclusive(a, b string) {
	f.fail(&refusal{http.StatusBadRequest, "InvalidParameterCombinationException", "InvalidParameterCombination",
		fmt.Sprintf("The parameters %s%s and %s%s are mutually exclusive and you have specified both.", f.path, a, f.path, b)})
}

func (f *fields) has(name string) bool {
	switch f.of[name].(type) {
	case nil, *cbor.Nil, *cbor.Undefined:
		return false
	}
	return true
}

// mistyped refuses a member of a type that the model does not have there.
func (f *fields) mistyped(name, want string) {
	f.fail(malformed(fmt.Sprintf("The parameter %s%s is not a %s.", f.path, name, want)))
}

func (f *fields) text(name string) string {
	if !f.has(name) {
		return ""
	}
	s, ok := f.of[name].(cbor.String)
	if !ok {
		f.mistyped(name, "string")
	}
	return string(s)
}

func (f *fields) list(name string) []cbor.Value {
	if !f.has(name) {
		return nil
	}
	l, ok := f.of[name].(cbor.List)
	if !ok {
		f.mistyped(name, "list")
	}
	return l
}

// number reads a value that CloudWatch can keep.
func (f *fields) number(name string) float64 {
	if !f.has(name) {
		f.missing(name)
		return 0
	}
	return f.inRange(name, f.of[name])
}

// numbers reads a list of such values, nil if there is none.
func (f *fields) numbers(name string) []float64 {
	if !f.has(name) {
		return nil
	}
	members := f.list(name)
	if len(members) > maxValues {
		f.invalid(name, fmt.Sprintf("has %d members, more than %d", len(members), maxValues))
	}
	all := make([]float64, len(members))
	for i, m := range members {
		all[i] = f.inRange(fmt.Sprintf("%s.member.%d", name, i+1), m)
	}
	return all
}

func (f *fields) inRange(name string, v cbor.Value) float64 {
	x, err := cbor.AsFloat64(v)
	switch limit := math.Ldexp(1, maxExponent); {
	case err != nil:
		f.mistyped(name, "number")
	case math.IsNaN(x) || math.IsInf(x, 0):
		f.invalid(name, fmt.Sprintf("is %v, which is not finite", x))
	case math.Abs(x) > limit:
		f.invalid(name, fmt.Sprintf("is %g, beyond 2^%d", x, maxExponent))
	}
	return x
}

// datum reads one member of MetricData.
func (f *fields) datum() Datum {
	d := Datum{Metric: f.text("MetricName"), Unit: f.unit(), Timestamp: f.time(), Dimensions: f.dimensions()}
	if d.Metric == "" {
		f.missing("MetricName")
	}
	f.name("MetricName", d.Metric)
	f.resolution()
	switch {
	case f.has("Value") && f.has("Values"):
		f.exclusive("Value", "Values")
	case f.has("Value") && f.has("StatisticValues"):
		f.exclusive("Value", "StatisticValues")
	case f.has("Values") && f.has("StatisticValues"):
		f.exclusive("Values", "StatisticValues")
	case f.has("StatisticValues"):
		d.Statistics = f.statistics()
	case f.has("Values"):
		d.Values, d.Counts = f.distribution()
	case f.has("Counts"):
		f.missing("Values")
	default:
		d.Value = f.number("Value")
	}
	return d
}

// distribution reads Values and Counts.
func (f *fields) distribution() (values, counts []float64) {
	values, counts = f.numbers("Values"), f.numbers("Counts")
	if len(values) == 0 {
		f.missing("Values")
	}
	if !f.has("Counts") {
		return values, slices.Repeat([]float64{1}, len(values))
	}
	if len(values) != len(counts) {
		f.invalid("Counts", fmt.Sprintf("has %d members and Values has %d", len(counts), len(values)))
	}
	for i, n := range counts {
		if n <= 0 {
			f.invalid(fmt.Sprintf("Counts.member.%d", i+1), "is not greater than 0")
		}
	}
	return values, counts
}

func (f *fields) statistics() *Statistics {
	s, ok := f.of["StatisticValues"].(cbor.Map)
	if !ok {
		f.mistyped("StatisticValues", "structure")
	}
	m := &fields{of: s, path: f.path + "StatisticValues.", now: f.now}
	all := &Statistics{m.number("SampleCount"), m.number("Sum"), m.number("Minimum"), m.number("Maximum")}
	if all.SampleCount <= 0 {
		m.invalid("SampleCount", "is not greater than 0")
	}
	if all.Minimum > all.Maximum {
		m.invalid("Maximum", "is less than Minimum")
	}
	f.take(m)
	return all
}

// time reads the timestamp; CBOR has it in seconds.
func (f *fields) time() time.Time {
	if !f.has("Timestamp") {
		return f.now.UTC().Truncate(time.Millisecond)
	}
	tag, ok := f.of["Timestamp"].(*cbor.Tag)
	if !ok || tag.ID != 1 {
		f.mistyped("Timestamp", "timestamp")
		return time.Time{}
	}
	seconds, err := cbor.AsFloat64(tag.Value)
	if err != nil {
		f.mistyped("Timestamp", "timestamp")
	}
	at := time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
	switch age := f.now.Sub(at); {
	case age > maxPast:
		f.invalid("Timestamp", "is more than two weeks ago")
	case age < -maxFuture:
		f.invalid("Timestamp", "is more than two hours ahead")
	}
	return at
}

func (f *fields) unit() string {
	if !f.has("Unit") {
		return "None"
	}
	unit := f.text("Unit")
	if !slices.Contains(units(), unit) {
		f.invalid("Unit", "is "+fmt.Sprintf("%q", unit)+", which is not a unit")
	}
	return unit
}

// units are CloudWatch's, from the API reference's StandardUnit.
func units() []string {
	return strings.Fields(`Seconds Microseconds Milliseconds Bytes Kilobytes Megabytes Gigabytes Terabytes
		Bits Kilobits Megabits Gigabits Terabits Percent Count Bytes/Second Kilobytes/Second Megabytes/Second
		Gigabytes/Second Terabytes/Second Bits/Second Kilobits/Second Megabits/Second Gigabits/Second
		Terabits/Second Count/Second None`)
}

// resolution refuses a storage resolution other than a second and a minute.
func (f *fields) resolution() {
	if !f.has("StorageResolution") {
		return
	}
	if seconds := f.number("StorageResolution"); seconds != 1 && seconds != 60 {
		f.invalid("StorageResolution", "is neither 1 nor 60")
	}
}

func (f *fields) dimensions() []Dimension {
	members := f.list("Dimensions")
	if len(members) > maxDimensions {
		f.invalid("Dimensions", fmt.Sprintf("has %d members, more than %d", len(members), maxDimensions))
	}
	var all []Dimension
	for i, member := range members {
		m := f.member("Dimensions", i, member)
		all = append(all, m.dimension())
		f.take(m)
	}
	return all
}

func (f *fields) dimension() Dimension {
	d := Dimension{f.text("Name"), f.text("Value")}
	f.filled("Name", d.Name)
	f.filled("Value", d.Value)
	f.name("Name", d.Name)
	if strings.HasPrefix(d.Name, ":") {
		f.invalid("Name", "begins with a colon")
	}
	f.ascii("Value", d.Value)
	if len(d.Value) > maxDimensionValue {
		f.invalid("Value", fmt.Sprintf("has %d characters, more than %d", len(d.Value), maxDimensionValue))
	}
	return d
}

// namespace refuses what is not a customer's namespace.
func (f *fields) namespace(s string) {
	f.filled("Namespace", s)
	f.name("Namespace", s)
	switch {
	case strings.HasPrefix(s, "AWS/"):
		f.invalid("Namespace", "begins with AWS/, which is reserved")
	case strings.HasPrefix(s, ":"):
		f.invalid("Namespace", "begins with a colon")
	}
}

// filled refuses a text that is absent or blank.
func (f *fields) filled(name, s string) {
	switch {
	case s == "":
		f.missing(name)
	case strings.TrimSpace(s) == "":
		f.invalid(name, "is blank")
	}
}

// name refuses what is too long or not ASCII.
func (f *fields) name(name, s string) {
	f.ascii(name, s)
	if len(s) > maxName {
		f.invalid(name, fmt.Sprintf("has %d characters, more than %d", len(s), maxName))
	}
}

// ascii refuses everything but printable ASCII.
func (f *fields) ascii(name, s string) {
	for _, r := range s {
		if r < ' ' || r > '~' {
			f.invalid(name, fmt.Sprintf("has the character %q, which is not printable ASCII", r))
			return
		}
	}
}
