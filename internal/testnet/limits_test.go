package testnet

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// valid is a request's body that is accepted.
func valid() cbor.Map {
	return cbor.Map{"Namespace": cbor.String("Rollcall"), "MetricData": cbor.List{cbor.Map{
		"MetricName": cbor.String("Up"),
		"Value":      cbor.Float64(1),
		"Dimensions": cbor.List{cbor.Map{"Name": cbor.String("Target"), "Value": cbor.String("a")}},
	}}}
}

func datumOf(m cbor.Map) cbor.Map     { return m["MetricData"].(cbor.List)[0].(cbor.Map) }
func dimensionOf(m cbor.Map) cbor.Map { return datumOf(m)["Dimensions"].(cbor.List)[0].(cbor.Map) }

// with sets one member of a request, by a path of at most two steps.
func with(path string, v cbor.Value) func(cbor.Map) {
	return func(m cbor.Map) {
		switch before, after, _ := strings.Cut(path, "."); before {
		case "datum":
			datumOf(m)[after] = v
		case "dimension":
			dimensionOf(m)[after] = v
		default:
			m[before] = v
		}
	}
}

// distribution gives the datum Values and Counts instead of a Value.
func distribution(values, counts cbor.Value) func(cbor.Map) {
	return func(m cbor.Map) {
		delete(datumOf(m), "Value")
		datumOf(m)["Values"], datumOf(m)["Counts"] = values, counts
	}
}

func summary(set cbor.Map) func(cbor.Map) {
	return func(m cbor.Map) {
		delete(datumOf(m), "Value")
		datumOf(m)["StatisticValues"] = set
	}
}

func numbers(n int) cbor.List {
	return slices.Repeat(cbor.List{cbor.Float64(1)}, n)
}

func long(n int) cbor.String { return cbor.String(strings.Repeat("x", n)) }

func timestamp(from time.Duration) cbor.Value {
	return &cbor.Tag{ID: 1, Value: cbor.Float64(float64(time.Now().Add(from).UnixMilli()) / 1000)}
}

func TestLimitsRefuse(t *testing.T) {
	const (
		value       = "InvalidParameterValue"
		missing     = "MissingParameter"
		combination = "InvalidParameterCombination"
		wrongType   = "SerializationException"
	)
	sound := cbor.Map{"SampleCount": cbor.Float64(1), "Sum": cbor.Float64(1), "Minimum": cbor.Float64(1), "Maximum": cbor.Float64(1)}
	tests := []struct {
		name       string
		change     func(cbor.Map)
		code, says string
	}{
		{"no namespace", func(m cbor.Map) { delete(m, "Namespace") }, missing, "Namespace is required"},
		{"blank namespace", with("Namespace", cbor.String("  ")), value, "Namespace is blank"},
		{"reserved namespace", with("Namespace", cbor.String("AWS/Lambda")), value, "reserved"},
		{"colon namespace", with("Namespace", cbor.String(":x")), value, "colon"},
		{"long namespace", with("Namespace", long(256)), value, "256 characters"},
		{"foreign namespace", with("Namespace", cbor.String("Röllcall")), value, "'ö'"},
		{"numeric namespace", with("Namespace", cbor.Uint(1)), wrongType, "Namespace is not a string"},
		{"no data", func(m cbor.Map) { delete(m, "MetricData") }, missing, "MetricData is required"},
		{"empty data", with("MetricData", cbor.List{}), missing, "MetricData is required"},
		{"data is not a list", with("MetricData", cbor.Map{}), wrongType, "MetricData is not a list"},
		{"datum is not a structure", with("MetricData", cbor.List{cbor.Uint(1)}), wrongType, "MetricData.member.1 is not a structure"},
		{"1,001 datums", with("MetricData", slices.Repeat(cbor.List{datumOf(valid())}, 1001)), value, "1001 members"},
		{"entities", with("EntityMetricData", cbor.List{}), value, "EntityMetricData"},
		{"no metric", with("datum.MetricName", nil), missing, "MetricData.member.1.MetricName is required"},
		{"empty metric", with("datum.MetricName", cbor.String("")), missing, "MetricName"},
		{"long metric", with("datum.MetricName", long(256)), value, "MetricName has 256"},
		{"control character", with("datum.MetricName", cbor.String("U\np")), value, `'\n'`},
		{"unknown unit", with("datum.Unit", cbor.String("Hours")), value, `"Hours", which is not a unit`},
		{"resolution", with("datum.StorageResolution", cbor.Uint(5)), value, "neither 1 nor 60"},
		{"old", with("datum.Timestamp", timestamp(-14*24*time.Hour-time.Minute)), value, "two weeks ago"},
		{"early", with("datum.Timestamp", timestamp(2*time.Hour+time.Minute)), value, "two hours ahead"},
		{"time as text", with("datum.Timestamp", cbor.String("2026-01-01")), wrongType, "Timestamp"},
		{"nothing observed", with("datum.Value", nil), missing, "Value is required"},
		{"NaN", with("datum.Value", cbor.Float64(math.NaN())), value, "not finite"},
		{"infinite", with("datum.Value", cbor.Float64(math.Inf(-1))), value, "not finite"},
		{"too large", with("datum.Value", cbor.Float64(math.Ldexp(1.001, 360))), value, "beyond 2^360"},
		{"text", with("datum.Value", cbor.String("1")), wrongType, "Value is not a number"},
		{"Value and Values", with("datum.Values", numbers(1)), combination, "mutually exclusive"},
		{"Value and StatisticValues", with("datum.StatisticValues", sound), combination, "mutually exclusive"},
		{"Values and StatisticValues", func(m cbor.Map) { summary(sound)(m); datumOf(m)["Values"] = numbers(1) }, combination, "mutually exclusive"},
		{"151 values", distribution(numbers(151), numbers(151)), value, "Values has 151"},
		{"no values", distribution(cbor.List{}, cbor.List{}), missing, "Values is required"},
		{"Counts alone", func(m cbor.Map) { delete(datumOf(m), "Value"); datumOf(m)["Counts"] = numbers(1) }, missing, "Values is required"},
		{"fewer counts", distribution(numbers(3), numbers(2)), value, "Counts has 2 members and Values has 3"},
		{"count of 0", distribution(numbers(1), cbor.List{cbor.Float64(0)}), value, "Counts.member.1 is not greater than 0"},
		{"value among values", distribution(cbor.List{cbor.Float64(1), cbor.Float64(math.NaN())}, numbers(2)), value, "Values.member.2"},
		{"summary without sum", summary(cbor.Map{"SampleCount": cbor.Float64(1), "Minimum": cbor.Float64(1), "Maximum": cbor.Float64(1)}), missing, "StatisticValues.Sum"},
		{"summary of nothing", summary(cbor.Map{"SampleCount": cbor.Float64(0), "Sum": cbor.Float64(0), "Minimum": cbor.Float64(1), "Maximum": cbor.Float64(1)}), value, "SampleCount"},
		{"minimum above maximum", summary(cbor.Map{"SampleCount": cbor.Float64(1), "Sum": cbor.Float64(1), "Minimum": cbor.Float64(2), "Maximum": cbor.Float64(1)}), value, "less than Minimum"},
		{"31 dimensions", with("datum.Dimensions", slices.Repeat(cbor.List{dimensionOf(valid())}, 31)), value, "Dimensions has 31"},
		{"dimension without name", with("dimension.Name", nil), missing, "MetricData.member.1.Dimensions.member.1.Name is required"},
		{"dimension without value", with("dimension.Value", cbor.String("")), missing, "Value is required"},
		{"blank dimension", with("dimension.Value", cbor.String(" ")), value, "Value is blank"},
		{"blank dimension name", with("dimension.Name", cbor.String(" ")), value, "Name is blank"},
		{"colon dimension", with("dimension.Name", cbor.String(":a")), value, "colon"},
		{"long dimension name", with("dimension.Name", long(256)), value, "Name has 256"},
		{"long dimension", with("dimension.Value", long(1025)), value, "Value has 1025"},
		{"foreign dimension", with("dimension.Value", cbor.String("café")), value, "'é'"},
	}
	for _, test := range tests {
		m := valid()
		test.change(m)
		_, got := readInput(m, time.Now(), &Request{})
		if got == nil || got.status != 400 || got.code != test.code || !strings.Contains(got.message, test.says) {
			t.Errorf("%s: refused with %+v, want %s with %q", test.name, got, test.code, test.says)
		}
	}
}

