package publish

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// An observation is one value of a metric that a line of EMF holds.
type observation struct {
	namespace  string
	metric     string
	unit       string
	dimensions string // "Target=a", several with commas, in the order of the line
	at         time.Time
	value      float64
}

// emfUnits are the units of the specification, which are CloudWatch's.
const emfUnits = `Seconds Microseconds Milliseconds Bytes Kilobytes Megabytes Gigabytes Terabytes Bits Kilobits Megabits Gigabits Terabits
	Percent Count Bytes/Second Kilobytes/Second Megabytes/Second Gigabytes/Second Terabytes/Second Bits/Second Kilobits/Second
	Megabits/Second Gigabits/Second Terabits/Second Count/Second None`

// parseEMF reads a line as CloudWatch Logs is documented to: CloudWatch user
// guide, "Specification: Embedded metric format". It fails the test where the
// line breaks a rule of it, and returns every observation of every directive.
func parseEMF(t *testing.T, line []byte) []observation {
	t.Helper()
	all, err := readSpecifiedEMF(line)
	if err != nil {
		t.Fatalf("no EMF: %v in %.200s", err, line)
	}
	return all
}

// An emfRoot is a root node. Members keep their bytes until a target member
// asks for them.
type emfRoot struct {
	members map[string]json.RawMessage
	meta    struct {
		Timestamp         *int64
		CloudWatchMetrics []emfDirective
		LogGroupName      *string
	}
}

type emfDirective struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []struct {
		Name              string
		Unit              *string
		StorageResolution *int
	}
}

func readSpecifiedEMF(line []byte) ([]observation, error) {
	if len(line) > 1<<20 || !bytes.HasSuffix(line, []byte("}\n")) || bytes.Count(line, []byte("\n")) != 1 {
		return nil, fmt.Errorf("it is not one line of at most 1 MB")
	}
	var root emfRoot
	if err := noDuplicates(line); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(line, &root.members); err != nil {
		return nil, err
	}
	strict := json.NewDecoder(bytes.NewReader(root.members["_aws"]))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&root.meta); err != nil {
		return nil, fmt.Errorf("_aws: %w", err)
	}
	if root.meta.Timestamp == nil || len(root.meta.CloudWatchMetrics) == 0 {
		return nil, fmt.Errorf("no Timestamp or no CloudWatchMetrics")
	}
	var all []observation
	for _, d := range root.meta.CloudWatchMetrics {
		seen, err := root.directive(d)
		if err != nil {
			return nil, err
		}
		all = append(all, seen...)
	}
	return all, nil
}

// noDuplicates refuses a root node that has a member twice: JSON leaves open
// which of them counts.
func noDuplicates(line []byte) error {
	d := json.NewDecoder(bytes.NewReader(line))
	seen := map[string]bool{}
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		if text, ok := name.(string); !ok || seen[text] {
			return fmt.Errorf("the member %v stands twice", name)
		}
		seen[name.(string)] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
	}
	return nil
}

func (r *emfRoot) directive(d emfDirective) ([]observation, error) {
	if n := len(d.Metrics); d.Namespace == "" || len(d.Namespace) > 1024 || n == 0 || n > 100 || len(d.Dimensions) == 0 {
		return nil, fmt.Errorf("the namespace %q, %d metrics, %d dimension sets", d.Namespace, n, len(d.Dimensions))
	}
	var all []observation
	for _, set := range d.Dimensions {
		dimensions, err := r.dimensions(set)
		if err != nil {
			return nil, err
		}
		for _, m := range d.Metrics {
			o := observation{namespace: d.Namespace, metric: m.Name, unit: "None", dimensions: dimensions, at: time.UnixMilli(*r.meta.Timestamp)}
			if m.Unit != nil {
				o.unit = *m.Unit
			}
			values, err := r.values(m.Name)
			if err != nil || !slices.Contains(strings.Fields(emfUnits), o.unit) || len(m.Name) == 0 || len(m.Name) > 1024 {
				return nil, fmt.Errorf("the metric %q in %q: %v", m.Name, o.unit, err)
			}
			for _, o.value = range values {
				all = append(all, o)
			}
		}
	}
	return all, nil
}

