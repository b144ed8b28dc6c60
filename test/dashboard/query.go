package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"

	"github.com/expr-lang/expr"

	"rollcall/internal/metric"
)

// A series is one line of a graph: a value a run, NaN where there is none.
type series struct {
	label  string
	colour string
	values []float64
}

var (
	search = regexp.MustCompile(`^(100\*)?SEARCH\('\{"[^"]+",(\w+)\} MetricName="(\w+)"', '(\w+)', \d+\)$`)
	sql    = regexp.MustCompile(`^SELECT (\w+)\((\w+)\) FROM SCHEMA\("[^"]+", (\w+)\) GROUP BY \w+ ORDER BY \w+\(\) (ASC|DESC) LIMIT (\d+)$`)
)

// query returns the visible series of a widget's metrics.
func (p painter) query(metrics [][]any) ([]series, error) {
	var all []series
	byID := map[string][]float64{}
	for _, m := range metrics {
		options, _ := m[len(m)-1].(map[string]any)
		text := func(name string) string { s, _ := options[name].(string); return s }
		var found []series
		var err error
		if e := text("expression"); e != "" {
			found, err = p.expression(e, byID)
		} else {
			found = []series{{values: p.plain(fmt.Sprint(m[0]), fmt.Sprint(m[1]), text("stat"))}}
			byID[text("id")] = found[0].values
		}
		if err != nil {
			return nil, err
		}
		if options["visible"] == false {
			continue
		}
		for _, s := range found {
			s.label, s.colour = cmp.Or(s.label, text("label"), fmt.Sprint(m[1%len(m)])), text("color")
			all = append(all, s)
		}
	}
	return all, nil
}

// plain returns a metric without dimensions, or one of AWS's, made up.
func (p painter) plain(namespace, name, stat string) []float64 {
	values := make([]float64, len(p.data))
	for i, m := range p.data {
		made, ok := map[string]float64{"Invocations": 1, "Errors": 0, "Throttles": 0, "Duration": 1000, "IncomingBytes": 2500}[name]
		if ok && namespace != "Rollcall/roll" {
			values[i] = made
		} else {
			values[i] = view{metric: name}.statistic(m.datums, stat)
		}
	}
	return values
}

func (p painter) expression(e string, byID map[string][]float64) ([]series, error) {
	if s := search.FindStringSubmatch(e); s != nil {
		factor := 1.0
		if s[1] != "" {
			factor = 100
		}
		return p.grouped(s[3], s[2], s[4], factor), nil
	}
	if s := sql.FindStringSubmatch(e); s != nil {
		return p.ranked(s), nil
	}
	program, err := expr.Compile(e)
	if err != nil {
		return nil, fmt.Errorf("the expression %q: %w", e, err)
	}
	values := make([]float64, len(p.data))
	for i := range values {
		env := map[string]any{}
		for id, v := range byID {
			env[id] = v[i]
			if id == "time" || id == "calls" || id == "bytes" {
				env[id] = v[i] * 1440 // a period of a day
			}
		}
		out, err := expr.Run(program, env)
		if err != nil {
			return nil, fmt.Errorf("the expression %q: %w", e, err)
		}
		values[i], _ = strconv.ParseFloat(fmt.Sprint(out), 64)
	}
	return []series{{values: values}}, nil
}

// grouped returns a metric by a dimension, in the order of its values.
func (p painter) grouped(name, by, stat string, factor float64) []series {
	labels := map[string]bool{}
	for _, m := range p.data {
		for _, d := range m.datums {
			if d.Metric == name && dimensions(d)[by] != "" {
				labels[dimensions(d)[by]] = true
			}
		}
	}
	var all []series
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		s := series{label: label}
		for _, m := range p.data {
			s.values = append(s.values, factor*view{name, by, label}.statistic(m.datums, stat))
		}
		all = append(all, s)
	}
	return all
}

// ranked is the result of a query of Metrics Insights with one value a series, over all
// the time.
func (p painter) ranked(s []string) []series {
	all := p.grouped(s[2], s[3], map[string]string{"MAX": "Maximum", "MIN": "Minimum", "AVG": "Average"}[s[1]], 1)
	for i := range all {
		known := slices.DeleteFunc(all[i].values, math.IsNaN)
		total := 0.0
		for _, v := range known {
			total += v
		}
		all[i].values = []float64{map[string]float64{"MAX": slices.Max(known), "MIN": slices.Min(known), "AVG": total / float64(len(known))}[s[1]]}
	}
	slices.SortStableFunc(all, func(a, b series) int {
		if s[4] == "DESC" {
			a, b = b, a
		}
		return cmp.Compare(a.values[0], b.values[0])
	})
	limit, _ := strconv.Atoi(s[5])
	return all[:min(limit, len(all))]
}

// A view is one series of a metric: that of the dimension by with the value of,
// or the one without dimensions.
type view struct{ metric, by, of string }

func (v view) shows(d metric.Datum) bool {
	if v.by == "" {
		return d.Metric == v.metric && len(d.Dimensions) == 0
	}
	return d.Metric == v.metric && dimensions(d)[v.by] == v.of
}

// statistic is one of the view in one run; NaN if it has none.
func (v view) statistic(datums []metric.Datum, stat string) float64 {
	values := v.values(datums)
	if len(values) == 0 {
		return math.NaN()
	}
	switch stat {
	case "Minimum":
		return values[0].value
	case "Maximum":
		return values[len(values)-1].value
	case "Average":
		return values.sum() / values.total()
	case "Sum":
		return values.sum()
	}
	percent, _ := strconv.ParseFloat(stat[1:], 64)
	return values.percentile(percent)
}

// counted are in the order of their values.
type counted []count

// A count is how often a value occurred.
type count struct{ value, times float64 }

func (v view) values(datums []metric.Datum) counted {
	var all counted
	for _, d := range datums {
		if v.shows(d) {
			for i := range d.Values {
				all = append(all, count{d.Values[i], d.Counts[i]})
			}
		}
	}
	slices.SortFunc(all, func(a, b count) int { return cmp.Compare(a.value, b.value) })
	return all
}

func (c counted) sum() (sum float64) {
	for _, v := range c {
		sum += v.value * v.times
	}
	return sum
}

func (c counted) total() (n float64) {
	for _, v := range c {
		n += v.times
	}
	return n
}

// percentile is by nearest rank.
func (c counted) percentile(percent float64) float64 {
	seen, rank := 0.0, percent/100*c.total()
	for _, v := range c {
		if seen += v.times; seen >= rank {
			return v.value
		}
	}
	return c[len(c)-1].value
}