// TestLimitsAccept shows what lies just within the limits.
func TestLimitsAccept(t *testing.T) {
	tests := []struct {
		name   string
		change func(cbor.Map)
	}{
		{"as it is", func(cbor.Map) {}},
		{"1,000 datums", with("MetricData", slices.Repeat(cbor.List{datumOf(valid())}, 1000))},
		{"150 values", distribution(numbers(150), numbers(150))},
		{"no counts", distribution(numbers(2), nil)},
		{"long names", func(m cbor.Map) {
			with("Namespace", long(255))(m)
			with("datum.MetricName", long(255))(m)
			with("dimension.Name", long(255))(m)
			with("dimension.Value", long(1024))(m)
		}},
		{"30 dimensions", with("datum.Dimensions", slices.Repeat(cbor.List{dimensionOf(valid())}, 30))},
		{"no dimension", with("datum.Dimensions", nil)},
		{"oldest", with("datum.Timestamp", timestamp(-14*24*time.Hour+time.Minute))},
		{"newest", with("datum.Timestamp", timestamp(2*time.Hour-time.Minute))},
		{"largest", with("datum.Value", cbor.Float64(math.Ldexp(1, 360)))},
		{"smallest", with("datum.Value", cbor.Float64(-math.Ldexp(1, 360)))},
		{"whole number", with("datum.Value", cbor.NegInt(3))},
		{"resolution", with("datum.StorageResolution", cbor.Uint(1))},
		{"unit", with("datum.Unit", cbor.String("Terabits/Second"))},
		{"summary", summary(cbor.Map{"SampleCount": cbor.Float64(1), "Sum": cbor.Float64(1), "Minimum": cbor.Float64(1), "Maximum": cbor.Float64(1)})},
	}
	for _, test := range tests {
		m := valid()
		test.change(m)
		seen := &Request{}
		got, refused := readInput(m, time.Now(), seen)
		if refused != nil || len(got) != len(m["MetricData"].(cbor.List)) || seen.Datums != len(got) {
			t.Errorf("%s: %d datums, refused with %+v", test.name, len(got), refused)
		}
	}
}

// TestTimestampKeepsMilliseconds guards against cutting a rounded number.
func TestTimestampKeepsMilliseconds(t *testing.T) {
	now := time.Now()
	for ms := range int64(1000) {
		at := now.Truncate(time.Second).Add(time.Duration(ms) * time.Millisecond)
		f := &fields{now: now, of: cbor.Map{"Timestamp": &cbor.Tag{ID: 1, Value: cbor.Float64(float64(at.UnixMilli()) / 1000)}}}
		if got := f.time(); !got.Equal(at) || f.err != nil {
			t.Fatalf("time = %v (%v), want %v", got, f.err, at)
		}
	}
}