// dimensions reads a dimension set: at most 30 target members, each a text of
// 1 to 1,024 printable ASCII characters.
func (r *emfRoot) dimensions(set []string) (string, error) {
	if len(set) > 30 {
		return "", fmt.Errorf("%d dimensions", len(set))
	}
	var parts []string
	for _, name := range set {
		var value string
		if err := json.Unmarshal(r.members[name], &value); err != nil {
			return "", fmt.Errorf("the dimension %q: %w", name, err)
		}
		foreign := strings.ContainsFunc(value, func(c rune) bool { return c > unicode.MaxASCII || c < ' ' || c == 0x7f })
		if strings.TrimSpace(value) == "" || len(value) > 1024 || foreign || strings.HasPrefix(name, ":") {
			return "", fmt.Errorf("the dimension %q is %q", name, value)
		}
		parts = append(parts, name+"="+value)
	}
	return strings.Join(parts, ","), nil
}

// values reads a target member that is a metric: a number, or an array of at
// most 100.
func (r *emfRoot) values(name string) ([]float64, error) {
	var one *float64
	var several []*float64
	if err := json.Unmarshal(r.members[name], &one); err == nil && one != nil {
		return []float64{*one}, nil
	}
	if err := json.Unmarshal(r.members[name], &several); err != nil || len(several) == 0 || len(several) > 100 {
		return nil, fmt.Errorf("%d values: %w", len(several), err)
	}
	values := make([]float64, len(several))
	for i, v := range several {
		if v == nil {
			return nil, io.ErrUnexpectedEOF
		}
		values[i] = *v
	}
	return values, nil
}

// The parser has to see what it is there for.
func TestTheParserRefusesWhatIsNotEMF(t *testing.T) {
	sound := `{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[["D"]],"Metrics":[{"Name":"M","Unit":"Count"}]}]},"D":"d","M":[1,2]}` + "\n"
	all, err := readSpecifiedEMF([]byte(sound))
	if err != nil || len(all) != 2 || all[1] != (observation{"N", "M", "Count", "D=d", time.UnixMilli(1), 2}) {
		t.Fatalf("%+v, %v", all, err)
	}
	for name, change := range map[string][2]string{
		"two lines":             {`"D":"d"`, "\n" + `"D":"d"`},
		"no timestamp":          {`"Timestamp":1,`, ``},
		"a fraction":            {`"Timestamp":1`, `"Timestamp":1.5`},
		"an unknown member":     {`"Timestamp":1`, `"Timestamp":1,"Extra":1`},
		"no namespace":          {`"N"`, `""`},
		"no dimension set":      {`[["D"]]`, `[]`},
		"a missing dimension":   {`"D":"d",`, ``},
		"a dimension, a number": {`"D":"d"`, `"D":1`},
		"a blank dimension":     {`"d"`, `" "`},
		"an é":                  {`"d"`, `"é"`},
		"a control character":   {`"d"`, `"\u0001"`},
		"31 dimensions":         {`["D"]`, `["D"` + strings.Repeat(`,"D"`, 30) + `]`},
		"a missing metric":      {`,"M":[1,2]`, ``},
		"a metric, a text":      {`[1,2]`, `"1"`},
		"a null":                {`[1,2]`, `[null]`},
		"no value":              {`[1,2]`, `[]`},
		"101 values":            {`[1,2]`, `[1` + strings.Repeat(`,1`, 100) + `]`},
		"an unknown unit":       {`"Count"`, `"Hours"`},
		"a member twice":        {`"M":[1,2]`, `"M":[1],"M":[2]`},
		"no metric":             {`[{"Name":"M","Unit":"Count"}]`, `[]`},
	} {
		line := strings.Replace(sound, change[0], change[1], 1)
		if all, err := readSpecifiedEMF([]byte(line)); err == nil {
			t.Errorf("%s: read as %+v", name, all)
		}
	}
}
