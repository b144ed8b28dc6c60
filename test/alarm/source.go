package alarm

import "fmt"

// A source is what an alarm looks at: points by contributor. A source without
// contributors has one entry, "", also when there is no data.
type source interface {
	read(s *store, w window) map[string][]point
}

// A metric is one series' statistic.
type metric struct {
	namespace, name, unit string // unit "": any
	of                    string // its dimensions, as shown writes them
	stat                  statistic
}

func (m metric) read(s *store, w window) map[string][]point {
	return map[string][]point{"": m.points(s, w)}
}

// points looks at exactly these dimensions: without any it is the metric over
// all, and no sum of the others.
func (m metric) points(s *store, w window) []point {
	var found []*series
	for _, one := range s.of[m.namespace+"\x00"+m.name] {
		if one.of == m.of && (m.unit == "" || m.unit == one.unit) {
			found = append(found, one)
		}
	}
	return w.points(found, m.stat)
}

// readMetric reads MetricName, Namespace, Dimensions and Unit; the statistic is
// elsewhere in either form of an alarm.
func readMetric(p *properties, stat string) (metric, error) {
	m := metric{namespace: p.text("Namespace"), name: p.text("MetricName"), unit: p.text("Unit")}
	dimensions := map[string]string{}
	for _, item := range p.list("Dimensions") {
		d := p.inner(item)
		dimensions[d.text("Name")] = d.text("Value")
		d.finish()
	}
	m.of = shown(dimensions)
	if m.namespace == "" || m.name == "" {
		return m, fmt.Errorf("it has the namespace %q and the metric %q", m.namespace, m.name)
	}
	var err error
	m.stat, err = parseStatistic(stat)
	return m, err
}

// A query is the Metrics property of an alarm: metrics, and expressions of
// them, of which one is what the alarm looks at.
type query struct {
	metrics     map[string]metric
	expressions map[string]expression
	result      string
}

func (q query) read(s *store, w window) map[string][]point {
	return map[string][]point{"": q.points(s, w, q.result)}
}

// points evaluates one id, and what it is made of.
func (q query) points(s *store, w window, id string) []point {
	if m, ok := q.metrics[id]; ok {
		return m.points(s, w)
	}
	parts := map[string][]point{}
	for _, part := range q.expressions[id].needs {
		parts[part] = q.points(s, w, part)
	}
	return q.expressions[id].evaluate(parts, w.count)
}

// readQueries reads Metrics and returns what the alarm looks at with its
// period.
func readQueries(p *properties) (source, int, error) {
	q := query{metrics: map[string]metric{}, expressions: map[string]expression{}}
	period, asked := 0, ""
	var insights source
	for _, item := range p.list("Metrics") {
		entry := p.inner(item)
		id := entry.text("Id")
		entry.text("Label")
		if entry.text("ReturnData") != "false" {
			if q.result != "" {
				return nil, 0, fmt.Errorf("both %s and %s return data", q.result, id)
			}
			q.result = id
		}
		own, s, err := q.readEntry(entry, id)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", id, err)
		}
		if own != 0 && period != 0 && own != period {
			return nil, 0, fmt.Errorf("%s has periods of %d s beside others of %d s", id, own, period)
		}
		period = max(period, own)
		if s != nil {
			insights, asked = s, id
		}
		entry.finish()
	}
	if insights != nil && (asked != q.result || len(q.metrics)+len(q.expressions) > 0) {
		return nil, 0, fmt.Errorf("the query %s is mixed with others, which is not known here", asked)
	}
	if insights != nil {
		return insights, period, nil
	}
	return q, period, q.check(q.result, nil)
}

// readEntry reads one of Metrics: a metric, an expression, or a query of
// Metrics Insights, which it returns.
func (q query) readEntry(entry *properties, id string) (period int, insights source, err error) {
	period = entry.number("Period", 0)
	text := entry.text("Expression")
	if isInsights(text) {
		insights, err = parseInsights(text)
		return period, insights, err
	}
	if text != "" {
		q.expressions[id], err = parseExpression(text)
		return period, nil, err
	}
	stat := entry.child("MetricStat")
	of := stat.child("Metric")
	period = stat.number("Period", 0)
	unit := stat.text("Unit")
	m, err := readMetric(of, stat.text("Stat"))
	m.unit = unit
	q.metrics[id] = m
	of.finish()
	stat.finish()
	return period, nil, err
}

// check refuses an id that nothing defines, and expressions that go in circles.
func (q query) check(id string, above []string) error {
	for _, a := range above {
		if a == id {
			return fmt.Errorf("%s is made of itself", id)
		}
	}
	if _, ok := q.metrics[id]; ok {
		return nil
	}
	e, ok := q.expressions[id]
	if !ok {
		return fmt.Errorf("nothing is called %q", id)
	}
	for _, part := range e.needs {
		if err := q.check(part, append(above, id)); err != nil {
			return err
		}
	}
	return nil
}
